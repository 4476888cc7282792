"""The one trainer: reasoner (next-token loss, weighted per token), verifier (score head), and whatever a PartLoss asks.

A run's folder holds `training_config.json` (frozen: a resume under another one is refused) and `last/` (or, where every
checkpoint is kept, `checkpoints/step-N/`), a checkpoint in the Hugging Face layout in the weights' own number format,
with the optimiser, step and RNG beside it as safetensors + JSON (sharded_state.py), never pickle; of LoRA the adapter
alone, and at the end the merged model with it. Between steps the trainer does what `control` says: go on, pause, or
stop with a last checkpoint.
Invariant: stop and resume gives the same weights as never stopping, bit for bit on CPU (unless a time budget is set:
then the schedule follows the clock).
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from gpu_node.data.packing import Batch
from gpu_node.model.checkpoint import folder_make, save_checkpoint, staging_of
from gpu_node.model.config import ModelConfig
from gpu_node.model.layers import Block
from gpu_node.model.transformer import Transformer
from gpu_node.protocol.job_frames import Alert
from gpu_node.training.attempt_folder import Control
from gpu_node.training.distributed import World
from gpu_node.training.folder_manifest import manifest_of
from gpu_node.training.job_frames import JobLog
from gpu_node.training.lora import (
    ADAPTER_FOLDER,
    LoraConfig,
    adapter_of,
    adapter_read,
    adapter_write,
    base_of,
    lora_attach,
    merged_one,
)
from gpu_node.training.loss_watch import LossWatch
from gpu_node.training.optim import OptimConfig, Optimisers, schedule_rate
from gpu_node.training.part_loss import BatchLoss, PartLoss
from gpu_node.training.sharded_state import state_read, state_write

CONFIG_FILE = "training_config.json"
STATE_FILE = "trainer_state.json"
OBJECTIVE_FILE = "objective.safetensors"  # what an objective keeps
LAST_FOLDER = "last"
PAUSE_POLL_SECONDS = 0.2  # how soon a paused run notices that it may go on

Evaluate = Callable[[Transformer], Mapping[str, float]]


class NonFiniteLoss(RuntimeError):
    """The loss or the gradient is no number any more: more steps would only spoil the weights."""


class BatchOrder(Protocol):
    def batch(self, step: int) -> Batch: ...


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What decides the result. Frozen beside the checkpoint; a resume must bring the same."""

    objective: Literal["language", "score", "distill", "preference"]
    model: ModelConfig
    num_steps: int
    batch_tokens: int
    seed: int
    recipe: str = ""
    optim: OptimConfig = field(default_factory=OptimConfig)
    is_autocast: bool = True  # bf16 products, fp32 weights
    accumulation_steps: int = 1  # turns in which a step's batch is read
    weight_dtype: Literal["float32", "bfloat16"] = "float32"
    is_stepping_early: bool = False  # each parameter is updated within the backward pass: no gradient is kept
    lora: LoraConfig | None = None
    loss_settings: Mapping[str, float] = field(default_factory=dict)  # of an objective that has any


@dataclass(frozen=True, kw_only=True)
class RunPace:
    """What decides only when things happen, not what comes out (but for `time_budget_seconds`)."""

    time_budget_seconds: float | None = None
    checkpoint_seconds: float = 180.0
    checkpoint_steps: int | None = None  # then by steps, each checkpoint kept in a folder of its own
    evaluate_seconds: float = 120.0
    log_steps: int = 10
    is_compiled: bool = False
    is_recomputing: bool = False  # activations are computed again for the backward pass instead of kept
    has_progress_bar: bool = False


