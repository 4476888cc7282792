"""The steps of a derivative or an integral in words, where SymPy or a rule of ours knows them.

Derivatives by the rules that a course teaches; integrals by SymPy's own search for a solution by hand, which knows
fewer integrals than its main algorithm. Bounded in number; a step is one line.
"""

import re
from collections.abc import Iterator
from typing import Any

import sympy
from sympy.integrals import manualintegrate as manual

from gpu_node.tools.maths_printing import shown

STEPS_MAX = 30  # lines: more is no explanation
DEPTH_MAX = 12

_RULE_WORDS = {
    "ConstantRule": "a constant", "PowerRule": "the power rule", "ReciprocalRule": "1/u gives log(u)",
    "ExpRule": "the exponential rule", "SinRule": "sin gives -cos", "CosRule": "cos gives sin",
    "Sec2Rule": "sec^2 gives tan", "Csc2Rule": "csc^2 gives -cot", "SecTanRule": "sec tan gives sec",
    "CscCotRule": "csc cot gives -csc", "SinhRule": "sinh gives cosh", "CoshRule": "cosh gives sinh",
    "ArctanRule": "the form of atan", "ArcsinRule": "the form of asin", "ArcsinhRule": "the form of asinh",
    "ReciprocalSqrtQuadraticRule": "1/sqrt of a quadratic", "SqrtQuadraticRule": "sqrt of a quadratic",
    "DerivativeRule": "it is a derivative",
}  # fmt: skip


def derivative_steps(expression: Any, variable: Any, order: int) -> list[str]:
    lines: list[str] = []
    for turn in range(order):
        if order > 1:
            lines.append(f"derivative {turn + 1}:")
        lines += [line for line, _ in zip(_differentiated(expression, variable, 0), range(STEPS_MAX), strict=False)]
        expression = sympy.diff(expression, variable)
        if len(lines) >= STEPS_MAX:
            break
    return lines[:STEPS_MAX]


def _differentiated(expression: Any, variable: Any, depth: int) -> Iterator[str]:
    """One line a rule, outermost first."""
    if depth > DEPTH_MAX or expression == variable or not expression.has(variable):
        return
    what = f"d/d{variable} [{shown(expression)}]"
    constant, rest = expression.as_independent(variable, as_Add=False)
    if constant != 1 and not expression.is_Add:
        yield f"{what}: the factor {shown(constant)} stays"
        yield from _differentiated(rest, variable, depth + 1)
        return
    inner: tuple[Any, ...] = ()
    if expression.is_Add:
        inner = expression.args
        rule = "term by term"
    elif expression.is_Mul:
        inner = expression.args
        numerator, denominator = expression.as_numer_denom()
        rule = "product rule, (u v)' = u' v + u v'"
        if denominator.has(variable):
            inner, rule = (numerator, denominator), "quotient rule, (u/v)' = (u' v - u v')/v^2"
    elif expression.is_Pow and not expression.exp.has(variable):
        inner = (expression.base,)
        rule = "power rule" + ("" if expression.base == variable else " and chain rule")
    elif len(expression.args) == 1 or isinstance(expression, sympy.exp) or expression.is_Pow:
        inner = tuple(part for part in expression.args if part.has(variable))
        is_plain = all(part == variable for part in inner)
        name = type(expression).__name__ if not expression.is_Pow else "the exponential"
        rule = f"derivative of {name}" + ("" if is_plain else " and chain rule")
    else:
        rule = "by SymPy"
    yield f"{what} = {shown(sympy.diff(expression, variable))}: {rule}"
    for part in inner:
        yield from _differentiated(part, variable, depth + 1)


def integral_steps(expression: Any, variable: Any) -> list[str]:
    """The lines, or one that says that no way by hand is known."""
    rule = manual.integral_steps(expression, variable)
    if rule.contains_dont_know():
        return ["no steps by hand are known: the result is from SymPy's general algorithm"]
    return [line for line, _ in zip(_integrated(rule, 0), range(STEPS_MAX), strict=False)]


def _integrated(rule: Any, depth: int) -> Iterator[str]:
    if depth > DEPTH_MAX:
        return
    name = type(rule).__name__
    what = f"integral of {shown(rule.integrand)} d{rule.variable}"
    substeps: list[Any] = []
    match name:
        case "AlternativeRule":
            yield from _integrated(rule.alternatives[0], depth)
            return
        case "AddRule":
            how, substeps = "term by term", rule.substeps
        case "ConstantTimesRule":
            how, substeps = f"the factor {shown(rule.constant)} stays", [rule.substep]
        case "URule":
            how, substeps = f"substitute {rule.u_var} = {shown(rule.u_func)}", [rule.substep]
        case "PartsRule":
            how = f"by parts with u = {shown(rule.u)}, dv = {shown(rule.dv)} d{rule.variable}"
            substeps = [step for step in (rule.v_step, rule.second_step) if step is not None]
        case "CyclicPartsRule":
            how, substeps = "by parts until it comes back, then solve for it", rule.parts_rules
        case "TrigSubstitutionRule":
            how, substeps = f"substitute {rule.variable} = {shown(rule.func)}", [rule.substep]
        case "PiecewiseRule":
            how, substeps = "by cases", [step for step, _ in rule.subfunctions]
        case _:
            how = _RULE_WORDS.get(name, re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name.removesuffix("Rule")).lower())
            if getattr(rule, "rewritten", None) is not None:
                how = f"rewrite as {shown(rule.rewritten)}"
            substeps = [rule.substep] if getattr(rule, "substep", None) is not None else []
    result = f" = {shown(rule.eval())}" if not substeps else ""
    yield f"{what}{result}: {how}"
    for step in substeps:
        yield from _integrated(step, depth + 1)
