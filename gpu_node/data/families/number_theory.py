"""Whole numbers: gcd and lcm, remainders, divisibility."""

import math
from collections.abc import Sequence

from gpu_node.data.families.python_problem import python_problem
from gpu_node.data.families.registry import family
from gpu_node.data.problem import Phrasings, Problem, ProblemRandom, Split


def listed(numbers: Sequence[int], word: str = "and") -> str:
    """12 and 18; 12, 18 and 30."""
    texts = [str(n) for n in numbers]
    return f"{', '.join(texts[:-1])} {word} {texts[-1]}"


GCD = Phrasings(
    train=[
        "What is the gcd of {ns}?",
        "Find the greatest common divisor of {ns}.",
        "What is the greatest common divisor of {ns}?",
        "gcd({cs})",
        "gcd of {ns}",
        "gcd({cs}) = ?",
        "Compute the GCD of {ns}.",
        "What is the highest common factor of {ns}?",
        "Find the HCF of {ns}",
        "Calculate gcd({cs}).",
        "What is the greatest common factor of {ns}?",
        "What is the largest number that divides {ns}?",
        "Give me the greatest common divisor of {ns}.",
        "Work out the highest common factor of {ns}.",
        "Which is the biggest number dividing both {ns}?",
        "I need the gcd of {ns}.",
        "What's the GCF of {ns}?",
        "Determine the gcd of {ns}",
        "The numbers are {cs}. What is their greatest common divisor?",
        "Find the largest common divisor of {ns}.",
        "greatest common divisor: {cs}",
    ],
    held_out=[
        "Could you find the gcd of {ns}?",
        "Tell me the greatest common factor of {ns}.",
        "What is the largest integer that divides all of {ns}?",
        "Please give the highest common factor of {cs}",
        "For {ns}, what is the greatest common divisor?",
    ],
)
LCM = Phrasings(
    train=[
        "What is the lcm of {ns}?",
        "Find the least common multiple of {ns}.",
        "What is the least common multiple of {ns}?",
        "lcm({cs})",
        "lcm of {ns}",
        "lcm({cs}) = ?",
        "Compute the LCM of {ns}.",
        "What is the lowest common multiple of {ns}?",
        "Find the smallest common multiple of {ns}",
        "Calculate lcm({cs}).",
        "What is the smallest number divisible by {ns}?",
        "What is the smallest number that both {ns} divide?",
        "Give me the least common multiple of {ns}.",
        "Work out the lowest common multiple of {ns}.",
        "Which is the smallest multiple of {ns}?",
        "I need the lcm of {ns}.",
        "What's the LCM of {ns}?",
        "Determine the lcm of {ns}",
        "The numbers are {cs}. What is their least common multiple?",
        "Find the lowest number that is a multiple of {ns}.",
        "least common multiple: {cs}",
    ],
    held_out=[
        "Could you find the lcm of {ns}?",
        "Tell me the lowest common multiple of {ns}.",
        "What is the first number that is a multiple of {ns}?",
        "Please give the least common multiple of {cs}",
        "For {ns}, what is the smallest common multiple?",
    ],
)


@family("gcd")
def gcd(rng: ProblemRandom, phrasings: Split) -> Problem:
    common = rng.choice((1, 2, 3, 4, 6, 7, 8, 12, 15, 21, rng.randint(2, 60)))
    numbers = [common * rng.randint(2, 99) for _ in range(rng.choice((2, 2, 2, 2, 3)))]
    joined = ", ".join(map(str, numbers))
    return python_problem(
        "gcd",
        GCD.ask(rng, phrasings, ns=listed(numbers), cs=joined),
        thought="The gcd of these numbers.",
        code=f"import math\nprint(math.gcd({joined}))",
        answer=str(math.gcd(*numbers)),
    )


@family("lcm", weight=0.8)
def lcm(rng: ProblemRandom, phrasings: Split) -> Problem:
    numbers = [rng.randint(2, rng.choice((15, 40, 120))) for _ in range(rng.choice((2, 2, 2, 2, 3)))]
    joined = ", ".join(map(str, numbers))
    return python_problem(
        "lcm",
        LCM.ask(rng, phrasings, ns=listed(numbers), cs=joined),
        thought="The lcm of these numbers.",
        code=f"import math\nprint(math.lcm({joined}))",
        answer=str(math.lcm(*numbers)),
    )


