"""Rows of several sources in one order: shares by weight, nothing twice, nothing that is measured.

Invariant: the same sources, seed and filters give the same rows in the same order; the mixture from row n on is the
whole mixture without its first n rows. A source that ends leaves, and the others go on in their shares: no row comes
twice, an epoch more is the trainer's matter. What is left out is told with its reason.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal

from gpu_node.data.mixing.contamination import MeasuredSets
from gpu_node.data.mixing.duplicates import ExactDuplicates, NearDuplicates
from gpu_node.data.mixing.row_texts import row_texts, words_of
from gpu_node.data.mixing.sources import PlacedRow, Source, SourceReader
from gpu_node.protocol.data_rows import DataRow

Reason = Literal["refused", "duplicate", "near_duplicate", "contaminated"]


@dataclass(frozen=True)
class Removed:
    """`detail` is what is wrong, where it stood before, or the measured set's place and words."""

    source: str
    place: str
    reason: Reason
    detail: str


@dataclass(frozen=True)
class MixedRow:
    source: str
    place: str
    row: DataRow


@dataclass
class SourceTally:
    reader: SourceReader
    num_kept: int = 0
    removed: dict[Reason, int] = field(default_factory=dict)


@dataclass(frozen=True)
class MixtureSpec:
    """`near_threshold`: share of shingles from which rows are near duplicates; None: only exact ones are looked for."""

    sources: Sequence[Source]
    seed: int = 1
    against: Sequence[Path] = ()
    near_threshold: float | None = None
    has_duplicates: bool = False  # True: keep them

    def __post_init__(self) -> None:
        names = [source.name for source in self.sources]
        if not names:
            raise ValueError("a mixture needs a source")
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"{', '.join(sorted(twice))} is named twice: name it once, with a larger weight")


class Mixture:
    """One pass over a mixture; `tallies` and `on_removed` tell what became of each source's rows."""

    def __init__(self, spec: MixtureSpec, *, on_removed: Callable[[Removed], None] = lambda _: None) -> None:
        """Raises SourceRefused, DuplicatesUnavailable."""
        self._spec = spec
        self._on_removed = on_removed
        self._measured = MeasuredSets(list(spec.against)) if spec.against else None
        self._exact = None if spec.has_duplicates else ExactDuplicates()
        self._near = None if spec.near_threshold is None else NearDuplicates(spec.near_threshold)
        self.tallies = {source.name: SourceTally(SourceReader(source)) for source in spec.sources}

    def rows(self, *, first: int = 0, num_rows: int | None = None) -> Iterator[MixedRow]:
        """Rows `first` to `first + num_rows`; those before are drawn and passed over. Raises SourceRefused."""
        return islice(self._all(), first, None if num_rows is None else first + num_rows)

    def _all(self) -> Iterator[MixedRow]:
        rng = random.Random(f"mixture:{self._spec.seed}")
        drawn = {source.name: self._kept(source.name) for source in self._spec.sources}
        weights = {source.name: source.weight for source in self._spec.sources}
        while drawn:
            names = list(drawn)
            name = rng.choices(names, [weights[one] for one in names])[0]
            placed = next(drawn[name], None)
            if placed is None:
                del drawn[name]
            else:
                yield MixedRow(name, placed.place, placed.row)

    def _kept(self, name: str) -> Iterator[PlacedRow]:
        tally = self.tallies[name]
        reader = tally.reader
        for placed in reader.rows():
            self._refused_tell(name)
            removed = self._removed(name, placed)
            if removed is None:
                tally.num_kept += 1
                yield placed
            else:
                self._tell(removed)
        self._refused_tell(name)

    def _refused_tell(self, name: str) -> None:
        tally = self.tallies[name]
        told = tally.removed.get("refused", 0)
        for refused in tally.reader.refused[told:]:
            self._tell(Removed(name, refused.place, "refused", refused.reason))

    def _tell(self, removed: Removed) -> None:
        counts = self.tallies[removed.source].removed
        counts[removed.reason] = counts.get(removed.reason, 0) + 1
        self._on_removed(removed)

    def _removed(self, source: str, placed: PlacedRow) -> Removed | None:
        texts = row_texts(placed.row)
        if self._measured is not None and (found := self._measured.find(texts)) is not None:
            return Removed(source, placed.place, "contaminated", f"{found.place}: {found.words}")
        if self._exact is None and self._near is None:
            return None
        words, place = words_of(" ".join(texts)), f"{source}: {placed.place}"
        if self._exact is not None and (earlier := self._exact.earlier(words, place)) is not None:
            return Removed(source, placed.place, "duplicate", earlier)
        if self._near is not None and (earlier := self._near.earlier(words, place)) is not None:
            return Removed(source, placed.place, "near_duplicate", earlier)
        return None
