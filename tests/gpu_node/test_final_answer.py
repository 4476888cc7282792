r"""Final answers: where they stand in a text, LaTeX read for its value, lists and intervals, antiderivatives."""

import pytest

from gpu_node.data.final_answer import boxed, final_answer, last_number, same_answer, same_value
from gpu_node.data.grading import antiderivative_is_right
from gpu_node.data.latex_answers import DEPTH_MAX, latex_plain


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("She has 3 boxes.\n#### 1,200", "1,200"),
        (r"So \boxed{\frac{1}{2}} it is, not \boxed{3}", "3"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        ("The answer is 42.", "42"),
        ("First the answer is 7. No: final answer: x = 3", "x = 3"),
        ("  12  ", "12"),
        (r"\boxed{never closed", r"\boxed{never closed"),
    ],
)
def test_the_final_answer_is_found(text: str, answer: str) -> None:
    assert final_answer(text) == answer


def test_the_last_number_and_the_last_box_count() -> None:
    assert last_number("From $1,250.50 take 3, that leaves 1,247.50 dollars") == "1247.50"
    assert last_number("none") is None
    assert boxed("no box") is None


@pytest.mark.parametrize(
    ("expected", "given"),
    [
        (r"$\frac{3 i-8}{5}$", "(3*i - 8)/5"),
        (r"$(4,2),(-1,-9)$", "(-1,-9) and (4, 2)"),
        (r"$5,-\frac{4}{3}$", "y = -4/3 or y = 5"),
        (r"$n=25$", "25"),
        (r"$7-4 n$", "-4n+7"),
        (r"\frac12", "0.5"),
        (r"$\sqrt[3]{8}$", "2"),
        (r"$x \leq 3$", r"3 \geq x"),
        (r"$\pm \sqrt{2}$", "sqrt(2), -sqrt(2)"),
        (r"$\left(-\infty, 2\right]$", "(-oo, 2]"),
        (r"$\{1, 2\}$", "2, 1"),
        ("x=1, y=2", "y = 2, x = 1"),
        ("x=1, y=2", "1, 2"),
        ("x = 3", "k = 3"),
        (r"30^{\circ}", "30"),
        (r"$2 \cdot 10^{3}$", "2000"),
        (r"\text{east}", "East"),
    ],
)
def test_the_same_in_other_words(expected: str, given: str) -> None:
    assert same_value(expected, given)


@pytest.mark.parametrize(
    ("expected", "given"),
    [
        (r"$x+1$", "x+2"),
        (r"$(2,3]$", "(2,3)"),
        (r"$(2,3)$", "(3,2)"),
        (r"$x \leq 3$", "x >= 3"),
        (r"$x < 3$", "x <= 3"),
        (r"$1, 2$", "1"),
        ("x=1, y=2", "x=2, y=1"),
        (r"$1, 1$", "1, 2"),
        ("12", ""),
        ("12", "9**9**9**9"),
        ("1", "1" * 3_000),
        (r"\text{east}", "west"),
    ],
)
def test_another_answer(expected: str, given: str) -> None:
    assert not same_value(expected, given)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("12 apples", "12"),
        ("1,200", "$1200"),
        (r"\frac12", "x = 0.5"),
        ("x=1, y=2", "y = 2, x = 1"),
        ("{x: 2, y: 1}", "y = 1, x = 2"),
        ("x = 2 or x = 3", "x = 3 or x = 2"),
        (r"$x \leq 3$", "3 >= x"),
        ("x^2/2 + C", "x**2/2"),
        ("1/2, 3", "0.5, 3"),
        ("[1, 2]", "1 2"),
        ("['fig', 'pear']", "fig and pear"),
        ("1" * 3_000, "1" * 3_000),
    ],
)
def test_a_vote_takes_these_for_one_answer(first: str, second: str) -> None:
    assert same_answer(first, second)
    assert same_answer(second, first)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("1, 2", "2, 1"),
        ("1,2", "12"),
        ("x=1, y=2", "x=7, y=2"),
        ("x=1, y=2", "x=2, y=1"),
        ("x = 2 or x = 3", "x = 5 or x = 3"),
        ("x <= 3", "x >= 3"),
        ("(2, 3]", "(2, 3)"),
        ("12", ""),
        ("1" * 3_000, "1" * 3_001),
    ],
)
def test_a_vote_tells_these_apart(first: str, second: str) -> None:
    assert not same_answer(first, second)
    assert not same_answer(second, first)


def test_latex_nested_without_end_comes_back_as_it_was() -> None:
    deep = r"\frac{" * (DEPTH_MAX + 2) + "1"
    assert latex_plain(deep) == deep
    assert latex_plain("plain text, 3") == "plain text, 3"


def test_an_antiderivative_is_right_in_any_spelling_and_with_any_constant() -> None:
    assert antiderivative_is_right("2*x*cos(x**2)", "x", "sin(x^2) + C")
    assert antiderivative_is_right("1/(x*a)", "x", "ln(x)/a + 7")
    assert antiderivative_is_right("exp(x)/x", "x", "Ei(x)")
    assert not antiderivative_is_right("2*x", "x", "x**3")
    assert not antiderivative_is_right("2*x", "x", "the integral of 2x")
    assert not antiderivative_is_right("2*x", "x", "")
