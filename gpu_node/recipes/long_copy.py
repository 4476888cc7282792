"""Does a model that was trained within 8K read 32K, by Llama 3's scaling of RoPE alone? A copy task tells, on a CPU.

A row is filler with `NUM_NEEDLES` needles (a key and the words behind it, each word once in a row) somewhere in it; at
its end the keys come again, and the model is to write the words behind each. Training never sees a distance above 8K.
`python -m gpu_node.recipes.long_copy --out DIR` trains and prints the accuracies as JSON. LOG.md says how far it came:
with these steps copying had not begun, so there is no figure at 32K yet.
Not here: language. Scaling by "NTK by parts": Peng et al. 2023, arXiv:2309.00071; its constants are Llama 3.1's.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gpu_node.data.packing import Row, Stage, StagedOrder, pool_build
from gpu_node.model.config import ModelConfig, RopeScaling
from gpu_node.model.transformer import Transformer, initialise
from gpu_node.training.job_frames import JobLog
from gpu_node.training.optim import OptimConfig
from gpu_node.training.trainer import RunPace, TrainConfig, Trainer

TRAINED_TOKENS = 8_192
LONG_TOKENS = 32_768
NUM_NEEDLES, NEEDLE_WORDS = 8, 8
NEEDLE_TOKENS = 1 + NEEDLE_WORDS
TAIL_TOKENS = NUM_NEEDLES * NEEDLE_TOKENS
FILLER, KEYS, WORDS = (1, 129), (129, 385), (385, 1024)  # ranges of ids

CONFIG = ModelConfig(
    vocab_size=1024,
    width=128,
    num_layers=2,
    num_heads=4,
    num_kv_heads=2,
    mlp_width=256,
    context_tokens=TRAINED_TOKENS,
    is_tied=True,
)
SCALED = replace(CONFIG, context_tokens=LONG_TOKENS, rope_scaling=RopeScaling(factor=LONG_TOKENS / TRAINED_TOKENS))

SHORT_ROWS = (256, 512)  # first short rows, in which copying begins; then rows of every length up to the context
SHORT_STEPS, LONG_STEPS = 250, 60
SEED = 1


def row_draw(num_tokens: int, rng: np.random.Generator, *, distance_min: int = 0) -> tuple[NDArray[np.int64], int]:
    """(ids, where the tail begins). Needles lie at least `distance_min` tokens before the row's end."""
    body = num_tokens - TAIL_TOKENS
    ids = rng.integers(*FILLER, num_tokens)
    words = rng.permutation(np.arange(*WORDS))[: NUM_NEEDLES * NEEDLE_WORDS].reshape(NUM_NEEDLES, -1)
    keys = rng.permutation(np.arange(*KEYS))[:NUM_NEEDLES]
    needles = np.concatenate((keys[:, None], words), axis=1)
    room = min(body, num_tokens - distance_min) // NEEDLE_TOKENS
    for needle, place in zip(needles, rng.choice(room, NUM_NEEDLES, replace=False) * NEEDLE_TOKENS, strict=True):
        ids[place : place + NEEDLE_TOKENS] = needle
    ids[body:] = rng.permutation(needles).ravel()
    return ids, body


def rows_draw(num: int, tokens: tuple[int, int], *, seed: int) -> Iterator[Row]:
    """Lengths are drawn evenly on a logarithmic scale; only the words after a repeated key carry loss."""
    rng = np.random.Generator(np.random.PCG64(seed))
    for _ in range(num):
        length = int(np.exp(rng.uniform(*np.log(tokens))))
        ids, tail = row_draw(length, rng)
        weights = np.zeros(length)
        weights[tail:] = np.arange(TAIL_TOKENS) % NEEDLE_TOKENS > 0
        yield Row(ids=ids.tolist(), weights=weights.tolist())


@torch.no_grad()
def accuracy(model: Transformer, *, num_tokens: int, num_rows: int, distance_min: int = 0, seed: int = 99) -> float:
    """The share of words that the model would write right, each shown the words before it."""
    rng = np.random.Generator(np.random.PCG64(seed))
    num_right = 0
    is_word = np.arange(TAIL_TOKENS) % NEEDLE_TOKENS > 0
    for _ in range(num_rows):
        ids, tail = row_draw(num_tokens, rng, distance_min=distance_min)
        hidden_1TC = model.hidden(torch.from_numpy(ids)[None])[:, tail - 1 : -1]
        said = model.head(hidden_1TC).argmax(-1)[0].numpy()
        num_right += int((said == ids[tail:])[is_word].sum())
    return num_right / (num_rows * int(is_word.sum()))


def train(folder: Path, *, short_steps: int = SHORT_STEPS, long_steps: int = LONG_STEPS) -> Transformer:
    """The trained model; a run that was stopped goes on from its folder."""
    rows = {"short": (4_000, SHORT_ROWS), "long": (600, (SHORT_ROWS[1], TRAINED_TOKENS))}
    pools = {
        name: pool_build(rows_draw(num, tokens, seed=SEED + place), tokens_max=TRAINED_TOKENS)
        for place, (name, (num, tokens)) in enumerate(rows.items())
    }
    order = StagedOrder(
        [Stage(pools["short"], short_steps), Stage(pools["long"], long_steps)], batch_tokens=TRAINED_TOKENS, seed=SEED
    )
    model = Transformer(CONFIG)
    initialise(model, seed=SEED)
    config = TrainConfig(
        objective="language",
        model=CONFIG,
        num_steps=order.num_steps,
        batch_tokens=TRAINED_TOKENS,
        seed=SEED,
        recipe="long_copy",
        optim=OptimConfig(warmup_steps=20),
        is_autocast=False,
    )
    log = JobLog(folder / "job.ndjson", echo=False)
    trainer = Trainer(
        config=config, model=model, order=order, folder=folder, log=log, pace=RunPace(has_progress_bar=True)
    )
    trainer.resume()
    trainer.train()
    return model.eval()


def scaled(model: Transformer) -> Transformer:
    """The same weights, read with the longer context's frequencies."""
    longer = Transformer(SCALED)
    longer.load_state_dict(model.state_dict())
    return longer.eval()


def accuracies(model: Transformer, *, num_rows: int) -> dict[str, float]:
    """Within 8K, and with every needle 8K to 32K before the row's end: scaled and, to compare, as trained."""
    far = {"num_tokens": LONG_TOKENS, "num_rows": num_rows, "distance_min": TRAINED_TOKENS}
    longer = scaled(model)
    return {
        "within_8k": accuracy(model, num_tokens=TRAINED_TOKENS, num_rows=num_rows),
        "within_8k_scaled": accuracy(longer, num_tokens=TRAINED_TOKENS, num_rows=num_rows),
        "past_8k_scaled": accuracy(longer, **far),
        "past_8k_unscaled": accuracy(model, **far),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gpu_node.recipes.long_copy", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the run's folder; a state found there is taken up")
    parser.add_argument("--rows", type=int, default=16, help="rows of each measurement, 64 words each")
    options = parser.parse_args()
    print(json.dumps(accuracies(train(options.out), num_rows=options.rows), indent=2))


if __name__ == "__main__":
    main()
