"""Rows that say what another said already: the same words, or nearly the same.

Exact: a 128-bit hash of the normalised words, and where they stood. Near: MinHash of word shingles in banded buckets
(`datasketch`, the optional extra `data`); tests/benchmarks/bench_data.py measures its memory. Sources: Broder 1997;
Lee et al. 2022 (arXiv 2107.06499), whose 5-word shingles and threshold of 0.8 are the defaults.
Not here: what is done with a duplicate.
"""

import hashlib
from typing import Any

NEAR_THRESHOLD = 0.8  # share of shingles in common
SHINGLE_WORDS = 5
PERMUTATIONS = 128  # hash functions: an error of about 0.09 in the share
HASH_BYTES = 16


class DuplicatesUnavailable(ValueError):
    """Near duplicates were asked for, but the package is not there."""


class ExactDuplicates:
    def __init__(self) -> None:
        self._places: dict[bytes, str] = {}

    def earlier(self, words: list[str], place: str) -> str | None:
        """Where these words stood first; None for new ones, which are remembered."""
        key = hashlib.blake2b(" ".join(words).encode(), digest_size=HASH_BYTES).digest()
        found = self._places.get(key)
        if found is None:
            self._places[key] = place
        return found


class NearDuplicates:
    """Raises DuplicatesUnavailable where `datasketch` is not installed."""

    def __init__(self, threshold: float = NEAR_THRESHOLD) -> None:
        try:
            import datasketch
        except ImportError as error:
            raise DuplicatesUnavailable("near duplicates need `datasketch`: pip install 'svend[data]'") from error
        self._minhash: Any = datasketch.MinHash
        self._buckets: Any = datasketch.MinHashLSH(threshold=threshold, num_perm=PERMUTATIONS)
        self._threshold = threshold
        self._sketches: dict[str, Any] = {}

    def earlier(self, words: list[str], place: str) -> str | None:
        """Where nearly these words stood; None for new ones, which are remembered. `place` must be new."""
        sketch = self._minhash(num_perm=PERMUTATIONS, seed=1)
        sketch.update_batch([" ".join(shingle).encode() for shingle in _shingles(words)])
        near = [
            other for other in self._buckets.query(sketch) if sketch.jaccard(self._sketches[other]) >= self._threshold
        ]
        if near:
            return min(near)
        self._buckets.insert(place, sketch)
        self._sketches[place] = sketch
        return None


def _shingles(words: list[str]) -> list[list[str]]:
    return [words[start : start + SHINGLE_WORDS] for start in range(max(1, len(words) - SHINGLE_WORDS + 1))]