REMAINDER = Phrasings(
    train=[
        "What is the remainder when {a} is divided by {b}?",
        "Find the remainder of {a} divided by {b}.",
        "What is {a} mod {b}?",
        "{a} mod {b}",
        "{a} mod {b} = ?",
        "Compute {a} modulo {b}.",
        "Divide {a} by {b}. What is the remainder?",
        "What remains when you divide {a} by {b}?",
        "Calculate the remainder of {a} / {b}.",
        "What is left over when {a} is divided by {b}?",
        "remainder of {a} by {b}",
        "If I divide {a} by {b}, what is the remainder?",
        "Give me the remainder of {a} divided by {b}",
        "{a} modulo {b}?",
        "Find {a} mod {b}.",
        "{a} divided by {b} leaves what remainder?",
        "I share {a} sweets among {b} children. How many are left over?",
        "Which remainder does {a} leave when divided by {b}?",
        "What's the rest of {a} divided by {b}?",
        "Work out the remainder: {a} by {b}",
        "{a} % {b} = ?",
        "{a} is divided by {b}. What is the remainder?",
        "{a} is divided by {b}. What is left over?",
        "{a} / {b}, remainder?",
        "{a} by {b}: remainder?",
        "{a} (mod {b})",
        "{a} mod {b} is what?",
        "{a} divided by {b} has what remainder?",
        "{a} sweets are shared among {b} children. How many are left?",
        "{a} students form teams of {b}. How many students have no team?",
        "When {a} is divided by {b}, what is the remainder?",
        "When you divide {a} by {b}, what is left over?",
        "If {a} is divided by {b}, what remains?",
        "Take {a} and divide it by {b}. What remainder is there?",
        "Given {a} and {b}, find {a} mod {b}.",
        "Let a = {a} and b = {b}. What is a mod b?",
        "Suppose you divide {a} by {b}. What is the rest?",
        "Reduce {a} modulo {b}.",
        "Evaluate {a} % {b}.",
        "Modulo {b}, what is {a}?",
        "With divisor {b}, what remainder has {a}?",
        "Determine the remainder of the division {a} / {b}.",
        "Divide {a} by {b} and give the remainder.",
        "I have {a} coins and make piles of {b}. How many coins are left over?",
        "There are {a} cards for {b} players, the same for each. How many cards are left?",
        "Which number is left over when {a} is divided by {b}?",
        "How much remains if {a} is divided by {b}?",
    ],
    held_out=[
        "Could you tell me the remainder of {a} after division by {b}?",
        "Dividing {a} by {b} leaves what?",
        "Tell me what {a} is modulo {b}.",
        "{a} apples go into bags of {b}. How many apples remain?",
        "Please find what is left when {a} is divided by {b}",
    ],
)


@family("remainder", weight=0.7)
def remainder(rng: ProblemRandom, phrasings: Split) -> Problem:
    a, b = rng.randint(20, rng.choice((200, 2000, 99_999))), rng.randint(3, rng.choice((12, 60, 300)))
    return python_problem(
        "remainder",
        REMAINDER.ask(rng, phrasings, a=a, b=b),
        thought="The remainder of a division.",
        code=f"print({a} % {b})",
        conclusion="That is the remainder.",
        answer=str(a % b),
    )


DIVISIBLE = Phrasings(
    train=[
        "Is {a} divisible by {b}?",
        "Can {a} be divided by {b} without remainder?",
        "Does {b} divide {a}?",
        "Is {b} a divisor of {a}?",
        "Is {a} a multiple of {b}?",
        "Check if {a} is divisible by {b}.",
        "Is the number {a} divisible by {b}?",
        "{a} divisible by {b}?",
        "Does {b} go into {a} evenly?",
        "Is {b} a factor of {a}?",
        "Test whether {b} divides {a}.",
        "Can you divide {a} evenly by {b}?",
        "Is it true that {b} divides {a}?",
        "Is {a} in the {b} times table?",
        "Find out if {a} is a multiple of {b}",
        "I want to know if {b} divides {a}.",
        "Does {a} divided by {b} leave no remainder?",
        "Can {a} sweets be shared equally among {b} children?",
        "Decide whether {a} is divisible by {b}.",
        "Is {a} / {b} a whole number?",
    ],
    held_out=[
        "Could you check that {b} is a divisor of {a}?",
        "Tell me whether {a} can be divided evenly by {b}.",
        "Can we split {a} coins into {b} equal piles?",
        "Please check whether {a} is a multiple of {b}",
        "Would dividing {a} by {b} give a whole number?",
    ],
)


@family("divisible", weight=0.7)
def divisible(rng: ProblemRandom, phrasings: Split) -> Problem:
    b = rng.randint(3, rng.choice((12, 40, 99)))
    a = b * rng.randint(4, 300)
    if rng.random() < 0.5:
        a += rng.randint(1, b - 1)
    return python_problem(
        "divisible",
        DIVISIBLE.ask(rng, phrasings, a=a, b=b),
        thought="Look at the remainder.",
        code=f"print({a} % {b} == 0)",
        conclusion="The test says it.",
        answer="yes" if a % b == 0 else "no",
        result=str(a % b == 0),
        kind="bool",
    )
