"""Sums in symbols go verbatim to symbolic_math; sums in words are written as Python; tiny ones are answered at once."""

import random
from fractions import Fraction

from gpu_node.data.expressions import exact
from gpu_node.data.families.registry import family
from gpu_node.data.problem import Call, Phrasings, Problem, ProblemRandom, Split

CALCULATE = Phrasings(
    train=[
        "What is {e}?",
        "Calculate {e}.",
        "Compute {e}.",
        "{e} = ?",
        "{e}",
        "{e}?",
        "How much is {e}?",
        "Evaluate {e}",
        "What's {e}",
        "Find {e}.",
        "Work out {e}.",
        "What does {e} equal?",
        "What is the value of {e}?",
        "Give me the result of {e}.",
        "{e} equals what?",
        "I need the value of {e}.",
        "What do you get for {e}?",
        "Can you calculate {e}?",
        "{e} is how much?",
        "What's the result of {e}?",
        "Determine {e}",
        "Figure out {e}.",
        "calc {e}",
        "What is the answer to {e}?",
        "{e} =",
        "Do this sum: {e}",
        "Solve {e}",
        "Solve: {e}",
        "Answer: {e}",
        "Compute: {e}",
        "{e} makes what?",
        "{e} gives what?",
        "{e}, what is it?",
        "{e}: what is the result?",
        "What does {e} make?",
        "What does {e} give?",
        "What is {e} equal to?",
        "Which number do you get from {e}?",
        "How much does {e} make?",
        "If you compute {e}, what do you get?",
        "Take {e}. What is the result?",
        "Here is a sum: {e}",
        "I have {e}. What is that?",
        "Help me with {e}.",
        "How do I work out {e}?",
    ],
    held_out=[
        "Could you tell me what {e} is?",
        "Tell me the value of {e}.",
        "What number is {e}?",
        "Let me know what {e} comes to.",
        "The result of {e} is?",
        "Please do {e} for me",
    ],
)


def _evaluated(
    name: str, rng: ProblemRandom, phrasings: Split, *, expression: str, value: Fraction | str, thought: str
) -> Problem:
    question, phrasing_id = CALCULATE.ask(rng, phrasings, e=expression)
    return Problem(
        family=name,
        question=question,
        thought=thought,
        calls=(Call("symbolic_math", {"operation": "evaluate", "expression": expression}),),
        conclusion="That is the value.",
        answer=str(value),
        answer_kind="number",
        phrasing_id=phrasing_id,
        completion=expression,
    )


_SIGNS = (("+", "-", "*", "/"),) * 6 + (("+", "−", "×", "÷"), ("+", "-", "×", "/"), ("+", "-", "·", ":"))  # noqa: RUF001 - people write these signs


def _chain(rng: random.Random) -> tuple[str, str]:
    """2-5 numbers with + - * and brackets; divisions come out even."""
    plus, minus, times, over = rng.choice(_SIGNS[:8])
    spaced = rng.random() < 0.85
    kind = rng.random()
    if kind < 0.5:
        limit = rng.choice((20, 100, 100, 1000, 10_000))
        numbers = [rng.randint(2, limit) for _ in range(rng.choice((2, 2, 3, 3, 4, 5)))]
        signs = [rng.choice((plus, plus, minus, times)) for _ in numbers[1:]]
        parts = [str(numbers[0])]
        for sign, number in zip(signs, numbers[1:], strict=True):
            parts += [sign, str(number)]
    elif kind < 0.65:
        divisor, quotient = rng.randint(2, 30), rng.randint(2, 90)
        parts = [str(divisor * quotient), over, str(divisor)]
        if rng.random() < 0.4:
            parts += [rng.choice((plus, minus)), str(rng.randint(1, 99))]
    elif kind < 0.9:
        a, b, c, d = (rng.randint(2, 60) for _ in range(4))
        parts = rng.choice(
            (
                [f"({a}", plus, f"{b})", times, str(c)],
                [str(a), times, f"({b}", minus, f"{c})"],
                [str(a), plus, str(b), times, f"({c}", minus, f"{d})"],
                [f"({a}", plus, f"{b})", times, f"({c}", minus, f"{d})"],
                [f"({a}", minus, f"{b})", times, str(c), plus, str(d)],
            )
        )
    else:
        parts = [str(rng.randint(100, 99_999)), rng.choice((plus, minus, times)), str(rng.randint(100, 9999))]
    text = (" " if spaced else "").join(parts)
    python = text.replace(plus, "+").replace(minus, "-").replace(times, "*").replace(over, "/")
    return text, str(exact(python))


