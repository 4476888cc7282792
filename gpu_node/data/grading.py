"""Is an answer right? One pure function a kind of answer; lenient in spelling, strict in value.

Text is read by the tools' own grammar, never by eval. Expressions are compared by value at a few points before
anything symbolic, so that grading is bounded.
Not here: answers whose kind is not known (data/final_answer.py), judging the reasoning, partial credit.
"""

import re
from fractions import Fraction
from typing import Any

import sympy

from gpu_node.data.problem import AnswerKind
from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.maths_grammar import read

ANSWER_CHARACTERS_MAX = 2_000  # an answer above this is wrong whatever it says
RELATIVE_TOLERANCE = 1e-6
_POINTS = ("0.7371", "1.3127", "2.1543")  # where expressions are compared; transcendental ones differ somewhere
# Antiderivatives that have no elementary form are said with these.
_INTEGRAL_FUNCTIONS = {
    name: getattr(sympy, name)
    for name in "Ei li Li Ci Si Chi Shi erfi erfc fresnels fresnelc expint polylog LambertW".split()
}
_YES, _NO = {"yes", "true", "y", "right", "correct"}, {"no", "false", "n", "not", "wrong"}


def is_right(kind: AnswerKind, expected: str, given: str) -> bool:
    """True when `given` says the same as `expected`."""
    if len(given) > ANSWER_CHARACTERS_MAX:
        return False
    if _plain(expected) == _plain(given):
        return True
    match kind:
        case "number":
            return _numbers_equal(expected, given)
        case "expression":
            return _expressions_equal(expected, given)
        case "set":
            return _set_of(expected) == _set_of(given)
        case "bool":
            return _truth(expected) is not None and _truth(expected) == _truth(given)
        case "list":
            return _items(expected) == _items(given)
        case "text":
            return False


def _plain(text: str) -> str:
    return re.sub(r"[\s\"'`$]+", "", text).casefold().strip(".")


def _truth(text: str) -> bool | None:
    words = re.findall(r"[a-z]+", text.casefold())
    if words and words[0] in _YES:
        return True
    return False if words and words[0] in _NO else None


def number_of(text: str) -> Fraction | None:
    """The number that a short text says: 42, -3/4, 12.5, 1,200, x = 5, $18, 12 apples."""
    text = text.split("~")[0].split("=")[-1].strip().replace("−", "-")  # noqa: RUF001 - a real minus sign
    found = re.findall(r"-?\d[\d,]*(?:\.\d+)?(?:[eE][+-]?\d+)?(?:\s*/\s*-?\d+)?", text)
    if len(found) != 1:
        return None
    try:
        return Fraction(re.sub(r"[,\s]", "", found[0]))
    except (ValueError, ZeroDivisionError):
        return None


def _numbers_equal(expected: str, given: str) -> bool:
    first, second = number_of(expected), number_of(given)
    if first is None or second is None:
        return _expressions_equal(expected, given)
    return abs(first - second) <= abs(first) * Fraction(RELATIVE_TOLERANCE)


def _read(text: str) -> Any:
    text = re.sub(r"\s*\+\s*[Cc]$", "", text.split("~")[0].strip().rstrip("."))
    text = re.sub(r"\+\s*O\([^()]*(\*\*\d+)?\)\s*$", "", text)
    if "=" in text:
        text = text.split("=")[-1]
    try:
        parts = read(text).parts
    except (ToolInputError, RecursionError):
        return None
    return parts[0] if len(parts) == 1 and isinstance(parts[0], sympy.Expr) else None


def _expressions_equal(expected: str, given: str) -> bool:
    first, second = _read(expected), _read(given)
    if first is None or second is None:
        return False
    if first == second:
        return True
    symbols = sorted(first.free_symbols | second.free_symbols, key=str)
    if first.has(sympy.oo, sympy.zoo) or second.has(sympy.oo, sympy.zoo):
        return False
    return all(_close_at(first, second, symbols, point) for point in (_POINTS if symbols else _POINTS[:1]))


def _close_at(first: Any, second: Any, symbols: list[Any], point: str) -> bool:
    a, b = (_value_at(side, symbols, point) for side in (first, second))
    return a is not None and b is not None and abs(a - b) <= RELATIVE_TOLERANCE * max(1.0, abs(a))


def antiderivative_is_right(integrand: str, variable: str, given: str) -> bool:
    """True when the derivative of `given` by `variable` has the integrand's value at a few points; the constant, and
    how it is spelled, are free. Points where either side has no finite value say nothing; one must have.

    Raises:
        ToolInputError: the integrand itself cannot be read.
    """
    if len(given) > ANSWER_CHARACTERS_MAX:
        return False
    names = frozenset({variable})
    asked = _single(integrand, names)
    if asked is None:
        raise ToolInputError(f"no integrand: {integrand!r}")
    try:
        found = _single(re.sub(r"\s*\+\s*[Cc]$", "", given.split("=")[-1].strip().rstrip(".")), names)
        slope = None if found is None else found.diff(sympy.Symbol(variable))
    except (ToolInputError, RecursionError, TypeError, ValueError, NotImplementedError):
        return False
    if slope is None or slope.has(sympy.Derivative, sympy.Subs):
        return False
    symbols = sorted(asked.free_symbols | slope.free_symbols, key=str)
    pairs = [(_value_at(asked, symbols, point), _value_at(slope, symbols, point)) for point in _POINTS]
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    return bool(known) and all(abs(a - b) <= RELATIVE_TOLERANCE * max(1.0, abs(a)) for a, b in known)


def _single(text: str, variables: frozenset[str]) -> Any:
    parts = read(text, variables=variables, functions=_INTEGRAL_FUNCTIONS).parts
    return parts[0] if len(parts) == 1 and isinstance(parts[0], sympy.Expr) else None


def _value_at(expression: Any, symbols: list[Any], point: str) -> complex | None:
    values = {symbol: sympy.Float(point) + place for place, symbol in enumerate(symbols)}
    try:
        value = complex(expression.subs(values).evalf())
    except (TypeError, ValueError, OverflowError, ArithmeticError):
        return None
    return value if value == value and abs(value) != float("inf") else None


def _items(text: str) -> list[str]:
    """The items of a list in any dress: [1, 2], 1 2, 'pear', 'fig' and apple."""
    text = re.sub(r"[\[\](){}\"'.]", " ", text.casefold())
    return [item for item in re.split(r"[\s,;]+|\band\b", text) if item]


def _set_of(text: str) -> frozenset[str] | None:
    """Unordered values; `x = 2`, `x: 2` name a value, and a single unknown's name may be left out."""
    text = re.sub(r"[{}\[\]]", " ", text.split("~")[0]).replace(":", "=")
    pieces = [piece.strip() for piece in re.split(r",|;|\bor\b|\band\b", text) if piece.strip(" .")]
    pairs = [
        (piece.split("=")[0].strip() if "=" in piece else "", piece.split("=")[-1].strip(" .")) for piece in pieces
    ]
    is_one_unknown = len({name for name, _ in pairs}) <= 1
    return frozenset(f"{'' if is_one_unknown else name}={_canonical(value)}" for name, value in pairs)


def _canonical(value: str) -> str:
    number = number_of(value)
    if number is not None and re.fullmatch(r"[-\d./,\s]+", value):
        return str(number)
    expression = _read(value)
    return _plain(value) if expression is None else str(expression)
