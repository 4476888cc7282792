"""What a tool call costs, in milliseconds: the fence's zygotes beside interpreters and fences started for one call.

    python -m tests.benchmarks.bench_fence [--num-calls 30] [--seconds 60] [--num-kills 200] [--tier namespaces]

Prints one JSON object. All ways are measured in one run, in turn, with a pause between calls as a model's have.
`sustained` is as many calls as the cores take, with what the node and its zygotes hold before and after, and the
processor time that a call takes: what a loaded machine stretches least. `kills` is how late programs that never end
were ended, `restart_ms` when a killed zygote's successor was ready. Beside each part stands the load it was taken at.
"""

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from gpu_node.tools.executor import ToolExecutor
from gpu_node.tools.sandbox import bwrap_command, fence_ways
from tests.gpu_node.fence.calls import zygote_pids
from tests.gpu_node.fence.hostile import HOSTILE

PAUSE_SECONDS = 0.02
WARM_CALLS = 3
KILL_WALL_SECONDS = 0.3
LIBRARIES = "import numpy, sympy, z3\n"
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "print(1)": ("execute_python", {"code": "print(1)"}),
    "sympy.solve": ("execute_python", {"code": "import sympy as s\nx = s.Symbol('x')\nprint(s.solve(x**2 - 5*x + 6))"}),
    "z3 check": ("execute_python", {"code": "import z3\ns = z3.Solver()\ns.add(z3.Int('y') > 3)\nprint(s.check())"}),
    "symbolic_math solve": ("symbolic_math", {"operation": "solve", "expression": "x^2 - 5x + 6 = 0"}),
    "logic_solver model": ("logic_solver", {"constraints": ["Ann <-> not Bob", "Bob <-> (Ann and Bob)"]}),
}
TARGETS = {"p50_ms": 15, "p95_ms": 40, "calls_per_second": 100, "late_ms": 250, "restart_ms": 1_000}


def summary(milliseconds: list[float]) -> dict[str, float]:
    ordered = sorted(milliseconds)
    return {
        "n": len(ordered),
        "p50_ms": round(statistics.median(ordered), 1),
        "p95_ms": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 1),
        "min_ms": round(ordered[0], 1),
    }


def one_shot_commands() -> dict[str, list[str]]:
    fenced = bwrap_command(fence_ways()[0].identity)
    fenced = [*fenced[: fenced.index("-m")], "-c"]
    solve, check = (LIBRARIES + CALLS[name][1]["code"] for name in ("sympy.solve", "z3 check"))
    return {
        "python -I, print(1)": [sys.executable, "-I", "-c", "print(1)"],
        "one-shot bwrap, print(1)": [*fenced, "print(1)"],
        "one-shot bwrap with imports, print(1)": [*fenced, LIBRARIES + "print(1)"],
        "python -I with imports, sympy.solve": [
            sys.executable,
            "-I",
            "-c",
            LIBRARIES + CALLS["sympy.solve"][1]["code"],
        ],
        "one-shot bwrap with imports, sympy.solve": [*fenced, solve],
        "one-shot bwrap with imports, z3 check": [*fenced, check],
    }


def run_once(command: list[str]) -> None:
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, env={}, timeout=120)
    assert done.returncode == 0, done.stderr


async def in_turn(executor: ToolExecutor, num_calls: int) -> dict[str, Any]:
    ways: dict[str, Callable[[], Awaitable[object]]] = {}
    for name, command in one_shot_commands().items():
        ways[name] = lambda command=command: asyncio.to_thread(run_once, command)
    for name, (tool, arguments) in CALLS.items():
        ways[f"fence, {name}"] = lambda tool=tool, text=json.dumps(arguments): called(executor, tool, text)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(WARM_CALLS + num_calls):
        for name, way in ways.items():
            started = time.perf_counter()
            await way()
            if number >= WARM_CALLS:
                taken[name].append(1000 * (time.perf_counter() - started))
            await asyncio.sleep(PAUSE_SECONDS)
    return {name: summary(times) for name, times in taken.items()}


async def called(executor: ToolExecutor, tool: str, text: str) -> None:
    outcome = await executor.call(tool, text, timeout_seconds=60)
    assert outcome.status == "ok", outcome


