"""GSM8K's short training problems as one Python expression each, from its calculator marks; numbers are resampled.

Read from `$SVEND_DATASETS/gsm8k/train.jsonl.gz` (MIT licence; not shipped). Without it the family does not exist, and
the model is trained without real problems. A row is used if its marks `<<48/2=24>>` chain into one expression over
numbers, which gives the row's answer. The last 500 rows are for development: held-out draws come from them alone.
Invariant: a resampled problem keeps what the original had: whole and positive steps, percentages below 100.
"""

import ast
import gzip
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

from gpu_node.data.exact_value import exact_value
from gpu_node.data.families.registry import family
from gpu_node.data.problem import Call, Problem, ProblemRandom, Split

DATASETS_VARIABLE = "SVEND_DATASETS"
NUM_DEVELOPMENT_ROWS = 500
QUESTION_WORDS_MAX = 60
EXPRESSION_CHARACTERS_MAX = 60
RESAMPLE_SHARE = 0.8
RESAMPLE_TRIES = 30  # most problems take one of the first few

# Numbers that a text says in words, or that everybody knows: half, a dozen, an hour, a percent.
CONSTANTS = frozenset("1 2 3 4 5 6 7 8 9 10 12 24 30 52 60 100 365 0.5 0.25 0.01 0.1".split())

_MARK = re.compile(r"<<([^<>=]+)=([^<>=]+)>>")
_NUMBER = re.compile(r"(?<![\w.,:/-])\d+(?:,\d{3})*(?:\.\d+)?(?![\w:/]|[.,]\d)")
_LEAF = re.compile(r"\d+(?:\.\d+)?|\.\d+")


@dataclass(frozen=True)
class StoryProblem:
    question: str
    expression: str
    slots: tuple[str, ...]  # numbers that stand once in the question, and in the expression: free to be resampled


def dataset_path() -> Path | None:
    folder = os.environ.get(DATASETS_VARIABLE)
    path = Path(folder) / "gsm8k" / "train.jsonl.gz" if folder else None
    return path if path is not None and path.is_file() else None


def story_read(question: str, answer: str) -> StoryProblem | None:
    """The problem of one row, or None where its marks do not chain into one short expression."""
    question = " ".join(question.split())
    final = _fraction(answer.rpartition("####")[2])
    if final is None or len(question.split()) > QUESTION_WORDS_MAX:
        return None
    expression = _chain(_MARK.findall(answer), set(_numbers_of(question)))
    if expression is None or len(expression) > EXPRESSION_CHARACTERS_MAX or exact_value(expression) != final:
        return None
    used, given = set(_LEAF.findall(expression)), set(_numbers_of(question))
    if not given <= used or not used <= given | CONSTANTS:  # a step was done without a mark
        return None
    return StoryProblem(question, expression, _slots(question, expression))


def _fraction(text: str) -> Fraction | None:
    try:
        return Fraction(re.sub(r"[,$\s]", "", text))
    except (ValueError, ZeroDivisionError):
        return None


def _numbers_of(question: str) -> list[str]:
    return [number.replace(",", "") for number in _NUMBER.findall(question)]


def _chain(marks: list[tuple[str, str]], given: set[str]) -> str | None:
    """The last mark with the results of earlier ones put in for their values; None where that is ambiguous."""
    known: dict[Fraction, str] = {}
    expression = None
    for left, right in marks:
        value = _fraction(right)
        left = left.replace("$", "").replace(",", "").replace("%", "/100").strip()
        try:
            if value is None or exact_value(left) != value:
                return None
            replaced = _LEAF.sub(lambda found: _leaf(found[0], known, given), left)
            expression = ast.unparse(ast.parse(replaced, mode="eval"))
        except (ValueError, ZeroDivisionError, SyntaxError):
            return None
        known[value] = expression
    return expression


def _leaf(number: str, known: dict[Fraction, str], given: set[str]) -> str:
    """Raises ValueError where the number is both a result and given: which one is meant cannot be told."""
    if Fraction(number) not in known:
        return number
    if number in given:
        raise ValueError(f"{number!r} is a result and given")
    return f"({known[Fraction(number)]})"


def _slots(question: str, expression: str) -> tuple[str, ...]:
    stands = Counter(_numbers_of(question))
    used = set(_LEAF.findall(expression))
    return tuple(
        number
        for number, count in stands.items()
        if count == 1 and number in used and number.isdigit() and int(number) > 1 and number not in ("100", "60", "24")
    )


def resampled(story: StoryProblem, rng: ProblemRandom) -> StoryProblem:
    """The same story with other numbers, or itself where none are found that keep its steps sensible."""
    for _ in range(RESAMPLE_TRIES):
        changes = {number: str(_other(rng, number, story.question)) for number in story.slots}
        question = _NUMBER.sub(lambda found: changes.get(found[0], found[0]), story.question)  # noqa: B023
        expression = _LEAF.sub(lambda found: changes.get(found[0], found[0]), story.expression)  # noqa: B023
        if _is_sensible(story.expression, expression):
            return StoryProblem(question, expression, ())
    return story


def _other(rng: ProblemRandom, number: str, question: str) -> int:
    if re.search(rf"(?<!\d){number}\s*(?:%|percent)", question):
        return rng.choice((5, 10, 20, 25, 30, 40, 50, 60, 75, 80, 90))
    value = int(number)
    other = rng.randint(max(2, value // 2), 2 * value + 2)
    return other if value < 100 or value % 10 else round(other, -1)


def _is_sensible(original: str, changed: str) -> bool:
    try:
        pairs = list(zip(_steps(original), _steps(changed), strict=True))
    except ZeroDivisionError:
        return False
    return all(new > 0 and (new.denominator == 1 or old.denominator != 1) for old, new in pairs if old > 0)


def _steps(expression: str) -> Iterator[Fraction]:
    """The value of every part of the expression, the whole first."""
    for node in ast.walk(ast.parse(expression, mode="eval")):
        if isinstance(node, ast.BinOp):
            yield exact_value(ast.unparse(node))


@cache
def stories(is_development: bool) -> tuple[StoryProblem, ...]:
    path = dataset_path()
    assert path is not None, f"${DATASETS_VARIABLE} no longer has gsm8k/train.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    chosen = rows[-NUM_DEVELOPMENT_ROWS:] if is_development else rows[:-NUM_DEVELOPMENT_ROWS]
    read = (story_read(row["question"], row["answer"]) for row in chosen)
    return tuple(story for story in read if story is not None)


def gsm8k(rng: ProblemRandom, phrasings: Split) -> Problem:
    """A real problem; held-out draws are development rows as they stand."""
    is_development = phrasings == "held_out" or rng.is_held_out
    rows = stories(is_development)
    place = rng.randrange(len(rows))
    story = rows[place]
    if not is_development and rng.random() < RESAMPLE_SHARE:
        story = resampled(story, rng)
    value = exact_value(story.expression)
    answer = str(value) if value.denominator == 1 else f"{float(value):.10g}"
    return Problem(
        family="gsm8k",
        question=story.question,
        thought="Put it in one expression.",
        calls=(Call("execute_python", {"code": f"print({story.expression})"}),),
        conclusion="That is the answer.",
        answer=answer,
        answer_kind="number",
        phrasing_id=f"{'development' if is_development else 'train'}-{place}",
        result=answer,
    )


if dataset_path() is not None:
    family("gsm8k", weight=1.5)(gsm8k)
