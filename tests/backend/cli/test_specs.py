"""Specs from the command line: the wire's fields are the options; what is wrong is said with its cure."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.cli.api import CliError
from backend.cli.job_follow import duration, event_text
from backend.cli.specs import SPECS, assignments_parse, fields_described, set_parse, spec_build, spec_fields
from gpu_node.protocol.job_spec import EvalSpec, TrainSpec


def build(kind: str, *words: str, file: Path | None = None):  # type: ignore[no-untyped-def]
    positional = "model" if "model" in spec_fields(SPECS[kind]) else None
    return spec_build(kind, file=file, assignments=assignments_parse(list(words), positional=positional))


def test_options_are_the_specs_fields() -> None:
    spec = build("train", "--num-steps", "300", "--is-autocast=false", "--data.families", "algebra,dates")
    assert isinstance(spec, TrainSpec)
    assert (spec.num_steps, spec.is_autocast, spec.data.families) == (300, False, ["algebra", "dates"])
    assert spec.seed == TrainSpec().seed


def test_the_model_may_be_named_without_an_option() -> None:
    spec = build("evaluate", "svend-nano", "--num-problems", "4")
    assert spec == EvalSpec(model="svend-nano", num_problems=4)
    assert build("evaluate", "job_x1:50").model == "job_x1:50"


def test_set_says_the_same_as_an_option() -> None:
    assert spec_build("train", file=None, assignments=[set_parse("data.num_rows=7")]) == build(
        "train", "--data.num-rows=7"
    )


def test_options_change_the_file(tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    path.write_text(json.dumps({"num_steps": 50, "seed": 9}))
    spec = build("train", "--num-steps=60", file=path)
    assert (spec.num_steps, spec.seed) == (60, 9)


@pytest.mark.parametrize(
    ("words", "says", "cure"),
    [
        (["--num-step", "5"], "no field 'num_step'", "num_steps"),
        (["--num-steps", "many"], "num_steps: Input should be a valid integer", "--help"),
        (["--num-steps", "10"], "warmup_steps 20 must be below", "--help"),
        (["--num-steps"], "needs a value", "--num-steps VALUE"),
        (["stray"], "unexpected 'stray'", "--num-steps 100"),
        (["--data.row-tokens-max", "9000"], "a row must fit a step", "--help"),
    ],
)
def test_what_is_wrong_is_said_with_its_cure(words: list[str], says: str, cure: str) -> None:
    with pytest.raises(CliError, match=says) as refused:
        build("train", *words)
    assert cure in refused.value.cure


def test_a_file_that_is_no_spec_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    path.write_text("[1]")
    with pytest.raises(CliError, match="no JSON object"):
        build("train", file=path)
    with pytest.raises(CliError, match="cannot be read"):
        build("train", file=tmp_path / "none.json")


@pytest.mark.parametrize("kind", SPECS)
def test_help_names_every_field(kind: str) -> None:
    text = fields_described(kind)
    assert all(f"--{path.replace('_', '-')}" in text for path in spec_fields(SPECS[kind]))


@given(
    st.builds(TrainSpec, num_steps=st.integers(21, 10**6), seed=st.integers(0, 2**31 - 1), is_autocast=st.booleans())
)
def test_any_spec_can_be_said_as_options(spec: TrainSpec) -> None:
    leaves: list[str] = []

    def walk(fields: dict[str, object], path: str) -> None:
        for name, value in fields.items():
            if isinstance(value, dict):
                walk(value, f"{path}{name}.")
            elif name != "kind":
                text = ",".join(value) if isinstance(value, list) else json.dumps(value).strip('"')
                leaves.append(f"--{path}{name}={text}")

    walk(spec.model_dump(mode="json"), "")
    assert build("train", *leaves) == spec


def test_events_are_told_in_a_line() -> None:
    job = {"num_steps": 200}
    metric = {"type": "metric", "step": 12, "values": {"loss": 2.345678, "num_tokens": 1}, "eta_seconds": 125.0}
    assert event_text(metric, job) == "step 12/200  loss 2.346  ETA 2 min 5 s"
    failed = event_text({"type": "job.failed", "cause": "out_of_memory", "message": "[70 GB]"}, job)
    assert "out_of_memory" in failed
    assert "[70 GB]" in failed
    assert duration(3 * 3600 + 60) == "3 h 1 min"
