"""The tool `symbolic_math`: exact algebra and calculus by SymPy, on expressions read by `maths_grammar`.

Pure: text in, one short canonical line out, the same on every call. It sets no time limit itself; an integral may
run for hours, so untrusted calls run in the fence only.

Not covered yet: differential equations, inequalities in several unknowns, sums and products, steps.
"""

# ruff: noqa: RUF001 - these signs are the language that is read

import re
from collections.abc import Callable
from typing import Any, Literal

import sympy
from sympy.printing.str import StrPrinter

from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.maths_grammar import Reading, read

SERIES_ORDER_MAX = 30  # terms: a series to 200 took 274 MB
DERIVATIVE_ORDER_MAX = 20
SERIES_ORDER_DEFAULT = 6
RESULT_DIGITS_MAX = 4_000  # of a number that is shown; Python itself refuses 4,300
RESULT_CHARACTERS_MAX = 8_000  # what no model context could use anyway
DECIMAL_PLACES_MAX = 12  # a terminating decimal with more places is shown as a fraction
APPROXIMATE_DIGITS = 10  # significant digits behind "~"

Operation = Literal[
    "solve", "simplify", "expand", "factor", "differentiate", "integrate", "limit", "series", "evaluate", "matrix"
]
OPERATION_HINTS = {
    "derive": "differentiate", "derivative": "differentiate", "diff": "differentiate", "d/dx": "differentiate",
    "integral": "integrate", "antiderivative": "integrate", "area": "integrate", "roots": "solve", "root": "solve",
    "equation": "solve", "system": "solve", "calculate": "evaluate", "compute": "evaluate", "eval": "evaluate",
    "value": "evaluate", "arithmetic": "evaluate", "lim": "limit", "taylor": "series", "maclaurin": "series",
    "factorize": "factor", "factorise": "factor", "multiply": "expand", "reduce": "simplify", "det": "matrix",
    "determinant": "matrix", "inverse": "matrix", "inv": "matrix", "transpose": "matrix",
}  # fmt: skip
_VARIABLE_PREFERENCE = "xyztnuvwkmabc"


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


def symbolic_math(
    operation: Operation,
    expression: str,
    variable: str = "",
    at: str = "",
    order: int = 0,
    lower: str = "",
    upper: str = "",
) -> str:
    """Exact mathematics by a computer algebra system.

    Write expressions plainly: x^3 + 2x, 3(x+1) = 7, sqrt(2), |x|, pi, e, oo. Systems and lists are separated by
    commas: 2x + y = 5, x - y = 1. Matrices: [[1,2],[3,4]] with det, inv, transpose, trace, rank, rref, eigenvalues,
    + - * ^. Functions: sin cos tan asin acos atan sinh cosh tanh exp ln log(x, base) sqrt root(x, n) abs floor
    ceiling min max gcd lcm mod factorial binomial isprime nextprime divisors totient. `factor` of a whole number
    gives its primes. Not covered: differential equations, sums with bounds, plots.

    Args:
        operation: what to do with the expression.
        expression: the expression, equation, inequality, system or matrix.
        variable: the unknown; by default the one in the expression, x first.
        at: a point: of a limit (0, oo, 0+, 0-), of a series, or the values to evaluate at, such as x = 3.
        order: of the derivative (default 1), or the number of series terms (default 6).
        lower: lower bound of an integral.
        upper: upper bound of an integral.
    """
    expression = _without_function_name(expression)
    if operation == "integrate":
        expression = re.sub(r"\s*\bd[a-z]\s*$", "", expression)  # the `dx` of `2x dx`
    reading = read(expression, variables=frozenset(_variable_names(variable)))
    call = _Call(reading=reading, variable=variable, at=at, order=order, lower=lower, upper=upper)
    try:
        return _OPERATIONS[operation](call)
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


