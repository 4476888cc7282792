"""What a job needs of a node before it starts: memory, disk, and whether its data can be what it says. No torch.

What does not fit is refused, with the settings that would. Figures are computed from shapes (memory_parts.py), never
measured here. Not here: measuring (a training's own metrics say how fast it is).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from gpu_node.evaluation.benchmarks import evaluated_families
from gpu_node.model.config import PRESETS, ModelConfig
from gpu_node.protocol.job_spec import EvalSpec, ExportSpec, GenerateSpec, ImportSpec, JobSpec, QuantizeSpec, TrainSpec
from gpu_node.protocol.plan import MemoryPart, Plan, PlanCheck
from gpu_node.training.fitting import fitting_changes
from gpu_node.training.job_errors import JobRefused
from gpu_node.training.job_rows import families_check
from gpu_node.training.memory_parts import (
    FLOAT_BYTES,
    RUNTIME_BYTES,
    asked_parts,
    num_parameters,
    peak_bytes,
    peak_parts,
    rewritten_parts,
    state_bytes,
    workload_of,
)

CHECKPOINTS_ON_DISK = 3  # two kept, one being written
SMALL_BYTES = 64 * 2**20  # frames, logs, rows


@dataclass(frozen=True, kw_only=True)
class NodeRoom:
    """What the node has, as it stands now. `tokens_per_second`: measured on it for this size of model."""

    device: str
    num_devices: int
    memory_bytes: int
    disk_bytes: int
    tokens_per_second: float | None = None


def plan_make(spec: JobSpec, room: NodeRoom, parent: ModelConfig | None = None) -> Plan:
    """`parent`: the shape of what a training starts from, or of the model that is evaluated or rewritten. Unknown, a
    training is taken for one of the spec's model_size, and the others are said to need nothing for it."""
    match spec:
        case TrainSpec():
            return _train_plan(spec, room, parent)
        case EvalSpec():
            return _model_plan(spec, room, parent, [_eval_check(spec)])
        case GenerateSpec():
            return _small_plan(room, [_families_check(spec.data.families)])
        case ExportSpec() | QuantizeSpec():
            return _model_plan(spec, room, parent, [])
        case ImportSpec():
            return _small_plan(room, [])
        case _:
            assert_never(spec)


def _train_plan(spec: TrainSpec, room: NodeRoom, parent: ModelConfig | None) -> Plan:
    config = replace(parent or PRESETS[spec.model_size], has_score_head=spec.is_verifier)
    work = workload_of(spec, config, room.device)
    disk_bytes = CHECKPOINTS_ON_DISK * (work.weight_bytes * num_parameters(config) + state_bytes(work)) + SMALL_BYTES
    seconds = None
    if room.tokens_per_second:
        seconds = spec.num_steps * spec.batch_tokens / room.tokens_per_second
        seconds = min(seconds, spec.time_budget_seconds or seconds)
    return Plan(
        num_parameters=num_parameters(config),
        memory=memory_parts(config, spec, room.device),
        memory_available_bytes=room.memory_bytes,
        disk_needed_bytes=disk_bytes,
        disk_available_bytes=room.disk_bytes,
        seconds_estimated=seconds,
        checks=[
            _memory_check(spec, config, room),
            _disk_check(disk_bytes, room),
            _data_check(spec, config if parent or spec.parent is None else None),
            _device_check(spec, room),
            *([_rendezvous_check(spec.num_ranks)] if spec.num_nodes > 1 else []),
        ],
    )


def memory_parts(config: ModelConfig, spec: TrainSpec, device: str) -> list[MemoryPart]:
    """Of one device at its peak. On a CPU the ranks of a node share its memory; a GPU holds one rank."""
    here = spec.ranks_per_node if device == "cpu" else 1
    _, parts = peak_parts(workload_of(spec, config, device))
    return [MemoryPart(name=name, num_bytes=num_bytes * here) for name, num_bytes in parts.items()]


def _memory_check(spec: TrainSpec, config: ModelConfig, room: NodeRoom) -> PlanCheck:
    needed = peak_bytes(spec, config, room.device)
    message = f"needs {gib(needed)} of {gib(room.memory_bytes)} GiB (computed)"
    if needed <= room.memory_bytes:
        return PlanCheck(name="memory", is_ok=True, message=message)
    changes = fitting_changes(
        spec, config, device=room.device, num_devices=room.num_devices, memory_bytes=room.memory_bytes
    )
    cure = f"{spec.parent or spec.model_size} does not fit on this node: take a smaller model_size or more ranks"
    if changes:
        cure = "set " + ", ".join(f"{name} to {_shown(value)}" for name, value in changes.items())
    return PlanCheck(name="memory", is_ok=False, message=message, cure=cure)


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _disk_check(needed: int, room: NodeRoom) -> PlanCheck:
    is_ok = needed <= room.disk_bytes
    message = f"needs {gib(needed)} of {gib(room.disk_bytes)} GiB"
    return PlanCheck(name="disk", is_ok=is_ok, message=message, cure="" if is_ok else "free disk space on the node")


