"""One branch of a run: generate → tool → resume, until the turn ends or something runs out, or a step at a time.

A step ends with a line of reasoning or with a tool's result; there the critic is asked and other branches may go on
from it. The model's mistakes are data: a call that is malformed, unknown or forbidden comes back to it as a tool
result that says why. Not here: which branches there are (`branches`), verdicts (`scoring`). Invariant: every id the
engine hands over is counted before any event that shows it is yielded.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, assert_never

from tokenizers import Tokenizer

from gpu_node.data.chat_format import SpecialIds, encode_tool_result
from gpu_node.inference.backend import InferenceBackend, SamplingParams, Sequence
from gpu_node.protocol.frames import (
    ClientToolCall,
    FinishReason,
    RunEvent,
    ToolAttachment,
    ToolCall,
    ToolResult,
    ToolStatus,
    Usage,
)
from gpu_node.protocol.run_spec import ClientTool, RunSpec
from gpu_node.reasoning.budget import Budget, Lease
from gpu_node.reasoning.scoring import Scorer
from gpu_node.reasoning.tool_call_parser import CallFound, Part, StepBegin, StepEnd, StepIds, ToolCallParser, TurnEnd
from gpu_node.reasoning.trace import Trace

TOOL_SECONDS_MAX = 10.0  # one call; a loop in the model's code ends here
CALL_NAME_CHARACTERS_MAX = 64  # what a frame shows of a name that the model made up


class Outcome(Protocol):
    """What a tool call came to (`gpu_node.tools.executor.ToolOutcome`)."""

    @property
    def status(self) -> ToolStatus: ...
    @property
    def text(self) -> str: ...
    @property
    def wall_ms(self) -> float: ...
    @property
    def is_truncated(self) -> bool: ...
    @property
    def attachments(self) -> Collection[ToolAttachment]: ...


class ToolCaller(Protocol):
    """`gpu_node.tools.executor.ToolExecutor`, as far as a run needs it."""

    @property
    def fence_tier(self) -> str: ...

    def described(self, names: Collection[str]) -> list[ClientTool]:
        """What the model must be told of those of these tools that it was not trained with. KeyError: unknown."""

    async def call(
        self, name: str, arguments_json: str, *, timeout_seconds: float, programs: list[str] | None = None
    ) -> Outcome: ...


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """The outcome of a call that was not made."""

    text: str
    status: ToolStatus = "error"
    wall_ms: float = 0.0
    is_truncated: bool = False
    attachments: tuple[ToolAttachment, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reasoner:
    """What every run of a node shares."""

    backend: InferenceBackend
    tokenizer: Tokenizer
    special: SpecialIds
    tools: ToolCaller


@dataclass(kw_only=True)
class Path:
    """How far a branch has come: its sequence in the engine, and all that its next step depends on."""

    sequence: Sequence
    ids: list[int]  # prompt, generated and forced ids: what the critic reads
    parser: ToolCallParser
    programs: list[str] = field(default_factory=list)  # of this branch, whose variables are kept
    results: tuple[str, ...] = ()  # what its tools said
    num_known: int = field(init=False)  # ids up to the prompt's end, then up to the last result's
    _forking: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.num_known = len(self.ids)

    @property
    def state(self) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """Two paths of one run with the same state have the same ahead of them, however they came to their results."""
        return self.results, tuple(self.ids[self.num_known :])

    async def fork(self, sampling: SamplingParams) -> "Path":
        """A path that goes on from here. Raises EngineBusy, EngineFailed."""
        async with self._forking:  # a sequence is used by one task at a time
            sequence = await self.sequence.fork(sampling)
        path = Path(
            sequence=sequence,
            ids=list(self.ids),
            parser=self.parser.copy(),
            programs=list(self.programs),
            results=self.results,
        )
        path.num_known = self.num_known
        return path

    def feed_result(self, text: str, ids: list[int]) -> None:
        self.sequence.extend(ids)
        self.ids += ids
        self.results += (text,)
        self.num_known = len(self.ids)

    def close(self) -> None:
        self.sequence.close()


@dataclass(kw_only=True)
class Attempt:
    """Iterate `events()` to its end, then read the outcome fields. Its path is open until `close()`."""

    reasoner: Reasoner
    spec: RunSpec
    path: Path
    budget: Budget
    trace: Trace
    scorer: Scorer
    branch_id: int
    finish_reason: FinishReason | None = field(init=False, default=None)
    answer: str = field(init=False, default="")
    answer_step_id: int = field(init=False, default=0)
    score: float | None = field(init=False, default=None)  # the critic's, of the last step
    num_answer_tokens: int = field(init=False, default=0)
    num_generated: int = field(init=False, default=0)
    num_tool_result: int = field(init=False, default=0)
    client_tool_calls: list[ClientToolCall] = field(init=False, default_factory=list)
    _is_step_over: bool = field(init=False, default=False)
    _has_ended_thought: bool = field(init=False, default=False)  # with the last id
    _lease: Lease = field(init=False)
    _is_lease_spent: bool = field(init=False, default=False)

    @property
    def is_complete(self) -> bool:
        return self.finish_reason == "stop"

    @property
    def usage(self) -> Usage:
        """This branch's alone."""
        return Usage(
            prompt_tokens=self.num_tool_result,
            completion_tokens=self.num_generated,
            tool_result_tokens=self.num_tool_result,
            reasoning_tokens=self.num_generated - self.num_answer_tokens,
        )

    def close(self) -> None:
        self.path.close()

    async def events(self, *, is_one_step: bool = False) -> AsyncGenerator[RunEvent, None]:
        """To the turn's end, or to the end of one step: then `finish_reason` is None."""
        stop_ids = set(self.reasoner.special.eos)
        if is_one_step:
            stop_ids |= {self.reasoner.special.think_end, *self.trace.token_bytes.line_ends}
        self._is_step_over = False
        while self.finish_reason is None and not (is_one_step and self._is_step_over):
            async with aclosing(self._generate(frozenset(stop_ids))) as events:
                async for event in events:
                    yield event
        for event in self._close_step():
            yield event
        if self.is_complete and self.answer_step_id == 0:  # the model ended its turn without a word
            yield self._open_step("answer")
            for event in self._close_step():
                yield event

    async def _generate(self, stop_ids: frozenset[int]) -> AsyncGenerator[RunEvent, None]:
        """One stretch of generation, up to a stop id, a limit or a stop string; then the call, if it ended in one."""
        call: CallFound | None = None
        token_id: int | None = None
        async with aclosing(self._new_ids(stop_ids)) as new_ids:
            async for token_id in new_ids:
                self._has_ended_thought = False
                parts = self.path.parser.feed([token_id])
                self._count(parts)
                for part in parts:
                    if isinstance(part, CallFound):
                        call = part
                    else:
                        for event in await self._part_events(part):
                            yield event
                if self.finish_reason is not None:
                    break
        if self.finish_reason is not None:
            return
        if call is not None:
            async with aclosing(self._call(call)) as events:
                async for event in events:
                    yield event
        elif token_id in stop_ids:
            for event in await self._line_end():
                yield event
        elif not self._is_lease_spent or self.budget.exhausted_reason is not None or self._context_left <= 0:
            self.finish_reason = self.budget.exhausted_reason or "length"

    @property
    def _context_left(self) -> int:
        return self.reasoner.backend.context_tokens - len(self.path.ids)

    async def _new_ids(self, stop_ids: frozenset[int]) -> AsyncGenerator[int, None]:
        """The ids of one lease, each counted on it by who takes them."""
        self._lease = lease = self.budget.lease(at_most=max(0, self._context_left))
        try:
            if lease.num_left == 0 or self.budget.seconds_left <= 0:
                return
            generation = self.path.sequence.generate(stop_ids=stop_ids, max_new_tokens=lease.num_left)
            async with aclosing(generation) as chunks:
                async for chunk in chunks:
                    for token_id in chunk:
                        self.path.ids.append(token_id)
                        yield token_id
                    if self.budget.seconds_left <= 0:
                        return
        finally:
            self._is_lease_spent = lease.num_left == 0
            lease.close()

    def _count(self, parts: list[Part]) -> None:
        """Counts one id. The answer's ids are what is not reasoning, as long as nothing follows the answer."""
        is_answer = self.path.parser.step == "answer" or any(isinstance(part, TurnEnd) for part in parts)
        self.num_generated += 1
        self.num_answer_tokens = self.num_answer_tokens + 1 if is_answer else 0
        self._lease.count(num_reasoning=0 if is_answer else 1)

    async def _line_end(self) -> list[RunEvent]:
        """A stop id that ended neither the turn nor a call: it may have ended a thought, or a line of one."""
        step = self.trace.open_step(self.branch_id)
        events = await self._end_thought() if step is not None and step.kind == "thought" else []
        self._is_step_over = self._has_ended_thought
        return events

    async def _part_events(self, part: StepBegin | StepIds | StepEnd | TurnEnd) -> list[RunEvent]:
        match part:
            case StepBegin():
                return [self._open_step(part.kind)]
            case StepIds():
                events: list[RunEvent] = []
                if self.trace.open_step(self.branch_id) is None:  # the thought goes on after the end of a line
                    events.append(self._open_step("thought"))
                events += self.trace.step_feed(self.branch_id, list(part.ids))
                step = self.trace.open_step(self.branch_id)
                if step is not None and step.stream.is_stopped:
                    self.finish_reason = "stop"
                return events
            case StepEnd():
                return await self._end_thought() if part.kind == "thought" else self._close_step()
            case TurnEnd():
                self.finish_reason = "stop"
                return []
            case _:
                assert_never(part)

    def _open_step(self, kind: Literal["thought", "answer"]) -> RunEvent:
        opened = self.trace.step_open(kind, branch_id=self.branch_id, stop=self.spec.stop if kind == "answer" else None)
        if kind == "answer":
            self.answer_step_id = opened.step_id
        else:
            self.answer_step_id, self.answer = 0, ""  # what was said before this thought was not the answer
        return opened

    def _close_step(self) -> list[RunEvent]:
        step = self.trace.open_step(self.branch_id)
        events = self.trace.step_close(self.branch_id)
        if step is not None and step.kind == "answer":
            self.answer = step.text
        return events

    async def _end_thought(self) -> list[RunEvent]:
        """Closes the thought, if its last line was not closed before, and asks the critic about it."""
        step = self.trace.open_step(self.branch_id)
        events = self._close_step()
        if step is not None:
            self._has_ended_thought = True
            self.score = await self.scorer.score(self.path.ids)
            if self.score is not None:
                events.append(self.scorer.event(self.score, target="step", target_id=step.step_id))
        return events

    async def _call(self, found: CallFound) -> AsyncGenerator[RunEvent, None]:
        text_of = self.trace.token_bytes.text
        name = text_of(list(found.name_ids)).strip()[:CALL_NAME_CHARACTERS_MAX]
        raw = text_of(list(found.args_ids))
        self.answer_step_id, self.answer = 0, ""
        call_id = self.trace.call_next()
        if found.problem is None and any(tool.name == name for tool in self.spec.client_tools):
            self.client_tool_calls = [ClientToolCall(id=f"call_{call_id}", name=name, arguments=raw)]
            self.finish_reason = "tool_calls"
            return
        arguments = _json_object(raw)
        yield ToolCall(call_id=call_id, branch_id=self.branch_id, name=name, arguments=arguments, raw=raw)
        outcome = await self._outcome(name, raw, problem=found.problem)
        result_ids = encode_tool_result(self.reasoner.tokenizer, outcome.text)
        # Read before the result is fed: a result that does not fit ends the run, it is not cut to fit.
        fits = len(result_ids) < self.budget.tokens_free
        if fits and len(result_ids) < self._context_left:
            self.path.feed_result(outcome.text, result_ids)
            self.num_tool_result += len(result_ids)
            self.budget.count_tool_result(len(result_ids))
        else:
            self.finish_reason = "length" if fits else "budget"
        yield ToolResult(
            call_id=call_id,
            status=outcome.status,
            text=outcome.text,
            wall_ms=round(outcome.wall_ms, 3),
            is_truncated=outcome.is_truncated,
            attachments=list(outcome.attachments),
        )
        if self.finish_reason is None:
            self._is_step_over = True
            self.score = await self.scorer.score(self.path.ids)
            if self.score is not None:
                yield self.scorer.event(self.score, target="tool", target_id=call_id)
        yield self.budget.frame()

    async def _outcome(self, name: str, raw: str, *, problem: str | None) -> Outcome:
        allowed = ", ".join(self.spec.tools) or "none"
        if self.budget.tool_calls_left <= 0:
            return Refusal(text="error: no tool calls are left in this run; answer now")
        self.budget.num_tool_calls += 1
        if problem is not None:
            return Refusal(text=f"error: {problem}")
        if name not in self.spec.tools:
            return Refusal(text=f"error: the tool {name!r} is not available; available: {allowed}")
        seconds = min(TOOL_SECONDS_MAX, self.budget.seconds_left)
        return await self.reasoner.tools.call(name, raw, timeout_seconds=seconds, programs=self.path.programs)


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
