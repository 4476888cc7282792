"""How a fence starts and ends: the tier is chosen by trying, nothing of the node goes along, nothing is left behind."""

import asyncio
import os
import sys
import threading
import time
from pathlib import Path

import pytest

from gpu_node.tools.executor import ToolExecutor
from gpu_node.tools.fence_selftest import FenceChoice, fence_choose
from gpu_node.tools.sandbox import FenceWay, ZygoteProcess, fence_ways, zygote_start
from tests.gpu_node.fence.calls import CHECKOUT, descendants_of, state

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_bwrap_is_started_with_an_empty_environment() -> None:
    started: list[ZygoteProcess] = []
    done = threading.Event()

    def hold() -> None:  # bwrap dies with the thread that started it
        started.append(zygote_start(fence_ways()[0], 0))
        done.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    while not started:
        await asyncio.sleep(0.01)
    zygote = started[0]
    try:
        environment = await asyncio.to_thread(Path(f"/proc/{zygote.process.pid}/environ").read_bytes)
        assert environment == b""
    finally:
        zygote.close()
        zygote.process.wait()
        done.set()
        thread.join()


@pytest.mark.parametrize("delay_seconds", [0.0, 0.002, 0.005, 0.01, 0.02])
async def test_a_zygote_killed_while_it_starts_leaves_nothing(delay_seconds: float) -> None:
    zygote = zygote_start(fence_ways()[0], 0)
    await asyncio.sleep(delay_seconds)
    marker = os.readlink(f"/proc/self/fd/{zygote.diagnostics_fd}")
    zygote.close()
    zygote.process.wait()
    deadline = time.monotonic() + 10
    while left := [pid for pid in os.listdir("/proc") if marker in _open_files(pid)]:
        assert time.monotonic() < deadline, left
        await asyncio.sleep(0.05)


def _open_files(pid: str) -> list[str]:
    try:
        return [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return []


@pytest.mark.parametrize("way", fence_ways(), ids=str)
async def test_each_way_to_fence_holds(way: FenceWay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpu_node.tools.fence_selftest.fence_ways", lambda: (way,))
    choice = await fence_choose(1)
    assert choice.pool is not None, choice.reason
    assert choice.pool.way == way
    said = [bytes(zygote.diagnostics.kept) for zygote in choice.pool.zygotes]
    assert said == [b""] * len(said)  # nothing that makes calls fast is missing either
    await choice.pool.close()


async def test_where_a_way_fails_the_next_is_taken(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_mount(identity: str) -> list[str]:
        return ["/bin/false"]

    monkeypatch.setattr("gpu_node.tools.sandbox.bwrap_command", no_mount)
    choice = await fence_choose(1)
    assert choice.pool is not None
    assert choice.pool.way.tier == "landlock"
    assert "does not hold by namespaces" in caplog.text
    await choice.pool.close()


async def test_a_tier_can_be_demanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVEND_FENCE_TIER", "none")
    assert (await fence_choose(1)).pool is None
    monkeypatch.setenv("SVEND_FENCE_TIER", "chrooot")
    with pytest.raises(ValueError, match="chrooot"):
        await fence_choose(1)


NODE = """
import asyncio, json
from gpu_node.tools.executor import ToolExecutor

async def main():
    executor = ToolExecutor()
    await executor.start()
    code = json.dumps({"code": "while True: pass"})
    call = asyncio.create_task(executor.call("execute_python", code, timeout_seconds=60))
    await asyncio.sleep(0.5)
    while len(executor._pool.zygotes) < executor._pool._num_zygotes:
        await asyncio.sleep(0.05)
    print(*(zygote.process.process.pid for zygote in executor._pool.zygotes), flush=True)
    await call

asyncio.run(main())
"""


@pytest.mark.parametrize("tier", sorted({way.tier for way in fence_ways()}))
async def test_a_killed_node_leaves_no_guest(tier: str) -> None:
    node = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        NODE,
        cwd=CHECKOUT,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "SVEND_FENCE_TIER": tier},
    )
    assert node.stdout is not None
    try:
        async with asyncio.timeout(100):
            zygotes = set((await node.stdout.readline()).decode().split())
        inside = {child for zygote in zygotes for child in descendants_of(zygote)}
    finally:
        node.kill()
        await node.wait()
    assert len(zygotes) >= 2  # the one under a call, and those that wait
    assert inside
    for _ in range(100):
        left = {pid for pid in zygotes | inside if state(pid) not in ("", "Z")}
        if not left:
            break
        await asyncio.sleep(0.05)
    assert not left


async def test_without_a_fence_nothing_runs() -> None:
    async def nothing_holds(_: int) -> FenceChoice:
        return FenceChoice(pool=None, reason="no namespaces here")

    executor = ToolExecutor(choose_fence=nothing_holds)
    await executor.start()
    assert executor.fence_tier == "none"
    assert "no namespaces here" in executor.unavailable_reason
    outcome = await executor.call("execute_python", '{"code": "print(1)"}')
    assert outcome.status == "unavailable"
    assert "unavailable on this node" in outcome.text
    await executor.close()
