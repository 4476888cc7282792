"""The layers of the Llama architecture, nothing that stock Llama lacks (so that a checkpoint loads anywhere).

Shapes: B batch, T tokens, C width, H query heads, K key/value heads, D head width, S cached positions.
RoPE rotates halves (x[:D/2] with x[D/2:]), as transformers does; the interleaved form differs silently.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from gpu_node.model.config import ModelConfig, RopeScaling


class Cache(Protocol):
    """Where a forward pass keeps keys and values; who owns it has said which slots and places the pass is about."""

    def select(self, slots_B: Tensor | None, positions_BT: Tensor) -> Tensor:
        """Names the slots and places of the coming pass; gives its attention mask (B, 1, T, S)."""
        ...

    def extend(self, layer: int, k_BKTD: Tensor, v_BKTD: Tensor) -> tuple[Tensor, Tensor]:
        """Writes the pass's keys and values; gives all that the pass attends to."""
        ...


class RMSNorm(nn.Module):
    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x_BTC: Tensor) -> Tensor:
        # In fp32 whatever the input: the mean square of bf16 loses the digits that later layers amplify.
        wide = x_BTC.float()
        normed = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return self.weight * normed.to(x_BTC.dtype)


def rope_frequencies(head_dim: int, theta: float, scaling: RopeScaling | None) -> Tensor:
    """Inverse frequencies, one per half dimension; llama3 scaling slows only wavelengths beyond what was trained."""
    # The same operations as transformers': a power of the negative exponent differs by a bit, 30 layers by 5e-5.
    frequencies = 1.0 / theta ** (torch.arange(0, head_dim, 2, dtype=torch.float32, device="cpu") / head_dim)
    if scaling is None:
        return frequencies
    wavelengths = 2 * math.pi / frequencies
    low = scaling.original_context_tokens / scaling.low_freq_factor
    high = scaling.original_context_tokens / scaling.high_freq_factor
    smooth = (scaling.original_context_tokens / wavelengths - scaling.low_freq_factor) / (
        scaling.high_freq_factor - scaling.low_freq_factor
    )
    blended = (1 - smooth) * frequencies / scaling.factor + smooth * frequencies
    scaled = torch.where(wavelengths > low, frequencies / scaling.factor, frequencies)
    is_between = (wavelengths <= low) & (wavelengths >= high)
    return torch.where(is_between, blended, scaled)


def rope_tables(config: ModelConfig, positions_BT: Tensor) -> tuple[Tensor, Tensor]:
    """cos and sin of shape (B, 1, T, D), in fp32."""
    frequencies = rope_frequencies(config.head_dim, config.rope_theta, config.rope_scaling).to(positions_BT.device)
    angles = positions_BT[..., None].float() * frequencies
    angles = torch.cat((angles, angles), dim=-1).unsqueeze(1)
    return angles.cos(), angles.sin()


def rope_apply(x_BHTD: Tensor, cos_B1TD: Tensor, sin_B1TD: Tensor) -> Tensor:
    first, second = x_BHTD.chunk(2, dim=-1)
    rotated = torch.cat((-second, first), dim=-1)
    return (x_BHTD * cos_B1TD + rotated * sin_B1TD).to(x_BHTD.dtype)


class Attention(nn.Module):
    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.layer, self.head_dim = layer, config.head_dim
        self.num_heads, self.num_kv_heads = config.num_heads, config.num_kv_heads
        self.q_proj = nn.Linear(config.width, config.num_heads * self.head_dim, bias=False)
        self.k_proj = nn.Linear(config.width, config.num_kv_heads * self.head_dim, bias=False)
        self.v_proj = nn.Linear(config.width, config.num_kv_heads * self.head_dim, bias=False)
        self.o_proj = nn.Linear(config.num_heads * self.head_dim, config.width, bias=False)

    def forward(
        self, x_BTC: Tensor, rope: tuple[Tensor, Tensor], cache: Cache | None, mask_B1TS: Tensor | None
    ) -> Tensor:
        B, T, _ = x_BTC.shape
        q_BHTD = self.q_proj(x_BTC).view(B, T, self.num_heads, self.head_dim).transpose(1, 2)
        k_BKTD = self.k_proj(x_BTC).view(B, T, self.num_kv_heads, self.head_dim).transpose(1, 2)
        v_BKTD = self.v_proj(x_BTC).view(B, T, self.num_kv_heads, self.head_dim).transpose(1, 2)
        q_BHTD, k_BKTD = rope_apply(q_BHTD, *rope), rope_apply(k_BKTD, *rope)
        if cache is not None:
            k_BKTD, v_BKTD = cache.extend(self.layer, k_BKTD, v_BKTD)
        group = self.num_heads // self.num_kv_heads
        if group > 1 and cache is None:
            k_BKTD, v_BKTD = (t.repeat_interleave(group, dim=1) for t in (k_BKTD, v_BKTD))
        # Over a cache the heads are shared inside the kernel: repeating would copy the whole past for every token.
        out_BHTD = F.scaled_dot_product_attention(
            q_BHTD,
            k_BKTD,
            v_BKTD,
            attn_mask=mask_B1TS,
            is_causal=mask_B1TS is None,
            enable_gqa=group > 1 and cache is not None,
        )
        return self.o_proj(out_BHTD.transpose(1, 2).reshape(B, T, -1))


class SwiGLU(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.width, config.mlp_width, bias=False)
        self.up_proj = nn.Linear(config.width, config.mlp_width, bias=False)
        self.down_proj = nn.Linear(config.mlp_width, config.width, bias=False)

    def forward(self, x_BTC: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x_BTC)) * self.up_proj(x_BTC))


class Block(nn.Module):
    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.width, config.norm_eps)
        self.self_attn = Attention(config, layer)
        self.post_attention_layernorm = RMSNorm(config.width, config.norm_eps)
        self.mlp = SwiGLU(config)
        self.is_recomputing = False  # keeps only its input for the backward pass, and computes the rest again there

    def forward(
        self, x_BTC: Tensor, rope: tuple[Tensor, Tensor], cache: Cache | None, mask_B1TS: Tensor | None
    ) -> Tensor:
        if self.is_recomputing and cache is None and torch.is_grad_enabled():
            # Inside the block, so that a sharded one gathers its weights around both passes. Nothing here is random.
            again: Tensor = checkpoint(
                self._forward, x_BTC, rope, None, mask_B1TS, use_reentrant=False, preserve_rng_state=False
            )
            return again
        return self._forward(x_BTC, rope, cache, mask_B1TS)

    def _forward(
        self, x_BTC: Tensor, rope: tuple[Tensor, Tensor], cache: Cache | None, mask_B1TS: Tensor | None
    ) -> Tensor:
        x_BTC = x_BTC + self.self_attn(self.input_layernorm(x_BTC), rope, cache, mask_B1TS)
        return x_BTC + self.mlp(self.post_attention_layernorm(x_BTC))
