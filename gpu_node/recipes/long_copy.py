"""Does a model that was trained within 8K read 32K, by Llama 3's scaling of RoPE alone? A copy task tells, on a CPU.

A row is filler with spans (a key and words, each once in a row) somewhere in it; at its end the spans come again in
another order, and the model is to write the words of each from the second on. Training never sees a distance above 8K,
and mostly not a long row either: of a row of up to 8K most filler is left out, while what is kept keeps its own
position. So a distance of 8K costs a few hundred tokens. Measured is on whole rows only.
`python -m gpu_node.recipes.long_copy --out DIR` trains and prints the shares of right words as JSON; LOG.md has them.
Not here: language. Positions drawn apart: Ruoss et al. 2023, arXiv:2305.16843; in pieces, as here: Zhu et al. 2023
(PoSE), arXiv:2309.10400. Scaling "by parts": Peng et al. 2023, arXiv:2309.00071; its numbers are Llama 3.1's.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from gpu_node.data.packing import Batch
from gpu_node.model.checkpoint import load_checkpoint, save_checkpoint
from gpu_node.model.config import ModelConfig, RopeScaling
from gpu_node.model.transformer import Transformer, initialise
from gpu_node.protocol.intervals import Share, difference_interval
from gpu_node.training.job_frames import JobLog
from gpu_node.training.optim import OptimConfig
from gpu_node.training.part_loss import PartLoss
from gpu_node.training.trainer import RunPace, TrainConfig, Trainer

TRAINED_TOKENS = 8_192
LONG_TOKENS = 32_768
SPAN_WORDS = 8
SPAN_TOKENS = 1 + SPAN_WORDS
NUM_SPANS = 16  # of a row that is measured
NUM_ASKED = NUM_SPANS * (SPAN_WORDS - 1)
FILLER, KEYS, WORDS = (1, 64), (64, 96), (96, 256)  # ranges of ids

CONFIG = ModelConfig(
    vocab_size=256,
    width=128,
    num_layers=2,
    num_heads=2,
    num_kv_heads=2,
    mlp_width=256,
    context_tokens=TRAINED_TOKENS,
    is_tied=True,
)
SCALED = replace(CONFIG, context_tokens=LONG_TOKENS, rope_scaling=RopeScaling(factor=LONG_TOKENS / TRAINED_TOKENS))

SEED, MEASURED_SEED = 1, 99
EDGES = (0, 2_048, 4_096, 8_192, 16_384, 24_576, 32_768)  # of distances, in tokens
ROWS_MAX = 1_000  # of a batch: a row's number is its step's times this, and its own


@dataclass(frozen=True)
class CopyRow:
    """The last `distances.size` ids are the spans' second time; `distances` is how far back each stood before."""

    ids: NDArray[np.int64]
    positions: NDArray[np.int64]
    distances: NDArray[np.int64]

    @property
    def is_asked(self) -> NDArray[np.bool_]:
        """Of the second time's ids: which ones the model is to write. Not what follows a key: ids that are never
        written become alike, as the embedding is the head, so that one key does not tell from another."""
        asked: NDArray[np.bool_] = np.arange(self.distances.size) % SPAN_TOKENS > 1
        return asked


def row_draw(
    rng: np.random.Generator, *, num_tokens: int, num_spans: int = NUM_SPANS, num_kept: int | None = None
) -> CopyRow:
    """A row of `num_tokens`. `num_kept`: only so many pieces of it, of SPAN_TOKENS each, are kept before the second
    time: those with a span, those before these, and others."""
    tail = num_tokens - num_spans * SPAN_TOKENS
    ids = rng.integers(*FILLER, num_tokens)
    words = rng.permutation(np.arange(*WORDS))[: num_spans * SPAN_WORDS].reshape(num_spans, SPAN_WORDS)
    keys = rng.permutation(np.arange(*KEYS))[:num_spans]
    spans = np.concatenate((keys[:, None], words), axis=1)
    num_pieces = tail // SPAN_TOKENS
    pieces = rng.choice(num_pieces, num_spans, replace=False)
    places = _places(pieces)
    ids[places] = spans
    again = rng.permutation(num_spans)
    ids[tail:] = spans[again].ravel()
    distances = np.arange(tail, num_tokens) - places[again].ravel()
    positions = np.arange(num_tokens)
    if num_kept is not None:
        kept = np.union1d(pieces, np.maximum(pieces - 1, 0))
        others = rng.permutation(np.setdiff1d(np.arange(num_pieces), kept))[: max(0, num_kept - len(kept))]
        positions = np.concatenate((_places(np.union1d(kept, others)).ravel(), positions[tail:]))
    return CopyRow(ids[positions], positions, distances)


