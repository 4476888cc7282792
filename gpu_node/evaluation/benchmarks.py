"""Measures a policy on every family through the real orchestrator: engine, tools, critic, budget.

Problems come from held-out seeds. One verified run gives two figures: branch 0 is what an unverified run answers, the
chosen branch is what a verified run answers. Many runs are in flight at once, as in serving.
Not here: loading (evaluation/loading.py), printing (evaluation/report.py), training on any of it.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from gpu_node.data.families.registry import families_load, problem_draw
from gpu_node.data.grading import is_right
from gpu_node.data.problem import HELD_OUT_SEED_FIRST, Problem, Split
from gpu_node.evaluation.asking import run_ask
from gpu_node.evaluation.metrics import area_under_curve
from gpu_node.protocol.intervals import Share
from gpu_node.protocol.run_spec import BUILT_IN_TOOLS, Message, RunSpec
from gpu_node.reasoning.orchestrator import Orchestrator

RUNS_AT_ONCE = 32  # in flight; the engine batches them, waits for tools overlap
TOTAL_TOKENS = 1_000  # of one run with its retries: several times the longest trained row
COMPLETION_TOKENS = 700
CRITIC_TEMPERATURE = 1.0  # samples for the critic's AUC must be wrong often enough
TEXT_TOLD_MAX = 500  # characters of a question or an answer in the list of problems
PROBLEMS_TRACED_MAX = 1_000  # the first ones keep how they were answered, to be looked at beside another model's
CRITIC_SEED_OFFSET = 500_000  # their problems are none of the benchmark's

Mode = Literal["own", "held_out", "no_tools", "critic"]


@dataclass(frozen=True)
class Outcome:
    """What one run gave. `first_*` is branch 0: the answer of a run without verifier."""

    is_right: bool
    first_is_right: bool
    first_score: float | None
    answer: str
    num_calls: int
    num_failed_calls: int
    completion_tokens: int
    trace: list[dict[str, Any]] = field(default_factory=list)  # its run's events, where they were to be kept


NONE = Share(0, 0)


@dataclass
class FamilyReport:
    family: str
    with_tools: Share = field(default=NONE)
    verified: Share = field(default=NONE)
    held_out: Share = field(default=NONE)
    held_out_verified: Share = field(default=NONE)
    without_tools: Share = field(default=NONE)
    num_calls: int = 0
    num_failed_calls: int = 0
    completion_tokens: int = 0
    wrong: list[dict[str, str]] = field(default_factory=list)  # a few, to look at


@dataclass
class Report:
    families: list[FamilyReport]
    is_verified: bool
    critic_auc: float | None
    critic_samples: Share  # right of all samples that the AUC was measured on
    problems: list[dict[str, Any]] = field(default_factory=list)  # each one asked, but for the critic's

    def total(self, column: str) -> Share:
        return sum((getattr(family, column) for family in self.families), NONE)


def evaluated_families() -> list[str]:
    return [name for name, family in families_load().items() if family.is_evaluated]


async def benchmark(
    orchestrator: Orchestrator,
    *,
    families: Sequence[str],
    num: int,
    num_critic: int,
    modes: Sequence[Mode],
    seed_start: int = HELD_OUT_SEED_FIRST,
    on_outcome: Callable[[bool], None] = lambda _is_right: None,
) -> Report:
    """Every family's figures, `num` problems a mode; `num_critic` samples a family for the critic's AUC."""
    gate = asyncio.Semaphore(RUNS_AT_ONCE)
    is_verified = orchestrator.verifier is not None
    asked: list[tuple[Mode, int, Problem, asyncio.Task[Outcome]]] = []
    async with asyncio.TaskGroup() as group:
        for name in families:
            for mode in modes:
                if mode == "critic" and not is_verified:
                    continue
                for seed, problem in _problems(name, mode, num_critic if mode == "critic" else num, seed_start):
                    is_traced = mode != "critic" and len(asked) < PROBLEMS_TRACED_MAX
                    task = group.create_task(_gated(gate, orchestrator, problem, mode, is_verified, is_traced))
                    task.add_done_callback(lambda done: _heard(done, on_outcome))
                    asked.append((mode, seed, problem, task))
    reports = {name: FamilyReport(name) for name in families}
    samples: list[tuple[float, bool]] = []
    problems: list[dict[str, Any]] = []
    for mode, seed, problem, task in asked:
        outcome = task.result()
        if mode == "critic":
            if outcome.first_score is not None:
                samples.append((outcome.first_score, outcome.first_is_right))
        else:
            _count(reports[problem.family], mode, problem, outcome)
            problems.append(_told(mode, seed, problem, outcome))
    return Report(
        families=list(reports.values()),
        is_verified=is_verified,
        critic_auc=area_under_curve(samples),
        critic_samples=Share(sum(right for _, right in samples), len(samples)),
        problems=problems,
    )


def _heard(done: asyncio.Task[Outcome], on_outcome: Callable[[bool], None]) -> None:
    if not done.cancelled() and done.exception() is None:
        on_outcome(done.result().is_right)


def _told(mode: Mode, seed: int, problem: Problem, outcome: Outcome) -> dict[str, Any]:
    return {
        "family": problem.family,
        "mode": mode,
        "seed": seed,
        "question": problem.question[:TEXT_TOLD_MAX],
        "known": problem.answer[:TEXT_TOLD_MAX],
        "given": outcome.answer[:TEXT_TOLD_MAX],
        "is_right": outcome.is_right,
        "trace": outcome.trace,
    }


@dataclass
class FreeReport:
    """Questions that a person wrote in their own words, none of a family's templates."""

    share: Share = field(default=NONE)
    answers: list[dict[str, str | bool]] = field(default_factory=list)


