"""The tool `symbolic_math`: exact algebra and calculus by SymPy, on expressions read by `maths_grammar`.

Pure: text in, one short canonical line out, the same on every call. It sets no time limit itself; an integral may
run for hours, so untrusted calls run in the fence only. The formula, a plot and the steps of a derivative go to the
trace beside it (`attachments`).

The shipped model learnt the texts of the operations here: what is new is a new operation, or a keyword-only argument.
"""

import contextlib
import re
from collections.abc import Callable
from typing import Any, Literal

import sympy

from gpu_node.tools import attachments
from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.maths_call import Call, preferred, without_function_name
from gpu_node.tools.maths_equations import dsolve
from gpu_node.tools.maths_forms import Form, form_of, latex
from gpu_node.tools.maths_grammar import read
from gpu_node.tools.maths_integral import antiderivative
from gpu_node.tools.maths_numbers import number_theory
from gpu_node.tools.maths_plot import plot
from gpu_node.tools.maths_printing import APPROXIMATE_DIGITS, approximate
from gpu_node.tools.maths_statistics import statistics
from gpu_node.tools.maths_steps import derivative_steps, integral_steps
from gpu_node.tools.maths_sums import product, total
from gpu_node.tools.maths_units import convert

SERIES_ORDER_MAX = 30  # terms: a series to 200 took 274 MB
DERIVATIVE_ORDER_MAX = 20
SERIES_ORDER_DEFAULT = 6

Operation = Literal[
    "solve", "simplify", "expand", "factor", "differentiate", "integrate", "limit", "series", "evaluate", "matrix"
]
_RAW_OPERATIONS = frozenset({"dsolve", "number_theory", "statistics", "convert"})  # read their text by themselves
_NO_FORMULA_OPERATIONS = frozenset({"statistics", "convert", "plot"})  # whose text says it as well
# Beyond what the shipped model was trained with: accepted and in the schema, never named in a complaint.
FurtherOperation = Literal["dsolve", "sum", "product", "number_theory", "statistics", "convert", "plot"]
OPERATION_HINTS = {
    "derive": "differentiate", "derivative": "differentiate", "diff": "differentiate", "d/dx": "differentiate",
    "integral": "integrate", "antiderivative": "integrate", "area": "integrate", "roots": "solve", "root": "solve",
    "equation": "solve", "system": "solve", "calculate": "evaluate", "compute": "evaluate", "eval": "evaluate",
    "value": "evaluate", "arithmetic": "evaluate", "lim": "limit", "taylor": "series", "maclaurin": "series",
    "factorize": "factor", "factorise": "factor", "multiply": "expand", "reduce": "simplify", "det": "matrix",
    "determinant": "matrix", "inverse": "matrix", "inv": "matrix", "transpose": "matrix",
}  # fmt: skip


def symbolic_math(
    operation: Literal[Operation, FurtherOperation],
    expression: str,
    variable: str = "",
    at: str = "",
    order: int = 0,
    lower: str = "",
    upper: str = "",
    *,
    to: str = "",
    form: Form = "text",
    steps: bool = False,
) -> str:
    """Exact mathematics by a computer algebra system.

    Write expressions plainly: x^3 + 2x, 3(x+1) = 7, sqrt(2), |x|, pi, e, oo. Systems and lists are separated by
    commas: 2x + y = 5, x - y = 1. Matrices: [[1,2],[3,4]] with det, inv, transpose, trace, rank, rref, eigenvalues,
    + - * ^. Functions: sin cos tan asin acos atan sinh cosh tanh exp ln log(x, base) sqrt root(x, n) abs floor
    ceiling min max gcd lcm mod factorial binomial isprime nextprime divisors totient. `factor` of a whole number
    gives its primes.

    Covered: `solve` takes equations, systems, and inequalities in one unknown. `dsolve` takes y'' + y = 0 or
    dy/dx = x y, systems too, with conditions in at: y(0) = 1, y'(0) = 0. `sum` and `product` take bounds, oo too.
    `number_theory`: factorint, primes(a, b), prime(n), primepi, modinv(a, m), powmod(a, b, m), crt([..], [..]), gcdex,
    order, primitive_root, jacobi, mobius, divisor_count, divisor_sum, partitions, continued_fraction, and congruences
    x = 2 mod 3, x = 3 mod 5. `statistics`: figures of a list, the line through two lists, binomial_pmf(k, n, p),
    normal_cdf(x, mean, deviation) and the like. `convert`: 5 km/h to m/s. `plot`: functions of one variable, shown to
    the reader of the trace and told in words.

    Not covered: inequalities in several unknowns (use logic_solver), partial differential equations, numerical
    simulation and anything with loops (use execute_python), LaTeX as input.

    Args:
        operation: what to do with the expression.
        expression: the expression, equation, inequality, system or matrix.
        variable: the unknown; by default the one in the expression, x first.
        at: a point: of a limit (0, oo, 0+, 0-), of a series, or the values to evaluate at, such as x = 3.
        order: of the derivative (default 1), or the number of series terms (default 6).
        lower: lower bound of an integral.
        upper: upper bound of an integral.
        to: the unit to convert to.
        form: text, latex, or numeric for decimals.
        steps: whether to explain a derivative or an integral step by step.
    """
    if operation not in _RAW_OPERATIONS:
        expression = without_function_name(expression)
    if operation == "integrate":
        expression = re.sub(r"\s*\bd[a-z]\s*$", "", expression)  # the `dx` of `2x dx`
    call = Call(expression=expression, variable=variable, at=at, order=order, lower=lower, upper=upper, to=to)
    try:
        text = form_of(call, form, _OPERATIONS[operation](call))
        if steps:
            text = "\n".join([*_steps(call, operation), f"result: {text}"])
    except ToolInputError:
        raise
    except NotImplementedError as error:
        raise ToolInputError(f"no method is known to {operation} this") from error
    except RecursionError as error:
        raise ToolInputError("the expression is nested too deeply") from error
    except (TypeError, ValueError, ArithmeticError, AttributeError, sympy.PolynomialError) as error:
        # SymPy reports what it cannot do by many classes; the model gets the first line of it as data.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise ToolInputError(f"{operation} failed: {reason}") from error
    _show_more(call, operation)
    return text


