"""The operations and forms of `symbolic_math` beyond what the shipped model learnt: by table, with their refusals."""

from typing import Any

import pytest
import sympy

from gpu_node.protocol.frames import ToolAttachment
from gpu_node.tools import attachments, maths_integral
from gpu_node.tools.attachment_check import attachments_passed
from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.symbolic_math import symbolic_math

ANSWERS: list[tuple[str, str, dict[str, Any], str]] = [
    ("dsolve", "y'' + y = 0", {"at": "y(0) = 1, y'(0) = 0"}, "y(x) = cos(x)"),
    ("dsolve", "dy/dx = x y", {}, "y(x) = C1*exp(x**2/2)"),
    ("dsolve", "y'(t) = 2y(t)", {}, "y(t) = C1*exp(2*t)"),
    ("dsolve", "d^2y/dx^2 = 2", {}, "y(x) = C1 + C2*x + x**2"),
    ("dsolve", "x' = y, y' = -x", {"at": "x(0) = 1, y(0) = 0"}, "x(t) = cos(t), y(t) = -sin(t)"),
    ("dsolve", "y' = 0.5y", {"at": "y(0) = 3"}, "y(x) = 3*exp(x/2)"),
    ("sum", "k^2", {"lower": "1", "upper": "n"}, "n*(2*n**2 + 3*n + 1)/6"),
    ("sum", "k", {"lower": "1", "upper": "100"}, "5050"),
    ("sum", "1/n^2", {"lower": "1", "upper": "oo"}, "pi**2/6 ~ 1.644934067"),
    ("sum", "1/n", {"lower": "1", "upper": "oo"}, "oo"),
    ("product", "k", {"lower": "1", "upper": "5"}, "120"),
    ("product", "k", {"lower": "1", "upper": "n"}, "factorial(n)"),
    ("number_theory", "factorint(360)", {}, "2**3*3**2*5"),
    ("number_theory", "primes(10, 30)", {}, "[11, 13, 17, 19, 23, 29]"),
    ("number_theory", "prime(100), primepi(1000)", {}, "[541, 168]"),
    ("number_theory", "modinv(3, 11), powmod(2, 100, 7)", {}, "[4, 2]"),
    ("number_theory", "crt([2, 3, 2], [3, 5, 7])", {}, "23"),
    ("number_theory", "gcdex(240, 46)", {}, "[-9, 47, 2]"),
    ("number_theory", "gcd(12, 18), lcm(4, 6)", {}, "[6, 12]"),
    ("number_theory", "continued_fraction(sqrt(7))", {}, "[2, [1, 1, 1, 4]]"),
    ("number_theory", "x = 2 mod 3, x = 3 (mod 5), x ≡ 2 mod 7", {}, "x = 23 (mod 105)"),
    ("number_theory", "2x = 4 mod 14", {}, "x = 2 (mod 7)"),
    ("number_theory", "x^2 = 4 mod 15", {}, "x = 2, 7, 8, 13 (mod 15)"),
    ("number_theory", "2x = 1 mod 4", {}, "no solution"),
    ("number_theory", "x = 2 mod 4, x = 3 mod 6", {}, "no solution"),
    ("statistics", "1, 2, 3", {}, "n = 3, sum = 6, mean = 2, median = 2, mode = none, least = 1, greatest = 3, "
     "lower quartile = 1, upper quartile = 3, variance of the sample = 1, standard deviation of the sample = 1, "
     "variance of the population = 2/3, standard deviation of the population = sqrt(6)/3 ~ 0.8164965809"),
    ("statistics", "[1, 2, 3], [2, 4, 6]", {}, "n = 3, covariance of the sample = 2, correlation = 1, slope = 2, "
     "intercept = 0"),
    ("statistics", "binomial_pmf(3, 10, 1/2)", {}, "15/128"),
    ("statistics", "normal_cdf(0)", {}, "1/2"),
    ("convert", "5 km/h to m/s", {}, "25/18 ~ 1.388888889 m/s"),
    ("convert", "3 miles in km", {}, "4.828032 km"),
    ("convert", "5 in to cm", {}, "12.7 cm"),
    ("convert", "3 kg m^2/s^2 to J", {}, "3 J"),
    ("convert", "3 kg m s^-2 to N", {}, "3 N"),
    ("convert", "100 °F", {"to": "°C"}, "340/9 ~ 37.77777778 °C"),
    ("convert", "60 miles per hour to ft/s", {}, "88 ft/s"),
    ("convert", "2 kWh to MJ", {}, "7.2 MJ"),
    ("convert", "1 GiB to MB", {}, "1073.741824 MB"),
    ("plot", "x^2 - 4", {"lower": "-5", "upper": "5"}, "plotted x**2 - 4 for x from -5 to 5: least -4 at x = 0, "
     "greatest 21 at x = -5, zero near x = -2, 2"),
    ("simplify", "1^202^x^484 + 1", {}, "2"),
    ("solve", "x^2 - 2", {"form": "numeric"}, "[-1.41421356237310, 1.41421356237310]"),
    ("integrate", "x^2", {"form": "latex"}, r"\frac{x^{3}}{3}"),
    ("differentiate", "e^(x^2)", {"steps": True}, "d/dx [exp(x**2)] = 2*x*exp(x**2): derivative of exp and chain rule\n"
     "d/dx [x**2] = 2*x: power rule\nresult: 2*x*exp(x**2)"),
    ("integrate", "x e^x", {"steps": True}, "integral of x*exp(x) dx: by parts with u = x, dv = exp(x) dx\n"
     "integral of exp(x) dx = exp(x): the exponential rule\nintegral of exp(x) dx = exp(x): the exponential rule\n"
     "result: (x - 1)*exp(x)"),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "expression", "more", "expected"), ANSWERS)
