"""Rows that can only be learnt by copying: a heap of tokens as the question, spans of it as the answer.

Why: with rows of the families alone, numbers are copied after a million tokens but words and names are not (they are
guessed from frequent ones), and every family that moves words about stays at zero; LOG.md has the figures. Here nothing
but looking up "what followed this token before?" lowers the loss, for any token of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gpu_node.data.chat_format import SpecialIds
from gpu_node.data.packing import Row, RowPool

GROUP = "spans"
QUESTION_TOKENS = (6, 40)
SPAN_TOKENS = (2, 8)  # of one span of the answer; its first token is a surprise and carries no loss
NUM_SPANS = (1, 6)
WHOLE_SHARE = 0.3  # rows whose answer is the whole question
RANDOM_SHARE = 0.5  # rows of tokens drawn evenly from the vocabulary; the others are pieces of real questions
PIECE_TOKENS = (1, 6)


def span_rows(pool: RowPool, ids: SpecialIds, *, vocab_size: int, num: int, seed: int) -> Iterator[Row]:
    rng = np.random.Generator(np.random.PCG64(seed))
    first_word = max(ids.markup) + 1
    words = pool.ids[(pool.weights > 0) & (pool.ids >= first_word)]
    before, between = [*ids.start, *ids.opening("user")], [ids.end, *ids.tail, *ids.opening("assistant")]
    for _ in range(num):
        length = int(rng.integers(*QUESTION_TOKENS))
        if rng.random() < RANDOM_SHARE:
            question = rng.integers(first_word, vocab_size, length)
        else:
            question = _pieces(words, length, rng)
        if rng.random() < WHOLE_SHARE:
            answer, weights = list(question), [1.0] * length
        else:
            answer, weights = _spans(question, rng)
        row = [*before, *question, *between, *answer, ids.end]
        row_weights = [0.0] * (len(before) + len(question) + len(between)) + weights + [0.0]
        yield Row(ids=[int(i) for i in row], weights=row_weights, group=GROUP)


def _pieces(words: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    pieces: list[np.ndarray] = []
    while sum(map(len, pieces)) < length:
        start = int(rng.integers(0, len(words) - PIECE_TOKENS[1]))
        pieces.append(words[start : start + int(rng.integers(*PIECE_TOKENS))])
    return np.concatenate(pieces)[:length]


def _spans(question: np.ndarray, rng: np.random.Generator) -> tuple[list[int], list[float]]:
    answer: list[int] = []
    weights: list[float] = []
    for _ in range(int(rng.integers(*NUM_SPANS))):
        size = min(int(rng.integers(*SPAN_TOKENS)), len(question))
        start = int(rng.integers(0, len(question) - size + 1))
        answer += [int(i) for i in question[start : start + size]]
        weights += [0.0] + [1.0] * (size - 1)
    return answer, weights
