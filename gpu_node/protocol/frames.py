"""Run frames: the numbered entries of a run's append-only log, as they cross the wire.

The node writes each frame once, with `seq` from 1 and no gaps within an epoch, on its disk before any of
its tokens is released. Readers copy frames; nobody rewrites them. Every frame carries the run's cumulative
usage, so losing or repeating frames cannot change what is billed.

Not here: job frames (they join with the job queue), and how frames become OpenAI chunks (`projector`).
"""

import json
import zlib
from typing import Annotated, Any, Final, Literal, assert_never

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

PROTOCOL_VERSION: Final = 1

# A frame's JSON is at most this many bytes: tool output is capped at 16 KiB and steps are coalesced.
FRAME_BYTES_MAX = 262_144
ATTACHMENTS_MAX = 8  # of one tool result
# Of one tool result's attachments together, as JSON: the other half of a frame is the text, escaped.
ATTACHMENTS_BYTES_MAX = 131_072


class Wire(BaseModel):
    """Base of everything on the wire: unknown fields are refused, values do not change after parsing."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Usage(Wire):
    """Cumulative token counters of a run, in tokens.

    `prompt_tokens` counts the prompt once and each tool result's text once; `completion_tokens` counts every
    generated token once, lost branches too. The two details are subsets, not additions.
    """

    prompt_tokens: int = Field(ge=0, default=0)
    completion_tokens: int = Field(ge=0, default=0)
    tool_result_tokens: int = Field(ge=0, default=0)  # part of prompt_tokens
    reasoning_tokens: int = Field(ge=0, default=0)  # part of completion_tokens: all but the answer

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


Verdict = Literal["accept", "reject", "abstain"]
FinishReason = Literal["stop", "length", "budget", "cancelled", "tool_calls"]
ToolStatus = Literal["ok", "error", "timeout", "memory", "output_limit", "killed", "busy", "unavailable"]


SearchStrategy = Literal["none", "auto", "majority", "best_of_n", "beam", "mcts"]
SEARCH_WIDTH_MAX, SEARCH_DEPTH_MAX = 16, 16
SEARCH_NODES_MAX = 64  # width x depth of a tree: mcts keeps the sequence of each place it may go on from


class Search(Wire):
    """How a run looks for its answer. `width`: answers of majority, best_of_n and auto, the branches that a beam keeps,
    the children of an mcts node. `depth`: steps of a beam, rounds of mcts; the others have none."""

    strategy: SearchStrategy = "none"
    width: int = Field(default=4, ge=1, le=SEARCH_WIDTH_MAX)
    depth: int = Field(default=4, ge=1, le=SEARCH_DEPTH_MAX)

    @model_validator(mode="after")
    def _tree_is_bounded(self) -> "Search":
        if self.strategy in ("beam", "mcts") and self.width * self.depth > SEARCH_NODES_MAX:
            raise ValueError(
                f"width {self.width} x depth {self.depth} is {self.width * self.depth} branches; "
                f"{self.strategy} may have at most {SEARCH_NODES_MAX}: make it narrower or less deep"
            )
        return self

    @property
    def is_on(self) -> bool:
        return self.strategy != "none"

    @property
    def answers_max(self) -> int:
        """At most about this many answers' tokens does the search make: what its budget is reckoned by."""
        match self.strategy:
            case "none":
                return 1
            case "auto" | "majority" | "best_of_n":
                return self.width
            case "beam":
                return 2 * self.width
            case "mcts":
                return self.width * self.depth
            case _:
                assert_never(self.strategy)


class RunStarted(Wire):
    type: Literal["run.started"] = "run.started"
    model: str  # the real version's name, never an alias
    backend: str  # which InferenceBackend: "torch" or "vllm"
    fence_tier: str
    max_total_tokens: int
    # Left out of a run that does not search, so that frames written before there was one keep their CRC.
    search: Search | None = Field(
        default=None, exclude_if=lambda search: search is None, json_schema_extra={"optional": True}
    )


class StepOpen(Wire):
    type: Literal["step.open"] = "step.open"
    step_id: int  # from 1, unique in the run
    branch_id: int = 0
    kind: Literal["thought", "answer", "text"]  # "text": raw continuation, no orchestration


class StepDelta(Wire):
    type: Literal["step.delta"] = "step.delta"
    step_id: int
    text: str


class StepClose(Wire):
    """Ends a step. `text` is the whole of it: a reader that joined late needs no deltas."""

    type: Literal["step.close"] = "step.close"
    step_id: int
    text: str
    num_tokens: int


class ToolCall(Wire):
    """A call as the model made it. `arguments` is None when the text was no JSON object; `raw` always is the text."""

    type: Literal["tool.call"] = "tool.call"
    call_id: int  # from 1, unique in the run
    branch_id: int = 0
    name: str
    arguments: dict[str, Any] | None
    raw: str


class ToolAttachment(Wire):
    """What a tool shows beside its text: a figure, a formula, steps. The model does not read it, nobody pays for it.

    `data` is base64 for "png", the text itself for the others. Whoever shows "svg" shows it as an image, never inline.
    """

    kind: Literal["png", "svg", "latex", "text"]
    title: str = Field(max_length=120)  # what it is, in words: also a figure's alternative text
    data: str = Field(max_length=ATTACHMENTS_BYTES_MAX)


