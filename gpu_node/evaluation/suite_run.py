"""Asks a suite's questions in one mode, many at once, and grades what comes back.

An `Asker` is either the real orchestrator in this process (the engine batches the runs, as in serving) or any
OpenAI-compatible endpoint (url_asker.py). Each question is asked `num_samples` times; with more than one sample the
runs have temperature and seeds of their own. Not here: figures over what was graded (suite_report.py).
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from gpu_node.evaluation.asking import Asked, run_ask
from gpu_node.evaluation.graders import Given, Marks, calls_text
from gpu_node.evaluation.modes import COMPLETION_TOKENS, SAMPLE_TEMPERATURE, SEARCH_SEQUENCES, Mode, run_spec
from gpu_node.evaluation.question import Question
from gpu_node.reasoning.attempt import ToolCaller
from gpu_node.reasoning.orchestrator import Orchestrator

RUNS_AT_ONCE = 32  # in flight; the engine batches them, waits for tools overlap
SEARCHES_AT_ONCE = 96 // SEARCH_SEQUENCES  # each has several sequences open, of the engine's 128
GRADINGS_AT_ONCE = 2  # programs of code suites, each with a core of its own
TRACED_MAX = 1_000  # questions of which the first sample keeps its run's events

Heard = Callable[[bool], None]


class Asker(Protocol):
    async def ask(self, question: Question, mode: Mode, *, sample: int, temperature: float) -> Asked: ...


@dataclass(frozen=True, kw_only=True)
class OrchestratorAsker:
    orchestrator: Orchestrator
    completion_tokens: int = COMPLETION_TOKENS

    async def ask(self, question: Question, mode: Mode, *, sample: int, temperature: float) -> Asked:
        spec = run_spec(
            question,
            mode,
            model=self.orchestrator.model,
            context_tokens=self.orchestrator.reasoner.backend.context_tokens,
            temperature=temperature,
            sample=sample,
            completion_tokens=self.completion_tokens,
        )
        return await run_ask(self.orchestrator, spec, is_traced=sample == 0)


@dataclass(frozen=True)
class Sample:
    """One run, graded. `canonical` is the answer's spelling for a majority."""

    asked: Asked
    marks: Marks
    canonical: str

    @property
    def given(self) -> str:
        return self.asked.answer or calls_text(self.asked.client_tool_calls)

    @property
    def num_tokens(self) -> int:
        return self.asked.usage.total_tokens


@dataclass(frozen=True)
class Answered:
    question: Question
    samples: tuple[Sample, ...]


async def suite_run(
    asker: Asker,
    questions: Sequence[Question],
    mode: Mode,
    *,
    tools: ToolCaller,
    num_samples: int = 1,
    temperature: float | None = None,
    on_answer: Heard = lambda _is_right: None,
) -> list[Answered]:
    """The questions in their order. `tools` judge programs; `temperature` None: 0, or SAMPLE_TEMPERATURE where there
    are several samples; `on_answer` hears of each sample whether it was right.

    Raises:
        FenceMissing: a code suite on a machine where no program can be run.
        Exception: what the asker raises for an endpoint or an engine that answers nothing at all.
    """
    if num_samples < 1:
        raise ValueError(f"{num_samples} samples: at least one")
    if temperature is None:
        temperature = 0.0 if num_samples == 1 else SAMPLE_TEMPERATURE
    asking = asyncio.Semaphore(SEARCHES_AT_ONCE if mode.is_search else RUNS_AT_ONCE)
    grading = asyncio.Semaphore(GRADINGS_AT_ONCE)

    async def one(place: int, question: Question, sample: int) -> Sample:
        async with asking:
            asked = await asker.ask(question, mode, sample=sample, temperature=temperature)
        if place >= TRACED_MAX:
            asked = replace(asked, trace=[])
        given = Given(asked.answer, asked.client_tool_calls)
        async with grading:
            marks = Marks.all(False) if asked.problem else await question.grader.marks(given, tools)
        on_answer(marks.is_right)
        return Sample(asked, marks, "" if asked.problem else question.grader.canonical(given))

    tasks: list[list[asyncio.Task[Sample]]] = []
    try:
        async with asyncio.TaskGroup() as group:
            for place, question in enumerate(questions):
                tasks.append([group.create_task(one(place, question, sample)) for sample in range(num_samples)])
    except ExceptionGroup as failed:  # the others were cancelled: the first one says why
        raise failed.exceptions[0] from failed
    return [
        Answered(question, tuple(task.result() for task in samples))
        for question, samples in zip(questions, tasks, strict=True)
    ]