def _places(pieces: NDArray[np.int64]) -> NDArray[np.int64]:
    places: NDArray[np.int64] = pieces[:, None] * SPAN_TOKENS + np.arange(SPAN_TOKENS)
    return places


# ---- training


@dataclass(frozen=True)
class CopyStage:
    """Ranges are drawn from once a step (lengths of thinned rows: once a row), with their ends; lengths evenly on a
    logarithmic scale."""

    num_steps: int
    num_tokens: tuple[int, int]
    num_spans: tuple[int, int]
    batch_tokens: int
    num_fillers: tuple[int, int] | None = None  # pieces kept beyond those with or before a span; None: all


# First few spans: among 20 words looking anywhere is right often enough to learn from. Among the 130 of a full row it
# is not, and nothing begins.
STAGES = (
    CopyStage(450, (36, 80), (1, 3), 4_096),
    CopyStage(100, (72, 200), (2, 7), 4_096),
    CopyStage(100, (200, 500), (4, 16), 8_192),
    CopyStage(200, (400, TRAINED_TOKENS), (4, 16), 8_192, (0, 29)),
    CopyStage(60, (512, TRAINED_TOKENS), (8, 16), 8_192),
)


class CopyOrder:
    """The batch of a step is a function of (stages, seed, step) alone; past the end the last stage goes on."""

    def __init__(self, stages: Sequence[CopyStage], *, seed: int) -> None:
        self._stages, self._seed = stages, seed
        self._ends = np.cumsum([stage.num_steps for stage in stages])
        self.num_steps = int(self._ends[-1])

    def rows(self, step: int) -> list[CopyRow]:
        stage = self._stages[min(int(np.searchsorted(self._ends, step, side="right")), len(self._stages) - 1)]
        rng = np.random.Generator(np.random.PCG64([self._seed, step]))
        num_spans = _drawn(rng, stage.num_spans)
        if stage.num_fillers is None:
            num_tokens = max(_length(rng, stage), 2 * num_spans * SPAN_TOKENS)
            num_rows = max(1, stage.batch_tokens // num_tokens)
            return [row_draw(rng, num_tokens=num_tokens, num_spans=num_spans) for _ in range(num_rows)]
        num_kept = 2 * num_spans + _drawn(rng, stage.num_fillers)
        shortest = (num_kept + num_spans) * SPAN_TOKENS
        return [
            row_draw(rng, num_tokens=max(_length(rng, stage), shortest), num_spans=num_spans, num_kept=num_kept)
            for _ in range(stage.batch_tokens // shortest)
        ]

    def batch(self, step: int) -> Batch:
        rows = self.rows(step)
        shape = (len(rows), max(row.ids.size for row in rows))
        ids_BT, weights_BT = np.zeros(shape, np.int64), np.zeros(shape, np.float32)
        for i, row in enumerate(rows):
            ids_BT[i, : row.ids.size] = row.ids
            weights_BT[i, row.ids.size - row.distances.size : row.ids.size] = row.is_asked
        numbers_B = step * ROWS_MAX + np.arange(len(rows))
        return Batch(ids_BT, weights_BT, np.zeros(shape, np.float32), np.zeros(len(rows), np.int16), numbers_B)

    def positions_BT(self, part: Batch) -> NDArray[np.int64]:
        """Of a part of a batch, drawn again by the rows' numbers."""
        rows = self.rows(int(part.rows_B[0]) // ROWS_MAX)
        positions_BT = np.zeros(part.ids_BT.shape, np.int64)
        for i, number in enumerate(part.rows_B % ROWS_MAX):
            positions_BT[i, : rows[number].ids.size] = rows[number].positions
        return positions_BT


def _drawn(rng: np.random.Generator, ends: tuple[int, int]) -> int:
    return int(rng.integers(*ends, endpoint=True))


def _length(rng: np.random.Generator, stage: CopyStage) -> int:
    return int(np.exp(rng.uniform(*np.log(stage.num_tokens))))


class PositionedLoss(PartLoss):
    """Cross entropy of the words that are asked, each id at the position it has in the whole row."""

    def __init__(self, order: CopyOrder) -> None:
        self._order = order

    def __call__(self, model: Transformer, part: Batch, device: str) -> Tensor:
        ids_BT, weights_BT, positions_BT = (
            torch.from_numpy(a).to(device) for a in (part.ids_BT, part.weights_BT, self._order.positions_BT(part))
        )
        is_asked_BT = weights_BT[:, 1:] > 0
        x_NC = model.hidden(ids_BT, positions_BT=positions_BT)[:, :-1][is_asked_BT]
        return F.cross_entropy(model.head(x_NC).float(), ids_BT[:, 1:][is_asked_BT])


def train(folder: Path, *, stages: Sequence[CopyStage] = STAGES, config: ModelConfig = CONFIG) -> Transformer:
    """The trained model; a run that was stopped goes on from its folder."""
    order = CopyOrder(stages, seed=SEED)
    model = Transformer(config)
    initialise(model, seed=SEED)
    train_config = TrainConfig(
        objective="language",
        model=config,
        num_steps=order.num_steps,
        batch_tokens=max(stage.batch_tokens for stage in stages),
        seed=SEED,
        recipe="long_copy",
        optim=OptimConfig(warmup_steps=20),
    )
    trainer = Trainer(
        config=train_config,
        model=model,
        order=order,
        folder=folder,
        log=JobLog(folder / "job.ndjson", echo=False),
        pace=RunPace(has_progress_bar=True),
        loss=PositionedLoss(order),
    )
    trainer.resume()
    trainer.train()
    return model.eval()


# ---- measuring


def scaled(model: Transformer) -> Transformer:
    """The same weights, read with the longer context's frequencies."""
    longer = Transformer(SCALED)
    longer.load_state_dict(model.state_dict())
    return longer.eval()


@torch.inference_mode()
def copied(
    model: Transformer, *, num_tokens: int, num_rows: int, edges: Sequence[int], seed: int = MEASURED_SEED
) -> dict[str, Share]:
    """Right words, each shown the words before it, by how far back they stood: for two of `edges` after each other
    "A-B" counts distances of at least A and below B. Rows are whole."""
    rng = np.random.Generator(np.random.PCG64([seed, num_tokens]))
    buckets = list(pairwise(edges))
    shares = [Share(0, 0)] * len(buckets)
    for _ in range(num_rows):
        row = row_draw(rng, num_tokens=num_tokens)
        tail = row.ids[-row.distances.size :]
        with torch.autocast("cpu", torch.bfloat16):
            x_TC = model.hidden(torch.from_numpy(row.ids)[None])[0, -tail.size - 1 : -1]
            said = model.head(x_TC).argmax(-1).numpy()
        for place, (near, far) in enumerate(buckets):
            is_counted = row.is_asked & (row.distances >= near) & (row.distances < far)
            shares[place] += Share(int((said == tail)[is_counted].sum()), int(is_counted.sum()))
    return {f"{near}-{far}": share for (near, far), share in zip(buckets, shares, strict=True)}


Figures = dict[str, float]


def report(model: Transformer, *, num_rows: int, num_long_rows: int) -> dict[str, dict[str, Figures]]:
    """Of the model as trained and of the scaled one: in rows of 8K, in rows of 32K by distance, and what the words past
    8K lose to those in rows of 8K."""
    measured: dict[str, dict[str, Figures]] = {}
    for name, reader in (("as_trained", model), ("scaled", scaled(model))):
        edges_within = [edge for edge in EDGES if edge <= TRAINED_TOKENS]
        within = copied(reader, num_tokens=TRAINED_TOKENS, num_rows=num_rows, edges=edges_within)
        far = copied(reader, num_tokens=LONG_TOKENS, num_rows=num_long_rows, edges=EDGES)
        near_sum = sum(within.values(), Share(0, 0))
        past_sum = sum((far[bucket] for bucket in far if bucket not in within), Share(0, 0))
        low, high = difference_interval(past_sum, near_sum)
        lost = {"points": 100 * (near_sum.value - past_sum.value), "low": 100 * low, "high": 100 * high}
        measured[name] = {
            "within_8k": _told(near_sum),
            **{f"rows_8k_{bucket}": _told(share) for bucket, share in within.items()},
            **{f"rows_32k_{bucket}": _told(share) for bucket, share in far.items()},
            "past_8k": _told(past_sum),
            "lost_past_8k": {key: round(value, 2) for key, value in lost.items()},
        }
    return measured


def _told(share: Share) -> Figures:
    low, high = share.interval
    return {"share": round(share.value, 4), "low": round(low, 4), "high": round(high, 4), "n": share.n}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gpu_node.recipes.long_copy", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the run's folder; a state found there is taken up")
    parser.add_argument("--rows", type=int, default=16, help=f"measured rows of 8K, {NUM_ASKED} words each")
    parser.add_argument("--long-rows", type=int, default=12, help="measured rows of 32K")
    options = parser.parse_args()
    model = train(options.out)
    save_checkpoint(options.out / "bf16", model)
    model, _ = load_checkpoint(options.out / "bf16")  # measured is what is kept
    print(json.dumps(report(model, num_rows=options.rows, num_long_rows=options.long_rows), indent=2))


if __name__ == "__main__":
    main()
