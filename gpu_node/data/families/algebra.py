"""Polynomials and expressions: factor, expand, find roots, simplify, put in a value; copied as they stand."""

import random

import sympy

from gpu_node.data.expressions import VARIABLES, Expression, Spelling, nonzero, polynomial_draw
from gpu_node.data.families.registry import family
from gpu_node.data.problem import Call, Phrasings, Problem, ProblemRandom, Split

POOL = 3000  # distinct expressions a family trains on: their results are computed once and met again

FACTOR = Phrasings(
    train=[
        "Factor {e}.",
        "Factorise {e}.",
        "Factorize the polynomial {e}.",
        "Factor the polynomial {e}",
        "Write {e} as a product of factors.",
        "What is the factorization of {e}?",
        "What are the factors of {e}?",
        "Can you factor {e}?",
        "Factor {e} completely.",
        "Find the factored form of {e}.",
        "Give the factors of {e}",
        "How does {e} factor?",
        "Split {e} into factors.",
        "Express {e} in factored form.",
        "Put {e} into factored form",
        "{e}: factor this",
        "I need to factor {e}.",
        "Decompose {e} into factors.",
        "Rewrite {e} as a product.",
        "factor: {e}",
        "How do I factor {e}?",
    ],
    held_out=[
        "Could you write {e} in factors?",
        "Tell me how {e} splits into factors.",
        "What do you get when you factor {e}?",
        "Break {e} up into its factors",
        "Please show {e} as a product of polynomials.",
    ],
)


@family("factor", weight=0.8)
def factor(rng: ProblemRandom, phrasings: Split) -> Problem:
    content = rng.content(POOL)
    variable = content.choice(VARIABLES)
    spelling = Spelling.draw(content)
    symbol = sympy.Symbol(variable)
    roots = [content.randint(-9, 9) for _ in range(content.choice((2, 2, 2, 2, 3)))]
    product = sympy.Integer(content.choice((1, 1, 1, 1, 2, 3)))
    for place, root in enumerate(roots):
        lead = content.choice((1, 1, 1, 2, 3)) if place == 0 else 1
        product *= lead * symbol - root
    coefficients = [int(c) for c in sympy.Poly(product, symbol).all_coeffs()]
    expression = spelling.polynomial(coefficients, variable)
    question, phrasing_id = FACTOR.ask(rng, phrasings, e=expression, v=variable)
    return Problem(
        family="factor",
        question=question,
        thought="A polynomial: factor it.",
        calls=(Call("symbolic_math", {"operation": "factor", "expression": expression.human}),),
        conclusion="That is the product.",
        answer=str(sympy.factor(product)),
        answer_kind="expression",
        phrasing_id=phrasing_id,
    )


EXPAND = Phrasings(
    train=[
        "Expand {e}.",
        "Multiply out {e}.",
        "Expand the product {e}",
        "What is {e} expanded?",
        "Remove the brackets: {e}",
        "Expand the brackets in {e}.",
        "Write {e} without brackets.",
        "What do you get when you expand {e}?",
        "Can you expand {e}?",
        "Multiply {e} out.",
        "Expand and collect {e}.",
        "Give the expanded form of {e}",
        "Find the expanded form of {e}.",
        "{e} expanded is what?",
        "Work out {e} without the brackets.",
        "Open the brackets of {e}.",
        "I need {e} expanded.",
        "expand: {e}",
        "Write {e} as a sum of powers.",
        "Express {e} as a polynomial.",
        "How do I expand {e}?",
        "Write {e} as a polynomial in {v}.",
        "Take {e} and expand it.",
        "Given {e}, multiply it out.",
        "Consider {e}. What is its expanded form?",
        "If you multiply out {e}, what is the result?",
        "When {e} is expanded, what do we get?",
        "We have {e}. Expand it.",
        "Distribute {e}.",
        "Clear the brackets in {e}.",
        "Carry out the multiplication {e}.",
        "Multiply the factors of {e}.",
        "Rewrite {e} with no brackets.",
        "Bring {e} into expanded form.",
        "Turn {e} into a sum of terms.",
        "{e}: expand it",
        "{e}: multiply out",
        "{e} multiplied out is what?",
        "{e} without brackets?",
        "{e} as a polynomial?",
        "What is {e} as a polynomial in {v}?",
        "What is {e} without brackets?",
        "What is the expansion of {e}?",
        "Which sum of terms equals {e}?",
        "Do the brackets in {e} and collect the terms.",
        "Simplify {e} by expanding.",
        "In powers of {v}, what is {e}?",
        "Put {e} into the form of a polynomial.",
    ],
    held_out=[
        "Could you multiply {e} out for me?",
        "Tell me what {e} is when expanded.",
        "Get rid of the parentheses in {e}.",
        "Please write out {e} in full",
        "What polynomial is {e}?",
    ],
)


