r"""Is the answer to a suite's question right? One class a form of answer, each with three marks side by side.

strict: in the asked form (the number after `####` or alone, the letter alone) and equal. flexible: the last thing of
the kind in the text is equal. symbolic: the final answer has the same value. The last is the headline of every suite;
forms that know one way of being right (code, calls, integrals) give the same mark three times.
Not here: where questions come from (suites.py), equality itself (data/grading.py, data/final_answer.py).
"""

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gpu_node.data.final_answer import final_answer, last_number, marked, same_value
from gpu_node.data.grading import ANSWER_CHARACTERS_MAX, antiderivative_is_right, is_right, number_of
from gpu_node.data.problem import AnswerKind
from gpu_node.protocol.frames import ClientToolCall
from gpu_node.reasoning.attempt import ToolCaller

TEST_SECONDS = 20.0  # of one program with its asserts: some reference solutions of MBPP take 15 s on a slow core
LETTERS = "ABCDEFGHIJ"


class FenceMissing(RuntimeError):
    """Code cannot be judged here: what was not run is not wrong."""


@dataclass(frozen=True)
class Given:
    """What a run gave: the answer's text, and the calls of the asker's own tools that it ended in."""

    text: str
    calls: Sequence[ClientToolCall] = ()


@dataclass(frozen=True)
class Marks:
    strict: bool
    flexible: bool
    symbolic: bool

    @property
    def is_right(self) -> bool:
        return self.symbolic

    @classmethod
    def all(cls, is_right: bool) -> "Marks":
        return cls(is_right, is_right, is_right)


class Grader(Protocol):
    @property
    def known(self) -> str:
        """The right answer, for people."""
        ...

    def canonical(self, given: Given) -> str:
        """One spelling for answers that say the same, for a majority; "" where there is no answer."""
        ...

    async def marks(self, given: Given, tools: ToolCaller) -> Marks: ...


@dataclass(frozen=True)
class NumberGrader:
    """GSM8K's form."""

    known: str

    def canonical(self, given: Given) -> str:
        return _number_said(given.text) or ""

    async def marks(self, given: Given, tools: ToolCaller) -> Marks:
        alone = final_answer(given.text).strip().rstrip(".")
        is_alone = re.fullmatch(r"[-$]{0,2}\d[\d,]*(\.\d+)?(/\d+)?", alone) is not None
        last, said = last_number(given.text), _number_said(given.text)
        return Marks(
            strict=is_alone and is_right("number", self.known, alone),
            flexible=last is not None and is_right("number", self.known, last),
            symbolic=said is not None and is_right("number", self.known, said),
        )


def _number_said(text: str) -> str | None:
    """The final answer's number; where several stand in it, the last one."""
    final = final_answer(text)
    number = number_of(final)
    return str(number) if number is not None else last_number(final) or last_number(text)


@dataclass(frozen=True)
class MathsGrader:
    """MATH's form: LaTeX, compared by value."""

    known: str

    def canonical(self, given: Given) -> str:
        return re.sub(r"\s+", "", final_answer(given.text))

    async def marks(self, given: Given, tools: ToolCaller) -> Marks:
        final = final_answer(given.text)
        strip = re.compile(r"[\s$.]+")
        return Marks(
            strict=strip.sub("", self.known) == strip.sub("", final),
            flexible=is_right("text", self.known, given.text.strip().splitlines()[-1] if given.text.strip() else ""),
            symbolic=same_value(self.known, final),
        )


@dataclass(frozen=True)
class ChoiceGrader:
    """A letter out of options; saying the option's own value counts as symbolic."""

    letter: str
    options: Mapping[str, str]

    @property
    def known(self) -> str:
        return f"{self.letter}) {self.options[self.letter]}"

    def canonical(self, given: Given) -> str:
        return self._said(given.text) or ""

    async def marks(self, given: Given, tools: ToolCaller) -> Marks:
        alone = re.fullmatch(r"[\s(]*([A-J])[\s).:]*", final_answer(given.text))
        last = self._letters(given.text)
        return Marks(
            strict=alone is not None and alone[1] == self.letter,
            flexible=bool(last) and last[-1] == self.letter,
            symbolic=self._said(given.text) == self.letter,
        )

    def _letters(self, text: str) -> list[str]:
        found = re.findall(r"\(([A-J])\)|\b([A-J])(?=[).:]|\s*$)", text)
        return [letter for pair in found for letter in pair if letter in self.options]

    def _said(self, text: str) -> str | None:
        """The letter that the final answer names, else the one option whose text or value it is."""
        final = final_answer(text)
        if letters := self._letters(final):
            return letters[-1]
        same = [letter for letter, option in self.options.items() if same_value(option, final)]
        return same[0] if len(same) == 1 else None


@dataclass(frozen=True)
class LabelGrader:
    """One of a few words; `spellings` has each label's other words."""

    label: str
    spellings: Mapping[str, Sequence[str]]

    @property
    def known(self) -> str:
        return self.label

    def canonical(self, given: Given) -> str:
        return self._last(final_answer(given.text)) or self._last(given.text) or ""

    async def marks(self, given: Given, tools: ToolCaller) -> Marks:
        alone = final_answer(given.text).strip().rstrip(".").casefold()
        return Marks(
            strict=alone == self.label.casefold(),
            flexible=self._last(given.text) == self.label,
            symbolic=self.canonical(given) == self.label,
        )

    def _last(self, text: str) -> str | None:
        words = {word: label for label, others in self.spellings.items() for word in (label.casefold(), *others)}
        pattern = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
        found = re.findall(rf"\b(?:{pattern})\b", text.casefold())
        return words[found[-1]] if found else None


