"""The tier `gvisor` is asked for, never chosen; without `runsc` it is refused with its cure, with it it holds.

Where `runsc` is not installed, what programs meet inside is not tested: the long form then only shows the refusal.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gpu_node.tools.executor import ToolExecutor
from gpu_node.tools.fence_selftest import fence_choose
from gpu_node.tools.gvisor import bundle_write, runsc_command, runsc_path
from gpu_node.tools.sandbox import fence_ways
from tests.gpu_node.abuse.suite import CASES
from tests.gpu_node.fence.calls import run

pytestmark = pytest.mark.asyncio(loop_scope="module")

# One for each thing that divides guests from what is around them; outcomes are those of the tier `landlock`.
CASES_TRIED = (
    "fork", "exec_python", "subprocess", "infinite_loop", "ignores_signals", "kill_all", "kill_parent", "bytearray",
    "memfd", "output_flood", "tcp_loopback", "unix_abstract", "odd_families", "environment", "memory_of_others",
    "writes_code", "writes_root", "inherited_descriptors", "ptrace", "unshare", "mount", "error_flood", "segfault",
)  # fmt: skip


async def test_it_is_no_way_that_is_tried_unasked() -> None:
    assert "gvisor" not in {way.tier for way in fence_ways()}


async def test_without_runsc_it_is_refused_with_its_cure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SVEND_FENCE_TIER", "gvisor")
    choice = await fence_choose(1)
    assert choice.pool is None
    assert "runsc is not installed" in choice.reason


async def test_a_bundle_shows_its_binds_and_gives_no_rights(tmp_path: Path) -> None:
    bundle_write(
        tmp_path,
        binds=[(Path("/usr/lib/x"), "/usr/lib/x")],
        links=[("/lib", "usr/lib")],
        arguments=["python"],
        environment={"HOME": "/svend/tmp"},
    )
    written = json.loads((tmp_path / "config.json").read_text())
    assert written["root"]["readonly"]
    assert written["process"]["capabilities"] == {}
    assert written["process"]["noNewPrivileges"]
    assert written["process"]["env"] == ["HOME=/svend/tmp"]
    assert [mount["destination"] for mount in written["mounts"]] == ["/usr/lib/x", "/proc", "/sys", "/tmp"]
    assert all("ro" in mount["options"] for mount in written["mounts"])
    assert (tmp_path / "rootfs/lib").readlink() == Path("usr/lib")
    assert "--network=none" in runsc_command("runsc", tmp_path)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def inside() -> AsyncIterator[ToolExecutor]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SVEND_FENCE_TIER", "gvisor")
        started = ToolExecutor(concurrent_calls_max=1)
        await started.start()
        yield started
        await started.close()


@pytest.mark.extra
@pytest.mark.timeout(600)
async def test_what_programs_meet_inside(inside: ToolExecutor) -> None:
    if runsc_path() is None:
        assert inside.fence_tier == "none"
        assert "runsc is not installed" in inside.unavailable_reason
        return
    assert inside.fence_tier == "gvisor", inside.unavailable_reason
    for name in CASES_TRIED:
        case = CASES[name]
        code = case.code.replace("PORT", "80")
        status, text = await run(inside, code, seconds=max(case.seconds, 1.0))
        assert status in case.statuses_on("gvisor"), (name, status, text)
        assert any(part in text for part in case.parts_on("gvisor")), (name, text)
        assert await run(inside, "print(1)", seconds=60) == ("ok", "1"), name
    solve = "import sympy as s, z3\nx = s.Symbol('x')\nprint(s.solve(x**2 - 4), z3.simplify(z3.IntVal(2) + 3))"
    assert await run(inside, solve, seconds=60) == ("ok", "[-2, 2] 5")
