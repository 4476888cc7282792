"""A training's spec and what lies on disk for it become the one trainer, its rows, its loss and its starting weights.

Not here: the loop (trainer.py), rows (job_rows.py), where the inputs come from (train_job.py, command.py). Invariant:
the same spec and inputs give the same weights, whether it was stopped and resumed or not.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tokenizers import Tokenizer

from gpu_node.data.packing import EpochOrder, RowPool, pool_load
from gpu_node.data.tokenizer import TOKENIZER_FILE, tokenizer_load
from gpu_node.inference.placement import threads_set
from gpu_node.model.checkpoint import load_checkpoint
from gpu_node.model.config import PRESETS, ModelConfig
from gpu_node.model.transformer import Transformer, initialise
from gpu_node.protocol.job_spec import Objective, TrainSpec
from gpu_node.training.artifact_jobs import CARD_FILE
from gpu_node.training.attempt_folder import Control
from gpu_node.training.distillation import TOPK_DEFAULT, CachedTeacher, DistillLoss, ModelTeacher, Teacher, topk_write
from gpu_node.training.distributed import World
from gpu_node.training.job_errors import JobRefused, JobStopped
from gpu_node.training.job_frames import JobLog
from gpu_node.training.job_inputs import shipped_tokenizer_folder
from gpu_node.training.job_rows import pool_make, rows_keep, rows_kept
from gpu_node.training.lora import LoraConfig
from gpu_node.training.optim import OptimConfig
from gpu_node.training.part_loss import PartLoss
from gpu_node.training.preference import PreferenceLoss
from gpu_node.training.trainer import RunPace, TrainConfig, Trainer

REPORT_ROWS = 500
STOP_ROWS = 20  # drawing so many takes a second at most
WARMUP_SHARE = 0.1  # of the steps at most, where epochs say how many there are
TEXT_FILES = (TOKENIZER_FILE, "tokenizer_config.json")
CARD_KEPT = ("source", "licence")  # of the parent's card: the rest was measured on other weights
# A verifier's verdicts before anybody measured it: only the very sure ones count.
THRESHOLDS = {"accept_above": 0.9, "reject_below": 0.1}
LOSSES: dict[Objective, Literal["language", "score", "distill", "preference"]] = {
    "pretrain": "language",
    "sft": "language",
    "verifier": "score",
    "prm": "score",
    "distill": "distill",
    "dpo": "preference",
}


@dataclass(frozen=True, kw_only=True)
class TrainInputs:
    """What a training reads: folders of checkpoints, a file of rows; where drawn rows are kept for the next time.
    `teacher_cache`: the file of logits that the teacher is asked for once, if it is not there yet."""

    parent: Path | None
    teacher: Path | None
    teacher_cache: Path | None = None
    data: Path | None
    rows: Path


def trainer_make(
    spec: TrainSpec,
    inputs: TrainInputs,
    *,
    folder: Path,
    log: JobLog,
    world: World,
    pace: RunPace,
    control: Callable[[], Control] = lambda: "run",
) -> Trainer:
    """Raises JobRefused for what the spec or an input lacks; JobStopped when asked to while rows were read."""
    tokenizer_folder = inputs.parent or shipped_tokenizer_folder()
    tokenizer = tokenizer_load(tokenizer_folder)
    model = _model_make(spec, inputs.parent, tokenizer)
    threads_set(model.num_parameters)
    log.write("log", text="drawing rows" if spec.data.source == "families" else "reading rows")
    pool = _pool(spec, inputs, tokenizer, _Rows(control, log))
    log.write("log", text=f"{len(pool)} rows, {len(pool.ids)} tokens; {model.num_parameters} parameters")
    order = EpochOrder(pool, batch_tokens=spec.batch_tokens, seed=spec.seed)
    loss = _loss_make(spec, inputs, pool, tokenizer=tokenizer, vocab_size=model.config.vocab_size, world=world)
    return Trainer(
        config=_config(spec, model.config, order),
        model=model,
        order=order,
        folder=folder,
        log=log,
        pace=pace,
        tokenizer_files=_text_files(tokenizer_folder, model.config, spec),
        control=control,
        world=world,
        loss=loss,
    )


def _config(spec: TrainSpec, model: ModelConfig, order: EpochOrder) -> TrainConfig:
    num_steps, warmup_steps = spec.num_steps, spec.warmup_steps
    if spec.epochs is not None:
        num_steps = order.num_batches(spec.epochs, most=num_steps)
        warmup_steps = min(warmup_steps, int(WARMUP_SHARE * num_steps))
    lora = spec.lora
    return TrainConfig(
        objective=LOSSES[spec.objective],
        model=model,
        num_steps=num_steps,
        batch_tokens=spec.batch_tokens,
        seed=spec.seed,
        recipe=spec.objective,
        optim=OptimConfig(
            optimizer=spec.optimizer,
            muon_learning_rate=spec.muon_learning_rate,
            adamw_learning_rate=spec.adamw_learning_rate,
            warmup_steps=warmup_steps,
            clip_norm=spec.clip_norm,
        ),
        is_autocast=spec.is_autocast,
        accumulation_steps=spec.accumulation_steps,
        weight_dtype=spec.weight_dtype,
        is_stepping_early=spec.is_stepping_early,
        lora=LoraConfig(rank=lora.rank, alpha=lora.alpha, targets=tuple(lora.targets), parent=spec.parent or "")
        if lora.rank
        else None,
        loss_settings=_loss_settings(spec),
    )


# Rows


def _pool(spec: TrainSpec, inputs: TrainInputs, tokenizer: Tokenizer, rows: _Rows) -> RowPool:
    """The training's rows; drawn ones are kept, so that another attempt does not draw them again."""
    kept = None
    if spec.data.source == "families":
        kept = rows_kept(inputs.rows, spec.data, objective=spec.objective, tokenizer=tokenizer)
        if kept.exists():
            return pool_load(kept)
    pool = pool_make(spec.data, objective=spec.objective, tokenizer=tokenizer, file=inputs.data, on_row=rows.one)
    if kept is not None and os.environ.get("LOCAL_RANK", "0") == "0":
        rows_keep(kept, pool)
    return pool


