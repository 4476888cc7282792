"""What a job needs of a node, from shapes alone: memory by parts, disk, and whether its data can be what it says.

Estimates, on the safe side: weights, gradients and optimiser are counted to the byte, activations by what each layer
keeps for its backward pass. No torch. Not here: measuring (a training's own metrics say how fast it is).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from gpu_node.evaluation.benchmarks import evaluated_families
from gpu_node.model.config import PRESETS, ModelConfig
from gpu_node.protocol.job_spec import EvalSpec, ExportSpec, GenerateSpec, ImportSpec, JobSpec, QuantizeSpec, TrainSpec
from gpu_node.protocol.plan import MemoryPart, Plan, PlanCheck
from gpu_node.training.job_errors import JobRefused
from gpu_node.training.job_rows import families_check

FLOAT_BYTES = 4
HALF_BYTES = 2
RUNTIME_BYTES = {"cpu": 600 * 2**20, "cuda": 1_200 * 2**20}  # torch itself; on a GPU its context and workspace
# Per token and layer, in halves: norms' inputs (as floats), both residuals, projections' inputs.
WIDTHS_KEPT = 14
CHECKPOINTS_ON_DISK = 3  # two kept, one being written
SMALL_BYTES = 64 * 2**20  # frames, logs, rows
BATCH_TOKENS_MIN = 64  # as TrainSpec's own bound


@dataclass(frozen=True, kw_only=True)
class NodeRoom:
    """What the node has, as it stands now. `tokens_per_second`: measured on it for this size of model."""

    device: str
    num_devices: int
    memory_bytes: int
    disk_bytes: int
    tokens_per_second: float | None = None


def num_parameters(config: ModelConfig) -> int:
    embeddings = config.vocab_size * config.width * (1 if config.is_tied or config.has_score_head else 2)
    norms = config.width * (2 * config.num_layers + 1)
    return embeddings + config.num_body_parameters + norms + (config.width if config.has_score_head else 0)


def plan_make(spec: JobSpec, room: NodeRoom) -> Plan:
    match spec:
        case TrainSpec():
            return _train_plan(spec, room)
        case EvalSpec():
            return _small_plan(room, [_eval_check(spec)])
        case GenerateSpec():
            return _small_plan(room, [_families_check(spec.data.families)])
        case ExportSpec() | QuantizeSpec() | ImportSpec():
            return _small_plan(room, [])
        case _:
            assert_never(spec)


def _train_plan(spec: TrainSpec, room: NodeRoom) -> Plan:
    config = PRESETS[spec.model_size]
    count, ranks = num_parameters(config), spec.num_nodes * spec.ranks_per_node
    memory = memory_parts(config, spec, room.device)
    checkpoint_bytes = _state_bytes(config) + FLOAT_BYTES * count
    seconds = None
    if room.tokens_per_second:
        seconds = spec.num_steps * spec.batch_tokens / room.tokens_per_second
        seconds = min(seconds, spec.time_budget_seconds or seconds)
    return Plan(
        num_parameters=count,
        memory=memory,
        memory_available_bytes=room.memory_bytes,
        disk_needed_bytes=CHECKPOINTS_ON_DISK * checkpoint_bytes + SMALL_BYTES,
        disk_available_bytes=room.disk_bytes,
        seconds_estimated=seconds,
        checks=[
            _memory_check(spec, config, memory, room),
            _disk_check(CHECKPOINTS_ON_DISK * checkpoint_bytes + SMALL_BYTES, room),
            _data_check(spec, config),
            _device_check(spec, room),
            *([_rendezvous_check(ranks)] if spec.num_nodes > 1 else []),
        ],
    )


def memory_parts(config: ModelConfig, spec: TrainSpec, device: str) -> list[MemoryPart]:
    """Of one rank on one device: weights, gradients and optimiser are sharded over the ranks, a batch is split."""
    ranks = spec.num_nodes * spec.ranks_per_node
    # On a CPU the ranks of a node share its memory; a GPU holds one rank.
    here = spec.ranks_per_node if device == "cpu" else 1
    count = num_parameters(config)
    # A turn holds one row at least.
    tokens = max(-(-spec.batch_tokens // (ranks * spec.accumulation_steps)), spec.data.row_tokens_max) * here
    element = HALF_BYTES if spec.is_autocast else FLOAT_BYTES
    parts = {
        "weights": FLOAT_BYTES * count * here // ranks,
        "gradients": FLOAT_BYTES * count * here // ranks,
        "optimiser": _state_bytes(config) * here // ranks,
        "activations": tokens * _activation_bytes(config, element, is_recomputing=spec.is_recomputing),
        "logits": tokens * _logit_bytes(config, element),
        "runtime": RUNTIME_BYTES.get(device, RUNTIME_BYTES["cpu"]) * here,
    }
    return [MemoryPart(name=name, num_bytes=num_bytes) for name, num_bytes in parts.items()]


def _state_bytes(config: ModelConfig) -> int:
    """Muon keeps one number for each of the blocks' matrices, AdamW two for all else."""
    matrices = config.num_body_parameters
    return FLOAT_BYTES * (matrices + 2 * (num_parameters(config) - matrices))


