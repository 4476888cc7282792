"""Derivatives, integrals and limits: the expression is copied from the question into symbolic_math as it stands."""

import sympy

from gpu_node.data.expressions import VARIABLES, Spelling, smooth_draw
from gpu_node.data.families.registry import family
from gpu_node.data.problem import Call, Phrasings, Problem, ProblemRandom, Split

POOL = 6000  # distinct expressions a family trains on: their results are computed once and met again

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


@family("derivative", weight=2.0)
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
        answer=str(sympy.diff(sympy.sympify(expression.python), sympy.Symbol(variable))),
        answer_kind="expression",
        phrasing_id=phrasing_id,
    )
