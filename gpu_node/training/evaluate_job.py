"""An `evaluate` job: a checkpoint asked the problems of held-out seeds, or suites in one mode, through the same loop
that serves.

The result is the model card's report with one line a problem, how each was answered (both up to a bound) and the
seeds to ask them again.
Not here: the benchmark itself (gpu_node/evaluation).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from gpu_node.evaluation.benchmarks import Mode, Report, benchmark, evaluated_families
from gpu_node.evaluation.loading import LoadedPolicy, policy_load
from gpu_node.evaluation.modes import MODES
from gpu_node.evaluation.question import Question
from gpu_node.evaluation.report import report_json
from gpu_node.evaluation.suite_files import BadSuite
from gpu_node.evaluation.suite_report import suites_json
from gpu_node.evaluation.suite_run import Answered, OrchestratorAsker, suite_run
from gpu_node.evaluation.suites import SUITES, suite_questions
from gpu_node.inference.placement import placement_here
from gpu_node.protocol.job_spec import EvalSpec
from gpu_node.training.attempt_folder import AttemptFolder
from gpu_node.training.job_errors import JobRefused
from gpu_node.training.job_frames import JobLog
from gpu_node.training.job_inputs import data_file, input_folder, input_required

REPORT_SECONDS = 0.5  # between two frames of how far it is
PROBLEMS_TOLD_MAX = 1_000  # in the report; its totals count all
TRACE_BYTES_MAX = 16_384  # of one problem's events: a run of its length has less, unless its tools talk a lot
TRACES_BYTES_MAX = 2_097_152  # of a report's: it is one frame, and one row in the database
CRITIC_SAMPLES = 4  # a family, for the critic's AUC


def evaluate_job(attempt: AttemptFolder, spec: EvalSpec, log: JobLog) -> None:
    verifier = input_folder(attempt, "verifier")
    if verifier is None and spec.verifier is not None:
        raise JobRefused("bad_input", f"the spec names the verifier {spec.verifier!r}, but the order has no such input")
    if spec.suites:
        _suites_job(attempt, spec, log, verifier)
    else:
        _families_job(attempt, spec, log, verifier)


def _suites_job(attempt: AttemptFolder, spec: EvalSpec, log: JobLog, verifier: Path | None) -> None:
    questions, mode = _questions(attempt, spec), MODES[spec.mode]
    num_all = len(questions) * spec.num_samples
    log.write("job.started", step=0, num_steps=num_all, world_size=1, device=placement_here().device)
    progress, started = _Progress(log, num_all), time.monotonic()

    async def measured(policy: LoadedPolicy) -> list[Answered]:
        asker = OrchestratorAsker(orchestrator=policy.orchestrator, completion_tokens=spec.completion_tokens)
        return await suite_run(
            asker, questions, mode, tools=policy.tools, num_samples=spec.num_samples, on_answer=progress.one
        )

    answered = asyncio.run(_on_policy(input_required(attempt, "model"), verifier, measured))
    result = suites_json(
        answered,
        mode=mode,
        model=spec.model,
        command=_suites_command(spec),
        seconds=time.monotonic() - started,
        num_samples=spec.num_samples,
        data_file=spec.data.file,
    )
    log.write("eval", step=num_all, result=result | _details(result["problems"], spec))
    log.write("job.finished", step=num_all, is_complete=True)


def _questions(attempt: AttemptFolder, spec: EvalSpec) -> list[Question]:
    """Raises JobRefused for what the suites cannot read."""
    with_files = [name for name in spec.suites if name in SUITES and not SUITES[name].is_shipped]
    if len(with_files) > 1:
        cure = "one job a suite, each with its file"
        raise JobRefused("bad_spec", f"{' and '.join(with_files)} read different files", cure=cure)
    if with_files and "data" not in attempt.order.inputs:
        shipped = ", ".join(suite.name for suite in SUITES.values() if suite.is_shipped)
        cure = f"upload a file laid out as the suite's and name it in data.file; these need none: {shipped}"
        raise JobRefused("bad_spec", f"the suite {with_files[0]!r} reads a file, and the spec names none", cure=cure)
    data = data_file(attempt) if with_files else None
    questions: list[Question] = []
    for name in spec.suites:
        try:
            questions += suite_questions(name, num=spec.num_problems, data=data, seed_start=spec.seed_start)
        except BadSuite as error:
            raise JobRefused("bad_data" if name in with_files else "bad_spec", str(error)) from error
    return questions


def _suites_command(spec: EvalSpec) -> str:
    words = f"python -m gpu_node evaluate --model-path {spec.model} --suite {','.join(spec.suites)} --mode {spec.mode}"
    words += f" --n {spec.num_problems} --samples {spec.num_samples} --completion-tokens {spec.completion_tokens}"
    words += f" --verifier-path {spec.verifier}" if spec.verifier else ""
    return words + (f" --data {spec.data.file}" if spec.data.file else "")


def _families_job(attempt: AttemptFolder, spec: EvalSpec, log: JobLog, verifier: Path | None) -> None:
    families = _families(spec)
    modes: list[Mode] = ["own", "held_out"] if spec.is_held_out_wording else ["own"]
    if verifier is not None:
        modes.append("critic")
    num_all = len(families) * (spec.num_problems * (len(modes) - ("critic" in modes)) + CRITIC_SAMPLES * bool(verifier))
    log.write("job.started", step=0, num_steps=num_all, world_size=1, device=placement_here().device)
    progress = _Progress(log, num_all)
    started = time.monotonic()

    async def measured(policy: LoadedPolicy) -> Report:
        return await benchmark(
            policy.orchestrator,
            families=families,
            num=spec.num_problems,
            num_critic=CRITIC_SAMPLES,
            modes=modes,
            seed_start=spec.seed_start,
            on_outcome=progress.one,
        )

    report = asyncio.run(_on_policy(input_required(attempt, "model"), verifier, measured))
    result = report_json(report, model=spec.model, command=_command(spec), seconds=time.monotonic() - started)
    log.write("eval", step=num_all, result=result | _details(report.problems, spec))
    log.write("job.finished", step=num_all, is_complete=True)


def _families(spec: EvalSpec) -> list[str]:
    known = evaluated_families()
    if unknown := [name for name in spec.families if name not in known]:
        raise JobRefused("bad_spec", f"no family is called {unknown[0]!r}", cure=f"there are: {', '.join(known)}")
    return spec.families or known


T = TypeVar("T")


async def _on_policy(model: Path, verifier: Path | None, measured: Callable[[LoadedPolicy], Awaitable[T]]) -> T:
    """What is measured of the loaded checkpoint, its tools started. Raises JobRefused."""
    try:
        policy = policy_load(model, verifier)
    except (FileNotFoundError, KeyError, ValueError) as error:
        raise JobRefused("bad_input", f"an input is no checkpoint of ours: {error}") from error
    await policy.tools.start()
    try:
        return await measured(policy)
    finally:
        await policy.tools.close()
        policy.engine.close()


class _Progress:
    """Tells how far it is, and the share of right answers so far."""

    def __init__(self, log: JobLog, num_all: int) -> None:
        self._log, self._num_all = log, num_all
        self._num, self._num_right = 0, 0
        self._started = self._told_at = time.monotonic()

    def one(self, is_right: bool) -> None:
        self._num += 1
        self._num_right += is_right
        now = time.monotonic()
        if now - self._told_at < REPORT_SECONDS and self._num < self._num_all:
            return
        self._told_at = now
        left = (now - self._started) / self._num * (self._num_all - self._num)
        values = {"share_right": round(self._num_right / self._num, 4), "num_problems": self._num}
        self._log.write("metric", step=self._num, values=values, eta_seconds=round(left, 1))


def _command(spec: EvalSpec) -> str:
    families = f" --families {','.join(spec.families)}" if spec.families else ""
    modes = "own,held_out" if spec.is_held_out_wording else "own"
    return f"python -m gpu_node evaluate --model-path {spec.model} --n {spec.num_problems} --modes {modes}{families}"


def _details(told: list[dict[str, Any]], spec: EvalSpec) -> dict[str, Any]:
    problems, num_traces_left_out = _with_traces(told[:PROBLEMS_TOLD_MAX])
    return {
        "seed_start": spec.seed_start,
        "num_problems": spec.num_problems,
        "problems": problems,
        "num_problems_left_out": max(0, len(told) - PROBLEMS_TOLD_MAX),
        "num_traces_left_out": num_traces_left_out,
    }


def _with_traces(problems: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """The problems with their events as far as the bounds go, null beyond; and how many were left out."""
    kept, left, num_left_out = [], TRACES_BYTES_MAX, 0
    for problem in problems:
        size = len(json.dumps(problem["trace"]))
        is_kept = bool(problem["trace"]) and size <= min(TRACE_BYTES_MAX, left)
        kept.append(problem if is_kept else {**problem, "trace": None})
        left -= size if is_kept else 0
        num_left_out += not is_kept
    return kept, num_left_out
