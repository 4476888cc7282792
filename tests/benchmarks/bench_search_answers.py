"""How often each search is right, and for how many tokens: the shipped model and critic over its own families.

    python -m tests.benchmarks.bench_search_answers [--n 300] [--modes none,majority,best_of_n,beam,mcts,auto]

Problems are of held-out seeds, spread over the families; each mode is asked the same ones, with tools. Prints JSON.
"""

import argparse
import asyncio
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gpu_node.data.families.registry import problem_draw
from gpu_node.data.grading import is_right
from gpu_node.data.problem import HELD_OUT_SEED_FIRST, Problem
from gpu_node.evaluation.benchmarks import evaluated_families
from gpu_node.evaluation.loading import LoadedPolicy, policy_load
from gpu_node.protocol.frames import RunFinished, Search, Usage
from gpu_node.protocol.intervals import Share
from gpu_node.protocol.run_spec import BUILT_IN_TOOLS, Message, RunSpec

WEIGHTS = Path(__file__).parents[2] / "gpu_node" / "weights"
RUNS_AT_ONCE = 8
TOTAL_TOKENS = 16_384  # more than any of them uses: what is measured is what a search wants, not what it may
SHAPES = {
    "none": Search(),
    "majority": Search(strategy="majority", width=8),
    "best_of_n": Search(strategy="best_of_n", width=8),
    "beam": Search(strategy="beam", width=4, depth=4),
    "mcts": Search(strategy="mcts", width=4, depth=4),
    "auto": Search(strategy="auto", width=8),
}


async def asked(policy: LoadedPolicy, problem: Problem, search: Search) -> tuple[bool, Usage]:
    spec = RunSpec(
        model=policy.orchestrator.model,
        messages=[Message(role="user", content=problem.question)],
        tools=list(BUILT_IN_TOOLS),
        search=search,
        max_total_tokens=TOTAL_TOKENS,
        seed=int.from_bytes(hashlib.sha256(problem.question.encode()).digest()[:6]),
    )
    answer, used = "", Usage()
    async for event, usage in policy.orchestrator.prepare(spec).events():
        used = usage
        if isinstance(event, RunFinished):
            answer = event.answer
    return is_right(problem.answer_kind, problem.answer, answer), used


async def measured(policy: LoadedPolicy, problems: Sequence[Problem], search: Search) -> dict[str, Any]:
    gate = asyncio.Semaphore(RUNS_AT_ONCE)

    async def one(problem: Problem) -> tuple[bool, Usage]:
        async with gate:
            return await asked(policy, problem, search)

    started = time.monotonic()
    outcomes = await asyncio.gather(*(one(problem) for problem in problems))
    share = Share(sum(right for right, _ in outcomes), len(outcomes))
    low, high = share.interval
    return {
        "right": share.right,
        "n": share.n,
        "interval_95": [round(low, 3), round(high, 3)],
        "tokens_per_problem": round(sum(usage.total_tokens for _, usage in outcomes) / len(outcomes), 1),
        "seconds": round(time.monotonic() - started, 1),
    }


def problems_of(num: int) -> list[Problem]:
    names = evaluated_families()
    return [problem_draw(names[number % len(names)], HELD_OUT_SEED_FIRST + number, "held_out") for number in range(num)]


async def bench(policy: LoadedPolicy, num: int, modes: Sequence[str]) -> dict[str, Any]:
    await policy.tools.start()
    try:
        problems = problems_of(num)
        found: dict[str, Any] = {}
        for mode in modes:
            found[mode] = await measured(policy, problems, SHAPES[mode])
            print(mode, found[mode], file=sys.stderr, flush=True)  # the whole takes minutes
        return found
    finally:
        await policy.tools.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model-path", type=Path, default=WEIGHTS / "svend-nano")
    parser.add_argument("--verifier-path", type=Path, default=WEIGHTS / "svend-verifier-nano")
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--modes", default=",".join(SHAPES))
    options = parser.parse_args()
    policy = policy_load(options.model_path, options.verifier_path)
    result = asyncio.run(bench(policy, options.n, options.modes.split(",")))
    policy.engine.close()
    print(json.dumps({"bench": "search_answers", "model": policy.orchestrator.model, **result}))


if __name__ == "__main__":
    main()
