"""Numbers the steps and calls of a run and turns ids into step events.

One trace a run: `step_id` and `call_id` are unique over its branches. A branch has at most one open step. Steps are
kept to the run's end, so that a cancelled run can close those that were shown. Not here: budgets, what ends a step.
"""

from dataclasses import dataclass, field
from typing import Literal

from gpu_node.protocol.frames import RunEvent, StepClose, StepDelta, StepOpen
from gpu_node.reasoning.text_stream import TextStream, TokenBytes

Kind = Literal["thought", "answer", "text"]


@dataclass
class TracedStep:
    step_id: int
    kind: Kind
    stream: TextStream
    num_tokens: int = 0
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def take(self, text: str) -> list[RunEvent]:
        if not text:
            return []
        self.pieces.append(text)
        return [StepDelta(step_id=self.step_id, text=text)]

    def closed(self) -> StepClose:
        return StepClose(step_id=self.step_id, text=self.text, num_tokens=self.num_tokens)


@dataclass
class Trace:
    token_bytes: TokenBytes
    num_calls: int = 0
    steps: dict[int, TracedStep] = field(default_factory=dict)
    _open: dict[int, TracedStep] = field(default_factory=dict)  # by branch

    def call_next(self) -> int:
        self.num_calls += 1
        return self.num_calls

    def open_step(self, branch_id: int) -> TracedStep | None:
        return self._open.get(branch_id)

    def step_open(self, kind: Kind, *, branch_id: int, stop: list[str] | None = None) -> StepOpen:
        assert branch_id not in self._open, "the branch's step before was not closed"
        step = TracedStep(len(self.steps) + 1, kind, TextStream(self.token_bytes, stop))
        self._open[branch_id] = self.steps[step.step_id] = step
        return StepOpen(step_id=step.step_id, branch_id=branch_id, kind=kind)

    def step_feed(self, branch_id: int, ids: list[int]) -> list[RunEvent]:
        step = self._open[branch_id]
        step.num_tokens += len(ids)
        return step.take(step.stream.feed(ids))

    def step_close(self, branch_id: int) -> list[RunEvent]:
        """The held back rest and the close; nothing when the branch has no open step."""
        step = self._open.pop(branch_id, None)
        if step is None:
            return []
        return [*step.take(step.stream.finish()), step.closed()]

    def step_ending(self, step_id: int) -> tuple[TracedStep, list[RunEvent]]:
        """How a step ends that was shown open, whether it has been closed since or not."""
        step = self.steps[step_id]
        return step, [*step.take(step.stream.finish()), step.closed()]
