"""A problem: a question in people's words, the tool calls that solve it, and the answer known by construction.

Families (gpu_node/data/families) make problems from seeds; synthetic.py runs their calls and renders training rows;
evaluation asks them with seeds that training never saw.
Not here: how a problem is spelled in tokens (chat_format.py), and whether an answer is right (data/grading.py).
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

HELD_OUT_SEED_FIRST = 1_000_000_000  # seeds below train, from here on they are for evaluation only
TRAIN_PHRASINGS_MIN = 20
HELD_OUT_PHRASINGS_MIN = 5

Split = Literal["train", "held_out"]
AnswerKind = Literal["number", "expression", "set", "text", "bool", "list"]


class ProblemRandom(random.Random):
    """The random source of one problem; `content` is for families whose tool calls are dear to run (SymPy's solve)."""

    is_held_out: bool = False

    def content(self, pool_size: int) -> random.Random:
        """A source for what goes into the call: one of `pool_size` in training, so that memoised results are met again
        (phrasings still vary freely); unbounded, and never one of training's, for held-out seeds."""
        if self.is_held_out:
            return random.Random(f"held out {self.getrandbits(64)}")
        return random.Random(f"pool {self.randrange(pool_size)}")


@dataclass(frozen=True)
class Call:
    """One tool call, with the arguments in the order in which the model writes them."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Problem:
    """`result` is what the last call must return; None means that it returns the answer itself.

    When `result` is None the taught answer is the tool's own text, once it has been graded equal to `answer`;
    otherwise the taught answer is `answer`, once the tool's text has been graded equal to `result`.
    `direct_ok`: easy enough to be answered without a tool.
    `completion` is the body of a `Solve: …` line, where that form makes sense; None = not asked in this form.
    """

    family: str
    question: str
    thought: str
    calls: tuple[Call, ...]
    conclusion: str
    answer: str
    answer_kind: AnswerKind
    direct_ok: bool = False
    phrasing_id: str = ""
    result: str | None = None
    result_kind: AnswerKind | None = None  # None: as answer_kind
    completion: str | None = None


@dataclass(frozen=True)
class Phrasings:
    """Templates of a family's question; `held_out` ones are never trained on and are measured apart."""

    train: Sequence[str]
    held_out: Sequence[str]
    vary: bool = field(default=True)  # False where light edits would change the meaning (words to be repeated exactly)

    def __post_init__(self) -> None:
        assert len(set(self.train)) >= TRAIN_PHRASINGS_MIN, f"{len(set(self.train))} train phrasings: {self.train[0]!r}"
        assert len(set(self.held_out)) >= HELD_OUT_PHRASINGS_MIN, f"{len(self.held_out)} held out: {self.train[0]!r}"
        assert not set(self.train) & set(self.held_out), f"trained and held out: {set(self.train) & set(self.held_out)}"

    def ask(self, rng: random.Random, split: Split, /, **slots: object) -> tuple[str, str]:
        """(question, phrasing_id): one template of the split with its slots filled."""
        templates = self.train if split == "train" else self.held_out
        index = rng.randrange(len(templates))
        return templates[index].format(**slots), f"{split}-{index}"