@family("expand", weight=0.8)
def expand(rng: ProblemRandom, phrasings: Split) -> Problem:
    content = rng.content(POOL)
    variable = content.choice(VARIABLES)
    spelling = Spelling.draw(content)
    kind = content.random()
    if kind < 0.6:
        parts = [
            spelling.polynomial([content.choice((1, 1, 1, 2, 3, 4)), nonzero(content, 9)], variable)
            for _ in range(content.choice((2, 2, 2, 3)))
        ]
        expression = spelling.product(*(spelling.bracket(part) for part in parts))
    elif kind < 0.85:
        inner = spelling.polynomial([content.choice((1, 1, 2, 3)), nonzero(content, 9)], variable)
        expression = spelling.bracket(inner, content.randint(2, 4))
    else:
        inner = polynomial_draw(content, spelling, variable, degree=2)
        front = spelling.term(content.randint(2, 9), variable, content.choice((1, 1, 2)))
        expression = Expression(f"{front.human}{spelling.times}({inner.human})", f"{front.python}*({inner.python})")
    question, phrasing_id = EXPAND.ask(rng, phrasings, e=expression, v=variable)
    return Problem(
        family="expand",
        question=question,
        thought="Brackets: expand them.",
        calls=(Call("symbolic_math", {"operation": "expand", "expression": expression.human}),),
        conclusion="That is the expanded form.",
        answer=str(sympy.expand(expression.value)),
        answer_kind="expression",
        phrasing_id=phrasing_id,
    )


ROOTS = Phrasings(
    train=[
        "What are the roots of {e}?",
        "Find the roots of {e}.",
        "Find the zeros of {e}.",
        "What are the zeros of the polynomial {e}?",
        "Where is {e} equal to zero?",
        "Roots of {e}?",
        "Give all roots of {e}",
        "For which {v} is {e} zero?",
        "Find all zeros of f({v}) = {e}.",
        "Let f({v}) = {e}. Where is f zero?",
        "Compute the roots of the polynomial {e}.",
        "Determine the zeros of {e}.",
        "At which {v} does {e} vanish?",
        "Where does y = {e} cross the {v} axis?",
        "Which numbers are roots of {e}?",
        "I need the roots of {e}.",
        "Calculate all roots of {e}.",
        "zeros of {e}",
        "Find every root of p({v}) = {e}",
        "When does {e} become zero?",
        "Can you find the roots of {e}?",
    ],
    held_out=[
        "Could you tell me where {e} is zero?",
        "List the zeros of the function {e}.",
        "What {v} make {e} equal to zero?",
        "Please find all roots of the polynomial {e} in {v}",
        "The graph of {e} meets the {v} axis where?",
    ],
)


