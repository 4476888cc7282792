"""Ordering puzzles: who is tallest, oldest, first. A name is a place from 1 up, one constraint for each clause.

Invariant: the clauses leave exactly one order. Places count upwards for height, age, speed, weight and money (the
largest number is the tallest), and from the front in races and queues (1 is first).
"""

import itertools
import random
from dataclasses import dataclass

from gpu_node.data.families import vocabulary
from gpu_node.data.families.registry import family
from gpu_node.data.families.templates import alternatives, listed
from gpu_node.data.problem import Call, Phrasings, Problem, Split


@dataclass(frozen=True)
class Scale:
    """Words of one kind of order. `more`: X > Y; `less`: X < Y; `most`, `least`: the ends of the numbers."""

    more: tuple[str, ...]
    less: tuple[str, ...]
    most: tuple[str, ...]
    least: tuple[str, ...]
    unseen_more: tuple[str, ...]
    unseen_less: tuple[str, ...]
    ask_most: tuple[str, ...]
    ask_least: tuple[str, ...]
    unseen_ask_most: tuple[str, ...]
    unseen_ask_least: tuple[str, ...]


_ASKED_TRAINED = (
    "Who is the SUPERLATIVE?",
    "Who is SUPERLATIVE?",
    "Which one is the SUPERLATIVE?",
    "Who is the SUPERLATIVE of them?",
    "Which of them is the SUPERLATIVE?",
    "Find the SUPERLATIVE.",
    "Tell me who is the SUPERLATIVE.",
    "Who is the SUPERLATIVE one?",
    "Who's the SUPERLATIVE?",
    "So who is the SUPERLATIVE?",
    "Who of {people} is the SUPERLATIVE?",
    "The SUPERLATIVE is who?",
    "Which person is the SUPERLATIVE?",
    "Which one of {people} is the SUPERLATIVE?",
    "Which of {people} is SUPERLATIVE?",
    "Determine who is the SUPERLATIVE.",
    "Find out who is SUPERLATIVE.",
    "Work out who is the SUPERLATIVE.",
    "Say who is the SUPERLATIVE.",
    "Give me the SUPERLATIVE.",
    "Can you tell who is the SUPERLATIVE?",
    "Do you know who is SUPERLATIVE?",
    "I want to know who is the SUPERLATIVE.",
    "What is the name of the SUPERLATIVE one?",
    "Pick the SUPERLATIVE of them.",
    "Now who is the SUPERLATIVE?",
    "Then who is SUPERLATIVE?",
    "The SUPERLATIVE of them is who?",
    "Who must be the SUPERLATIVE?",
    "Who turns out to be the SUPERLATIVE?",
)


def _adjective(high: str, low: str, more: str, less: str, most: str, least: str) -> Scale:
    """From an adjective and its opposite: tall, short, taller, shorter, tallest, shortest."""

    def asked(superlative: str) -> tuple[str, ...]:
        return tuple(text.replace("SUPERLATIVE", superlative) for text in _ASKED_TRAINED)

    def unseen(superlative: str) -> tuple[str, ...]:
        return (
            f"Name the {superlative} person.",
            f"Whom would you call the {superlative}?",
            f"Among {{people}}, who is {superlative}?",
        )

    def compared(word: str) -> tuple[str, ...]:
        return (
            f"{{X}} is {word} than {{Y}}",
            f"{{X}} is {word} than {{Y}}",
            f"{{X}} is a bit {word} than {{Y}}",
            f"{{X}} is much {word} than {{Y}}",
            f"{{X}} is {word} than {{Y}} is",
            f"{{X}} is a little {word} than {{Y}}",
            f"{{X}} is a lot {word} than {{Y}}",
            f"{{X}} is slightly {word} than {{Y}}",
            f"{{X}} is clearly {word} than {{Y}}",
            f"{{X}} is far {word} than {{Y}}",
            f"{{X}} is also {word} than {{Y}}",
        )

    ends = ("{{X}} is the {word}", "{{X}} is {word}", "{{X}} is the {word} of all", "nobody but {{X}} is the {word}")
    return Scale(
        more=(*compared(more), f"{{X}} is not as {low} as {{Y}}", f"{{X}} is not so {low} as {{Y}}"),
        less=(*compared(less), f"{{X}} is not as {high} as {{Y}}", f"{{X}} is not so {high} as {{Y}}"),
        most=tuple(text.format(word=most) for text in ends),
        least=tuple(text.format(word=least) for text in ends),
        unseen_more=(f"compared with {{Y}}, {{X}} is {more}", f"{{X}} happens to be {more} than {{Y}}"),
        unseen_less=(f"compared with {{Y}}, {{X}} is {less}", f"{{X}} happens to be {less} than {{Y}}"),
        ask_most=asked(most),
        ask_least=asked(least),
        unseen_ask_most=unseen(most),
        unseen_ask_least=unseen(least),
    )


