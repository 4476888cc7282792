"""Every family keeps the rules that all families share: determinism, phrasings apart, known calls."""

import json

import pytest

from gpu_node.data.families.registry import families_load, problem_draw
from gpu_node.data.problem import HELD_OUT_SEED_FIRST

TOOL_NAMES = {"execute_python", "symbolic_math", "logic_solver"}


@pytest.mark.parametrize("name", families_load())
def test_a_seed_gives_the_same_problem_again(name: str) -> None:
    assert problem_draw(name, 7) == problem_draw(name, 7)


@pytest.mark.parametrize("name", families_load())
def test_held_out_phrasings_are_apart_from_trained_ones(name: str) -> None:
    trained = {problem_draw(name, seed).phrasing_id for seed in range(60)}
    held_out = {problem_draw(name, HELD_OUT_SEED_FIRST + seed, "held_out").phrasing_id for seed in range(60)}
    assert not trained & held_out
    if families_load()[name].is_evaluated:
        assert len(trained) >= 15
        assert len(held_out) >= 5


@pytest.mark.parametrize("name", families_load())
def test_calls_name_known_tools_and_are_json(name: str) -> None:
    for seed in range(20):
        problem = problem_draw(name, seed)
        assert problem.question
        assert problem.answer
        for call in problem.calls:
            assert call.name in TOOL_NAMES
            assert json.loads(json.dumps(call.arguments)) == dict(call.arguments)
