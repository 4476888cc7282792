"""One call of `symbolic_math`, read: its expression, its unknown, its bounds, and the values that it showed.

Reads by `maths_grammar`, computes nothing. The operations take this object and return the text.
"""

# ruff: noqa: RUF001 - these signs are the language that is read

import re
from functools import cached_property
from typing import Any

import sympy

from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.maths_grammar import Reading, read
from gpu_node.tools.maths_printing import shown, value_shown

_VARIABLE_PREFERENCE = "xyztnuvwkmabc"


class Call:
    """One call's arguments, read."""

    def __init__(
        self, *, expression: str, variable: str, at: str, order: int, lower: str, upper: str, to: str = ""
    ) -> None:
        self.expression = expression
        self.variable_names = variable_names(variable)
        self.at, self.order, self.lower, self.upper, self.to = (
            at.strip(),
            order,
            lower.strip(),
            upper.strip(),
            to.strip(),
        )
        self.results: list[Any] = []  # the values in the answer, in order

    @cached_property
    def reading(self) -> Reading:
        return read(self.expression, variables=frozenset(self.variable_names))

    @property
    def single(self) -> Any:
        """The only part, which must be an expression; `y = …` and `f = …` stand for their right side."""
        if len(self.reading.parts) != 1:
            raise ToolInputError("give one expression, not several separated by commas")
        return expression_of(self.reading.parts[0])

    @property
    def variable(self) -> sympy.Symbol:
        if len(self.variable_names) > 1:
            raise ToolInputError("give one variable")
        if self.variable_names:
            return sympy.Symbol(self.variable_names[0])
        symbols = set().union(*(part.free_symbols for part in self.reading.parts))
        return preferred(symbols)

    def show(self, value: Any) -> str:
        text = shown(value, has_decimals=self.reading.has_decimals)
        self.results.append(value)
        return text

    def show_value(self, value: Any, *, has_decimals: bool = False) -> str:
        """An exact value; an irrational one also as a decimal."""
        text = value_shown(value, has_decimals=has_decimals or self.reading.has_decimals)
        self.results.append(value)
        return text

    def value_of(self, text: str, what: str) -> Any:
        """A bound or a point: one expression, `x = 3` and `x -> 3` meaning 3."""
        text = re.sub(r"^\s*[A-Za-z]\w*\s*(=|->|→)", "", text)
        parts = read(text).parts
        if len(parts) != 1 or not isinstance(parts[0], sympy.Expr):
            raise ToolInputError(f"{what} must be one value, such as 0 or pi/2")
        return parts[0]


def variable_names(variable: str) -> list[str]:
    names = [name for name in re.split(r"[\s,;]+", variable.strip()) if name]
    for name in names:
        if not re.fullmatch(r"[A-Za-zα-ωΑ-Ω][A-Za-z0-9_]{0,31}", name):
            raise ToolInputError(f"variable must be a name such as x, not {name[:40]!r}")
    return names


def without_function_name(expression: str) -> str:
    """`f(x) = x^2` means x^2."""
    return re.sub(r"^\s*[A-Za-z]'{0,2}\s*\(\s*[A-Za-z]\s*\)\s*=(?!=)", "", expression)


def expression_of(part: Any) -> Any:
    if isinstance(part, sympy.Equality) and part.lhs.is_Symbol and part.lhs not in part.rhs.free_symbols:
        return part.rhs
    if isinstance(part, sympy.MatrixBase):
        raise ToolInputError("this is a matrix: use the operation matrix")
    if not isinstance(part, sympy.Expr):
        raise ToolInputError("give an expression, not an equation: use solve for equations")
    return part


def preferred(symbols: set[sympy.Symbol]) -> sympy.Symbol:
    if not symbols:
        return sympy.Symbol("x")
    for letter in _VARIABLE_PREFERENCE:
        if sympy.Symbol(letter) in symbols:
            return sympy.Symbol(letter)
    return min(symbols, key=lambda symbol: str(symbol.name))
