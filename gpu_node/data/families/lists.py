"""Lists of numbers and of words: sorting, extremes, totals and averages, by one line of Python each.

Numbers stand in the call as they stand in the question; words stand in one string with a space before each
(`' pear fig'.split()`), so that the same tokens are copied.
Not here: letters inside one word (letters.py).
"""

import random
import statistics
from collections.abc import Sequence
from typing import Any

from gpu_node.data.families import vocabulary
from gpu_node.data.families.registry import family
from gpu_node.data.families.templates import alternatives, listed
from gpu_node.data.problem import Call, Phrasings, Problem, Split

SORT_ASCENDING = Phrasings(
    train=alternatives(
        [
            "Sort {l}[| in ascending order| from smallest to largest| in increasing order].",
            "Sort the numbers {l}[| from low to high| from smallest to biggest].",
            "Put {l} in order[| from smallest to largest|, smallest first].",
            "Put the numbers {l} in ascending order.",
            "Arrange {l} [in ascending order|from least to greatest|in increasing order].",
            "Order these numbers from [smallest to largest|least to greatest|low to high]: {l}",
            "Sort this list of numbers: {l}",
            "Sort [this list|these numbers|the list|these]: {l}",
            "Sort {l} ascending",
            "Can you sort {l}[| from smallest to largest]?",
            "What is the ascending order of {l}?",
            "Rank {l} from lowest to highest.",
            "Write {l} in [increasing|ascending] order.",
            "I have the numbers {l}. Sort them[| from small to large].",
            "Here are some numbers: {l}. Put them in [ascending order|order].",
            "Give me {l} sorted[| from smallest to largest].",
            "List {l} from the smallest to the largest.",
            "How do {l} look when sorted [in ascending order|from low to high]?",
            "What do you get when you sort {l}?",
            "{l}: sort them[| please| in ascending order].",
            "{l} sorted from smallest to largest?",
            "I want {l} [sorted|in increasing order].",
            "Line up {l} from smallest to largest",
            "Take {l} and [sort them|put them in order|arrange them from small to large].",
            "Given {l}, [sort them|put them in ascending order|write them from smallest to largest].",
            "The numbers are {l}. [Sort them.|Put them in order, smallest first.|What is their ascending order?]",
            "I have a list: {l}. [Sort it.|Arrange it in increasing order.]",
            "I wrote down {l}. Sort them from smallest to biggest.",
            "We have {l}. [Sort these.|Write them in increasing order.]",
            "If you sort {l}, what do you get?",
            "If {l} are put in ascending order, what is the list?",
            "When {l} are sorted, how do they stand?",
            "From smallest to largest, [sort|arrange|write] {l}.",
            "From low to high: {l}",
            "In ascending order, [sort|write|put] {l}.",
            "Smallest first: {l}",
            "ascending: {l}",
            "sort({l})",
            "sorted: {l}",
            "Sort by size: {l}",
            "Sort by value, low to high: {l}",
            "{l}, in order please",
            "{l}, smallest to largest",
            "{l} in ascending order?",
            "{l}: what is the ascending order?",
            "[Order|Organize|Rearrange] {l} [by size|from smallest to largest|so that they increase].",
            "[Print|Output|Type] {l} [in ascending order|sorted].",
            "[Determine|Find|Compute] the ascending order of {l}.",
            "How would you order {l} from small to large?",
            "What is {l} [sorted|in order from smallest to largest]?",
            "[Please sort|Please order] {l}",
            "I need {l} [in ascending order|sorted from low to high].",
        ]
    ),
    held_out=[
        "Could you arrange these numbers for me, smallest one first: {l}",
        "Show me {l} in rising order.",
        "Which order do {l} have from least to greatest?",
        "My numbers are {l}, please order them from lowest to highest.",
        "Return the sorted version of {l}.",
        "Starting with the smallest, list {l}.",
    ],
)

