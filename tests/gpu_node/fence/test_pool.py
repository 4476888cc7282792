"""The pool of zygotes: a bounded queue, and a fresh one for each that was killed, is odd or served its share."""

import asyncio
import contextlib
import json
import os
import signal

import pytest

from gpu_node.tools.executor import ToolExecutor
from tests.gpu_node.fence.calls import children_of, descendants_of, run, state, zygote_pids

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_too_many_callers_are_told_busy(executor: ToolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpu_node.tools.fence_pool.WAITING_CALLS_MAX", 4)
    arguments = json.dumps({"code": "import time; print(1)"})
    outcomes = await asyncio.gather(*(executor.call("execute_python", arguments) for _ in range(12)))
    statuses = [outcome.status for outcome in outcomes]
    assert set(statuses) == {"ok", "busy"}
    assert statuses.count("ok") >= 4
    assert "try again" in next(outcome.text for outcome in outcomes if outcome.status == "busy")


async def test_a_zygote_killed_while_it_waits_is_replaced(executor: ToolExecutor) -> None:
    pool = executor._pool
    assert pool is not None
    before = await zygote_pids(executor)
    for zygote in pool.zygotes:
        zygote.process.process.kill()
        await asyncio.to_thread(zygote.process.process.wait)
    assert await run(executor, "print(1)", seconds=20) == ("ok", "1")
    assert not await zygote_pids(executor) & before


async def test_a_zygote_killed_under_a_call_costs_that_call_alone(executor: ToolExecutor) -> None:
    pool = executor._pool
    assert pool is not None
    await zygote_pids(executor)
    looping = asyncio.create_task(run(executor, "while True: pass", seconds=20))
    while not pool._busy:
        await asyncio.sleep(0.01)
    [victim] = pool._busy
    other = asyncio.create_task(run(executor, "import time; time.sleep(0.5); print(2)", seconds=20))
    await asyncio.sleep(0.2)
    _, zygote, *_ = descendants_of(str(victim.process.process.pid))  # bwrap's own init, then it
    os.kill(int(zygote), signal.SIGKILL)
    assert await looping == ("killed", "Error: the fence was restarted: try again")
    assert await run(executor, "print(1)", seconds=20) == ("ok", "1")
    assert await other == ("ok", "2")
    assert victim.process.process.pid not in await zygote_pids(executor)


async def test_a_guest_that_dies_while_it_waits_costs_no_call(executor: ToolExecutor) -> None:
    before = await zygote_pids(executor)
    for pid in before:
        while len(inside := descendants_of(str(pid))) < 4:  # bwrap's own init, the zygote, the guest's init, the guest
            await asyncio.sleep(0.01)
        os.kill(int(inside[2]), signal.SIGKILL)
        while state(inside[2]) not in ("", "Z"):
            await asyncio.sleep(0.01)
    for _ in before:
        assert await run(executor, "print(1)", seconds=20) == ("ok", "1")
    assert await zygote_pids(executor) == before


async def test_a_zygote_that_served_its_share_is_replaced(
    executor: ToolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await zygote_pids(executor)
    monkeypatch.setattr("gpu_node.tools.fence_pool.CALLS_MAX", 1)
    for _ in range(4):
        assert await run(executor, "print(1)", seconds=20) == ("ok", "1")
    monkeypatch.undo()
    assert not before <= await zygote_pids(executor)


async def test_a_zygote_that_says_what_nobody_asked_serves_no_more(executor: ToolExecutor) -> None:
    before = await zygote_pids(executor)
    pool = executor._pool
    assert pool is not None
    odd = pool._idle[0]
    odd.control.kept += b'{"call": 1, "exit_code": 0, "is_timeout": false}\n'
    for _ in before:
        assert await run(executor, "print(1)", seconds=20) == ("ok", "1")
    assert odd.process.process.pid not in await zygote_pids(executor)


async def test_zygotes_killed_while_nobody_calls_come_back(executor: ToolExecutor) -> None:
    before = await zygote_pids(executor)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    while (after := await zygote_pids(executor)) & before:
        await asyncio.sleep(0.01)
    assert len(after) == len(before)


async def test_a_stopped_zygote_is_ended_by_the_node(executor: ToolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpu_node.tools.fence_pool.LATE_SECONDS", 0.3)
    before = await zygote_pids(executor)
    stopped = [int(below) for pid in before for below in (str(pid), *descendants_of(str(pid)))]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    assert await run(executor, "print(1)", seconds=0.6) == ("timeout", "Error: stopped after 0.6 seconds")
    for pid in stopped:
        with contextlib.suppress(ProcessLookupError):  # of the one that was ended
            os.kill(pid, signal.SIGCONT)
    after = await zygote_pids(executor)
    [ended] = before - after
    assert not descendants_of(str(ended))


async def test_a_cancelled_call_frees_its_place(executor: ToolExecutor) -> None:
    looping = json.dumps({"code": "while True: pass"})
    tasks = [asyncio.create_task(executor.call("execute_python", looping)) for _ in range(6)]
    await asyncio.sleep(0.3)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await run(executor, "print(1)") == ("ok", "1")


async def test_many_calls_leak_neither_descriptors_nor_processes(executor: ToolExecutor) -> None:
    await zygote_pids(executor)
    for _ in range(3):
        await run(executor, "print(1)")
    await asyncio.sleep(0.5)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        assert await run(executor, "print(1)") == ("ok", "1")
    await asyncio.sleep(0.5)
    assert len(os.listdir("/proc/self/fd")) == before
    assert "Z" not in [state(child) for child in children_of(str(os.getpid()))]