class Trainer:
    def __init__(
        self,
        *,
        config: TrainConfig,
        model: Transformer,
        order: BatchOrder,
        folder: Path,
        log: JobLog,
        pace: RunPace | None = None,
        evaluate: Evaluate | None = None,
        tokenizer_files: Mapping[str, str] | None = None,
        control: Callable[[], Control] = lambda: "run",
        world: World | None = None,
        loss: PartLoss | None = None,
    ) -> None:
        """`loss` is the objective's, where the batch alone does not say it."""
        self.config, self.model, self.order, self.folder = config, model, order, folder
        self.log, self.pace, self.evaluate = log, pace or RunPace(), evaluate
        self.tokenizer_files = tokenizer_files
        self.control, self.world = control, world or World()
        for module in model.modules():
            if isinstance(module, Block):
                module.is_recomputing = self.pace.is_recomputing
        self.weight_dtype: torch.dtype = getattr(torch, config.weight_dtype)
        # Without stochastic rounding most updates of bf16 weights would be lost.
        assert config.weight_dtype == "float32" or config.optim.optimizer == "adamw8bit"
        if config.lora is not None:
            lora_attach(model, config.lora, seed=config.seed)
        self.world.shard(model.to(self.weight_dtype))
        self.optimisers = Optimisers(
            model, config.optim, is_wide=not config.is_autocast, is_stepping_early=config.is_stepping_early
        )
        self.num_steps_done = 0
        self.num_tokens = 0
        self.seconds_before = 0.0
        self._started = time.monotonic()
        self._saved: tuple[int, bool] | None = None
        self._losses: list[Tensor] = []
        self._watch = LossWatch()
        self._gradient_norm = self._rate = 0.0
        self._loss = loss or BatchLoss(LOSSES[config.objective], is_compiled=self.pace.is_compiled)
        torch.manual_seed(config.seed)
        self._freeze_config()

    # ---- the loop

    def train(self) -> bool:
        """Trains to the end; False when the time budget or a stop ended it earlier. The last state is saved either
        way."""
        self._started = time.monotonic()
        self.log.write(
            "job.started",
            step=self.num_steps_done,
            num_steps=self.config.num_steps,
            world_size=self.world.size,
            device=self.world.device,
        )
        last_saved = last_evaluated = last_logged = time.monotonic()
        self._losses = []
        tokens_at_log = self.num_tokens
        self._loss.prepare(self.model, self.world)
        self.model.train()
        is_done = self._is_done
        with self.log.bar(self.config.num_steps, self.num_steps_done, shown=self.pace.has_progress_bar) as bar:
            while not is_done:
                if self._is_stopped():
                    return False
                self._losses.append(self.step())
                is_done = self._is_done
                bar.update(1)
                now = time.monotonic()
                if self.num_steps_done % self.pace.log_steps == 0 or is_done:
                    self._log_metrics((self.num_tokens - tokens_at_log) / max(1e-9, now - last_logged))
                    tokens_at_log, last_logged = self.num_tokens, now
                if self._is_checkpoint_due(now - last_saved):
                    self.save(is_last=is_done)
                    last_saved = now
                if self.evaluate and now - last_evaluated > self.pace.evaluate_seconds:
                    self._run_evaluation()
                    last_evaluated = last_logged = time.monotonic()
        # Saved before it is evaluated: an evaluation that dies must not take the training with it.
        self.save(is_last=True)
        self._run_evaluation()
        is_complete = self.num_steps_done >= self.config.num_steps
        self.log.write("job.finished", step=self.num_steps_done, is_complete=is_complete)
        return is_complete

    def step(self) -> Tensor:
        batch = self.order.batch(self.num_steps_done)
        self._rate = schedule_rate(self.progress, self.num_steps_done, self.config.optim)
        self.optimisers.rate_set(self._rate)
        loss = self.world.mean(self._backward(batch))
        norm = self.world.whole(self.optimisers.clip())
        if not (math.isfinite(loss.item()) and math.isfinite(norm.item())):
            cause = f"loss {loss.item()!r}, gradient norm {norm.item()!r} at step {self.num_steps_done}"
            cure = "lower the learning rates or the clip norm, or look at the rows of this step"
            self.log.append(Alert(kind="non_finite", step=self.num_steps_done, message=cause))
            self.log.write("job.failed", cause="non_finite_loss", message=cause, cure=cure)
            raise NonFiniteLoss(f"{cause}; the last good state is in {self.folder}")
        self._gradient_norm = norm.item()
        self.optimisers.step()
        self.num_steps_done += 1
        self.num_tokens += int(batch.ids_BT.size)
        if said := self._watch.see(self.num_steps_done, loss.item()):
            self.log.append(Alert(kind="spike", step=self.num_steps_done, message=said))
        return loss

    def _backward(self, batch: Batch) -> Tensor:
        """This rank's gradients of the batch, turn by turn; gives its part of the loss."""
        device = self.world.device
        losses = []
        parts = self.world.parts(batch, self.config.objective, num_parts=self.config.accumulation_steps)
        for part, scale in parts:
            with torch.autocast(device, torch.bfloat16, enabled=self.config.is_autocast):
                loss = self._loss(self.model, part, device)
            loss = loss * scale
            loss.backward()
            losses.append(loss.detach())
        return torch.stack(losses).sum()

    @property
    def _is_done(self) -> bool:
        """All ranks must leave the loop at the same step, so the first one's clock counts."""
        if self.pace.time_budget_seconds is None:
            return self.num_steps_done >= self.config.num_steps
        return self.world.agree("stop" if self.progress >= 1.0 else "run") == "stop"

    def _is_stopped(self) -> bool:
        """Does what is asked from outside: waits out a pause; a stop is saved and told. A kill comes by signal."""
        asked = self.world.agree(self.control())
        if asked in ("run", "kill"):
            return False
        paused_at = time.monotonic()
        if asked == "pause":
            self.log.write("job.paused")
            while (asked := self.world.agree(self.control())) == "pause":
                time.sleep(PAUSE_POLL_SECONDS)
            self._started += time.monotonic() - paused_at
        if asked != "stop":
            self.log.write("job.resumed")
            return False
        if self.num_steps_done > 0:
            self.save()
        self.log.write("job.cancelled", step=self.num_steps_done)
        return True

    def _is_checkpoint_due(self, seconds: float) -> bool:
        if self.pace.checkpoint_steps is None:
            return self.world.size == 1 and seconds > self.pace.checkpoint_seconds
        return self.num_steps_done % self.pace.checkpoint_steps == 0

    @property
    def seconds(self) -> float:
        return self.seconds_before + time.monotonic() - self._started

    @property
    def progress(self) -> float:
        by_steps = self.num_steps_done / self.config.num_steps
        budget = self.pace.time_budget_seconds
        return by_steps if budget is None else max(by_steps, self.seconds / budget)

    def _log_metrics(self, tokens_per_second: float) -> None:
        losses, self._losses = self._losses, []
        left = (1 - self.progress) / max(1e-9, self.progress) * self.seconds
        self.log.write(
            "metric",
            step=self.num_steps_done,
            values={
                "loss": round(float(torch.stack(losses).mean()), 6),
                "learning_rate": self._rate * self.optimisers.peak_rate,
                "gradient_norm": round(self._gradient_norm, 6),
                "tokens_per_second": round(tokens_per_second),
                "num_tokens": self.num_tokens,
                **self._loss.told(),
            },
            eta_seconds=round(left, 1),
        )

    def _run_evaluation(self) -> None:
        if self.evaluate is None:
            return
        self.model.eval()
        with torch.no_grad(), torch.autocast(self.world.device, torch.bfloat16, enabled=self.config.is_autocast):
            values = dict(self.evaluate(self.model))
        self.model.train()
        self.log.write("eval", step=self.num_steps_done, result=values)

    # ---- what lies on disk

    def save(self, *, is_last: bool = False) -> None:
        """The whole state as one folder, swapped in as a whole. The same step is saved once. Every rank takes part: the
        first writes the weights, gathered for one file at a time, each its own rows of the optimiser. `is_last`: it is
        what the training ends with, so that an adapter is merged too."""
        lora = self.config.lora
        is_whole = lora is None or is_last
        if self._saved == (self.num_steps_done, is_whole):
            return
        target, state = self._checkpoint_folder, self.model.state_dict()
        learnt = {name: self.world.whole(t) for name, t in adapter_of(state).items()} if lora else {}
        add_state = partial(self._add_state, learnt)

        def whole(name: str, tensor: Tensor) -> Tensor:
            gathered = self.world.whole(tensor)
            return gathered if lora is None else merged_one(name, gathered, learnt, lora)

        if not self.world.is_first:
            for tensor in base_of(state).values() if is_whole else ():
                self.world.whole(tensor)
            add_state(staging_of(target))
        elif is_whole:
            save_checkpoint(
                target,
                self.model,
                dtype=self.weight_dtype,
                tokenizer_files=self.tokenizer_files,
                weights=base_of(state),
                whole=whole,
                add_files=add_state,
            )
        else:
            folder_make(target, add_state)
        if self.world.is_first:
            self.log.write("checkpoint", step=self.num_steps_done, manifest=manifest_of(target))
        self.world.wait()
        self._saved = (self.num_steps_done, is_whole)

    def _add_state(self, learnt: Mapping[str, Tensor], staging: Path) -> None:
        state_write(staging, self.optimisers, self.world)
        if not self.world.is_first:
            return
        state = {"step": self.num_steps_done, "num_tokens": self.num_tokens, "seconds": self.seconds}
        (staging / STATE_FILE).write_text(json.dumps(state) + "\n", encoding="utf-8")
        if kept := self._loss.tensors():
            save_file(kept, staging / OBJECTIVE_FILE)
        if self.config.lora is not None:
            adapter_write(staging / ADAPTER_FOLDER, learnt, self.config.lora)

    @property
    def _checkpoint_folder(self) -> Path:
        if self.pace.checkpoint_steps is None:
            return self.folder / LAST_FOLDER
        return self.folder / "checkpoints" / f"step-{self.num_steps_done}"

    def resume(self, folder: Path | None = None) -> bool:
        """Takes up the state in `folder` (default: the run's last); False if there is none."""
        last = folder or self.folder / LAST_FOLDER
        if not (last / STATE_FILE).exists():
            return False
        if self.config.lora is None:
            self.world.load(self.model, last)
        else:
            self.world.load_some(self.model, adapter_read(last / ADAPTER_FOLDER))
        self._loss.load_tensors(load_file(last / OBJECTIVE_FILE) if (last / OBJECTIVE_FILE).exists() else {})
        state_read(last, self.optimisers, self.world)
        state = json.loads((last / STATE_FILE).read_text(encoding="utf-8"))
        self.num_steps_done, self.num_tokens = state["step"], state["num_tokens"]
        self.seconds_before = state["seconds"]
        self._saved = (self.num_steps_done, (last / "config.json").exists())
        return True

    def _freeze_config(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / CONFIG_FILE
        ours = config_json(self.config)
        if path.exists() and path.read_text(encoding="utf-8") != ours:
            raise ValueError(f"{path} was frozen with another configuration: use another folder, or the same recipe")
        # Whole or not at all: the other ranks of this machine look for it at the same moment.
        making = path.with_name(f".{path.name}.{os.getpid()}")
        making.write_text(ours, encoding="utf-8")
        os.replace(making, path)


def config_json(config: TrainConfig) -> str:
    as_dict: dict[str, Any] = dataclasses.asdict(config)
    return json.dumps(as_dict, indent=2) + "\n"


def language_loss(model: Transformer, ids_BT: Tensor, weights_BT: Tensor, _labels_BT: Tensor) -> Tensor:
    """Cross entropy of each next id, weighted; per unit of weight, so that batches of any make-up weigh alike."""
    weights = weights_BT[:, 1:]
    return (model.next_token_losses(ids_BT) * weights).sum() / weights.sum()


def score_loss(model: Transformer, ids_BT: Tensor, weights_BT: Tensor, labels_BT: Tensor) -> Tensor:
    """Binary cross entropy at the places that carry weight: what was read so far leads to a right answer, or not."""
    scores_BT = model(ids_BT).float()
    losses = F.binary_cross_entropy_with_logits(scores_BT, labels_BT, reduction="none")
    return (losses * weights_BT).sum() / weights_BT.sum()


LOSSES = {"language": language_loss, "score": score_loss}