def _steps(call: Call, operation: str) -> list[str]:
    match operation:
        case "differentiate":
            return derivative_steps(call.single, call.variable, call.order or 1)
        case "integrate":
            return integral_steps(call.single, call.variable)
    raise ToolInputError("steps are known for differentiate and integrate only")


def _show_more(call: Call, operation: str) -> None:
    """The formula and cheap steps for the trace. What fails here is left out: the answer stands without it."""
    if not attachments.is_wanted() or not call.results or operation in _NO_FORMULA_OPERATIONS:
        return
    with contextlib.suppress(Exception):
        attachments.attach("latex", "Formula", latex(call.results))
        if operation == "differentiate":
            attachments.attach("text", "Steps", "\n".join(_steps(call, operation)))


# ---------------------------------------------------------------- operations


def _sort_key(value: Any) -> tuple[Any, ...]:
    if value.is_number and value.is_real:
        return (0, float(value.evalf(15)), "")
    return (1, 0.0, sympy.default_sort_key(value))


def _sorted_solutions(values: list[Any]) -> list[Any]:
    try:
        return sorted(values, key=_sort_key)
    except (TypeError, OverflowError):
        return sorted(values, key=sympy.default_sort_key)


def _solve(call: Call) -> str:
    parts = [part for part in call.reading.parts if part != sympy.true]
    if any(part == sympy.false for part in parts):
        return "no solution"
    if not parts:
        return "true for all values"
    if any(isinstance(part, sympy.MatrixBase | sympy.Tuple) for part in parts):
        raise ToolInputError("solve needs equations: use the operation matrix for a matrix")
    if any(not isinstance(part, sympy.Expr | sympy.Equality) for part in parts):
        return _solve_inequality(call, parts)
    if len(parts) > 1 or len(call.variable_names) > 1:
        return _solve_system(call, parts)
    if not parts[0].free_symbols:
        raise ToolInputError("there is no unknown to solve for: use evaluate")
    variable = call.variable
    if variable not in parts[0].free_symbols:
        raise ToolInputError(f"the equation has no {variable}")
    return _solve_one(call, parts[0], variable)


def _solve_one(call: Call, equation: Any, variable: Any) -> str:
    difference = equation.lhs - equation.rhs if isinstance(equation, sympy.Equality) else equation
    if sympy.simplify(difference) == 0:
        return f"true for all {variable}"
    # SymPy solves |x - 1| = 2 and the like for real unknowns only.
    is_real = difference.has(sympy.Abs, sympy.floor, sympy.ceiling, sympy.sign)
    unknown = sympy.Symbol(variable.name, real=True) if is_real else variable
    try:
        solutions = sympy.solve(difference.subs(variable, unknown), unknown)
    except NotImplementedError:
        return _solve_numerically(difference, variable)
    if not solutions:
        return "no solution"
    solutions = [s.evalf(APPROXIMATE_DIGITS) if s.has(sympy.CRootOf) else s for s in solutions]
    return call.show(_sorted_solutions(solutions))


