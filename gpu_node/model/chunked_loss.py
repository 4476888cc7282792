"""Cross entropy over the vocabulary without its logits: computed a chunk of tokens at a time, and again backwards.

Shapes: N tokens, C width, V vocabulary. Saved for the backward pass are the input and one number a token, so that the
N x V logits never exist as a whole; the price is a third product with the head. Cut Cross-Entropy (Wijmans et al. 2024,
arXiv 2411.09009) and Liger Kernel do the same in a GPU's kernels; this is plain torch, and runs anywhere.
Not here: weighting and averaging (gpu_node/training). Invariant: value and gradients are those of
`F.cross_entropy(x @ weight.T, targets)`, within the rounding of the products' number format.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

# One chunk's logits in fp32: 2,048 tokens of a vocabulary of 32,768, enough rows to keep a GPU's products busy.
LOGITS_BYTES_MAX = 256 * 2**20
FLOAT_BYTES = 4


def chunk_tokens(vocab_size: int) -> int:
    """How many tokens' logits exist at once."""
    return max(1, LOGITS_BYTES_MAX // (FLOAT_BYTES * vocab_size))


@torch.compiler.disable
def chunked_cross_entropy(x_NC: Tensor, weight_VC: Tensor, targets_N: Tensor) -> Tensor:
    """Losses (N,) in fp32. Under autocast the products are in its format, everything else in fp32."""
    device = x_NC.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight_VC.dtype
    losses_N: Tensor = _ChunkedCrossEntropy.apply(x_NC, weight_VC, targets_N, dtype)
    return losses_N


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_NC: Tensor, weight_VC: Tensor, targets_N: Tensor, dtype: torch.dtype) -> Tensor:
        head_VC = weight_VC.to(dtype)
        log_sums_N = x_NC.new_empty(len(x_NC), dtype=torch.float32)
        losses_N = torch.empty_like(log_sums_N)
        for chunk in _chunks(x_NC, weight_VC):
            logits_nV = (x_NC[chunk].to(dtype) @ head_VC.T).float()
            log_sums_N[chunk] = logits_nV.logsumexp(-1)
            losses_N[chunk] = log_sums_N[chunk] - logits_nV.gather(1, targets_N[chunk, None]).squeeze(1)
        ctx.save_for_backward(x_NC, weight_VC, targets_N, log_sums_N)
        ctx.dtype = dtype
        return losses_N

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x_NC, weight_VC, targets_N, log_sums_N = ctx.saved_tensors
        head_VC = weight_VC.to(ctx.dtype)
        x_gradient_NC = torch.empty_like(x_NC)
        # Summed over chunks in fp32: in bf16 what a late chunk adds would be rounded away.
        needs_weight = ctx.needs_input_grad[1]
        weight_gradient_VC = torch.zeros_like(weight_VC, dtype=torch.float32) if needs_weight else None
        for chunk in _chunks(x_NC, weight_VC):
            x_nC = x_NC[chunk].to(ctx.dtype)
            errors_nV = (x_nC @ head_VC.T).float().sub_(log_sums_N[chunk, None]).exp_()
            rows_n = torch.arange(len(errors_nV), device=errors_nV.device)
            errors_nV[rows_n, targets_N[chunk]] -= 1
            errors_nV = errors_nV.mul_(gradients[0][chunk, None]).to(ctx.dtype)
            x_gradient_NC[chunk] = (errors_nV @ head_VC).to(x_NC.dtype)
            if weight_gradient_VC is not None:
                weight_gradient_VC += errors_nV.T @ x_nC
        if weight_gradient_VC is not None:
            weight_gradient_VC = weight_gradient_VC.to(weight_VC.dtype)
        return x_gradient_NC, weight_gradient_VC, None, None


def _chunks(x_NC: Tensor, weight_VC: Tensor) -> list[slice]:
    size = chunk_tokens(len(weight_VC))
    return [slice(start, start + size) for start in range(0, len(x_NC), size)]
