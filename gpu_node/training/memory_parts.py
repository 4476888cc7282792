"""The memory of one device through a training step, by parts, from shapes alone: exact sums, no torch.

A step has five moments at which memory can peak; at each the same parts have other sizes. What a layer keeps is what
autograd saves for gpu_node/model/layers.py; a test holds all of it against torch's own record of allocations.

Letters of a count: W width, Q query heads x head width, M the MLP's width, H heads, V vocabulary, N tokens of a turn.
Bytes of a number: `b` weights, `e` products, `r` the residual stream; 4 is fp32.
Not here: what a node has, and whether it is enough (memory_plan.py). Invariant: parts are sums of whole tensors, so an
error means that the model or the trainer keeps something else than is said here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gpu_node.model.config import ModelConfig
from gpu_node.protocol.job_spec import Optimizer, TrainSpec, WeightDtype

FLOAT_BYTES = 4
HALF_BYTES = 2
RUNTIME_BYTES = {"cpu": 600 * 2**20, "cuda": 1_200 * 2**20}  # torch itself; on a GPU its context and workspace
# As gpu_node/model/chunked_loss.py and gpu_node/training/adamw8bit.py have them: tests hold them together.
LOGITS_BYTES_MAX = 256 * 2**20
BLOCK = 256
STEP_NUMBERS_MAX = 2**22
STEP_NUMBER_BYTES = 40  # of one number while AdamW8bit updates it: moments, their codes, the noise of rounding
TOKEN_BYTES = 64  # ids, weights, labels, positions, losses

PARTS = ("weights", "gradients", "optimiser", "activations", "logits", "copies", "gathered", "step", "runtime")
Moment = Literal["forward", "loss", "backward begins", "backward ends", "step"]


@dataclass(frozen=True, kw_only=True)
class Workload:
    """All that a training's memory depends on. `tokens`: of one rank's turn."""

    config: ModelConfig
    tokens: int
    device: str = "cpu"
    num_ranks: int = 1
    accumulation_steps: int = 1
    is_recomputing: bool = False
    is_autocast: bool = True
    weight_dtype: WeightDtype = "float32"
    optimizer: Optimizer = "muon"
    is_stepping_early: bool = False
    lora_rank: int = 0

    @property
    def weight_bytes(self) -> int:
        return FLOAT_BYTES if self.weight_dtype == "float32" else HALF_BYTES

    @property
    def product_bytes(self) -> int:
        return HALF_BYTES if self.is_autocast else self.weight_bytes

    @property
    def has_copies(self) -> bool:
        """Under autocast fp32 weights are multiplied as bf16 copies, which live as long as the products need them."""
        return self.product_bytes < self.weight_bytes

    @property
    def num_trained(self) -> int:
        return num_adapter_parameters(self.config, self.lora_rank) if self.lora_rank else num_parameters(self.config)


def workload_of(spec: TrainSpec, config: ModelConfig, device: str) -> Workload:
    """A turn holds one row at least."""
    share = -(-spec.batch_tokens // (spec.num_ranks * spec.accumulation_steps))
    return Workload(
        config=config,
        tokens=max(share, spec.data.row_tokens_max),
        device=device,
        num_ranks=spec.num_ranks,
        accumulation_steps=spec.accumulation_steps,
        is_recomputing=spec.is_recomputing,
        is_autocast=spec.is_autocast,
        weight_dtype=spec.weight_dtype,
        optimizer=spec.optimizer,
        is_stepping_early=spec.is_stepping_early,
        lora_rank=spec.lora.rank,
    )


def num_parameters(config: ModelConfig) -> int:
    return num_root_parameters(config) + config.num_layers * num_block_parameters(config)


def num_block_parameters(config: ModelConfig) -> int:
    return config.num_body_parameters // config.num_layers + 2 * config.width


def num_root_parameters(config: ModelConfig) -> int:
    """Embedding, last norm and head."""
    return (
        2 * config.width + _embedding(config)
        if config.has_score_head
        else config.width + _embedding(config) * (1 if config.is_tied else 2)
    )


def num_adapter_parameters(config: ModelConfig, rank: int) -> int:
    """Two thin matrices beside each of a block's seven."""
    heads, kv_heads = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
    sides = 2 * (config.width + heads) + 2 * (config.width + kv_heads) + 3 * (config.width + config.mlp_width)
    return config.num_layers * rank * sides


