"""Derivatives, integrals, limits and series: the expression goes from the question into symbolic_math as it stands."""

import random

import sympy

from gpu_node.data.expressions import (
    VARIABLES,
    Expression,
    Spelling,
    exact,
    function_draw,
    nonzero,
    polynomial_draw,
    smooth_draw,
)
from gpu_node.data.families.calculus_wordings import (
    DEFINITE,
    DERIVATIVE,
    DERIVATIVE_AT,
    HIGHER_DERIVATIVE,
    INTEGRAL,
    LIMIT,
    SERIES,
)
from gpu_node.data.families.registry import family
from gpu_node.data.problem import Call, Problem, ProblemRandom, Split

POOL = 4000  # distinct expressions a family trains on: their results are computed once and met again
POOL_DEAR = 1200  # SymPy takes 20-200 ms for these


@family("derivative", weight=1.6)
def derivative(rng: ProblemRandom, phrasings: Split) -> Problem:
    content = rng.content(POOL)
    variable = content.choice(VARIABLES)
    expression = smooth_draw(content, Spelling.draw(content), variable)
    question, phrasing_id = DERIVATIVE.ask(rng, phrasings, e=expression, v=variable)
    return Problem(
        family="derivative",
        question=question,
        thought="A derivative: differentiate.",
        calls=(Call("symbolic_math", {"operation": "differentiate", "expression": expression.human}),),
        conclusion="That is the derivative.",
        answer=str(sympy.diff(expression.value, sympy.Symbol(variable))),
        answer_kind="expression",
        phrasing_id=phrasing_id,
    )


_NTH = {2: ("second", "twice"), 3: ("third", "three times"), 4: ("fourth", "four times")}


@family("higher_derivative", weight=0.6)
def higher_derivative(rng: ProblemRandom, phrasings: Split) -> Problem:
    content = rng.content(POOL)
    variable = content.choice(VARIABLES)
    spelling = Spelling.draw(content)
    order = content.choice((2, 2, 2, 3, 3, 4))
    if content.random() < 0.75:
        expression = polynomial_draw(content, spelling, variable, degree=content.randint(2, 6))
    else:
        expression = function_draw(content, spelling, variable)
    nth, times = _NTH[order]
    question, phrasing_id = HIGHER_DERIVATIVE.ask(rng, phrasings, e=expression, v=variable, nth=nth, times=times)
    arguments = {"operation": "differentiate", "expression": expression.human, "order": order}
    return Problem(
        family="higher_derivative",
        question=question,
        thought=f"Differentiate {times}: order {order}.",
        calls=(Call("symbolic_math", arguments),),
        conclusion="That is the derivative.",
        answer=str(sympy.diff(expression.value, sympy.Symbol(variable), order)),
        answer_kind="expression",
        phrasing_id=phrasing_id,
    )


@family("derivative_at", weight=0.7)
def derivative_at(rng: ProblemRandom, phrasings: Split) -> Problem:
    content = rng.content(POOL_DEAR)
    variable = content.choice(VARIABLES)
    expression = polynomial_draw(content, Spelling.draw(content), variable, degree=content.choice((2, 2, 3, 3, 4)))
    at = content.randint(-5, 9)
    question, phrasing_id = DERIVATIVE_AT.ask(rng, phrasings, e=expression, v=variable, a=at)
    symbol = sympy.Symbol(variable)
    arguments = {"operation": "differentiate", "expression": expression.human, "variable": variable, "at": str(at)}
    return Problem(
        family="derivative_at",
        question=question,
        thought=f"Differentiate, put {at} for {variable}.",
        calls=(Call("symbolic_math", arguments),),
        conclusion="That is the slope.",
        answer=str(sympy.diff(expression.value, symbol).subs(symbol, at)),
        answer_kind="number",
        phrasing_id=phrasing_id,
    )


def _integrand(rng: random.Random, spelling: Spelling, variable: str) -> Expression:
    kind = rng.random()
    if kind < 0.6:
        return polynomial_draw(rng, spelling, variable, degree=rng.choice((1, 1, 2, 2, 3, 3, 4, 5)))
    inner = spelling.polynomial([rng.choice((1, 1, 2, 3, 4, 5)), 0], variable)
    name = rng.choice(("sin", "cos", "exp"))
    if kind < 0.78:
        return spelling.scaled(rng.choice((1, 1, 2, 3, 5, 6)), spelling.call(name, inner))
    if kind < 0.9:
        term = spelling.term(nonzero(rng, 9), variable, rng.choice((1, 2, 3)))
        return spelling.sum([term, spelling.call(name, inner)])
    return spelling.product(spelling.polynomial([1, 0], variable), spelling.call(name, inner))


@family("integral", weight=1.0)
def integral(rng: ProblemRandom, phrasings: Split) -> Problem:
    content = rng.content(POOL_DEAR)
    variable = content.choice(VARIABLES)
    expression = _integrand(content, Spelling.draw(content), variable)
    question, phrasing_id = INTEGRAL.ask(rng, phrasings, e=expression, v=variable)
    return Problem(
        family="integral",
        question=question,
        thought="An integral: integrate.",
        calls=(Call("symbolic_math", {"operation": "integrate", "expression": expression.human}),),
        conclusion="That is the integral.",
        answer=str(sympy.integrate(expression.value, sympy.Symbol(variable))),
        answer_kind="expression",
        phrasing_id=phrasing_id,
    )


