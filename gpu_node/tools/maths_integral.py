"""Antiderivatives for `symbolic_math`: SymPy's main algorithm, then others, and each result checked before it is told.

SymPy is wrong now and then (1/(x^6 - 2) lost two thirds of its terms), so a result whose derivative differs from the
integrand wherever it was looked at is dropped and the next method tried. A result that cannot be checked stands.
"""

from collections.abc import Callable
from typing import Any

import sympy
from sympy.integrals.manualintegrate import manualintegrate
from sympy.integrals.rationaltools import ratint

from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.time_limit import TimeIsUp, time_limit

# Together below the 10 seconds of a call: what cannot be found is then said by the tool, not by a kill.
MAIN_SECONDS_MAX, OTHER_SECONDS_MAX, CHECK_SECONDS_MAX = 6.0, 1.5, 0.5
POINTS = (sympy.Rational(37, 100), sympy.Rational(-71, 53), sympy.Rational(97, 41), sympy.Rational(13, 10))
PARAMETERS = (sympy.Rational(83, 59), sympy.Rational(41, 67), sympy.Rational(29, 13), sympy.Rational(7, 11))
DIGITS, TOLERANCE = 20, 1e-8
DIFFERENT_MIN = 2  # points at which it must differ, and none at which it agrees


def antiderivative(expression: Any, variable: Any) -> Any:
    """A closed form, without the constant.

    Raises:
        ToolInputError: none is known, or none was found in time.
        Exception: SymPy's own, of its main algorithm, where no other method found one.
    """
    is_late = False
    failure: Exception | None = None
    for number, method in enumerate(_methods(expression, variable)):
        try:
            with time_limit(OTHER_SECONDS_MAX if number else MAIN_SECONDS_MAX):
                result = tidied(method(expression, variable))
        except TimeIsUp:
            is_late = True
            continue
        except Exception as error:  # SymPy slips in many ways; the first is told where nothing else helps
            failure = failure or error
            continue
        if not result.has(sympy.Integral, sympy.nan, sympy.zoo) and is_plausible(expression, result, variable):
            return result
    if failure is not None:
        raise failure
    if is_late:
        raise ToolInputError("no closed form of this integral was found in time")
    raise ToolInputError("no closed form of this integral is known")


def _methods(expression: Any, variable: Any) -> list[Callable[[Any, Any], Any]]:
    others: list[Callable[[Any, Any], Any]] = [manualintegrate]
    if expression.is_rational_function(variable):
        others.insert(0, lambda integrand, symbol: ratint(integrand, symbol, real=False))
    return [sympy.integrate, *others]


def tidied(result: Any) -> Any:
    """Without cases that are undefined whatever the parameters are, and without SymPy's bookkeeping of branches."""
    if result.has(sympy.exp_polar):
        result = result.replace(sympy.exp_polar, sympy.exp)
    if not result.has(sympy.nan, sympy.zoo):
        return result
    return result.replace(lambda part: isinstance(part, sympy.Piecewise), _defined_cases)


def _defined_cases(cases: Any) -> Any:
    kept = [(value, condition) for value, condition in cases.args if not value.has(sympy.nan, sympy.zoo)]
    if not kept:
        return cases
    return kept[-1][0] if len(kept) == 1 else sympy.Piecewise(*kept)


def is_plausible(expression: Any, result: Any, variable: Any) -> bool:
    """False where the derivative differs from the integrand at every point that could be looked at."""
    try:
        with time_limit(CHECK_SECONDS_MAX):
            return _agrees(expression, result.diff(variable), variable)
    except TimeIsUp:
        return True
    except Exception:  # what SymPy cannot evaluate tells nothing against the result
        return True


def _agrees(expression: Any, derivative: Any, variable: Any) -> bool:
    others = sorted((expression.free_symbols | derivative.free_symbols) - {variable}, key=str)
    values = {symbol: PARAMETERS[place % len(PARAMETERS)] + place for place, symbol in enumerate(others)}
    num_different = 0
    for point in POINTS:
        at = {**values, variable: point}
        wanted, found = (part.subs(at).evalf(DIGITS) for part in (expression, derivative))
        if not (wanted.is_number and found.is_number and wanted.is_finite and found.is_finite):
            continue
        if abs(complex(wanted) - complex(found)) <= TOLERANCE * max(1.0, abs(complex(wanted))):
            return True
        num_different += 1
    return num_different < DIFFERENT_MIN
