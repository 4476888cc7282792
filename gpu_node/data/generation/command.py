"""`python -m gpu_node generate`: rows through a model's API, within a budget, each checked before it counts."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from gpu_node.data.generation.budget import Price, dollars_of, nano_usd_of
from gpu_node.data.generation.checks import ToolsUnavailable
from gpu_node.data.generation.endpoints import MAKERS, EndpointUnusable, endpoint_make
from gpu_node.data.generation.generate import Generation, GenerationSettings, OtherSettings, Outcome
from gpu_node.data.generation.journal import ACCEPTED_FILE, REJECTED_FILE, Journal, JournalBroken
from gpu_node.data.generation.seeds import Seed, seeds_read, template_read
from gpu_node.data.mixing.sources import SourceRefused
from gpu_node.tools.executor import ToolExecutor

EXIT_REFUSED = 1
EXIT_USAGE = 2
CONCURRENT_MAX = 256  # requests at once: more than far ends allow
KEY_VARIABLES = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}


def generate_command(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    try:
        settings = _settings(options)
    except ValueError as error:
        print(f"generate: {error}", file=sys.stderr)
        return EXIT_USAGE
    try:
        seeds = seeds_read(options.seeds)[: options.rows]
        outcome = asyncio.run(_generate(options, settings, seeds))
    except (SourceRefused, JournalBroken, OtherSettings, EndpointUnusable, ToolsUnavailable) as error:
        print(f"generate: {error}", file=sys.stderr)
        return EXIT_REFUSED
    print(_told(outcome, options.out, settings))
    return 0


def _settings(options: argparse.Namespace) -> GenerationSettings:
    """Raises ValueError."""
    price = Price(nano_usd_of(options.prompt_price), nano_usd_of(options.completion_price))
    budget = nano_usd_of(options.budget)
    if budget == 0:
        raise ValueError("a budget of 0 buys nothing: name one above it, such as --budget 5")
    return GenerationSettings(
        endpoint=options.endpoint,
        model=options.model,
        template=template_read(options.prompt),
        price=price,
        budget_nano_usd=budget,
        num_samples=options.samples,
        num_concurrent=min(options.concurrency, CONCURRENT_MAX),
        temperature=options.temperature,
        completion_tokens_max=options.max_tokens,
    )


async def _generate(options: argparse.Namespace, settings: GenerationSettings, seeds: list[Seed]) -> Outcome:
    key = os.environ.get(options.key_variable or KEY_VARIABLES[options.provider])
    endpoint = endpoint_make(options.provider, base_url=settings.endpoint, key=key, model=settings.model)
    tools = ToolExecutor() if any(seed.tests for seed in seeds) else None
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    try:
        if tools is not None:
            await tools.start()
        journal = Journal(options.out)
        try:
            generation = Generation(
                settings, endpoint=endpoint, journal=journal, tools=tools, on_answer=_progress, is_stopped=stop.is_set
            )
            return await generation.run(seeds)
        finally:
            journal.close()
    finally:
        await endpoint.close()
        if tools is not None:
            await tools.close()


def _progress(generation: Generation) -> None:
    if sys.stderr.isatty():
        print(f"\r{dollars_of(generation.budget.spent_nano_usd)} spent", end="", file=sys.stderr)


def _told(outcome: Outcome, folder: Path, settings: GenerationSettings) -> str:
    lines = [
        f"{outcome.num_accepted} accepted ({folder / ACCEPTED_FILE}), {outcome.num_rejected} rejected "
        f"({folder / REJECTED_FILE}), {outcome.num_failed} failed, {outcome.num_left} not asked",
        f"{dollars_of(outcome.spent_nano_usd)} of {dollars_of(settings.budget_nano_usd)} spent",
        *(f"  {count:6} {reason}" for reason, count in sorted(outcome.reasons.items())),
    ]
    if outcome.stopped_by:
        lines.append(f"stopped by: {outcome.stopped_by}; the same command goes on from here")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gpu_node generate", description="Generate rows through an API.")
    parser.add_argument("--endpoint", required=True, help="the API's address, such as https://host/v1")
    parser.add_argument("--provider", choices=sorted(MAKERS), default="openai", help="whose API it speaks")
    parser.add_argument("--model", required=True, help="the model's name there")
    parser.add_argument("--key-variable", help="the environment variable of the key; default: the provider's own")
    parser.add_argument("--seeds", type=Path, required=True, help="questions with `answer` or `tests`, one a line")
    parser.add_argument("--prompt", default="solve", help="a template: solve, code, ask, or a .toml file")
    parser.add_argument("--out", type=Path, required=True, help="the folder; a generation that stopped goes on in it")
    parser.add_argument("--budget", required=True, help="dollars that may be spent, over all starts")
    parser.add_argument("--prompt-price", required=True, help="dollars per million prompt tokens")
    parser.add_argument("--completion-price", required=True, help="dollars per million completion tokens")
    parser.add_argument("--samples", type=_positive, default=1, help="answers to each question")
    parser.add_argument("--rows", type=_positive, help="only the first so many seeds")
    parser.add_argument("--concurrency", type=_positive, default=8, help="requests at once")
    parser.add_argument("--temperature", type=float, help="default: the far end's own")
    parser.add_argument("--max-tokens", type=_positive, default=2048, help="of one answer")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not 1 or more")
    return number
