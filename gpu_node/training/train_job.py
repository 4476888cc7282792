"""A `train` job: its spec and inputs become the one trainer, its rows and its starting weights.

Not here: the loop (trainer.py), rows (job_rows.py), who starts it (run_job.py). Invariant: the same spec and inputs
give the same weights, whether it was stopped and resumed or not.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from tokenizers import Tokenizer

from gpu_node.data.packing import EpochOrder, RowPool, pool_load
from gpu_node.data.tokenizer import TOKENIZER_FILE, tokenizer_load
from gpu_node.inference.threads import threads_set
from gpu_node.model.checkpoint import load_checkpoint
from gpu_node.model.config import PRESETS, ModelConfig
from gpu_node.model.transformer import Transformer, initialise
from gpu_node.protocol.job_spec import TrainSpec
from gpu_node.training.attempt_folder import AttemptFolder
from gpu_node.training.distributed import World
from gpu_node.training.job_errors import JobRefused, JobStopped
from gpu_node.training.job_frames import JobLog
from gpu_node.training.job_inputs import data_file, input_folder, shipped_tokenizer_folder
from gpu_node.training.job_rows import pool_make, rows_keep, rows_kept
from gpu_node.training.optim import OptimConfig
from gpu_node.training.trainer import RunPace, TrainConfig, Trainer

REPORT_ROWS = 500
STOP_ROWS = 20  # drawing so many takes a second at most
METRIC_FRAMES_MAX = 2_000  # of one training: short runs tell each step
PEER_TIMEOUT = timedelta(minutes=10)  # a rank that says nothing for so long is lost
# What the first rank of a gang's other nodes tells: its node has a log of its own, but the training is told once.
NODE_KINDS = frozenset({"job.started", "job.paused", "job.resumed", "job.finished", "job.cancelled", "job.failed"})
TEXT_FILES = (TOKENIZER_FILE, "tokenizer_config.json")
# A verifier's verdicts before anybody measured it: only the very sure ones count.
THRESHOLDS = {"accept_above": 0.9, "reject_below": 0.1}


def train_job(attempt: AttemptFolder, spec: TrainSpec, log: JobLog) -> None:
    """Raises JobRefused for what the spec or an input lacks; whatever the trainer raises."""
    world = world_join()
    try:
        if not world.is_first:
            is_nodes_first = os.environ.get("LOCAL_RANK") == "0"
            log = JobLog(attempt.frames, echo=False, kinds=NODE_KINDS if is_nodes_first else frozenset())
        trainer = trainer_make(attempt, spec, log, world)
        resume = input_folder(attempt, "resume")
        if resume is not None and not trainer.resume(resume):
            raise JobRefused("bad_input", "the checkpoint to resume from holds no trainer state")
        trainer.train()
    finally:
        if world.size > 1:
            dist.destroy_process_group()


def world_join() -> World:
    """The gang as torchrun's environment names it; alone without one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return World(device=device)
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if device == "cuda" else "gloo", timeout=PEER_TIMEOUT)
    return World(rank=dist.get_rank(), size=size, device=device)


