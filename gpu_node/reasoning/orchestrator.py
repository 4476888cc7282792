"""Answers one run: checks that it fits, then yields its events with the cumulative usage.

A verified answer that the critic rejects is made anew in a new branch, with temperature, as long as the budget
lasts; then the best is given with its verdict. Not here: frames, disks, HTTP (gpu_node.server) and one branch's
loop (`attempt`). Invariants: `usage` never shrinks; the last event is terminal; a run that the caller stops in
the middle is ended by `cancelled()`.
"""

import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

from gpu_node.data.chat_format import encode_completion, encode_prompt
from gpu_node.inference.backend import SamplingParams
from gpu_node.protocol.frames import (
    BranchOpen,
    BranchScore,
    BranchSelect,
    FinishReason,
    RunEvent,
    RunFinished,
    RunStarted,
    Usage,
    VerifierScore,
)
from gpu_node.protocol.run_spec import ClientTool, RunSpec
from gpu_node.reasoning.attempt import Attempt, Reasoner
from gpu_node.reasoning.budget import Budget
from gpu_node.reasoning.scoring import Scorer
from gpu_node.reasoning.text_stream import TokenBytes
from gpu_node.reasoning.trace import Trace
from gpu_node.reasoning.verifier import Verifier

RETRIES_MAX = 3  # branches beyond the first; the asker pays for each
RETRY_TEMPERATURE = 0.8  # enough for other steps, not so much that calls break
RETRY_TOKENS_MIN = 24  # with fewer left, a new branch cannot reach an answer


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
        budget = Budget(max_total_tokens=spec.max_total_tokens, max_completion_tokens=spec.max_completion_tokens)
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
        )
        yield started, self.usage
        async with aclosing(self._events()) as events:
            async for event in events:
                yield event, self.usage

    def _events(self) -> AsyncGenerator[RunEvent, None]:
        raise NotImplementedError

    def cancelled(self) -> list[RunEvent]:
        step = self.trace.open_step
        events = self.trace.step_close()
        answer = step.text if step is not None and step.kind != "thought" else ""
        return [*events, RunFinished(finish_reason="cancelled", answer=answer)]

    def _sampling(self, *, temperature: float, seed: int, forbidden_ids: frozenset[int]) -> SamplingParams:
        return SamplingParams(temperature=temperature, top_p=self.spec.top_p, seed=seed, forbidden_ids=forbidden_ids)


@dataclass(kw_only=True)
class ReasonRun(_Run):
    """An orchestrated run: tools, critic, branches."""

    scores: dict[int, float] = field(init=False, default_factory=dict)  # branch_id -> the critic's score

    def __post_init__(self) -> None:
        super().__post_init__()
        self._scorer = Scorer(self.orchestrator.verifier if self.spec.verify else None)

    async def _events(self) -> AsyncGenerator[RunEvent, None]:
        yield self.budget.frame()
        attempts: list[Attempt] = []
        while not attempts or self._may_retry(attempts[-1]):
            branch_id = len(attempts)
            if branch_id > 0:
                yield BranchOpen(branch_id=branch_id, parent_id=0, reason="retry after a rejected answer")
            attempt = self._attempt(branch_id)
            async with aclosing(attempt.events()) as events:
                async for event in events:
                    yield event
            attempts.append(attempt)
            for event in await self._judge(attempt):
                yield event
        best = max(attempts, key=lambda attempt: (attempt.is_complete, self.scores.get(attempt.branch_id, 0.0)))
        if len(attempts) > 1:
            yield BranchSelect(branch_id=best.branch_id, reason="the critic's best score")
        yield self._finish(best)

    def _attempt(self, branch_id: int) -> Attempt:
        special = self.orchestrator.reasoner.special
        forbidden = set(special.never_sampled)
        if not self.spec.tools and not self.spec.client_tools:
            forbidden |= set(special.call_tags)
        temperature = self.spec.temperature if branch_id == 0 else max(self.spec.temperature, RETRY_TEMPERATURE)
        return Attempt(
            reasoner=self.orchestrator.reasoner,
            spec=self.spec,
            prompt_ids=self.prompt_ids,
            sampling=self._sampling(
                temperature=temperature, seed=self._seed + branch_id, forbidden_ids=frozenset(forbidden)
            ),
            budget=self.budget,
            trace=self.trace,
            scorer=self._scorer,
            branch_id=branch_id,
        )

    async def _judge(self, attempt: Attempt) -> list[RunEvent]:
        """The critic's word on a finished answer; nothing when the run is not verified."""
        if not attempt.is_complete:
            return []
        score = await self._scorer.score(attempt.ids)
        if score is None:
            return []
        self.scores[attempt.branch_id] = score
        verdict = self._scorer.verdict(score)
        usage = Usage(
            prompt_tokens=attempt.num_tool_result,
            completion_tokens=attempt.num_generated,
            tool_result_tokens=attempt.num_tool_result,
            reasoning_tokens=attempt.num_generated - attempt.num_answer_tokens,
        )
        return [
            VerifierScore(target="answer", target_id=attempt.answer_step_id, score=score, verdict=verdict),
            BranchScore(branch_id=attempt.branch_id, score=score, usage=usage),
        ]

    def _may_retry(self, attempt: Attempt) -> bool:
        score = self.scores.get(attempt.branch_id)
        return (
            score is not None
            and self._scorer.verdict(score) == "reject"
            and attempt.branch_id < RETRIES_MAX
            and self.budget.completion_tokens_left >= RETRY_TOKENS_MIN
            and self.budget.seconds_left > 0
        )

    def _finish(self, best: Attempt) -> RunFinished:
        assert best.finish_reason is not None
        # Lost branches' answers are reasoning too; while they ran they counted as answers, so this only grows.
        self.budget.num_reasoning = self.budget.num_generated - best.num_answer_tokens
        score = self.scores.get(best.branch_id)
        return RunFinished(
            finish_reason=best.finish_reason,
            answer=best.answer,
            verdict=self._scorer.verdict(score) if self.spec.verify else None,
            score=score,
            branch_id=best.branch_id,
            client_tool_calls=best.client_tool_calls,
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
                    for event in self.trace.step_feed(chunk):
                        yield event
                    step = self.trace.open_step
                    if chunk[-1] in stop_ids or (step is not None and step.stream.is_stopped):
                        finish_reason = "stop"
                    if finish_reason is not None or self.budget.seconds_left <= 0:
                        break
        finally:
            sequence.close()
        step = self.trace.open_step
        assert step is not None
        for event in self.trace.step_close():
            yield event
        yield RunFinished(finish_reason=finish_reason or self.budget.exhausted_reason or "length", answer=step.text)
