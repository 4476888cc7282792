"""Training rows: deterministic, right by execution, short, and without the questions the finished model is asked."""

import json
import random
import re
import statistics
from functools import cache
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from gpu_node.data import synthetic
from gpu_node.data.chat_format import special_ids
from gpu_node.data.families.registry import families_load, problem_draw
from gpu_node.data.problem import HELD_OUT_SEED_FIRST
from gpu_node.data.tokenizer import VOCAB_SIZE, tokenizer_train


@cache
def tokenizer() -> Tokenizer:
    return tokenizer_train(synthetic.tokenizer_texts(6_000))


@pytest.mark.parametrize("name", families_load())
def test_calls_really_give_the_known_answer(name: str) -> None:
    solved = [synthetic.solve(problem_draw(name, seed)) for seed in range(12)]
    assert sum(s is not None for s in solved) >= 10
    held_out = [synthetic.solve(problem_draw(name, HELD_OUT_SEED_FIRST + seed, "held_out")) for seed in range(6)]
    assert sum(s is not None for s in held_out) >= 5


def test_rows_are_the_same_again_and_short() -> None:
    rows = list(synthetic.examples(tokenizer(), seed_start=0, count=400))
    assert rows == list(synthetic.examples(tokenizer(), seed_start=0, count=400))
    assert len(rows) >= 380
    assert statistics.median(len(row.ids) for row in rows) <= 110
    assert all(len(row.ids) == len(row.weights) for row in rows)


def test_tool_results_and_faulty_calls_carry_no_loss() -> None:
    ids = special_ids(tokenizer())
    num_repairs = 0
    for row in synthetic.examples(tokenizer(), seed_start=0, count=600):
        places = [i for i, token in enumerate(row.ids) if token == ids.tool_call]
        num_repairs += any(row.weights[i] == 0 for i in places)
        inside = False
        for token, weight in zip(row.ids, row.weights, strict=True):
            inside = inside or token == ids.tool_result
            assert not (inside and weight)
            inside = inside and token != ids.tool_result_end
    assert 10 <= num_repairs <= 60


@pytest.mark.parametrize(
    "question",
    [
        "What is the derivative of x^3 + 2x?",
        "differentiate x**3+2*x please",
        "d/dx of x³ + 2x",
        "Is the number 1729 a sum of two cubes in two different ways?",
        "is 4104 the sum of two cubes",
        "Can 13832 be written as a sum of two cubes in two ways?",
    ],
)
def test_acceptance_questions_are_recognised(question: str) -> None:
    assert synthetic.is_forbidden(question)


def test_ordinary_questions_are_not_refused() -> None:
    for question in ("Differentiate x^3 + 2x^2.", "What is 1729 + 4?", "derivative of x^3 + 20x"):
        assert not synthetic.is_forbidden(question)


def test_acceptance_questions_are_absent_from_training_text() -> None:
    for seed in range(3_000):
        problem = problem_draw(random.Random(seed).choice(("derivative", "sum_of_powers", "which_powers")), seed)
        if synthetic.is_forbidden(problem.question):
            assert synthetic.row_of(tokenizer(), problem, random.Random(seed)) is None


def test_tokenizer_has_its_size_and_is_deterministic() -> None:
    assert tokenizer().get_vocab_size() == VOCAB_SIZE
    again = tokenizer_train(synthetic.tokenizer_texts(6_000))
    assert again.to_str() == tokenizer().to_str()


def test_newcomers_questions_are_absent_from_training_text() -> None:
    files = sorted(Path(__file__).parent.glob("newcomer_*.jsonl"))
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    asked = {_normalised(json.loads(line)["question"]) for line in lines}
    names = list(families_load())
    drawn = (problem_draw(names[seed % len(names)], seed).question for seed in range(8_000))
    assert not [q for q in drawn if _normalised(q) in asked and not synthetic.is_forbidden(q)]


def _normalised(question: str) -> str:
    return re.sub(r"\W+", "", question.casefold())
