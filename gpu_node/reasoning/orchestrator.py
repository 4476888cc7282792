"""Answers one run: checks that it fits, then yields its events with the cumulative usage.

A verified answer that the critic rejects is made anew in a new branch, with temperature, as long as the budget
lasts; then the best is given with its verdict. A run that searches is `tree_search`'s. Not here: frames, disks, HTTP
(gpu_node.server) and one branch's loop (`attempt`). Invariants: `usage` never shrinks; the last event is terminal; a
run that the caller stops in the middle is ended by `cancelled()`.
"""

import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

from tokenizers import Tokenizer

from gpu_node.data.chat_format import encode_completion, encode_prompt, special_ids
from gpu_node.inference.backend import InferenceBackend, SamplingParams
from gpu_node.protocol.frames import (
    BranchClose,
    BranchOpen,
    FinishReason,
    RunEvent,
    RunFinished,
    RunStarted,
    StepClose,
    StepOpen,
    Usage,
)
from gpu_node.protocol.run_spec import ClientTool, RunSpec
from gpu_node.reasoning.attempt import Reasoner, ToolCaller
from gpu_node.reasoning.branches import Branch, Branches
from gpu_node.reasoning.budget import TOOL_CALLS_MAX, Budget
from gpu_node.reasoning.scoring import Scorer
from gpu_node.reasoning.text_stream import TokenBytes
from gpu_node.reasoning.trace import Trace
from gpu_node.reasoning.tree_search import NEEDS_CRITIC, searched
from gpu_node.reasoning.verifier import Verifier

RETRIES_MAX = 3  # branches beyond the first; the asker pays for each
BRANCH_TEMPERATURE = 0.8  # of the branches beside the first: enough for other steps, not so much that calls break


class RunRefused(ValueError):
    """The run cannot start: said before anything is counted."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class PreparedRun(Protocol):
    """A run that was checked; `events` may be iterated once."""

    @property
    def usage(self) -> Usage: ...

    def events(self) -> AsyncGenerator[tuple[RunEvent, Usage], None]: ...

    def cancelled(self) -> list[RunEvent]:
        """What ends the run when its events are no longer iterated."""
        ...


@dataclass(frozen=True, kw_only=True)
class Orchestrator:
    reasoner: Reasoner
    model: str
    token_bytes: TokenBytes
    verifier: Verifier | None = None

    def prepare(self, spec: RunSpec) -> PreparedRun:
        """Raises RunRefused: another model, or a prompt that does not fit."""
        if spec.model != self.model:
            raise RunRefused("model_not_loaded", f"this node serves {self.model!r}, not {spec.model!r}")
        if spec.search.strategy in NEEDS_CRITIC and self.verifier is None:
            raise RunRefused(
                "no_critic",
                f"the search {spec.search.strategy!r} asks a critic and none is loaded for {self.model}: "
                "load one, or search by 'majority'",
            )
        prompt_ids = self._prompt_ids(spec)
        context_tokens = self.reasoner.backend.context_tokens
        if len(prompt_ids) >= context_tokens:
            raise RunRefused(
                "prompt_too_long",
                f"the prompt has {len(prompt_ids)} tokens; the context of {self.model} is {context_tokens} tokens",
            )
        if len(prompt_ids) >= spec.max_total_tokens:
            raise RunRefused(
                "prompt_too_long",
                f"the prompt has {len(prompt_ids)} tokens; the run may use {spec.max_total_tokens} in all",
            )
        budget = Budget(
            max_total_tokens=spec.max_total_tokens,
            max_completion_tokens=spec.max_completion_tokens,
            tool_calls_max=TOOL_CALLS_MAX * spec.search.answers_max,
        )
        kind = ReasonRun if spec.kind == "reason" else CompletionRun
        return kind(orchestrator=self, spec=spec, prompt_ids=prompt_ids, budget=budget)

    def _prompt_ids(self, spec: RunSpec) -> list[int]:
        tokenizer = self.reasoner.tokenizer
        if spec.kind == "reason":
            has_tools = bool(spec.tools or spec.client_tools)
            described = [*self._tools_described(spec), *spec.client_tools]
            try:
                return encode_prompt(tokenizer, spec.messages, tools_allowed=has_tools, client_tools=described)
            except (KeyError, TypeError) as error:
                raise RunRefused("invalid_spec", f"a message's tool_calls are malformed: {error!r}") from error
        if isinstance(spec.prompt, str):
            return encode_completion(tokenizer, spec.prompt)
        ids = list(spec.prompt or [])
        if not ids or any(not 0 <= token_id < len(self.token_bytes) for token_id in ids):
            raise RunRefused("invalid_spec", f"prompt ids must be 1 or more ids in 0..{len(self.token_bytes) - 1}")
        return ids

    def _tools_described(self, spec: RunSpec) -> list[ClientTool]:
        try:
            return self.reasoner.tools.described(spec.tools)
        except KeyError as error:
            raise RunRefused("unknown_tool", f"this node has no tool {error.args[0]!r}") from error


def orchestrator_build(
    backend: InferenceBackend,
    tokenizer: Tokenizer,
    *,
    tools: ToolCaller,
    model: str,
    verifier: Verifier | None = None,
) -> Orchestrator:
    """The loop over any engine that speaks this tokenizer's ids."""
    reasoner = Reasoner(backend=backend, tokenizer=tokenizer, special=special_ids(tokenizer), tools=tools)
    return Orchestrator(reasoner=reasoner, model=model, token_bytes=TokenBytes(tokenizer), verifier=verifier)


