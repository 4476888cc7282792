"""What a tool call costs, in milliseconds: the warm fence beside a bare interpreter and a cold fence, in one run.

    python -m tests.benchmarks.bench_tools [--num-calls 30]

Prints one JSON object. `call` is what a caller waits for, replacement of guests included where it cannot keep up;
`wall` is the guest's own time. Calls are paused apart, as a model's calls are; `back_to_back` is without pauses.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from gpu_node.tools.executor import ToolExecutor
from gpu_node.tools.guest_pool import GuestPool
from gpu_node.tools.sandbox import identities

PAUSE_SECONDS = 0.5  # a model thinks between its calls
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "print(1)": ("execute_python", {"code": "print(1)"}),
    "solve": ("symbolic_math", {"operation": "solve", "expression": "x^2 - 5x + 6 = 0"}),
    "z3 model": ("logic_solver", {"constraints": ["Ann <-> not Bob", "Bob <-> (Ann and Bob)"]}),
}


def summary(milliseconds: list[float]) -> dict[str, float]:
    ordered = sorted(milliseconds)
    return {
        "n": len(ordered),
        "p50_ms": round(statistics.median(ordered), 1),
        "p95_ms": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 1),
    }


async def timed(num_calls: int, call: Callable[[], Awaitable[object]], pause_seconds: float) -> dict[str, float]:
    taken = []
    for _ in range(num_calls):
        started = time.perf_counter()
        await call()
        taken.append(1000 * (time.perf_counter() - started))
        await asyncio.sleep(pause_seconds)
    return summary(taken)


async def warm(num_calls: int) -> dict[str, Any]:
    executor = ToolExecutor()
    started = time.perf_counter()
    await executor.start()
    assert executor.fence_tier == "bubblewrap", executor.unavailable_reason
    results: dict[str, Any] = {"fence_selftest_ms": round(1000 * (time.perf_counter() - started), 1)}
    for name, (tool, arguments) in CALLS.items():
        text = json.dumps(arguments)

        async def call(tool: str = tool, text: str = text) -> None:
            outcome = await executor.call(tool, text)
            assert outcome.status == "ok", outcome

        await call()
        await asyncio.sleep(2)
        results[f"warm fence, {name}"] = await timed(num_calls, call, PAUSE_SECONDS)
        started = time.perf_counter()
        await asyncio.gather(*(call() for _ in range(num_calls)))
        results[f"back_to_back, {name}"] = {
            "calls_per_second": round(num_calls / (time.perf_counter() - started), 1),
            "n": num_calls,
        }
    await executor.close()
    return results


async def cold(num_calls: int) -> dict[str, Any]:
    """A fence started for each call, its imports included."""
    results = {}
    for name, (tool, arguments) in CALLS.items():
        request = json.dumps({"arguments": arguments}).encode()

        async def call(tool: str = tool, request: bytes = request) -> None:
            pool = GuestPool(identity=identities()[0], shelves={tool: 1}, concurrent_calls_max=1)
            await pool.call(tool, request, timeout_seconds=20)
            await pool.close()

        results[f"cold fence, {name}"] = await timed(max(3, num_calls // 5), call, 0)
    return results


async def bare(num_calls: int) -> dict[str, Any]:
    def run(code: str) -> None:
        subprocess.run([sys.executable, "-I", "-c", code], check=True, stdout=subprocess.DEVNULL)

    return {
        "python -I, print(1)": await timed(num_calls, lambda: asyncio.to_thread(run, "print(1)"), 0),
        "python -I, imports": await timed(
            max(3, num_calls // 5), lambda: asyncio.to_thread(run, "import numpy, sympy, z3"), 0
        ),
    }


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-calls", type=int, default=30)
    num_calls = parser.parse_args().num_calls
    load = os.getloadavg()[0]
    results = {**await bare(num_calls), **await warm(num_calls), **await cold(num_calls)}
    print(
        json.dumps({"benchmark": "tools", "cpus": os.cpu_count(), "load_before": round(load, 1), **results}, indent=1)
    )


if __name__ == "__main__":
    asyncio.run(main())