SORT_DESCENDING = Phrasings(
    train=alternatives(
        [
            "Sort {l} in [descending|decreasing|reverse] order.",
            "Sort {l} from [largest to smallest|high to low|biggest to smallest].",
            "Sort the numbers {l} from [largest to smallest|highest to lowest].",
            "Put {l} in order from [largest to smallest|biggest to smallest].",
            "Put {l} in order, largest first.",
            "Put the numbers {l} in descending order.",
            "Arrange {l} [in descending order|from greatest to least|in decreasing order].",
            "Order these numbers from [largest to smallest|greatest to least|high to low]: {l}",
            "Sort [this list|these numbers] in descending order: {l}",
            "Sort {l} descending",
            "Can you sort {l} from largest to smallest?",
            "What is the descending order of {l}?",
            "Rank {l} from highest to lowest.",
            "Write {l} in [decreasing|descending] order.",
            "I have the numbers {l}. Sort them from [large to small|highest to lowest].",
            "Here are some numbers: {l}. Put them in descending order.",
            "Give me {l} sorted from largest to smallest.",
            "List {l} from the largest to the smallest.",
            "{l}: sort them in descending order.",
            "{l} sorted from largest to smallest?",
            "I want {l} in decreasing order.",
            "Take {l} and [sort them in descending order|arrange them from large to small].",
            "Given {l}, [put them in descending order|write them from largest to smallest].",
            "The numbers are {l}. [Sort them from high to low.|Put them in order, largest first.]",
            "I have a list: {l}. Arrange it in decreasing order.",
            "I wrote down {l}. Sort them from biggest to smallest.",
            "We have {l}. Write them in decreasing order.",
            "If you sort {l} from high to low, what do you get?",
            "If {l} are put in descending order, what is the list?",
            "From largest to smallest, [sort|arrange|write] {l}.",
            "From high to low: {l}",
            "In descending order, [sort|write|put] {l}.",
            "Largest first: {l}",
            "descending: {l}",
            "Sort by size, biggest first: {l}",
            "{l}, largest to smallest",
            "{l} in descending order?",
            "{l}: what is the descending order?",
            "[Order|Organize|Rearrange] {l} [from largest to smallest|so that they decrease].",
            "[Print|Output|Type] {l} in descending order.",
            "[Determine|Find|Compute] the descending order of {l}.",
            "How would you order {l} from large to small?",
            "How do {l} look when sorted from high to low?",
            "What is {l} [in descending order|in order from largest to smallest]?",
            "Please sort {l} from high to low",
            "I need {l} [in descending order|sorted from high to low].",
        ]
    ),
    held_out=[
        "Could you arrange these numbers for me, biggest one first: {l}",
        "Show me {l} in falling order.",
        "Which order do {l} have from greatest to least?",
        "My numbers are {l}, please order them from highest to lowest.",
        "Starting with the largest, list {l}.",
    ],
)

SORT_WORDS = Phrasings(
    train=alternatives(
        [
            "Sort the words {l}[| alphabetically| in alphabetical order].",
            "Sort {l} [alphabetically|in alphabetical order|from A to Z].",
            "Put {l} in alphabetical order.",
            "Put the words {l} in [alphabetical order|ABC order].",
            "Arrange {l} [alphabetically|in alphabetical order].",
            "Alphabetize {l}[|.]",
            "Alphabetize these words: {l}",
            "Sort these words: {l}",
            "Sort these words [alphabetically|in alphabetical order|from a to z]: {l}",
            "Order the words {l} [alphabetically|from A to Z].",
            "List {l} in alphabetical order.",
            "What is the alphabetical order of {l}?",
            "Can you [sort|alphabetize] {l}?",
            "Can you put {l} in alphabetical order?",
            "Here are some words: {l}. Put them in alphabetical order.",
            "I have the words {l}. Sort them[| alphabetically].",
            "Write {l} in alphabetical order.",
            "Give me {l} sorted alphabetically.",
            "How do {l} look in alphabetical order?",
            "In a dictionary, in what order come {l}?",
            "{l}: sort them alphabetically.",
            "I want {l} in alphabetical order.",
            "Alphabetical order of {l}?",
            "Take {l} and [sort them alphabetically|put them in alphabetical order].",
            "Given {l}, [sort them alphabetically|put them in alphabetical order|write them from A to Z].",
            "The words are {l}. [Sort them.|Alphabetize them.|What is their alphabetical order?]",
            "I have a list of words: {l}. [Sort it.|Alphabetize it.|Put it in alphabetical order.]",
            "I wrote down {l}. Put them in ABC order.",
            "We have the words {l}. Sort them from A to Z.",
            "If you alphabetize {l}, what do you get?",
            "If {l} are put in alphabetical order, what is the list?",
            "When {l} are sorted alphabetically, what is the order?",
            "From A to Z, [sort|arrange|write] {l}.",
            "From A to Z: {l}",
            "In alphabetical order, [write|put|list] {l}.",
            "alphabetize: {l}",
            "sort: {l}",
            "ABC order: {l}",
            "Sort by first letter: {l}",
            "{l}, in alphabetical order please",
            "{l}, from A to Z",
            "{l} in alphabetical order?",
            "{l}: what is the alphabetical order?",
            "{l}: alphabetize them",
            "[Organize|Rearrange|Rank] {l} alphabetically.",
            "[Print|Output|Type] {l} in alphabetical order.",
            "[Bring|Get] {l} into alphabetical order.",
            "[Determine|Find] the alphabetical order of {l}.",
            "How would you alphabetize {l}?",
            "How are {l} ordered alphabetically?",
            "Which of {l} comes first in the alphabet, which next? Sort them.",
            "What is {l} sorted alphabetically?",
            "[Please alphabetize|Please sort] the words {l}",
            "I need the words {l} [alphabetized|in alphabetical order].",
        ]
    ),
    held_out=[
        "Could you order these words the way a dictionary does: {l}",
        "Show {l} as an alphabetical list.",
        "My words are {l}, please arrange them from A to Z.",
        "In what order would {l} stand in the alphabet?",
        "Return the words {l} in sorted order.",
        "Line up {l} alphabetically.",
    ],
)


