"""The other forms of a result of `symbolic_math`: LaTeX and decimal numbers."""

from typing import Any, Literal

import sympy
from sympy.printing.latex import LatexPrinter

from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.maths_call import Call

NUMERIC_DIGITS = 15  # significant
LATEX_CHARACTERS_MAX = 8_000

Form = Literal["text", "latex", "numeric"]


def form_of(call: Call, form: Form, text: str) -> str:
    """The answer in the form that was asked for.

    Raises:
        ToolInputError: the answer is words, such as "no solution", and has no other form.
    """
    if form == "text":
        return text
    if not call.results:
        raise ToolInputError(f"this result has no {form} form: {text[:80]}")
    if form == "latex":
        return latex(call.results)
    return ", ".join(_numeric(value) for value in call.results)


def latex(values: list[Any]) -> str:
    printer = LatexPrinter({"order": None, "ln_notation": True})
    text = r",\; ".join(str(printer.doprint(value)) for value in values)
    if len(text) > LATEX_CHARACTERS_MAX:
        raise ToolInputError(f"the LaTeX form has more than {LATEX_CHARACTERS_MAX} characters")
    return text


def _numeric(value: Any) -> str:
    if isinstance(value, list | tuple | sympy.Tuple):
        return "[" + ", ".join(map(_numeric, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_numeric(part)}" for key, part in value.items()) + "}"
    return str(sympy.N(value, NUMERIC_DIGITS))
