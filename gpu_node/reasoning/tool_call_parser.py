"""Splits a generation into thoughts, answer text and tool calls, over token ids, as they come.

It sees ids, never text: what a user or a tool wrote cannot look like markup, because only the special
tokens' ids are markup. Not here: what a call means, whether it is allowed, its JSON. Invariant: feeding a
list of ids whole or cut at any points gives the same parts, once neighbouring `StepIds` are joined.
"""

from dataclasses import dataclass, field
from typing import Literal

from gpu_node.data.chat_format import SpecialIds

StepKind = Literal["thought", "answer"]


@dataclass(frozen=True, slots=True)
class StepBegin:
    kind: StepKind


@dataclass(frozen=True, slots=True)
class StepIds:
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StepEnd:
    kind: StepKind


@dataclass(frozen=True, slots=True)
class CallFound:
    """A closed call, or the remains of one: then `problem` says what is wrong with it."""

    name_ids: tuple[int, ...]
    args_ids: tuple[int, ...]
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """The model ended its turn."""


Part = StepBegin | StepIds | StepEnd | CallFound | TurnEnd


@dataclass
class _OpenCall:
    name_ids: list[int] = field(default_factory=list)
    args_ids: list[int] = field(default_factory=list)
    place: Literal["start", "name", "args"] = "start"
    problem: str | None = None


class ToolCallParser:
    """Feed it ids, take parts. One parser a branch."""

    def __init__(self, special: SpecialIds) -> None:
        self._special = special
        self._markup, self._ends = special.markup, special.ends
        self._step: StepKind | None = None
        self._call: _OpenCall | None = None

    @property
    def step(self) -> StepKind | None:
        """The kind of the step that is open."""
        return self._step

    def copy(self) -> "ToolCallParser":
        """For a branch that goes on from here; not within a call."""
        assert self._call is None, "copied within a call"
        copied = ToolCallParser(self._special)
        copied._step = self._step
        return copied

    def feed(self, ids: list[int]) -> list[Part]:
        parts: list[Part] = []
        for token_id in ids:
            if self._call is not None:
                self._feed_call(token_id, self._call, parts)
            else:
                self._feed_text(token_id, parts)
        return parts

    def _feed_text(self, token_id: int, parts: list[Part]) -> None:
        special = self._special
        if token_id == special.think:
            self._end_step(parts)
            self._begin_step("thought", parts)
        elif token_id == special.think_end:
            if self._step == "thought":
                self._end_step(parts)
        elif token_id == special.tool_call:
            self._end_step(parts)
            self._call = _OpenCall()
        elif token_id in self._ends:
            self._end_step(parts)
            parts.append(TurnEnd())
        elif token_id == special.tool_call_end:
            self._end_step(parts)
            parts.append(CallFound((), (), "a call was closed that was not opened"))
        elif token_id not in self._markup:
            if self._step is None:
                self._begin_step("answer", parts)
            if parts and isinstance(parts[-1], StepIds):
                parts[-1] = StepIds((*parts[-1].ids, token_id))
            else:
                parts.append(StepIds((token_id,)))
        # Any other special token has no meaning outside a call: it is counted, and carries no text.

    def _feed_call(self, token_id: int, call: _OpenCall, parts: list[Part]) -> None:
        special = self._special
        if token_id == special.tool_call_end:
            self._end_call(call, parts)
        elif token_id in self._ends:
            call.problem = call.problem or "the call was not closed"
            self._end_call(call, parts)
            parts.append(TurnEnd())
        elif token_id == special.tool_name and call.place == "start":
            call.place = "name"
        elif token_id == special.tool_args and call.place == "name":
            call.place = "args"
        elif token_id in self._markup or call.place == "start":
            call.problem = call.problem or "the call is not of the form <name> <arguments>"
        elif call.place == "name":
            call.name_ids.append(token_id)
        else:
            call.args_ids.append(token_id)

    def _begin_step(self, kind: StepKind, parts: list[Part]) -> None:
        self._step = kind
        parts.append(StepBegin(kind))

    def _end_step(self, parts: list[Part]) -> None:
        if self._step is not None:
            parts.append(StepEnd(self._step))
            self._step = None

    def _end_call(self, call: _OpenCall, parts: list[Part]) -> None:
        problem = call.problem or (None if call.place == "args" else "the call has no arguments")
        parts.append(CallFound(tuple(call.name_ids), tuple(call.args_ids), problem))
        self._call = None