class _Call:
    """One call's arguments, read."""

    def __init__(self, *, reading: Reading, variable: str, at: str, order: int, lower: str, upper: str) -> None:
        self.reading = reading
        self.variable_names = _variable_names(variable)
        self.at, self.order, self.lower, self.upper = at.strip(), order, lower.strip(), upper.strip()

    @property
    def single(self) -> Any:
        """The only part, which must be an expression; `y = …` and `f = …` stand for their right side."""
        if len(self.reading.parts) != 1:
            raise ToolInputError("give one expression, not several separated by commas")
        return _expression_of(self.reading.parts[0])

    @property
    def variable(self) -> sympy.Symbol:
        if len(self.variable_names) > 1:
            raise ToolInputError("give one variable")
        if self.variable_names:
            return sympy.Symbol(self.variable_names[0])
        symbols = set().union(*(part.free_symbols for part in self.reading.parts))
        return _preferred(symbols)

    def show(self, value: Any) -> str:
        return _shown(value, has_decimals=self.reading.has_decimals)

    def value_of(self, text: str, what: str) -> Any:
        """A bound or a point: one expression, `x = 3` and `x -> 3` meaning 3."""
        text = re.sub(r"^\s*[A-Za-z]\w*\s*(=|->|→)", "", text)
        parts = read(text).parts
        if len(parts) != 1 or not isinstance(parts[0], sympy.Expr):
            raise ToolInputError(f"{what} must be one value, such as 0 or pi/2")
        return parts[0]


def _variable_names(variable: str) -> list[str]:
    names = [name for name in re.split(r"[\s,;]+", variable.strip()) if name]
    for name in names:
        if not re.fullmatch(r"[A-Za-zα-ωΑ-Ω][A-Za-z0-9_]{0,31}", name):
            raise ToolInputError(f"variable must be a name such as x, not {name[:40]!r}")
    return names


def _without_function_name(expression: str) -> str:
    """`f(x) = x^2` means x^2."""
    return re.sub(r"^\s*[A-Za-z]'{0,2}\s*\(\s*[A-Za-z]\s*\)\s*=(?!=)", "", expression)


def _expression_of(part: Any) -> Any:
    if isinstance(part, sympy.Equality) and part.lhs.is_Symbol and part.lhs not in part.rhs.free_symbols:
        return part.rhs
    if isinstance(part, sympy.MatrixBase):
        raise ToolInputError("this is a matrix: use the operation matrix")
    if not isinstance(part, sympy.Expr):
        raise ToolInputError("give an expression, not an equation: use solve for equations")
    return part


def _preferred(symbols: set[sympy.Symbol]) -> sympy.Symbol:
    if not symbols:
        return sympy.Symbol("x")
    for letter in _VARIABLE_PREFERENCE:
        if sympy.Symbol(letter) in symbols:
            return sympy.Symbol(letter)
    return min(symbols, key=lambda symbol: str(symbol.name))


# ---------------------------------------------------------------- printing


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


def _shown(value: Any, *, has_decimals: bool = False) -> str:
    if isinstance(value, list | tuple | sympy.Tuple):
        return "[" + ", ".join(_shown(item, has_decimals=has_decimals) for item in value) + "]"
    if isinstance(value, dict):
        pairs = (f"{key}: {_shown(item, has_decimals=has_decimals)}" for key, item in value.items())
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


def _approximate(value: Any) -> str:
    number = sympy.N(value, APPROXIMATE_DIGITS)
    text = str(number)
    return re.sub(r"(\.\d*?)0+(?=$|[eE*+ -])", lambda m: "" if m.group(1) == "." else m.group(1), text)


def _value_shown(value: Any, *, has_decimals: bool) -> str:
    """An exact value; an irrational one also as a decimal."""
    text = _shown(value, has_decimals=has_decimals)
    if not isinstance(value, sympy.Expr) or not value.is_number or text == "undefined" or value.is_infinite:
        return text
    if value.is_Rational and not (has_decimals and "/" in text):
        return text
    if value == sympy.I * sympy.im(value) + sympy.re(value) and not value.is_real and _is_gaussian(value):
        return text
    return f"{text} ~ {_approximate(value)}"


def _is_gaussian(value: Any) -> bool:
    return bool(sympy.re(value).is_Rational and sympy.im(value).is_Rational)


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


def _solve(call: _Call) -> str:
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


def _solve_one(call: _Call, equation: Any, variable: Any) -> str:
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
            found.add(_approximate(0 if abs(root) < 1e-12 else root))
    if not found:
        raise ToolInputError("no method is known to solve this equation")
    return "no closed form; numerically [" + ", ".join(sorted(found, key=float)) + "]"


def _solve_inequality(call: _Call, parts: list[Any]) -> str:
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


