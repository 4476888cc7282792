"""Rows of token ids as flat arrays on disk, and the order in which batches take them. NumPy only, no torch.

A row: ids, one loss weight per id (of predicting this id; for scores, of judging here), optionally one label per id.
Batches hold rows of like length, padded on the right. Which rows batch number n holds is a function of (pools, seed, n)
alone: the data position of a run is its step, and nothing else needs to be stored for an exact resume.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# Lengths are rounded up to this: fewer shapes for the allocator and the compiler, at 6 % padding on rows of 100.
LENGTH_MULTIPLE = 16
# Rows sorted by length together: large enough that a batch's rows are alike, small enough that batches stay mixed.
WINDOW_ROWS = 8192


@dataclass(frozen=True)
class Row:
    ids: Sequence[int]
    weights: Sequence[float]
    group: str = ""
    labels: Sequence[float] | None = None


@dataclass(frozen=True)
class Batch:
    """B rows padded to T; weights are 0 on padding."""

    ids_BT: NDArray[np.int64]
    weights_BT: NDArray[np.float32]
    labels_BT: NDArray[np.float32]
    groups_B: NDArray[np.int16]
    rows_B: NDArray[np.int64]  # their numbers in the pool: what else is known of a row is looked up by it


@dataclass(frozen=True)
class RowPool:
    ids: NDArray[np.uint16]
    weights: NDArray[np.float16]
    labels: NDArray[np.float16]
    offsets: NDArray[np.int64]
    groups: NDArray[np.int16]
    group_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.offsets)

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        longest = int(self.lengths[rows].max())
        padded = -(-longest // LENGTH_MULTIPLE) * LENGTH_MULTIPLE
        ids = np.zeros((len(rows), padded), np.int64)
        weights = np.zeros((len(rows), padded), np.float32)
        labels = np.zeros((len(rows), padded), np.float32)
        for i, row in enumerate(rows):
            span = slice(self.offsets[row], self.offsets[row + 1])
            n = span.stop - span.start
            ids[i, :n], weights[i, :n], labels[i, :n] = self.ids[span], self.weights[span], self.labels[span]
        return Batch(ids, weights, labels, self.groups[rows], np.asarray(rows, np.int64))

    def save(self, path: Path) -> None:
        partial = path.with_name(f".{path.name}.partial.npz")
        np.savez(
            partial,
            ids=self.ids,
            weights=self.weights,
            labels=self.labels,
            offsets=self.offsets,
            groups=self.groups,
            group_names=np.array(self.group_names, dtype=np.str_),
        )
        partial.replace(path)


def pool_load(path: Path) -> RowPool:
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    names = tuple(str(name) for name in arrays.pop("group_names"))
    return RowPool(**arrays, group_names=names)


def pool_build(rows: Iterable[Row], *, tokens_max: int) -> RowPool:
    """Rows longer than `tokens_max` are refused: a cut row would teach an answer that does not end."""
    ids: list[NDArray[np.uint16]] = []
    weights: list[NDArray[np.float16]] = []
    labels: list[NDArray[np.float16]] = []
    groups: list[int] = []
    names: dict[str, int] = {}
    for row in rows:
        if not 1 < len(row.ids) <= tokens_max:
            raise ValueError(f"a row of {row.group!r} has {len(row.ids)} tokens, not 2 to {tokens_max}")
        assert len(row.ids) == len(row.weights)
        ids.append(np.asarray(row.ids, np.uint16))
        weights.append(np.asarray(row.weights, np.float16))
        labels.append(np.asarray(row.labels if row.labels is not None else np.zeros(len(row.ids)), np.float16))
        groups.append(names.setdefault(row.group, len(names)))
    if not ids:
        raise ValueError("no rows")
    offsets = np.concatenate(([0], np.cumsum([len(i) for i in ids]))).astype(np.int64)
    return RowPool(
        ids=np.concatenate(ids),
        weights=np.concatenate(weights),
        labels=np.concatenate(labels),
        offsets=offsets,
        groups=np.asarray(groups, np.int16),
        group_names=tuple(names),
    )


class EpochOrder:
    """Endless batches of one pool: a new shuffle each epoch, bucketed by length, ≤ `batch_tokens` with padding."""

    def __init__(self, pool: RowPool, *, batch_tokens: int, seed: int) -> None:
        self.pool, self.batch_tokens, self.seed = pool, batch_tokens, seed
        self._epoch = -1
        self._batches: list[NDArray[np.int64]] = []
        self._first_of_epoch = 0

    def batch(self, number: int) -> Batch:
        if number < self._first_of_epoch:
            self._epoch, self._batches, self._first_of_epoch = -1, [], 0
        while number >= self._first_of_epoch + len(self._batches):
            self._first_of_epoch += len(self._batches)
            self._epoch += 1
            self._batches = self._plan(self._epoch)
        return self.pool.batch(self._batches[number - self._first_of_epoch])

    def num_batches(self, num_epochs: int, *, most: int) -> int:
        """The steps that so many passes over the pool take; `most` where there are more."""
        found = epoch = 0
        while epoch < num_epochs and found < most:
            found, epoch = found + len(self._plan(epoch)), epoch + 1
        return min(found, most)

    def _plan(self, epoch: int) -> list[NDArray[np.int64]]:
        rng = np.random.Generator(np.random.PCG64([self.seed, epoch]))
        order = rng.permutation(len(self.pool))
        lengths = self.pool.lengths
        batches: list[NDArray[np.int64]] = []
        for start in range(0, len(order), WINDOW_ROWS):
            window = order[start : start + WINDOW_ROWS]
            window = window[np.argsort(lengths[window], kind="stable")]
            batches += self._cut(window, lengths)
        return [batches[i] for i in rng.permutation(len(batches))]

    def _cut(self, window: NDArray[np.int64], lengths: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Cuts rows sorted by length where one more would pass `batch_tokens`, the padding counted."""
        batches = []
        first = 0
        for last in range(1, len(window) + 1):
            is_end = last == len(window)
            padded = 0 if is_end else -(-int(lengths[window[last]]) // LENGTH_MULTIPLE) * LENGTH_MULTIPLE
            if is_end or padded * (last + 1 - first) > self.batch_tokens:
                batches.append(window[first:last])
                first = last
        return batches


@dataclass(frozen=True)
class Stage:
    """`num_steps` batches of one pool; a curriculum is a list of stages."""

    pool: RowPool
    num_steps: int


class StagedOrder:
    """The batches of consecutive stages under one step count; past the end the last stage goes on."""

    def __init__(self, stages: Sequence[Stage], *, batch_tokens: int, seed: int) -> None:
        assert stages
        self._orders = [
            EpochOrder(s.pool, batch_tokens=batch_tokens, seed=seed + 1000 * i) for i, s in enumerate(stages)
        ]
        self._ends = np.cumsum([s.num_steps for s in stages])

    @property
    def num_steps(self) -> int:
        return int(self._ends[-1])

    def batch(self, step: int) -> Batch:
        stage = min(int(np.searchsorted(self._ends, step, side="right")), len(self._orders) - 1)
        first = int(self._ends[stage - 1]) if stage else 0
        return self._orders[stage].batch(step - first)


def pool_join(pools: Sequence[RowPool]) -> RowPool:
    """All rows of all pools, in order; groups of the same name become one."""
    names: dict[str, int] = {}
    for pool in pools:
        for name in pool.group_names:
            names.setdefault(name, len(names))
    renumbered = [np.asarray([names[n] for n in pool.group_names], np.int16)[pool.groups] for pool in pools]
    starts = np.concatenate(([0], np.cumsum([len(pool.ids) for pool in pools])))
    ends = [pool.offsets[1:] + start for pool, start in zip(pools, starts, strict=False)]
    return RowPool(
        ids=np.concatenate([pool.ids for pool in pools]),
        weights=np.concatenate([pool.weights for pool in pools]),
        labels=np.concatenate([pool.labels for pool in pools]),
        offsets=np.concatenate([np.zeros(1, np.int64), *ends]).astype(np.int64),
        groups=np.concatenate(renumbered).astype(np.int16),
        group_names=tuple(names),
    )


def pool_take(pool: RowPool, rows: NDArray[np.int64]) -> RowPool:
    """The given rows of a pool, in the given order."""
    spans = [slice(pool.offsets[row], pool.offsets[row + 1]) for row in rows]
    return RowPool(
        ids=np.concatenate([pool.ids[span] for span in spans]),
        weights=np.concatenate([pool.weights[span] for span in spans]),
        labels=np.concatenate([pool.labels[span] for span in spans]),
        offsets=np.concatenate(([0], np.cumsum([s.stop - s.start for s in spans]))).astype(np.int64),
        groups=pool.groups[rows],
        group_names=pool.group_names,
    )
