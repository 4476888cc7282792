"""Memory made ready ahead: the right pages are found, and nothing in them or in an answer changes."""

import ctypes
import os
from itertools import count

import pytest

from gpu_node.tools import logic_solver
from gpu_node.tools.preload import usual_call
from gpu_node.tools.warm_memory import Stretch, huge_pages_make, make_own, written_by

PAGE = os.sysconf("SC_PAGE_SIZE")
NUM_PAGES = 64


@pytest.fixture
def memory() -> bytearray:
    return bytearray(b"x") * (NUM_PAGES * PAGE)


def pages_of(stretches: list[Stretch]) -> set[int]:
    return {page for address, size in stretches for page in range(address // PAGE, (address + size) // PAGE)}


def first_page(memory: bytearray) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory)) // PAGE + 1


def test_the_pages_that_a_call_writes_are_found(memory: bytearray) -> None:
    first = first_page(memory)

    def call() -> None:
        for number in range(0, 40, 4):
            memory[(number + 1) * PAGE] = 1

    found = pages_of(written_by(call, "/proc"))
    assert {number for number in range(NUM_PAGES - 2) if first + number in found} >= set(range(0, 40, 4))
    assert not {first + number for number in range(44, NUM_PAGES - 2)} & found
    assert set(memory) == {ord("x")}  # it was called elsewhere


def test_what_a_call_prints_is_lost_and_its_failure_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    written_by(lambda: os.write(1, b"printed"), "/proc")
    assert capfd.readouterr().out == ""
    with pytest.raises(OSError, match="usual call"):
        written_by(lambda: os._exit(3), "/proc")
    with pytest.raises(OSError, match="nowhere"):
        written_by(lambda: None, "/nowhere")


def test_memory_made_own_is_as_it_was(memory: bytearray) -> None:
    before = bytes(memory)
    make_own([Stretch(first_page(memory) * PAGE, 40 * PAGE), Stretch(PAGE, PAGE)], is_wanted=lambda: False)
    huge_pages_make("/proc")
    assert memory == before


def test_a_call_that_comes_is_not_kept_waiting() -> None:
    looks = count(1)
    stretches = [Stretch(PAGE, PAGE)] * 1_000  # nothing lies there
    make_own(stretches, is_wanted=lambda: next(looks) == 3)
    assert next(looks) == 4


def test_a_usual_call_works_here() -> None:
    usual_call()


def test_a_context_made_ahead_answers_like_one_of_the_call() -> None:
    constraints = ["Ann <-> not Bob", "Bob <-> (Ann and Bob)", "distinct(x, y, z)", "1 <= x < y < z <= 3"]
    logic_solver.context_prepare()
    texts = [logic_solver.logic_solver(constraints) for _ in range(2)]
    assert texts[0] == texts[1]
    assert not logic_solver._contexts_made