def _data_check(spec: TrainSpec, config: ModelConfig | None) -> PlanCheck:
    if config is not None and spec.data.row_tokens_max > config.context_tokens:
        return PlanCheck(
            name="data",
            is_ok=False,
            message=f"data.row_tokens_max {spec.data.row_tokens_max} exceeds the context of {config.context_tokens}",
            cure=f"set data.row_tokens_max to {config.context_tokens} or less",
        )
    if spec.data.source != "families":
        return PlanCheck(name="data", is_ok=True, message=f"the {spec.data.source} is read when the job starts")
    return _families_check(spec.data.families)


def _families_check(families: list[str]) -> PlanCheck:
    try:
        families_check(families)
    except JobRefused as error:
        return PlanCheck(name="data", is_ok=False, message=str(error), cure=error.cure)
    return PlanCheck(name="data", is_ok=True, message=f"{len(families) or 'all'} families")


def _eval_check(spec: EvalSpec) -> PlanCheck:
    known = evaluated_families()
    if unknown := [name for name in spec.families if name not in known]:
        cure = f"there are: {', '.join(known)}"
        return PlanCheck(name="data", is_ok=False, message=f"no family is called {unknown[0]!r}", cure=cure)
    num_problems = spec.num_problems * len(spec.families or known)
    return PlanCheck(name="data", is_ok=True, message=f"{num_problems} problems")


def _device_check(spec: TrainSpec, room: NodeRoom) -> PlanCheck:
    is_ok = room.device == "cpu" or spec.ranks_per_node <= room.num_devices
    message = f"{spec.ranks_per_node} ranks on {room.num_devices} devices of kind {room.device!r}"
    cure = "" if is_ok else f"set ranks_per_node to {room.num_devices} or less"
    return PlanCheck(name="device", is_ok=is_ok, message=message, cure=cure)


def _rendezvous_check(ranks: int) -> PlanCheck:
    return PlanCheck(name="rendezvous", is_ok=True, message=f"{ranks} ranks; rank 0 is asked for when the gang starts")


def _model_plan(
    spec: EvalSpec | ExportSpec | QuantizeSpec, room: NodeRoom, config: ModelConfig | None, checks: list[PlanCheck]
) -> Plan:
    """A job that reads one model whole: to ask it (a critic's memory comes on top), or to write it anew."""
    if config is None:
        return _small_plan(room, checks)
    parts = rewritten_parts(config) if isinstance(spec, ExportSpec) else asked_parts(config, room.device)
    if isinstance(spec, QuantizeSpec) and room.device == "cpu":  # both formats are asked beside what was read
        parts["source"] = FLOAT_BYTES * num_parameters(config)
    needed, disk_bytes = sum(parts.values()), FLOAT_BYTES * num_parameters(config) + SMALL_BYTES
    is_ok = needed <= room.memory_bytes
    fits = PlanCheck(
        name="memory",
        is_ok=is_ok,
        message=f"needs {gib(needed)} of {gib(room.memory_bytes)} GiB (computed)",
        cure="" if is_ok else f"{spec.model} does not fit on this node: take one with more memory",
    )
    return Plan(
        num_parameters=num_parameters(config),
        memory=[MemoryPart(name=name, num_bytes=num_bytes) for name, num_bytes in parts.items()],
        memory_available_bytes=room.memory_bytes,
        disk_needed_bytes=disk_bytes,
        disk_available_bytes=room.disk_bytes,
        seconds_estimated=None,
        checks=[fits, *checks, _disk_check(disk_bytes, room)],
    )


def _small_plan(room: NodeRoom, checks: list[PlanCheck]) -> Plan:
    """A job that holds no model, or one that nobody has looked at yet, and writes one artifact."""
    runtime = MemoryPart(name="runtime", num_bytes=RUNTIME_BYTES["cpu"])
    return Plan(
        num_parameters=0,
        memory=[runtime],
        memory_available_bytes=room.memory_bytes,
        disk_needed_bytes=SMALL_BYTES,
        disk_available_bytes=room.disk_bytes,
        seconds_estimated=None,
        checks=[*checks, _disk_check(SMALL_BYTES, room)],
    )


def gib(num_bytes: int) -> str:
    return f"{num_bytes / 2**30:.2f}"
