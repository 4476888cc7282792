"""Sums 1..n, factorials and binomials, also as questions about arrangements and choices."""

import math

from gpu_node.data.families.python_problem import python_problem
from gpu_node.data.families.registry import family
from gpu_node.data.problem import Phrasings, Problem, ProblemRandom, Split

SUM_TO = Phrasings(
    train=[
        "What is the sum of the {what} from {a} to {b}?",
        "Add all {what} from {a} to {b}.",
        "Sum the {what} from {a} to {b}.",
        "Find the sum of all {what} between {a} and {b}.",
        "Calculate the sum of the {what} from {a} to {b}",
        "What do you get when you add the {what} from {a} to {b}?",
        "Add up the {what} from {a} through {b}.",
        "Compute the total of all {what} from {a} to {b}.",
        "sum of {what} {a} to {b}",
        "What is the total of the {what} {a} to {b}?",
        "Work out the sum of {what} from {a} up to {b}.",
        "If you add all {what} from {a} to {b}, what is the sum?",
        "How much is the sum of the {what} from {a} to {b}?",
        "Give me the sum of the {what} {a} through {b}",
        "I add all the {what} from {a} to {b}. What is the total?",
        "Determine the sum of all {what} from {a} up to {b}.",
        "Add together the {what} between {a} and {b}.",
        "What's the sum of {what} from {a} to {b}",
        "The {what} from {a} to {b} add up to what?",
        "What do all {what} from {a} to {b} sum to?",
    ],
    held_out=[
        "Could you add up the {what} from {a} to {b}?",
        "Tell me the sum of every one of the {what} from {a} to {b}.",
        "How much do the {what} from {a} to {b} make together?",
        "Please sum all {what} between {a} and {b}",
        "Starting at {a} and ending at {b}, add the {what}.",
    ],
)


@family("sum_to", weight=0.9)
def sum_to(rng: ProblemRandom, phrasings: Split) -> Problem:
    lower = rng.choice((1, 1, 1, 1, rng.randint(2, 50)))
    upper = lower + rng.randint(5, rng.choice((30, 100, 999)))
    what, body, ok = rng.choice(
        (
            ("numbers", "range({a}, {c})", lambda n: True),
            ("numbers", "range({a}, {c})", lambda n: True),
            ("integers", "range({a}, {c})", lambda n: True),
            ("whole numbers", "range({a}, {c})", lambda n: True),
            ("even numbers", "n for n in range({a}, {c}) if n % 2 == 0", lambda n: n % 2 == 0),
            ("odd numbers", "n for n in range({a}, {c}) if n % 2", lambda n: n % 2 == 1),
            ("squares", "n ** 2 for n in range({a}, {c})", None),
        )
    )
    if ok is None:
        upper = lower + rng.randint(3, 40)
        total = sum(n * n for n in range(lower, upper + 1))
        what = "squares of the numbers"
    else:
        total = sum(n for n in range(lower, upper + 1) if ok(n))
    code = body.format(a=lower, c=f"{upper} + 1")
    return python_problem(
        "sum_to",
        SUM_TO.ask(rng, phrasings, what=what, a=lower, b=upper),
        thought=f"Add the {what}.",
        code=f"print(sum({code}))",
        conclusion="That is the sum.",
        answer=str(total),
    )


