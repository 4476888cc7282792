"""`python -m gpu_node evaluate`: measures a checkpoint and prints the table.

With `--suite` on the named suites in one mode (suite_command.py); without, on every family of our own, which is the
model card's table.
"""

import argparse
import asyncio
import json
import shlex
import sys
import time
from pathlib import Path

from gpu_node.evaluation.benchmarks import (
    FreeReport,
    Report,
    ask_freely,
    benchmark,
    evaluated_families,
    questions_read,
)
from gpu_node.evaluation.report import report_json, report_markdown
from gpu_node.evaluation.suite_command import (
    EXIT_USAGE,
    SUITE_PROBLEMS,
    suites_command,
    suites_options,
    weights_sha256,
)

FAMILY_PROBLEMS = 50  # a family and mode


def evaluate_command(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    if options.suite is not None:
        return suites_command(options, arguments)
    if options.model_path is None:
        print("evaluate: give --model-path FOLDER (or --suite with --url URL)", file=sys.stderr)
        return EXIT_USAGE
    known = evaluated_families()
    families = options.families.split(",") if options.families else known
    if families == ["none"]:
        families = []
    unknown = [name for name in families if name not in known]
    if unknown:
        print(f"evaluate: no family {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return EXIT_USAGE
    started = time.monotonic()
    report, free = asyncio.run(_evaluate(options, families))
    seconds = time.monotonic() - started
    command = "python -m gpu_node evaluate " + shlex.join(arguments)
    if options.out is not None:
        result = report_json(
            report,
            model=options.model_path.resolve().name,
            weights_sha256=weights_sha256(options.model_path),
            command=command,
            seconds=seconds,
            free=free,
        )
        options.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(report_markdown(report, command=command, free=free))
    print(f"{seconds:.0f} s", file=sys.stderr)
    return 0


async def _evaluate(options: argparse.Namespace, families: list[str]) -> tuple[Report, FreeReport | None]:
    from gpu_node.evaluation.loading import policy_load  # torch: seconds, and not needed for --help

    policy = policy_load(options.model_path, options.verifier_path)
    await policy.tools.start()
    try:
        report = await benchmark(
            policy.orchestrator,
            families=families,
            num=options.n or FAMILY_PROBLEMS,
            num_critic=options.critic_n,
            modes=options.modes.split(","),
        )
        if options.questions is None:
            return report, None
        return report, await ask_freely(policy.orchestrator, questions_read(options.questions))
    finally:
        await policy.tools.close()
        policy.engine.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gpu_node evaluate", description="Measure a checkpoint.", allow_abbrev=False
    )
    parser.add_argument("--model-path", type=Path, help="checkpoint folder of the reasoner")
    parser.add_argument("--verifier-path", type=Path, help="checkpoint folder of the critic")
    parser.add_argument("--n", type=int, help=f"problems a suite ({SUITE_PROBLEMS}), or a family ({FAMILY_PROBLEMS})")
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    suites_options(parser.add_argument_group("suites"))
    families = parser.add_argument_group("families, without --suite")
    families.add_argument("--families", help="comma-separated; default: all; none = only --questions")
    families.add_argument("--critic-n", type=int, default=12, help="samples a family for the critic's AUC")
    families.add_argument("--modes", default="own,held_out,no_tools,critic", help="of own, held_out, no_tools, critic")
    families.add_argument("--questions", type=Path, help="JSON lines of kind, question, grade, answer: also asked")
    return parser
