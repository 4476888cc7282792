"""The one projector from a run's frames to what the public API shows: a pure fold, for live and for replay.

`RunProjection` folds frames into the run's state; `ChatChunks` and `TextChunks` turn the same frames into
OpenAI's stream chunks; `chat_completion`, `text_completion` and `reason_run` write the finished objects.
Used by the backend and by the node's stand-alone routes, so that both say the same.

Not here: HTTP, money, authentication, clocks. Invariants: the streamed content equals the non-streamed answer;
server-side tools never become `tool_calls` (every agent client would try to run them), they are told as
reasoning; no chunk has empty `choices` but the usage chunk; no chunk holds both reasoning and content; what was
streamed is never taken back: a search's reasoning and answer are those of the branch that it selects, told at its end.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Literal, assert_never

from gpu_node.protocol.branches import BranchTree
from gpu_node.protocol.frames import (
    BranchClose,
    BranchOpen,
    BranchPrune,
    BranchScore,
    BranchSelect,
    BudgetFrame,
    ClientToolCall,
    FinishReason,
    Frame,
    RunFailed,
    RunFinished,
    RunStarted,
    Search,
    StepClose,
    StepDelta,
    StepOpen,
    ToolCall,
    ToolResult,
    Usage,
    Verdict,
    VerifierScore,
)

Json = dict[str, Any]
RunStatus = Literal["queued", "running", "finished", "failed", "cancelled"]


class FrameOutOfOrder(ValueError):
    """A frame whose `seq` is not the next one: the reader has a gap and must fetch what it missed."""


@dataclass(kw_only=True)
class Step:
    """One entry of the trace: a thought, an answer, raw text, or a tool call with its result."""

    kind: Literal["thought", "answer", "text", "tool"]
    id: int  # step_id, or call_id for a tool
    branch_id: int = 0
    text: str = ""
    is_closed: bool = False
    name: str = ""
    arguments: Json | None = None
    raw: str = ""
    status: str | None = None
    wall_ms: float | None = None
    is_truncated: bool = False
    score: float | None = None
    verdict: Verdict | None = None


@dataclass(kw_only=True)
class RunProjection:
    """A run's state after the frames applied so far."""

    status: RunStatus = "queued"
    model: str = ""
    backend: str = ""
    max_total_tokens: int = 0
    steps: list[Step] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    answer: str = ""
    verdict: Verdict | None = None
    score: float | None = None
    finish_reason: FinishReason | None = None
    client_tool_calls: list[ClientToolCall] = field(default_factory=list)
    branch_id: int = 0
    search: Search | None = None  # None: the run does not search
    tree: BranchTree = field(default_factory=BranchTree)
    error_code: str | None = None
    error_message: str | None = None
    last_seq: int = 0

    @property
    def is_terminal(self) -> bool:
        return self.status in ("finished", "failed", "cancelled")

    @property
    def reasoning(self) -> str:
        """Everything before the answer, tools told as text: what the chunks' reasoning deltas add up to.

        Of a search, the chosen branch's path only: its branches came interleaved.
        """
        steps = self.steps
        if self.search is not None:
            path = self.tree.path(self.branch_id)
            steps = [step for branch_id in path for step in self.steps if step.branch_id == branch_id]
        return "".join(_reasoning_text(step) for step in steps)

    def apply(self, frame: Frame) -> None:
        """Folds the next frame in; one already applied is ignored.

        Raises:
            FrameOutOfOrder: the frame is not the next one.
        """
        if frame.seq <= self.last_seq:
            return
        if frame.seq != self.last_seq + 1:
            raise FrameOutOfOrder(f"run {frame.run_id!r}: expected seq {self.last_seq + 1}, got {frame.seq}")
        self.last_seq = frame.seq
        self.usage = frame.usage
        self._apply_event(frame)

    def _apply_event(self, frame: Frame) -> None:
        match frame.event:
            case RunStarted() as event:
                self.status, self.model, self.backend = "running", event.model, event.backend
                self.max_total_tokens, self.search = event.max_total_tokens, event.search
            case StepOpen() as event:
                self.steps.append(Step(kind=event.kind, id=event.step_id, branch_id=event.branch_id))
            case StepDelta() as event:
                self.step(event.step_id).text += event.text
            case StepClose() as event:
                step = self.step(event.step_id)
                step.text, step.is_closed = event.text, True
            case ToolCall() | ToolResult() as event:
                self._apply_tool(event)
            case VerifierScore() as event:
                self._apply_score(event)
            case RunFinished() as event:
                self._apply_finished(event)
            case RunFailed() as event:
                self.status, self.error_code, self.error_message = "failed", event.code, event.message
            case BranchOpen() | BranchScore() | BranchClose() | BranchPrune() | BranchSelect() as event:
                self.tree.apply(event)
            case BudgetFrame():
                pass  # the page draws it from the frames; no OpenAI shape has a place for it
            case _:
                assert_never(frame.event)

    def _apply_tool(self, event: ToolCall | ToolResult) -> None:
        if isinstance(event, ToolCall):
            call = Step(kind="tool", id=event.call_id, branch_id=event.branch_id, name=event.name)
            call.arguments, call.raw = event.arguments, event.raw
            self.steps.append(call)
            return
        call = self._tool(event.call_id)
        call.text, call.status, call.wall_ms = event.text, event.status, event.wall_ms
        call.is_truncated, call.is_closed = event.is_truncated, True

    def _apply_score(self, event: VerifierScore) -> None:
        step = self._tool(event.target_id) if event.target == "tool" else self.step(event.target_id)
        step.score, step.verdict = event.score, event.verdict

    def _apply_finished(self, event: RunFinished) -> None:
        self.status = "cancelled" if event.finish_reason == "cancelled" else "finished"
        self.answer, self.finish_reason = event.answer, event.finish_reason
        self.verdict, self.score, self.branch_id = event.verdict, event.score, event.branch_id
        self.client_tool_calls = event.client_tool_calls

    def step(self, step_id: int) -> Step:
        return next(step for step in reversed(self.steps) if step.kind != "tool" and step.id == step_id)

    def _tool(self, call_id: int) -> Step:
        return next(step for step in reversed(self.steps) if step.kind == "tool" and step.id == call_id)