FACTORIAL = Phrasings(
    train=[
        "What is {n}!?",
        "What is {n} factorial?",
        "Compute {n}!",
        "Find the factorial of {n}.",
        "{n}! = ?",
        "Calculate {n} factorial",
        "What is the factorial of {n}?",
        "factorial of {n}",
        "How much is {n}!?",
        "Give me the factorial of {n}.",
        "Work out {n} factorial.",
        "In how many ways can {n} people stand in a row?",
        "How many ways are there to arrange {n} different books on a shelf?",
        "In how many orders can {n} different cards be laid out?",
        "What's {n} factorial?",
        "I need {n} factorial.",
        "How many permutations of {n} objects are there?",
        "In how many ways can {n} runners finish a race?",
        "Evaluate {n}!",
        "Determine the factorial of the number {n}.",
        "How many ways to order {n} songs?",
        "Take the factorial of {n}.",
        "Multiply all whole numbers from 1 to {n}.",
        "What is the product of all whole numbers from 1 to {n}?",
        "Find the product of the numbers 1 to {n}.",
        "{n} factorial",
        "{n} factorial = ?",
        "{n} factorial is what?",
        "{n}!",
        "{n}!, how much is it?",
        "factorial({n})",
        "If n = {n}, what is n!?",
        "Let n = {n}. Compute n!",
        "Given n = {n}, find n factorial.",
        "For n = {n}, what is n!?",
        "Which number is {n}!?",
        "What does {n}! equal?",
        "What is the value of {n}!?",
        "Can you compute {n}!?",
        "I have {n} different books. In how many ways can I arrange them?",
        "There are {n} people. In how many ways can they be put in a row?",
        "We have {n} different flags. How many arrangements are there?",
        "{n} guests sit down on {n} chairs. How many ways are there?",
        "{n} different coins are laid in a line. How many arrangements are possible?",
        "{n} cars park in {n} places. In how many ways?",
        "In how many ways can you arrange {n} different objects?",
        "In how many orders can {n} people speak?",
        "How many ways are there to seat {n} people on a bench?",
        "How many arrangements of {n} different things are there?",
        "Count the permutations of {n} items.",
        "Find the number of ways to order {n} different pictures.",
    ],
    held_out=[
        "Could you compute {n} factorial for me?",
        "Tell me the factorial of {n}.",
        "In how many ways can {n} children line up?",
        "Please work out the factorial of {n}",
        "How many different orders of {n} letters are there?",
    ],
)
BINOMIAL = Phrasings(
    train=[
        "What is {n} choose {k}?",
        "Compute {n} choose {k}.",
        "In how many ways can you choose {k} from {n}?",
        "How many ways are there to pick {k} people from {n}?",
        "In how many ways can {k} books be chosen from {n} books?",
        "{n} choose {k}",
        "{n} choose {k} = ?",
        "C({n}, {k}) = ?",
        "What is C({n}, {k})?",
        "What is the binomial coefficient of {n} over {k}?",
        "Find the binomial coefficient {n} choose {k}.",
        "How many teams of {k} can be made from {n} players?",
        "How many groups of {k} can be formed from {n} students?",
        "From {n} cards, how many ways to draw {k}?",
        "Calculate the number of ways to select {k} of {n} items.",
        "How many subsets of size {k} does a set of {n} elements have?",
        "How many combinations of {k} out of {n} are there?",
        "nCr with n = {n} and r = {k}",
        "binomial({n}, {k})",
        "Of {n} friends I can invite {k}. How many choices do I have?",
        "How many committees of {k} can be made from {n} members?",
        "From {n} people, {k} are chosen. In how many ways?",
        "From {n} students a group of {k} is picked. How many ways are there?",
        "Out of {n} players, how many teams of {k} can be formed?",
        "Out of {n} books I choose {k}. In how many ways?",
        "There are {n} people. How many groups of {k} are possible?",
        "There are {n} balls in a box. In how many ways can {k} be drawn?",
        "I have {n} books and choose {k}. How many choices are there?",
        "A class has {n} students. In how many ways can {k} of them be picked?",
        "A club has {n} members. How many committees of {k} are possible?",
        "A pizza shop has {n} toppings. How many ways to choose {k}?",
        "A set has {n} elements. How many subsets have {k} elements?",
        "If you choose {k} from {n}, how many ways are there?",
        "If {k} of {n} cards are drawn, how many hands are possible?",
        "Given {n} objects, in how many ways can {k} be selected?",
        "Choose {k} from {n}: how many ways?",
        "Select {k} out of {n}. How many combinations?",
        "Pick {k} of {n} cards. In how many ways can it be done?",
        "Count the ways to choose {k} of {n} people.",
        "Count the subsets with {k} elements of a set with {n} elements.",
        "Find the number of combinations of {n} things taken {k} at a time.",
        "Find C({n}, {k}).",
        "Calculate the binomial coefficient C({n}, {k}).",
        "Evaluate {n} choose {k}.",
        "{n}C{k} = ?",
        "{n}C{k}",
        "What is {n}C{k}?",
        "nCr({n}, {k})",
        "{k} out of {n}, how many combinations?",
        "How many hands of {k} cards are there from {n} cards?",
    ],
    held_out=[
        "Could you compute {n} over {k}, the binomial coefficient?",
        "Tell me how many ways there are to take {k} things out of {n}.",
        "We pick {k} of {n} apples. How many possibilities are there?",
        "Please find {n} choose {k}",
        "How many different selections of {k} from {n} exist?",
    ],
)


@family("factorial", weight=0.4)
def factorial(rng: ProblemRandom, phrasings: Split) -> Problem:
    number = rng.randint(3, 20)
    return python_problem(
        "factorial",
        FACTORIAL.ask(rng, phrasings, n=number),
        thought="A factorial.",
        code=f"import math\nprint(math.factorial({number}))",
        answer=str(math.factorial(number)),
    )


@family("binomial", weight=0.5)
def binomial(rng: ProblemRandom, phrasings: Split) -> Problem:
    number = rng.randint(4, 30)
    chosen = rng.randint(2, min(number - 1, 8))
    return python_problem(
        "binomial",
        BINOMIAL.ask(rng, phrasings, n=number, k=chosen),
        thought="A number of choices.",
        code=f"import math\nprint(math.comb({number}, {chosen}))",
        answer=str(math.comb(number, chosen)),
    )