@dataclass(frozen=True)
class _Rows:
    """Tells how many rows there are so far, and ends the drawing where a stop is asked."""

    control: Callable[[], Control]
    log: JobLog

    def one(self, number: int) -> None:
        if number % STOP_ROWS == 0 and self.control() == "stop":
            raise JobStopped
        if number % REPORT_ROWS == 0:
            self.log.write("log", text=f"{number} rows")


# The model


def _model_make(spec: TrainSpec, start: Path | None, tokenizer: Tokenizer) -> Transformer:
    stored = None
    if start is None:
        preset = PRESETS[spec.model_size]
        config = replace(preset, vocab_size=max(preset.vocab_size, tokenizer.get_vocab_size()))
    else:
        stored, config = _checkpoint_load(start, "parent")
        if config.has_score_head and not spec.is_verifier:
            cure = "start from a reasoner, or train a verifier"
            raise JobRefused("bad_input", "the parent is a verifier: it scores and writes nothing", cure=cure)
    if spec.data.row_tokens_max > config.context_tokens:
        raise JobRefused(
            "bad_spec",
            f"data.row_tokens_max {spec.data.row_tokens_max} exceeds the model's context of {config.context_tokens}",
            cure=f"set data.row_tokens_max to {config.context_tokens} or less",
        )
    model = Transformer(replace(config, has_score_head=spec.is_verifier))
    initialise(model, seed=spec.seed)
    if stored is not None:
        model.load_state_dict(stored.state_dict(), strict=False)  # a fresh head keeps its own weights
    return model


