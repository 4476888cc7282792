"""A `generate` job through an API: a model's answers to the data's questions, checked, as rows to train on.

The questions are a file's, or problems of our own families with the answers known by construction. The output holds
the rows, the rejected ones and the journal; a job that was stopped leaves them as a checkpoint, and a new attempt goes
on from it. The key is this node's: it goes to addresses that SVEND_GENERATE_ENDPOINTS lists (JSON: address -> key,
empty for none) and to no other. Not here: asking and checking (gpu_node/data/generation).
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Iterator

from gpu_node.data.families.registry import families_load, problem_draw
from gpu_node.data.generation.budget import Price
from gpu_node.data.generation.checks import ToolsUnavailable
from gpu_node.data.generation.endpoints import EndpointUnusable, endpoint_make
from gpu_node.data.generation.generate import Generation, GenerationSettings, Outcome
from gpu_node.data.generation.journal import JOURNAL_FILE, Journal
from gpu_node.data.generation.seeds import Seed, seeds_checked, seeds_read, template_read
from gpu_node.data.mixing.sources import SourceRefused
from gpu_node.data.synthetic import family_drawn
from gpu_node.protocol.job_spec import DataSpec, EndpointSpec, GenerateSpec
from gpu_node.tools.executor import ToolExecutor
from gpu_node.training.attempt_folder import AttemptFolder
from gpu_node.training.folder_manifest import manifest_of
from gpu_node.training.job_errors import JobRefused, bad_data
from gpu_node.training.job_frames import JobLog
from gpu_node.training.job_inputs import data_file, input_folder
from gpu_node.training.job_rows import families_check

ENDPOINTS_VARIABLE = "SVEND_GENERATE_ENDPOINTS"
REPORT_ANSWERS = 10  # a frame each so many


def endpoint_job(attempt: AttemptFolder, spec: GenerateSpec, log: JobLog) -> None:
    """Raises JobRefused."""
    settings = _settings(spec.endpoint)
    key = endpoint_key(spec.endpoint.address, os.environ.get(ENDPOINTS_VARIABLE, ""))
    seeds = _seeds(attempt, spec.data)
    num_steps = len(seeds) * settings.num_samples
    log.write("job.started", step=0, num_steps=num_steps, world_size=1, device="cpu")
    _journal_take_over(attempt)
    try:
        outcome = asyncio.run(_generate(attempt, spec.endpoint, settings, seeds, key, log))
    except (EndpointUnusable, ToolsUnavailable) as error:
        raise JobRefused("bad_spec", str(error), cure="repair data or endpoint, or use another node") from error
    for reason, count in sorted(outcome.reasons.items()):
        log.write("log", text=f"{count} {reason}")
    done = num_steps - outcome.num_left
    log.write("metric", step=done, values=_figures(outcome))
    log.write("checkpoint", step=done, manifest=manifest_of(attempt.output))
    if outcome.stopped_by:
        log.write("log", text=f"stopped by: {outcome.stopped_by}")
    log.write("job.finished", step=done, is_complete=not outcome.num_left and not outcome.num_failed)


def endpoint_key(address: str, listed: str) -> str | None:
    """The key for the address; None where it needs none. Raises JobRefused for an address that is not listed."""
    try:
        keys = json.loads(listed or "{}")
    except ValueError as error:
        raise JobRefused("bad_spec", f"{ENDPOINTS_VARIABLE} of this node is no JSON: {error}") from error
    if address not in keys:
        known = ", ".join(sorted(keys)) or "none"
        cure = f"name one of those, or add it to the node's {ENDPOINTS_VARIABLE}"
        raise JobRefused("bad_spec", f"this node asks no endpoint at {address!r}; it asks: {known}", cure=cure)
    return str(keys[address]) or None


def _settings(spec: EndpointSpec) -> GenerationSettings:
    try:
        template = template_read(spec.prompt)
    except ValueError as error:
        raise JobRefused("bad_spec", str(error)) from error
    return GenerationSettings(
        endpoint=spec.address,
        model=spec.model,
        template=template,
        price=Price(spec.prompt_nano_usd_per_million, spec.completion_nano_usd_per_million),
        budget_nano_usd=spec.budget_nano_usd,
        num_samples=spec.num_samples,
        num_concurrent=spec.num_concurrent,
        temperature=spec.temperature,
        completion_tokens_max=spec.completion_tokens_max,
    )


def _seeds(attempt: AttemptFolder, data: DataSpec) -> list[Seed]:
    if data.source == "mixture":
        raise JobRefused("bad_spec", "questions come from one file", cure="set data.source to file or families")
    try:
        if data.source == "file":
            return seeds_read(data_file(attempt))[: data.num_rows]
        families_check(data.families)
        return seeds_checked(_drawn(data))
    except SourceRefused as error:
        raise bad_data(str(error), "each seed is a question with an answer or with tests") from error


def _drawn(data: DataSpec) -> Iterator[tuple[str, Seed]]:
    known = families_load()
    names = data.families or list(known)
    for number in range(data.seed_start, data.seed_start + data.num_rows):
        problem = problem_draw(family_drawn(names, number), number)
        yield f"seed {number}", Seed(question=problem.question, answer=problem.answer, answer_kind=problem.answer_kind)


def _journal_take_over(attempt: AttemptFolder) -> None:
    earlier = input_folder(attempt, "resume")
    attempt.output.mkdir(exist_ok=True)
    if earlier is not None and (earlier / JOURNAL_FILE).exists() and not (attempt.output / JOURNAL_FILE).exists():
        shutil.copy(earlier / JOURNAL_FILE, attempt.output / JOURNAL_FILE)


async def _generate(
    attempt: AttemptFolder,
    spec: EndpointSpec,
    settings: GenerationSettings,
    seeds: list[Seed],
    key: str | None,
    log: JobLog,
) -> Outcome:
    endpoint = endpoint_make(spec.provider, base_url=spec.address, key=key, model=spec.model)
    tools = ToolExecutor() if any(seed.tests for seed in seeds) else None
    journal = Journal(attempt.output)
    answers = 0

    def told(generation: Generation) -> None:
        nonlocal answers
        answers += 1
        if answers % REPORT_ANSWERS == 0:
            log.write("metric", step=answers, values={"spent_nano_usd": generation.budget.spent_nano_usd})

    try:
        if tools is not None:
            await tools.start()
        generation = Generation(
            settings,
            endpoint=endpoint,
            journal=journal,
            tools=tools,
            on_answer=told,
            is_stopped=lambda: attempt.control in ("stop", "kill"),
        )
        return await generation.run(seeds)
    finally:
        journal.close()
        await endpoint.close()
        if tools is not None:
            await tools.close()


def _figures(outcome: Outcome) -> dict[str, float]:
    return {
        "num_accepted": outcome.num_accepted,
        "num_rejected": outcome.num_rejected,
        "num_failed": outcome.num_failed,
        "spent_nano_usd": outcome.spent_nano_usd,
    }
