"""The critic's model: reads id sequences, gives the probability that each leads to the right answer.

A sequence that goes on from one read before costs what is new of it. Requests that come while it computes are scored
together in the next pass, padded on the right, which a causal model never reads. Not here: what a score means
(gpu_node.reasoning.verifier).
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from gpu_node.inference.backend import EngineFailed
from gpu_node.inference.prefix_cache import PrefixCache
from gpu_node.model.transformer import KVCache, Transformer

BATCH_MAX = 16  # sequences of one pass; more wait for the next
CACHED_TOKENS_MAX = 16_384  # the last steps of 64 branches of 256 tokens: 64 MiB of svend-verifier-nano

# All but cuDNN's, which plans each new shape anew, and here nearly every pass has one.
KERNELS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


class TorchCritic:
    """Used from one event loop."""

    def __init__(self, model: Transformer, *, cached_tokens_max: int = CACHED_TOKENS_MAX) -> None:
        if not model.config.has_score_head:
            raise ValueError("the critic's checkpoint has no score head: it is not a LlamaForSequenceClassification")
        self.context_tokens = model.config.context_tokens
        self._model = model.eval()
        self._weight = next(model.parameters())
        self._read = PrefixCache(tokens_max=cached_tokens_max)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="critic")
        self._waiting: list[tuple[list[int], asyncio.Future[float]]] = []
        self._scoring: asyncio.Task[None] | None = None

    async def score(self, ids: list[list[int]]) -> list[float]:
        """Raises EngineFailed."""
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[float]] = [loop.create_future() for _ in ids]
        self._waiting += zip(ids, futures, strict=True)
        if self._scoring is None or self._scoring.done():
            self._scoring = asyncio.create_task(self._score_waiting(), name="critic")
        return list(await asyncio.gather(*futures))

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def _score_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH_MAX], self._waiting[BATCH_MAX:]
            batch = [(ids, future) for ids, future in batch if not future.done()]  # its asker may have left
            try:
                scores = await loop.run_in_executor(self._thread, self._compute, [ids for ids, _ in batch])
            except Exception as error:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(EngineFailed(f"the critic failed: {type(error).__name__}: {error}"))
                continue
            for (_, future), score in zip(batch, scores, strict=True):
                if not future.done():
                    future.set_result(score)

    @torch.inference_mode()
    def _compute(self, batch: list[list[int]]) -> list[float]:
        if not batch:
            return []
        states = [self._read.longest(ids) for ids in batch]
        starts = [0 if state is None else state.shape[3] for state in states]
        new = [ids[start:] for ids, start in zip(batch, starts, strict=True)]
        num_new, device = max(map(len, new)), self._weight.device
        cache = self._cache_of(states, num_tokens=max(starts) + num_new)
        ids_BT = torch.tensor([ids + [0] * (num_new - len(ids)) for ids in new], device=device)
        positions_BT = torch.tensor(starts, device=device)[:, None] + torch.arange(num_new, device=device)
        with sdpa_kernel(KERNELS):
            hidden_BTC = self._model.hidden(ids_BT, cache=cache, positions_BT=positions_BT)
        for row, ids in enumerate(batch):
            read = cache.keys_LNKSD[:, row, :, : len(ids)], cache.values_LNKSD[:, row, :, : len(ids)]
            self._read.keep(ids, torch.stack(read))
        last_B = torch.tensor([len(ids) - 1 for ids in new], device=device)
        scores_B = self._model.head(hidden_BTC[torch.arange(len(batch), device=device), last_B])
        return torch.sigmoid(scores_B.float()).tolist()

    def _cache_of(self, states: list[Tensor | None], *, num_tokens: int) -> KVCache:
        """A slot a sequence, with what was read of it."""
        dtype, device = self._weight.dtype, str(self._weight.device)
        cache = KVCache(self._model.config, num_slots=len(states), max_tokens=num_tokens, dtype=dtype, device=device)
        for row, state in enumerate(states):
            if state is not None:
                num_read = state.shape[3]
                cache.keys_LNKSD[:, row, :, :num_read], cache.values_LNKSD[:, row, :, :num_read] = state
        return cache
