"""Statistics for `symbolic_math`: the figures of one list, the line through two, and probabilities, all exact.

Quartiles are medians of the two halves, without the middle value where the number of values is odd (Moore and McCabe).
"""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import sympy

from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.maths_call import Call
from gpu_node.tools.maths_grammar import read
from gpu_node.tools.maths_printing import value_shown

VALUES_MAX = 500  # of one list
TRIALS_MAX = 2_000  # of a binomial distribution: its cumulative sum has as many terms

_LIST = re.compile(r"\[([^\[\]]*)\]")


def statistics(call: Call) -> str:
    if re.search(r"_(pmf|cdf|pdf)\b", call.expression):
        call.reading = read(call.expression, functions=FUNCTIONS)
        return ", ".join(call.show_value(part) for part in call.reading.parts)
    lists = _LIST.findall(call.expression) or [call.expression]
    has_decimals = bool(re.search(r"\d\.\d", call.expression))
    columns = [values_of(text) for text in lists]
    if len(columns) == 1:
        figures = _figures(columns[0])
    elif len(columns) == 2 and len(columns[0]) == len(columns[1]) > 1:
        figures = _line(*columns)
    else:
        raise ToolInputError("give one list, or two of the same length: [1, 2, 3], [2, 4, 7]")
    call.results.extend(value for _, value in figures if isinstance(value, sympy.Basic))
    return ", ".join(f"{name} = {_told(value, has_decimals)}" for name, value in figures)


def _told(value: Any, has_decimals: bool) -> str:
    return value if isinstance(value, str) else value_shown(value, has_decimals=has_decimals)


def values_of(text: str) -> list[Any]:
    items = [item for item in re.split(r"[,;\s]+(?![^()]*\))", text.strip()) if item]
    if not 0 < len(items) <= VALUES_MAX:
        raise ToolInputError(f"a list has 1 to {VALUES_MAX} values")
    values = [part for item in items for part in read(item).parts]
    if any(not (isinstance(value, sympy.Expr) and value.is_real) for value in values):
        raise ToolInputError("a list holds real numbers only")
    return values


def _median(ordered: list[Any]) -> Any:
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _spread(values: list[Any]) -> Any:
    """The sum of squared distances from the mean."""
    mean = sympy.Add(*values) / len(values)
    return sympy.Add(*((value - mean) ** 2 for value in values))


def _figures(values: list[Any]) -> list[tuple[str, Any]]:
    ordered = sorted(values, key=lambda value: float(value))
    size, total, squares = len(values), sympy.Add(*values), _spread(values)
    times = Counter(values).most_common()
    modes = [value for value, count in times if count == times[0][1]]
    mode: Any = "none" if len(modes) == size > 1 else modes[0]
    if len(modes) > 1 and mode != "none":
        mode = " and ".join(value_shown(value, has_decimals=True) for value in sorted(modes, key=float))
    figures: list[tuple[str, Any]] = [
        ("n", sympy.Integer(size)), ("sum", total), ("mean", total / size), ("median", _median(ordered)),
        ("mode", mode), ("least", ordered[0]), ("greatest", ordered[-1]),
    ]  # fmt: skip
    if size > 1:
        half = size // 2
        figures += [
            ("lower quartile", _median(ordered[:half])),
            ("upper quartile", _median(ordered[size - half :])),
            ("variance of the sample", squares / (size - 1)),
            ("standard deviation of the sample", sympy.sqrt(squares / (size - 1))),
        ]
    return [
        *figures,
        ("variance of the population", squares / size),
        ("standard deviation of the population", sympy.sqrt(squares / size)),
    ]


def _line(left: list[Any], right: list[Any]) -> list[tuple[str, Any]]:
    size = len(left)
    means = [sympy.Add(*values) / size for values in (left, right)]
    products = sympy.Add(*((a - means[0]) * (b - means[1]) for a, b in zip(left, right, strict=True)))
    spreads = [_spread(values) for values in (left, right)]
    if spreads[0] == 0:
        raise ToolInputError("the first list has one value only: no line goes through it")
    slope = products / spreads[0]
    correlation: Any = products / sympy.sqrt(spreads[0] * spreads[1]) if spreads[1] != 0 else "undefined"
    return [
        ("n", sympy.Integer(size)),
        ("covariance of the sample", products / (size - 1)),
        ("correlation", correlation),
        ("slope", slope),
        ("intercept", means[1] - slope * means[0]),
    ]


# ---------------------------------------------------------------- distributions


def _chance(value: Any) -> Any:
    if not (value.is_real and 0 <= value <= 1):
        raise ToolInputError("a probability lies between 0 and 1")
    return value


def _trials(value: Any) -> Any:
    if not (value.is_Integer and 0 <= value <= TRIALS_MAX):
        raise ToolInputError(f"a whole number from 0 to {TRIALS_MAX} is needed")
    return value


def _binomial(k: Any, n: Any, p: Any) -> Any:
    n, k, p = _trials(n), _trials(k), _chance(p)
    return sympy.binomial(n, k) * p**k * (1 - p) ** (n - k) if k <= n else sympy.Integer(0)


def _poisson(k: Any, mean: Any) -> Any:
    k = _trials(k)
    return mean**k * sympy.exp(-mean) / sympy.factorial(k)


def _up_to(of_one: Callable[..., Any]) -> Callable[..., Any]:
    def cumulative(k: Any, *parameters: Any) -> Any:
        return sympy.Add(*(of_one(sympy.Integer(value), *parameters) for value in range(int(_trials(k)) + 1)))

    return cumulative


def _normal(x: Any, mean: Any = sympy.Integer(0), deviation: Any = sympy.Integer(1)) -> Any:
    return (1 + sympy.erf((x - mean) / (deviation * sympy.sqrt(2)))) / 2


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "binomial_pmf": _binomial,
    "binomial_cdf": _up_to(_binomial),
    "poisson_pmf": _poisson,
    "poisson_cdf": _up_to(_poisson),
    "normal_cdf": _normal,
    "exponential_cdf": lambda x, rate: 1 - sympy.exp(-rate * x),
}
