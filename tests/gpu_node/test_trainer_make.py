"""Every objective a spec can name is trained from its kind of rows, by the spec and paths alone."""

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch

from gpu_node.data.chat_format import special_ids
from gpu_node.data.tokenizer import tokenizer_load
from gpu_node.model.checkpoint import load_checkpoint, save_checkpoint
from gpu_node.model.transformer import Transformer, initialise
from gpu_node.protocol.job_spec import DataSpec, LoraSpec, TrainSpec
from gpu_node.training.distillation import topk_write
from gpu_node.training.distributed import World
from gpu_node.training.job_errors import JobRefused
from gpu_node.training.job_frames import JobLog
from gpu_node.training.job_rows import pool_make, rows_make
from gpu_node.training.trainer import LAST_FOLDER, RunPace, Trainer
from gpu_node.training.trainer_make import TrainInputs, trainer_make
from tests.gpu_node.job_node import TINY, TOKENIZER, data_folder, tiny_checkpoint
from tests.gpu_node.objective_cast import resumes_exactly

TOKENS = tokenizer_load(TOKENIZER)


def asked(number: int) -> str:
    return f"What is {number} + 1?"


def pair(number: int) -> dict[str, Any]:
    prompt = [{"role": "user", "content": asked(number)}]
    answers = {"chosen": str(number + 1), "rejected": f"It may be {number + 2}"}
    return {"prompt": prompt} | {name: [{"role": "assistant", "content": text}] for name, text in answers.items()}


def solution(number: int) -> dict[str, Any]:
    steps = [{"text": f"Add 1 to {number}.", "is_right": True}, {"text": "So it is 7.", "is_right": number == 6}]
    return {"question": asked(number), "steps": steps}


def problem(number: int) -> dict[str, Any]:
    return {"question": asked(number), "answer": str(number + 1)}


def judged(number: int) -> dict[str, Any]:
    return problem(number) | {"is_right": number % 2 == 0}