def _tool_call_text(step: Step) -> str:
    arguments = json.dumps(step.arguments, ensure_ascii=False) if step.arguments is not None else step.raw
    return f"\n[{step.name}] {arguments}\n"


def _tool_result_text(text: str) -> str:
    return f"[result] {text}\n"


def _reasoning_text(step: Step) -> str:
    match step.kind:
        case "thought":
            return step.text
        case "tool":
            return _tool_call_text(step) + (_tool_result_text(step.text) if step.is_closed else "")
        case "answer" | "text":
            return ""
        case _:
            assert_never(step.kind)


def openai_finish_reason(reason: FinishReason | None) -> Literal["stop", "length", "tool_calls"]:
    """OpenAI's clients know no other words: a spent budget is a length, a cancelled run has stopped."""
    match reason:
        case "budget" | "length":
            return "length"
        case "tool_calls":
            return "tool_calls"
        case "stop" | "cancelled" | None:
            return "stop"
        case _:
            assert_never(reason)


def openai_usage(usage: Usage) -> Json:
    """The run's counters as OpenAI's usage object; tool results are part of the prompt, reasoning is output."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "tool_result_tokens": usage.tool_result_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def completion_id(run_id: str, prefix: Literal["chatcmpl", "cmpl"]) -> str:
    return f"{prefix}-{run_id.removeprefix('run_')}"


def system_fingerprint(projection: RunProjection) -> str:
    """Same model and engine, same fingerprint: with `seed` and temperature 0, the same text."""
    return f"fp_{projection.model}_{projection.backend}"


def svend_extras(projection: RunProjection, run_id: str) -> Json:
    """Our own part of an OpenAI-shaped answer, under the one key `svend`."""
    return {
        "run_id": run_id,
        "verifier": {"verdict": projection.verdict, "score": projection.score},
        "steps": len(projection.steps),
        "tools": [step.name for step in projection.steps if step.kind == "tool"],
        "finish_reason": projection.finish_reason,
    }


def _client_tool_call(call: ClientToolCall) -> Json:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def chat_completion(projection: RunProjection, *, run_id: str, created: int) -> Json:
    """The finished run as OpenAI's `chat.completion`."""
    message: Json = {
        "role": "assistant",
        "content": projection.answer,
        "refusal": None,
        "annotations": [],
        "reasoning_content": projection.reasoning or None,
        "reasoning": projection.reasoning or None,
    }
    if projection.client_tool_calls:
        message["tool_calls"] = [_client_tool_call(call) for call in projection.client_tool_calls]
        message["content"] = projection.answer or None
    finish_reason = openai_finish_reason(projection.finish_reason)
    return {
        "id": completion_id(run_id, "chatcmpl"),
        "object": "chat.completion",
        "created": created,
        "model": projection.model,
        "system_fingerprint": system_fingerprint(projection),
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}],
        "usage": openai_usage(projection.usage),
        "svend": svend_extras(projection, run_id),
    }


