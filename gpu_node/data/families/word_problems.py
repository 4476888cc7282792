"""One- and two-step word problems: one print of one expression, numbers in the order of the text where that goes.

A kind is the wordings of its sentences (each part has alternatives, each combination is a phrasing), an expression
over the numbers {a} {b} {c}, and how they are drawn. Held-out wordings are other sentences throughout.
Not here: real problems (gsm8k.py), geometry and units (measures.py).
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from gpu_node.data.exact_value import exact_value
from gpu_node.data.families import vocabulary
from gpu_node.data.families.registry import family
from gpu_node.data.families.templates import alternatives, stories
from gpu_node.data.families.word_problem_wordings import QUESTIONS, WORDINGS
from gpu_node.data.problem import Call, Phrasings, Problem, Split

WHOLE_SHARE = 0.5  # of the trained phrasings of a kind: whole problems, not sentences put together
DISTRACTOR_SHARE = 0.1
DISTRACTORS = (
    "{m} has {d} cousins.", "{m} is {d} years old.", "{m} lives at number {d}.", "It is day {d} of the month.",
    "The shop has been open for {d} years.", "{m} owns {d} books.",
    "It is {d} degrees outside.", "{m} walked {d} minutes to get there.", "There are {d} houses in the street.",
    "{m} weighs {d} kg.", "The bus comes every {d} minutes.", "{d} people live in {m}'s house.",
    "{m} slept for {d} hours this week.", "The town is {d} minutes away.", "{m} was there {d} days ago.",
    "The room is {d} steps long.", "It rained on {d} days last month.",
    "{m}'s phone number ends in {d}.",
)  # fmt: skip

PRONOUNS = ({"he": "he", "him": "him", "his": "his"}, {"he": "she", "him": "her", "his": "her"})

_SENTENCE_START = re.compile(r"(?:^|(?<=[.?!] ))[a-z]")

Numbers = dict[str, int]


@dataclass(frozen=True)
class Kind:
    expression: str
    numbers: Callable[[random.Random], Numbers]
    phrasings: Phrasings


def _numbers(**ranges: tuple[int, int]) -> Callable[[random.Random], Numbers]:
    """Each number from its range; small or large problems alike."""

    def draw(rng: random.Random) -> Numbers:
        scale = rng.choice((1, 1, 1, 4))
        return {slot: rng.randint(low, high if high <= 12 else high * scale) for slot, (low, high) in ranges.items()}

    return draw


def _less(rng: random.Random) -> Numbers:
    a = rng.randint(5, rng.choice((20, 60, 100, 500)))
    return {"a": a, "b": rng.randint(1, a - 1)}


def _less_two(rng: random.Random) -> Numbers:
    a = rng.randint(8, rng.choice((30, 60, 100, 500)))
    b = rng.randint(1, a - 3)
    return {"a": a, "b": b, "c": rng.randint(1, a - b - 1)}


def _divides(rng: random.Random) -> Numbers:
    b = rng.randint(2, 12)
    return {"a": b * rng.randint(2, rng.choice((12, 30))), "b": b}


def _remains(rng: random.Random) -> Numbers:
    b = rng.randint(3, 12)
    return {"a": b * rng.randint(2, 15) + rng.randint(1, b - 1), "b": b}


def _shared_sum(rng: random.Random) -> Numbers:
    c = rng.randint(2, 9)
    total = c * rng.randint(3, 15)
    a = rng.randint(1, total - 1)
    return {"a": a, "b": total - a, "c": c}


def _groups_less(rng: random.Random) -> Numbers:
    a, b = rng.randint(2, 12), rng.randint(3, 20)
    return {"a": a, "b": b, "c": rng.randint(1, a * b - 1)}


def _change(rng: random.Random) -> Numbers:
    b, c = rng.randint(2, 9), rng.randint(2, 9)
    return {"a": b * c + rng.randint(1, 40), "b": b, "c": c}


def _percent(rng: random.Random) -> Numbers:
    while True:
        a, b = rng.choice((5, 10, 15, 20, 25, 30, 40, 50, 60, 75, 80, 90)), rng.randint(2, 60) * rng.choice((1, 5, 10))
        if a * b % 100 == 0:
            return {"a": a, "b": b}


def _fraction(rng: random.Random) -> Numbers:
    b = rng.choice((2, 3, 4, 5, 10))
    return {"a": b * rng.randint(2, 30), "b": b}


def _ratio(rng: random.Random) -> Numbers:
    a, b = rng.sample(range(1, 8), 2)
    return {"a": a, "b": b, "c": (a + b) * rng.randint(2, 12)}


def _rate(rng: random.Random) -> Numbers:
    a = rng.randint(2, 9)
    return {"a": a, "b": a * rng.randint(2, 12), "c": rng.randint(2, 12)}


def _grown(rng: random.Random) -> Numbers:
    a = rng.randint(2, 60)
    return {"a": a, "b": a + rng.randint(1, 60)}


def _pages(rng: random.Random) -> Numbers:
    b, c = rng.randint(3, 30), rng.randint(2, 9)
    return {"a": b * c + rng.randint(5, 200), "b": b, "c": c}


NUMBERS: dict[str, tuple[str, Callable[[random.Random], Numbers]]] = {
    "gain": ("{a} + {b}", _numbers(a=(2, 60), b=(1, 60))),
    "lose": ("{a} - {b}", _less),
    "two_people_total": ("{a} + {b}", _numbers(a=(2, 60), b=(2, 60))),
    "three_total": ("{a} + {b} + {c}", _numbers(a=(2, 40), b=(2, 40), c=(2, 40))),
    "rest": ("{a} - {b}", _less),
    "grown": ("{b} - {a}", _grown),
    "more_than": ("{a} + {b}", _numbers(a=(2, 60), b=(1, 40))),
    "less_than": ("{a} - {b}", _less),
    "difference": ("{a} - {b}", _less),
    "groups": ("{a} * {b}", _numbers(a=(2, 20), b=(2, 30))),
    "share": ("{a} / {b}", _divides),
    "pack": ("{a} / {b}", _divides),
    "left_over": ("{a} % {b}", _remains),
    "times_as_many": ("{a} * {b}", _numbers(a=(2, 40), b=(2, 9))),
    "gain_lose": ("{a} + {b} - {c}", lambda rng: {"c": rng.randint(1, 9), **_numbers(a=(5, 60), b=(5, 60))(rng)}),
    "lose_gain": ("{a} - {b} + {c}", _less_two),
    "lose_two": ("{a} - {b} - {c}", _less_two),
    "groups_more": ("{a} * {b} + {c}", _numbers(a=(2, 12), b=(2, 20), c=(1, 40))),
    "groups_less": ("{a} * {b} - {c}", _groups_less),
    "two_groups": ("{a} * {b} + {c} * {d}", _numbers(a=(2, 9), b=(2, 12), c=(2, 9), d=(2, 12))),
    "share_sum": ("({a} + {b}) / {c}", _shared_sum),
    "times_total": ("{a} + {a} * {b}", _numbers(a=(2, 40), b=(2, 6))),
    "more_total": ("{a} + {a} + {b}", _numbers(a=(2, 60), b=(1, 30))),
    "legs": ("{a} * 4 + {b} * 2", _numbers(a=(1, 30), b=(1, 30))),
    "price": ("{a} * {b}", _numbers(a=(2, 12), b=(2, 30))),
    "change": ("{a} - {b} * {c}", _change),
    "two_prices": ("{a} * {b} + {c} * {d}", _numbers(a=(2, 9), b=(2, 12), c=(2, 9), d=(2, 12))),
    "unit_price": ("{b} / {a}", _rate),
    "scaled_price": ("{b} / {a} * {c}", _rate),
    "earn": ("{a} * {b}", _numbers(a=(5, 30), b=(2, 12))),
    "save_weeks": ("{b} / {a}", lambda rng: {"a": (n := _divides(rng))["b"], "b": n["a"]}),
    "distance": ("{a} * {b}", _numbers(a=(10, 120), b=(2, 12))),
    "speed": ("{a} / {b}", _divides),
    "travel_time": ("{a} / {b}", lambda rng: {"a": (b := rng.randint(3, 90)) * rng.randint(2, 9), "b": b}),
    "work_rate": ("{a} * {b}", _numbers(a=(2, 60), b=(2, 12))),
    "pages_left": ("{a} - {b} * {c}", _pages),
    "pages_days": ("{a} / {b}", _divides),
    "older": ("{a} + {b}", _numbers(a=(3, 60), b=(1, 12))),
    "younger": ("{a} - {b}", lambda rng: {"a": (a := rng.randint(6, 70)), "b": rng.randint(1, min(a - 1, 30))}),
    "in_years": ("{a} + {b}", _numbers(a=(3, 50), b=(2, 12))),
    "older_in_years": ("{a} + {b} + {c}", _numbers(a=(3, 50), b=(1, 12), c=(2, 12))),
    "percent_of": ("{a} * {b} / 100", _percent),
    "discount": ("{b} - {b} * {a} / 100", _percent),
    "half": ("{a} / 2", lambda rng: {"a": 2 * rng.randint(2, 60)}),
    "half_left_gain": ("{a} / 2 + {b}", lambda rng: {"a": 2 * rng.randint(2, 60), "b": rng.randint(1, 40)}),
    "third_left": ("{a} - {a} / 3", lambda rng: {"a": 3 * rng.randint(2, 40)}),
    "twice_total": ("{a} + {a} * 2", _numbers(a=(2, 60))),
    "ratio": ("{c} * {a} / ({a} + {b})", _ratio),
}

FAMILIES_OF_KINDS: dict[str, tuple[str, ...]] = {
    "word_add_subtract": (
        "gain", "lose", "two_people_total", "three_total", "rest", "grown", "more_than", "less_than", "difference",
    ),
    "word_multiply_divide": ("groups", "share", "pack", "left_over", "times_as_many", "half"),
    "word_two_steps": (
        "gain_lose", "lose_gain", "lose_two", "groups_more", "groups_less", "two_groups", "share_sum", "times_total",
        "more_total", "legs", "half_left_gain", "third_left", "twice_total",
    ),
    "word_money": ("price", "change", "two_prices", "unit_price", "scaled_price", "earn", "save_weeks", "discount"),
    "word_rate": ("distance", "speed", "travel_time", "work_rate", "pages_left", "pages_days"),
    "word_age": ("older", "younger", "in_years", "older_in_years"),
    "word_percent_ratio": ("percent_of", "ratio", "discount", "half", "third_left"),
}  # fmt: skip


def _units_mixed(text: str) -> bool:
    """Kilometres and miles in one problem: its numbers would have to be converted first."""
    return "km" in text and ("mile" in text or "mph" in text)


def _trained(told: list[str], questions: list[str]) -> list[str]:
    """Stories told in parts and whole questions; the fewer ones repeated, so that each is drawn as WHOLE_SHARE says."""
    told = [story for story in told if not _units_mixed(story)]
    whole = [question for question in alternatives(questions) if not _units_mixed(question)]
    repeats = round(len(told) * WHOLE_SHARE / (1 - WHOLE_SHARE) / len(whole))
    return told + whole * max(1, repeats)


def _kinds_build() -> dict[str, Kind]:
    assert WORDINGS.keys() == NUMBERS.keys(), WORDINGS.keys() ^ NUMBERS.keys()
    assert QUESTIONS.keys() == NUMBERS.keys(), QUESTIONS.keys() ^ NUMBERS.keys()
    kinds = {}
    for name, (train, held_out) in WORDINGS.items():
        expression, numbers = NUMBERS[name]
        kinds[name] = Kind(
            expression,
            numbers,
            Phrasings(train=_trained(stories(*train), QUESTIONS[name]), held_out=stories(*held_out)),
        )
    return kinds


KINDS = _kinds_build()


def _distract(rng: random.Random, question: str, slots: dict[str, object]) -> str:
    """An idle sentence with a number of its own, before the last sentence."""
    idle = rng.choice(DISTRACTORS).format(m=slots["k"], d=rng.randint(2, 60))
    head, separator, tail = question.rpartition(". ")
    return f"{head}{separator}{idle} {tail}" if head else question


def _slots(rng: random.Random) -> dict[str, object]:
    n, m, k = vocabulary.names_draw(rng, 3)
    things, others, thirds = vocabulary.objects_draw(rng, 3)
    box = rng.choice(vocabulary.CONTAINERS)
    return {
        "n": n, "m": m, "k": k, "t": things, "u": others, "v": thirds, "box": box,
        "boxes": vocabulary.CONTAINERS_PLURAL[box], "unit": rng.choice(("hour", "day", "minute")),
        **rng.choice(PRONOUNS),
        "goods": rng.choice(vocabulary.SINGULAR_GOODS), "walker": rng.choice(vocabulary.TRAVELLERS),
        "day": rng.choice(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")),
    }  # fmt: skip


def _problem(family_name: str, rng: random.Random, phrasings: Split) -> Problem:
    name = rng.choice(FAMILIES_OF_KINDS[family_name])
    kind = KINDS[name]
    slots = _slots(rng)
    numbers = kind.numbers(rng)
    question, phrasing_id = kind.phrasings.ask(rng, phrasings, **slots, **numbers)
    question = _SENTENCE_START.sub(lambda match: match[0].upper(), question)
    if rng.random() < DISTRACTOR_SHARE:
        question = _distract(rng, question, slots)
    expression = kind.expression.format(**numbers)
    value = exact_value(expression)
    assert value.denominator == 1, (name, expression)
    return Problem(
        family=family_name,
        question=question,
        thought="Put it in one expression.",
        calls=(Call("execute_python", {"code": f"print({expression})"}),),
        conclusion="That is the answer.",
        answer=str(value),
        answer_kind="number",
        phrasing_id=f"{name}-{phrasing_id}",
        result=str(value),
    )


def _register(family_name: str) -> None:
    def generate(rng: random.Random, phrasings: Split) -> Problem:
        return _problem(family_name, rng, phrasings)

    # Two-step and many-kind families are read more often than they are drawn, so they weigh more.
    family(family_name, weight=0.35 * len(FAMILIES_OF_KINDS[family_name]))(generate)


for _name in FAMILIES_OF_KINDS:
    _register(_name)
