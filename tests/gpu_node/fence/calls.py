"""Calls through a real executor, and the processes that they leave to be seen."""

import asyncio
import json
from pathlib import Path

from gpu_node.tools.executor import ToolExecutor

SECRET = "sk-svend-planted-4f1d9c"
WALL_SECONDS = 5.0
CHECKOUT = Path(__file__).resolve().parents[3]


async def run(executor: ToolExecutor, code: str, seconds: float = WALL_SECONDS) -> tuple[str, str]:
    """The status and the text of a program, in which the planted secret must not be."""
    outcome = await executor.call("execute_python", json.dumps({"code": code}), timeout_seconds=seconds)
    assert SECRET not in outcome.text
    return outcome.status, outcome.text


async def zygote_pids(executor: ToolExecutor) -> set[int]:
    """The pool's zygotes once all of them are there and none serves."""
    pool = executor._pool
    assert pool is not None
    async with asyncio.timeout(60):
        while len(pool._idle) < pool._num_zygotes or any(z.process.process.poll() is not None for z in pool._idle):
            await asyncio.sleep(0.02)
    return {zygote.process.process.pid for zygote in pool.zygotes}


def descendants_of(parent: str) -> list[str]:
    """Below a zygote's first process: bwrap's own init, the zygote, the next guest's init, the guest."""
    children = children_of(parent)
    return [*children, *(below for child in children for below in descendants_of(child))]


def children_of(parent: str) -> list[str]:
    return [entry.name for entry in Path("/proc").iterdir() if _stat(entry.name)[1:2] == [parent]]


def _stat(pid: str) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def state(pid: str) -> str:
    """One letter, Z for one that waits to be reaped; empty when it is gone."""
    return (_stat(pid) or [""])[0]