SCALES = (
    _adjective("tall", "short", "taller", "shorter", "tallest", "shortest"),
    _adjective("tall", "short", "taller", "shorter", "tallest", "shortest"),
    _adjective("old", "young", "older", "younger", "oldest", "youngest"),
    _adjective("old", "young", "older", "younger", "oldest", "youngest"),
    _adjective("fast", "slow", "faster", "slower", "fastest", "slowest"),
    _adjective("heavy", "light", "heavier", "lighter", "heaviest", "lightest"),
    _adjective("rich", "poor", "richer", "poorer", "richest", "poorest"),
    _adjective("strong", "weak", "stronger", "weaker", "strongest", "weakest"),
    _adjective("big", "small", "bigger", "smaller", "biggest", "smallest"),
    Scale(  # races and queues: 1 is first, so "more" is later
        more=(
            "{X} finished after {Y}",
            "{X} came in after {Y}",
            "{X} is behind {Y}",
            "{X} arrived after {Y}",
            "{X} lost to {Y}",
            "{X} was behind {Y}",
            "{X} arrived later than {Y}",
            "{X} finished later than {Y}",
            "{X} came after {Y}",
            "{X} came in later than {Y}",
            "{X} ended up behind {Y}",
            "{X} was beaten by {Y}",
            "{X} followed {Y}",
            "{X} got there after {Y}",
            "{X} finished behind {Y}",
            "{X} did not beat {Y}",
        ),
        less=(
            "{X} finished before {Y}",
            "{X} came in before {Y}",
            "{X} is ahead of {Y}",
            "{X} arrived before {Y}",
            "{X} beat {Y}",
            "{X} was ahead of {Y}",
            "{X} arrived earlier than {Y}",
            "{X} finished earlier than {Y}",
            "{X} came before {Y}",
            "{X} came in earlier than {Y}",
            "{X} ended up ahead of {Y}",
            "{X} won against {Y}",
            "{X} got there before {Y}",
            "{X} finished ahead of {Y}",
            "{X} defeated {Y}",
            "{X} was in front of {Y}",
            "{X} passed the finish before {Y}",
        ),
        most=("{X} finished last", "{X} came last", "{X} was last", "{X} arrived last", "{X} came in last"),
        least=("{X} finished first", "{X} came first", "{X} won", "{X} was first", "{X} arrived first"),
        unseen_more=("{X} crossed the line after {Y}", "{X} reached the goal later than {Y}"),
        unseen_less=("{X} crossed the line before {Y}", "{X} reached the goal earlier than {Y}"),
        ask_most=(
            "Who finished last?",
            "Who came last?",
            "Who was last?",
            "Who is last?",
            "Who came in last?",
            "Who arrived last?",
            "Who was the last?",
            "Which of them was last?",
            "Find who was last.",
            "Who lost?",
            "Who was the last to arrive?",
            "Who was the last one?",
            "Which person came last?",
            "Which one ended up last?",
            "Which of {people} was last?",
            "Of {people}, who came last?",
            "Determine who finished last.",
            "Find out who came last.",
            "Can you tell who was last?",
            "I want to know who finished last.",
            "Say who came last.",
            "Then who is the last?",
            "Who came in behind all the others?",
        ),
        ask_least=(
            "Who finished first?",
            "Who came first?",
            "Who was first?",
            "Who is first?",
            "Who won?",
            "Who won the race?",
            "Who arrived first?",
            "Who was the first?",
            "Who is the winner?",
            "Find the winner.",
            "Who was the first to arrive?",
            "Who was the first one?",
            "Who finished in front of all the others?",
            "Which person came first?",
            "Which one ended up first?",
            "Which of them won?",
            "Which of {people} was first?",
            "Of {people}, who came first?",
            "Determine who won.",
            "Find out who came first.",
            "Can you tell who won?",
            "I want to know who finished first.",
            "Say who came first.",
            "Then who is the winner?",
        ),
        unseen_ask_most=("Name the one at the end.", "Who took the last place?", "Whose place was the last?"),
        unseen_ask_least=("Name the winner.", "Who took the first place?", "Whose place was the first?"),
    ),
)

