"""`python -m gpu_node train`: a training on this machine, said by options instead of a job's spec.

The options become the same TrainSpec that jobs have, planned before anything starts and trained by the same code. A
run's folder remembers what began it: the same command goes on from its last state, another one is refused.
Not here: the shipped recipe (gpu_node/recipes, `train nano`), jobs launched by the platform (train_job.py).
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from gpu_node.model.config import PRESETS, config_from_hf
from gpu_node.protocol.job_spec import ROWS_MAX, STEPS_MAX, ModelSize, Objective, Optimizer, TrainSpec, WeightDtype
from gpu_node.training.attempt_folder import Control
from gpu_node.training.job_errors import JobRefused, JobStopped, failure_of
from gpu_node.training.job_frames import JobLog, has_terminal
from gpu_node.training.machine import devices_find, room_make
from gpu_node.training.memory_parts import num_parameters
from gpu_node.training.memory_plan import gib, plan_make
from gpu_node.training.train_job import world_join
from gpu_node.training.trainer import NonFiniteLoss, RunPace
from gpu_node.training.trainer_make import TrainInputs, trainer_make
from gpu_node.training.wandb_report import WandbMissing, reporter_make

EXIT_FAILED, EXIT_REFUSED, EXIT_EARLIER = 1, 2, 3
SECONDS = {"s": 1, "m": 60, "h": 3600}
COMMAND_FILE = "command.json"  # in a run's folder: the spec and the paths that began it
# Options whose field of the spec has another name; all others have their field's.
FIELDS = {
    "samples": "data.num_rows",
    "row_tokens": "data.row_tokens_max",
    "families": "data.families",
    "max_steps": "num_steps",
    "accumulation": "accumulation_steps",
    "recompute": "is_recomputing",
    "lora_rank": "lora.rank",
    "lora_alpha": "lora.alpha",
    "lora_targets": "lora.targets",
    "time_budget": "time_budget_seconds",
    "step_early": "is_stepping_early",
}
PLAIN = (
    *("objective", "model_size", "epochs", "batch_tokens", "seed", "warmup_steps", "muon_learning_rate"),
    *("adamw_learning_rate", "clip_norm", "optimizer", "weight_dtype"),
    *("dpo_beta", "distill_temperature", "distill_share"),
)


def train_command(arguments: list[str]) -> int:
    """Exit code 0 when trained to the end; 3 when the time budget or Ctrl-C ended it: the same command goes on from
    there; 2 when it was refused before it began, 1 when it failed."""
    if arguments and arguments[0] == "nano":
        # Imported only here: the recipes stand on the trainer, and need the tools too.
        from gpu_node.recipes.train_nano import main

        return main(arguments[1:])
    options = _parser().parse_args(arguments)
    try:
        spec, inputs = spec_of(options), _inputs(options)
        _fits(spec, options.out)
        began_by = _began_by(spec, inputs, options.out)
        log = _log(options, spec)
    except ValidationError as error:
        return _refused(_said(error))
    except (JobRefused, WandbMissing) as error:
        return _refused(_with_cure(error))
    # Nothing was written until here: what is refused leaves no trace.
    (options.out / COMMAND_FILE).write_text(began_by, encoding="utf-8")
    return _train(spec, inputs, options, log)


def _train(spec: TrainSpec, inputs: TrainInputs, options: argparse.Namespace, log: JobLog) -> int:
    stop = _StopAsked()
    pace = RunPace(
        time_budget_seconds=spec.time_budget_seconds,
        is_recomputing=spec.is_recomputing,
        is_compiled=options.compile,
        has_progress_bar=True,
    )
    try:
        trainer = trainer_make(
            spec, inputs, folder=options.out, log=log, world=world_join(), pace=pace, control=stop.control
        )
        trainer.resume()
        is_complete = trainer.train()
    except JobRefused as error:
        log.append(failure_of(error))
        return _refused(_with_cure(error))
    except JobStopped:
        log.write("job.cancelled", step=0)
        return EXIT_EARLIER
    except NonFiniteLoss as error:
        print(f"train: {error}", file=sys.stderr)
        return EXIT_FAILED
    except BaseException as error:
        if not has_terminal(options.out / "job.ndjson"):
            log.append(failure_of(error))
        raise
    return 0 if is_complete else EXIT_EARLIER


class _StopAsked:
    """Ctrl-C and SIGTERM ask for a last checkpoint; the second Ctrl-C does not wait for it."""

    def __init__(self) -> None:
        self._asked: Control = "run"
        signal.signal(signal.SIGINT, self._hear)
        signal.signal(signal.SIGTERM, self._hear)

    def _hear(self, number: int, _frame: Any) -> None:
        self._asked = "stop"
        signal.signal(number, signal.SIG_DFL)

    def control(self) -> Control:
        return self._asked


def _log(options: argparse.Namespace, spec: TrainSpec) -> JobLog:
    """Raises WandbMissing."""
    config = spec.model_dump(mode="json")
    reporter = reporter_make(options.wandb, folder=options.out, config=config, name=options.out.resolve().name)
    return JobLog(options.out / "job.ndjson", reporter=reporter)


# From options to a spec


def spec_of(options: argparse.Namespace) -> TrainSpec:
    """Raises ValidationError, JobRefused."""
    fields: dict[str, Any] = {"data": {}, "lora": {}}
    for option in (*PLAIN, *FIELDS):
        value = getattr(options, option)
        if value is not None:
            group, _, leaf = FIELDS.get(option, option).rpartition(".")
            (fields[group] if group else fields)[leaf] = value
    if options.data is not None:
        fields["data"] = {"source": "file", "num_rows": ROWS_MAX} | fields["data"]
    if options.max_steps is None:
        # Without a word on its length a training reads its rows once; a time budget is one.
        fields["num_steps"] = STEPS_MAX
        if options.epochs is None and options.time_budget is None:
            fields["epochs"] = 1
    elif options.warmup_steps is None:
        fields["warmup_steps"] = min(TrainSpec.model_fields["warmup_steps"].default, options.max_steps // 10)
    for role in ("parent", "teacher"):
        path: Path | None = getattr(options, role)
        if path is not None:
            if not path.exists():
                raise JobRefused("bad_input", f"--{role} {path}: there is no such folder or file")
            fields[role] = path.resolve().name[-128:]
    if options.parent is not None:
        fields["model_size"] = _size_of(options.parent)
    return TrainSpec.model_validate(fields)


def _size_of(parent: Path) -> ModelSize:
    """The smallest preset with as many parameters: what is planned for."""
    try:
        config = config_from_hf(json.loads((parent / "config.json").read_text(encoding="utf-8")))
    except (OSError, KeyError, ValueError) as error:
        raise JobRefused("bad_input", f"--parent {parent} is no checkpoint: {error}") from error
    sizes: tuple[ModelSize, ...] = get_args(ModelSize)
    return next((size for size in sizes if num_parameters(PRESETS[size]) >= num_parameters(config)), sizes[-1])


def _inputs(options: argparse.Namespace) -> TrainInputs:
    if options.data is not None and not options.data.is_file():
        raise JobRefused("bad_input", f"--data {options.data}: there is no such file")
    if options.teacher_cache is not None and options.teacher is None:
        raise JobRefused("bad_spec", "--teacher-cache keeps what a teacher says: name one by --teacher")
    return TrainInputs(
        parent=options.parent,
        teacher=options.teacher,
        teacher_cache=options.teacher_cache,
        data=options.data,
        rows=options.out / "rows",
    )


def _fits(spec: TrainSpec, out: Path) -> None:
    """Raises JobRefused: it cannot run on this machine as it is now."""
    disk = next(folder for folder in (out, *out.resolve().parents) if folder.exists())
    plan = plan_make(spec, room_make(devices_find(), disk))
    failed = [check for check in plan.checks if not check.is_ok]
    if not failed:
        return
    parts = ", ".join(f"{part.name} {gib(part.num_bytes)}" for part in plan.memory)
    said = "; ".join(f"{check.name}: {check.message}" for check in failed)
    cure = _as_options("; ".join(check.cure for check in failed if check.cure))
    raise JobRefused("bad_spec", f"{spec.model_size} cannot be trained here: {said} ({parts})", cure=cure)


def _began_by(spec: TrainSpec, inputs: TrainInputs, out: Path) -> str:
    """What a run's folder remembers. Raises JobRefused: this one belongs to another training."""
    paths = {role: str(path.resolve()) for role, path in vars(inputs).items() if path is not None and role != "rows"}
    ours = {**spec.model_dump(mode="json", exclude={"time_budget_seconds"}), **paths}
    kept = out / COMMAND_FILE
    if kept.exists():
        theirs = json.loads(kept.read_text(encoding="utf-8"))
        if changed := sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)):
            cure = "give the options that began it, or another --out"
            raise JobRefused("bad_spec", f"{out} holds another training: {', '.join(changed)} differ", cure=cure)
    return json.dumps(ours, indent=2) + "\n"


