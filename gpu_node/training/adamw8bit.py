"""AdamW whose two moments are kept in one byte a number (Dettmers et al. 2022, arXiv 2110.02861), in plain torch.

Each row of a matrix is cut into blocks of 256; a block keeps its largest magnitude in fp32 and every number as the
nearest of 256 fractions of it, spaced like a float's: 2.03 bytes a parameter instead of 8. Small tensors and vectors
(norms) keep fp32. Blocks never leave a row, so a matrix sharded by rows is quantised as the whole one is, and its state
is cut and joined by rows without a change. Weights in bf16 are rounded stochastically: most updates are smaller than
half a bf16 step, and would be lost. Not here: schedule and clipping (optim.py).
Invariants: the rounding's random bits depend on step and parameter alone, so a resume is exact; a second moment above
zero never becomes zero, or its update would have no bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributed.tensor import DTensor

BLOCK = 256  # numbers that share a scale
EXACT_NUMBERS_MAX = 4096  # tensors below keep fp32: they weigh nothing, and norms are sensitive
DECADES = 7  # orders of magnitude a block's numbers can lie apart
STEP_NUMBERS_MAX = 2**22  # of a tensor unpacked at once: 16 MiB a temporary
SCALE_MIN = 1e-30  # of a block of zeros


def code_table(*, is_signed: bool) -> Tensor:
    """The 256 fractions of a block's largest magnitude, ascending: the paper's dynamic map.

    Decade i below 1 is cut twice as finely as the one below it; half as finely where the sign takes a bit.
    """
    fractions = [0.0, 1.0]
    for decade in range(DECADES):
        num_items = 2 ** (decade if is_signed else decade + 1)
        edges = torch.linspace(0.1, 1.0, num_items + 1, dtype=torch.float64)
        middles = ((edges[:-1] + edges[1:]) / 2 * 10.0 ** (decade + 1 - DECADES)).tolist()
        fractions += middles + ([-middle for middle in middles] if is_signed else [])
    return torch.tensor(sorted(fractions), dtype=torch.float32)


class Codes:
    """One map with the midpoints at which rounding turns over, on one device."""

    def __init__(self, device: torch.device, *, is_signed: bool) -> None:
        table = code_table(is_signed=is_signed)
        self._is_signed = is_signed
        self._table = table.to(device)
        self._middles = ((table[:-1] + table[1:]) / 2).to(device)

    def pack(self, values_RC: Tensor) -> tuple[Tensor, Tensor]:
        """(codes (R, C) uint8, scales (R, blocks) fp32)."""
        num_rows, width = values_RC.shape
        blocks_RBb = F.pad(values_RC, (0, -width % BLOCK)).view(num_rows, -1, BLOCK)
        scales_RB = blocks_RBb.abs().amax(-1)
        fractions_RBb = blocks_RBb / scales_RB.clamp_min(SCALE_MIN)[..., None]
        codes_RBb = torch.bucketize(fractions_RBb, self._middles, out_int32=True)
        if not self._is_signed:
            codes_RBb = torch.maximum(codes_RBb, (fractions_RBb > 0).int())
        return codes_RBb.view(num_rows, -1)[:, :width].to(torch.uint8), scales_RB

    def unpack(self, codes_RC: Tensor, scales_RB: Tensor) -> Tensor:
        values_RC = self._table[codes_RC.int()]
        return values_RC.mul_(scales_RB.repeat_interleave(BLOCK, dim=1)[:, : codes_RC.shape[1]])


class AdamW8bit(torch.optim.Optimizer):
    """As torch.optim.AdamW. Of a sharded parameter each rank keeps and updates its own rows, as plain tensors."""

    def __init__(
        self, params: Any, *, lr: float, betas: tuple[float, float], weight_decay: float, eps: float = 1e-8
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay, "eps": eps})
        self._codes: dict[tuple[torch.device, bool], Codes] = {}
        self._numbers = {p: n for n, p in enumerate(p for group in self.param_groups for p in group["params"])}

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        assert closure is None
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self.step_one(parameter, group)

    @torch.no_grad()
    def step_one(self, parameter: Tensor, group: dict[str, Any]) -> None:
        """Updates one parameter by its gradient, a bounded number of rows at a time."""
        weights, gradient = _own(parameter), _own(parameter.grad)
        if not weights.numel():
            return  # another rank has all of its rows
        state = self.state[parameter]
        if not state:
            self._state_make(state, weights, is_exact=parameter.ndim < 2 or parameter.numel() < EXACT_NUMBERS_MAX)
        state["step"] += 1
        num_steps = int(state["step"].item())
        rounding = torch.Generator(weights.device)
        rounding.manual_seed(num_steps * 2**20 + self._numbers[parameter])
        for rows in _row_chunks(weights):
            first = self._read(state, "exp_avg", rows, is_signed=True)
            second = self._read(state, "exp_avg_sq", rows, is_signed=False)
            slope = gradient[rows].float()
            first.lerp_(slope, 1 - group["betas"][0])
            second.mul_(group["betas"][1]).addcmul_(slope, slope, value=1 - group["betas"][1])
            spread = (second / (1 - group["betas"][1] ** num_steps)).sqrt_().add_(group["eps"])
            moved = weights[rows].float().mul_(1 - group["lr"] * group["weight_decay"])
            moved.addcdiv_(first, spread, value=-group["lr"] / (1 - group["betas"][0] ** num_steps))
            weights[rows] = moved if weights.dtype == torch.float32 else rounded(moved, rounding)
            self._write(state, "exp_avg", rows, first, is_signed=True)
            self._write(state, "exp_avg_sq", rows, second, is_signed=False)

    def _state_make(self, state: dict[str, Tensor], weights: Tensor, *, is_exact: bool) -> None:
        state["step"] = torch.zeros((), dtype=torch.float32)
        for field, is_signed in (("exp_avg", True), ("exp_avg_sq", False)):
            zeros = torch.zeros_like(weights, dtype=torch.float32 if is_exact else torch.uint8)
            if not is_exact:
                num_blocks = -(-weights.shape[1] // BLOCK)
                state[f"{field}_scale"] = weights.new_zeros((len(weights), num_blocks), dtype=torch.float32)
                zeros.fill_(int((code_table(is_signed=is_signed) == 0).nonzero().item()))
            state[field] = zeros

    def _read(self, state: dict[str, Tensor], field: str, rows: slice, *, is_signed: bool) -> Tensor:
        stored = state[field][rows]
        if stored.dtype == torch.float32:
            return stored  # changed in place
        return self._codes_of(stored.device, is_signed).unpack(stored, state[f"{field}_scale"][rows])

    def _write(self, state: dict[str, Tensor], field: str, rows: slice, values: Tensor, *, is_signed: bool) -> None:
        if state[field].dtype != torch.float32:
            codes = self._codes_of(values.device, is_signed)
            state[field][rows], state[f"{field}_scale"][rows] = codes.pack(values)

    def _codes_of(self, device: torch.device, is_signed: bool) -> Codes:
        if (device, is_signed) not in self._codes:
            self._codes[device, is_signed] = Codes(device, is_signed=is_signed)
        return self._codes[device, is_signed]


def rounded(values: Tensor, generator: torch.Generator) -> Tensor:
    """fp32 to bf16, up or down by chance, so that the mean is kept. bf16 is the upper half of fp32's bits."""
    noise = torch.randint(2**16, values.shape, dtype=torch.int32, device=values.device, generator=generator)
    bits = noise.add_(values.view(torch.int32)).bitwise_and_(-(2**16))
    return bits.view(torch.float32).to(torch.bfloat16)


def _own(tensor: Tensor | None) -> Tensor:
    assert tensor is not None
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _row_chunks(weights: Tensor) -> Iterator[slice]:
    width = weights.numel() // len(weights)
    size = max(1, STEP_NUMBERS_MAX // width)
    return (slice(start, start + size) for start in range(0, len(weights), size))