@family("roots", weight=0.9)
def roots(rng: ProblemRandom, phrasings: Split) -> Problem:
    content = rng.content(POOL)
    variable = content.choice(VARIABLES)
    spelling = Spelling.draw(content)
    symbol = sympy.Symbol(variable)
    zeros = sorted(content.sample(range(-9, 10), content.choice((1, 2, 2, 2, 2, 3, 3))))
    product = sympy.Integer(content.choice((1, 1, 1, 2, 3, -1)))
    for zero in zeros:
        product *= symbol - zero
    coefficients = [int(c) for c in sympy.Poly(product, symbol).all_coeffs()]
    expression = spelling.polynomial(coefficients, variable)
    question, phrasing_id = ROOTS.ask(rng, phrasings, e=expression, v=variable)
    return Problem(
        family="roots",
        question=question,
        thought="Roots: solve for zero.",
        calls=(Call("symbolic_math", {"operation": "solve", "expression": expression.human}),),
        conclusion="Those are the roots.",
        answer=" or ".join(f"{variable} = {zero}" for zero in zeros),
        answer_kind="set",
        result=str(zeros),
        phrasing_id=phrasing_id,
    )


SIMPLIFY = Phrasings(
    train=[
        "Simplify {e}.",
        "Simplify the expression {e}",
        "What is {e} in simplest form?",
        "Can you simplify {e}?",
        "Write {e} more simply.",
        "Reduce {e}.",
        "Bring {e} into its simplest form.",
        "{e} simplified?",
        "Make {e} simpler.",
        "What does {e} simplify to?",
        "Find the simplest form of {e}.",
        "Give the simplified form of {e}",
        "Shorten {e} as far as possible.",
        "I need to simplify {e}.",
        "Collect the terms in {e}.",
        "Combine like terms: {e}",
        "simplify: {e}",
        "How can {e} be simplified?",
        "Express {e} as simply as possible.",
        "Reduce {e} to its simplest form",
        "How do I simplify {e}?",
    ],
    held_out=[
        "Could you write {e} in a simpler way?",
        "Tell me the simplest form of {e}.",
        "What is left of {e} after simplifying?",
        "Please tidy up {e}",
        "Simplify {e} as much as you can.",
    ],
)


def _unsimple(rng: random.Random, spelling: Spelling, v: str) -> Expression:
    kind = rng.random()
    if kind < 0.5:
        terms = [spelling.term(nonzero(rng, 9), v, rng.choice((0, 1, 1, 1, 2))) for _ in range(rng.randint(3, 4))]
        return spelling.sum(terms)
    if kind < 0.65:
        first = spelling.scaled(rng.randint(2, 6), spelling.bracket(spelling.polynomial([1, nonzero(rng, 9)], v)))
        second = spelling.term(nonzero(rng, 9), v, 1)
        return spelling.sum([first, second])
    if kind < 0.85:
        root = nonzero(rng, 9)
        top = spelling.polynomial([1, 0, -root * root], v)
        if rng.random() < 0.5:
            other = nonzero(rng, 9)
            top = spelling.polynomial([1, other - root, -root * other], v)
        bottom = spelling.polynomial([1, -root], v)
        return Expression(f"({top.human})/({bottom.human})", f"({top.python})/({bottom.python})")
    sine = spelling.raised(f"sin({v})", 2) if spelling.power != "²" else f"sin({v})^2"
    cosine = sine.replace("sin", "cos")
    python = f"sin({v})**2 + cos({v})**2"
    scale = rng.choice((1, 2, 3, 5))
    joined = f"{sine} + {cosine}"
    return Expression(joined if scale == 1 else f"{scale}({joined})", f"{scale}*({python})")


@family("simplify")
def simplify(rng: ProblemRandom, phrasings: Split) -> Problem:
    content = rng.content(1500)
    variable = content.choice(VARIABLES)
    expression = _unsimple(content, Spelling.draw(content), variable)
    question, phrasing_id = SIMPLIFY.ask(rng, phrasings, e=expression, v=variable)
    return Problem(
        family="simplify",
        question=question,
        thought="An expression: simplify it.",
        calls=(Call("symbolic_math", {"operation": "simplify", "expression": expression.human}),),
        conclusion="That is the simplest form.",
        answer=str(sympy.simplify(expression.value)),
        answer_kind="expression",
        phrasing_id=phrasing_id,
    )