@family("arithmetic_chain", weight=1.3)
def arithmetic_chain(rng: ProblemRandom, phrasings: Split) -> Problem:
    text, value = _chain(rng)
    return _evaluated("arithmetic_chain", rng, phrasings, expression=text, value=value, thought="A sum: evaluate it.")


@family("tiny_sum", weight=0.8)
def tiny_sum(rng: ProblemRandom, phrasings: Split) -> Problem:
    """Few enough to know by heart, so answered with no tool: 155 sums and differences of two single digits.

    A small net does not compute in its head, and products take it too long to learn: those go to a tool.
    """
    a, b = rng.randint(0, 9), rng.randint(0, 9)
    sign = rng.choice("+-" if a >= b else "+")
    value = a + b if sign == "+" else a - b
    expression = f"{a} {sign} {b}" if rng.random() < 0.8 else f"{a}{sign}{b}"
    question, phrasing_id = CALCULATE.ask(rng, phrasings, e=expression)
    return Problem(
        family="tiny_sum",
        question=question,
        thought="Easy, no tool needed.",
        calls=(),
        conclusion="",
        answer=str(value),
        answer_kind="number",
        direct_ok=True,
        phrasing_id=phrasing_id,
        completion=expression,
    )


@family("fractions")
def fractions(rng: ProblemRandom, phrasings: Split) -> Problem:
    content = rng.content(4000)
    count = content.choice((2, 2, 2, 3))
    spaced = content.random() < 0.85
    sides = [(content.randint(1, 15), content.randint(2, 16)) for _ in range(count)]
    signs = [content.choice("++-*") for _ in sides[1:]]
    divides = content.random() < 0.15
    if divides:
        sides, signs = sides[:2], ["/"]
    texts = [f"({n}/{d})" if divides else f"{n}/{d}" for n, d in sides]
    text = texts[0]
    for sign, other in zip(signs, texts[1:], strict=True):
        text += f" {sign} {other}" if spaced else f"{sign}{other}"
    value = Fraction(*sides[0])
    total, term = Fraction(0), value
    for sign, side in zip(signs, sides[1:], strict=True):
        number = Fraction(*side)
        if sign == "*":
            term *= number
        elif sign == "/":
            term /= number
        else:
            total, term = total + term, number if sign == "+" else -number
    return _evaluated("fractions", rng, phrasings, expression=text, value=total + term, thought="Fractions: evaluate.")


@family("decimals")
def decimals(rng: ProblemRandom, phrasings: Split) -> Problem:
    content = rng.content(4000)
    places = content.choice((1, 1, 2, 2, 3))
    numbers = [
        Fraction(content.randint(1, 10 ** (places + content.choice((1, 1, 2)))), 10**places)
        for _ in range(content.choice((2, 2, 3)))
    ]
    signs = [content.choice("++-*") for _ in numbers[1:]]
    texts = [f"{float(n):.{places}f}" for n in numbers]
    text = texts[0]
    total, term = Fraction(0), numbers[0]
    for sign, number, spelled in zip(signs, numbers[1:], texts[1:], strict=True):
        text += f" {sign} {spelled}"
        if sign == "*":
            term *= number
        else:
            total, term = total + term, number if sign == "+" else -number
    return _evaluated("decimals", rng, phrasings, expression=text, value=total + term, thought="Decimals: evaluate.")