def text_completion(projection: RunProjection, *, run_id: str, created: int) -> Json:
    """The finished raw continuation as OpenAI's `text_completion`."""
    finish_reason = openai_finish_reason(projection.finish_reason)
    return {
        "id": completion_id(run_id, "cmpl"),
        "object": "text_completion",
        "created": created,
        "model": projection.model,
        "system_fingerprint": system_fingerprint(projection),
        "choices": [{"index": 0, "text": projection.answer, "logprobs": None, "finish_reason": finish_reason}],
        "usage": openai_usage(projection.usage),
        "svend": svend_extras(projection, run_id),
    }


def _step_object(step: Step) -> Json:
    checked = {"score": step.score, "verdict": step.verdict}
    if step.kind != "tool":
        return {"id": step.id, "type": step.kind, "branch_id": step.branch_id, "text": step.text, **checked}
    return {"id": step.id, "type": "tool", "branch_id": step.branch_id, **_tool_object(step), **checked}


def _tool_object(step: Step) -> Json:
    return {
        "call_id": step.id,
        "name": step.name,
        "arguments": step.arguments,
        "raw": step.raw,
        "status": step.status,
        "result": step.text if step.is_closed else None,
        "wall_ms": step.wall_ms,
        "is_truncated": step.is_truncated,
    }


def _search_object(projection: RunProjection) -> Json | None:
    if projection.search is None:
        return None
    return {**projection.search.model_dump(), "branches": projection.tree.objects()}


def reason_run(projection: RunProjection, *, run_id: str, model: str) -> Json:
    """The run as a `reason.run`; who knows money adds `cost_nano_usd` to it."""
    error = None
    if projection.error_code is not None:
        error = {"code": projection.error_code, "message": projection.error_message}
    return {
        "id": run_id,
        "object": "reason.run",
        "model": projection.model or model,
        "status": projection.status,
        "answer": projection.answer if projection.is_terminal else None,
        "finish_reason": projection.finish_reason,
        "steps": [_step_object(step) for step in projection.steps],
        "tool_calls": [_tool_object(step) for step in projection.steps if step.kind == "tool"],
        "verification": {"verdict": projection.verdict, "score": projection.score},
        "search": _search_object(projection),
        "usage": openai_usage(projection.usage),
        "error": error,
        "last_seq": projection.last_seq,
    }


class _Chunks:
    """What both kinds of stream share: the projection behind it and the content sent so far."""

    def __init__(
        self, *, run_id: str, created: int, include_usage: bool, is_answer_held: bool, model: str = ""
    ) -> None:
        self.projection = RunProjection(model=model)  # what is known before the node says it
        self._run_id = run_id
        self._created = created
        self._include_usage = include_usage
        # A verified answer may be rejected and made anew, and what was streamed cannot be taken back:
        # then the content is held until the run has ended.
        self._is_answer_held = is_answer_held
        self._sent: dict[int, str] = {}  # step_id -> text sent of it
        self._content_sent = ""

    def feed(self, frame: Frame) -> list[Json]:
        """The chunks that this frame adds, in order. A frame seen before adds none."""
        if frame.seq <= self.projection.last_seq:
            return []
        self.projection.apply(frame)
        return self._project(frame)

    def _project(self, frame: Frame) -> list[Json]:
        raise NotImplementedError

    def _unsent(self, step: Step) -> str:
        """What of the step's text has not been sent; its close may carry what no delta did."""
        sent = self._sent.get(step.id, "")
        if not step.text.startswith(sent):
            return ""
        self._sent[step.id] = step.text
        return step.text[len(sent) :]

    def _content_rest(self) -> str:
        """At the end: what the answer has beyond the content that was streamed."""
        answer = self.projection.answer
        rest = answer[len(self._content_sent) :] if answer.startswith(self._content_sent) else ""
        self._content_sent += rest
        return rest

    def _with_usage(self, chunk: Json) -> Json:
        return {**chunk, "usage": None} if self._include_usage else chunk