def peak_parts(work: Workload) -> tuple[Moment, dict[str, int]]:
    """The moment at which one rank needs most, and its parts in bytes; parts of nothing are left out."""
    moments = _moments(work)
    moment = max(moments, key=lambda moment: sum(moments[moment].values()))
    return moment, {name: moments[moment][name] for name in PARTS if moments[moment].get(name)}


def peak_bytes(spec: TrainSpec, config: ModelConfig, device: str) -> int:
    """Of one GPU, or of the ranks of one node, which share a CPU's memory."""
    _, parts = peak_parts(workload_of(spec, config, device))
    return sum(parts.values()) * (spec.ranks_per_node if device == "cpu" else 1)


def _moments(work: Workload) -> dict[Moment, dict[str, int]]:
    c, b = work.config, work.weight_bytes
    always = {
        "weights": b * (num_parameters(c) + (work.num_trained if work.lora_rank else 0)) // work.num_ranks,
        "optimiser": state_bytes(work) // work.num_ranks,
        "runtime": RUNTIME_BYTES.get(work.device, RUNTIME_BYTES["cpu"]),
    }
    gathered, gathered_backward = _gathered_bytes(work)
    embedding = 0 if work.lora_rank else b * _embedding(c)
    block = 0 if work.lora_rank else b * num_block_parameters(c)
    # Early steps keep one gradient at a time; all others those of the earlier turns, and of the layers behind.
    whole = embedding if work.is_stepping_early else b * work.num_trained // work.num_ranks
    before = whole if work.accumulation_steps > 1 else 0
    head = before or (0 if work.is_stepping_early or c.has_score_head else embedding)
    behind = b * c.width * c.mlp_width if work.is_stepping_early else max(before, whole - block // work.num_ranks)
    layers, ends, layer = _layers_bytes(work), _ends_bytes(work), _layer_bytes(work)
    again = layer + _working_bytes(work) if work.is_recomputing else _working_bytes(work)
    copies = HALF_BYTES * c.num_body_parameters if work.has_copies else 0
    one_copy = copies // c.num_layers
    copies_backward = one_copy if work.is_recomputing else copies
    forward, loss = _logit_bytes(work)
    chunk = {**always, "gradients": before, "activations": layers + ends, "gathered": gathered}
    step = {**always, "gradients": whole, "step": _step_bytes(work)}
    return {
        "forward": {**chunk, "logits": forward, "copies": copies + _head_copy_bytes(work)},
        "loss": {**chunk, "logits": loss, "copies": copies_backward + _head_copy_bytes(work)},
        "backward begins": {
            **always,
            "gradients": head,
            "activations": layers + again,
            "copies": copies_backward,
            "gathered": gathered_backward,
        },
        "backward ends": {
            **always,
            "gradients": behind,
            "activations": layers // c.num_layers + again,
            "copies": one_copy,
            "gathered": gathered_backward,
        },
        "step": {**step, "activations": layers + ends} if work.is_stepping_early else step,
    }


def state_bytes(work: Workload) -> int:
    """Of all ranks. Muon keeps one number for each of the blocks' matrices, AdamW two of everything."""
    if work.optimizer == "adamw8bit":
        return 2 * work.num_trained + 2 * FLOAT_BYTES * work.num_trained // BLOCK
    matrices = work.config.num_body_parameters if work.optimizer == "muon" and not work.lora_rank else 0
    return work.weight_bytes * (2 * work.num_trained - matrices)


def _embedding(config: ModelConfig) -> int:
    return config.vocab_size * config.width


def _layers_bytes(work: Workload) -> int:
    """What the backward pass finds of the layers: the input of each, or all of it."""
    one = work.weight_bytes * work.config.width * work.tokens if work.is_recomputing else _layer_bytes(work)
    return work.config.num_layers * one


def _ends_bytes(work: Workload) -> int:
    """The last norm, the head's input, the RoPE."""
    c, r = work.config, work.weight_bytes
    return work.tokens * (c.width * (FLOAT_BYTES + 2 * r) + 2 * c.head_dim * r + TOKEN_BYTES)


def _layer_bytes(work: Workload) -> int:
    """Both norms keep their wide input and its normed form; the products q·k·v·o, gate, up and down their inputs (under
    autocast one bf16 copy each); attention q, k and v with their heads repeated, and its sums."""
    c, e = work.config, work.product_bytes
    if work.weight_dtype == "bfloat16":
        widths = 2 * FLOAT_BYTES + 4 * e
    else:
        widths = 4 * FLOAT_BYTES + (5 if work.is_autocast else 2) * e
    heads = c.num_heads * (4 * c.head_dim * e + FLOAT_BYTES)
    return work.tokens * (widths * c.width + heads + 4 * c.mlp_width * e + 2 * FLOAT_BYTES)


def _working_bytes(work: Workload) -> int:
    """Gradients within one layer where they are most: of gate and up, and of two residuals."""
    c = work.config
    return work.tokens * (2 * c.mlp_width * work.product_bytes + 2 * c.width * work.weight_bytes)


def _logit_bytes(work: Workload) -> tuple[int, int]:
    """Forward: one chunk's logits and their exponentials. Backward: logits, their gradient, the head's gradient and
    what a chunk adds to it, the gradient of the head's input."""
    c, e = work.config, work.product_bytes
    if c.has_score_head:
        return 0, 0
    numbers = c.vocab_size * min(work.tokens, max(1, LOGITS_BYTES_MAX // (FLOAT_BYTES * c.vocab_size)))
    backward = numbers * (FLOAT_BYTES + (e if e < FLOAT_BYTES else 0)) + work.tokens * c.width * work.weight_bytes
    return numbers * 2 * FLOAT_BYTES, backward + (0 if work.lora_rank else _embedding(c) * (FLOAT_BYTES + e))


def _head_copy_bytes(work: Workload) -> int:
    return HALF_BYTES * _embedding(work.config) if work.has_copies and not work.config.has_score_head else 0


def _gathered_bytes(work: Workload) -> tuple[int, int]:
    """Of FSDP2, forward and backward: the root's weights, two blocks' (one is fetched ahead) and the buffer they arrive
    in; backward as much of their gradients. On the safe side: how much of it exists at once is a matter of timing."""
    if work.num_ranks == 1:
        return 0, 0
    root, block = num_root_parameters(work.config), num_block_parameters(work.config)
    weights = work.weight_bytes * (root + 3 * block)
    return weights, weights if work.lora_rank else 2 * weights


def _step_bytes(work: Workload) -> int:
    """What an optimiser needs for its largest tensor: AdamW two of its size; Muon no more than that."""
    c = work.config
    largest = max(_embedding(c), c.width * c.mlp_width) if not work.lora_rank else 0
    if work.optimizer == "adamw8bit":
        return STEP_NUMBER_BYTES * min(STEP_NUMBERS_MAX, largest)
    return 2 * work.weight_bytes * largest


@dataclass(frozen=True, kw_only=True)
class Serving:
    """A model that answers: `cached_tokens` over all sequences, read in passes of `pass_tokens`. As many lie parked
    beside the batch while their askers run tools."""

    config: ModelConfig
    cached_tokens: int
    pass_tokens: int = 512  # as the scheduler's prefill
    device: str = "cuda"
    number_bytes: int = HALF_BYTES


def serving_parts(serving: Serving) -> dict[str, int]:
    c, b = serving.config, serving.number_bytes
    cache = 2 * c.num_layers * c.num_kv_heads * c.head_dim * b * serving.cached_tokens
    parts = {
        "weights": b * num_parameters(c),
        "cache": cache,
        "parked": cache,
        "activations": serving.pass_tokens * (3 * c.mlp_width * b + 4 * c.width * FLOAT_BYTES),
        "runtime": RUNTIME_BYTES.get(serving.device, RUNTIME_BYTES["cpu"]),
    }
    return {name: num_bytes for name, num_bytes in parts.items() if num_bytes}


def asked_parts(config: ModelConfig, device: str) -> dict[str, int]:
    """Of one whole context, in the numbers that a model has on the device (gpu_node/inference/placement.py)."""
    number_bytes = HALF_BYTES if device == "cuda" else FLOAT_BYTES
    return serving_parts(
        Serving(config=config, cached_tokens=config.context_tokens, device=device, number_bytes=number_bytes)
    )


def rewritten_parts(config: ModelConfig) -> dict[str, int]:
    """Of a checkpoint that is read in fp32 on the CPU, and written a tensor at a time."""
    return {"weights": FLOAT_BYTES * num_parameters(config), "runtime": RUNTIME_BYTES["cpu"]}
