"""Numbers the steps and calls of a run and turns ids into step events.

One trace a run: `step_id` and `call_id` are unique over its branches. At most one step is open at a time, so a
cancelled run can close it. Not here: budgets, what ends a step.
"""

from dataclasses import dataclass, field
from typing import Literal

from gpu_node.protocol.frames import RunEvent, StepClose, StepDelta, StepOpen
from gpu_node.reasoning.text_stream import TextStream, TokenBytes

Kind = Literal["thought", "answer", "text"]


@dataclass
class OpenStep:
    step_id: int
    kind: Kind
    stream: TextStream
    num_tokens: int = 0
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass
class Trace:
    token_bytes: TokenBytes
    num_steps: int = 0
    num_calls: int = 0
    open_step: OpenStep | None = None

    def call_next(self) -> int:
        self.num_calls += 1
        return self.num_calls

    def step_open(self, kind: Kind, *, branch_id: int, stop: list[str] | None = None) -> StepOpen:
        assert self.open_step is None, "the step before was not closed"
        self.num_steps += 1
        self.open_step = OpenStep(self.num_steps, kind, TextStream(self.token_bytes, stop))
        return StepOpen(step_id=self.num_steps, branch_id=branch_id, kind=kind)

    def step_feed(self, ids: list[int]) -> list[RunEvent]:
        step = self.open_step
        assert step is not None, "ids came without an open step"
        step.num_tokens += len(ids)
        return self._delta(step, step.stream.feed(ids))

    def step_close(self) -> list[RunEvent]:
        """The held back rest and the close; nothing when no step is open."""
        step = self.open_step
        if step is None:
            return []
        events = self._delta(step, step.stream.finish())
        self.open_step = None
        return [*events, StepClose(step_id=step.step_id, text=step.text, num_tokens=step.num_tokens)]

    def _delta(self, step: OpenStep, text: str) -> list[RunEvent]:
        if not text:
            return []
        step.pieces.append(text)
        return [StepDelta(step_id=step.step_id, text=text)]