def _solve_numerically(difference: Any, variable: Any) -> str:
    """Equations without a closed form, such as cos(x) = x: Newton from fixed starts, so the answer is the same."""
    found: set[str] = set()
    for start in (0.5, 1.0, -1.0, 2.0, -2.0, 5.0, -5.0, 10.0, -10.0):
        try:
            root = sympy.nsolve(difference, variable, start, prec=20)
        except (ValueError, ZeroDivisionError, TypeError, ArithmeticError):
            continue  # this start does not converge: the next may
        if root.is_real:
            found.add(approximate(0 if abs(root) < 1e-12 else root))
    if not found:
        raise ToolInputError("no method is known to solve this equation")
    return "no closed form; numerically [" + ", ".join(sorted(found, key=float)) + "]"


def _solve_inequality(call: Call, parts: list[Any]) -> str:
    variable = call.variable
    if set().union(*(part.free_symbols for part in parts)) != {variable}:
        raise ToolInputError("inequalities are solved for one unknown only")
    if not all(isinstance(part, sympy.core.relational.Relational | sympy.And) for part in parts):
        raise ToolInputError("separate equations or inequalities with commas")
    real = sympy.Symbol(variable.name, real=True)
    solved = sympy.reduce_inequalities([part.subs(variable, real) for part in parts], real)
    if solved == sympy.false:
        return "no solution"
    return f"true for all {variable}" if solved == sympy.true else call.show(solved)


def _solve_system(call: Call, parts: list[Any]) -> str:
    symbols = [sympy.Symbol(name) for name in call.variable_names] or sorted(
        set().union(*(part.free_symbols for part in parts)), key=lambda symbol: str(symbol.name)
    )
    solutions = sympy.solve(parts, symbols, dict=True)
    if not solutions:
        return "no solution"
    ordered = [{s: solution[s] for s in symbols if s in solution} for solution in solutions]
    ordered.sort(key=lambda solution: [str(_sort_key(value)[:2]) for value in solution.values()])
    try:
        ordered.sort(key=lambda solution: [_sort_key(value)[:2] for value in solution.values()])
    except (TypeError, OverflowError):
        pass  # mixed kinds: the order by text above stands
    return call.show(ordered[0] if len(ordered) == 1 else ordered)


def _simplify(call: Call) -> str:
    return call.show(sympy.simplify(call.single))


def _expand(call: Call) -> str:
    return call.show(sympy.expand(call.single))


def _factor(call: Call) -> str:
    expression = call.single
    if not expression.is_Integer:
        return call.show(sympy.factor(expression))
    if abs(int(expression)).bit_length() > 200:
        raise ToolInputError("the number is too large to factor: at most 60 digits")
    if abs(expression) <= 1:
        return str(expression)
    powers = sympy.factorint(abs(int(expression)))
    product = " * ".join(f"{prime}^{power}" if power > 1 else str(prime) for prime, power in powers.items())
    return product if expression > 0 else f"-1 * {product}"


def _differentiate(call: Call) -> str:
    order = call.order or 1
    if not 1 <= order <= DERIVATIVE_ORDER_MAX:
        raise ToolInputError(f"order must be from 1 to {DERIVATIVE_ORDER_MAX}")
    expression, variable = call.single, call.variable
    derivative = sympy.diff(expression, variable, order)
    if not call.at:
        return call.show(derivative)
    value = derivative.subs(variable, call.value_of(call.at, "at"))
    return call.show_value(sympy.simplify(value))


def _integrate(call: Call) -> str:
    expression, variable = call.single, call.variable
    if bool(call.lower) != bool(call.upper):
        raise ToolInputError("give both lower and upper, or neither")
    if not call.lower:
        return call.show(antiderivative(expression, variable))
    lower, upper = call.value_of(call.lower, "lower"), call.value_of(call.upper, "upper")
    result = sympy.integrate(expression, (variable, lower, upper))
    if not result.has(sympy.Integral):
        return call.show_value(sympy.simplify(result))
    if result.free_symbols:
        raise ToolInputError("no closed form of this integral is known")
    return f"no closed form; numerically {approximate(result)}"


def _limit(call: Call) -> str:
    expression, variable = call.single, call.variable
    if not call.at:
        raise ToolInputError("give the point of the limit by at, such as 0 or oo")
    side = call.at[-1] if len(call.at) > 1 and call.at[-1] in "+-" else ""
    point = call.value_of(call.at[:-1] if side else call.at, "at")
    if side:
        return _limit_shown(call, sympy.limit(expression, variable, point, side))
    if point.is_infinite:
        return _limit_shown(call, sympy.limit(expression, variable, point))
    left, right = (sympy.limit(expression, variable, point, direction) for direction in "-+")
    if left == right or sympy.simplify(left - right) == 0:
        return _limit_shown(call, right)
    return f"does not exist: {_limit_shown(call, left)} from the left, {_limit_shown(call, right)} from the right"


