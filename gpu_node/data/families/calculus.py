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
from gpu_node.data.families.registry import family
from gpu_node.data.problem import Call, Phrasings, Problem, ProblemRandom, Split

POOL = 4000  # distinct expressions a family trains on: their results are computed once and met again
POOL_DEAR = 1200  # SymPy takes 20-200 ms for these

DERIVATIVE = Phrasings(
    train=[
        "What is the derivative of {e}?",
        "Find the derivative of {e}.",
        "Differentiate {e}.",
        "Differentiate {e} with respect to {v}.",
        "Compute the derivative of {e} with respect to {v}.",
        "d/d{v} of {e}?",
        "What do you get when you differentiate {e}?",
        "Give me the derivative of {e}",
        "f({v}) = {e}. What is f'({v})?",
        "Let f({v}) = {e}. Find f'({v}).",
        "If f({v}) = {e}, what is its derivative?",
        "Derivative of {e}",
        "What's the first derivative of {e}?",
        "Calculate d/d{v} ({e})",
        "y = {e}, find dy/d{v}.",
        "How do I differentiate {e}?",
        "Work out the derivative of the function {e}.",
        "Can you take the derivative of {e}?",
        "What is the slope function of {e}?",
        "derivative: {e}",
        "I need the derivative of {e}.",
        "Determine the derivative of g({v}) = {e}.",
        "Take the derivative of {e} with respect to {v}",
        "{e}: what is the derivative?",
        "The function is {e}. What is its rate of change?",
        "Differentiate the function f({v}) = {e}",
    ],
    held_out=[
        "Could you differentiate {e} for me?",
        "What function is the derivative of {e}?",
        "For h({v}) = {e}, work out h'({v}).",
        "Show the derivative of {e} in {v}.",
        "Please tell me the first derivative of the function {e}",
        "I want to differentiate {e}. What comes out?",
    ],
)


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


