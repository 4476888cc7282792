"""Whole numbers: gcd and lcm, primes, divisors, remainders, bases, sums 1..n, factorials and binomials."""

import math
from collections.abc import Sequence

import sympy

from gpu_node.data.families.registry import family
from gpu_node.data.problem import AnswerKind, Call, Phrasings, Problem, ProblemRandom, Split


def _python(
    name: str,
    asked: tuple[str, str],
    *,
    thought: str,
    code: str,
    answer: str,
    kind: AnswerKind = "number",
    conclusion: str = "That is the answer.",
    result: str | None = None,
) -> Problem:
    question, phrasing_id = asked
    return Problem(
        family=name,
        question=question,
        thought=thought,
        calls=(Call("execute_python", {"code": code}),),
        conclusion=conclusion,
        answer=answer,
        answer_kind=kind,
        phrasing_id=phrasing_id,
        result=result,
    )


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
    return _python(
        "gcd",
        GCD.ask(rng, phrasings, ns=listed(numbers), cs=joined),
        thought="The gcd of these numbers.",
        code=f"import math\nprint(math.gcd({joined}))",
        answer=str(math.gcd(*numbers)),
    )


@family("lcm")
def lcm(rng: ProblemRandom, phrasings: Split) -> Problem:
    numbers = [rng.randint(2, rng.choice((15, 40, 120))) for _ in range(rng.choice((2, 2, 2, 2, 3)))]
    joined = ", ".join(map(str, numbers))
    return _python(
        "lcm",
        LCM.ask(rng, phrasings, ns=listed(numbers), cs=joined),
        thought="The lcm of these numbers.",
        code=f"import math\nprint(math.lcm({joined}))",
        answer=str(math.lcm(*numbers)),
    )


IS_PRIME = Phrasings(
    train=[
        "Is {n} prime?",
        "Is {n} a prime number?",
        "Is the number {n} prime?",
        "Check whether {n} is prime.",
        "{n}: prime or not?",
        "Is {n} a prime?",
        "Can you tell me if {n} is prime?",
        "Test if {n} is a prime number.",
        "Do you think {n} is prime?",
        "Decide whether {n} is a prime number.",
        "Does {n} have no divisors other than 1 and itself?",
        "Is {n} prime, yes or no?",
        "Prime test for {n}",
        "I want to know whether {n} is prime.",
        "Would you call {n} a prime number?",
        "Find out if {n} is prime",
        "Is it true that {n} is a prime number?",
        "Determine if {n} is a prime.",
        "Prime number or not: {n}",
        "{n} is prime, right?",
        "Is {n} a prime number or composite?",
    ],
    held_out=[
        "Could {n} be a prime number?",
        "Tell me whether the number {n} is a prime.",
        "Are we dealing with a prime if we take {n}?",
        "Please verify that {n} is prime",
        "Does {n} count as a prime?",
    ],
)


@family("is_prime")
def is_prime(rng: ProblemRandom, phrasings: Split) -> Problem:
    number = rng.randint(10, rng.choice((99, 999, 9999, 99_999)))
    if rng.random() < 0.5:
        number = int(sympy.nextprime(number))
    prime = bool(sympy.isprime(number))
    return _python(
        "is_prime",
        IS_PRIME.ask(rng, phrasings, n=number),
        thought="Test for a prime.",
        code=f"n = {number}\nprint(n > 1 and all(n % d for d in range(2, int(n ** 0.5) + 1)))",
        conclusion="The test says it.",
        answer="yes" if prime else "no",
        result=str(prime),
        kind="bool",
    )


FACTORISE = Phrasings(
    train=[
        "What are the prime factors of {n}?",
        "Find the prime factorization of {n}.",
        "Factor {n} into primes.",
        "Prime factorisation of {n}?",
        "Write {n} as a product of primes.",
        "Factorise the number {n}.",
        "What is the prime decomposition of {n}?",
        "Decompose {n} into prime factors.",
        "Give the prime factors of {n}",
        "Which primes multiply to {n}?",
        "Split {n} into prime factors.",
        "Compute the prime factorization of {n}.",
        "prime factors: {n}",
        "Factor the number {n}",
        "I need the prime factorization of {n}.",
        "Express {n} as a product of prime numbers.",
        "Break {n} into primes.",
        "What primes make up {n}?",
        "How does {n} factor into primes?",
        "Determine the prime factors of {n}.",
        "Find all prime factors of {n}",
    ],
    held_out=[
        "Could you factorise {n} into primes?",
        "Tell me the prime factors of the number {n}.",
        "Which prime numbers give {n} when multiplied?",
        "Please show {n} as a product of primes",
        "What does {n} look like as a product of primes?",
    ],
)


