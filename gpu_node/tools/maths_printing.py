"""How `symbolic_math` writes a value: SymPy's own notation, terminating decimals where the question had some.

One short canonical text, the same on every call: the shipped model learnt to read exactly this. LaTeX is in
`maths_forms`.
"""

import re
from typing import Any

import sympy
from sympy.printing.str import StrPrinter

from gpu_node.tools.errors import ToolInputError

RESULT_DIGITS_MAX = 4_000  # of a number that is shown; Python itself refuses 4,300
RESULT_CHARACTERS_MAX = 8_000  # what no model context could use anyway
DECIMAL_PLACES_MAX = 12  # a terminating decimal with more places is shown as a fraction
APPROXIMATE_DIGITS = 10  # significant digits behind "~"


class _Printer(StrPrinter):  # type: ignore[misc]
    """SymPy's own notation; a text with decimals in it gets terminating fractions back as decimals."""

    has_decimals = False

    def _print_Rational(self, value: Any) -> str:
        decimal = _terminating_decimal(value) if self.has_decimals else None
        return decimal if decimal is not None else str(super()._print_Rational(value))

    def _print_MatrixBase(self, matrix: Any) -> str:
        rows = ", ".join("[" + ", ".join(self._print(value) for value in row) + "]" for row in matrix.tolist())
        return f"[{rows}]"

    _print_ImmutableDenseMatrix = _print_MatrixBase


def _terminating_decimal(value: Any) -> str | None:
    denominator, places = int(value.q), 0
    while denominator % 10 == 0:
        denominator, places = denominator // 10, places + 1
    for prime in (2, 5):
        while denominator % prime == 0:
            denominator, places = denominator // prime, places + 1
    if denominator != 1 or not 0 < places <= DECIMAL_PLACES_MAX:
        return None
    scaled = abs(int(value.p)) * 10**places // int(value.q)
    digits = str(scaled).rjust(places + 1, "0")
    text = f"{digits[:-places]}.{digits[-places:]}".rstrip("0")
    return f"-{text}" if value.p < 0 else text


def shown(value: Any, *, has_decimals: bool = False) -> str:
    if isinstance(value, list | tuple | sympy.Tuple):
        return "[" + ", ".join(shown(item, has_decimals=has_decimals) for item in value) + "]"
    if isinstance(value, dict):
        pairs = (f"{key}: {shown(item, has_decimals=has_decimals)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if value in (sympy.true, sympy.false):
        return "true" if value == sympy.true else "false"
    if value.has(sympy.zoo, sympy.nan):
        return "undefined"
    for number in value.atoms(sympy.Rational):
        if max(int(number.p).bit_length(), int(number.q).bit_length()) > RESULT_DIGITS_MAX * 3.3219:
            digits = int(abs(int(number.p)).bit_length() * 0.30103) + 1
            raise ToolInputError(f"the result has about {digits} digits, more than the {RESULT_DIGITS_MAX} shown")
    printer = _Printer({"order": None})
    printer.has_decimals = has_decimals
    text = str(printer.doprint(value))
    if len(text) > RESULT_CHARACTERS_MAX:
        raise ToolInputError(f"the result has {len(text)} characters, more than the {RESULT_CHARACTERS_MAX} shown")
    return text


def approximate(value: Any) -> str:
    number = sympy.N(value, APPROXIMATE_DIGITS)
    text = str(number)
    return re.sub(r"(\.\d*?)0+(?=$|[eE*+ -])", lambda m: "" if m.group(1) == "." else m.group(1), text)


def value_shown(value: Any, *, has_decimals: bool) -> str:
    """An exact value; an irrational one also as a decimal."""
    text = shown(value, has_decimals=has_decimals)
    if not isinstance(value, sympy.Expr) or not value.is_number or text == "undefined" or value.is_infinite:
        return text
    if value.is_Rational and not (has_decimals and "/" in text):
        return text
    if value == sympy.I * sympy.im(value) + sympy.re(value) and not value.is_real and _is_gaussian(value):
        return text
    return f"{text} ~ {approximate(value)}"


def _is_gaussian(value: Any) -> bool:
    return bool(sympy.re(value).is_Rational and sympy.im(value).is_Rational)
