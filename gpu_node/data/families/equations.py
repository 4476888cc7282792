"""Equations and systems: made from their solutions, solved by symbolic_math from the text as it stands."""

import random
from fractions import Fraction

import sympy

from gpu_node.data.expressions import VARIABLES, Spelling, nonzero
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


@family("quadratic_equation", weight=1.0)
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
