"""Is a number a sum of two squares, cubes or fourth powers: at all, in two ways, in how many, and which?

The numbers of the acceptance question (1729) and of its variants (4104, 13832) never appear here in training.
"""

from functools import cache

from gpu_node.data.families.registry import family
from gpu_node.data.problem import Call, Phrasings, Problem, ProblemRandom, Split

NEVER_TRAINED = frozenset({1729, 4104, 13832})  # asked of the finished model
BASE_STOP = 400  # bases searched: covers squares to 160,000 and cubes to 64,000,000 in about 20 ms
_POWERS = {2: ("squares", 250), 3: ("cubes", 100), 4: ("fourth powers", 30)}  # name, largest base drawn

_ASKED = (
    # (words after the number, what is asked: number of ways that makes a "yes")
    ("a sum of two {p}", 1),
    ("the sum of two {p}", 1),
    ("a sum of 2 {p}", 1),
    ("equal to the sum of two positive {p}", 1),
    ("a sum of two {p} in two different ways", 2),
    ("the sum of two {p} in two ways", 2),
    ("a sum of two {p} in at least two ways", 2),
    ("the sum of two {p} in more than one way", 2),
    ("a sum of two positive {p} in two different ways", 2),
    ("the sum of two {p} in 2 different ways", 2),
    ("a sum of two {p} in two distinct ways", 2),
)
IS_SUM = Phrasings(
    train=[
        "Is {n} {w}?",
        "Is the number {n} {w}?",
        "Is it true that {n} is {w}?",
        "Check whether {n} is {w}.",
        "Can {n} be written as {w}?",
        "Can the number {n} be written as {w}?",
        "Can you write {n} as {w}?",
        "Find out if {n} is {w}.",
        "Decide whether {n} is {w}.",
        "Could {n} be {w}?",
        "Is {n} expressible as {w}?",
        "I want to know if {n} is {w}.",
        "Test if {n} is {w}",
        "Is there a way to write {n} as {w}?",
        "{n}: is it {w}?",
        "Tell me if {n} is {w}.",
        "Do we have that {n} is {w}?",
        "Determine whether the number {n} is {w}.",
        "Can one express {n} as {w}?",
        "Say whether {n} is {w}.",
        "Would you say {n} is {w}?",
        "The number {n}, is it {w}?",
    ],
    held_out=[
        "Is it possible to write {n} as {w}?",
        "Please tell me whether {n} is {w}.",
        "Does the number {n} count as {w}?",
        "May {n} be represented as {w}?",
        "Verify if the number {n} is {w}",
    ],
)
WHICH_SUM = Phrasings(
    train=[
        "Write {n} as a sum of two {p}.",
        "In which ways is {n} a sum of two {p}?",
        "Find two {p} that add up to {n}.",
        "Which two {p} add up to {n}?",
        "Find all ways to write {n} as a sum of two {p}.",
        "Express {n} as the sum of two {p}",
        "Which {p} sum to {n}?",
        "Split {n} into two {p}.",
        "What pairs of {p} have the sum {n}?",
        "Give all pairs of {p} with sum {n}.",
        "How can {n} be written as a sum of two {p}?",
        "Show {n} as a sum of two {p}.",
        "Find the pairs of numbers whose {p} add up to {n}.",
        "List the ways to write {n} as the sum of two {p}.",
        "What two {p} make {n}?",
        "Represent {n} as a sum of two {p}.",
        "I need two {p} with sum {n}.",
        "Decompose {n} into a sum of two {p}",
        "Which pairs have {p} that sum to {n}?",
        "Get {n} as a sum of two {p}.",
        "Take {n} and write it as a sum of two {p}.",
        "Given {n}, find two {p} with that sum.",
        "Consider {n}. Which two {p} add up to it?",
        "{n} is a sum of two {p}. Which?",
        "{n} is the sum of two {p}. Find them.",
        "{n} as a sum of two {p}?",
        "{n} = sum of two {p}. Which ones?",
        "{n} equals which sum of two {p}?",
        "I want {n} as the sum of two {p}.",
        "I am looking for two {p} that sum to {n}.",
        "If two {p} add up to {n}, what are they?",
        "If {n} is a sum of two {p}, what are the {p}?",
        "Two {p} have the sum {n}. Find them.",
        "Two {p} add up to {n}. Which are they?",
        "The sum of two {p} is {n}. What are they?",
        "For {n}, find all pairs of {p} that add up to it.",
        "Let {n} be a sum of two {p}. Find every way.",
        "Search for two {p} with the sum {n}.",
        "Determine the {p} whose sum is {n}.",
        "Break {n} into two {p}.",
        "Compute all ways of writing {n} as a sum of two {p}.",
        "Which sums of two {p} give {n}?",
        "As which sum of two {p} can {n} be written?",
        "How do I write {n} as a sum of two {p}?",
        "What are the two {p} that make {n}?",
    ],
    held_out=[
        "Could you write {n} as a sum of two {p}?",
        "Tell me which two {p} give {n} when added.",
        "Please find {p} adding up to {n}",
        "The number {n} is a sum of which two {p}?",
        "Name two {p} whose sum is {n}.",
    ],
)


