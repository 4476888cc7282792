"""The suite of abuse: named programs that try to get out of the fence, take the machine down or hide, on every tier.

Each case names its outcome. After each the fence answers `print(1)`, no planted secret has appeared and no process of
the call is left, and the zygotes are the same ones; after all of them no planted service has seen a connection.
A test file for each tier sets `TIER` and takes the tests from here.
"""

import asyncio
import contextlib
import json
import os
import socket
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from gpu_node.tools.executor import ToolExecutor
from tests.gpu_node.abuse.case import Case
from tests.gpu_node.abuse.cases_files import FILES, NETWORK
from tests.gpu_node.abuse.cases_kernel import KERNEL, LANGUAGE
from tests.gpu_node.abuse.cases_memory import MEMORY_AND_OUTPUT
from tests.gpu_node.abuse.cases_processes import PROCESSES

SECRET = "sk-svend-planted-77c1e0"
CHECKOUT = Path(__file__).resolve().parents[3]
CASES: dict[str, Case] = {**PROCESSES, **MEMORY_AND_OUTPUT, **NETWORK, **FILES, **KERNEL, **LANGUAGE}
NUM_OF_GUEST = {"namespaces": 2, "landlock": 1, "chroot": 1}  # its init's process and its own
NEXT_MS_MAX, NEXT_TRIES = 100, 20  # of the call after a case
NEXT_MS: list[float] = []  # how long it took at the first try
LEFT_SECONDS_MAX = 10.0  # for a killed call's processes to be reaped on a loaded machine


@dataclass
class Planted:
    """What a guest must not find: a file, services that listen, a secret in the node's environment and memory."""

    file: Path
    port: int
    services: list[socket.socket] = field(default_factory=list)

    def num_connections(self) -> int:
        num = 0
        for service in self.services:
            with contextlib.suppress(BlockingIOError):
                if service.type == socket.SOCK_DGRAM:
                    service.recvfrom(100)
                else:
                    service.accept()
                num += 1
        return num

    def fill(self, code: str) -> str:
        for name, value in {
            "PORT": self.port, "PLANTED": self.file, "NODE_PID": os.getpid(), "CHECKOUT": CHECKOUT,
        }.items():  # fmt: skip
            code = code.replace(name, str(value))
        return code


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    file = tmp_path_factory.mktemp("planted") / "secret"
    file.write_text(SECRET)
    file.chmod(0o644)
    tcp = socket.create_server(("127.0.0.1", 0))
    port = tcp.getsockname()[1]
    services = [tcp]
    for kind, address in ((socket.SOCK_STREAM, f"\0svend-{port}"), (socket.SOCK_DGRAM, f"\0svend-{port}-d"),
                          (socket.SOCK_STREAM, f"{file}.socket")):  # fmt: skip
        service = socket.socket(socket.AF_UNIX, kind)
        service.bind(address)
        if kind == socket.SOCK_STREAM:
            service.listen()
        services.append(service)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", port))
    services.append(udp)
    with contextlib.suppress(OSError):  # no IPv6 here
        services.append(socket.create_server(("::1", port), family=socket.AF_INET6))
    for service in services:
        service.setblocking(False)
    yield Planted(file=file, port=port, services=services)
    for service in services:
        service.close()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def executor(request: pytest.FixtureRequest, planted: Planted) -> AsyncIterator[ToolExecutor]:
    os.environ["SVEND_PLANTED_SECRET"] = SECRET
    os.environ["SVEND_FENCE_TIER"] = request.module.TIER
    started = ToolExecutor(concurrent_calls_max=1)
    await started.start()
    assert started.fence_tier == request.module.TIER, started.unavailable_reason
    pool = started._pool
    assert pool is not None
    while pool._starting:
        await asyncio.sleep(0.02)
    yield started
    await started.close()
    del os.environ["SVEND_PLANTED_SECRET"], os.environ["SVEND_FENCE_TIER"]
    assert planted.num_connections() == 0


def _zygote_pids(executor: ToolExecutor) -> set[int]:
    assert executor._pool is not None
    return {zygote.process.process.pid for zygote in executor._pool.zygotes}


def _processes(executor: ToolExecutor) -> tuple[int, set[int]]:
    """(zygotes, the processes below them)."""
    parents: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            pid = int(name)
            parents.setdefault(int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]), []).append(pid)
    pool = executor._pool
    assert pool is not None
    found: set[int] = set()
    waiting = [zygote.process.process.pid for zygote in pool.zygotes]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found.update(children)
        waiting += children
    return len(pool.zygotes), found


async def _settled(executor: ToolExecutor, before: frozenset[int] = frozenset(), num_gone: int = 0) -> frozenset[int]:
    """The processes below the zygotes once no call's are left: what each needs, and its guest of the next call.

    `num_gone` of `before` must have ended until then: a guest that served looks like one that waits.
    """
    # Below bwrap's first process: its second, the zygote, the next guest's init and the guest.
    below = 4 if executor.fence_tier == "namespaces" else 1
    async with asyncio.timeout(LEFT_SECONDS_MAX):
        while True:
            num_zygotes, found = _processes(executor)
            if num_zygotes == 2 and len(found) == below * num_zygotes and len(before - found) == num_gone:
                return frozenset(found)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("name", CASES)