# How clauses are joined, and what stands before them. The question words come from the scale.
FRAMES = Phrasings(
    train=alternatives(
        [
            "{clauses}. {ask}",
            "{clauses}. {ask}",
            "[Suppose|Given that|If] {clauses_and}[,|.] {ask_lower}",
            "[There are {n} people:|Here are] {people}. {clauses}. {ask}",
            "{people} [are friends|are compared|stand in a room]. {clauses}. {ask}",
            "{clauses_and}. {ask}",
            "We know that {clauses_and}. {ask}",
            "[A puzzle:|Puzzle:|Riddle:] {clauses}. {ask}",
            "{ask} {clauses}.",
            "[I know that|It is known that] {clauses_and}. {ask}",
            "{clauses_semicolon}. {ask}",
            "{clauses_comma}. {ask}",
            "Of {people}, {clauses_and}. {ask}",
            "{clauses_but}. {ask}",
            "Facts: {clauses}. {ask}",
            "{n} friends: {people}. {clauses}. {ask}",
            "{clauses}. [Question: |Now: |So: |Tell me: |My question: ]{ask}",
            "{clauses}. [So|Now|Then|Therefore], {ask_lower}",
            "{clauses_and}. [So|Now|Then], {ask_lower}",
            "[Here is what we know|This is known|What we know|Information|Given|True statements]: {clauses}. {ask}",
            "[Given|Known]: {clauses_comma}. {ask}",
            "[Since|Because|As|When] {clauses_and}, {ask_lower}",
            "[Let us say|Imagine|Say|Let it be so] that {clauses_and}. {ask}",
            "[If it is true|If we know|Knowing] that {clauses_and}, {ask_lower}",
            "[I was told|I heard|My friend told me|You are told|The teacher knows] that {clauses_and}. {ask}",
            "{ask} [We know that|It is known that|Given is that|I know that] {clauses_and}.",
            "{ask} [Known facts|The facts|Given]: {clauses}.",
            "{people} [live in one street|are cousins|go to one school|meet]. {clauses_and}. {ask}",
            "[Meet|Here come|These are] {people}. {clauses}. {ask}",
            "[The people|The friends] are {people}. {clauses}. {ask}",
            "{clauses_and}, [so|and] {ask_lower}",
            "{clauses_also}. {ask}",
            "{clauses_while}. {ask}",
        ]
    ),
    held_out=[
        "Consider {people}. {clauses}. {ask}",
        "Assume the following: {clauses}. {ask}",
        "Someone says that {clauses_and}. {ask}",
        "From these facts, answer. {clauses}. {ask}",
        "{people} were seen together. {clauses_semicolon}. {ask}",
        "Clues: {clauses_comma}. {ask}",
    ],
)

NUMBER_WORDS = {3: "three", 4: "four"}


@dataclass(frozen=True)
class Clause:
    text: str
    constraint: str
    names: tuple[str, ...]


def _clause_draw(rng: random.Random, scale: Scale, order: list[str], phrasings: Split, pair: tuple[str, str]) -> Clause:
    """A true clause: the two compared, or one of them at an end where it stands there."""
    low, high = pair if order.index(pair[0]) < order.index(pair[1]) else pair[::-1]
    held_out = phrasings == "held_out"
    if rng.random() < 0.12 and order[-1] == high:
        return Clause(rng.choice(scale.most).format(X=high), f" {high} == {len(order)}", (high,))
    if rng.random() < 0.12 and order[0] == low:
        return Clause(rng.choice(scale.least).format(X=low), f" {low} == 1", (low,))
    if rng.random() < 0.5:
        wordings = scale.unseen_more + scale.more[:1] if held_out else scale.more
        return Clause(rng.choice(wordings).format(X=high, Y=low), f" {high} > {low}", (high, low))
    wordings = scale.unseen_less + scale.less[:1] if held_out else scale.less
    return Clause(rng.choice(wordings).format(X=low, Y=high), f" {low} < {high}", (low, high))


