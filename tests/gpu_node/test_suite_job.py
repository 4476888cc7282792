"""The `evaluate` job on suites, in this process: its report, its progress, and what it refuses."""

from pathlib import Path

import pytest

from gpu_node.protocol.job_frames import Eval, JobEvent, Metric
from gpu_node.protocol.job_spec import EvalFile, EvalSpec, JobOrder
from gpu_node.protocol.manifest import Manifest, ManifestFile, Piece, SignedManifest
from gpu_node.training.attempt_folder import AttemptFolder
from gpu_node.training.evaluate_job import evaluate_job
from gpu_node.training.job_errors import JobRefused
from gpu_node.training.job_frames import JobLog, line_parse
from tests.gpu_node.job_node import data_folder, tiny_checkpoint

FILE = "f" * 64
FETCHED = SignedManifest(
    manifest=Manifest(files=[ManifestFile(path="rows.jsonl", pieces=[Piece(sha256=FILE, num_bytes=3)])]),
    urls={},
    expires_ms=0,
)
GOOD = [{"question": f"Mo has {n} pens. How many?", "answer": f"He has {n}.\n#### {n}"} for n in range(3)]


def job(folder: Path, spec: EvalSpec, rows: list[object] | None) -> list[JobEvent]:
    """Runs the job on what a node would have fetched for it; returns what it told."""
    attempt = AttemptFolder(folder / "attempt")
    inputs = {"model": FETCHED} | ({"data": FETCHED} if rows else {})
    attempt.order_write(JobOrder(spec=spec, inputs=inputs))
    if rows:
        data_folder(attempt.inputs / "data", rows)
    tiny_checkpoint(attempt.inputs / "model")
    evaluate_job(attempt, spec, JobLog(attempt.frames, echo=False))
    return [line.event for text in attempt.frames.read_bytes().splitlines() if (line := line_parse(text)) is not None]


def test_suites_are_measured_on_an_uploaded_file_and_at_held_out_seeds(tmp_path: Path) -> None:
    spec = EvalSpec(
        model="tiny", suites=["gsm8k", "families_unseen"], data=EvalFile(file=FILE), num_problems=2, num_samples=2
    )
    events = job(tmp_path, spec, [*GOOD])
    [result] = [event.result for event in events if isinstance(event, Eval)]
    assert [(row["family"], row["n"]) for row in result["families"]] == [("gsm8k", 2), ("families_unseen", 2)]
    assert [problem["known"] for problem in result["problems"][:2]] == ["0", "1"]
    assert all(problem["trace"][-1]["type"] == "run.finished" for problem in result["problems"])
    assert (result["mode"], result["num_samples"], result["data_file"]) == ("tools", 2, FILE)
    assert "pass@2" in result["families"][0]["of_samples"]
    told = [event for event in events if isinstance(event, Metric)]
    assert told[-1].step == 8
    assert all(event.eta_seconds is not None for event in told)


@pytest.mark.parametrize(
    ("fields", "rows", "cause", "says"),
    [
        ({"suites": ["gsm8k"]}, [GOOD[0], '{"question"'], "bad_data", "rows.jsonl, line 2: no JSON"),
        ({"suites": ["gsm8k"]}, None, "bad_spec", "reads a file, and the spec names none"),
        ({"suites": ["gsm9k"]}, None, "bad_spec", "no suite 'gsm9k'; there are gsm8k"),
        ({"suites": ["gsm8k", "mawps"]}, [*GOOD], "bad_spec", "gsm8k and mawps read different files"),
    ],
)
def test_what_a_suite_cannot_read_ends_the_job_before_it_asks(
    tmp_path: Path, fields: dict[str, list[str]], rows: list[object] | None, cause: str, says: str
) -> None:
    spec = EvalSpec(model="tiny", data=EvalFile(file=FILE if rows else None), suites=fields["suites"])
    with pytest.raises(JobRefused, match=says) as refused:
        job(tmp_path, spec, rows)
    assert refused.value.cause == cause
    assert not AttemptFolder(tmp_path / "attempt").frames.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"suites": ["gsm8k"], "families": ["gcd"]},
        {"mode": "majority"},
        {"num_samples": 4},
        {"data": {"file": FILE}},
        {"suites": ["reasoning_gym"], "mode": "beam"},
    ],
)
def test_a_spec_that_says_two_things_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        EvalSpec.model_validate({"model": "tiny"} | fields)
