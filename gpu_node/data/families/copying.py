"""The copy curriculum: repeat numbers, lists, odd words and expressions as they stand.

Until a small net copies, its calls are well-formed and wrong; this is practised first and mixed in thinly afterwards.
Nobody asks such questions of the product, so the family is not evaluated.
"""

import random

from gpu_node.data.expressions import VARIABLES, Spelling, smooth_draw
from gpu_node.data.families.registry import family
from gpu_node.data.problem import Call, Phrasings, Problem, ProblemRandom, Split

REPEAT = Phrasings(
    train=[
        "Repeat {t}",
        "Repeat: {t}",
        "Say {t}",
        "Copy {t}",
        "Copy this: {t}",
        "Print {t}",
        "Write {t}",
        "Output {t}",
        "Say exactly {t}",
        "Please repeat {t}",
        "Write down {t}",
        "Echo {t}",
        "Type {t}",
        "Show {t}",
        "Tell me again: {t}",
        "Copy out {t}",
        "Give back {t}",
        "Return {t}",
        "Repeat after me: {t}",
        "Put down {t}",
    ],
    held_out=["Just say {t}", "Now repeat {t}", "Reply with {t}", "Answer {t}", "Only write {t}"],
)
_CONSONANTS, _VOWELS = "bcdfghjklmnprstvwz", "aeiou"


def odd_word(rng: random.Random) -> str:
    """A pronounceable word that no dictionary has: it must be copied letter by letter."""
    return "".join(rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(rng.randint(1, 4))) + rng.choice(
        ("", rng.choice(_CONSONANTS))
    )


def _text(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.25:
        return str(rng.randint(1, 10 ** rng.randint(1, 7)))
    if kind < 0.45:
        return ", ".join(str(rng.randint(-9, 10 ** rng.randint(1, 3))) for _ in range(rng.randint(2, 8)))
    if kind < 0.65:
        return " ".join(odd_word(rng) for _ in range(rng.randint(1, 6)))
    if kind < 0.72:
        return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(3, 12)))
    if kind < 0.8:
        rows = [[rng.randint(-9, 20) for _ in range(2)] for _ in range(2)]
        return str(rows)
    return smooth_draw(rng, Spelling.draw(rng), rng.choice(VARIABLES)).human


@family("repeat", weight=0.3, is_evaluated=False, vary=False)
def repeat(rng: ProblemRandom, phrasings: Split) -> Problem:
    """Half of the rows copy into the answer, half into a call and from its result."""
    text = _text(rng)
    question, phrasing_id = REPEAT.ask(rng, phrasings, t=text)
    calls: tuple[Call, ...] = ()
    if rng.random() < 0.5:
        calls = (Call("execute_python", {"code": f"print('{text}')"}),)
    return Problem(
        family="repeat",
        question=question,
        thought="Print the same text." if calls else "The same again.",
        calls=calls,
        conclusion="",
        answer=text,
        answer_kind="text",
        direct_ok=not calls,
        phrasing_id=phrasing_id,
    )