def _refused(said: str) -> int:
    print(f"train: {said}", file=sys.stderr)
    return EXIT_REFUSED


def _with_cure(error: Exception) -> str:
    cure = getattr(error, "cure", "")
    return f"{error}; {cure}" if cure else str(error)


def _as_options(cure: str) -> str:
    """The spec's fields by the options that say them."""
    for option in (*PLAIN, *FIELDS):
        cure = re.sub(rf"\b{re.escape(FIELDS.get(option, option))}\b", f"--{option.replace('_', '-')}", cure)
    return cure


def _said(error: ValidationError) -> str:
    """The first thing that is wrong, by the option that said it."""
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    option = next((name for name, of in FIELDS.items() if of == field), field).replace("_", "-")
    said = str(first["msg"]).removeprefix("Value error, ")
    return f"--{option}: {said}" if option else said


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gpu_node train",
        description="Train a model on this machine; docs/training.md has a command for each objective. "
        "`train nano` runs the shipped recipe.",
    )
    add = parser.add_argument
    add("--objective", choices=get_args(Objective), default="sft")
    add("--model-size", choices=get_args(ModelSize), default="nano", help="of a new model")
    add("--parent", type=Path, help="checkpoint folder to start from, instead of a new model")
    add("--out", type=Path, default=Path("var/train"), help="the run's folder; a state found there is taken up")
    _data_options(parser)
    _length_options(parser)
    lora = parser.add_argument_group("an adapter instead of all weights")
    lora.add_argument("--lora-rank", type=int)
    lora.add_argument("--lora-alpha", type=float)
    lora.add_argument("--lora-targets", type=_words, help="e.g. q_proj,v_proj; default: all seven")
    taught = parser.add_argument_group("distillation and preference")
    taught.add_argument("--teacher", type=Path, help="checkpoint folder, or a file of its logits")
    taught.add_argument("--teacher-cache", type=Path, help="ask the teacher once, and keep its top logits in this file")
    taught.add_argument("--distill-temperature", type=float)
    taught.add_argument("--distill-share", type=float, help="of the teacher in the loss")
    taught.add_argument("--dpo-beta", type=float)
    report = parser.add_mutually_exclusive_group()
    report.add_argument("--wandb", action="store_true", default=None, help="report to Weights & Biases")
    report.add_argument("--no-wandb", dest="wandb", action="store_false", help="never, whatever the environment says")
    return parser


