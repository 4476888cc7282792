"""Every system call number from 0 to 469: what the filter answers is a golden file, and what the kernel answers agrees.

After a deliberate change of the filter: `python -m tests.gpu_node.abuse.test_seccomp_sweep` writes the file anew.
"""

import json
import re
import struct
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gpu_node.tools.executor import ToolExecutor
from gpu_node.tools.sandbox import fence_ways
from gpu_node.tools.seccomp import filter_compile

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOLDEN = Path(__file__).with_name("seccomp_golden.json")
NUMBERS = range(470)
ALLOWED_MAX = 140  # numbers of 470 that a guest can reach
ARCHITECTURES = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
MINUS_ONE = (1 << 64) - 1  # every argument: no call does harm with it
# They end the program or wait for ever, whatever their arguments: judged by the filter alone.
NOT_CALLED = (15, 34, 60, 231, 335, 336)  # rt_sigreturn, pause, exit, exit_group; uretprobe and uprobe: SIGILL

SWEEP = f"""import ctypes, json
libc = ctypes.CDLL(None, use_errno=True)
found = {{}}
for number in range(470):
    if number not in {NOT_CALLED}:
        ctypes.set_errno(0)
        result = libc.syscall(number, *[ctypes.c_long(-1)] * 6)
        found[number] = ctypes.get_errno() if result == -1 else 0
print(json.dumps(found))
"""


def verdict(program: bytes, number: int, architecture: int, arguments: tuple[int, ...]) -> str:
    """What a filter answers, by running its BPF: `allow`, `kill` or the error's number."""
    data = struct.pack("=IIQ6Q", number, architecture, 0, *arguments)
    code = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    accumulator = at = 0
    while True:
        operation, jump_true, jump_false, k = code[at]
        at += 1
        match operation:
            case 0x20:  # load a word
                [accumulator] = struct.unpack_from("=I", data, k)
            case 0x06:  # return
                action = k & 0xFFFF_0000
                return {0x7FFF_0000: "allow", 0x8000_0000: "kill"}.get(action) or str(k & 0xFFFF)
            case 0x15 | 0x35 | 0x45:  # jump if equal, at least, any bit
                holds = {0x15: accumulator == k, 0x35: accumulator >= k, 0x45: bool(accumulator & k)}[operation]
                at += jump_true if holds else jump_false
            case _:
                raise AssertionError(f"unknown instruction {operation:#x}")


def golden() -> dict[str, dict[str, list[int]]]:
    found: dict[str, dict[str, list[int]]] = {}
    for machine, architecture in ARCHITECTURES.items():
        for is_strict in (False, True):
            program = filter_compile(machine, is_strict=is_strict)
            answers = {n: verdict(program, n, architecture, (MINUS_ONE,) * 6) for n in NUMBERS}
            name = f"{machine}, {'without' if is_strict else 'with'} namespaces"
            found[name] = {
                "allowed": [n for n, answer in answers.items() if answer == "allow"],
                "not implemented": [n for n, answer in answers.items() if answer == "38"],
            }
            assert set(answers.values()) == {"allow", "38", "1"}
    return found


def _written(found: dict[str, dict[str, list[int]]]) -> str:
    """One line a list, so that a change is seen in a diff."""
    text = json.dumps(found, indent=1)
    return re.sub(r"\[[^\]]*\]", lambda match: " ".join(match[0].split()), text) + "\n"


async def test_the_filter_allows_what_the_golden_file_says() -> None:
    assert golden() == json.loads(GOLDEN.read_text())


async def test_few_calls_are_allowed() -> None:
    assert all(len(answers["allowed"]) <= ALLOWED_MAX for answers in golden().values())


async def test_other_architectures_and_numberings_are_refused() -> None:
    program = filter_compile("x86_64")
    assert verdict(program, 1, ARCHITECTURES["aarch64"], (0,) * 6) == "kill"
    assert verdict(program, 1, 0x4000_0003, (0,) * 6) == "kill"  # i386
    assert {verdict(program, 0x4000_0000 | n, ARCHITECTURES["x86_64"], (0,) * 6) for n in NUMBERS} == {"1"}


async def test_arguments_decide_where_they_must() -> None:
    program, x86 = filter_compile("x86_64"), ARCHITECTURES["x86_64"]
    thread = 0x3D0F00  # what pthread_create asks of clone
    assert verdict(program, 56, x86, (thread, 0, 0, 0, 0, 0)) == "allow"
    for namespace in (0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert verdict(program, 56, x86, (thread | namespace, 0, 0, 0, 0, 0)) == "1"
    assert verdict(program, 56, x86, (17, 0, 0, 0, 0, 0)) == "1"
    assert [verdict(program, 53, x86, (family, 1, 0, 0, 0, 0)) for family in (1, 2, 16)] == ["allow", "1", "1"]
    assert [verdict(program, 53, x86, (1, kind, 0, 0, 0, 0)) for kind in (0o2000001, 2, 5)] == ["allow", "1", "1"]
    assert [verdict(program, 44, x86, (3, 1, 1, 0, address, 9)) for address in (0, 1, 1 << 32)] == ["allow", "1", "1"]
    assert verdict(program, 302, x86, (0, 7, 0, 1 << 40, 0, 0)) == "allow"  # reads a limit
    for new_limits in (1, 1 << 32, MINUS_ONE):
        assert verdict(program, 302, x86, (0, 7, new_limits, 0, 0, 0)) == "1"
    assert [verdict(program, 16, x86, (0, request, 0, 0, 0, 0)) for request in (0x5401, 0x5412)] == ["allow", "1"]


@pytest_asyncio.fixture(
    loop_scope="module", scope="module", params=list(dict.fromkeys(way.tier for way in fence_ways()))
)
async def executor(request: pytest.FixtureRequest) -> AsyncIterator[ToolExecutor]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SVEND_FENCE_TIER", request.param)
        started = ToolExecutor(concurrent_calls_max=1)
        await started.start()
        assert started.fence_tier == request.param, started.unavailable_reason
        yield started
        await started.close()


async def test_the_kernel_answers_as_the_filter_says(executor: ToolExecutor) -> None:
    outcome = await executor.call("execute_python", json.dumps({"code": SWEEP}), timeout_seconds=60)
    assert outcome.status == "ok", outcome
    found = {int(number): error for number, error in json.loads(outcome.text).items()}
    is_strict = executor.fence_tier != "namespaces"
    program = filter_compile(is_strict=is_strict)
    answers = {n: verdict(program, n, ARCHITECTURES["x86_64"], (MINUS_ONE,) * 6) for n in found}
    for number, answer in answers.items():
        if answer != "allow":
            assert found[number] == int(answer), number
    # Nor is an allowed one refused: the filter that runs is the one above.
    futex = 202  # says itself that it does not know operation -1
    assert not [n for n, answer in answers.items() if answer == "allow" and found[n] in (1, 38) and n != futex]


if __name__ == "__main__":
    GOLDEN.write_text(_written(golden()))
    sys.stdout.write(f"wrote {GOLDEN.name}\n")
