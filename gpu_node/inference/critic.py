"""The critic's model: reads whole id sequences, gives the probability that each leads to the right answer.

Requests that come while it computes are scored together in the next pass. Not here: what a score means
(gpu_node.reasoning.verifier). Sequences are padded on the right, which a causal model never reads.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import torch

from gpu_node.inference.backend import EngineFailed
from gpu_node.model.transformer import Transformer

BATCH_MAX = 16  # sequences of one pass; more wait for the next


class TorchCritic:
    """Used from one event loop."""

    def __init__(self, model: Transformer) -> None:
        if not model.config.has_score_head:
            raise ValueError("the critic's checkpoint has no score head: it is not a LlamaForSequenceClassification")
        self.context_tokens = model.config.context_tokens
        self._model = model.eval()
        self._device = next(model.parameters()).device
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
        length = max(map(len, batch))
        ids_BT = torch.tensor([ids + [0] * (length - len(ids)) for ids in batch], device=self._device)
        scores_BT = torch.sigmoid(self._model(ids_BT).float())
        last_B1 = torch.tensor([[len(ids) - 1] for ids in batch], device=self._device)
        return scores_BT.gather(1, last_B1).squeeze(1).tolist()