_POWER_WORDS = ("{a}^{b}", "{a}**{b}", "{a}^{b}", "{a} ^ {b}")


def _spoken_root(rng: ProblemRandom, phrasings: Split) -> Problem:
    base = rng.randint(2, 60)
    words, expression = rng.choice(
        (
            (f"the square root of {base**2}", f"sqrt({base**2})"),
            (f"the square root of {base**2}", f"sqrt({base**2})"),
            (f"the cube root of {base**3}", f"root({base**3}, 3)"),
        )
    )
    question, phrasing_id = SPOKEN.ask(rng, phrasings, w=words)
    return Problem(
        family="powers",
        question=question,
        thought="A root: evaluate.",
        calls=(Call("symbolic_math", {"operation": "evaluate", "expression": expression}),),
        conclusion="That is the value.",
        answer=str(base),
        answer_kind="number",
        phrasing_id=phrasing_id,
    )


@family("powers", weight=0.8)
def powers(rng: ProblemRandom, phrasings: Split) -> Problem:
    if rng.random() < 0.15:
        return _spoken_root(rng, phrasings)
    content = rng.content(4000)
    kind = content.random()
    a, b = content.randint(2, 25), content.randint(2, 9)
    if kind < 0.6:
        text, value = content.choice(_POWER_WORDS).format(a=a, b=b), a**b
        if content.random() < 0.3:
            c = content.randint(2, 99)
            sign = content.choice("+-")
            text, value = f"{text} {sign} {c}", value + c if sign == "+" else value - c
    elif kind < 0.7:
        text, value = (f"{a}²", a**2) if content.random() < 0.5 else (f"{a}³", a**3)
    elif kind < 0.85:
        root = content.randint(2, 99)
        text, value = f"sqrt({root * root})", root
    else:
        c, d = content.randint(2, 12), content.randint(2, 4)
        sign = content.choice("+-")
        text = f"{a}^2 {sign} {c}^{d}"
        value = a**2 + c**d if sign == "+" else a**2 - c**d
    return _evaluated("powers", rng, phrasings, expression=text, value=Fraction(value), thought="Powers: evaluate.")