def test_further_operations(operation: Any, expression: str, more: dict[str, Any], expected: str) -> None:
    assert symbolic_math(operation, expression, **more) == expected


@pytest.mark.parametrize(
    ("operation", "expression", "more", "part"),
    [
        ("dsolve", "y = 3", {}, "needs a derivative"),
        ("dsolve", "y' = y^2 + x", {}, "no method is known"),
        ("dsolve", "y' = y", {"at": "z(0) = 1"}, "at must give conditions"),
        ("dsolve", "d^2y/dx = 1", {}, "both orders must be the same"),
        ("dsolve", "y''''' = 1", {}, "up to order 4"),
        ("dsolve", "x' = y + z, y' = z", {}, None),
        ("sum", "k", {"lower": "1"}, "give lower and upper"),
        ("product", "k", {"lower": "1", "upper": "10^7"}, "more than 100000 factors"),
        ("number_theory", "factorint(10^80 + 7)", {}, "at most 60 digits"),
        ("number_theory", "factorint(x)", {}, "whole numbers are needed"),
        ("number_theory", "modinv(2, 4)", {}, "has no inverse"),
        ("number_theory", "primes(1, 10^9)", {}, "up to 100000000"),
        ("number_theory", "crt([1], [2, 3])", {}, "as many residues as moduli"),
        ("number_theory", "x^2 = y mod 7", {}, "one unknown"),
        ("statistics", "1, x, 3", {}, "real numbers only"),
        ("statistics", "[1, 2], [1, 2, 3]", {}, "two of the same length"),
        ("statistics", "binomial_pmf(3, 10, 2)", {}, "between 0 and 1"),
        ("convert", "3 m", {"to": "s"}, "cannot be given in"),
        ("convert", "3 blorgs to m", {}, "'blorgs' is not known"),
        ("convert", "3 m", {}, "give the unit to convert to"),
        ("convert", "3 m = 2 s to m", {}, "give one quantity"),
        ("convert", "m" + "^2" * 100 + " to m", {}, "at most 200 characters"),
        ("convert", "^1re^9r^911re^9r^9r", {"to": "m"}, "a unit's power is a whole number"),
        ("matrix", "[[1]!]^-6[[1]]^-6", {}, "cannot be built"),
        ("simplify", "re(r^911)", {}, "powers of complex unknowns up to 40"),
        ("statistics", "1re^9r^911re^9r^9r", {}, "powers of complex unknowns up to 40"),
        ("convert", "5 m^2^2 to m^4", {}, "a unit's power is a whole number"),
        ("plot", "a x", {}, "a has no value"),
        ("plot", "x", {"lower": "1", "upper": "1"}, "lower must be below upper"),
        ("plot", "sqrt(-1 - x^2)", {}, "no real value"),
        ("plot", "x, x, x, x, x", {}, "at most 4 functions"),
        ("solve", "x + 1 = x", {"form": "latex"}, "has no latex form"),
        ("solve", "x = 1", {"steps": True}, "steps are known for"),
        ("integrate", "x^x", {}, "no closed form of this integral is known"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said(operation: Any, expression: str, more: dict[str, Any], part: str | None) -> None:
    if part is None:  # SymPy solves it or says no: either is a result
        assert symbolic_math(operation, expression, **more)
        return
    with pytest.raises(ToolInputError, match=part):
        symbolic_math(operation, expression, **more)


def test_an_antiderivative_that_sympy_gets_wrong_is_found_another_way() -> None:
    assert symbolic_math("integrate", "1/(x^6 + 2)").startswith("RootSum(")


def test_an_antiderivative_has_no_undefined_cases() -> None:
    x, b = sympy.symbols("x b")
    undefined = sympy.Piecewise((sympy.zoo * x, sympy.Eq(b, 1)), (x**2 / 2, True))
    assert maths_integral.tidied(undefined) == x**2 / 2
    assert maths_integral.tidied(sympy.exp_polar(x)) == sympy.exp(x)


def test_a_wrong_antiderivative_is_seen_and_a_right_one_passes() -> None:
    x, a = sympy.symbols("x a")
    assert maths_integral.is_plausible(a * x, a * x**2 / 2, x)
    assert not maths_integral.is_plausible(a * x, a * x**2, x)


def shown(operation: Any, expression: str) -> dict[str, str]:
    with attachments.collecting() as found:
        symbolic_math(operation, expression)
    checked = [ToolAttachment.model_validate(one) for one in attachments.as_json(found)]
    assert attachments_passed(checked) == tuple(checked)
    return {one.kind: one.data for one in found}


def test_a_plot_is_drawn_with_a_break_at_each_pole() -> None:
    drawing = shown("plot", "1/x")["svg"]
    assert drawing.count("<polyline") == 2
    assert "1/x" in drawing


def test_the_formula_and_the_steps_are_shown_beside_the_text() -> None:
    found = shown("differentiate", "x sin(x)")
    assert found["latex"] == r"x \cos{\left(x \right)} + \sin{\left(x \right)}"
    assert "product rule" in found["text"]
    assert shown("solve", "x + 1 = x") == {}
