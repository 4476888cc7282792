"""In a container without options there are no namespaces: the other tiers must hold there, with all of the suite."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
SUITE_SECONDS_MAX = 1_200.0  # on a loaded machine; some 20 s on an idle one

pytestmark = [
    pytest.mark.extra,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up"),
    pytest.mark.timeout(SUITE_SECONDS_MAX),
]

CHOOSE = """
import asyncio
from gpu_node.tools.executor import ToolExecutor
async def main():
    executor = ToolExecutor(concurrent_calls_max=1)
    await executor.start()
    print(executor.fence_tier, (await executor.call("execute_python", '{"code": "print(6 * 7)"}')).text)
    await executor.close()
asyncio.run(main())
"""


def contained(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.gpu_node.abuse.default_container", sys.executable, *command],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=SUITE_SECONDS_MAX,
    )  # fmt: skip


def test_the_next_tier_is_chosen_where_namespaces_are_forbidden() -> None:
    done = contained("-c", CHOOSE)
    assert done.stdout == "landlock 42\n", done.stderr[-2000:]


@pytest.mark.parametrize("tier", ["landlock", "chroot"])
def test_the_suite_passes_in_a_default_container(tier: str) -> None:
    done = contained("-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/gpu_node/abuse/test_abuse_{tier}.py")
    assert done.returncode == 0, done.stdout[-4000:]