AT_POINT = Phrasings(
    train=[
        "Evaluate {e} at {v} = {a}.",
        "What is {e} when {v} = {a}?",
        "What is the value of {e} for {v} = {a}?",
        "Compute {e} for {v} = {a}.",
        "If {v} = {a}, what is {e}?",
        "f({v}) = {e}. What is f({a})?",
        "Let f({v}) = {e}. Find f({a}).",
        "Given f({v}) = {e}, compute f({a}).",
        "Plug {v} = {a} into {e}.",
        "Find the value of {e} if {v} is {a}.",
        "{e} at {v} = {a}?",
        "Substitute {v} = {a} in {e}",
        "How much is {e} when {v} is {a}?",
        "Put {a} for {v} in {e}.",
        "g({v}) = {e}, g({a}) = ?",
        "Calculate {e} with {v} = {a}.",
        "Suppose {v} = {a}. What is {e}?",
        "For {v} = {a}, evaluate {e}",
        "What does {e} give at {v} = {a}?",
        "Work out {e} when {v} equals {a}.",
        "What value has the polynomial {e} at {v} = {a}?",
        "Let {v} = {a}. What is {e}?",
        "Let {v} be {a}. Compute {e}.",
        "Let {v} = {a} in {e}. What is the result?",
        "Given {v} = {a}, find {e}.",
        "Given that {v} is {a}, evaluate {e}.",
        "{v} = {a}. What is {e}?",
        "{v} = {a}, {e} = ?",
        "If {v} equals {a}, what is the value of {e}?",
        "If {v} is {a}, then {e} is what?",
        "If f({v}) = {e}, what is f({a})?",
        "If p({v}) = {e}, then p({a}) is what?",
        "When {v} = {a}, what does {e} equal?",
        "When {v} is {a}, what is the value of {e}?",
        "Suppose f({v}) = {e}. How much is f({a})?",
        "Consider f({v}) = {e}. Calculate f({a}).",
        "My function is f({v}) = {e}. What value has f({a})?",
        "The function f({v}) = {e} has what value at {a}?",
        "Take {e} and set {v} to {a}.",
        "Set {v} = {a} in {e}.",
        "Replace {v} by {a} in {e}.",
        "Use {v} = {a} to evaluate {e}.",
        "Find f({a}) if f({v}) = {e}.",
        "Compute p({a}) where p({v}) = {e}.",
        "What is f({a}) when f({v}) = {e}?",
        "{e}, where {v} = {a}",
        "{e} for {v} = {a}?",
        "{e}: value at {v} = {a}?",
        "y = {e}. What is y at {v} = {a}?",
        "Which value does {e} take at {v} = {a}?",
    ],
    held_out=[
        "Could you work out {e} for {v} equal to {a}?",
        "Tell me the value of {e} at {v} = {a}.",
        "With {v} = {a}, how much is {e}?",
        "h({v}) = {e}. Please compute h({a})",
        "Insert {v} = {a} into {e}. What do you get?",
    ],
)


@family("evaluate_at")
def evaluate_at(rng: ProblemRandom, phrasings: Split) -> Problem:
    content = rng.content(POOL)
    variable = content.choice(VARIABLES)
    expression = polynomial_draw(
        content, Spelling.draw(content), variable, degree=content.choice((1, 2, 2, 2, 3, 3, 4))
    )
    at = content.choice((content.randint(-9, 12), content.randint(2, 30)))
    question, phrasing_id = AT_POINT.ask(rng, phrasings, e=expression, v=variable, a=at)
    value = expression.value.subs(sympy.Symbol(variable), at)
    arguments = {"operation": "evaluate", "expression": expression.human, "variable": variable, "at": str(at)}
    return Problem(
        family="evaluate_at",
        question=question,
        thought=f"Put {at} for {variable}.",
        calls=(Call("symbolic_math", arguments),),
        conclusion="That is the value.",
        answer=str(value),
        answer_kind="number",
        phrasing_id=phrasing_id,
    )
