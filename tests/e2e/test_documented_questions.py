"""The questions a newcomer is shown, and variants of each, through the public API and the shipped model.

None of them is in the training text (tests/gpu_node holds that); each must call the right tool and be right.
"""

import pytest

from tests.e2e.product import Product

pytestmark = [pytest.mark.e2e, pytest.mark.model]

DERIVATIVES = [
    ("What is the derivative of x^3 + 2x?", "3*x**2 + 2"),
    ("What is the derivative of x^4 - 3x^2?", "4*x**3 - 6*x"),
    ("Differentiate 5x^2 + 7x - 1", "10*x + 7"),
    ("What is the derivative of sin(x)?", "cos(x)"),
    ("Find the derivative of x^5 + x", "5*x**4 + 1"),
]
SUMS_OF_CUBES = [
    ("Is the number 1729 a sum of two cubes in two different ways?", "yes"),
    ("Is the number 4104 a sum of two cubes in two different ways?", "yes"),
    ("Is the number 13832 a sum of two cubes in two different ways?", "yes"),
    ("Is the number 1730 a sum of two cubes in two different ways?", "no"),
    ("Is the number 4105 a sum of two cubes in two different ways?", "no"),
    ("Is the number 2000 a sum of two cubes in two different ways?", "no"),
    ("Is 1729 a sum of two cubes in two ways?", "yes"),
    ("Is 20683 a sum of two cubes in two different ways?", "yes"),
]
KNIGHTS, LIARS = ("knight", "knave"), ("truth-teller", "liar")
PUZZLES = [
    ("Ann says Bob is a knave. Bob says both of us are knights. Who is a knight and who is a knave?", KNIGHTS, {"Ann": True, "Bob": False}),
    ("Max says that Eva is a knave. Eva says that Max and she are both knaves. Who is what?", KNIGHTS, {"Max": True, "Eva": False}),
    ("On an island of knights and knaves, Leo says Mia is a knight. Mia says Leo and she are of different kinds. Who is what?", KNIGHTS, {"Leo": False, "Mia": False}),
    ("Sam says Joe is a knave. Joe says Sam is a knave and Lea is a knight. Lea says Joe is a knave. Who is a knight and who is a knave?", KNIGHTS, {"Sam": True, "Joe": False, "Lea": True}),
    ("You meet two people, Rex and Ida. Rex says: we are both knaves. Who is a knight and who is a knave?", KNIGHTS, {"Rex": False, "Ida": True}),
    ("There are two people, Nora and Theo. Nora says at least one of us is a knave. What are they?", KNIGHTS, {"Nora": True, "Theo": False}),
    ("Each person is a knight or a knave. Hal says Jan is a knave. Jan says neither of us is a knave. Who is the knave?", KNIGHTS, {"Hal": True, "Jan": False}),
    ("Gus says Pat is a liar. Pat says Gus and I are both truth-tellers. Who is the liar?", LIARS, {"Gus": True, "Pat": False}),
    ("Ben says Zoe is a knave. Zoe says Tom is a knave. Tom says Ben and Zoe are both knaves. Who is a knight?", KNIGHTS, {"Ben": False, "Zoe": True, "Tom": False}),
]  # fmt: skip


def _tools(run: dict) -> list[str]:
    return [call["name"] for call in run["tool_calls"]]


def _compact(text: str) -> str:
    return text.replace(" ", "").replace("**", "^").replace("*", "").lower()


@pytest.mark.parametrize(("question", "derivative"), DERIVATIVES)
def test_derivatives_come_from_sympy(product: Product, question: str, derivative: str) -> None:
    run = product.ask(question, verify=False)
    assert _tools(run) == ["symbolic_math"], run
    assert _compact(derivative) in _compact(run["answer"])


@pytest.mark.parametrize(("question", "expected"), SUMS_OF_CUBES)
def test_sums_of_cubes_come_from_python(product: Product, question: str, expected: str) -> None:
    run = product.ask(question, verify=False)
    assert _tools(run) == ["execute_python"], run
    assert run["answer"].lower().lstrip().startswith(expected)


@pytest.mark.parametrize(("question", "kinds", "knights"), PUZZLES)
def test_puzzles_come_from_z3(
    product: Product, question: str, kinds: tuple[str, str], knights: dict[str, bool]
) -> None:
    run = product.ask(question, verify=False)
    assert set(_tools(run)) == {"logic_solver"}, run
    for name, is_knight in knights.items():
        assert f"{name} is a {kinds[0] if is_knight else kinds[1]}" in run["answer"], run
