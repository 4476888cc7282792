"""20,000 inputs for the argument decoder and every parser: no exception but `ToolInputError`, nothing runs."""

from collections.abc import Callable

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.gpu_node.fuzz_tools import (
    EQUATION_FRAGMENTS,
    FRAGMENTS,
    JSON_FRAGMENTS,
    SCRIPT_FRAGMENTS,
    UNIT_FRAGMENTS,
    arguments_read,
    equations_read,
    logic_read,
    maths_read,
    script_read,
    sentinel_planted,
    units_read,
)

NUM_INPUTS = {
    "maths": 7_200, "logic": 4_700, "arguments": 6_300, "equations": 500, "units": 500, "scripts": 800,
}  # fmt: skip
PIECES_MAX = 10


def _texts(fragments: tuple[str, ...]) -> st.SearchStrategy[str]:
    joined = st.lists(st.sampled_from(fragments), max_size=PIECES_MAX).map("".join)
    return st.one_of(joined, joined, st.text(max_size=40))


def _thrown(target: Callable[[str], None], fragments: tuple[str, ...], num_inputs: int) -> None:
    @settings(
        max_examples=num_inputs,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(_texts(fragments))
    def throw(text: str) -> None:
        target(text)

    with sentinel_planted() as ran:
        throw()
    assert not ran


@pytest.mark.timeout(900)
def test_the_parser_of_mathematics_raises_nothing_but_its_own_error() -> None:
    _thrown(maths_read, FRAGMENTS, NUM_INPUTS["maths"])


@pytest.mark.timeout(900)
def test_the_parser_of_logic_raises_nothing_but_its_own_error() -> None:
    _thrown(logic_read, FRAGMENTS, NUM_INPUTS["logic"])


@pytest.mark.timeout(900)
def test_the_decoder_of_arguments_raises_nothing_but_its_own_error() -> None:
    _thrown(arguments_read, JSON_FRAGMENTS, NUM_INPUTS["arguments"])


@pytest.mark.timeout(900)
def test_the_parser_of_differential_equations_raises_nothing_but_its_own_error() -> None:
    _thrown(equations_read, EQUATION_FRAGMENTS, NUM_INPUTS["equations"])


@pytest.mark.timeout(900)
def test_the_parser_of_units_and_lists_raises_nothing_but_its_own_error() -> None:
    _thrown(units_read, UNIT_FRAGMENTS, NUM_INPUTS["units"])


@pytest.mark.timeout(900)
def test_the_check_of_scripts_raises_nothing_but_its_own_error() -> None:
    _thrown(script_read, SCRIPT_FRAGMENTS, NUM_INPUTS["scripts"])


def test_the_inputs_are_as_many_as_it_says() -> None:
    assert sum(NUM_INPUTS.values()) == 20_000
