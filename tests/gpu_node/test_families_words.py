"""Families about words, lists, dates, stories and logic: the call of every problem gives the answer it claims."""

import random
from functools import cache

import pytest

from gpu_node.data.families import knights
from gpu_node.data.families.registry import problem_draw
from gpu_node.data.families.vocabulary import NAMES_DISTINCT, RESERVED_PAIR, names_draw
from gpu_node.data.grading import is_right
from gpu_node.data.problem import HELD_OUT_SEED_FIRST, Problem, Split
from gpu_node.tools.registry import TOOLS

FAMILY_NAMES = (
    "sort_numbers", "sort_words", "list_statistics",
    "word_add_subtract", "word_multiply_divide", "word_two_steps", "word_money", "word_rate", "word_age",
    "word_percent_ratio",
    "count_letters", "reverse_word", "count_words",
    "days_between", "weekday", "date_shift", "leap_year", "clock_time",
    "unit_conversion", "geometry", "probability", "reasoning_gym",
    "knights_open", "knights_two", "knights_three", "ordering",
    "logic_rules", "logic_formula", "logic_entailment", "syllogism",
)  # fmt: skip
PROBLEMS_PER_FAMILY = 200
QUESTION_CHARACTERS_MAX = 420  # what fits a small model's context beside the call and its result
NEVER_TRAINED = ("1729", "4104", "13832", "derivative of x^3 + 2x")


def tool_text(problem: Problem) -> str:
    """What the problem's last call returns; every call runs."""
    texts = [TOOLS[call.name].function(**call.arguments) for call in problem.calls]
    return texts[-1]


@cache
def drawn(name: str, phrasings: Split) -> tuple[Problem, ...]:
    return tuple(problem_draw(name, seed, phrasings) for seed in range(PROBLEMS_PER_FAMILY))


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_every_call_gives_the_answer(name: str) -> None:
    half = PROBLEMS_PER_FAMILY // 2
    for problem in (*drawn(name, "train")[:half], *drawn(name, "held_out")[:half]):
        expected = problem.answer if problem.result is None else problem.result
        found = tool_text(problem)
        kind = problem.result_kind or problem.answer_kind
        assert is_right(kind, expected, found), (problem.question, problem.calls, found, expected)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_questions_are_short_and_keep_the_acceptance_questions_out(name: str) -> None:
    for question in (problem.question for problem in drawn(name, "train")):
        assert 3 < len(question) <= QUESTION_CHARACTERS_MAX, question
        assert not any(kept in question for kept in NEVER_TRAINED), question
        assert not set("{}") & set(question), question


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_seed_gives_the_same_problem_twice(name: str) -> None:
    seed = HELD_OUT_SEED_FIRST + 7
    assert problem_draw(name, seed, "held_out") == problem_draw(name, seed, "held_out")


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_held_out_phrasings_are_not_the_trained_ones(name: str) -> None:
    trained = {problem.phrasing_id for problem in drawn(name, "train")}
    held_out = {problem.phrasing_id for problem in drawn(name, "held_out")}
    assert len(trained) >= 20
    assert len(held_out) >= 5
    assert not trained & held_out


def test_alice_and_bob_never_meet_in_training() -> None:
    rng = random.Random(0)
    assert len(NAMES_DISTINCT) >= 150
    assert all(not RESERVED_PAIR.issubset(names_draw(rng, 5)) for _ in range(2_000))


@pytest.mark.parametrize("name", ["knights_two", "knights_three"])
def test_a_puzzle_of_knights_copies_its_names_and_has_one_solution(name: str) -> None:
    for problem in drawn(name, "train"):
        for part in problem.answer.replace(" and ", ", ").split(", "):
            assert f"{part.split(' is ')[0]}" in problem.question
        assert problem.result is not None
        assert problem.result.endswith("(unique)")


def test_a_claim_means_what_its_formula_says() -> None:
    for claim in knights.CLAIMS:
        slots = {"S": "S", "T": "T", "U": "U"}
        for s, t, u in ((s, t, u) for s in (True, False) for t in (True, False) for u in (True, False)):
            constraints = [
                claim.formula.format(**slots),
                *(name if value else f"not {name}" for name, value in zip("STU", (s, t, u), strict=True)),
            ]
            found = TOOLS["logic_solver"].function(constraints=constraints, task="check")
            assert (found == "satisfiable") == claim.truth(s, t, u), (claim.formula, s, t, u)