HIGHER_DERIVATIVE = Phrasings(
    train=[
        "What is the {nth} derivative of {e}?",
        "Find the {nth} derivative of {e}.",
        "Compute the {nth} derivative of {e} with respect to {v}.",
        "Give me the {nth} derivative of {e}",
        "Differentiate {e} {times}.",
        "{nth} derivative of {e}",
        "Take the derivative of {e} {times}.",
        "What do you get if you differentiate {e} {times}?",
        "Let f({v}) = {e}. What is the {nth} derivative of f?",
        "f({v}) = {e}. Find the {nth} derivative.",
        "Calculate the {nth} derivative of {e}",
        "I need the {nth} derivative of {e}.",
        "Work out the {nth} derivative of the function {e}.",
        "If y = {e}, what is its {nth} derivative?",
        "Determine the {nth} derivative of g({v}) = {e}.",
        "Can you find the {nth} derivative of {e}?",
        "What's the {nth} derivative of {e} with respect to {v}?",
        "{e}: what is the {nth} derivative?",
        "Differentiate {e} {times} with respect to {v}.",
        "the {nth} derivative of {e} is what?",
    ],
    held_out=[
        "Could you differentiate {e} {times} for me?",
        "Tell me the {nth} derivative of the function {e}",
        "For h({v}) = {e}, work out the {nth} derivative.",
        "Show the {nth} derivative of {e} in {v}.",
        "After differentiating {e} {times}, what comes out?",
    ],
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


DERIVATIVE_AT = Phrasings(
    train=[
        "What is the derivative of {e} at {v} = {a}?",
        "Find the slope of {e} at {v} = {a}.",
        "What is the slope of y = {e} at {v} = {a}?",
        "f({v}) = {e}. What is f'({a})?",
        "Let f({v}) = {e}. Find f'({a}).",
        "Compute the derivative of {e} at the point {v} = {a}.",
        "Differentiate {e} and put {v} = {a}.",
        "How steep is {e} at {v} = {a}?",
        "What is the gradient of {e} when {v} = {a}?",
        "Evaluate the derivative of {e} at {v} = {a}",
        "derivative of {e} at {a}",
        "Find the slope of the tangent to y = {e} at {v} = {a}.",
        "What is the value of the derivative of {e} for {v} = {a}?",
        "Given f({v}) = {e}, compute f'({a}).",
        "Calculate d/d{v} of {e} at {v} = {a}.",
        "At {v} = {a}, what is the derivative of {e}?",
        "If f({v}) = {e}, how much is f'({a})?",
        "Slope of {e} at {v} = {a}?",
        "What is the rate of change of {e} at {v} = {a}?",
        "Work out the slope of the curve y = {e} at {v} = {a}.",
    ],
    held_out=[
        "Could you find the slope of {e} where {v} = {a}?",
        "Tell me the derivative of {e} when {v} is {a}.",
        "For h({v}) = {e}, how large is h'({a})?",
        "Please give the gradient of y = {e} at {v} = {a}",
        "What slope has the tangent of {e} at {v} = {a}?",
    ],
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


INTEGRAL = Phrasings(
    train=[
        "What is the integral of {e}?",
        "Integrate {e}.",
        "Find the integral of {e} with respect to {v}.",
        "Compute the indefinite integral of {e}.",
        "Integrate {e} with respect to {v}",
        "What is the antiderivative of {e}?",
        "Find an antiderivative of {e}.",
        "Give me the integral of {e} d{v}",
        "∫ {e} d{v}",
        "∫ {e} d{v} = ?",
        "Evaluate the integral of {e} d{v}.",
        "indefinite integral of {e}",
        "What do you get when you integrate {e}?",
        "Calculate the antiderivative of f({v}) = {e}.",
        "How do I integrate {e}?",
        "I need the integral of {e}.",
        "Work out the integral of {e}.",
        "Find a function whose derivative is {e}.",
        "Which function has the derivative {e}?",
        "Can you integrate {e}?",
        "integral: {e}",
        "Let f({v}) = {e}. Find the primitive of f.",
        "Determine the indefinite integral of {e} d{v}.",
        "If f'({v}) = {e}, what is f({v})?",
    ],
    held_out=[
        "Could you find the integral of {e} for me?",
        "Tell me the antiderivative of {e} in {v}.",
        "What is a primitive of {e}?",
        "Please work out ∫ {e} d{v}",
        "I have to integrate {e}; what is the result?",
        "Show me the indefinite integral of the function {e}.",
    ],
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


DEFINITE = Phrasings(
    train=[
        "What is the integral of {e} from {a} to {b}?",
        "Integrate {e} from {a} to {b}.",
        "Find the definite integral of {e} from {v} = {a} to {v} = {b}.",
        "Compute the integral of {e} between {a} and {b}.",
        "Integrate {e} with respect to {v} from {a} to {b}",
        "What is the area under {e} from {a} to {b}?",
        "Find the area under the curve y = {e} between {a} and {b}.",
        "Evaluate the integral of {e} d{v} from {a} to {b}.",
        "∫ {e} d{v} from {a} to {b}",
        "definite integral of {e} from {a} to {b}",
        "What do you get when you integrate {e} from {a} to {b}?",
        "Calculate the integral from {a} to {b} of {e}.",
        "What is the integral from {a} to {b} of {e} d{v}?",
        "Let f({v}) = {e}. Integrate f from {a} to {b}.",
        "I need the integral of {e} over [{a}, {b}].",
        "Work out the area between {e} and the axis from {v} = {a} to {v} = {b}.",
        "Integrate {e} over the interval [{a}, {b}]",
        "How large is the integral of {e} from {a} to {b}?",
        "Give me the definite integral of {e} with limits {a} and {b}.",
        "∫ from {a} to {b} of {e} d{v} = ?",
        "Can you integrate {e} between {v} = {a} and {v} = {b}?",
    ],
    held_out=[
        "Could you find the value of the integral of {e} from {a} to {b}?",
        "Tell me the area below y = {e} between {v} = {a} and {v} = {b}.",
        "Please integrate the function {e} between {a} and {b}",
        "Starting at {a} and ending at {b}, integrate {e}.",
        "What number is the definite integral of {e} on [{a}, {b}]?",
    ],
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


LIMIT = Phrasings(
    train=[
        "What is the limit of {e} as {v} approaches {a}?",
        "Find the limit of {e} as {v} goes to {a}.",
        "Compute lim {v}->{a} of {e}.",
        "lim {v} -> {a} {e}",
        "What does {e} tend to as {v} tends to {a}?",
        "Evaluate the limit of {e} when {v} approaches {a}.",
        "limit of {e} as {v} -> {a}",
        "What value does {e} approach as {v} goes to {a}?",
        "Calculate the limit of {e} for {v} to {a}.",
        "Let f({v}) = {e}. What is the limit of f at {v} = {a}?",
        "As {v} approaches {a}, what is the limit of {e}?",
        "Determine the limit as {v} tends to {a} of {e}.",
        "Give me the limit of {e} at {v} = {a}",
        "If {v} goes to {a}, where does {e} go?",
        "I need the limit of {e} as {v} gets close to {a}.",
        "Take the limit {v} → {a} of {e}.",
        "lim({v} → {a}) {e} = ?",
        "Can you find the limit of {e} as {v} → {a}?",
        "What happens to {e} when {v} goes to {a}?",
        "Work out the limit of f({v}) = {e} as {v} approaches {a}.",
        "Where does {e} converge as {v} tends to {a}?",
    ],
    held_out=[
        "Could you work out the limit of {e} when {v} tends to {a}?",
        "Tell me what {e} approaches for {v} → {a}.",
        "With {v} going to {a}, what limit has {e}?",
        "Please find lim {e} as {v} → {a}",
        "The expression {e} has which limit at {v} = {a}?",
    ],
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


SERIES = Phrasings(
    train=[
        "What is the Taylor series of {e} around {v} = 0 up to order {n}?",
        "Expand {e} as a power series in {v} up to order {n}.",
        "Find the Maclaurin series of {e} to order {n}.",
        "Give the Taylor expansion of {e} at 0, order {n}.",
        "Taylor series of {e} to order {n}",
        "Compute the series of {e} around 0 up to order {n}.",
        "Write {e} as a Maclaurin series of order {n}.",
        "Maclaurin series for {e}, order {n}",
        "Series expansion of {e} up to order {n}?",
        "What are the terms of the Taylor series of {e} below order {n}?",
        "Develop {e} into a power series at 0 up to order {n}.",
        "Find the Taylor polynomial of {e} at {v} = 0 with order {n}.",
        "I need the Taylor series of {e} with order {n}.",
        "Calculate the power series of {e} up to order {n}",
        "Let f({v}) = {e}. Give its Taylor series to order {n}.",
        "Expand f({v}) = {e} in powers of {v} to order {n}.",
        "What is the series of {e} at 0 to order {n}?",
        "Work out the Maclaurin expansion of {e} up to order {n}.",
        "Can you give a Taylor series for {e} to order {n}?",
        "series: {e}, order {n}",
    ],
    held_out=[
        "Tell me the Taylor expansion of {e} about 0 to order {n}.",
        "Could you expand {e} into its Maclaurin series, order {n}?",
        "Show the power series of {e} at {v} = 0 up to order {n}.",
        "Up to order {n}, what is the Taylor series of {e}?",
        "Please develop {e} as a series to order {n}",
    ],
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