ROWS: dict[str, Callable[[int], dict[str, Any]]] = {
    "pretrain": lambda number: {"text": asked(number)},
    "sft": problem,
    "verifier": judged,
    "prm": solution,
    "distill": problem,
    "dpo": pair,
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = Transformer(TINY)
    initialise(model, seed=8)
    folder = tmp_path_factory.mktemp("models") / "teacher"
    save_checkpoint(folder, model, tokenizer_files={"tokenizer.json": (TOKENIZER / "tokenizer.json").read_text()})
    return folder


def spec_of(objective: str, **fields: Any) -> TrainSpec:
    base: dict[str, Any] = {
        "parent": "tiny",
        "teacher": "teacher" if objective == "distill" else None,
        "data": DataSpec(source="file", row_tokens_max=64),
        "num_steps": 6,
        "warmup_steps": 2,
        "batch_tokens": 256,
    }
    return TrainSpec(objective=objective, **(base | fields))  # type: ignore[arg-type]


def file_of(folder: Path, objective: str, lines: Iterable[object] | None = None) -> Path:
    return data_folder(folder, lines or [ROWS[objective](number) for number in range(40)]) / "rows.jsonl"


def made(
    folder: Path,
    spec: TrainSpec,
    *,
    data: Path | None = None,
    parent: Path | None = None,
    teacher: Path | None = None,
) -> Trainer:
    inputs = TrainInputs(parent=parent, teacher=teacher, data=data, rows=folder / "rows")
    log = JobLog(folder / "job.ndjson", echo=False)
    return trainer_make(spec, inputs, folder=folder, log=log, world=World(), pace=RunPace(log_steps=1))


@pytest.mark.parametrize("objective", ROWS)
def test_an_objective_trains_from_its_rows_and_resumes_exactly(
    tmp_path: Path, tiny: Path, teacher: Path, objective: str
) -> None:
    lora = LoraSpec(rank=4) if objective in ("dpo", "prm") else LoraSpec()
    spec, data = spec_of(objective, lora=lora), file_of(tmp_path / "data", objective)

    def make(folder: Path) -> Trainer:
        taught_by = teacher if objective == "distill" else None
        return made(folder, spec, data=data, parent=tiny, teacher=taught_by)

    trainer = resumes_exactly(make, tmp_path)
    last = tmp_path / "stopped" / LAST_FOLDER
    assert load_checkpoint(last)[1].has_score_head == (objective in ("verifier", "prm"))
    assert (last / "verifier.json").exists() == (objective in ("verifier", "prm"))
    assert (last / "adapter").exists() == bool(lora.rank)
    assert trainer.config.loss_settings.keys() == {"distill": {"temperature", "share"}, "dpo": {"beta"}}.get(
        objective, set()
    )


def test_a_file_of_logits_is_a_teacher_too(tmp_path: Path, tiny: Path, teacher: Path) -> None:
    spec, data = spec_of("distill"), file_of(tmp_path / "data", "distill")
    pool = pool_make(spec.data, objective="distill", tokenizer=TOKENS, file=data)
    (tmp_path / "taught").mkdir()
    topk_write(
        tmp_path / "taught" / "logits.safetensors", load_checkpoint(teacher)[0], pool, num_top=8, batch_tokens=256
    )
    trainer = made(tmp_path / "run", spec, data=data, parent=tiny, teacher=tmp_path / "taught")
    assert trainer.train()
    fewer = spec.model_copy(update={"data": spec.data.model_copy(update={"num_rows": 39})})
    with pytest.raises(JobRefused, match="row_offsets has the shape"):
        made(tmp_path / "other", fewer, data=data, parent=tiny, teacher=tmp_path / "taught")


def test_epochs_bound_the_steps_and_the_warm_up(tmp_path: Path, tiny: Path) -> None:
    data = file_of(tmp_path / "data", "sft")
    spec = spec_of("sft", epochs=3, num_steps=1000, warmup_steps=20)
    trainer = made(tmp_path / "run", spec, data=data, parent=tiny)
    rows = [row for step in range(trainer.config.num_steps) for row in trainer.order.batch(step).rows_B]
    assert sorted(rows) == sorted([*range(40)] * 3)
    assert trainer.config.optim.warmup_steps == trainer.config.num_steps // 10
    assert made(tmp_path / "few", spec_of("sft", epochs=3), data=data, parent=tiny).config.num_steps == 6


def test_a_verifier_of_steps_learns_from_the_families_too() -> None:
    data = DataSpec(families=["gcd"], num_rows=8, row_tokens_max=256)
    ids = special_ids(TOKENS)
    rows = list(rows_make(data, objective="prm", tokenizer=TOKENS, file=None))
    for row in rows:
        judged = [place for place, weight in enumerate(row.weights) if weight]
        assert row.labels is not None
        assert {row.labels[place] for place in judged} in ({0.0}, {1.0})
        assert row.ids[judged[-1]] == ids.end
        assert {row.ids[place] for place in judged} <= {ids.think_end, ids.tool_result_end, ids.end}
    assert {row.labels[-1] for row in rows if row.labels is not None} == {0.0, 1.0}


@pytest.mark.parametrize(
    ("objective", "line", "said", "cure"),
    [
        ("dpo", problem(1), "rows.jsonl, line 41: a question with an answer", "learns from {"),
        ("dpo", {"prompt": "x", "chosen": []}, "line 41: no column 'question'", "each line is"),
        ("prm", pair(1), "line 41: a pair of answers", '"steps"'),
        ("prm", {"question": "?", "steps": [{"text": "x", "is_right": "maybe"}]}, "line 41: bad steps", "each line"),
        ("verifier", {"question": "?", "answer": "1"}, "line 41: no `is_right`", "is_right: true/false"),
        ("sft", solution(1), "line 41: a solution with labelled steps", "questions with answers"),
        ("dpo", pair(1) | {"prompt": [{"role": "user", "content": "1 " * 60}]}, "tokens, but data.row_", "shorten"),
    ],
)
def test_a_line_that_teaches_nothing_is_named(
    tmp_path: Path, tiny: Path, objective: str, line: object, said: str, cure: str
) -> None:
    data = file_of(tmp_path / "data", objective, [*(ROWS[objective](number) for number in range(40)), line])
    with pytest.raises(JobRefused, match=said) as refused:
        made(tmp_path / "run", spec_of(objective), data=data, parent=tiny)
    assert refused.value.cause == "bad_data"
    assert cure in refused.value.cure


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"objective": "distill"}, "distill learns from a teacher"),
        ({"objective": "sft", "teacher": "tiny"}, "a teacher is for objective distill, not sft"),
        ({"objective": "dpo", "data": {"source": "file"}}, "its reference: name it in parent"),
        ({"objective": "dpo", "parent": "tiny"}, "data.source must be file or mixture"),
        ({"lora": {"rank": 8}}, "an adapter of a checkpoint: name it in parent"),
        ({"lora": {"rank": 8, "targets": ["q_proj", "q_proj"]}, "parent": "tiny"}, "q_proj is named twice"),
        ({"lora": {"rank": 513}, "parent": "tiny"}, "less than or equal to 512"),
        ({"lora": {"targets": ["lm_head"]}, "parent": "tiny"}, "Input should be 'q_proj'"),
        ({"epochs": 0}, "greater than or equal to 1"),
    ],
)
def test_a_spec_that_cannot_be_is_refused_with_its_cure(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TrainSpec.model_validate(fields)


def test_inputs_that_do_not_fit_are_refused(tmp_path: Path, tiny: Path, teacher: Path) -> None:
    data = file_of(tmp_path / "data", "sft")
    critic = tmp_path / "critic"
    verifier = spec_of("verifier", num_steps=3)
    judged_rows = file_of(tmp_path / "judged", "verifier")
    trainer = made(tmp_path / "critic_run", verifier, data=judged_rows, parent=tiny)
    trainer.save()
    critic = tmp_path / "critic_run" / LAST_FOLDER
    with pytest.raises(JobRefused, match="the parent is a verifier"):
        made(tmp_path / "a", spec_of("sft"), data=data, parent=critic)
    with pytest.raises(JobRefused, match="the teacher is a verifier"):
        made(tmp_path / "b", spec_of("distill"), data=data, parent=tiny, teacher=critic)
    with pytest.raises(JobRefused, match="0 safetensors files and no config.json"):
        made(tmp_path / "c", spec_of("distill"), data=data, parent=tiny, teacher=tmp_path / "data")
    other = tmp_path / "other"
    save_checkpoint(
        other, Transformer(TINY), dtype=torch.float32, tokenizer_files={"tokenizer.json": _without_merges()}
    )
    with pytest.raises(JobRefused, match="another tokenizer"):
        made(tmp_path / "d", spec_of("distill"), data=data, parent=tiny, teacher=other)


def _without_merges() -> str:
    described = json.loads((TOKENIZER / "tokenizer.json").read_text())
    described["model"]["vocab"]["unheard of"] = max(described["model"]["vocab"].values()) + 1
    return json.dumps(described)


def test_whose_model_it_was_stays_in_the_card(tmp_path: Path, tiny: Path) -> None:
    origin = {"source": {"name": "pypi:another==1", "title": "Another"}, "licence": "apache-2.0"}
    parent = tmp_path / "parent"
    shutil.copytree(tiny, parent)
    (parent / "model_card.json").write_text(json.dumps({"model": "Another", **origin, "total": {"n": 480}}))
    spec = spec_of("pretrain", num_steps=1, warmup_steps=0)
    made(tmp_path / "run", spec, data=file_of(tmp_path / "data", "pretrain"), parent=parent).train()
    card = tmp_path / "run" / LAST_FOLDER / "model_card.json"
    assert json.loads(card.read_text()) == origin
