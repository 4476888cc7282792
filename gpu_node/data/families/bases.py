"""Numbers in other bases, there and back."""

from gpu_node.data.families.python_problem import python_problem
from gpu_node.data.families.registry import family
from gpu_node.data.problem import Phrasings, Problem, ProblemRandom, Split

BASE = Phrasings(
    train=[
        "Convert {n} to {base}.",
        "What is {n} in {base}?",
        "Write {n} in {base}.",
        "Write the number {n} in {base}.",
        "How is {n} written in {base}?",
        "Express {n} in {base}",
        "Convert the number {n} to {base}",
        "{n} in {base}?",
        "{n} to {base}",
        "Give {n} in {base}.",
        "What does {n} look like in {base}?",
        "Change {n} to {base}.",
        "Turn {n} into {base}.",
        "Convert decimal {n} to {base}.",
        "What is the decimal number {n} in {base}?",
        "Represent {n} in {base}.",
        "Translate {n} to {base}.",
        "I need {n} in {base}.",
        "How do you write {n} in {base}?",
        "Find the form of {n} in {base}.",
        "Can you convert {n} to {base}?",
    ],
    held_out=[
        "Could you write {n} in {base} for me?",
        "Tell me what {n} is in {base}.",
        "Please show the number {n} in {base}",
        "In {base}, how does {n} look?",
        "What do you get if you convert {n} to {base}?",
    ],
)
_BASES = (("binary", "b"), ("base 2", "b"), ("hexadecimal", "x"), ("base 16", "x"), ("octal", "o"), ("base 8", "o"))


@family("base_conversion", weight=0.8)
def base_conversion(rng: ProblemRandom, phrasings: Split) -> Problem:
    number = rng.randint(5, rng.choice((64, 300, 5000)))
    if rng.random() < 0.65:
        base, letter = rng.choice((*_BASES, *_BASES[:2]))
        code, answer = f"print(f'{{{number}:{letter}}}')", format(number, letter)
    else:
        size = rng.choice((3, 4, 5, 6, 7, 9))
        base = f"base {size}"
        answer = _digits(number, size)
        code = f"n, s = {number}, ''\nwhile n:\n    n, s = n // {size}, str(n % {size}) + s\nprint(s)"
    return python_problem(
        "base_conversion",
        BASE.ask(rng, phrasings, n=number, base=base),
        thought=f"Write it in {base}.",
        code=code,
        answer=answer,
        kind="text",
    )


def _digits(number: int, base: int) -> str:
    text = ""
    while number:
        number, text = number // base, str(number % base) + text
    return text


TO_DECIMAL = Phrasings(
    train=[
        "Convert {base} {n} to decimal.",
        "What is {base} {n} in decimal?",
        "Write the {base} number {n} in decimal.",
        "What is the {base} number {n} in base 10?",
        "{base} {n} to decimal",
        "Convert {n} from {base} to decimal.",
        "What is {n} from {base} to base 10?",
        "{n} is {base}. What is it in decimal?",
        "Which decimal number is {base} {n}?",
        "Give the decimal value of {base} {n}.",
        "The {base} number {n} in decimal is what?",
        "What decimal number does {n} mean in {base}?",
        "Turn {base} {n} into decimal.",
        "Translate {base} {n} to base 10.",
        "What value has {n} in {base}?",
        "Change {n} from {base} to base 10",
        "Find the decimal form of {base} {n}.",
        "Read {n} as {base}. Which decimal number is it?",
        "I need {base} {n} as a decimal number.",
        "Compute the value of the {base} number {n}.",
        "{n} is written in {base}. What is it in base 10?",
        "Here is a {base} number: {n}. What is its decimal value?",
        "I have the {base} number {n}. Which number is that in decimal?",
        "The number {n} is in {base}. Give it in decimal.",
        "Given the {base} number {n}, find its decimal form.",
        "Take the {base} number {n} and convert it to base 10.",
        "Suppose {n} is {base}. What is its value?",
        "In {base} we have {n}. What is that in decimal?",
        "In decimal, what is {base} {n}?",
        "In base 10, what is the {base} number {n}?",
        "From {base} to decimal: {n}",
        "From {base}, convert {n} to base 10.",
        "{base} to decimal: {n}",
        "{base} {n} = ? in decimal",
        "{base} {n}?",
        "{base} {n} is which decimal number?",
        "{n} ({base}) to decimal",
        "{n} ({base}) in base 10?",
        "{n} from {base} to decimal is what?",
        "{n} in {base} is what in decimal?",
        "{n} in {base}: decimal value?",
        "Decimal value of {base} {n}?",
        "Decimal form of the {base} number {n}?",
        "Express {base} {n} in decimal.",
        "Rewrite the {base} number {n} in base 10.",
        "Decode {n} from {base}.",
        "Work out {base} {n} in decimal.",
        "Determine the decimal value of {n}, a number in {base}.",
        "How do you write {base} {n} in decimal?",
        "Can you convert {n} from {base} to base 10?",
    ],
    held_out=[
        "Could you convert the {base} number {n} into decimal?",
        "Tell me the decimal value of {n} in {base}.",
        "Please write {base} {n} as an ordinary number",
        "If {n} is a {base} number, what is it in decimal?",
        "How much is {base} {n} in base 10?",
    ],
)


@family("to_decimal", weight=0.7)
def to_decimal(rng: ProblemRandom, phrasings: Split) -> Problem:
    number = rng.randint(4, rng.choice((64, 500, 4000)))
    base, size, letter = rng.choice(
        (("binary", 2, "b"), ("binary", 2, "b"), ("hexadecimal", 16, "x"), ("octal", 8, "o"))
    )
    text = format(number, letter)
    return python_problem(
        "to_decimal",
        TO_DECIMAL.ask(rng, phrasings, n=text, base=base),
        thought=f"Read it in base {size}.",
        code=f"print(int('{text}', {size}))",
        answer=str(number),
    )
