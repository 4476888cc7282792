"""The decoder: embeddings, blocks, norm, and one of two heads (next-token logits, or a score of what was read so far).

Parameter names are those of Hugging Face's Llama classes, so a state dict IS the checkpoint.
Rows of a batch may have different lengths if they are padded on the right: attention is causal, so padding is never
read by a real token, and cached padding lies at positions that the row's next tokens overwrite before they attend.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gpu_node.model.chunked_loss import chunked_cross_entropy
from gpu_node.model.config import ModelConfig
from gpu_node.model.layers import Block, Cache, RMSNorm, rope_tables

INIT_STD = 0.02


class KVCache:
    """Keys and values of `num_slots` sequences of ≤ `max_tokens`; a forward pass works on the slots `select` names.

    The caller tracks lengths. Memory: 2 · layers · slots · kv_heads · max_tokens · head_dim elements.
    """

    def __init__(
        self, config: ModelConfig, *, num_slots: int, max_tokens: int, dtype: torch.dtype, device: str = "cpu"
    ) -> None:
        shape = (config.num_layers, num_slots, config.num_kv_heads, max_tokens, config.head_dim)
        self.keys_LNKSD = torch.zeros(shape, dtype=dtype, device=device)
        self.values_LNKSD = torch.zeros(shape, dtype=dtype, device=device)
        self.max_tokens = max_tokens
        self._slots_B: Tensor | None = None
        self._positions_BT = torch.zeros((num_slots, 0), dtype=torch.long, device=device)
        self._num_read = 0

    def select(self, slots_B: Tensor | None, positions_BT: Tensor) -> Tensor:
        """Names the slots (None: all of them, read without a copy) and places of the coming forward pass; gives its
        attention mask (B, 1, T, S)."""
        self._slots_B, self._positions_BT = slots_B, positions_BT
        self._num_read = int(positions_BT.max()) + 1
        if self._num_read > self.max_tokens:
            raise ValueError(f"position {self._num_read - 1} is beyond the cache of {self.max_tokens} tokens")
        reachable = torch.arange(self._num_read, device=positions_BT.device)
        return (reachable <= positions_BT[..., None]).unsqueeze(1)

    def keep(self, slots_B: Tensor) -> None:
        """Forgets all but these slots, which become 0, 1, …"""
        self.keys_LNKSD, self.values_LNKSD = self.keys_LNKSD[:, slots_B], self.values_LNKSD[:, slots_B]

    def extend(self, layer: int, k_BKTD: Tensor, v_BKTD: Tensor) -> tuple[Tensor, Tensor]:
        keys_NKSD, values_NKSD = self.keys_LNKSD[layer], self.values_LNKSD[layer]
        slots_B = torch.arange(len(keys_NKSD), device=keys_NKSD.device) if self._slots_B is None else self._slots_B
        rows_B1 = slots_B[:, None]
        keys_NKSD[rows_B1, :, self._positions_BT] = k_BKTD.transpose(1, 2).to(keys_NKSD.dtype)
        values_NKSD[rows_B1, :, self._positions_BT] = v_BKTD.transpose(1, 2).to(values_NKSD.dtype)
        if self._slots_B is None:
            return keys_NKSD[:, :, : self._num_read], values_NKSD[:, :, : self._num_read]
        return keys_NKSD[self._slots_B, :, : self._num_read], values_NKSD[self._slots_B, :, : self._num_read]


class Body(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.width)
        self.layers = nn.ModuleList(Block(config, layer) for layer in range(config.num_layers))
        self.norm = RMSNorm(config.width, config.norm_eps)


class Transformer(nn.Module):
    """`forward` gives logits (B, T, vocab), or with a score head scores (B, T), as logits of "the answer is right"."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.model = Body(config)
        if config.has_score_head:
            self.score = nn.Linear(config.width, 1, bias=False)
        elif not config.is_tied:
            self.lm_head = nn.Linear(config.width, config.vocab_size, bias=False)

    def hidden(
        self,
        ids_BT: Tensor,
        *,
        cache: Cache | None = None,
        positions_BT: Tensor | None = None,
        slots_B: Tensor | None = None,
    ) -> Tensor:
        B, T = ids_BT.shape
        if positions_BT is None:
            positions_BT = torch.arange(T, device=ids_BT.device).expand(B, T)
        mask = None
        if cache is not None:
            mask = cache.select(slots_B, positions_BT)
        x_BTC = self.model.embed_tokens(ids_BT)
        cos, sin = rope_tables(self.config, positions_BT)
        rope = (cos.to(x_BTC.dtype), sin.to(x_BTC.dtype))
        for block in self.model.layers:
            x_BTC = block(x_BTC, rope, cache, mask)
        return self.model.norm(x_BTC)

    def head(self, x_BTC: Tensor) -> Tensor:
        if self.config.has_score_head:
            return self.score(x_BTC).squeeze(-1)
        return F.linear(x_BTC, self.head_weight_VC)

    @property
    def head_weight_VC(self) -> Tensor:
        return self.model.embed_tokens.weight if self.config.is_tied else self.lm_head.weight

    def forward(
        self,
        ids_BT: Tensor,
        *,
        cache: Cache | None = None,
        positions_BT: Tensor | None = None,
        slots_B: Tensor | None = None,
    ) -> Tensor:
        return self.head(self.hidden(ids_BT, cache=cache, positions_BT=positions_BT, slots_B=slots_B))

    def next_token_losses(self, ids_BT: Tensor) -> Tensor:
        """Cross entropy of each next id (B, T - 1), in fp32, without ever holding all logits."""
        B, T = ids_BT.shape
        x_BTC = self.hidden(ids_BT)
        # The last place predicts nothing: it takes any target, so that no copy without it is made.
        targets_BT = ids_BT.roll(-1, dims=1)
        losses_N = chunked_cross_entropy(x_BTC.flatten(0, 1), self.head_weight_VC, targets_BT.flatten())
        return losses_N.view(B, T)[:, :-1]

    @property
    def num_parameters(self) -> int:
        return sum(p.numel() for p in self.parameters())


def initialise(model: Transformer, *, seed: int) -> None:
    """Fresh weights: normal, with residual outputs at zero, so that each block starts as the identity."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        with torch.no_grad():
            if name.endswith(("o_proj.weight", "down_proj.weight", "score.weight")):
                parameter.zero_()
            elif parameter.ndim == 2:
                std = INIT_STD if "embed" in name or "lm_head" in name else 1 / math.sqrt(parameter.shape[1])
                parameter.normal_(0.0, std, generator=generator)
            else:
                parameter.fill_(1.0)