def _holds(constraint: str, place: dict[str, int]) -> bool:
    left, sign, right = constraint.split()
    value = int(right) if right.isdigit() else place[right]
    return {"<": place[left] < value, ">": place[left] > value, "==": place[left] == value}[sign]


def _num_orders(people: list[str], clauses: list[Clause]) -> int:
    orders = itertools.permutations(range(1, len(people) + 1))
    places = (dict(zip(people, order, strict=True)) for order in orders)
    return sum(all(_holds(clause.constraint, place) for clause in clauses) for place in places)


def _clauses_draw(rng: random.Random, scale: Scale, order: list[str], phrasings: Split) -> list[Clause]:
    """Clauses in random order that leave only `order`; mostly neighbours, now and then one more."""
    while True:
        pairs = list(itertools.pairwise(order))
        if rng.random() < 0.25:
            pairs.append((order[0], order[-1]))
        rng.shuffle(pairs)
        clauses = [_clause_draw(rng, scale, order, phrasings, pair) for pair in pairs]
        named = {name for clause in clauses for name in clause.names}
        if (
            _num_orders(order, clauses) == 1
            and named == set(order)
            and len({c.constraint for c in clauses}) == len(clauses)
        ):
            return clauses


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _ask(rng: random.Random, scale: Scale, phrasings: Split, is_most: bool, people: str) -> str:
    if phrasings == "held_out":
        asked = scale.unseen_ask_most if is_most else scale.unseen_ask_least
    else:
        asked = scale.ask_most if is_most else scale.ask_least
    return rng.choice(asked).format(people=people)


def _frame(rng: random.Random, phrasings: Split, clauses: list[Clause], people: list[str], ask: str) -> tuple[str, str]:
    texts = [clause.text for clause in clauses]
    lower_ask = ask[0].lower() + ask[1:]
    question, phrasing_id = FRAMES.ask(
        rng,
        phrasings,
        clauses=". ".join(_sentence(text) for text in texts),
        clauses_and=listed(texts),
        clauses_semicolon="; ".join(texts),
        clauses_comma=", ".join(texts),
        clauses_but=", but ".join(texts),
        clauses_also=". Also, ".join(texts),
        clauses_while=" while ".join(texts),
        ask=ask,
        ask_lower=lower_ask,
        people=listed(people),
        n=NUMBER_WORDS[len(people)],
    )
    return _sentence(question), phrasing_id


@family("ordering", weight=2.5)
def ordering(rng: random.Random, phrasings: Split) -> Problem:
    order = vocabulary.people_draw(rng, rng.choice((3, 3, 3, 4)))
    scale = rng.choice(SCALES)
    clauses = _clauses_draw(rng, scale, order, phrasings)
    shown = rng.sample(order, len(order))
    is_most = rng.random() < 0.5
    ask = _ask(rng, scale, phrasings, is_most, listed(shown))
    question, phrasing_id = _frame(rng, phrasings, clauses, shown, ask)
    names = list(dict.fromkeys(name for clause in clauses for name in clause.names))
    top = len(order)
    bounds = [f" distinct({', '.join(names)})", *(f" 1 <= {name} <= {top}" for name in names)]
    values = ", ".join(f"{name} = {order.index(name) + 1}" for name in names)
    return Problem(
        family="ordering",
        question=question,
        thought=f"Places from 1 to {top}.",
        calls=(
            Call(
                "logic_solver",
                {"constraints": [*(c.constraint for c in clauses), *bounds]},
            ),
        ),
        conclusion=f"Asked is place {top if is_most else 1}.",
        answer=order[-1] if is_most else order[0],
        answer_kind="text",
        phrasing_id=phrasing_id,
        result=f"{values} (unique)",
        result_kind="text",
    )