def trainer_make(attempt: AttemptFolder, spec: TrainSpec, log: JobLog, world: World) -> Trainer:
    start = input_folder(attempt, "parent")
    if start is None and spec.parent is not None:
        raise JobRefused("bad_input", f"the spec names the parent {spec.parent!r}, but the order has no such input")
    tokenizer_folder = start or shipped_tokenizer_folder()
    tokenizer = tokenizer_load(tokenizer_folder)
    model = _model_make(spec, start, tokenizer)
    threads_set(model.num_parameters)
    log.write("log", text="drawing rows" if spec.data.source == "families" else "reading rows")
    pool = _pool(attempt, spec, tokenizer, log)
    log.write("log", text=f"{len(pool)} rows, {len(pool.ids)} tokens; {model.num_parameters} parameters")
    config = TrainConfig(
        objective="score" if spec.objective == "verifier" else "language",
        model=model.config,
        num_steps=spec.num_steps,
        batch_tokens=spec.batch_tokens,
        seed=spec.seed,
        recipe=spec.objective,
        optim=OptimConfig(
            optimizer=spec.optimizer,
            muon_learning_rate=spec.muon_learning_rate,
            adamw_learning_rate=spec.adamw_learning_rate,
            warmup_steps=spec.warmup_steps,
            clip_norm=spec.clip_norm,
        ),
        is_autocast=spec.is_autocast,
        accumulation_steps=spec.accumulation_steps,
        weight_dtype=spec.weight_dtype,
        is_stepping_early=spec.is_stepping_early,
    )
    return Trainer(
        config=config,
        model=model.to(world.device),
        order=EpochOrder(pool, batch_tokens=spec.batch_tokens, seed=spec.seed),
        folder=attempt.path,
        log=log,
        pace=RunPace(
            time_budget_seconds=spec.time_budget_seconds,
            checkpoint_steps=spec.checkpoint_steps,
            log_steps=max(1, spec.num_steps // METRIC_FRAMES_MAX),
            is_recomputing=spec.is_recomputing,
        ),
        tokenizer_files=_text_files(tokenizer_folder, model.config, spec),
        control=lambda: attempt.control,
        world=world,
    )


def _pool(attempt: AttemptFolder, spec: TrainSpec, tokenizer: Tokenizer, log: JobLog) -> RowPool:
    """The job's rows; drawn ones are kept on the node, so that another attempt does not draw them again."""
    kept = None
    if spec.data.source == "families":
        kept = rows_kept(attempt.path.parent / "rows", spec.data, objective=spec.objective, tokenizer=tokenizer)
        if kept.exists():
            return pool_load(kept)
    pool = pool_make(
        spec.data,
        objective=spec.objective,
        tokenizer=tokenizer,
        file=data_file(attempt) if spec.data.source != "families" else None,
        on_row=_Rows(attempt, log).one,
    )
    if kept is not None and os.environ.get("LOCAL_RANK", "0") == "0":
        rows_keep(kept, pool)
    return pool


@dataclass(frozen=True)
class _Rows:
    """Tells how many rows there are so far, and ends the drawing where a stop is asked."""

    attempt: AttemptFolder
    log: JobLog

    def one(self, number: int) -> None:
        if number % STOP_ROWS == 0 and self.attempt.control == "stop":
            raise JobStopped
        if number % REPORT_ROWS == 0:
            self.log.write("log", text=f"{number} rows")


def _model_make(spec: TrainSpec, start: Path | None, tokenizer: Tokenizer) -> Transformer:
    stored = None
    if start is None:
        preset = PRESETS[spec.model_size]
        config = replace(preset, vocab_size=max(preset.vocab_size, tokenizer.get_vocab_size()))
    else:
        stored, config = _checkpoint_load(start)
    if spec.data.row_tokens_max > config.context_tokens:
        raise JobRefused(
            "bad_spec",
            f"data.row_tokens_max {spec.data.row_tokens_max} exceeds the model's context of {config.context_tokens}",
            cure=f"set data.row_tokens_max to {config.context_tokens} or less",
        )
    model = Transformer(replace(config, has_score_head=spec.objective == "verifier"))
    initialise(model, seed=spec.seed)
    if stored is not None:
        model.load_state_dict(stored.state_dict(), strict=False)  # a fresh head keeps its own weights
    return model


def _checkpoint_load(folder: Path) -> tuple[Transformer, ModelConfig]:
    try:
        return load_checkpoint(folder)
    except (FileNotFoundError, KeyError, ValueError) as error:
        raise JobRefused("bad_input", f"the parent is no checkpoint of ours: {error}") from error


def _text_files(folder: Path, config: ModelConfig, spec: TrainSpec) -> dict[str, str]:
    files = {name: (folder / name).read_text(encoding="utf-8") for name in TEXT_FILES if (folder / name).exists()}
    if described := files.get("tokenizer_config.json"):
        changed = {**json.loads(described), "model_max_length": config.context_tokens}
        files["tokenizer_config.json"] = json.dumps(changed, indent=2) + "\n"
    if spec.objective == "verifier":
        files["verifier.json"] = json.dumps(THRESHOLDS, indent=2) + "\n"
    return files
