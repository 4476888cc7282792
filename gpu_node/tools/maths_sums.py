"""Sums and products with bounds for `symbolic_math`: closed forms, else numbers."""

from collections.abc import Callable
from typing import Any

import sympy

from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.maths_call import Call
from gpu_node.tools.maths_printing import approximate

TERMS_MAX = 100_000  # that are added up one by one where no closed form is known
_INDEX_PREFERENCE = "knijmr"


def total(call: Call) -> str:
    return _between(call, sympy.Sum, sympy.summation)


def product(call: Call) -> str:
    return _between(call, sympy.Product, sympy.product)


def _between(call: Call, unevaluated: Any, evaluate: Callable[..., Any]) -> str:
    if not (call.lower and call.upper):
        raise ToolInputError("give lower and upper, such as lower 1 and upper n or oo")
    expression, index = call.single, _index(call)
    lower, upper = call.value_of(call.lower, "lower"), call.value_of(call.upper, "upper")
    if lower.is_number and upper.is_number and upper.is_finite and upper - lower > TERMS_MAX:
        if unevaluated is sympy.Product:
            raise ToolInputError(f"more than {TERMS_MAX} factors")
        result = sympy.Sum(expression, (index, lower, upper)).doit()
    else:
        result = evaluate(expression, (index, lower, upper))
    if not result.has(unevaluated):
        return call.show_value(sympy.simplify(result))
    if result.free_symbols:
        raise ToolInputError("no closed form of this is known")
    value = result.evalf(15)
    if not value.is_number or not value.is_finite:
        raise ToolInputError("it does not converge, or no method is known")
    call.results.append(value)
    return f"no closed form; numerically {approximate(value)}"


def _index(call: Call) -> sympy.Symbol:
    if call.variable_names:
        return call.variable
    symbols = {symbol.name for part in call.reading.parts for symbol in part.free_symbols}
    usual = next((letter for letter in _INDEX_PREFERENCE if letter in symbols), None)
    return sympy.Symbol(usual) if usual else call.variable