def _checkpoint_load(folder: Path, role: str) -> tuple[Transformer, ModelConfig]:
    try:
        return load_checkpoint(folder)
    except (FileNotFoundError, KeyError, ValueError) as error:
        raise JobRefused("bad_input", f"the {role} is no checkpoint of ours: {error}") from error


# The loss


def _loss_settings(spec: TrainSpec) -> dict[str, float]:
    match spec.objective:
        case "distill":
            return {"temperature": spec.distill_temperature, "share": spec.distill_share}
        case "dpo":
            return {"beta": spec.dpo_beta}
        case _:
            return {}


def _loss_make(
    spec: TrainSpec, inputs: TrainInputs, pool: RowPool, *, tokenizer: Tokenizer, vocab_size: int, world: World
) -> PartLoss | None:
    """None: the batch alone says it."""
    if spec.objective == "dpo":
        return PreferenceLoss(pool, beta=spec.dpo_beta, batch_tokens=spec.batch_tokens, is_autocast=spec.is_autocast)
    if spec.objective != "distill":
        return None
    assert inputs.teacher is not None
    path = inputs.teacher if inputs.teacher_cache is None else inputs.teacher_cache
    if not path.exists():
        taught_by = teacher_load(inputs.teacher, pool, tokenizer=tokenizer, vocab_size=vocab_size, device=world.device)
        if not isinstance(taught_by, ModelTeacher):
            raise JobRefused("bad_input", f"{inputs.teacher.name} is a file of logits already: leave the cache out")
        topk_write(path, taught_by.model, pool, num_top=TOPK_DEFAULT, batch_tokens=spec.batch_tokens)
    teacher = teacher_load(path, pool, tokenizer=tokenizer, vocab_size=vocab_size, device=world.device)
    teacher.shard(world)
    return DistillLoss(teacher, temperature=spec.distill_temperature, share=spec.distill_share)


def teacher_load(path: Path, pool: RowPool, *, tokenizer: Tokenizer, vocab_size: int, device: str) -> Teacher:
    """A checkpoint's folder, a file of logits, or a folder with that file alone. Raises JobRefused."""
    if (path / "config.json").exists():
        model, config = _checkpoint_load(path, "teacher")
        if config.has_score_head:
            raise JobRefused("bad_input", "the teacher is a verifier: it scores and writes nothing")
        if tokenizer_load(path).get_vocab() != tokenizer.get_vocab() or config.vocab_size != vocab_size:
            cure = "distill between models of one tokenizer and one vocabulary"
            raise JobRefused("bad_input", "the teacher has another tokenizer than the student", cure=cure)
        return ModelTeacher(model.to(device))
    files = [path] if path.is_file() else sorted(path.glob("*.safetensors"))
    if len(files) != 1:
        cure = "give a checkpoint's folder, or one file of a teacher's logits"
        raise JobRefused("bad_input", f"the teacher has {len(files)} safetensors files and no config.json", cure=cure)
    try:
        return CachedTeacher(files[0], pool, vocab_size=vocab_size)
    except ValueError as error:
        raise JobRefused("bad_input", str(error)) from error


# What lies beside the weights


def _text_files(folder: Path, config: ModelConfig, spec: TrainSpec) -> dict[str, str]:
    files = {name: (folder / name).read_text(encoding="utf-8") for name in TEXT_FILES if (folder / name).exists()}
    if described := files.get("tokenizer_config.json"):
        changed = {**json.loads(described), "model_max_length": config.context_tokens}
        files["tokenizer_config.json"] = json.dumps(changed, indent=2) + "\n"
    if spec.is_verifier:
        files["verifier.json"] = json.dumps(THRESHOLDS, indent=2) + "\n"
    if spec.parent is not None and (folder / CARD_FILE).exists():
        described = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
        if kept := {name: described[name] for name in CARD_KEPT if name in described}:
            files[CARD_FILE] = json.dumps(kept, indent=2) + "\n"
    return files
