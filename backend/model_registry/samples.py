"""The answers that two reports keep, side by side: the same problem, what each version answered and how it came to it.

A job's report lists its problems, right and wrong, the first ones with their run's events; the command's has only a
few wrong ones of each family. What a report did not keep is None, never guessed. Not here: shares (reports.py).
"""

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from backend.model_registry.models import EvalReport

Shown = Literal["differ", "b_wrong", "b_better", "all"]
SHOWN: tuple[Shown, ...] = get_args(Shown)


@dataclass(frozen=True, kw_only=True)
class SampleAnswer:
    is_right: bool | None  # None: the report kept no answer to this problem
    given: str | None
    trace: list[dict[str, Any]] | None = field(default=None, compare=False)  # run events, as the wire has them
    num_tokens: int | None = field(default=None, compare=False)  # what the run used; None: the report does not say
    num_calls: int | None = field(default=None, compare=False)


@dataclass(frozen=True, kw_only=True)
class SamplePair:
    family: str
    mode: str  # "own" or "held_out" wording, "no_tools"; empty: not said
    question: str
    known: str
    a: SampleAnswer
    b: SampleAnswer

    @property
    def is_of_one(self) -> bool:
        """Only one of the two was right, as far as both are known."""
        return None not in (self.a.is_right, self.b.is_right) and self.a.is_right != self.b.is_right


_UNKNOWN = SampleAnswer(is_right=None, given=None)
Key = tuple[str, str, str]  # family, mode, question


def samples_compare(a: EvalReport, b: EvalReport) -> list[SamplePair]:
    """Every problem that one of the two keeps; those that only one was right on come first."""
    ours, theirs = _samples(a.result), _samples(b.result)
    pairs = []
    for key in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(key, ("", _UNKNOWN)), theirs.get(key, ("", _UNKNOWN))
        family, mode, question = key
        known = one[0] or other[0]
        pairs.append(SamplePair(family=family, mode=mode, question=question, known=known, a=one[1], b=other[1]))
    pairs.sort(key=lambda pair: not pair.is_of_one)
    return pairs


def samples_shown(pairs: list[SamplePair], *, shown: Shown, family: str = "") -> list[SamplePair]:
    return [pair for pair in pairs if _is_shown(pair, shown) and family in ("", pair.family)]


def _is_shown(pair: SamplePair, shown: Shown) -> bool:
    match shown:
        case "differ":  # two spellings of a right answer do not
            return pair.a != pair.b and not (pair.a.is_right and pair.b.is_right)
        case "b_wrong":
            return pair.b.is_right is False
        case "b_better":
            return pair.b.is_right is True and pair.a.is_right is not True
        case "all":
            return True


def _samples(result: dict[str, Any]) -> dict[Key, tuple[str, SampleAnswer]]:
    """(family, mode, question) -> (known answer, what was given)."""
    listed = [(str(problem["family"]), problem) for problem in result.get("problems", [])]
    if not listed:
        listed = [(str(row["family"]), wrong) for row in result["families"] for wrong in row.get("wrong", [])]
    found = {}
    for family, row in listed:
        is_right, given = bool(row.get("is_right", False)), str(row["given"])
        used = {name: row.get(name) for name in ("trace", "num_tokens", "num_calls")}
        answer = SampleAnswer(is_right=is_right, given=given, **used)
        found[family, str(row.get("mode", "")), str(row["question"])] = (str(row["known"]), answer)
    return found
