"""Primes, prime factors, divisors: listed, counted, tested."""

import math

import sympy

from gpu_node.data.families.python_problem import python_problem
from gpu_node.data.families.registry import family
from gpu_node.data.problem import Call, Phrasings, Problem, ProblemRandom, Split

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


@family("is_prime", weight=0.5)
def is_prime(rng: ProblemRandom, phrasings: Split) -> Problem:
    number = rng.randint(10, rng.choice((99, 999, 9999, 99_999)))
    if rng.random() < 0.5:
        number = int(sympy.nextprime(number))
    prime = bool(sympy.isprime(number))
    return python_problem(
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


@family("prime_factors", weight=0.5)
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


@family("divisors", weight=0.5)
def divisors(rng: ProblemRandom, phrasings: Split) -> Problem:
    number = rng.randint(6, 60) * rng.choice((1, 1, 2, 3))
    return python_problem(
        "divisors",
        DIVISORS.ask(rng, phrasings, n=number),
        thought="Collect all divisors.",
        code=f"n = {number}\nprint([d for d in range(1, n + 1) if n % d == 0])",
        conclusion="Those are the divisors.",
        answer=str([d for d in range(1, number + 1) if number % d == 0]),
        kind="list",
    )


@family("count_divisors", weight=0.4)
def count_divisors(rng: ProblemRandom, phrasings: Split) -> Problem:
    number = rng.randint(6, rng.choice((100, 1000, 5000)))
    return python_problem(
        "count_divisors",
        COUNT_DIVISORS.ask(rng, phrasings, n=number),
        thought="Count all divisors.",
        code=f"n = {number}\nprint(len([d for d in range(1, n + 1) if n % d == 0]))",
        answer=str(sympy.divisor_count(number)),
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
    return python_problem(
        "count_primes",
        PRIMES_BELOW.ask(rng, phrasings, r=words),
        thought="Count the primes.",
        code=f"print(len([n for n in range({lower}, {end}) if all(n % d for d in range(2, int(n ** 0.5) + 1))]))",
        answer=str(total),
    )