@family("prime_factors")
def prime_factors(rng: ProblemRandom, phrasings: Split) -> Problem:
    number = rng.randint(12, rng.choice((200, 2000, 20_000)))
    if rng.random() < 0.5:
        number = math.prod(rng.choice((2, 2, 3, 3, 5, 7, 11, 13)) for _ in range(rng.randint(3, 5)))
    powers = sympy.factorint(number)
    answer = " * ".join(f"{prime}^{power}" if power > 1 else str(prime) for prime, power in powers.items())
    question, phrasing_id = FACTORISE.ask(rng, phrasings, n=number)
    return Problem(
        family="prime_factors",
        question=question,
        thought="Factor the number.",
        calls=(Call("symbolic_math", {"operation": "factor", "expression": str(number)}),),
        conclusion="Those are the prime factors.",
        answer=answer,
        answer_kind="text",
        phrasing_id=phrasing_id,
    )


DIVISORS = Phrasings(
    train=[
        "What are the divisors of {n}?",
        "List all divisors of {n}.",
        "Find the divisors of {n}.",
        "Which numbers divide {n}?",
        "Give all divisors of {n}",
        "What are all the factors of {n}?",
        "List the factors of {n}.",
        "divisors of {n}",
        "By which numbers can {n} be divided?",
        "What numbers divide {n} evenly?",
        "Write down every divisor of {n}.",
        "Show the divisors of the number {n}.",
        "Find all positive divisors of {n}.",
        "I need all divisors of {n}.",
        "Which are the divisors of {n}?",
        "Name all divisors of {n}",
        "All numbers that divide {n}?",
        "{n} is divisible by which numbers?",
        "Determine all the divisors of {n}.",
        "Compute the list of divisors of {n}.",
    ],
    held_out=[
        "Could you list every number that divides {n}?",
        "Tell me all the divisors of {n}.",
        "What whole numbers divide {n} without remainder?",
        "Please enumerate the divisors of {n}",
        "The number {n} has which divisors?",
    ],
)
COUNT_DIVISORS = Phrasings(
    train=[
        "How many divisors does {n} have?",
        "Count the divisors of {n}.",
        "What is the number of divisors of {n}?",
        "How many numbers divide {n}?",
        "Number of divisors of {n}?",
        "How many factors does {n} have?",
        "How many positive divisors has {n}?",
        "Find the number of divisors of {n}",
        "How many divisors are there for {n}?",
        "{n} has how many divisors?",
        "Count how many numbers divide {n}.",
        "By how many numbers can {n} be divided?",
        "Compute the number of factors of {n}.",
        "How many different divisors does {n} have?",
        "I need the count of divisors of {n}.",
        "Give the number of positive divisors of {n}.",
        "How many whole numbers divide {n}?",
        "How many divisors has the number {n}?",
        "Determine how many divisors {n} has",
        "What's the divisor count of {n}?",
    ],
    held_out=[
        "Could you count the divisors of {n}?",
        "Tell me how many divisors {n} has.",
        "The number {n} has how many factors?",
        "Please find how many numbers divide {n} evenly",
        "What is the divisor count for {n}?",
    ],
)


@family("divisors")
def divisors(rng: ProblemRandom, phrasings: Split) -> Problem:
    number = rng.randint(6, 60) * rng.choice((1, 1, 2, 3))
    return _python(
        "divisors",
        DIVISORS.ask(rng, phrasings, n=number),
        thought="Collect all divisors.",
        code=f"n = {number}\nprint([d for d in range(1, n + 1) if n % d == 0])",
        conclusion="Those are the divisors.",
        answer=str([d for d in range(1, number + 1) if number % d == 0]),
        kind="list",
    )


@family("count_divisors", weight=0.7)
def count_divisors(rng: ProblemRandom, phrasings: Split) -> Problem:
    number = rng.randint(6, rng.choice((100, 1000, 5000)))
    return _python(
        "count_divisors",
        COUNT_DIVISORS.ask(rng, phrasings, n=number),
        thought="Count all divisors.",
        code=f"n = {number}\nprint(len([d for d in range(1, n + 1) if n % d == 0]))",
        answer=str(sympy.divisor_count(number)),
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
    ],
    held_out=[
        "Could you tell me the remainder of {a} after division by {b}?",
        "Dividing {a} by {b} leaves what?",
        "Tell me what {a} is modulo {b}.",
        "{a} apples go into bags of {b}. How many apples remain?",
        "Please find what is left when {a} is divided by {b}",
    ],
)