@cache
def _ways(power: int) -> dict[int, list[tuple[int, int]]]:
    """Every sum of two powers with small bases, and its pairs."""
    ways: dict[int, list[tuple[int, int]]] = {}
    top = _POWERS[power][1]
    for a in range(1, top):
        for b in range(a, top):
            ways.setdefault(a**power + b**power, []).append((a, b))
    return ways


@cache
def _in_two_ways(power: int) -> list[int]:
    complete = _POWERS[power][1] ** power  # above this, pairs with a larger base would be missing
    return sorted(n for n, pairs in _ways(power).items() if len(pairs) >= 2 and n < complete)


def _number(rng: ProblemRandom, power: int, wanted: int) -> int:
    """A number that has `wanted` ways half of the time, and is close to having them otherwise."""
    top = {2: 60, 3: 40, 4: 14}[power]
    while True:
        kind = rng.random()
        if wanted == 2 and kind < 0.5 and power < 4:
            number = rng.choice(_in_two_ways(power)[: {2: 900, 3: 45}[power]])
        elif kind < 0.75:
            number = rng.randint(1, top) ** power + rng.randint(1, top) ** power
        else:
            number = rng.randint(10, rng.choice((99, 999, 9999, 99_999)))
        if number not in NEVER_TRAINED:
            return number


def _code(number: int, power: int, last: str) -> str:
    return (
        f"p = [(a, b) for b in range({BASE_STOP}) for a in range(1, b + 1) "
        f"if a ** {power} + b ** {power} == {number}]\nprint({last})"
    )


def _pairs(number: int, power: int) -> list[tuple[int, int]]:
    """By the larger base first, as the taught program finds them."""
    by_power = {a**power: a for a in range(1, BASE_STOP)}
    pairs = [(a, by_power[number - v]) for v, a in by_power.items() if number - v in by_power and 2 * v <= number]
    return sorted(pairs, key=lambda pair: (pair[1], pair[0]))


@family("sum_of_powers", weight=1.5)
def sum_of_powers(rng: ProblemRandom, phrasings: Split) -> Problem:
    power = rng.choice((2, 2, 3, 3, 3, 3, 4))
    words, wanted = rng.choice(_ASKED)
    number = _number(rng, power, wanted)
    question, phrasing_id = IS_SUM.ask(rng, phrasings, n=number, w=words.format(p=_POWERS[power][0]))
    pairs = _pairs(number, power)
    is_yes = len(pairs) >= wanted
    return Problem(
        family="sum_of_powers",
        question=question,
        thought=f"Power {power}, {wanted} way{'s' if wanted > 1 else ''}: search.",
        calls=(Call("execute_python", {"code": _code(number, power, f"len(p) >= {wanted}, p")}),),
        conclusion="The search says it.",
        answer="yes" if is_yes else "no",
        answer_kind="bool",
        result=f"{is_yes} {pairs}",
        result_kind="text",
        phrasing_id=phrasing_id,
    )


@family("which_powers", weight=0.4)
def which_powers(rng: ProblemRandom, phrasings: Split) -> Problem:
    power = rng.choice((2, 2, 3, 3, 4))
    number = _number(rng, power, 2)
    while not _pairs(number, power):
        number = _number(rng, power, 2)
    question, phrasing_id = WHICH_SUM.ask(rng, phrasings, n=number, p=_POWERS[power][0])
    pairs = _pairs(number, power)
    return Problem(
        family="which_powers",
        question=question,
        thought=f"Power {power}: search all pairs.",
        calls=(Call("execute_python", {"code": _code(number, power, "p")}),),
        conclusion="Those are the pairs.",
        answer=" = ".join([str(number), *(f"{a}^{power} + {b}^{power}" for a, b in pairs)]),
        answer_kind="text",
        result=str(pairs),
        result_kind="text",
        phrasing_id=phrasing_id,
    )