class ChatChunks(_Chunks):
    """`chat.completion.chunk` objects of one run, as plain dicts."""

    def _project(self, frame: Frame) -> list[Json]:
        match frame.event:
            case RunStarted():
                return [self._chunk({"role": "assistant", "content": ""})]
            case RunFinished():
                return self._finish_chunks()
            case _ if self.projection.search is not None:
                return []
            case StepDelta(step_id=step_id) | StepClose(step_id=step_id):
                return self._step_chunks(step_id)
            case ToolCall():
                return [self._reasoning_chunk(_tool_call_text(self.projection.steps[-1]))]
            case ToolResult(text=text):
                return [self._reasoning_chunk(_tool_result_text(text))]
            case _:
                return []  # a failed run ends in an error object, which the route writes

    def _step_chunks(self, step_id: int) -> list[Json]:
        step = self.projection.step(step_id)
        if step.kind == "answer" and self._is_answer_held:
            return []
        text = self._unsent(step)
        if not text:
            return []
        if step.kind == "thought":
            return [self._reasoning_chunk(text)]
        self._content_sent += text
        return [self._chunk({"content": text})]

    def _reasoning_chunk(self, text: str) -> Json:
        return self._chunk({"reasoning_content": text, "reasoning": text})

    def _finish_chunks(self) -> list[Json]:
        chunks = []
        if self.projection.search is not None and self.projection.reasoning:
            chunks.append(self._reasoning_chunk(self.projection.reasoning))
        rest = self._content_rest()
        if rest:
            chunks.append(self._chunk({"content": rest}))
        for index, call in enumerate(self.projection.client_tool_calls):
            chunks.append(self._chunk({"tool_calls": [{"index": index, **_client_tool_call(call)}]}))
        finish = self._chunk({}, openai_finish_reason(self.projection.finish_reason))
        chunks.append({**finish, "svend": svend_extras(self.projection, self._run_id)})
        if self._include_usage:
            chunks.append({**self._base(), "choices": [], "usage": openai_usage(self.projection.usage)})
        return chunks

    def _base(self) -> Json:
        return {
            "id": completion_id(self._run_id, "chatcmpl"),
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self.projection.model,
            "system_fingerprint": system_fingerprint(self.projection),
        }

    def _chunk(self, delta: Json, finish_reason: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return self._with_usage({**self._base(), "choices": [choice]})


class TextChunks(_Chunks):
    """`text_completion` stream chunks of one raw continuation, as plain dicts."""

    def _project(self, frame: Frame) -> list[Json]:
        match frame.event:
            case StepDelta(step_id=step_id) | StepClose(step_id=step_id):
                text = self._unsent(self.projection.step(step_id))
                self._content_sent += text
                return [self._chunk(text)] if text else []
            case RunFinished():
                return self._finish_chunks()
            case _:
                return []

    def _finish_chunks(self) -> list[Json]:
        finish = self._chunk(self._content_rest(), openai_finish_reason(self.projection.finish_reason))
        chunks = [{**finish, "svend": svend_extras(self.projection, self._run_id)}]
        if self._include_usage:
            chunks.append({**self._base(), "choices": [], "usage": openai_usage(self.projection.usage)})
        return chunks

    def _base(self) -> Json:
        return {
            "id": completion_id(self._run_id, "cmpl"),
            "object": "text_completion",
            "created": self._created,
            "model": self.projection.model,
            "system_fingerprint": system_fingerprint(self.projection),
        }

    def _chunk(self, text: str, finish_reason: str | None = None) -> Json:
        choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish_reason}
        return self._with_usage({**self._base(), "choices": [choice]})