@family("definite_integral")
def definite_integral(rng: ProblemRandom, phrasings: Split) -> Problem:
    content = rng.content(POOL_DEAR)
    variable = content.choice(VARIABLES)
    spelling = Spelling.draw(content)
    lower = content.choice((0, 0, 0, 1, 1, 2, -1, -2, 3))
    upper = lower + content.randint(1, 6)
    limits = (str(lower), str(upper))
    if content.random() < 0.8:
        expression = polynomial_draw(content, spelling, variable, degree=content.choice((1, 2, 2, 3, 4)))
    else:
        expression = spelling.call(content.choice(("sin", "cos", "exp")), spelling.polynomial([1, 0], variable))
        limits = content.choice((("0", "pi"), ("0", "1"), ("0", "pi/2"), ("0", "2"), ("1", "2")))
    question, phrasing_id = DEFINITE.ask(rng, phrasings, e=expression, v=variable, a=limits[0], b=limits[1])
    arguments = {
        "operation": "integrate",
        "expression": expression.human,
        "variable": variable,
        "lower": limits[0],
        "upper": limits[1],
    }
    bounds = (sympy.Symbol(variable), exact(limits[0]), exact(limits[1]))
    return Problem(
        family="definite_integral",
        question=question,
        thought=f"Integrate from {limits[0]} to {limits[1]}.",
        calls=(Call("symbolic_math", arguments),),
        conclusion="That is the value.",
        answer=str(sympy.integrate(expression.value, bounds)),
        answer_kind="expression",
        phrasing_id=phrasing_id,
    )


def _limit_case(rng: random.Random, spelling: Spelling, v: str) -> tuple[Expression, str]:
    """A limit that is worth asking: a hole, a quotient at infinity, a known small-angle form."""
    kind = rng.random()
    if kind < 0.35:
        root, other = rng.randint(-6, 6), nonzero(rng, 6)
        top = spelling.polynomial([1, other - root, -root * other], v)
        bottom = spelling.polynomial([1, -root], v)
        return Expression(f"({top.human})/({bottom.human})", f"({top.python})/({bottom.python})"), str(root)
    if kind < 0.6:
        degree = rng.randint(1, 3)
        top = spelling.polynomial([rng.randint(1, 9), *(rng.randint(-5, 5) for _ in range(degree))], v)
        bottom = spelling.polynomial([rng.randint(1, 9), *(rng.randint(-5, 5) for _ in range(degree))], v)
        return Expression(f"({top.human})/({bottom.human})", f"({top.python})/({bottom.python})"), rng.choice(
            ("infinity", "oo", "infinity")
        )
    if kind < 0.85:
        scale, divisor = rng.randint(1, 9), rng.choice((1, 1, 2, 3, 4, 5))
        inner = spelling.polynomial([scale, 0], v)
        top = rng.choice((spelling.call("sin", inner), spelling.call("tan", inner)))
        if rng.random() < 0.3:
            top = Expression(f"(exp({inner.human}) - 1)", f"(exp({inner.python}) - 1)")
        bottom = spelling.polynomial([divisor, 0], v)
        mark = bottom.human if divisor == 1 else f"({bottom.human})"
        return Expression(f"{top.human}/{mark}", f"({top.python})/({bottom.python})"), "0"
    return polynomial_draw(rng, spelling, v, degree=rng.randint(1, 3)), str(rng.randint(-5, 6))


@family("limit")
def limit(rng: ProblemRandom, phrasings: Split) -> Problem:
    content = rng.content(POOL_DEAR)
    variable = content.choice(VARIABLES)
    expression, at = _limit_case(content, Spelling.draw(content), variable)
    spoken = "zero" if at == "0" and rng.random() < 0.2 else at
    question, phrasing_id = LIMIT.ask(rng, phrasings, e=expression, v=variable, a=spoken)
    point = sympy.oo if at in ("infinity", "oo") else sympy.Integer(int(at))
    value = sympy.limit(expression.value, sympy.Symbol(variable), point)
    arguments = {"operation": "limit", "expression": expression.human, "variable": variable, "at": at}
    return Problem(
        family="limit",
        question=question,
        thought=f"A limit at {variable} = {at}.",
        calls=(Call("symbolic_math", arguments),),
        conclusion="That is the limit.",
        answer=str(value),
        answer_kind="expression",
        phrasing_id=phrasing_id,
    )


@family("series", weight=0.4)
def series(rng: ProblemRandom, phrasings: Split) -> Problem:
    content = rng.content(250)
    variable = content.choice(("x", "x", "x", "t", "z", "y"))
    spelling = Spelling.draw(content)
    inner = spelling.polynomial([content.choice((1, 1, 1, 2, 3)), 0], variable)
    body = content.choice(("sin", "cos", "exp", "log", "geometric"))
    if body == "log":
        expression = Expression(f"log(1 + {inner.human})", f"log(1 + {inner.python})")
    elif body == "geometric":
        expression = Expression(f"1/(1 - {inner.human})", f"1/(1 - {inner.python})")
    else:
        expression = spelling.call(body, inner)
    order = content.randint(3, 6)
    question, phrasing_id = SERIES.ask(rng, phrasings, e=expression, v=variable, n=order)
    symbol = sympy.Symbol(variable)
    polynomial = sympy.series(expression.value, symbol, 0, order).removeO()
    arguments = {"operation": "series", "expression": expression.human, "at": "0", "order": order}
    return Problem(
        family="series",
        question=question,
        thought=f"A series of order {order}.",
        calls=(Call("symbolic_math", arguments),),
        conclusion="That is the series.",
        answer=str(polynomial),
        answer_kind="expression",
        phrasing_id=phrasing_id,
    )