def _solve_system(call: _Call, parts: list[Any]) -> str:
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


def _simplify(call: _Call) -> str:
    return call.show(sympy.simplify(call.single))


def _expand(call: _Call) -> str:
    return call.show(sympy.expand(call.single))


def _factor(call: _Call) -> str:
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


def _differentiate(call: _Call) -> str:
    order = call.order or 1
    if not 1 <= order <= DERIVATIVE_ORDER_MAX:
        raise ToolInputError(f"order must be from 1 to {DERIVATIVE_ORDER_MAX}")
    expression, variable = call.single, call.variable
    derivative = sympy.diff(expression, variable, order)
    if not call.at:
        return call.show(derivative)
    value = derivative.subs(variable, call.value_of(call.at, "at"))
    return _value_shown(sympy.simplify(value), has_decimals=call.reading.has_decimals)


def _integrate(call: _Call) -> str:
    expression, variable = call.single, call.variable
    if bool(call.lower) != bool(call.upper):
        raise ToolInputError("give both lower and upper, or neither")
    if not call.lower:
        result = sympy.integrate(expression, variable)
        if result.has(sympy.Integral):
            raise ToolInputError("no closed form of this integral is known")
        return call.show(result)
    lower, upper = call.value_of(call.lower, "lower"), call.value_of(call.upper, "upper")
    result = sympy.integrate(expression, (variable, lower, upper))
    if not result.has(sympy.Integral):
        return _value_shown(sympy.simplify(result), has_decimals=call.reading.has_decimals)
    if result.free_symbols:
        raise ToolInputError("no closed form of this integral is known")
    return f"no closed form; numerically {_approximate(result)}"


def _limit(call: _Call) -> str:
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


def _limit_shown(call: _Call, value: Any) -> str:
    if isinstance(value, sympy.AccumBounds) or value.has(sympy.Limit):
        return "does not exist"
    return _value_shown(value, has_decimals=call.reading.has_decimals)


def _series(call: _Call) -> str:
    order = call.order or SERIES_ORDER_DEFAULT
    if not 1 <= order <= SERIES_ORDER_MAX:
        raise ToolInputError(f"order must be from 1 to {SERIES_ORDER_MAX}")
    point = call.value_of(call.at, "at") if call.at else sympy.Integer(0)
    return call.show(sympy.series(call.single, call.variable, point, order))


def _values_at(call: _Call) -> dict[sympy.Symbol, Any]:
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


def _evaluate(call: _Call) -> str:
    values = _values_at(call)
    shown = [_evaluated(call, part, values) for part in call.reading.parts]
    return shown[0] if len(shown) == 1 else "[" + ", ".join(shown) + "]"


def _evaluated(call: _Call, part: Any, values: dict[sympy.Symbol, Any]) -> str:
    if isinstance(part, sympy.MatrixBase):
        return call.show(part.subs(values))
    if part not in (sympy.true, sympy.false) and not isinstance(part, sympy.Tuple):
        if isinstance(part, sympy.Equality) and (part.lhs.is_Symbol or not part.lhs.free_symbols - set(values)):
            part = part.rhs if part.lhs.is_Symbol and part.lhs not in values else part
        missing = part.free_symbols - set(values)
        if missing:
            name = _preferred(missing)
            raise ToolInputError(f"{name} has no value: give at, such as {name} = 3")
        _check_substitution(part, values)
        part = part.subs(values)
    if isinstance(part, sympy.Expr) and part.is_number and not part.is_Rational and not part.has(sympy.zoo, sympy.nan):
        part = sympy.simplify(part)
    return _value_shown(part, has_decimals=call.reading.has_decimals or "." in call.at)


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


def _matrix(call: _Call) -> str:
    shown = []
    for part in call.reading.parts:
        if not isinstance(part, sympy.MatrixBase | sympy.Expr | sympy.Tuple):
            raise ToolInputError("give a matrix expression, such as det [[1,2],[3,4]] or [[1,2],[3,4]] * [[0,1],[1,0]]")
        shown.append(call.show(part.applyfunc(sympy.simplify) if isinstance(part, sympy.MatrixBase) else part))
    return shown[0] if len(shown) == 1 else "[" + ", ".join(shown) + "]"


_OPERATIONS: dict[str, Callable[[_Call], str]] = {
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
}