def below_node() -> dict[int, list[str]]:
    """The fields after the name in `/proc/PID/stat` of all processes that this one has below it."""
    parents: dict[int, list[int]] = {}
    fields: dict[int, list[str]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields[int(name)] = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[int(name)][1]), []).append(int(name))
    below = [os.getpid()]
    for pid in below:
        below += parents.get(pid, [])
    return {pid: fields[pid] for pid in below[1:] if pid in fields}


def held() -> dict[str, Any]:
    """What could leak: descriptors, processes, zombies, memory."""
    below = below_node()
    rss_mb = sorted(int(fields[21]) * os.sysconf("SC_PAGE_SIZE") >> 20 for fields in below.values())
    return {
        "node_descriptors": len(os.listdir("/proc/self/fd")),
        "processes": len(below),
        "zombies": sum(fields[0] == "Z" for fields in below.values()),
        "rss_mb": [megabytes for megabytes in rss_mb if megabytes > 40],
    }


def processor_ms() -> float:
    """Of the node and all below it, those that have ended included."""
    ticks = sum(int(part) for fields in below_node().values() for part in fields[11:15])
    return 1000 * (ticks / os.sysconf("SC_CLK_TCK") + time.process_time())


async def sustained(executor: ToolExecutor, seconds: float) -> dict[str, Any]:
    await zygote_pids(executor)
    await asyncio.sleep(1)
    before, num_calls = held(), 0
    processor_before = processor_ms()
    started = time.monotonic()

    async def caller() -> None:
        nonlocal num_calls
        while time.monotonic() - started < seconds:
            await called(executor, "execute_python", '{"code": "print(1)"}')
            num_calls += 1

    await asyncio.gather(*(caller() for _ in range(max(2, os.cpu_count() or 1))))
    rate = num_calls / (time.monotonic() - started)
    processor = (processor_ms() - processor_before) / num_calls
    await zygote_pids(executor)
    await asyncio.sleep(1)
    return {
        "calls_per_second": round(rate, 1),
        "processor_ms_per_call": round(processor, 1),
        "n": num_calls,
        "before": before,
        "after": held(),
    }


async def restart(executor: ToolExecutor) -> float:
    """From the kill of a waiting zygote until as many wait as before."""
    before = await zygote_pids(executor)
    started = time.perf_counter()
    os.kill(min(before), signal.SIGKILL)
    while not await zygote_pids(executor) - before:
        await asyncio.sleep(0.005)
    return round(1000 * (time.perf_counter() - started), 1)


async def kills(executor: ToolExecutor, num_kills: int) -> dict[str, Any]:
    late = []
    for number in range(num_kills):
        text = json.dumps({"code": list(HOSTILE.values())[number % len(HOSTILE)]})
        started = time.perf_counter()
        outcome = await executor.call("execute_python", text, timeout_seconds=KILL_WALL_SECONDS)
        late.append(1000 * (time.perf_counter() - started - KILL_WALL_SECONDS))
        assert outcome.status in ("timeout", "output_limit"), outcome
    return {
        "late": summary(late),
        "late_ms_max": round(max(late), 1),
        "within_250_ms": sum(ms <= TARGETS["late_ms"] for ms in late),
    }


def loaded(results: dict[str, Any]) -> dict[str, Any]:
    return {"load": round(os.getloadavg()[0], 1), **results}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-calls", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--num-kills", type=int, default=200)
    parser.add_argument("--tier", default="")
    options = parser.parse_args()
    if options.tier:
        os.environ["SVEND_FENCE_TIER"] = options.tier
    load = os.getloadavg()[0]
    executor = ToolExecutor()
    started = time.perf_counter()
    await executor.start()
    results: dict[str, Any] = {
        "benchmark": "fence",
        "cpus": os.cpu_count(),
        "load_before": round(load, 1),
        "targets": TARGETS,
        "tier": executor.fence_tier,
        "selftest_ms": round(1000 * (time.perf_counter() - started), 1),
        "in_turn": loaded(await in_turn(executor, options.num_calls)),
        "sustained": loaded(await sustained(executor, options.seconds)),
        "kills": loaded(await kills(executor, options.num_kills)),
        "restart_ms": await restart(executor),
    }
    await executor.close()
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    asyncio.run(main())
