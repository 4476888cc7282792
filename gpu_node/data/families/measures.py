"""Unit conversions, areas and volumes, coins and dice: one printed expression with the question's numbers in it.

Not here: word problems that only mention a unit (word_problems.py).
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from gpu_node.data.exact_value import exact_value
from gpu_node.data.families.registry import family
from gpu_node.data.families.templates import alternatives
from gpu_node.data.problem import Call, Phrasings, Problem, Split

CONVERSIONS = (  # from, to, expression with {n}
    ("hours", "minutes", "{n} * 60"), ("minutes", "seconds", "{n} * 60"), ("days", "hours", "{n} * 24"),
    ("weeks", "days", "{n} * 7"), ("years", "months", "{n} * 12"), ("minutes", "hours", "{n} / 60"),
    ("seconds", "minutes", "{n} / 60"), ("hours", "days", "{n} / 24"), ("hours", "seconds", "{n} * 3600"),
    ("km", "m", "{n} * 1000"), ("kilometers", "meters", "{n} * 1000"), ("m", "km", "{n} / 1000"),
    ("meters", "kilometers", "{n} / 1000"), ("m", "cm", "{n} * 100"), ("meters", "centimeters", "{n} * 100"),
    ("cm", "m", "{n} / 100"), ("centimeters", "meters", "{n} / 100"), ("cm", "mm", "{n} * 10"),
    ("mm", "cm", "{n} / 10"),
    ("kg", "g", "{n} * 1000"), ("kilograms", "grams", "{n} * 1000"), ("g", "kg", "{n} / 1000"),
    ("grams", "kilograms", "{n} / 1000"), ("tons", "kg", "{n} * 1000"), ("liters", "milliliters", "{n} * 1000"),
    ("milliliters", "liters", "{n} / 1000"), ("l", "ml", "{n} * 1000"), ("ml", "l", "{n} / 1000"),
    ("feet", "inches", "{n} * 12"), ("inches", "feet", "{n} / 12"), ("yards", "feet", "{n} * 3"),
    ("feet", "yards", "{n} / 3"),
    ("pounds", "ounces", "{n} * 16"), ("inches", "cm", "{n} * 254 / 100"), ("miles", "feet", "{n} * 5280"),
    ("dollars", "cents", "{n} * 100"), ("cents", "dollars", "{n} / 100"), ("dozen", "pieces", "{n} * 12"),
    ("degrees Celsius", "Fahrenheit", "{n} * 9 / 5 + 32"), ("degrees Fahrenheit", "Celsius", "({n} - 32) * 5 / 9"),
)  # fmt: skip
CONVERT = Phrasings(
    train=alternatives(
        [
            "Convert {n} {u} [to|into] {v}.",
            "How many {v} are [there |]in {n} {u}?",
            "How many {v} is {n} {u}?",
            "[What is|What's] {n} {u} in {v}?",
            "{n} {u} in {v}?",
            "{n} {u} to {v}",
            "{n} {u} is how many {v}?",
            "{n} {u} = ? {v}",
            "Express {n} {u} in {v}.",
            "Change {n} {u} [to|into] {v}.",
            "How much is {n} {u} in {v}?",
            "[Can you convert|Please convert] {n} {u} to {v}",
            "How many {v} make {n} {u}?",
            "Write {n} {u} in {v}.",
            "[Find|Give me|Compute] {n} {u} in {v}.",
            "Take {n} {u} and convert to {v}.",
            "Given {n} {u}, [find the {v}|how many {v} is that].",
            "[We have|There are] {n} {u}. How many {v} is that?",
            "If I have {n} {u}, how many {v} do I have?",
            "If you convert {n} {u} to {v}, what do you get?",
            "If something is {n} {u}, what is it in {v}?",
            "In {v}, [what|how much] is {n} {u}?",
            "In {v}: {n} {u}",
            "From {u} to {v}: {n}",
            "From {u} to {v}, convert {n}.",
            "How many {v} do you get from {n} {u}?",
            "How many {v} are the same as {n} {u}?",
            "How many {v} are equal to {n} {u}?",
            "How many {v} are {n} {u}?",
            "How many {v} does it take to make {n} {u}?",
            "How do you [write|express] {n} {u} in {v}?",
            "What is {n} {u} [converted to|expressed in|measured in] {v}?",
            "What is the value of {n} {u} in {v}?",
            "[Work out|Calculate|Determine|Show] {n} {u} in {v}.",
            "[Rewrite|State|Measure] {n} {u} in {v}.",
            "Translate {n} {u} [to|into] {v}.",
            "I need {n} {u} in {v}.",
            "I want to change {n} {u} into {v}.",
            "Do the conversion: {n} {u} to {v}",
            "convert: {n} {u}, {v}",
            "{n} {u} -> {v}",
            "{n} {u} = how many {v}?",
            "{n} {u}, how many {v}?",
            "{n} {u}: how many {v}?",
            "{n} {u} makes how many {v}?",
            "{n} {u} expressed in {v} is what?",
        ]
    ),
    held_out=[
        "Turn {n} {u} into {v}.",
        "{n} {u} equals what number of {v}?",
        "I have {n} {u}. What is that in {v}?",
        "Give {n} {u} as {v}.",
        "What do {n} {u} come to in {v}?",
    ],
)


@dataclass(frozen=True)
class Shape:
    expression: str
    sizes: Callable[[random.Random], dict[str, int]]
    train: tuple[str, ...]
    held_out: tuple[str, ...]


def _sizes(*slots: str, top: int = 40) -> Callable[[random.Random], dict[str, int]]:
    def draw(rng: random.Random) -> dict[str, int]:
        high = rng.choice((12, top, 3 * top))
        return {slot: rng.randint(2, high) for slot in slots}

    return draw


_FIND = "[What is|Find|Calculate|Compute|What's|Give me] the"
_UNSEEN = ("Work out the {q} for {s}.", "For {s}, how big is the {q}?", "Which {q} has {s}?", "{s}: determine its {q}.",
           "I need the {q} of {s}, please.")  # fmt: skip


_TRAINED = (
    "How much is the QUANTITY of SHAPE?", "[Determine|Show|State] the QUANTITY of SHAPE.",
    "The QUANTITY of SHAPE is what?", "What would be the QUANTITY of SHAPE?", "What QUANTITY does SHAPE have?",
    "How do you [get|compute] the QUANTITY of SHAPE?", "SHAPE has what QUANTITY?", "SHAPE, QUANTITY?",
    "QUANTITY: SHAPE",
    "[There is|We have|I have|I drew|Here is] SHAPE. [What is its QUANTITY?|Find its QUANTITY.|Compute the QUANTITY.]",
    "[If|When] you have SHAPE, what is [its|the] QUANTITY?", "Given SHAPE, [find|what is] the QUANTITY.",
    "[Take|Imagine|Consider] SHAPE. [What is its QUANTITY?|Calculate its QUANTITY.]",
    "[Suppose there is|Let there be] SHAPE. [What is its QUANTITY?|Find the QUANTITY.]",
    "I [want to know|am looking for|have to find] the QUANTITY of SHAPE.",
)  # fmt: skip


def _shape(quantity: str, shapes: tuple[str, ...], expression: str, *slots: str, more: tuple[str, ...] = ()) -> Shape:
    train = [f"{_FIND} {quantity} of {shape}." for shape in shapes] + [f"{shape}: {quantity}?" for shape in shapes]
    train += [f"{quantity.capitalize()} of {shape}?" for shape in shapes] + list(more)
    train += [f"[How do I find|Can you find|Please find|I want] the {quantity} of {shape}?" for shape in shapes]
    train += [wording.replace("QUANTITY", quantity).replace("SHAPE", shape) for wording in _TRAINED for shape in shapes]
    held_out = [text.format(q=quantity, s=shapes[0].replace("{", "{{").replace("}", "}}")) for text in _UNSEEN]
    held_out = [text.replace("{{", "{").replace("}}", "}") for text in held_out]
    return Shape(expression, _sizes(*slots), tuple(alternatives(train)), tuple(held_out))


_RECTANGLE = (
    "a rectangle with sides {a} and {b}", "a rectangle with length {a} and width {b}", "a {a} by {b} rectangle",
    "a rectangle of {a} by {b}", "a rectangle {a} cm long and {b} cm wide", "a rectangle {a} m by {b} m",
)  # fmt: skip
_SQUARE = ("a square with side {a}", "a square with sides of {a}", "a square of side {a}",
           "a square with side length {a}", "a square whose side is {a} cm")  # fmt: skip
_FIELD = "A [garden|room|field] is {a} m long and {b} m wide. [What is its|Find its] "
_RADIUS = (
    "a circle with radius {a}",
    "a circle of radius {a}",
    "a circle whose radius is {a}",
    "a circle with a radius of {a} cm",
)
SHAPES = (
    _shape("area", _RECTANGLE, "{a} * {b}", "a", "b", more=(_FIELD + "area?",)),
    _shape("perimeter", _RECTANGLE, "2 * ({a} + {b})", "a", "b", more=(_FIELD + "perimeter?",)),
    _shape("area", _SQUARE, "{a} ** 2", "a"),
    _shape("perimeter", _SQUARE, "4 * {a}", "a"),
    _shape(
        "area",
        (
            "a triangle with base {a} and height {b}",
            "a triangle with a base of {a} and a height of {b}",
            "a triangle of base {a} and height {b}",
        ),
        "{a} * {b} / 2",
        "a",
        "b",
    ),
    _shape(
        "perimeter",
        (
            "a triangle with sides {a}, {b} and {c}",
            "a triangle with sides {a}, {b}, {c}",
            "a triangle whose sides are {a}, {b} and {c}",
        ),
        "{a} + {b} + {c}",
        "a",
        "b",
        "c",
    ),
    _shape(
        "volume",
        (
            "a box with sides {a}, {b} and {c}",
            "a {a} by {b} by {c} box",
            "a box {a} cm by {b} cm by {c} cm",
            "a box of length {a}, width {b} and height {c}",
        ),
        "{a} * {b} * {c}",
        "a",
        "b",
        "c",
    ),
    _shape(
        "volume",
        ("a cube with side {a}", "a cube of side {a}", "a cube with edge {a}", "a cube with edge length {a}"),
        "{a} ** 3",
        "a",
    ),
    _shape("surface area", ("a cube with side {a}", "a cube of side {a}", "a cube with edge {a}"), "6 * {a} ** 2", "a"),
    _shape(
        "area",
        ("a parallelogram with base {a} and height {b}", "a parallelogram of base {a} and height {b}"),
        "{a} * {b}",
        "a",
        "b",
    ),
    _shape(
        "area",
        (
            "a trapezoid with parallel sides {a} and {b} and height {c}",
            "a trapezoid with bases {a} and {b} and height {c}",
        ),
        "({a} + {b}) / 2 * {c}",
        "a",
        "b",
        "c",
    ),
)
CIRCLE = (
    ("area", "pi * {a}**2", _RADIUS),
    ("circumference", "2 * pi * {a}", _RADIUS),
    ("volume", "4/3 * pi * {a}**3", ("a sphere with radius {a}", "a sphere of radius {a}", "a ball with radius {a}")),
    (
        "volume",
        "pi * {a}**2 * {b}",
        ("a cylinder with radius {a} and height {b}", "a cylinder of radius {a} and height {b}"),
    ),
)
CIRCLES = tuple((_shape(quantity, shapes, expression, "a", "b"), quantity) for quantity, expression, shapes in CIRCLE)


def _decimal(value: Fraction) -> str | None:
    """The exact decimal if it has at most four digits behind the point."""
    scaled = value * 10_000
    return f"{float(value):.10g}" if scaled.denominator == 1 else None


def _python(name: str, asked: tuple[str, str], thought: str, code: str, answer: str, kind: str = "number") -> Problem:
    return Problem(
        family=name,
        question=asked[0][0].upper() + asked[0][1:],
        thought=thought,
        calls=(Call("execute_python", {"code": code}),),
        conclusion="That is the answer.",
        answer=answer,
        answer_kind=kind,  # type: ignore[arg-type]
        phrasing_id=asked[1],
        result=answer,
    )


@family("unit_conversion", weight=1.2)
def unit_conversion(rng: random.Random, phrasings: Split) -> Problem:
    while True:
        source, target, expression = rng.choice(CONVERSIONS)
        number = str(rng.randint(2, rng.choice((12, 60, 500, 5000))))
        if rng.random() < 0.2:
            number += rng.choice((".5", ".25", ".75", ".5"))
        value = exact_value(expression.format(n=number))
        answer = _decimal(value)
        if answer is not None and value > 0:
            break
    asked = CONVERT.ask(rng, phrasings, n=number, u=source, v=target)
    return _python("unit_conversion", asked, "Convert the unit.", f"print({expression.format(n=number)})", answer)


@family("geometry", weight=1.5)
def geometry(rng: random.Random, phrasings: Split) -> Problem:
    if rng.random() < 0.2:
        return _circle(rng, phrasings)
    place = rng.randrange(len(SHAPES))
    shape = SHAPES[place]
    sizes = shape.sizes(rng)
    asked = Phrasings(train=shape.train, held_out=shape.held_out).ask(rng, phrasings, **sizes)
    expression = shape.expression.format(**sizes)
    answer = _decimal(exact_value(expression))
    assert answer is not None
    return _python("geometry", (asked[0], f"{place}-{asked[1]}"), "Use the formula.", f"print({expression})", answer)


def _circle(rng: random.Random, phrasings: Split) -> Problem:
    """Exact, in terms of pi, by symbolic_math."""
    place = rng.randrange(len(CIRCLES))
    shape, _ = CIRCLES[place]
    a, b = rng.randint(2, 20), rng.randint(2, 30)
    question, phrasing_id = Phrasings(train=shape.train, held_out=shape.held_out).ask(rng, phrasings, a=a, b=b)
    expression = shape.expression.format(a=a, b=b)
    factor = exact_value(expression.replace("pi", "1"))
    answer = f"{factor}*pi" if factor.denominator == 1 else f"{factor.numerator}*pi/{factor.denominator}"
    return Problem(
        family="geometry",
        question=question[0].upper() + question[1:],
        thought="Use the formula.",
        calls=(Call("symbolic_math", {"operation": "evaluate", "expression": expression}),),
        conclusion="That is the answer.",
        answer=answer,
        answer_kind="expression",
        phrasing_id=f"circle {place}-{phrasing_id}",
    )


_FRACTION = "from fractions import Fraction as F; "
_NUMBER_WORDS = ("", "one", "two", "three", "four", "five", "six", "seven", "eight")


def _counted(rng: random.Random, number: int) -> str:
    """In digits, or now and then as a word."""
    return _NUMBER_WORDS[number] if rng.random() < 0.3 else str(number)


EXACTLY_HEADS = Phrasings(
    train=alternatives(
        [
            "What is the probability of [exactly |]{k} {side} in {n} [coin flips|coin tosses|tosses|flips of a coin]?",
            "A [fair |]coin is [flipped|tossed] {n} times. What is the probability of exactly {k} {side}?",
            "You [flip|toss] a coin {n} times. What is the [chance|probability] of [getting |]exactly {k} {side}?",
            "Probability of exactly {k} {side} in {n} [tosses|flips]?",
            "If I flip a coin {n} times, what is the probability of [getting |]exactly {k} {side}?",
        ]
    ),
    held_out=[
        "How likely are exactly {k} {side} when a coin is thrown {n} times?",
        "{n} coins are thrown. With what probability do exactly {k} show {side}?",
        "Find the odds that {n} tosses give {k} {side} precisely.",
        "Throw a coin {n} times: chance for exactly {k} {side}?",
        "Tossing {n} times, how probable are exactly {k} {side}?",
    ],
)
AT_LEAST_HEADS = Phrasings(
    train=alternatives(
        [
            "What is the probability of at least {k} {side} in {n} [coin flips|coin tosses|tosses|flips of a coin]?",
            "A [fair |]coin is [flipped|tossed] {n} times. What is the probability of at least {k} {side}?",
            "You [flip|toss] a coin {n} times. What is the [chance|probability] of [getting |]at least {k} {side}?",
            "Probability of at least {k} {side} in {n} [tosses|flips]?",
            "If I flip a coin {n} times, what is the probability of [getting |]at least {k} {side}?",
        ]
    ),
    held_out=[
        "How likely are at least {k} {side} when a coin is thrown {n} times?",
        "{n} coins are thrown. With what probability do at least {k} show {side}?",
        "Find the odds that {n} tosses give {k} or more {side}.",
        "Throw a coin {n} times: chance for at least {k} {side}?",
        "Tossing {n} times, how probable are at least {k} {side}?",
    ],
)
DICE_SUM = Phrasings(
    train=alternatives(
        [
            "What is the probability that {n} dice [sum to|add up to|show a sum of|total] {k}?",
            "[You roll|I roll|Someone rolls] {n} dice. What is the probability of a [sum|total] of {k}?",
            "What is the [probability|chance] of rolling a [sum|total] of {k} with {n} dice?",
            "Probability of a [sum|total] of {k} with {n} dice?",
            "What is the chance that {n} dice [sum to|add up to] {k}?",
            "If I roll {n} dice, what is the probability that the sum is {k}?",
            "{n} dice are rolled. What is the chance that they [sum to|add up to] {k}?",
        ]
    ),
    held_out=[
        "How likely is a sum of {k} when {n} dice are thrown?",
        "{n} dice are thrown. With what probability do their eyes come to {k}?",
        "Find the odds that {n} dice give {k} together.",
        "Throw {n} dice: chance for a sum of {k}?",
        "Rolling {n} dice, how probable is {k} in total?",
    ],
)


@family("probability")
def probability(rng: random.Random, phrasings: Split) -> Problem:
    if rng.random() < 0.35:
        dice = rng.choice((2, 2, 3))
        total = rng.randint(dice, 6 * dice)
        question, phrasing_id = DICE_SUM.ask(rng, phrasings, n=_counted(rng, dice), k=total)
        count = sum(ways for value, ways in _dice_sums(dice).items() if value == total)
        listing = f"product(range(1, 7), repeat={dice})"
        code = (
            f"{_FRACTION}from itertools import product; print(F(sum(sum(r) == {total} for r in {listing}), 6**{dice}))"
        )
        return _python(
            "probability", (question, f"dice-{phrasing_id}"), "Count the cases.", code, str(Fraction(count, 6**dice))
        )
    flips = rng.randint(2, 8)
    heads, side = rng.randint(1, flips), rng.choice(("heads", "tails"))
    is_exact = rng.random() < 0.5
    wording = EXACTLY_HEADS if is_exact else AT_LEAST_HEADS
    question, phrasing_id = wording.ask(rng, phrasings, n=_counted(rng, flips), k=_counted(rng, heads), side=side)
    counted = f"comb({flips}, {heads})" if is_exact else f"sum(comb({flips}, k) for k in range({heads}, {flips} + 1))"
    ways = sum(math.comb(flips, k) for k in (range(heads, heads + 1) if is_exact else range(heads, flips + 1)))
    code = f"{_FRACTION}from math import comb; print(F({counted}, 2**{flips}))"
    asked = (question, f"{'exactly' if is_exact else 'least'}-{phrasing_id}")
    return _python("probability", asked, "Count the cases.", code, str(Fraction(ways, 2**flips)))


def _dice_sums(dice: int) -> dict[int, int]:
    sums = {0: 1}
    for _ in range(dice):
        new: dict[int, int] = {}
        for value, ways in sums.items():
            for face in range(1, 7):
                new[value + face] = new.get(value + face, 0) + ways
        sums = new
    return sums