def numbers_draw(rng: random.Random, low: int = 3, high: int = 8) -> list[str]:
    """Distinct numbers as they are spelled; now and then negative, long, or with decimals."""
    count, style = rng.randint(low, high), rng.random()
    top = rng.choice((20, 100, 100, 1000, 10000))
    numbers: list[str] = []
    while len(numbers) < count:
        value = str(rng.randint(-top // 4 if style < 0.15 else 1, top))
        if 0.15 <= style < 0.27:
            value = f"{value}.{rng.randint(1, 9)}"
        if value not in numbers:
            numbers.append(value)
    return numbers


def list_spelled(rng: random.Random, items: Sequence[str]) -> str:
    """The ways in which people write a list inside a sentence."""
    style = rng.random()
    if style < 0.55:
        return ", ".join(items)
    if style < 0.75:
        return listed(items)
    if style < 0.87:
        return " ".join(items)
    if style < 0.94:
        return f"[{', '.join(items)}]"
    return f"{', '.join(items[:-1])}, and {items[-1]}"


def _python(family_name: str, asked: tuple[str, str], thought: str, code: str, answer: str, **more: Any) -> Problem:
    return Problem(
        family=family_name,
        question=asked[0],
        thought=thought,
        calls=(Call("execute_python", {"code": code}),),
        conclusion=more.pop("conclusion", "That is the answer."),
        answer=answer,
        phrasing_id=asked[1],
        **more,
    )


@family("sort_numbers", weight=1.5)
def sort_numbers(rng: random.Random, phrasings: Split) -> Problem:
    numbers = numbers_draw(rng)
    spelled = list_spelled(rng, numbers)
    ascending = sorted(numbers, key=float)
    if rng.random() < 0.6:
        asked = SORT_ASCENDING.ask(rng, phrasings, l=spelled)
        code, ordered, thought = f"print(sorted([{', '.join(numbers)}]))", ascending, "Sort the numbers."
    else:
        asked = SORT_DESCENDING.ask(rng, phrasings, l=spelled)
        code = f"print(sorted([{', '.join(numbers)}], reverse=True))"
        ordered, thought = ascending[::-1], "Sort the numbers, largest first."
    answer = ", ".join(ordered)
    return _python(
        "sort_numbers", asked, thought, code, answer, answer_kind="list", result=f"[{answer}]", result_kind="list"
    )


@family("sort_words", weight=1.5)
def sort_words(rng: random.Random, phrasings: Split) -> Problem:
    words = vocabulary.words_draw(rng, rng.randint(3, 7))
    asked = SORT_WORDS.ask(rng, phrasings, l=list_spelled(rng, words))
    code = f"print(', '.join(sorted(' {' '.join(words)}'.split())))"
    return _python("sort_words", asked, "Sort the words.", code, ", ".join(sorted(words)), answer_kind="list")


_LIST = ["{l}", "[the list|the numbers|these numbers:] {l}"]


def _of_list(openings: Sequence[tuple[str, str]], noun: str, more: Sequence[str]) -> list[str]:
    """Templates for "the {noun} of a list" in the usual wordings, and the family's own."""
    if openings is _ASKING:
        more = [*more, *(text.replace("NOUN", noun) for text in alternatives(_LIST_FIRST))]
    return alternatives(
        [f"{opening} {noun} of {what}{mark}".strip() for opening, mark in openings for what in _LIST] + list(more)
    )


_ASKING = (
    ("[What is|What's] the", "?"), ("[Find|Compute|Calculate|Give me|Tell me|Determine|Work out] the", "."),
    ("[Can you find|Can you compute] the", "?"), ("I need the", "."), ("The", "?"), ("[Please give|Show] the", "."),
    ("[How do I find|How do I get|What would be] the", "?"), ("I [want|am looking for] the", "."), ("", ""),
)  # fmt: skip
_LIST_FIRST = (
    "{l}: [what is|find|give] the NOUN", "{l}, NOUN?", "{l} has what NOUN?", "NOUN: {l}",
    "For {l}, [find|give] the NOUN.",
    "[Take|I have|We have] {l}. [What is the NOUN?|Find the NOUN.|Compute the NOUN.]",
    "The numbers are {l}. [What is the NOUN?|Find the NOUN.]",
    "Here are some numbers: {l}. Find their NOUN.",
    "[If|When] the numbers are {l}, what is the NOUN?", "Given {l}, [find|compute] the NOUN.",
    "What NOUN do {l} have?", "[From|In] the list {l}, [find|take] the NOUN.",
)  # fmt: skip
_ASKING_HELD_OUT = (("Could you work out the", "?"), ("I would like to know the", "."), ("Do you know the", "?"))

LIST_QUESTIONS: dict[str, tuple[Phrasings, str, str]] = {
    "sum": (
        Phrasings(
            train=_of_list(
                _ASKING,
                "[sum|total]",
                ["Add [up |]{l}.", "[What is|What's] {l} added together?", "Add the numbers {l}.", "Sum up {l}."],
            ),
            held_out=_of_list(_ASKING_HELD_OUT, "sum", ["If you add up {l}, what do you get?", "Total up {l}."]),
        ),
        "sum({})",
        "Add the numbers.",
    ),
    "mean": (
        Phrasings(
            train=_of_list(
                _ASKING,
                "[mean|average|arithmetic mean]",
                ["Average {l}.", "What do {l} average?", "What is {l} on average?"],
            ),
            held_out=_of_list(_ASKING_HELD_OUT, "average", ["On average, how big are {l}?", "Take the mean of {l}."]),
        ),
        "mean({})",
        "Take the mean.",
    ),
    "median": (
        Phrasings(
            train=_of_list(
                _ASKING,
                "median",
                ["median: {l}", "What is the middle value of {l}?", "Which number is the median of {l}?"],
            ),
            held_out=_of_list(_ASKING_HELD_OUT, "median", ["Take the median of {l}.", "{l}. What is their median?"]),
        ),
        "median({})",
        "Take the median.",
    ),
    "largest": (
        Phrasings(
            train=_of_list(
                _ASKING,
                "[largest|biggest|greatest|highest|maximum]",
                [
                    "Which is the [largest|biggest|greatest] number: {l}?",
                    "Which of {l} is the [largest|biggest|greatest]?",
                    "What is the [largest|biggest|highest] number in {l}?",
                    "What's the [max|maximum] of {l}?",
                    "Which number is [largest|biggest], {l}?",
                ],
            ),
            held_out=_of_list(
                _ASKING_HELD_OUT, "largest", ["Pick the biggest number from {l}.", "Among {l}, which is the greatest?"]
            ),
        ),
        "max({})",
        "Take the largest.",
    ),
    "smallest": (
        Phrasings(
            train=_of_list(
                _ASKING,
                "[smallest|lowest|least|minimum]",
                [
                    "Which is the [smallest|lowest] number: {l}?",
                    "Which of {l} is the [smallest|lowest|least]?",
                    "What is the [smallest|lowest] number in {l}?",
                    "What's the [min|minimum] of {l}?",
                    "Which number is smallest, {l}?",
                ],
            ),
            held_out=_of_list(
                _ASKING_HELD_OUT, "smallest", ["Pick the smallest number from {l}.", "Among {l}, which is the least?"]
            ),
        ),
        "min({})",
        "Take the smallest.",
    ),
    "second_largest": (
        Phrasings(
            train=_of_list(
                _ASKING,
                "second [largest|biggest|highest]",
                ["Which of {l} is the second [largest|biggest]?", "What is the second largest number in {l}?"],
            ),
            held_out=_of_list(_ASKING_HELD_OUT, "second largest", ["Among {l}, which comes second from the top?"] * 2),
        ),
        "sorted({})[-2]",
        "Sort and take the second from the end.",
    ),
    "range": (
        Phrasings(
            train=_of_list(
                _ASKING, "range", ["How far apart are the largest and the smallest of {l}?", "range of {l}"]
            ),
            held_out=_of_list(_ASKING_HELD_OUT, "range", ["Largest minus smallest of {l}?"]),
        ),
        "max({0}) - min({0})",
        "Largest minus smallest.",
    ),
    "product": (
        Phrasings(
            train=_of_list(
                _ASKING, "product", ["Multiply {l}.", "What is {l} multiplied together?", "Multiply {l} together."]
            ),
            held_out=_of_list(_ASKING_HELD_OUT, "product", ["If you multiply {l}, what do you get?"]),
        ),
        "prod({})",
        "Multiply the numbers.",
    ),
    "evens": (
        Phrasings(
            train=alternatives(
                [
                    "How many [even numbers|evens] are [there |]in {l}?",
                    "How many of {l} are even?",
                    "Count the even numbers in {l}.",
                    "How many of the numbers {l} are even?",
                    "How many even numbers does {l} [have|contain]?",
                    "[Find|Tell me|What is|Give me] the number of even numbers in {l}",
                    "In {l}, how many numbers are even?",
                    "{l}: how many are even?",
                    "Count how many of {l} are even.",
                    "In the list {l}, [how many are even|how many even numbers are there]?",
                    "How many numbers in {l} [are even|can be divided by 2|are divisible by 2]?",
                    "Of {l}, how many are even?",
                ]
            ),
            held_out=[
                "What count of {l} is even?",
                "Can you count the evens among {l}?",
                "I have {l}. How many of them are even numbers?",
                "Look at {l} and count the even ones.",
                "How often is a number in {l} even?",
            ],
        ),
        "sum(n % 2 == 0 for n in {})",
        "Count the even ones.",
    ),
}
_IMPORTS = {
    "mean": "from statistics import mean; ",
    "median": "from statistics import median; ",
    "product": "from math import prod; ",
}


def _list_answer(kind: str, values: list[int]) -> str | None:
    """The number as people write it, or None when it has no short decimal form."""
    exact = {
        "sum": lambda: sum(values),
        "mean": lambda: statistics.fmean(values),
        "median": lambda: statistics.median(values),
        "largest": lambda: max(values),
        "smallest": lambda: min(values),
        "second_largest": lambda: sorted(values)[-2],
        "range": lambda: max(values) - min(values),
        "product": lambda: _product(values),
        "evens": lambda: sum(value % 2 == 0 for value in values),
    }[kind]()
    rounded = round(float(exact), 2)
    return f"{exact:.10g}" if kind != "product" and rounded == exact else str(exact) if kind == "product" else None


def _product(values: list[int]) -> int:
    total = 1
    for value in values:
        total *= value
    return total


@family("list_statistics", weight=1.5)
def list_statistics(rng: random.Random, phrasings: Split) -> Problem:
    kind = rng.choice(list(LIST_QUESTIONS))
    wording, expression, thought = LIST_QUESTIONS[kind]
    answer = None
    while answer is None:
        numbers = [number for number in numbers_draw(rng, 3, 4 if kind == "product" else 7) if "." not in number]
        answer = _list_answer(kind, [int(number) for number in numbers]) if len(numbers) > 2 else None
    asked = wording.ask(rng, phrasings, l=list_spelled(rng, numbers))
    code = f"{_IMPORTS.get(kind, '')}print({expression.format('[' + ', '.join(numbers) + ']')})"
    return _python(
        "list_statistics",
        (asked[0], f"{kind}-{asked[1]}"),
        thought,
        code,
        answer,
        answer_kind="number",
        result=answer,
        direct_ok=kind in ("largest", "smallest"),
    )