@dataclass(frozen=True)
class CodeGrader:
    """MBPP's form: the program, then its set-up, then its asserts, run in the fence."""

    known: str  # a reference solution
    setup: str
    asserts: tuple[str, ...]

    def canonical(self, given: Given) -> str:
        return code_of(given.text).strip()

    async def marks(self, given: Given, tools: ToolCaller) -> Marks:
        """Raises FenceMissing."""
        passed = f"passed {secrets.token_hex(16)}"  # a program cannot print what it does not know, and end early
        program = "\n".join([code_of(given.text), self.setup, *self.asserts, f"print({passed!r})"])
        arguments = json.dumps({"code": program})
        outcome = await tools.call("execute_python", arguments, timeout_seconds=TEST_SECONDS)
        if outcome.status in ("unavailable", "busy"):
            raise FenceMissing(f"code cannot be judged on this machine: {outcome.text}")
        return Marks.all(outcome.status == "ok" and outcome.text.endswith(passed))


def code_of(text: str) -> str:
    """The last fenced block, or the whole text."""
    blocks = re.findall(r"```(?:python|py)?[^\S\n]*\n(.*?)```", text, re.DOTALL)
    return str(blocks[-1]) if blocks else text


@dataclass(frozen=True)
class CallGrader:
    """BFCL's form: exactly this call of the asker's tool, or none where no tool fits (`allowed` is None).

    `allowed` has for each argument the values that count; "" among them: it may be left out.
    """

    name: str
    allowed: Mapping[str, Sequence[Any]] | None

    @property
    def known(self) -> str:
        if self.allowed is None:
            return "(no call)"
        shown = {name: values[0] for name, values in self.allowed.items() if values and values[0] != ""}
        return f"{self.name} {json.dumps(shown, ensure_ascii=False)}"

    def canonical(self, given: Given) -> str:
        return calls_text(given.calls) or given.text.strip()

    async def marks(self, given: Given, tools: ToolCaller) -> Marks:
        if self.allowed is None:
            return Marks.all(not given.calls)
        if len(given.calls) != 1 or given.calls[0].name != self.name:
            return Marks.all(False)
        try:
            arguments = json.loads(given.calls[0].arguments)
        except (ValueError, RecursionError):
            return Marks.all(False)
        return Marks.all(isinstance(arguments, dict) and _arguments_match(self.allowed, arguments))


def calls_text(calls: Sequence[ClientToolCall]) -> str:
    return "; ".join(f"{call.name} {call.arguments}" for call in calls)


def _arguments_match(allowed: Mapping[str, Sequence[Any]], arguments: Mapping[str, Any]) -> bool:
    if not set(arguments) <= set(allowed):
        return False
    return all(
        any(_value_matches(value, arguments[name]) for value in values) if name in arguments else "" in values
        for name, values in allowed.items()
    )


def _value_matches(allowed: Any, given: Any) -> bool:
    """Text by letters and digits alone, numbers by value, lists in order; an object as arguments are."""
    if isinstance(allowed, bool) or isinstance(given, bool):
        return allowed is given
    match allowed, given:
        case ((int() | float()), (int() | float())):
            return bool(allowed == given)
        case str(), str():
            return _squeezed(allowed) == _squeezed(given)
        case list(), list():
            return len(allowed) == len(given) and all(map(_value_matches, allowed, given))
        case dict(), dict():
            lists = {name: value if isinstance(value, list) else [value] for name, value in allowed.items()}
            return _arguments_match(lists, given)
    return False


def _squeezed(text: str) -> str:
    return re.sub(r"[\s,./\-_*^'\"]", "", text).casefold()


@dataclass(frozen=True)
class IntegralGrader:
    """Rubi's form: the answer's derivative is the integrand."""

    integrand: str
    variable: str
    known: str

    def canonical(self, given: Given) -> str:
        return re.sub(r"\s+|\+[Cc]$", "", final_answer(given.text))

    async def marks(self, given: Given, tools: ToolCaller) -> Marks:
        return Marks.all(antiderivative_is_right(self.integrand, self.variable, final_answer(given.text)))


class GymDataset(Protocol):
    def score_answer(self, answer: str | None, entry: dict[str, Any]) -> float: ...


@dataclass(frozen=True)
class GymGrader:
    """reasoning-gym's own score; only a full score is right."""

    dataset: GymDataset
    entry: dict[str, Any]

    @property
    def known(self) -> str:
        return str(self.entry["answer"])

    def canonical(self, given: Given) -> str:
        return final_answer(given.text)

    async def marks(self, given: Given, tools: ToolCaller) -> Marks:
        text, final = given.text.strip(), final_answer(given.text)
        is_said = self._is_full(text) or self._is_full(final)
        return Marks(
            strict=text == self.known,
            flexible=is_said or self._is_full(last_number(text)),
            symbolic=is_said,
        )

    def _is_full(self, answer: str | None) -> bool:
        """Their scorers raise for some texts that they cannot read: such an answer is not right."""
        if not answer or len(answer) > ANSWER_CHARACTERS_MAX:
            return False
        try:
            return self.dataset.score_answer(answer, self.entry) == 1
        except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError):
            return False


@dataclass(frozen=True)
class FamilyGrader:
    """Our own families' answers."""

    kind: AnswerKind
    known: str

    def canonical(self, given: Given) -> str:
        return re.sub(r"\s+", "", given.text).casefold()

    async def marks(self, given: Given, tools: ToolCaller) -> Marks:
        text = given.text.strip()
        return Marks(
            strict=text == self.known,
            flexible=is_right(self.kind, self.known, marked(text) or text),
            symbolic=is_right(self.kind, self.known, text),
        )