async def ask_freely(orchestrator: Orchestrator, problems: Sequence[Problem]) -> FreeReport:
    """Each question once, with tools, and verified where there is a critic."""
    gate = asyncio.Semaphore(RUNS_AT_ONCE)
    is_verified = orchestrator.verifier is not None
    outcomes = await asyncio.gather(*(_gated(gate, orchestrator, p, "own", is_verified) for p in problems))
    report = FreeReport()
    for problem, outcome in zip(problems, outcomes, strict=True):
        report.share += Share(int(outcome.is_right), 1)
        report.answers.append(
            {
                "question": problem.question,
                "known": problem.answer,
                "given": outcome.answer,
                "is_right": outcome.is_right,
            }
        )
    return report


def questions_read(path: Path) -> list[Problem]:
    """A JSON line each: kind, question, grade (how the answer is graded), answer. Raises ValueError with the line."""
    problems = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
            problems.append(
                Problem(
                    family=row["kind"],
                    question=row["question"],
                    thought="",
                    calls=(),
                    conclusion="",
                    answer=row["answer"],
                    answer_kind=row["grade"],
                )
            )
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{path}, line {number}: needs kind, question, grade and answer: {error!r}") from error
    return problems


def _problems(name: str, mode: Mode, num: int, seed_start: int) -> list[tuple[int, Problem]]:
    phrasings: Split = "held_out" if mode == "held_out" else "train"
    first = seed_start + (CRITIC_SEED_OFFSET if mode == "critic" else 0)
    return [(seed, problem_draw(name, seed, phrasings)) for seed in range(first, first + num)]


async def _gated(
    gate: asyncio.Semaphore,
    orchestrator: Orchestrator,
    problem: Problem,
    mode: Mode,
    is_verified: bool,
    is_traced: bool = False,
) -> Outcome:
    async with gate:
        return await ask(
            orchestrator,
            problem,
            tools=mode != "no_tools",
            verify=is_verified and mode != "no_tools",
            temperature=CRITIC_TEMPERATURE if mode == "critic" else 0.0,
            is_traced=is_traced,
        )


async def ask(
    orchestrator: Orchestrator,
    problem: Problem,
    *,
    tools: bool,
    verify: bool,
    temperature: float = 0.0,
    is_traced: bool = False,
) -> Outcome:
    """One question through the orchestrator, graded."""
    spec = RunSpec(
        model=orchestrator.model,
        messages=[Message(role="user", content=problem.question)],
        tools=list(BUILT_IN_TOOLS) if tools else [],
        verify=verify,
        max_total_tokens=TOTAL_TOKENS,
        max_completion_tokens=COMPLETION_TOKENS,
        temperature=temperature,
        seed=int.from_bytes(hashlib.sha256(problem.question.encode()).digest()[:6]),
    )
    asked = await run_ask(orchestrator, spec, is_traced=is_traced)
    kind, known = problem.answer_kind, problem.answer
    return Outcome(
        is_right=is_right(kind, known, asked.answer),
        first_is_right=is_right(kind, known, asked.first_answer),
        first_score=asked.first_score,
        answer=asked.answer,
        num_calls=asked.num_calls,
        num_failed_calls=asked.num_failed_calls,
        completion_tokens=asked.usage.completion_tokens,
        trace=asked.trace,
    )


WRONG_SHOWN_MAX = 5  # examples kept of a family


def _count(report: FamilyReport, mode: Mode, problem: Problem, outcome: Outcome) -> None:
    first, chosen = Share(int(outcome.first_is_right), 1), Share(int(outcome.is_right), 1)
    if mode == "no_tools":
        report.without_tools += chosen
        return
    if mode == "own":
        report.with_tools += first
        report.verified += chosen
    else:
        report.held_out += first
        report.held_out_verified += chosen
    report.num_calls += outcome.num_calls
    report.num_failed_calls += outcome.num_failed_calls
    report.completion_tokens += outcome.completion_tokens
    if not outcome.first_is_right and len(report.wrong) < WRONG_SHOWN_MAX:
        report.wrong.append({"question": problem.question, "known": problem.answer, "given": outcome.answer})
