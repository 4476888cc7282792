"""20,000 inputs for the argument decoder and both parsers: no exception but `ToolInputError`, nothing runs."""

from collections.abc import Callable

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.gpu_node.fuzz_tools import (
    FRAGMENTS,
    JSON_FRAGMENTS,
    arguments_read,
    logic_read,
    maths_read,
    sentinel_planted,
)

NUM_INPUTS = {"maths": 8_000, "logic": 5_000, "arguments": 7_000}
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


def test_the_inputs_are_as_many_as_it_says() -> None:
    assert sum(NUM_INPUTS.values()) == 20_000
