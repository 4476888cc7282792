"""The branches of one run: opened, run side by side, judged, closed; a branch that fails does not lose the run.

Each branch is a task over the engine's continuous batching; their events come merged, each branch's in its order. Not
here: which branches are worth opening (`tree_search`). Invariants: every branch that was opened is closed, with its own
usage; the run fails only when all of its branches did.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from gpu_node.inference.backend import ContextExceeded, EngineBusy, EngineFailed, SamplingParams
from gpu_node.protocol.frames import (
    BranchClose,
    BranchOpen,
    BranchPrune,
    BranchScore,
    BranchSelect,
    FinishReason,
    RunEvent,
    Usage,
)
from gpu_node.protocol.run_spec import RunSpec
from gpu_node.reasoning.attempt import Attempt, Path, Reasoner
from gpu_node.reasoning.budget import Budget
from gpu_node.reasoning.scoring import Scorer
from gpu_node.reasoning.tool_call_parser import ToolCallParser
from gpu_node.reasoning.trace import Trace

EVENTS_WAITING_MAX = 64  # between the branches and the log: a slow disk slows the branches down
BRANCH_TOKENS_MIN = 24  # with fewer left for it, a new branch cannot reach an answer


@dataclass(kw_only=True, eq=False)
class Branch:
    """One branch, from before its sequence exists to after it is closed."""

    id: int
    parent: "Branch | None"
    reason: str
    origin: Path | None  # what it goes on from; None: the prompt, in a sequence of its own
    sampling: SamplingParams
    attempt: Attempt | None = None
    score: float | None = None  # the critic's, of its answer or else of its last step
    failure: Exception | None = None
    mass: float = 1.0  # how many draws of the model it stands for: those that were merged into it too

    @property
    def path(self) -> Path:
        assert self.attempt is not None
        return self.attempt.path

    @property
    def finish_reason(self) -> FinishReason | None:
        return None if self.attempt is None else self.attempt.finish_reason

    @property
    def answer(self) -> str:
        return "" if self.attempt is None else self.attempt.answer

    @property
    def is_complete(self) -> bool:
        """It has an answer."""
        return self.failure is None and self.attempt is not None and self.attempt.is_complete

    @property
    def is_growing(self) -> bool:
        """It stands at the end of a step, and others may go on from it."""
        return self.failure is None and self.attempt is not None and self.attempt.finish_reason is None

    @property
    def rank(self) -> tuple[bool, float]:
        """The greater, the better: an answer before none, then by the critic."""
        return self.is_complete, -1.0 if self.score is None else self.score

    @property
    def usage(self) -> Usage:
        return Usage() if self.attempt is None else self.attempt.usage

    def close(self) -> None:
        if self.attempt is not None:
            self.attempt.close()

    def closing(self, finish_reason: FinishReason | None = None) -> BranchClose:
        return BranchClose(
            branch_id=self.id,
            finish_reason=finish_reason or self.finish_reason,
            problem=None if self.failure is None else str(self.failure),
            usage=self.usage,
        )

    def opening(self) -> BranchOpen:
        return BranchOpen(
            branch_id=self.id, parent_id=None if self.parent is None else self.parent.id, reason=self.reason
        )


@dataclass(kw_only=True)
class Branches:
    reasoner: Reasoner
    spec: RunSpec
    prompt_ids: list[int]
    sampling_of: Callable[
        [int, bool], SamplingParams
    ]  # of what its seed is beyond the run's; whether it is a first one
    budget: Budget
    trace: Trace
    scorer: Scorer
    opened: list[Branch] = field(init=False, default_factory=list)
    selected: Branch | None = field(init=False, default=None)
    _root: Path | None = field(init=False, default=None)

    @property
    def num_affordable(self) -> int:
        """How many new branches could come to an answer with what is left."""
        if self.budget.seconds_left <= 0:
            return 0
        return max(0, self.budget.completion_tokens_free) // BRANCH_TOKENS_MIN

    def open(
        self, reason: str, *, parent: Branch | None = None, is_first: bool = False, seed_offset: int | None = None
    ) -> Branch:
        """A branch that begins when it is run. `is_first`: it draws coolest of those that go on from one place.
        `seed_offset`: instead of its number, where that depends on which of several comes first."""
        number = len(self.opened)
        branch = Branch(
            id=number,
            parent=parent,
            reason=reason,
            origin=self.root() if parent is None else parent.path,
            sampling=self.sampling_of(number if seed_offset is None else seed_offset, is_first),
        )
        self.opened.append(branch)
        return branch

    def open_alone(self, reason: str) -> Branch:
        """One that shares nothing with another: its own sequence is the cheapest."""
        number = len(self.opened)
        sampling = self.sampling_of(number, number == 0)
        branch = Branch(id=number, parent=None, reason=reason, origin=None, sampling=sampling)
        self.opened.append(branch)
        return branch

    def root(self) -> Path:
        """The prompt, from which branches are forked. Raises EngineBusy, ContextExceeded."""
        if self._root is None:
            self._root = self._path_fresh(SamplingParams())
        return self._root

    def _path_fresh(self, sampling: SamplingParams) -> Path:
        sequence = self.reasoner.backend.open(self.prompt_ids, sampling)
        return Path(sequence=sequence, ids=list(self.prompt_ids), parser=ToolCallParser(self.reasoner.special))

    async def run(self, branch: Branch, *, is_one_step: bool = False) -> AsyncGenerator[RunEvent, None]:
        """The branch's steps and its score. What the engine fails at is its `failure`, not raised."""
        try:
            branch.attempt = Attempt(
                reasoner=self.reasoner,
                spec=self.spec,
                path=await self._path_of(branch),
                budget=self.budget,
                trace=self.trace,
                scorer=self.scorer,
                branch_id=branch.id,
            )
            async with aclosing(branch.attempt.events(is_one_step=is_one_step)) as events:
                async for event in events:
                    yield event
            for event in await self._judged(branch, branch.attempt):
                yield event
        except (EngineBusy, EngineFailed, ContextExceeded) as error:
            branch.failure = error
            for event in self.trace.step_close(branch.id):
                yield event
        finally:
            if not branch.is_growing:
                branch.close()

    async def run_told(self, branch: Branch, *, is_one_step: bool = False) -> AsyncGenerator[RunEvent, None]:
        """The same, between the frames that open and close a branch of a search."""
        yield branch.opening()
        async with aclosing(self.run(branch, is_one_step=is_one_step)) as events:
            async for event in events:
                yield event
        yield branch.closing()
        if branch.failure is not None:
            yield BranchPrune(branch_id=branch.id, reason=f"it failed: {branch.failure}")

    async def _path_of(self, branch: Branch) -> Path:
        if branch.origin is None:
            return self._path_fresh(branch.sampling)
        return await branch.origin.fork(branch.sampling)

    async def _judged(self, branch: Branch, attempt: Attempt) -> list[RunEvent]:
        """The critic's word on an answer, or on the step at which the branch stands."""
        events: list[RunEvent] = []
        branch.score = attempt.score if attempt.finish_reason is None else None
        if attempt.is_complete:
            branch.score = await self.scorer.score(attempt.path.ids)
            if branch.score is not None:
                events.append(self.scorer.event(branch.score, target="answer", target_id=attempt.answer_step_id))
        if branch.score is not None:
            events.append(BranchScore(branch_id=branch.id, score=branch.score, usage=branch.usage))
        return events

    async def run_together(
        self, branches: Sequence[Branch], *, is_one_step: bool = False
    ) -> AsyncGenerator[RunEvent, None]:
        """Runs them side by side. Raises EngineFailed and the like when all the run's branches have failed."""
        streams = [self.run_told(branch, is_one_step=is_one_step) for branch in branches]
        async with aclosing(self.together(streams)) as events:
            async for event in events:
                yield event
        self.check()

    async def together(self, streams: Sequence[AsyncGenerator[RunEvent, None]]) -> AsyncGenerator[RunEvent, None]:
        """Merged; each gets an equal share of what is left of the budget."""
        self.budget.num_sharers = max(1, len(streams))
        async with aclosing(_merged([self._sharing(stream) for stream in streams])) as events:
            async for event in events:
                yield event

    async def _sharing(self, stream: AsyncGenerator[RunEvent, None]) -> AsyncGenerator[RunEvent, None]:
        try:
            async with aclosing(stream) as events:
                async for event in events:
                    yield event
        finally:
            self.budget.num_sharers = max(1, self.budget.num_sharers - 1)

    def check(self) -> None:
        """Raises what failed when nothing else came of the run: then it is our failure, and costs nothing."""
        failures = [branch.failure for branch in self.opened if branch.failure is not None]
        if failures and len(failures) == len(self.opened):
            raise failures[0]

    def prune(self, branch: Branch, reason: str) -> BranchPrune:
        branch.close()
        return BranchPrune(branch_id=branch.id, reason=reason)

    def select(self, branch: Branch, reason: str) -> BranchSelect:
        self.selected = branch
        return BranchSelect(branch_id=branch.id, reason=reason)

    @property
    def best(self) -> Branch:
        """The critic's best answer; without a critic the first; without an answer, how far the best had come."""
        return max(self.opened, key=lambda branch: branch.rank)

    def close(self) -> None:
        """Frees what the engine holds for the run."""
        if self._root is not None:
            self._root.close()
        for branch in self.opened:
            branch.close()


@dataclass(frozen=True, slots=True)
class _End:
    failure: Exception | None


async def _merged(streams: Sequence[AsyncGenerator[RunEvent, None]]) -> AsyncGenerator[RunEvent, None]:
    """The events of all streams as they come. Raises what one of them raises; leaving it early stops them all."""
    events: asyncio.Queue[RunEvent | _End] = asyncio.Queue(EVENTS_WAITING_MAX)

    async def drain(stream: AsyncGenerator[RunEvent, None]) -> None:
        failure: Exception | None = None
        try:
            async with aclosing(stream):
                async for event in stream:
                    await events.put(event)
        except Exception as error:
            failure = error
        await events.put(_End(failure))

    tasks = [asyncio.create_task(drain(stream), name="branch") for stream in streams]
    try:
        num_left = len(tasks)
        while num_left:
            event = await events.get()
            if not isinstance(event, _End):
                yield event
                continue
            num_left -= 1
            if event.failure is not None:
                raise event.failure
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
