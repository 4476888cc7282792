"""The exact value of an arithmetic expression in numbers and + - * / // % ** ( ), as a fraction.

For texts that this package made or read from a data set; it walks Python's syntax tree and runs nothing.
"""

import ast
import operator
from fractions import Fraction

EXPONENT_MAX = 12  # larger powers do not occur in people's questions
_OPERATORS = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Mod: operator.mod, ast.FloorDiv: operator.floordiv,
}  # fmt: skip


def exact_value(expression: str) -> Fraction:
    """Raises ValueError for anything else than such an expression, ZeroDivisionError for a division by zero."""
    try:
        return _value(ast.parse(expression.strip(), mode="eval").body, expression)
    except SyntaxError as error:
        raise ValueError(f"not arithmetic: {expression!r}") from error


def _value(node: ast.expr, expression: str) -> Fraction:
    match node:
        case ast.Constant(value=int() | float()):
            return Fraction(ast.get_source_segment(expression.strip(), node) or str(node.value))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, expression)
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int() as exponent)) if (
            exponent <= EXPONENT_MAX
        ):
            return _value(left, expression) ** exponent
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return Fraction(_OPERATORS[type(op)](_value(left, expression), _value(right, expression)))
    raise ValueError(f"not arithmetic: {expression!r}")
