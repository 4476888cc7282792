"""Direct preference optimisation: the better answer is made likelier against the worse one than the reference has it.

Rafailov et al. 2023, arXiv 2305.18290, equation 7: -log sigmoid(beta ((log p_w - log r_w) - (log p_l - log r_l))), with
p the trained model's and r the frozen reference's log-probability of a whole answer, the mean over pairs.
The reference is the model as the training starts: its log-probabilities are computed once, before the first step, and
kept with every checkpoint, so that no second model stays in memory. Not here: pairs as rows (labelled_rows.py).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gpu_node.data.labelled_rows import pairs_unfold
from gpu_node.data.packing import Batch, RowPool
from gpu_node.model.transformer import Transformer
from gpu_node.training.distributed import World
from gpu_node.training.lora import switched_off
from gpu_node.training.part_loss import Means, PartLoss

REFERENCE = "dpo.reference"


class PreferenceLoss(PartLoss):
    """`reference_P2`: log-probabilities of (better, worse) of each of the pool's P pairs, in fp32."""

    def __init__(self, pool: RowPool, *, beta: float, batch_tokens: int, is_autocast: bool) -> None:
        self._pool, self._beta = pool, beta
        self._batch_tokens, self._is_autocast = batch_tokens, is_autocast
        self.reference_P2: Tensor | None = None
        self._means = Means()

    def __call__(self, model: Transformer, part: Batch, device: str) -> Tensor:
        assert self.reference_P2 is not None, "prepare or load_tensors comes first"
        own_B2 = answer_log_probabilities(model, part, device)
        gain_B2 = own_B2 - self.reference_P2[torch.from_numpy(part.rows_B)].to(device)
        margins_B = self._beta * (gain_B2[:, 0] - gain_B2[:, 1])
        self._means.add(reward_margin=margins_B.mean(), reward_accuracy=(margins_B > 0).float().mean())
        return -F.logsigmoid(margins_B).mean()

    @torch.no_grad()
    def prepare(self, model: Transformer, world: World) -> None:
        """The reference's log-probabilities; each rank computes a share, as many batches as any other."""
        if self.reference_P2 is not None:
            return
        batches = self._batches()
        found_P2 = torch.zeros(len(self._pool), 2)
        model.eval()
        with switched_off(model), torch.autocast(world.device, torch.bfloat16, enabled=self._is_autocast):
            for first in range(0, len(batches), world.size):
                number = first + world.rank
                rows = batches[min(number, len(batches) - 1)]  # a pass of a sharded model is every rank's
                own_B2 = answer_log_probabilities(model, self._pool.batch(rows), world.device).cpu()
                if number < len(batches):
                    found_P2[torch.from_numpy(rows)] = own_B2
        self.reference_P2 = world.sum(found_P2)

    def _batches(self) -> list[np.ndarray]:
        """All rows by length, as many at once as a step's tokens hold."""
        order = np.argsort(self._pool.lengths, kind="stable")
        num = max(1, self._batch_tokens // int(self._pool.lengths.max()))
        return [order[first : first + num] for first in range(0, len(order), num)]

    def tensors(self) -> dict[str, Tensor]:
        return {} if self.reference_P2 is None else {REFERENCE: self.reference_P2}

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        reference = tensors.get(REFERENCE)
        if reference is None or reference.shape != (len(self._pool), 2):
            found = "none" if reference is None else f"those of {len(reference)} pairs"
            raise ValueError(f"the state needs the reference of {len(self._pool)} pairs, but holds {found}")
        self.reference_P2 = reference

    def told(self) -> dict[str, float]:
        return self._means.take()


def answer_log_probabilities(model: Transformer, part: Batch, device: str) -> Tensor:
    """Of the (better, worse) answer of each pair, (B, 2), in fp32: sums over the answer's ids."""
    ids, mask = pairs_unfold(part)
    losses_NT = model.next_token_losses(torch.from_numpy(ids).to(device))
    sums_N = -(losses_NT * torch.from_numpy(mask[:, 1:]).to(device)).sum(dim=1)
    return sums_N.view(2, -1).T
