"""Differential equations for `symbolic_math`: one or several, with or without conditions, by SymPy's `dsolve`.

Derivatives are written y', y'', y'(x), dy/dx or d^2y/dx^2. They are respelled as names before the text is read, so the
grammar stays the only way in. Not covered: partial derivatives, delays.
"""

import re
from typing import Any

import sympy

from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.maths_call import Call
from gpu_node.tools.maths_grammar import read
from gpu_node.tools.maths_printing import shown

DERIVATIVE_ORDER_MAX = 4
FUNCTIONS_MAX = 3  # unknown functions of a system: SymPy's methods for more end rarely

_LEIBNIZ = re.compile(r"(?<![A-Za-z])d(?:\^?(\d))?\s?([A-Za-z])\s*/\s*d([A-Za-z])(?:\^?(\d))?")
_PRIMES = re.compile(r"([A-Za-z])('+)(?:\(\s*([A-Za-z])\s*\))?")
_CONDITION = re.compile(r"\s*([A-Za-z])('*)\s*\((.+)\)\s*=\s*([^=]+)")
_COMMAS_OUTSIDE = re.compile(r"[,;](?![^()]*\))")


def dsolve(call: Call) -> str:
    equations = Equations(call)
    functions = [equations.functions[name] for name in sorted(equations.functions)]
    given = equations.relations[0] if len(equations.relations) == 1 else equations.relations
    wanted = functions[0] if len(functions) == 1 else functions
    conditions = equations.conditions(call.at)
    try:
        solutions = sympy.dsolve(given, wanted, ics=conditions or None)
    except (TypeError, AttributeError, IndexError, KeyError) as error:  # SymPy's own slips on equations it cannot do
        raise NotImplementedError from error
    solutions = solutions if isinstance(solutions, list) else [solutions]
    if not solutions:
        return "no solution"
    texts = []
    for solution in solutions:
        if solution.has(sympy.Integral):
            raise ToolInputError("no closed form of the solution is known")
        call.results.append(solution)
        texts.append(f"{shown(solution.lhs)} = {shown(solution.rhs, has_decimals=equations.has_decimals)}")
    return ", ".join(texts) if len(functions) > 1 else " or ".join(texts)


class Equations:
    """The equations with functions and derivatives in place of the names."""

    def __init__(self, call: Call) -> None:
        self._names: set[str] = set()
        self._independent = call.variable_names[0] if call.variable_names else ""
        text = _PRIMES.sub(self._prime, _LEIBNIZ.sub(self._leibniz, call.expression.replace("’", "'")))  # noqa: RUF001
        if not self._names:
            raise ToolInputError("a differential equation needs a derivative, such as y' or dy/dx")
        if len(self._names) > FUNCTIONS_MAX:
            raise ToolInputError(f"more than {FUNCTIONS_MAX} unknown functions")
        self._independent = self._independent or self._guessed(text)
        self.variable = sympy.Symbol(self._independent)
        self.functions = {name: sympy.Function(name)(self.variable) for name in self._names}
        self.relations = self._read(text)

    def _name(self, function: str, order: int) -> str:
        if order > DERIVATIVE_ORDER_MAX:
            raise ToolInputError(f"derivatives up to order {DERIVATIVE_ORDER_MAX} are read")
        self._names.add(function)
        return f" {function}_diff{order} "

    def _leibniz(self, match: re.Match[str]) -> str:
        above, function, independent, below = match.groups()
        if (above or "1") != (below or "1"):
            raise ToolInputError(f"{match.group()!r}: both orders must be the same, such as d^2y/dx^2")
        self._independent = self._independent or independent
        return self._name(function, int(above or 1))

    def _prime(self, match: re.Match[str]) -> str:
        self._independent = self._independent or match[3] or ""
        return self._name(match[1], len(match[2]))

    def _guessed(self, text: str) -> str:
        applied = re.search(rf"(?<![A-Za-z])[{''.join(self._names)}]\(\s*([a-z])\s*\)", text)
        if applied:
            return applied[1]
        return "t" if "x" in self._names or re.search(r"\bt\b", text) else "x"

    def _read(self, text: str) -> list[Any]:
        names = "".join(self._names)
        text = re.sub(rf"(?<![A-Za-z])([{names}])\(\s*{self._independent}\s*\)", r"\1", text)
        known = frozenset({*self._names, self._independent})
        reading = read(text, variables=known)
        self.has_decimals = reading.has_decimals
        places: dict[Any, Any] = {}
        for name, function in self.functions.items():
            places[sympy.Symbol(name)] = function
            for order in range(1, DERIVATIVE_ORDER_MAX + 1):
                places[sympy.Symbol(f"{name}_diff{order}")] = sympy.Derivative(function, (self.variable, order))
        relations = []
        for part in reading.parts:
            if not isinstance(part, sympy.Expr | sympy.Equality):
                raise ToolInputError("a differential equation has one '=' and no inequality")
            left, right = (part.lhs, part.rhs) if isinstance(part, sympy.Equality) else (part, sympy.Integer(0))
            relations.append(sympy.Eq(left.xreplace(places), right.xreplace(places), evaluate=False))
        if len(relations) != len(self._names):
            raise ToolInputError(f"{len(self._names)} unknown functions need as many equations, not {len(relations)}")
        return relations

    def conditions(self, at: str) -> dict[Any, Any]:
        """Of `y(0) = 1, y'(0) = 2`."""
        found: dict[Any, Any] = {}
        for text in filter(str.strip, _COMMAS_OUTSIDE.split(at.replace("’", "'"))):  # noqa: RUF001
            match = _CONDITION.fullmatch(text)
            if match is None or match[1] not in self._names:
                raise ToolInputError("at must give conditions, such as y(0) = 1, y'(0) = 0")
            function, point, value = self.functions[match[1]], _number(match[3]), _number(match[4])
            order = len(match[2])
            if order > DERIVATIVE_ORDER_MAX:
                raise ToolInputError(f"derivatives up to order {DERIVATIVE_ORDER_MAX} are read")
            derivative = sympy.Derivative(function, (self.variable, order)) if order else function
            found[derivative.subs(self.variable, point)] = value
        return found


def _number(text: str) -> Any:
    parts = read(text).parts
    if len(parts) != 1 or not isinstance(parts[0], sympy.Expr):
        raise ToolInputError("a condition needs one value, such as y(0) = 1")
    return parts[0]
