"""Graders: lenient in spelling, strict in value, never raising on what a model wrote."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_node.data.grading import is_right


@pytest.mark.parametrize(
    ("kind", "expected", "answer"),
    [
        ("number", "1200", "1,200"),
        ("number", "7/2", "3.5"),
        ("number", "5", "x = 5"),
        ("number", "18", "$18"),
        ("expression", "3*x**2 + 2", "2 + 3x^2"),
        ("expression", "sqrt(2)/2", "1/sqrt(2)"),
        ("expression", "x**2/2", "x^2/2 + C"),
        ("expression", "oo", "oo"),
        ("set", "x = -2 or x = 2", "[2, -2]"),
        ("set", "{x: 2, y: 1}", "y = 1, x = 2"),
        ("bool", "yes", "True"),
        ("list", "[1, 2, 5]", "1, 2, 5"),
        ("list", "fig pear", "['fig', 'pear']"),
        ("text", "Monday", "monday."),
    ],
)
def test_right_answers_in_other_spellings(kind: str, expected: str, answer: str) -> None:
    assert is_right(kind, expected, answer)


@pytest.mark.parametrize(
    ("kind", "expected", "answer"),
    [
        ("number", "1200", "1201"),
        ("number", "5", "5 or 6"),
        ("expression", "3*x**2 + 2", "3*x**2 + 1"),
        ("expression", "x", "y"),
        ("set", "x = -2 or x = 2", "x = 2"),
        ("set", "{x: 2, y: 1}", "{x: 1, y: 2}"),
        ("bool", "yes", "no"),
        ("bool", "yes", "yellow"),
        ("list", "[1, 2, 5]", "[2, 1, 5]"),
        ("text", "Monday", "Tuesday"),
    ],
)
def test_wrong_answers(kind: str, expected: str, answer: str) -> None:
    assert not is_right(kind, expected, answer)


@given(st.sampled_from(["number", "expression", "set", "bool", "list", "text"]), st.text(max_size=30))
@settings(max_examples=200, deadline=None)
def test_no_answer_raises(kind: str, answer: str) -> None:
    is_right(kind, "3*x + 1", answer)