def _limit_shown(call: Call, value: Any) -> str:
    if isinstance(value, sympy.AccumBounds) or value.has(sympy.Limit):
        return "does not exist"
    return call.show_value(value)


def _series(call: Call) -> str:
    order = call.order or SERIES_ORDER_DEFAULT
    if not 1 <= order <= SERIES_ORDER_MAX:
        raise ToolInputError(f"order must be from 1 to {SERIES_ORDER_MAX}")
    point = call.value_of(call.at, "at") if call.at else sympy.Integer(0)
    return call.show(sympy.series(call.single, call.variable, point, order))


def _values_at(call: Call) -> dict[sympy.Symbol, Any]:
    if not call.at:
        return {}
    values: dict[sympy.Symbol, Any] = {}
    names = frozenset(symbol.name for symbol in call.reading.symbols)
    for part in read(call.at, variables=names).parts:
        if isinstance(part, sympy.Equality) and part.lhs.is_Symbol:
            values[part.lhs] = part.rhs
        elif isinstance(part, sympy.Expr):
            values[call.variable] = part
        else:
            raise ToolInputError("at must give values, such as x = 3, y = 2")
    return values


def _evaluate(call: Call) -> str:
    values = _values_at(call)
    shown = [_evaluated(call, part, values) for part in call.reading.parts]
    return shown[0] if len(shown) == 1 else "[" + ", ".join(shown) + "]"


def _evaluated(call: Call, part: Any, values: dict[sympy.Symbol, Any]) -> str:
    if isinstance(part, sympy.MatrixBase):
        return call.show(part.subs(values))
    if part not in (sympy.true, sympy.false) and not isinstance(part, sympy.Tuple):
        if isinstance(part, sympy.Equality) and (part.lhs.is_Symbol or not part.lhs.free_symbols - set(values)):
            part = part.rhs if part.lhs.is_Symbol and part.lhs not in values else part
        missing = part.free_symbols - set(values)
        if missing:
            name = preferred(missing)
            raise ToolInputError(f"{name} has no value: give at, such as {name} = 3")
        _check_substitution(part, values)
        part = part.subs(values)
    if isinstance(part, sympy.Expr) and part.is_number and not part.is_Rational and not part.has(sympy.zoo, sympy.nan):
        part = sympy.simplify(part)
    return call.show_value(part, has_decimals="." in call.at)


def _check_substitution(part: Any, values: dict[sympy.Symbol, Any]) -> None:
    """Putting a large number into a power could build what the grammar refused to build."""
    bits = max((abs(int(v.p)).bit_length() for v in values.values() if v.is_Rational), default=1)
    for power in part.atoms(sympy.Pow) if isinstance(part, sympy.Basic) else ():
        exponent = power.exp.subs(values)
        if exponent.is_Rational and abs(exponent.p) * max(bits, 8) > 100_000 and power.free_symbols:
            raise ToolInputError(f"the power is too large: exponent {str(exponent)[:30]}")
    for function in part.atoms(sympy.factorial, sympy.gamma, sympy.binomial, sympy.fibonacci):
        if any(argument.subs(values) > 20_000 for argument in function.args):
            raise ToolInputError("the argument of a factorial is above 20000")


def _matrix(call: Call) -> str:
    shown = []
    for part in call.reading.parts:
        if not isinstance(part, sympy.MatrixBase | sympy.Expr | sympy.Tuple):
            raise ToolInputError("give a matrix expression, such as det [[1,2],[3,4]] or [[1,2],[3,4]] * [[0,1],[1,0]]")
        shown.append(call.show(part.applyfunc(sympy.simplify) if isinstance(part, sympy.MatrixBase) else part))
    return shown[0] if len(shown) == 1 else "[" + ", ".join(shown) + "]"


_OPERATIONS: dict[str, Callable[[Call], str]] = {
    "solve": _solve,
    "simplify": _simplify,
    "expand": _expand,
    "factor": _factor,
    "differentiate": _differentiate,
    "integrate": _integrate,
    "limit": _limit,
    "series": _series,
    "evaluate": _evaluate,
    "matrix": _matrix,
    "dsolve": dsolve,
    "sum": total,
    "product": product,
    "number_theory": number_theory,
    "statistics": statistics,
    "convert": convert,
    "plot": plot,
}
