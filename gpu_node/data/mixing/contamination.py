"""Rows that share 13 words in a row with a set that the model is measured on.

Every text of the measured files counts, whatever its column. A text of 8 to 12 words counts as a whole; shorter ones
say too little to be found by. Source: Brown et al. 2020 (arXiv 2005.14165), appendix C.
Not here: rephrasings, which no n-gram finds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpu_node.data.mixing.row_texts import words_of
from gpu_node.data.mixing.sources import SourceRefused, files_of, records_of
from gpu_node.protocol.data_rows import BadLine

GRAM_WORDS = 13
GRAM_WORDS_MIN = 8
GRAMS_MAX = 5_000_000  # of all measured sets together: they are held in memory


@dataclass(frozen=True)
class Found:
    place: str  # in the measured set
    words: str


class MeasuredSets:
    """The n-grams of the files or folders of files at `paths`. Raises SourceRefused."""

    def __init__(self, paths: list[Path]) -> None:
        self._places: dict[str, str] = {}
        for path in paths:
            for file in files_of(path):
                for place, record in records_of(file):
                    if isinstance(record, BadLine):
                        raise SourceRefused(f"{place}: {record}; {record.cure}")
                    self._add(place, record)
        self._lengths = sorted({gram.count(" ") + 1 for gram in self._places})

    def __len__(self) -> int:
        return len(self._places)

    def _add(self, place: str, record: dict[str, Any]) -> None:
        for text in _strings(record):
            words = words_of(text)
            length = min(len(words), GRAM_WORDS)
            if length >= GRAM_WORDS_MIN:
                for gram in _grams(words, length):
                    self._places.setdefault(gram, place)
        if len(self._places) > GRAMS_MAX:
            raise SourceRefused(f"the measured sets hold more than {GRAMS_MAX} n-grams: name fewer")

    def find(self, texts: list[str]) -> Found | None:
        """The first n-gram that a row's texts share with a measured set."""
        for text in texts:
            words = words_of(text)
            for length in self._lengths:
                for gram in _grams(words, length):
                    if gram in self._places:
                        return Found(self._places[gram], gram)
        return None


def _grams(words: list[str], length: int) -> Iterator[str]:
    return (" ".join(words[start : start + length]) for start in range(len(words) - length + 1))


def _strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for item in value.values():
                yield from _strings(item)
        case list():
            for item in value:
                yield from _strings(item)
