"""One branch of a run: generate → tool → resume, until the turn ends or something runs out.

The model's mistakes are data: a call that is malformed, unknown or forbidden comes back to it as a tool result
that says why. Not here: verdicts and retries (`orchestrator`). Invariant: every id the engine hands over is
counted before any event that shows it is yielded.
"""

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
)
from gpu_node.protocol.run_spec import ClientTool, RunSpec
from gpu_node.reasoning.budget import Budget
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
class Attempt:
    """Iterate `events()` to its end, then read the outcome fields."""

    reasoner: Reasoner
    spec: RunSpec
    prompt_ids: list[int]
    sampling: SamplingParams
    budget: Budget
    trace: Trace
    scorer: Scorer
    branch_id: int
    ids: list[int] = field(init=False)  # prompt, generated and forced ids: what the critic reads
    finish_reason: FinishReason | None = field(init=False, default=None)
    answer: str = field(init=False, default="")
    answer_step_id: int = field(init=False, default=0)
    num_answer_tokens: int = field(init=False, default=0)
    num_generated: int = field(init=False, default=0)
    num_tool_result: int = field(init=False, default=0)
    client_tool_calls: list[ClientToolCall] = field(init=False, default_factory=list)
    programs: list[str] = field(init=False, default_factory=list)  # of this branch, whose variables are kept

    def __post_init__(self) -> None:
        self.ids = list(self.prompt_ids)
        self._parser = ToolCallParser(self.reasoner.special)
        self._stop_ids = frozenset(self.reasoner.special.eos)

    @property
    def is_complete(self) -> bool:
        return self.finish_reason == "stop"

    async def events(self) -> AsyncGenerator[RunEvent, None]:
        sequence = self.reasoner.backend.open(self.prompt_ids, self.sampling)
        try:
            while self.finish_reason is None:
                async with aclosing(self._generate(sequence)) as events:
                    async for event in events:
                        yield event
        finally:
            sequence.close()
        for event in self._close_step():
            yield event
        if self.is_complete and self.answer_step_id == 0:  # the model ended its turn without a word
            yield self._open_step("answer")
            for event in self._close_step():
                yield event

    async def _generate(self, sequence: Sequence) -> AsyncGenerator[RunEvent, None]:
        """One stretch of generation, up to a stop id, a limit or a stop string; then the call, if it ended in one."""
        call: CallFound | None = None
        async with aclosing(self._new_ids(sequence)) as new_ids:
            async for token_id in new_ids:
                parts = self._parser.feed([token_id])
                self._count(parts)
                for part in parts:
                    if isinstance(part, CallFound):
                        call = part
                    else:
                        for event in await self._part_events(part):
                            yield event
                if self.finish_reason is not None:
                    break
        if call is not None and self.finish_reason is None:
            async with aclosing(self._call(call, sequence)) as events:
                async for event in events:
                    yield event
        elif self.finish_reason is None:
            self.finish_reason = self.budget.exhausted_reason or "length"

    async def _new_ids(self, sequence: Sequence) -> AsyncGenerator[int, None]:
        context_left = self.reasoner.backend.context_tokens - len(self.ids)
        num_left = min(self.budget.completion_tokens_left, context_left)
        if num_left <= 0 or self.budget.exhausted_reason is not None:
            return
        async with aclosing(sequence.generate(stop_ids=self._stop_ids, max_new_tokens=num_left)) as chunks:
            async for chunk in chunks:
                for token_id in chunk:
                    self.ids.append(token_id)
                    yield token_id
                if self.budget.seconds_left <= 0:
                    return

    def _count(self, parts: list[Part]) -> None:
        """Counts one id. The answer's ids are what is not reasoning, as long as nothing follows the answer."""
        is_answer = self._parser.step == "answer" or any(isinstance(part, TurnEnd) for part in parts)
        self.num_generated += 1
        self.num_answer_tokens = self.num_answer_tokens + 1 if is_answer else 0
        self.budget.count_generated(1, num_reasoning=0 if is_answer else 1)

    async def _part_events(self, part: StepBegin | StepIds | StepEnd | TurnEnd) -> list[RunEvent]:
        match part:
            case StepBegin():
                return [self._open_step(part.kind)]
            case StepIds():
                events = self.trace.step_feed(list(part.ids))
                step = self.trace.open_step
                if step is not None and step.stream.is_stopped:
                    self.finish_reason = "stop"
                return events
            case StepEnd():
                step = self.trace.open_step
                assert step is not None
                events = self._close_step()
                if part.kind == "thought":
                    events += await self.scorer.step_events(self.ids, target="step", target_id=step.step_id)
                return events
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
        step = self.trace.open_step
        events = self.trace.step_close()
        if step is not None and step.kind == "answer":
            self.answer = step.text
        return events

    async def _call(self, found: CallFound, sequence: Sequence) -> AsyncGenerator[RunEvent, None]:
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
        fits = len(result_ids) < self.budget.tokens_left
        fits_context = len(self.ids) + len(result_ids) < self.reasoner.backend.context_tokens
        if fits and fits_context:
            sequence.extend(result_ids)
            self.ids += result_ids
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
            for event in await self.scorer.step_events(self.ids, target="tool", target_id=call_id):
                yield event
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
        return await self.reasoner.tools.call(name, raw, timeout_seconds=seconds, programs=self.programs)


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