@dataclass(kw_only=True)
class _Run:
    """What both kinds of run share."""

    orchestrator: Orchestrator
    spec: RunSpec
    prompt_ids: list[int]
    budget: Budget
    trace: Trace = field(init=False)

    def __post_init__(self) -> None:
        self.trace = Trace(self.orchestrator.token_bytes)
        self._open_steps: list[int] = []  # as far as whoever iterates the events has seen
        self._seed = self.spec.seed if self.spec.seed is not None else secrets.randbits(63)

    @property
    def usage(self) -> Usage:
        return self.budget.usage

    async def events(self) -> AsyncGenerator[tuple[RunEvent, Usage], None]:
        reasoner = self.orchestrator.reasoner
        self.budget.count_prompt(len(self.prompt_ids))
        started = RunStarted(
            model=self.orchestrator.model,
            backend=reasoner.backend.name,
            fence_tier=reasoner.tools.fence_tier,
            max_total_tokens=self.spec.max_total_tokens,
            search=self.spec.search if self.spec.search.is_on else None,
        )
        yield started, self.usage
        async with aclosing(self._events()) as events:
            async for event in events:
                self._note(event)
                yield event, self.usage

    def _note(self, event: RunEvent) -> None:
        if isinstance(event, StepOpen):
            self._open_steps.append(event.step_id)
        elif isinstance(event, StepClose):
            self._open_steps.remove(event.step_id)

    def _events(self) -> AsyncGenerator[RunEvent, None]:
        raise NotImplementedError

    def cancelled(self) -> list[RunEvent]:
        events: list[RunEvent] = []
        answer = ""
        for step_id in self._open_steps:
            step, ending = self.trace.step_ending(step_id)
            events += ending
            answer = step.text if step.kind != "thought" and not self.spec.search.is_on else answer
        return [*events, RunFinished(finish_reason="cancelled", answer=answer)]

    def _sampling(self, *, temperature: float, seed: int, forbidden_ids: frozenset[int]) -> SamplingParams:
        return SamplingParams(temperature=temperature, top_p=self.spec.top_p, seed=seed, forbidden_ids=forbidden_ids)