class ToolResult(Wire):
    type: Literal["tool.result"] = "tool.result"
    call_id: int
    status: ToolStatus
    text: str  # what the model reads
    wall_ms: float
    is_truncated: bool = False
    # Left out when there are none, so that frames written before there were any keep their CRC.
    attachments: list[ToolAttachment] = Field(
        default=[], max_length=ATTACHMENTS_MAX, exclude_if=lambda found: not found, json_schema_extra={"optional": True}
    )


class VerifierScore(Wire):
    """The critic's probability that the step leads to (or the answer is) the right answer."""

    type: Literal["verifier.score"] = "verifier.score"
    target: Literal["step", "tool", "answer"]
    target_id: int  # step_id, or call_id for a tool
    score: float = Field(ge=0, le=1)
    verdict: Verdict


class BranchOpen(Wire):
    """A branch begins. Its steps follow those of `parent_id`, up to where that one had come; None: the prompt.

    The branches of a run at work at the same time send their steps interleaved. Branch 0 of a run that does not search
    has no such frame.
    """

    type: Literal["branch.open"] = "branch.open"
    branch_id: int  # from 0, unique in the run
    parent_id: int | None
    reason: str  # in words: "beam step 2", "retry after a rejected answer", ...


class BranchScore(Wire):
    """What the critic gives the branch as it stands: its last step, or its answer."""

    type: Literal["branch.score"] = "branch.score"
    branch_id: int
    score: float = Field(ge=0, le=1)
    usage: Usage  # of this branch alone


class BranchClose(Wire):
    """No more tokens are made in this branch, though others may go on from it. Sent once for each branch of a run that
    searches or is verified, before the run's end.

    `usage` is this branch's alone, without its parent's: the sum over a run's branches is the run's, less its prompt.
    Only `reasoning_tokens` do not add up: a lost branch's answer is reasoning in the run.
    """

    type: Literal["branch.close"] = "branch.close"
    branch_id: int
    finish_reason: FinishReason | None  # None: it ended at a step, without an answer
    problem: str | None  # what failed, where it was our fault
    usage: Usage


class BranchPrune(Wire):
    """The search gives the branch up."""

    type: Literal["branch.prune"] = "branch.prune"
    branch_id: int
    reason: str


class BranchSelect(Wire):
    """The run's answer is this branch's, which ends the search."""

    type: Literal["branch.select"] = "branch.select"
    branch_id: int
    reason: str


class BudgetFrame(Wire):
    """What is left of the run's limits: sent at the start and after every tool call."""

    type: Literal["budget"] = "budget"
    max_total_tokens: int
    tokens_left: int
    tool_calls_left: int
    seconds_left: float


class ClientToolCall(Wire):
    """A call of a tool that the API's caller declared and runs on their side."""

    id: str
    name: str
    arguments: str


class RunFinished(Wire):
    type: Literal["run.finished"] = "run.finished"
    finish_reason: FinishReason
    answer: str
    verdict: Verdict | None = None  # None: the run was not verified
    score: float | None = None
    branch_id: int = 0
    client_tool_calls: list[ClientToolCall] = []


class RunFailed(Wire):
    """Ended by our fault before the answer was finished: nothing is charged."""

    type: Literal["run.failed"] = "run.failed"
    code: str  # "context_length_exceeded", "engine_error", "node_restarted", ...
    message: str


RunEvent = Annotated[
    RunStarted
    | StepOpen
    | StepDelta
    | StepClose
    | ToolCall
    | ToolResult
    | VerifierScore
    | BranchOpen
    | BranchScore
    | BranchClose
    | BranchPrune
    | BranchSelect
    | BudgetFrame
    | RunFinished
    | RunFailed,
    Field(discriminator="type"),
]

TERMINAL_TYPES = frozenset({"run.finished", "run.failed"})


class Frame(Wire):
    """One entry of a run's log."""

    run_id: str
    epoch: int = Field(ge=1)
    seq: int = Field(ge=1)
    at_ms: int  # unix time, milliseconds, by the node's clock
    usage: Usage
    event: RunEvent
    crc: int  # CRC-32 of the frame's canonical JSON without this field

    @property
    def is_terminal(self) -> bool:
        return self.event.type in TERMINAL_TYPES


class FrameCorrupt(ValueError):
    """A frame's CRC does not match its content: the reader stops there and asks again."""


def _frame_crc(fields: dict[str, Any]) -> int:
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return zlib.crc32(text.encode())


def frame_make(*, run_id: str, epoch: int, seq: int, at_ms: int, usage: Usage, event: RunEvent) -> Frame:
    """Seals a frame with its CRC."""
    frame = Frame(run_id=run_id, epoch=epoch, seq=seq, at_ms=at_ms, usage=usage, event=event, crc=0)
    return frame.model_copy(update={"crc": _frame_crc(frame.model_dump(mode="json", exclude={"crc"}))})


def frame_dump(frame: Frame) -> str:
    """One JSON line, without the newline."""
    return frame.model_dump_json()


def frame_parse(line: str | bytes) -> Frame:
    """Parses and checks one line.

    Raises:
        pydantic.ValidationError: an unknown tag, an unknown field or a wrong type.
        FrameCorrupt: the CRC does not match.
    """
    frame = Frame.model_validate_json(line)
    if frame.crc != _frame_crc(frame.model_dump(mode="json", exclude={"crc"})):
        raise FrameCorrupt(f"frame {frame.seq} of run {frame.run_id!r} fails its CRC")
    return frame


run_event_adapter: TypeAdapter[RunEvent] = TypeAdapter(RunEvent)