@family("remainder")
def remainder(rng: ProblemRandom, phrasings: Split) -> Problem:
    a, b = rng.randint(20, rng.choice((200, 2000, 99_999))), rng.randint(3, rng.choice((12, 60, 300)))
    return _python(
        "remainder",
        REMAINDER.ask(rng, phrasings, a=a, b=b),
        thought="The remainder of a division.",
        code=f"print({a} % {b})",
        conclusion="That is the remainder.",
        answer=str(a % b),
    )


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


@family("base_conversion")
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
    return _python(
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
    return _python(
        "to_decimal",
        TO_DECIMAL.ask(rng, phrasings, n=text, base=base),
        thought=f"Read it in base {size}.",
        code=f"print(int('{text}', {size}))",
        answer=str(number),
    )


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
    return _python(
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
    ],
    held_out=[
        "Could you compute {n} over {k}, the binomial coefficient?",
        "Tell me how many ways there are to take {k} things out of {n}.",
        "We pick {k} of {n} apples. How many possibilities are there?",
        "Please find {n} choose {k}",
        "How many different selections of {k} from {n} exist?",
    ],
)


@family("factorial", weight=0.6)
def factorial(rng: ProblemRandom, phrasings: Split) -> Problem:
    number = rng.randint(3, 20)
    return _python(
        "factorial",
        FACTORIAL.ask(rng, phrasings, n=number),
        thought="A factorial.",
        code=f"import math\nprint(math.factorial({number}))",
        answer=str(math.factorial(number)),
    )


@family("binomial", weight=0.7)
def binomial(rng: ProblemRandom, phrasings: Split) -> Problem:
    number = rng.randint(4, 30)
    chosen = rng.randint(2, min(number - 1, 8))
    return _python(
        "binomial",
        BINOMIAL.ask(rng, phrasings, n=number, k=chosen),
        thought="A number of choices.",
        code=f"import math\nprint(math.comb({number}, {chosen}))",
        answer=str(math.comb(number, chosen)),
    )


PRIMES_BELOW = Phrasings(
    train=[
        "How many primes are there {r}?",
        "How many prime numbers are there {r}?",
        "Count the primes {r}.",
        "Count the prime numbers {r}",
        "What is the number of primes {r}?",
        "How many primes lie {r}?",
        "Find the number of primes {r}.",
        "Number of primes {r}?",
        "How many prime numbers can be found {r}?",
        "Tell me how many primes there are {r}.",
        "How many numbers {r} are prime?",
        "Compute the number of prime numbers {r}.",
        "Give the count of primes {r}.",
        "How many of the numbers {r} are primes?",
        "I need the number of primes {r}.",
        "Determine how many primes there are {r}",
        "There are how many primes {r}?",
        "What's the count of prime numbers {r}?",
        "Work out how many primes exist {r}.",
        "How many primes do we have {r}?",
    ],
    held_out=[
        "Could you count all the primes {r}?",
        "What is the total number of prime numbers {r}?",
        "Please say how many primes occur {r}",
        "How many primes exist {r}?",
        "Of the numbers {r}, how many are prime?",
    ],
)


@family("count_primes", weight=0.7)
def count_primes(rng: ProblemRandom, phrasings: Split) -> Problem:
    lower = rng.choice((2, 2, 2, rng.randint(5, 400)))
    upper = lower + rng.randint(8, rng.choice((90, 900)))
    if lower == 2:
        is_below = rng.random() < 0.6
        words = rng.choice((f"below {upper}", f"less than {upper}", f"under {upper}", f"smaller than {upper}"))
        if not is_below:
            words = rng.choice((f"up to {upper}", f"from 1 to {upper}", f"not greater than {upper}"))
        end = str(upper) if is_below else f"{upper} + 1"
        stop = upper if is_below else upper + 1
    else:
        words, end, stop = (
            rng.choice((f"between {lower} and {upper}", f"from {lower} to {upper}")),
            f"{upper} + 1",
            upper + 1,
        )
    total = sum(1 for n in range(lower, stop) if sympy.isprime(n))
    return _python(
        "count_primes",
        PRIMES_BELOW.ask(rng, phrasings, r=words),
        thought="Count the primes.",
        code=f"print(len([n for n in range({lower}, {end}) if all(n % d for d in range(2, int(n ** 0.5) + 1))]))",
        answer=str(total),
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
    return _python(
        "divisible",
        DIVISIBLE.ask(rng, phrasings, a=a, b=b),
        thought="Look at the remainder.",
        code=f"print({a} % {b} == 0)",
        conclusion="The test says it.",
        answer="yes" if a % b == 0 else "no",
        result=str(a % b == 0),
        kind="bool",
    )
