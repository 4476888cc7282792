"""The rows of the nano recipe as pools on disk: drawn once, single-process, then read by every run.

Each pool is a function of its seeds and of the families at this commit. A pool that lies on disk is taken as it is:
`make train-nano` into an empty folder makes everything anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from gpu_node.data.chat_format import render_example, special_ids
from gpu_node.data.families.registry import families_load, problem_draw
from gpu_node.data.packing import Row, RowPool, pool_build, pool_join, pool_load, pool_take
from gpu_node.data.problem import HELD_OUT_SEED_FIRST, Split
from gpu_node.data.synthetic import examples, solve, tokenizer_texts
from gpu_node.data.tokenizer import TOKENIZER_FILE, tokenizer_load, tokenizer_train
from gpu_node.recipes.span_rows import span_rows

ROW_TOKENS_MAX = 512


@dataclass(frozen=True, kw_only=True)
class PoolSpec:
    """`num_seeds` consecutive seeds from `seed_start`; `copy_share` of the rows only repeat what the question holds."""

    name: str
    seed_start: int
    num_seeds: int
    copy_share: float
    families: Sequence[str] | None = None


@dataclass(frozen=True)
class Part:
    """Rows `first` to `last` (None: the end) of a pool, of all families or of some."""

    spec: PoolSpec
    first: int = 0
    last: int | None = None
    families: Sequence[str] | None = None

    def rows(self, pool: RowPool) -> NDArray[np.int64]:
        # A seed whose problem was refused gives no row, so a pool may be a little shorter than its seeds.
        rows = np.arange(self.first, min(self.last or len(pool), len(pool)))
        if self.families is None:
            return rows
        chosen = [number for number, name in enumerate(pool.group_names) if name in self.families]
        return rows[np.isin(pool.groups[rows], chosen)]


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Parts of pools, and rows of spans by their numbers."""

    parts: Sequence[Part]
    spans: tuple[int, int] = (0, 0)


def mixture_make(mixture: Mixture, pools: Mapping[str, RowPool], spans: RowPool | None) -> RowPool:
    """`spans` may be None for a mixture without them."""
    chosen = []
    if mixture.spans[1]:
        assert spans is not None, mixture
        chosen.append(pool_take(spans, np.arange(*mixture.spans)))
    for part in mixture.parts:
        pool = pools[part.spec.name]
        chosen.append(pool_take(pool, part.rows(pool)))
    return pool_join(chosen)


def spans_make(folder: Path, words_from: RowPool, tokenizer: Tokenizer, *, num: int, seed: int) -> RowPool:
    path = folder / "spans.npz"
    if not path.exists():
        rows = span_rows(words_from, special_ids(tokenizer), vocab_size=tokenizer.get_vocab_size(), num=num, seed=seed)
        pool_build(rows, tokens_max=ROW_TOKENS_MAX).save(path)
    return pool_load(path)


def tokenizer_make(folder: Path) -> Tokenizer:
    if not (folder / TOKENIZER_FILE).exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f".{TOKENIZER_FILE}.partial"
        tokenizer_train(tokenizer_texts()).save(str(partial))
        partial.replace(folder / TOKENIZER_FILE)
    return tokenizer_load(folder)


def pool_make(folder: Path, spec: PoolSpec, tokenizer: Tokenizer) -> RowPool:
    path = folder / f"{spec.name}.npz"
    if not path.exists():
        drawn = examples(
            tokenizer,
            seed_start=spec.seed_start,
            count=spec.num_seeds,
            families=spec.families,
            copy_share=spec.copy_share,
        )
        rows = (Row(ids=row.ids, weights=row.weights, group=row.family) for row in drawn)
        pool_build(rows, tokens_max=ROW_TOKENS_MAX).save(path)
    return pool_load(path)


def validation_make(folder: Path, tokenizer: Tokenizer, *, num_per_family: int) -> RowPool:
    """Held-out seeds in trained phrasings (group = the family) and in phrasings never trained (`family*`)."""
    path = folder / "validation.npz"
    if not path.exists():
        pool_build(_validation_rows(tokenizer, num_per_family), tokens_max=ROW_TOKENS_MAX).save(path)
    return pool_load(path)


def _validation_rows(tokenizer: Tokenizer, num_per_family: int) -> Iterator[Row]:
    splits: tuple[tuple[Split, str], ...] = (("train", ""), ("held_out", "*"))
    for name in families_load():
        for split, mark in splits:
            # Far from the seeds of the published evaluation, which start at HELD_OUT_SEED_FIRST.
            first = HELD_OUT_SEED_FIRST + 700_000_000 + (100_000_000 if mark else 0)
            for seed in range(first, first + num_per_family):
                row = _plain_row(tokenizer, name, seed, split)
                if row is not None:
                    yield Row(ids=row[0], weights=row[1], group=name + mark)


def _plain_row(tokenizer: Tokenizer, name: str, seed: int, split: Split) -> tuple[list[int], list[float]] | None:
    """With tools, without repairs and raw completions: the plain dialogue of a user."""
    problem = problem_draw(name, seed, split)
    solved = solve(problem)
    if solved is None:
        return None
    calls, answer = solved
    ids, weights = render_example(
        tokenizer,
        question=problem.question,
        thought=problem.thought,
        calls=calls,
        conclusion=problem.conclusion if calls else "",
        answer=answer,
    )
    return (ids, weights) if len(ids) <= ROW_TOKENS_MAX else None
