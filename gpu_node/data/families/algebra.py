"""Equations, systems and polynomials: made from their solutions, solved by symbolic_math from the text as it stands."""

import random
from fractions import Fraction

import sympy

from gpu_node.data.expressions import VARIABLES, Expression, Spelling, nonzero, polynomial_draw
from gpu_node.data.families.registry import family
from gpu_node.data.problem import Call, Phrasings, Problem, ProblemRandom, Split

POOL = 3000  # distinct expressions a family trains on: their results are computed once and met again

EQUATION = Phrasings(
    train=[
        "Solve {e}.",
        "Solve {e} for {v}.",
        "Solve the equation {e}.",
        "What is {v} if {e}?",
        "Find {v}: {e}",
        "Find {v} such that {e}.",
        "{e}, {v} = ?",
        "{e}. What is {v}?",
        "If {e}, what is {v}?",
        "For which {v} is {e}?",
        "Which value of {v} makes {e} true?",
        "Can you solve {e}?",
        "I need {v} in {e}.",
        "Given {e}, find {v}.",
        "Work out {v} from {e}.",
        "What value of {v} satisfies {e}?",
        "Determine {v} when {e}.",
        "solve for {v}: {e}",
        "Calculate {v} if {e}",
        "Let {e}. Find {v}.",
        "What does {v} equal in {e}?",
        "{e} solve",
        "Suppose {e}. Then {v} is what?",
        "How do I solve {e}?",
    ],
    held_out=[
        "Could you find the value of {v} in the equation {e}?",
        "Tell me {v} given that {e}.",
        "What must {v} be so that {e}?",
        "My equation is {e}. Solve it.",
        "When {e}, how much is {v}?",
        "Help me get {v} out of {e}",
    ],
)


def _number(value: Fraction) -> str:
    return str(value)


@family("linear_equation", weight=1.4)
def linear_equation(rng: ProblemRandom, phrasings: Split) -> Problem:
    content = rng.content(POOL)
    variable = content.choice(VARIABLES)
    spelling = Spelling.draw(content)
    a, solution = nonzero(content, 15), Fraction(content.randint(-20, 30))
    if content.random() < 0.2:
        solution = Fraction(nonzero(content, 20), content.randint(2, 7))
    kind = content.random()
    if kind < 0.5:
        b = content.randint(-50, 60)
        left, right = spelling.polynomial([a, b], variable), a * solution + b
        while right.denominator != 1:
            a *= right.denominator
            left, right = spelling.polynomial([a, b], variable), a * solution + b
        sides = [left.human, str(right)]
    elif kind < 0.75:
        b, c = content.randint(-20, 30), nonzero(content, 12)
        c = c if c != a else c + 1 or 1
        d = a * solution + b - c * solution
        if d.denominator != 1:
            solution = Fraction(solution.numerator)
            d = a * solution + b - c * solution
        sides = [spelling.polynomial([a, b], variable).human, spelling.polynomial([c, int(d)], variable).human]
    elif kind < 0.9:
        b = nonzero(content, 12)
        solution = Fraction(solution.numerator)
        inner = spelling.polynomial([1, b], variable)
        scale = content.randint(2, 9)
        sides = [spelling.scaled(scale, spelling.bracket(inner)).human, str(scale * (solution + b))]
    else:
        divisor, b = content.randint(2, 9), nonzero(content, 15)
        solution = Fraction(solution.numerator * divisor)
        joint = " + " if b > 0 else " - "
        sides = [f"{variable}/{divisor}{joint}{abs(b)}", str(solution / divisor + b)]
    if content.random() < 0.1:
        sides.reverse()
    equation = " = ".join(sides) if spelling.spaced else "=".join(sides)
    question, phrasing_id = EQUATION.ask(rng, phrasings, e=equation, v=variable)
    return Problem(
        family="linear_equation",
        question=question,
        thought="A linear equation: solve.",
        calls=(Call("symbolic_math", {"operation": "solve", "expression": equation}),),
        conclusion="The equation is solved.",
        answer=f"{variable} = {_number(solution)}",
        answer_kind="set",
        result=f"[{_number(solution)}]",
        phrasing_id=phrasing_id,
        completion=equation,
    )


QUADRATIC = Phrasings(
    train=[
        *EQUATION.train[:12],
        "Solve the quadratic equation {e}.",
        "Find the solutions of {e}.",
        "What are the solutions of {e}?",
        "Find all {v} with {e}.",
        "What are the roots of {e}?",
        "Find both solutions: {e}",
        "Which numbers {v} satisfy {e}?",
        "Give all solutions of {e}",
        "Find the roots of the equation {e}.",
        "For what values of {v} is {e}?",
        "quadratic: {e}",
        "Determine the solutions of {e} in {v}.",
        "I need the solutions of the quadratic {e}.",
    ],
    held_out=[
        "Could you find every {v} for which {e}?",
        "Tell me all solutions of the equation {e}.",
        "What values can {v} have if {e}?",
        "My quadratic is {e}. Solve it.",
        "List the roots of {e}",
        "Please work out both values of {v} in {e}",
    ],
)