@dataclass(kw_only=True)
class ReasonRun(_Run):
    """An orchestrated run: tools, critic, branches."""

    branches: Branches = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        is_verified = self.spec.verify or self.spec.search.strategy in {*NEEDS_CRITIC, "auto"}
        self.branches = Branches(
            reasoner=self.orchestrator.reasoner,
            spec=self.spec,
            prompt_ids=self.prompt_ids,
            sampling_of=self._sampling_of,
            budget=self.budget,
            trace=self.trace,
            scorer=Scorer(self.orchestrator.verifier if is_verified else None),
        )
        self._told_open: set[int] = set()
        self._told_closed: set[int] = set()

    async def _events(self) -> AsyncGenerator[RunEvent, None]:
        yield self.budget.frame()
        try:
            async with aclosing(searched(self.branches) if self.spec.search.is_on else self._tried()) as events:
                async for event in events:
                    yield event
        finally:
            self.branches.close()
        yield self._finish(self.branches.selected or self.branches.best)

    async def _tried(self) -> AsyncGenerator[RunEvent, None]:
        """One branch after the other, until one is not rejected."""
        branches = self.branches
        branch = branches.open_alone("")
        async with aclosing(branches.run(branch)) as events:
            async for event in events:
                yield event
        branches.check()
        if not branches.scorer.is_on:
            return
        yield branch.closing()
        while self._may_retry(branch):
            branch = branches.open_alone("retry after a rejected answer")
            async with aclosing(branches.run_told(branch)) as events:
                async for event in events:
                    yield event
        if len(branches.opened) > 1:
            yield branches.select(branches.best, "the critic's best score")

    def _sampling_of(self, seed_offset: int, is_first: bool) -> SamplingParams:
        special = self.orchestrator.reasoner.special
        forbidden = set(special.never_sampled)
        if not self.spec.tools and not self.spec.client_tools:
            forbidden |= set(special.call_tags)
        return self._sampling(
            temperature=self.spec.temperature if is_first else max(self.spec.temperature, BRANCH_TEMPERATURE),
            seed=self._seed + seed_offset,
            forbidden_ids=frozenset(forbidden),
        )

    def _may_retry(self, branch: Branch) -> bool:
        return (
            branch.is_complete
            and branch.score is not None
            and self.branches.scorer.verdict(branch.score) == "reject"
            and branch.id < RETRIES_MAX
            and self.branches.num_affordable > 0
        )

    def _note(self, event: RunEvent) -> None:
        super()._note(event)
        if isinstance(event, BranchOpen):
            self._told_open.add(event.branch_id)
        elif isinstance(event, BranchClose):
            self._told_closed.add(event.branch_id)

    def cancelled(self) -> list[RunEvent]:
        """Closes the branches too, those that nobody had been told of yet as well: their tokens are in the usage."""
        *steps, finished = super().cancelled()
        closings: list[RunEvent] = []
        if self.spec.search.is_on or self.branches.scorer.is_on:
            for branch in self.branches.opened:
                if branch.id not in self._told_open and (self.spec.search.is_on or branch.id > 0):
                    closings.append(branch.opening())
                if branch.id not in self._told_closed:
                    closings.append(branch.closing("cancelled"))
        return [*steps, *closings, finished]

    def _finish(self, best: Branch) -> RunFinished:
        attempt = best.attempt
        assert attempt is not None, "the run fails when no branch ever began"
        # Lost branches' answers are reasoning too; while they ran they counted as answers, so this only grows.
        self.budget.num_reasoning = self.budget.num_generated - attempt.num_answer_tokens
        score = best.score if best.is_complete else None
        is_verified = self.spec.verify or self.branches.scorer.is_on
        return RunFinished(
            finish_reason=best.finish_reason or self.budget.exhausted_reason or "length",
            answer=attempt.answer,
            verdict=self.branches.scorer.verdict(score) if is_verified else None,
            score=score,
            branch_id=best.id,
            client_tool_calls=attempt.client_tool_calls,
        )


@dataclass(kw_only=True)
class CompletionRun(_Run):
    """Raw continuation of a prompt: no tools, no critic, no special tokens but the end."""

    async def _events(self) -> AsyncGenerator[RunEvent, None]:
        reasoner = self.orchestrator.reasoner
        special = reasoner.special
        forbidden = frozenset({*special.never_sampled, *special.tags})
        stop_ids = frozenset() if self.spec.ignore_eos else special.ends
        if self.spec.ignore_eos:
            forbidden |= special.ends
        sampling = self._sampling(temperature=self.spec.temperature, seed=self._seed, forbidden_ids=forbidden)
        num_left = min(self.budget.completion_tokens_left, reasoner.backend.context_tokens - len(self.prompt_ids))
        finish_reason: FinishReason | None = None
        opened = self.trace.step_open("text", branch_id=0, stop=self.spec.stop)
        yield opened
        sequence = reasoner.backend.open(self.prompt_ids, sampling)
        try:
            async with aclosing(sequence.generate(stop_ids=stop_ids, max_new_tokens=num_left)) as chunks:
                async for chunk in chunks:
                    self.budget.count_generated(len(chunk), num_reasoning=0)
                    for event in self.trace.step_feed(0, chunk):
                        yield event
                    step = self.trace.open_step(0)
                    if chunk[-1] in stop_ids or (step is not None and step.stream.is_stopped):
                        finish_reason = "stop"
                    if finish_reason is not None or self.budget.seconds_left <= 0:
                        break
        finally:
            sequence.close()
        step = self.trace.open_step(0)
        assert step is not None
        for event in self.trace.step_close(0):
            yield event
        yield RunFinished(finish_reason=finish_reason or self.budget.exhausted_reason or "length", answer=step.text)