SPOKEN = Phrasings(
    train=[
        "What is {w}?",
        "Calculate {w}.",
        "Compute {w}.",
        "How much is {w}?",
        "What's {w}",
        "Find {w}.",
        "Work out {w}.",
        "Give me {w}.",
        "I need {w}.",
        "Can you calculate {w}?",
        "What does {w} make?",
        "Tell me {w}.",
        "What do you get for {w}?",
        "{w}?",
        "{w}",
        "Determine {w}",
        "Figure out {w}.",
        "Could you give me {w}?",
        "What number is {w}?",
        "What is the value of {w}?",
        "Please calculate {w}",
        "What is the result of {w}?",
        "What's the value of {w}?",
        "What does {w} give?",
        "What does {w} equal?",
        "What is {w} equal to?",
        "How much does {w} make?",
        "How much does {w} give?",
        "If you take {w}, what do you get?",
        "If I compute {w}, what is the result?",
        "Solve: {w}",
        "Compute this: {w}",
        "Evaluate {w}.",
        "Answer: {w}",
        "Show me {w}.",
        "Get {w}.",
        "{w} equals what?",
        "{w} makes what?",
        "{w} gives what number?",
        "{w} = ?",
        "{w}: what is the result?",
        "I want {w}.",
        "I am looking for {w}.",
        "We need the number that is {w}.",
        "Here is a sum: {w}. What is the result?",
        "Which number do you get from {w}?",
        "Which number equals {w}?",
        "Do you know {w}?",
    ],
    held_out=[
        "Let me know {w}.",
        "How many is {w}?",
        "I would like to know {w}.",
        "What would {w} be?",
        "Say what {w} is.",
        "{w} is what?",
    ],
)
# (words, Python, value)
_SPOKEN_FORMS = (
    ("{a} plus {b}", "{a} + {b}"),
    ("{a} minus {b}", "{a} - {b}"),
    ("{a} times {b}", "{a} * {b}"),
    ("{a} multiplied by {b}", "{a} * {b}"),
    ("the sum of {a} and {b}", "{a} + {b}"),
    ("the difference between {a} and {b}", "{a} - {b}"),
    ("the product of {a} and {b}", "{a} * {b}"),
    ("{m} divided by {b}", "{m} // {b}"),
    ("{a} plus {b} plus {c}", "{a} + {b} + {c}"),
    ("{a} plus {b} minus {c}", "{a} + {b} - {c}"),
    ("the sum of {a}, {b} and {c}", "{a} + {b} + {c}"),
    ("{a} times {b} plus {c}", "{a} * {b} + {c}"),
    ("{a} squared", "{a} ** 2"),
    ("{s} cubed", "{s} ** 3"),
    ("the square of {a}", "{a} ** 2"),
    ("the cube of {s}", "{s} ** 3"),
    ("{s} to the power of {p}", "{s} ** {p}"),
    ("{s} to the {p}th power", "{s} ** {p}"),
    ("2 to the power {a2}", "2 ** {a2}"),
    ("double {a}", "2 * {a}"),
    ("half of {e}", "{e} // 2"),
    ("three times {a}", "3 * {a}"),
    ("{a} less than {big}", "{big} - {a}"),
    ("{a} more than {b}", "{b} + {a}"),
    ("{a} added to {b}", "{a} + {b}"),
    ("{a} subtracted from {big}", "{big} - {a}"),
    ("{m} over {b}", "{m} // {b}"),
    ("the quotient of {m} and {b}", "{m} // {b}"),
)


_NUMBER_WORDS: dict[int, object] = dict(
    enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split()
    )
)
_NUMBER_WORDS |= {30: "thirty", 40: "forty", 50: "fifty", 60: "sixty", 70: "seventy", 80: "eighty", 90: "ninety"}


@family("spoken_sum")
def spoken_sum(rng: ProblemRandom, phrasings: Split) -> Problem:
    words, python = rng.choice(_SPOKEN_FORMS)
    b = rng.randint(2, rng.choice((30, 99, 999)))
    a = rng.randint(11, rng.choice((99, 999, 9999)))
    values = {
        "a": a,
        "b": b,
        "c": rng.randint(2, 200),
        "m": b * rng.randint(2, 60),
        "s": rng.randint(2, 30),
        "p": rng.randint(4, 8),
        "a2": rng.randint(5, 24),
        "e": 2 * rng.randint(6, 900),
        "big": a + rng.randint(1, 999),
    }
    if rng.random() < 0.15:  # small numbers as words, too
        values |= {"a": rng.randint(2, 20), "b": b % 19 + 2, "c": rng.randint(2, 20), "s": rng.randint(2, 12)}
        values |= {"m": values["b"] * rng.randint(2, 60), "big": values["a"] + rng.randint(1, 99)}
        spoken = {name: _NUMBER_WORDS.get(value, value) for name, value in values.items() if name != "p"}
        spoken["p"] = values["p"]
    else:
        spoken = dict(values)
    expression = python.format(**values)
    question, phrasing_id = SPOKEN.ask(rng, phrasings, w=words.format(**spoken))
    question = question[0].upper() + question[1:] if rng.random() < 0.5 else question
    return Problem(
        family="spoken_sum",
        question=question,
        thought="A sum in words.",
        calls=(Call("execute_python", {"code": f"print({expression})"}),),
        conclusion="That is the result.",
        answer=str(exact(expression.replace("//", "/"))),
        answer_kind="number",
        phrasing_id=phrasing_id,
    )
