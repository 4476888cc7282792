"""Weights & Biases as an optional reader of a training's events: metrics, evaluations, alerts and the end.

Off unless it is asked for, on the command line or by W&B's own environment variables; the package is not installed
with Svend. A run's folder keeps its W&B id, so that a resumed training goes on in the same curve. Not here: what is
told (trainer.py). Invariant: a training never ends because a reporter could not be reached.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gpu_node.protocol.job_frames import Alert, Eval, JobCancelled, JobEvent, JobFailed, JobFinished, Metric

PACKAGE_CURE = "pip install 'svend[wandb]', or say --no-wandb"
PROJECT = "svend"
ID_FILE = "wandb_id"
# W&B's own: https://docs.wandb.ai/guides/track/environment-variables
CONFIGURED_BY = ("WANDB_API_KEY", "WANDB_PROJECT", "WANDB_MODE")


class WandbMissing(RuntimeError):
    """Asked for by name, but the package is not installed."""


def reporter_make(wanted: bool | None, *, folder: Path, config: Mapping[str, Any], name: str) -> WandbReporter | None:
    """`wanted`: as the command line says; None leaves it to the environment. Raises WandbMissing."""
    configured = [variable for variable in CONFIGURED_BY if os.environ.get(variable)]
    is_disabled = os.environ.get("WANDB_MODE") == "disabled"
    if wanted is False or (wanted is None and (is_disabled or not configured)):
        return None
    try:
        import wandb
    except ImportError as error:
        message = f"the package wandb is not installed: {PACKAGE_CURE}"
        if wanted:
            raise WandbMissing(message) from error
        print(f"train: {configured[0]} is set, but nothing is reported: {message}", file=sys.stderr)
        return None
    run = wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        name=name,
        id=_id_of(folder),
        resume="allow",
        dir=str(folder),
        config=dict(config),
    )
    return WandbReporter(run)


def _id_of(folder: Path) -> str:
    path = folder / ID_FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(secrets.token_hex(4), encoding="utf-8")
    return path.read_text(encoding="utf-8")


class WandbReporter:
    """Called with each event. `run`: what wandb.init gave; used of it are log, alert, summary and finish."""

    def __init__(self, run: Any) -> None:
        self._run = run

    def __call__(self, event: JobEvent) -> None:
        if self._run is None:
            return
        try:
            self._tell(event)
        except Exception as error:
            # Whatever a network library raises: the training goes on, and its own log has everything.
            print(f"train: W&B is not told any more: {type(error).__name__}: {error}", file=sys.stderr)
            self._run = None

    def _tell(self, event: JobEvent) -> None:
        match event:
            case Metric():
                self._run.log(dict(event.values), step=event.step)
            case Eval():
                figures = {f"eval/{key}": value for key, value in event.result.items() if _is_figure(value)}
                self._run.log(figures, step=event.step)
            case Alert():
                self._run.alert(title=f"{event.kind} at step {event.step}", text=event.message)
            case JobFinished():
                self._run.summary["is_complete"] = event.is_complete
                self._finish(0)
            case JobCancelled():
                self._finish(0)
            case JobFailed():
                self._run.summary["cause"] = event.cause
                self._finish(1)
            case _:
                return

    def _finish(self, exit_code: int) -> None:
        self._run.finish(exit_code=exit_code)
        self._run = None


def _is_figure(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