def _data_options(parser: argparse.ArgumentParser) -> None:
    data = parser.add_argument_group("rows")
    data.add_argument("--data", type=Path, help="file of JSON lines; default: problems of our own families")
    data.add_argument("--samples", type=int, help="rows to draw, or lines to read; default: 2,000, or the whole file")
    data.add_argument("--families", type=_words, help="only these, e.g. gcd,dates")
    data.add_argument("--row-tokens", type=int, help="longer rows are refused")
    data.add_argument("--batch-tokens", type=int, help="tokens of a step")
    data.add_argument("--accumulation", type=int, help="turns in which a step's tokens are read: less memory")
    data.add_argument("--recompute", action="store_true", default=None, help="activations twice: less memory, slower")


def _length_options(parser: argparse.ArgumentParser) -> None:
    length = parser.add_argument_group("length and rates")
    length.add_argument("--epochs", type=int, help="passes over the rows; default: 1")
    length.add_argument("--max-steps", type=int, help="at most so many, whatever the epochs")
    length.add_argument("--time-budget", type=duration_seconds, help="e.g. 25m: the schedule then follows the clock")
    length.add_argument("--warmup-steps", type=int)
    length.add_argument("--muon-learning-rate", type=float, help="of the matrices")
    length.add_argument("--adamw-learning-rate", type=float, help="of embeddings, norms and adapters")
    length.add_argument("--clip-norm", type=float)
    length.add_argument("--optimizer", choices=get_args(Optimizer), help="default: muon on the matrices")
    length.add_argument("--weight-dtype", choices=get_args(WeightDtype), help="bfloat16: half the memory; adamw8bit")
    length.add_argument("--step-early", action="store_true", default=None, help="no gradients kept; adamw8bit")
    length.add_argument("--seed", type=int)
    length.add_argument("--compile", action="store_true", help="torch.compile: faster where a C++ compiler is at hand")


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def duration_seconds(text: str) -> float:
    """Seconds of 90s, 25m, 1.5h."""
    unit = SECONDS.get(text[-1:])
    try:
        seconds = float(text[:-1]) * unit if unit else -1.0
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: say 90s, 25m or 1.5h")
    return seconds
