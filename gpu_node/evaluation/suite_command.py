"""`python -m gpu_node evaluate --suite …`: named suites in one mode, on a checkpoint here or on any `/v1`.

All files are read before anything is asked; what is wrong is said in one sentence and nothing is written.
"""

import argparse
import asyncio
import hashlib
import json
import shlex
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gpu_node.evaluation.graders import FenceMissing
from gpu_node.evaluation.modes import COMPLETION_TOKENS, MODES, Mode
from gpu_node.evaluation.question import Question
from gpu_node.evaluation.suite_files import BadSuite
from gpu_node.evaluation.suite_report import suites_json, suites_markdown
from gpu_node.evaluation.suite_run import Answered, Asker, OrchestratorAsker, suite_run
from gpu_node.evaluation.suites import SUITES, suite_questions
from gpu_node.evaluation.url_asker import UrlAsker, UrlRefused, url_client
from gpu_node.inference.backend import EngineFailed
from gpu_node.protocol.job_spec import EVAL_PROBLEMS_MAX, EVAL_SAMPLES_MAX
from gpu_node.tools.executor import ToolExecutor

EXIT_USAGE = 2
EXIT_FAILED = 1
SUITE_PROBLEMS = 100


def suites_options(group: Any) -> None:
    group.add_argument("--suite", help=f"comma-separated, of {', '.join(SUITES)}")
    group.add_argument("--data", type=Path, help="folder of the suites' files, or one file")
    group.add_argument("--mode", choices=list(MODES), default="tools", help="how each question is asked")
    group.add_argument("--samples", type=int, default=1, help="answers to each problem: pass@k, maj@k, verifier@k")
    group.add_argument("--temperature", type=float, help="default: 0, or 0.8 with several samples")
    group.add_argument("--completion-tokens", type=int, default=COMPLETION_TOKENS, help="of one answer")
    group.add_argument("--url", help="measure an OpenAI-compatible endpoint, such as http://127.0.0.1:8001/v1")
    group.add_argument("--model", help="the endpoint's model")
    group.add_argument("--key-env", help="environment variable that holds the endpoint's key")


def suites_command(options: argparse.Namespace, arguments: list[str]) -> int:
    started = time.monotonic()
    try:
        _options_check(options)
        mode, num = MODES[options.mode], options.n or SUITE_PROBLEMS
        names = [name for name in options.suite.split(",") if name]
        questions = [one for name in names for one in suite_questions(name, num=num, data=options.data)]
        answered = asyncio.run(_measure(options, questions, mode))
    except (ValueError, FileNotFoundError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return EXIT_USAGE
    except (FenceMissing, UrlRefused, EngineFailed) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return EXIT_FAILED
    result = suites_json(
        answered,
        mode=mode,
        model=options.model or options.model_path.resolve().name,
        command="python -m gpu_node evaluate " + shlex.join(arguments),
        seconds=time.monotonic() - started,
        num_samples=options.samples,
        weights_sha256=weights_sha256(options.model_path) if options.model_path else None,
    )
    if options.out is not None:
        options.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(suites_markdown(result))
    return 0


def _options_check(options: argparse.Namespace) -> None:
    if (options.url is None) == (options.model_path is None):
        raise ValueError("give either --model-path FOLDER or --url URL with --model NAME")
    if options.url is not None and options.model is None:
        raise ValueError("--url needs --model NAME, as the endpoint calls it")
    if not [name for name in options.suite.split(",") if name]:
        raise BadSuite(f"--suite names none of {', '.join(SUITES)}")
    if not 1 <= options.samples <= EVAL_SAMPLES_MAX:
        raise ValueError(f"--samples {options.samples}: 1 to {EVAL_SAMPLES_MAX}")
    if options.n is not None and not 1 <= options.n <= EVAL_PROBLEMS_MAX:
        raise ValueError(f"--n {options.n}: 1 to {EVAL_PROBLEMS_MAX}")
    if MODES[options.mode].verify and options.url is None and options.verifier_path is None:
        raise ValueError(f"--mode {options.mode} needs the critic: --verifier-path FOLDER")


async def _measure(options: argparse.Namespace, questions: list[Question], mode: Mode) -> list[Answered]:
    async with _asker(options) as (asker, tools):
        with tqdm(total=len(questions) * options.samples, unit="answer", file=sys.stderr) as bar:
            num_right = 0

            def heard(is_right: bool) -> None:
                nonlocal num_right
                num_right += is_right
                bar.update()
                bar.set_postfix_str(f"{num_right / bar.n:.0%} right", refresh=False)

            return await suite_run(
                asker,
                questions,
                mode,
                tools=tools,
                num_samples=options.samples,
                temperature=options.temperature,
                on_answer=heard,
            )


@asynccontextmanager
async def _asker(options: argparse.Namespace) -> AsyncIterator[tuple[Asker, ToolExecutor]]:
    """What answers, and the tools that judge programs; started, and closed at the end."""
    if options.url is not None:
        tools = ToolExecutor()
        async with url_client(options.url, options.key_env) as client:
            await tools.start()
            try:
                yield (
                    UrlAsker(client=client, model=options.model, completion_tokens=options.completion_tokens),
                    tools,
                )
            finally:
                await tools.close()
        return
    from gpu_node.evaluation.loading import policy_load  # torch: seconds, and not needed for --help

    policy = policy_load(options.model_path, options.verifier_path)
    await policy.tools.start()
    try:
        yield (
            OrchestratorAsker(orchestrator=policy.orchestrator, completion_tokens=options.completion_tokens),
            policy.tools,
        )
    finally:
        await policy.tools.close()
        policy.engine.close()


def weights_sha256(folder: Path) -> str:
    """Of the weights' files in order: a table belongs to these weights and no others."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
