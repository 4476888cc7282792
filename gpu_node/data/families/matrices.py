"""Determinants, inverses and products of small matrices through symbolic_math's matrix operation."""

import random

import sympy

from gpu_node.data.families.registry import family
from gpu_node.data.problem import Call, Phrasings, Problem, ProblemRandom, Split

POOL = 1500  # distinct matrices a family trains on

DETERMINANT = Phrasings(
    train=[
        "What is the determinant of {m}?",
        "Find the determinant of {m}.",
        "Compute the determinant of the matrix {m}.",
        "det {m}",
        "det({m}) = ?",
        "Calculate det {m}.",
        "What is det({m})?",
        "Determinant of {m}",
        "Give the determinant of the matrix {m}",
        "Let A = {m}. What is det A?",
        "A = {m}. Find the determinant of A.",
        "What's the determinant of the matrix {m}?",
        "Work out the determinant of {m}.",
        "I need the determinant of {m}.",
        "Evaluate the determinant of {m}.",
        "How large is the determinant of {m}?",
        "The matrix is {m}. What is its determinant?",
        "Can you find the determinant of {m}?",
        "Determine det({m})",
        "determinant: {m}",
    ],
    held_out=[
        "Could you compute det {m} for me?",
        "Tell me the determinant of the matrix {m}.",
        "What value has the determinant of {m}?",
        "Please find det({m})",
        "For the matrix {m}, what is the determinant?",
    ],
)
INVERSE = Phrasings(
    train=[
        "What is the inverse of {m}?",
        "Find the inverse of {m}.",
        "Compute the inverse of the matrix {m}.",
        "Invert {m}.",
        "Invert the matrix {m}",
        "inverse of {m}",
        "Calculate the inverse matrix of {m}.",
        "Let A = {m}. What is the inverse of A?",
        "A = {m}. Find A^-1.",
        "Which matrix is the inverse of {m}?",
        "Give the inverse of the matrix {m}",
        "What's the inverse matrix of {m}?",
        "Work out the inverse of {m}.",
        "I need the inverse of {m}.",
        "The matrix is {m}. What is its inverse?",
        "Can you invert {m}?",
        "Determine the inverse of {m}.",
        "inv {m}",
        "inv({m}) = ?",
        "How do I invert {m}?",
    ],
    held_out=[
        "Could you invert the matrix {m} for me?",
        "Tell me the inverse of {m}.",
        "What do you get when you invert {m}?",
        "Please find the inverse matrix for {m}",
        "For the matrix {m}, give the inverse.",
    ],
)
PRODUCT = Phrasings(
    train=[
        "What is {m} times {o}?",
        "Multiply {m} by {o}.",
        "Multiply the matrices {m} and {o}.",
        "Compute the product of {m} and {o}.",
        "{m} * {o}",
        "{m} * {o} = ?",
        "What is the product of the matrices {m} and {o}?",
        "Find {m} * {o}.",
        "Calculate {m} times {o}.",
        "A = {m}, B = {o}. What is AB?",
        "Let A = {m} and B = {o}. Find A * B.",
        "Matrix product of {m} and {o}",
        "What do you get when you multiply {m} by {o}?",
        "Give the product of {m} and {o}",
        "Work out {m} * {o}.",
        "I need the matrix product {m} * {o}.",
        "Can you multiply {m} and {o}?",
        "Evaluate {m} * {o}",
        "Take the matrix {m} times the matrix {o}.",
        "How much is {m} * {o}?",
    ],
    held_out=[
        "Could you multiply the matrix {m} by the matrix {o}?",
        "Tell me the product of {m} and {o}.",
        "Please work out the matrix product of {m} with {o}",
        "With A = {m} and B = {o}, what is the product AB?",
        "The matrices {m} and {o} multiplied give what?",
    ],
)


def _rows(rng: random.Random, size: int, limit: int = 9) -> list[list[int]]:
    return [[rng.randint(-limit // 2 if rng.random() < 0.3 else 0, limit) for _ in range(size)] for _ in range(size)]


def _spelled(rng: random.Random, rows: list[list[int]]) -> str:
    return str(rows) if rng.random() < 0.6 else str(rows).replace(" ", "")


def _call(expression: str) -> tuple[Call, ...]:
    return (Call("symbolic_math", {"operation": "matrix", "expression": expression}),)


@family("determinant", weight=0.6)
def determinant(rng: ProblemRandom, phrasings: Split) -> Problem:
    content = rng.content(POOL)
    rows = _rows(content, content.choice((2, 2, 2, 3)), content.choice((5, 9, 9, 20)))
    spelled = _spelled(content, rows)
    question, phrasing_id = DETERMINANT.ask(rng, phrasings, m=spelled)
    return Problem(
        family="determinant",
        question=question,
        thought="A determinant of a matrix.",
        calls=_call(f"det {spelled}"),
        conclusion="That is the determinant.",
        answer=str(sympy.Matrix(rows).det()),
        answer_kind="number",
        phrasing_id=phrasing_id,
    )


@family("matrix_inverse", weight=0.5)
def matrix_inverse(rng: ProblemRandom, phrasings: Split) -> Problem:
    content = rng.content(POOL)
    rows = _rows(content, 2)
    while sympy.Matrix(rows).det() == 0:
        rows = _rows(content, 2)
    spelled = _spelled(content, rows)
    question, phrasing_id = INVERSE.ask(rng, phrasings, m=spelled)
    return Problem(
        family="matrix_inverse",
        question=question,
        thought="The inverse of a matrix.",
        calls=_call(f"inv {spelled}"),
        conclusion="That is the inverse.",
        answer=str(sympy.Matrix(rows).inv().tolist()),
        answer_kind="text",
        phrasing_id=phrasing_id,
    )


@family("matrix_product", weight=0.6)
def matrix_product(rng: ProblemRandom, phrasings: Split) -> Problem:
    content = rng.content(POOL)
    rows, others = _rows(content, 2), _rows(content, 2)
    is_wide = content.random() < 0.6
    first, second = (str(m) if is_wide else str(m).replace(" ", "") for m in (rows, others))
    question, phrasing_id = PRODUCT.ask(rng, phrasings, m=first, o=second)
    return Problem(
        family="matrix_product",
        question=question,
        thought="A product of matrices.",
        calls=_call(f"{first} * {second}"),
        conclusion="That is the product.",
        answer=str((sympy.Matrix(rows) * sympy.Matrix(others)).tolist()),
        answer_kind="text",
        phrasing_id=phrasing_id,
    )