@family("quadratic_equation", weight=1.3)
def quadratic_equation(rng: ProblemRandom, phrasings: Split) -> Problem:
    content = rng.content(POOL)
    variable = content.choice(VARIABLES)
    spelling = Spelling.draw(content)
    first, second = sorted(content.sample(range(-12, 13), 2))
    if content.random() < 0.12:
        second = first = content.randint(-9, 9) or 1
    if content.random() < 0.2:
        second = abs(first) or 3
        first = -second
    scale = content.choice((1, 1, 1, 1, 1, 2, 3, -1))
    coefficients = [scale, -scale * (first + second), scale * first * second]
    left = spelling.polynomial(coefficients, variable)
    right = 0
    if content.random() < 0.35 and coefficients[2]:
        left, right = spelling.polynomial([*coefficients[:2], 0], variable), -coefficients[2]
    joint = " = " if spelling.spaced else "="
    equation = f"{left.human}{joint}{right}"
    roots = sorted({first, second})
    question, phrasing_id = QUADRATIC.ask(rng, phrasings, e=equation, v=variable)
    return Problem(
        family="quadratic_equation",
        question=question,
        thought="A quadratic equation: solve.",
        calls=(Call("symbolic_math", {"operation": "solve", "expression": equation}),),
        conclusion="The equation is solved.",
        answer=" or ".join(f"{variable} = {root}" for root in roots),
        answer_kind="set",
        result=str(roots),
        phrasing_id=phrasing_id,
        completion=equation,
    )


SYSTEM = Phrasings(
    train=[
        "Solve {s}.",
        "Solve the system {s}.",
        "Solve the system of equations {s}.",
        "Find {vs}: {s}",
        "Find {vs} such that {s}.",
        "What are {vs} if {s}?",
        "If {s}, what are {vs}?",
        "Solve for {vs}: {s}",
        "Given {s}, find {vs}.",
        "Solve these equations: {s}",
        "Solve simultaneously: {s}",
        "Work out {vs} from {s}.",
        "Which {vs} satisfy {s}?",
        "{s}. Find {vs}.",
        "{s}, what are {vs}?",
        "Solve the simultaneous equations {s}.",
        "Determine {vs} when {s}.",
        "I have the equations {s}. What are {vs}?",
        "Let {s}. What are {vs}?",
        "Calculate {vs} if {s}",
        "system: {s}",
        "Can you solve the system {s}?",
        "Find the solution of {s}.",
    ],
    held_out=[
        "Could you find {vs} in the system {s}?",
        "Tell me {vs} given that {s}.",
        "My equations are {s}. Solve them.",
        "What values of {vs} make {s} true?",
        "Please solve the pair of equations {s}",
        "When {s}, how much are {vs}?",
    ],
)
_NAMES_2 = (("x", "y"),) * 5 + (("a", "b"), ("u", "v"), ("p", "q"), ("s", "t"), ("m", "n"), ("r", "w"))
_NAMES_3 = (("x", "y", "z"),) * 4 + (("a", "b", "c"), ("u", "v", "w"), ("p", "q", "r"))


def _system(rng: random.Random, spelling: Spelling, names: tuple[str, ...]) -> tuple[list[str], list[int]]:
    solution = [rng.randint(-9, 12) for _ in names]
    while True:
        rows = [[rng.choice((1, 1, 1, 2, 3, 4, 5, -1, -2, -3)) for _ in names] for _ in names]
        if len(names) == 3:
            rows = [[c if rng.random() < 0.8 else 0 for c in row] for row in rows]
        if all(sum(map(bool, row)) for row in rows) and sympy.Matrix(rows).det() != 0:
            break
    equations = []
    for row in rows:
        left = spelling.sum([spelling.term(c, name, 1) for c, name in zip(row, names, strict=True) if c])
        value = sum(c * s for c, s in zip(row, solution, strict=True))
        equations.append(f"{left.human} = {value}" if spelling.spaced else f"{left.human}={value}")
    return equations, solution


def _system_problem(rng: ProblemRandom, phrasings: Split, *, family_name: str, pool: int, is_three: bool) -> Problem:
    content = rng.content(pool)
    names = content.choice(_NAMES_3 if is_three else _NAMES_2)
    equations, solution = _system(content, Spelling.draw(content), names)
    joined = ", ".join(equations)
    form = content.random()
    if form < 0.2:
        asked = "; ".join(equations)
    elif form < 0.5:
        asked = ", ".join(equations[:-1]) + " and " + equations[-1]
    else:
        asked = joined
    unknowns = ", ".join(names[:-1]) + " and " + names[-1]
    question, phrasing_id = SYSTEM.ask(rng, phrasings, s=asked, vs=unknowns)
    values = dict(zip(names, solution, strict=True))
    return Problem(
        family=family_name,
        question=question,
        thought=f"{'Three' if is_three else 'Two'} equations: solve the system.",
        calls=(Call("symbolic_math", {"operation": "solve", "expression": joined}),),
        conclusion="The system is solved.",
        answer=", ".join(f"{name} = {value}" for name, value in values.items()),
        answer_kind="set",
        result="{" + ", ".join(f"{name}: {value}" for name, value in values.items()) + "}",
        phrasing_id=phrasing_id,
        completion=joined,
    )


@family("system_2x2", weight=1.2)
def system_2x2(rng: ProblemRandom, phrasings: Split) -> Problem:
    return _system_problem(rng, phrasings, family_name="system_2x2", pool=2500, is_three=False)


@family("system_3x3", weight=0.7)
def system_3x3(rng: ProblemRandom, phrasings: Split) -> Problem:
    return _system_problem(rng, phrasings, family_name="system_3x3", pool=1000, is_three=True)


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


@family("factor")
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
    ],
    held_out=[
        "Could you multiply {e} out for me?",
        "Tell me what {e} is when expanded.",
        "Get rid of the parentheses in {e}.",
        "Please write out {e} in full",
        "What polynomial is {e}?",
    ],
)


@family("expand")
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
        answer=str(sympy.expand(sympy.sympify(expression.python))),
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


@family("roots")
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
        answer=str(sympy.simplify(sympy.sympify(expression.python))),
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
    value = sympy.sympify(expression.python).subs(sympy.Symbol(variable), at)
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