async def test_abuse(executor: ToolExecutor, planted: Planted, name: str) -> None:
    case, tier = CASES[name], executor.fence_tier
    arguments = json.dumps({"code": planted.fill(case.code)})
    zygotes, before = _zygote_pids(executor), await _settled(executor)
    outcome = await executor.call("execute_python", arguments, timeout_seconds=case.seconds)
    assert outcome.status in case.statuses_on(tier), outcome
    assert any(part in outcome.text for part in case.parts_on(tier)), outcome
    assert not any(part in outcome.text for part in (SECRET, *case.leaves)), outcome
    assert len(outcome.text.encode()) <= 16_384
    outcome.text.encode()
    await _answers_at_once(executor)
    await _settled(executor, before, 2 * NUM_OF_GUEST[tier])  # the guest of the case, and the one after it
    assert _zygote_pids(executor) == zygotes
    assert planted.num_connections() == 0


async def _answers_at_once(executor: ToolExecutor) -> None:
    for attempt in range(NEXT_TRIES):  # other processes may have the cores meanwhile
        started = time.monotonic()
        outcome = await executor.call("execute_python", '{"code": "print(1)"}', timeout_seconds=60)
        next_ms = 1000 * (time.monotonic() - started)
        assert (outcome.status, outcome.text) == ("ok", "1")
        if attempt == 0:
            NEXT_MS.append(next_ms)
        if next_ms <= NEXT_MS_MAX:
            return
    raise AssertionError(f"print(1) took {next_ms:.0f} ms")


async def test_the_call_after_a_case_answers_at_once() -> None:
    assert len(NEXT_MS) >= 120
    assert statistics.median(NEXT_MS) <= NEXT_MS_MAX


async def test_the_suite_is_as_large_as_it_says() -> None:
    groups = (PROCESSES, MEMORY_AND_OUTPUT, NETWORK, FILES, KERNEL, LANGUAGE)
    assert len(CASES) == sum(map(len, groups))  # no name stands twice
    assert len(CASES) >= 120


BOMBS = ("infinite_loop", "fork_bomb", "list", "output_flood", "segfault", "kill_all", "descriptors", "exit_forged")


async def test_bombs_at_once_then_good_calls(executor: ToolExecutor) -> None:
    bombs = [executor.call("execute_python", json.dumps({"code": CASES[n].code}), timeout_seconds=2) for n in BOMBS]
    outcomes = await asyncio.gather(*bombs)
    assert {outcome.status for outcome in outcomes} >= {"timeout", "error", "killed"}
    for number in range(30):
        good = await executor.call("execute_python", json.dumps({"code": f"print({number})"}), timeout_seconds=60)
        assert (good.status, good.text) == ("ok", str(number))
    await _settled(executor)


async def test_neither_call_leaves_something_for_the_next(executor: ToolExecutor) -> None:
    write = "import builtins, random, numpy\nbuiltins.left = 1\ntry: open('/tmp/left', 'w')\nexcept OSError: pass\n"
    draw = "print(random.random(), numpy.random.rand())"
    first = await executor.call("execute_python", json.dumps({"code": write + draw}), timeout_seconds=60)
    read = (
        "import builtins, os, random, numpy\nassert not hasattr(builtins, 'left') and not os.path.exists('/tmp/left')\n"
    )
    second = await executor.call("execute_python", json.dumps({"code": read + draw}), timeout_seconds=60)
    assert (first.status, second.status) == ("ok", "ok"), second
    assert not set(first.text.split()) & set(second.text.split())  # random numbers are drawn anew


async def test_the_tools_work_here(executor: ToolExecutor) -> None:
    calls = [
        ("symbolic_math", {"operation": "integrate", "expression": "x^2 sin(x)"}, "cos(x)"),
        ("symbolic_math", {"operation": "solve", "expression": "x + y = 3, x - y = 1"}, "{x: 2, y: 1}"),
        ("symbolic_math", {"operation": "series", "expression": "exp(x)"}, "x**5/120"),
        ("symbolic_math", {"operation": "matrix", "expression": "det [[1,2],[3,4]]"}, "-2"),
        ("logic_solver", {"constraints": ["Ann <-> not Bob", "Bob <-> (Ann and Bob)"]}, "Ann = true, Bob = false"),
        ("logic_solver", {"constraints": ["p -> q", "p"], "task": "prove", "goal": "q"}, "roved"),
        ("execute_python", {"code": "from fractions import Fraction as F\nF(1, 3) + F(1, 6)"}, "Fraction(1, 2)"),
        ("execute_python", {"code": "import numpy as np\nprint(np.linalg.det(np.eye(3)))"}, "1.0"),
        ("execute_python", {"code": "import sympy as s\nx = s.Symbol('x')\nprint(s.solve(x**2 - 4))"}, "[-2, 2]"),
        ("execute_python", {"code": "import z3\nz3.solve(z3.Int('y') > 3, z3.Int('y') < 5)"}, "[y = 4]"),
        ("execute_python", {"code": "import torch"}, "ModuleNotFoundError: No module named 'torch'"),
    ]  # fmt: skip
    for name, arguments, part in calls:
        outcome = await executor.call(name, json.dumps(arguments), timeout_seconds=60)
        assert part in outcome.text, outcome
