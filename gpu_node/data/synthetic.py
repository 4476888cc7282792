"""Training rows from seeds: problems drawn from the families, their calls really run, spelled by chat_format.

A row is kept only if what the tools return is what the family knows to be right, so a wrong template cannot teach.
Rows are deterministic: `(seed_start, count, families)` gives the same rows in the same order on every machine.
Not here: packing into batches (packing.py), and any problem that needs a network or a file.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tokenizers import Tokenizer

from gpu_node.data.chat_format import TrainedCall, arguments_text, render_completion, render_example
from gpu_node.data.families.registry import families_load, problem_draw
from gpu_node.data.grading import is_right
from gpu_node.data.problem import HELD_OUT_SEED_FIRST, Call, Problem, Split
from gpu_node.data.tool_results import tool_result

REPAIR_SHARE = 0.05  # a call that errs, then its repair
NO_TOOLS_SHARE = 0.04  # the "no tools" system turn: a direct answer
COMPLETION_SHARE = 0.03  # `Solve: …` as plain text
ROW_TOKENS_MAX = 320  # a longer row would cost more than it teaches
TOKENIZER_ROWS = 12_000  # what the tokenizer is trained on
COPY_FAMILIES = ("repeat",)

# Questions that the finished model is asked, and the numbers of such questions: never in the training text.
FORBIDDEN = re.compile(
    r"x(\^|\*\*)?[3³]\+2\*?x(?![\d^*²³])|(?<!\d)(1729|4104|13832)(?!\d).*(cube|squares|power)|taxicab|hardy.ramanujan"
)


@dataclass(frozen=True)
class Row:
    ids: list[int]
    weights: list[float]  # of predicting the id at the same place; 0 = not trained
    family: str


def is_forbidden(question: str) -> bool:
    """True for a question that must stay unseen, however it is spaced or cased."""
    return bool(FORBIDDEN.search(re.sub(r"\s+", "", question.casefold())))


def examples(
    tokenizer: Tokenizer,
    *,
    seed_start: int,
    count: int,
    families: Sequence[str] | None = None,
    copy_share: float = 0.0,
    phrasings: Split = "train",
) -> Iterator[Row]:
    """Rows of `count` consecutive seeds; a seed whose problem is refused gives none.

    families: only these (equal shares by weight); None = all. copy_share: this share of rows from the copy curriculum.
    """
    known = families_load()
    names = list(families) if families is not None else list(known)
    weights = [known[name].weight for name in names]
    for seed in range(seed_start, seed_start + count):
        assert seed < HELD_OUT_SEED_FIRST, f"seed {seed} is held out for evaluation"
        rng = random.Random(f"row:{seed}")
        is_copy = rng.random() < copy_share
        name = rng.choice(COPY_FAMILIES) if is_copy else rng.choices(names, weights)[0]
        row = row_of(tokenizer, problem_draw(name, seed, phrasings), rng)
        if row is not None:
            yield row


def family_drawn(names: Sequence[str], seed: int) -> str:
    """The family of a seed's problem, by the families' weights."""
    known = families_load()
    return random.Random(f"row:{seed}").choices(names, [known[name].weight for name in names])[0]


def row_of(tokenizer: Tokenizer, problem: Problem, rng: random.Random) -> Row | None:
    """The rendered row, or None where the problem is forbidden, too long, or its calls do not give its answer."""
    if is_forbidden(problem.question):
        return None
    form = rng.random()
    if form < COMPLETION_SHARE and problem.completion is not None:
        ids, weights = render_completion(tokenizer, body=problem.completion, answer=problem.answer)
        return _bounded(Row(ids, weights, problem.family))
    solved = solve(problem)
    if solved is None:
        return None
    calls, answer = solved
    tools_allowed = not calls or form > COMPLETION_SHARE + NO_TOOLS_SHARE
    if calls and not tools_allowed:
        calls = ()
    elif calls and rng.random() < REPAIR_SHARE:
        calls = _with_repair(problem, calls, rng)
    ids, weights = render_example(
        tokenizer,
        question=problem.question,
        thought=problem.thought if tools_allowed else "",
        calls=calls,
        conclusion=problem.conclusion if calls else "",
        answer=answer,
        tools_allowed=tools_allowed,
    )
    return _bounded(Row(ids, weights, problem.family))


def _bounded(row: Row) -> Row | None:
    return row if len(row.ids) <= ROW_TOKENS_MAX else None


def solve(problem: Problem) -> tuple[tuple[TrainedCall, ...], str] | None:
    """The problem's calls with their real results, and the taught answer; None where they do not agree."""
    calls = []
    for call in problem.calls:
        is_error, text = tool_result(call)
        if is_error:
            return None
        calls.append(TrainedCall(call.name, arguments_text(call.arguments), text))
    if not calls:
        return (), problem.answer
    returned = calls[-1].result
    if problem.result is None:
        return (tuple(calls), returned) if _graded(problem.answer_kind, problem.answer, returned) else None
    kind = problem.result_kind or problem.answer_kind
    return (tuple(calls), problem.answer) if _graded(kind, problem.result, returned) else None


@lru_cache(maxsize=400_000)
def _graded(kind: str, expected: str, returned: str) -> bool:
    return is_right(kind, expected, returned)  # type: ignore[arg-type]


def _with_repair(problem: Problem, calls: tuple[TrainedCall, ...], rng: random.Random) -> tuple[TrainedCall, ...]:
    """The first call spoilt, with the tool's real complaint, before the right one; unspoilt where it still runs."""
    faulty = _spoilt(problem.calls[0], rng)
    is_error, text = tool_result(faulty)
    if not is_error:
        return calls
    return (TrainedCall(faulty.name, arguments_text(faulty.arguments), text, is_faulty=True), *calls)


_WRONG_OPERATIONS = (
    "derive",
    "calculate",
    "compute",
    "integral",
    "roots",
    "diff",
    "eval",
    "factorise",
    "reduce",
    "inverse",
)


def _spoilt(call: Call, rng: random.Random) -> Call:
    arguments = dict(call.arguments)
    field = next((name for name in ("expression", "code") if name in arguments), None)
    if field is None:
        constraints = list(arguments.get("constraints", []))
        if constraints:
            place = rng.randrange(len(constraints))
            constraints[place] = constraints[place] + rng.choice((" and", " ->", ")"))
        return Call(call.name, {**arguments, "constraints": constraints})
    kind = rng.random()
    if field == "expression" and kind < 0.4:
        return Call(call.name, {**arguments, "operation": rng.choice(_WRONG_OPERATIONS)})
    if kind < 0.6:
        renamed = {"expression": rng.choice(("expr", "equation", "formula")), "code": rng.choice(("source", "python"))}
        return Call(call.name, {renamed.get(name, name): value for name, value in arguments.items()})
    text = str(arguments[field])
    broken = text[:-1] if text.endswith(")") and rng.random() < 0.5 else text + rng.choice((")", " +", "("))
    return Call(call.name, {**arguments, field: broken})


def tokenizer_texts(count: int = TOKENIZER_ROWS) -> Iterator[str]:
    """Questions, calls, thoughts and answers of every family alike, for training the tokenizer."""
    names = list(families_load())
    for seed in range(count):
        problem = problem_draw(names[seed % len(names)], seed)
        yield problem.question
        yield problem.thought
        yield problem.conclusion
        yield problem.answer
        for call in problem.calls:
            yield call.name
            yield arguments_text(call.arguments)
