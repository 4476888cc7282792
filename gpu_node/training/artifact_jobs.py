"""Jobs that make one artifact: synthetic rows as JSON lines, a checkpoint in another number format.

Each writes the attempt's `output/` and tells it as a checkpoint frame. Not here: training, evaluation.
Invariant: the output appears as a whole; the same spec and inputs give the same bytes.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch

from gpu_node.data.families.registry import families_load, problem_draw
from gpu_node.data.synthetic import family_drawn, is_forbidden, solve
from gpu_node.model.checkpoint import folder_replace, load_checkpoint, save_checkpoint
from gpu_node.model.transformer import Transformer
from gpu_node.protocol.job_spec import DataSpec, ExportSpec, GenerateSpec
from gpu_node.training.attempt_folder import AttemptFolder
from gpu_node.training.folder_manifest import manifest_of
from gpu_node.training.job_errors import JobRefused
from gpu_node.training.job_frames import JobLog
from gpu_node.training.job_inputs import ROWS_FILE, input_required
from gpu_node.training.job_rows import families_check

REPORT_ROWS = 100  # a frame each so many rows
CARD_FILE = "model_card.json"
# Beside the weights: what whoever loads the folder needs too.
TEXT_FILES = ("tokenizer.json", "tokenizer_config.json", "verifier.json", CARD_FILE)


def generate_job(attempt: AttemptFolder, spec: GenerateSpec, log: JobLog) -> None:
    """Without an endpoint: our own problems."""
    families_check(spec.data.families)
    log.write("job.started", step=0, num_steps=spec.data.num_rows, world_size=1, device="cpu")
    staging = attempt.path / "output.partial"
    staging.mkdir(exist_ok=True)
    num_rows = 0
    with (staging / ROWS_FILE).open("w", encoding="utf-8") as file:
        for place in range(spec.data.num_rows):
            row = _problem_row(spec.data, spec.data.seed_start + place)
            if row is not None:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                num_rows += 1
            if (place + 1) % REPORT_ROWS == 0:
                log.write("metric", step=place + 1, values={"num_rows": num_rows})
    folder_replace(staging, attempt.output)
    log.write("metric", step=spec.data.num_rows, values={"num_rows": num_rows})
    artifact_tell(attempt, log, step=spec.data.num_rows)


def _problem_row(spec: DataSpec, seed: int) -> dict[str, object] | None:
    """A row as a training file has it; None where the tools do not confirm the problem."""
    name = family_drawn(spec.families or list(families_load()), seed)
    problem = problem_draw(name, seed)
    solved = None if is_forbidden(problem.question) else solve(problem)
    if solved is None:
        return None
    calls, answer = solved
    return {
        "question": problem.question,
        "thought": problem.thought,
        "calls": [{"name": call.name, "arguments": call.arguments, "result": call.result} for call in calls],
        "conclusion": problem.conclusion if calls else "",
        "answer": answer,
        "family": name,
        "seed": seed,
    }


def export_job(attempt: AttemptFolder, spec: ExportSpec, log: JobLog) -> None:
    source, model = model_load(attempt, log)
    dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}[spec.dtype]
    save_checkpoint(attempt.output, model, dtype=dtype, tokenizer_files=texts_beside(source))
    artifact_tell(attempt, log, step=1)


def model_load(attempt: AttemptFolder, log: JobLog, *, num_steps: int = 1) -> tuple[Path, Transformer]:
    log.write("job.started", step=0, num_steps=num_steps, world_size=1, device="cpu")
    source = input_required(attempt, "model")
    try:
        return source, load_checkpoint(source)[0]
    except (FileNotFoundError, KeyError, ValueError) as error:
        raise JobRefused("bad_input", f"the model is no checkpoint of ours: {error}") from error


def texts_beside(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text(encoding="utf-8") for name in TEXT_FILES if (folder / name).exists()}


def artifact_tell(attempt: AttemptFolder, log: JobLog, *, step: int) -> None:
    shutil.rmtree(attempt.path / "output.partial", ignore_errors=True)
    log.write("checkpoint", step=step, manifest=manifest_of(attempt.output))
    log.write("job.finished", step=step, is_complete=True)