def _activation_bytes(config: ModelConfig, element: int, *, is_recomputing: bool) -> int:
    """Of one token over all layers; recomputing keeps each layer's input, and the whole of one layer at a time."""
    heads = 2 * (config.num_heads + 2 * config.num_heads) * config.head_dim  # q, and k, v repeated, with their RoPE
    layer = element * (WIDTHS_KEPT * config.width + heads + 5 * config.mlp_width)
    if is_recomputing:
        return config.num_layers * FLOAT_BYTES * config.width + layer
    return config.num_layers * layer


def _logit_bytes(config: ModelConfig, element: int) -> int:
    """Logits, their floats and the gradients of both."""
    return 1 if config.has_score_head else config.vocab_size * 2 * (element + FLOAT_BYTES)


def _memory_check(spec: TrainSpec, config: ModelConfig, memory: list[MemoryPart], room: NodeRoom) -> PlanCheck:
    needed = sum(part.num_bytes for part in memory)
    message = f"needs {gib(needed)} of {gib(room.memory_bytes)} GiB"
    if needed <= room.memory_bytes:
        return PlanCheck(name="memory", is_ok=True, message=message)
    per_batch = sum(part.num_bytes for part in memory if part.name in ("activations", "logits"))
    left = room.memory_bytes - (needed - per_batch)
    fitting = int(spec.batch_tokens * left / per_batch) if left > 0 else 0
    if fitting >= max(BATCH_TOKENS_MIN, spec.data.row_tokens_max * spec.accumulation_steps):
        cure = f"set batch_tokens to {fitting} or less, or read it in more turns: accumulation_steps"
    else:
        cure = f"{spec.model_size} does not fit on this node: take a smaller model_size or more ranks"
    return PlanCheck(name="memory", is_ok=False, message=message, cure=cure)


def _disk_check(needed: int, room: NodeRoom) -> PlanCheck:
    is_ok = needed <= room.disk_bytes
    message = f"needs {gib(needed)} of {gib(room.disk_bytes)} GiB"
    return PlanCheck(name="disk", is_ok=is_ok, message=message, cure="" if is_ok else "free disk space on the node")


def _data_check(spec: TrainSpec, config: ModelConfig) -> PlanCheck:
    if spec.parent is None and spec.data.row_tokens_max > config.context_tokens:
        return PlanCheck(
            name="data",
            is_ok=False,
            message=f"data.row_tokens_max {spec.data.row_tokens_max} exceeds the context of {config.context_tokens}",
            cure=f"set data.row_tokens_max to {config.context_tokens} or less",
        )
    if spec.data.source == "file":
        return PlanCheck(name="data", is_ok=True, message="the file is read, line by line, when the job starts")
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


def _small_plan(room: NodeRoom, checks: list[PlanCheck]) -> Plan:
    """A job that holds one model, or none, and writes one artifact."""
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
