"""Knights and knaves: one constraint for each statement, in the order in which the statements stand.

A name is a boolean, "is a knight"; "Ann says Bob is a knave" is ` Ann <-> not Bob`. Constraints begin with a space, so
that a name has the same tokens there as inside the question. Puzzles have exactly one solution, but
for `knights_open`, which are answered by saying so.
Invariant: Alice and Bob never meet in training (vocabulary.RESERVED_PAIR).
"""

import itertools
import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from gpu_node.data.families import vocabulary
from gpu_node.data.families.registry import family
from gpu_node.data.families.templates import alternatives, listed
from gpu_node.data.problem import Call, Phrasings, Problem, Split
from gpu_node.tools.logic_solver import logic_solver

# The two kinds of people, truth-teller first. Answers use the puzzle's own words.
KINDS = (("knight", "knave"),) * 12 + (
    ("truth-teller", "liar"), ("truth-teller", "liar"), ("saint", "sinner"), ("angel", "devil"), ("hero", "villain"),
    ("sage", "fool"), ("monk", "thief"),
)  # fmt: skip

_PLURALS = {"thief": "thieves", "hero": "heroes"}

OPEN = "It cannot be decided."
World = dict[str, bool]


@dataclass(frozen=True)
class Claim:
    """What a speaker S says of others T and U: its wordings, the right side of its constraint, and its truth.

    Wordings are third person ("T is a knave") or, in `own`, first person ("we are both knaves"), which may be quoted.
    """

    needs: int  # how many others it names
    formula: str
    truth: Callable[[bool, bool, bool], bool]
    train: tuple[str, ...]
    held_out: tuple[str, ...]
    group_of: int = 0  # 2 or 3: only fits puzzles of so many people ("all of us"); 0 fits any
    weight: float = 1.0


CLAIMS = (
    Claim(
        1, "not {T}", lambda s, t, u: not t,
        ("{T} is {a_bad}", "{T} is {a_bad}", "{T} is {a_bad}", "{T} is a liar", "{T} lies", "{T} always lies",
         "{T} is lying", "{T} is not {a_good}", "{T} never tells the truth"),
        ("{T} does not tell the truth", "{T} tells only lies", "{T} must be {a_bad}"), weight=4.0,
    ),
    Claim(
        1, "{T}", lambda s, t, u: t,
        ("{T} is {a_good}", "{T} is {a_good}", "{T} always tells the truth", "{T} tells the truth", "{T} never lies",
         "{T} is not {a_bad}", "{T} is honest", "{T} is telling the truth"),
        ("{T} does not lie", "{T} tells only the truth", "{T} must be {a_good}"), weight=2.0,
    ),
    Claim(
        1, "(not {S} and not {T})", lambda s, t, u: not s and not t,
        ("we are both {bads}", "they are both {bads}", "both of us are {bads}",
         "{T} and I are both {bads}", "neither of us is {a_good}"),
        ("we are {bads}, both of us", "{T} and me, we are both {bads}"), group_of=2, weight=2.0,
    ),
    Claim(
        1, "({S} and {T})", lambda s, t, u: s and t,
        ("we are both {goods}", "they are both {goods}", "both of us are {goods}",
         "{T} and I are both {goods}", "neither of us is {a_bad}"),
        ("we are {goods}, both of us", "{T} and me, we are both {goods}"), group_of=2, weight=1.0,
    ),
    Claim(
        1, "(not {S} or not {T})", lambda s, t, u: not s or not t,
        ("at least one of us is {a_bad}", "one of us at least is {a_bad}", "we are not both {goods}",
         "at least one of {T} and me is {a_bad}"),
        ("there is at least one {bad} among us", "one or both of us are {bads}"), group_of=2, weight=2.0,
    ),
    Claim(
        1, "({S} or {T})", lambda s, t, u: s or t,
        ("at least one of us is {a_good}", "one of us at least is {a_good}", "we are not both {bads}"),
        ("there is at least one {good} among us", "one or both of us are {goods}"), group_of=2, weight=0.7,
    ),
    Claim(
        1, "({S} <-> {T})", lambda s, t, u: s == t,
        ("{T} and I are the same kind", "we are the same kind", "{T} and I are of the same kind",
         "{T} is the same kind as me", "{T} and I are the same type", "{T} and I are alike"),
        ("{T} is of my own kind", "we are both of the same sort"), weight=1.5,
    ),
    Claim(
        1, "({S} xor {T})", lambda s, t, u: s != t,
        ("{T} and I are different kinds", "we are different kinds", "{T} and I are of different kinds",
         "exactly one of us is {a_good}", "exactly one of us is {a_bad}", "only one of us is {a_good}",
         "{T} is a different kind from me", "{T} and I are different types"),
        ("{T} is not of my kind", "one of us is {a_good} and the other {a_bad}"), weight=2.0,
    ),
    Claim(
        1, "({S} and not {T})", lambda s, t, u: s and not t,
        ("I am {a_good} and {T} is {a_bad}", "I am {a_good} but {T} is {a_bad}", "I tell the truth but {T} lies"),
        ("I am {a_good} while {T} is {a_bad}", "{T} is {a_bad} and I am {a_good}"),
    ),
    Claim(
        1, "(not {S} or {T})", lambda s, t, u: not s or t,
        ("I am {a_bad} or {T} is {a_good}", "either I am {a_bad} or {T} is {a_good}"),
        ("at least one holds: I am {a_bad} or {T} is {a_good}", "I am {a_bad}, or else {T} is {a_good}"),
    ),
    Claim(
        1, "(not {S} and {T})", lambda s, t, u: not s and t,
        ("I am {a_bad} and {T} is {a_good}", "I am {a_bad} but {T} is {a_good}"),
        ("I am {a_bad} while {T} is {a_good}", "I lie but {T} tells the truth"), weight=0.5,
    ),
    Claim(
        1, "({S} -> {T})", lambda s, t, u: not s or t,
        ("if I am {a_good}, then {T} is {a_good}", "if I am {a_good} then so is {T}"),
        ("whenever I am {a_good}, {T} is {a_good}", "{T} is {a_good} if I am {a_good}"), weight=0.7,
    ),
    Claim(
        2, "({T} and {U})", lambda s, t, u: t and u,
        ("{T} and {U} are both {goods}", "both {T} and {U} are {goods}", "{T} and {U} are {goods}"),
        ("{T} is {a_good} and so is {U}", "each of {T} and {U} is {a_good}"), weight=1.5,
    ),
    Claim(
        2, "(not {T} and not {U})", lambda s, t, u: not t and not u,
        ("{T} and {U} are both {bads}", "both {T} and {U} are {bads}", "{T} and {U} are {bads}",
         "neither {T} nor {U} is {a_good}"),
        ("{T} is {a_bad} and so is {U}", "each of {T} and {U} is {a_bad}"), weight=1.5,
    ),
    Claim(
        2, "(not {T} or not {U})", lambda s, t, u: not t or not u,
        ("at least one of {T} and {U} is {a_bad}", "{T} is {a_bad} or {U} is {a_bad}",
         "{T} and {U} are not both {goods}"),
        ("one or both of {T} and {U} are {bads}", "among {T} and {U} there is at least one {bad}"),
    ),
    Claim(
        2, "({T} or {U})", lambda s, t, u: t or u,
        ("at least one of {T} and {U} is {a_good}", "{T} is {a_good} or {U} is {a_good}", "{T} or {U} is {a_good}"),
        ("one or both of {T} and {U} are {goods}", "among {T} and {U} there is at least one {good}"),
    ),
    Claim(
        2, "({T} <-> {U})", lambda s, t, u: t == u,
        ("{T} and {U} are the same kind", "{T} and {U} are of the same kind", "{T} and {U} are the same type",
         "{T} is the same kind as {U}"),
        ("{T} is of the kind of {U}", "{T} and {U} are of one sort"), weight=1.5,
    ),
    Claim(
        2, "({T} xor {U})", lambda s, t, u: t != u,
        ("{T} and {U} are different kinds", "{T} and {U} are of different kinds",
         "exactly one of {T} and {U} is {a_good}", "exactly one of {T} and {U} is {a_bad}"),
        ("{T} is not of the kind of {U}", "one of {T} and {U} is {a_good}, the other {a_bad}"), weight=1.5,
    ),
    Claim(
        2, "({T} and not {U})", lambda s, t, u: t and not u,
        ("{T} is {a_good} and {U} is {a_bad}", "{T} is {a_good} but {U} is {a_bad}"),
        ("{T} is {a_good} while {U} is {a_bad}", "{T} tells the truth but {U} lies"),
    ),
    Claim(
        2, "({T} -> {U})", lambda s, t, u: not t or u,
        ("if {T} is {a_good}, then {U} is {a_good}", "if {T} is {a_good} then {U} is {a_good}"),
        ("whenever {T} is {a_good}, {U} is {a_good}", "{U} is {a_good} if {T} is {a_good}"),
    ),
    Claim(
        2, "({T} -> not {U})", lambda s, t, u: not t or not u,
        ("if {T} is {a_good}, then {U} is {a_bad}", "if {T} is {a_good} then {U} is {a_bad}"),
        ("whenever {T} is {a_good}, {U} is {a_bad}", "{U} is {a_bad} if {T} is {a_good}"),
    ),
    Claim(
        2, "(not {S} and not {T} and not {U})", lambda s, t, u: not s and not t and not u,
        ("we are all {bads}", "all of us are {bads}", "all three of us are {bads}"),
        ("every one of us is {a_bad}", "none of us is {a_good}"), group_of=3,
    ),
    Claim(
        2, "(not {S} or not {T} or not {U})", lambda s, t, u: not s or not t or not u,
        ("at least one of us is {a_bad}", "at least one of the three of us is {a_bad}"),
        ("there is at least one {bad} among us", "not all of us are {goods}"), group_of=3,
    ),
)  # fmt: skip

Statement = tuple[str, Claim, list[str]]  # speaker, claim, the others it names

SPEECH = Phrasings(
    train=alternatives(
        [
            "{S} says {c}.", "{S} says that {c}.", '{S} says[:|,] "{C}."', "{S} says: {c}.", "{S} claims {c}.",
            "{S} claims that {c}.", '{S} claims[:|,] "{C}."', "{S} said {c}.", "{S} said that {c}.",
            "{S}: {c}.", '{S}: "{C}."', "{S} tells you that {c}.", "{S} tells you {c}.", "{S} states that {c}.",
            "{S} told you that {c}.", '{S} told me[:|,] "{C}."', "According to {S}, {c}.", "{S} says '{C}'.",
            "{S} says, '{C}'.", '{S} said[:|,] "{C}."', "{S} says {c}.", '{S} says "{c}".',
        ]
    ),
    held_out=[
        '{S} remarks: "{C}."', "{S} asserts that {c}.", "{S} declares that {c}.", "{S} tells me that {c}.",
        '"{C}," says {S}.', "{S} whispers: {c}.", "{S} insists that {c}.",
    ],
)  # fmt: skip

INTRODUCTIONS = Phrasings(
    train=alternatives(
        [
            "",
            "[On an island, |On a strange island, |Here ][every person|everyone|each person] is {a_good} or {a_bad}.",
            "On an island live {goods} and {bads}.",
            "{Goods} always tell the truth[ and|,] {bads} always lie.",
            "{Goods} tell the truth[ and|,] {bads} lie.",
            "You meet {people} on an island of {goods} and {bads}.",
            "You meet {people}.",
            "You meet {people}. Each is {a_good} or {a_bad}.",
            "{people} are each [either |]{a_good} or {a_bad}.",
            "There are {n} people, {people}, each {a_good} or {a_bad}.",
            "{people} live on the island of {goods} and {bads}.",
            "A puzzle of {goods} and {bads}:",
            "{Goods} and {bads}:",
            "{Goods} and {bads} puzzle:",
            "You are on an island of {goods} (truth) and {bads} (lies).",
            "{A_good} always tells the truth and {a_bad} always lies.",
            "{A_good} always tells the truth, {a_bad} always lies. You meet {people}.",
        ]
    ),
    held_out=[
        "A visitor meets {people}, who are {goods} or {bads}.",
        "Remember that {goods} never lie and {bads} never tell the truth.",
        "On this island {goods} only say true things and {bads} only false ones.",
        "Among {people}, each one is {a_good} or else {a_bad}.",
        "Consider {people}: all of them are {goods} or {bads}.",
    ],
)

ENDINGS = Phrasings(
    train=alternatives(
        [
            "Who is {a_good} and who is {a_bad}?", "Who is {a_good}, who is {a_bad}?", "Who is what?",
            "What is each person?", "What are {people}?", "Which of them is {a_good}?", "Who is the {good}?",
            "Who is {a_bad}?", "Who is lying?", "Who tells the truth?", "What are they?", "Find out who is who.",
            "Is {P} {a_good} or {a_bad}?", "What is {P}?", "Who are the {goods} and who are the {bads}?",
            "Determine who is {a_good} and who is {a_bad}.", "Solve it.", "Who is who?", "Tell me who is what.",
            "Which are {goods} and which are {bads}?", "Say what each of them is.", "What kind is each[| of them]?",
            "Identify the {goods} and the {bads}.", "So who is {a_good} and who is {a_bad}?",
        ]
    ),
    held_out=[
        "Can you tell who is {a_good} and who is {a_bad}?", "Decide for each whether they are {a_good} or {a_bad}.",
        "Work out the kind of each one.", "Who of them is honest?", "Which kind does each of them belong to?",
    ],
)  # fmt: skip


def _article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _kind_words(good: str, bad: str) -> dict[str, str]:
    goods, bads = _PLURALS.get(good, f"{good}s"), _PLURALS.get(bad, f"{bad}s")
    return {
        "good": good, "bad": bad, "goods": goods, "bads": bads, "a_good": _article(good),
        "a_bad": _article(bad), "Goods": goods.capitalize(), "A_good": _article(good).capitalize(),
    }  # fmt: skip


def _claims_draw(rng: random.Random, people: list[str]) -> list[Statement]:
    """(speaker, claim, the others it names) for some or all of the people, in random order of speaking."""
    fitting = [c for c in CLAIMS if c.needs < len(people) and c.group_of in (0, len(people))]
    speakers = people if len(people) == 2 or rng.random() < 0.75 else people[:-1]
    if len(people) == 2 and rng.random() < 0.3:
        speakers = people[:1]
    statements = []
    for speaker in speakers:
        claim = rng.choices(fitting, [c.weight for c in fitting])[0]
        others = [name for name in people if name != speaker]
        rng.shuffle(others)
        statements.append((speaker, claim, others[: claim.needs]))
    return statements


def solutions_find(people: list[str], statements: list[Statement]) -> list[World]:
    worlds = (dict(zip(people, kinds, strict=True)) for kinds in itertools.product((True, False), repeat=len(people)))
    return [
        world
        for world in worlds
        if all(
            world[speaker] == claim.truth(world[speaker], *([world[o] for o in others] + [False])[:2])
            for speaker, claim, others in statements
        )
    ]


def _puzzle_draw(rng: random.Random, people: list[str]) -> tuple[list[Statement], World]:
    while True:
        statements = _claims_draw(rng, people)
        named = {speaker for speaker, _, _ in statements} | {o for _, _, others in statements for o in others}
        found = solutions_find(people, statements)
        if len(found) == 1 and named == set(people):
            return statements, found[0]


def _say(
    rng: random.Random, phrasings: Split, speech: str, claim: Claim, people: list[str], slots: dict[str, str]
) -> str:
    """One statement in words. A claim about "us" is first person in every manner of speech, as puzzles have it."""
    wordings = claim.train if phrasings == "train" else claim.train + claim.held_out * 2
    if len(people) > 2 and claim.group_of == 0:  # "we" and "one of us" would be all three of them
        wordings = tuple(wording for wording in wordings if "{T}" in wording)
    said = rng.choice(wordings).format(**slots)
    return speech.format(S=slots["S"], c=said, C=said[0].upper() + said[1:])


@dataclass(frozen=True)
class _Spoken:
    text: str
    constraint: str
    names: list[str]  # in the order in which they stand in the constraint


def _statement_spell(
    rng: random.Random, phrasings: Split, speech: str, statement: Statement, people: list[str], words: dict[str, str]
) -> _Spoken:
    speaker, claim, others = statement
    slots = {"S": speaker, "T": others[0], "U": others[-1], **words}
    constraint = f" {speaker} <-> {claim.formula.format(**slots)}"
    names = [speaker, *others]
    return _Spoken(_say(rng, phrasings, speech, claim, people, slots), constraint, names)


def _answer(world: World, order: list[str], words: dict[str, str]) -> str:
    return listed([f"{name} is {words['a_good'] if world[name] else words['a_bad']}" for name in order])


def _is_complete(question: str, people: list[str], words: dict[str, str]) -> bool:
    """Everyone is named, and so are the kinds that the answer speaks of (a puzzle naming none is of knights)."""
    has_kinds = words["good"] == "knight" or words["good"] in question.lower() or words["bad"] in question.lower()
    return has_kinds and all(re.search(rf"\b{name}\b", question) for name in people)


def _problem(family_name: str, rng: random.Random, phrasings: Split, count: int) -> Problem:
    people = vocabulary.people_draw(rng, count)
    statements, world = _puzzle_draw(rng, people)
    return _ask(rng, phrasings, family_name, people, statements, world)


def _ask(
    rng: random.Random,
    phrasings: Split,
    family_name: str,
    people: list[str],
    statements: list[Statement],
    world: World | None,
) -> Problem:
    """The puzzle in words; `world` is its one solution, or None where it has several."""
    words = _kind_words(*rng.choice(KINDS))
    speech, speech_id = SPEECH.ask(rng, phrasings, S="{S}", c="{c}", C="{C}")
    spoken = [_statement_spell(rng, phrasings, speech, statement, people, words) for statement in statements]
    order = list(dict.fromkeys(name for one in spoken for name in one.names))
    slots = {"people": listed(people), "n": {2: "two", 3: "three"}[len(people)], **words}
    question = None
    while question is None or not _is_complete(question, people, words):
        introduction, _ = INTRODUCTIONS.ask(rng, phrasings, **slots)
        ending, _ = ENDINGS.ask(rng, phrasings, P=rng.choice(people), **slots)
        question = " ".join(part for part in (introduction, *(one.text for one in spoken), ending) if part)
    constraints = [one.constraint for one in spoken]
    if world is None:
        result, conclusion, answer = logic_solver(constraints), "More than one way fits.", OPEN
    else:
        values = ", ".join(f"{name} = {str(world[name]).lower()}" for name in order)
        result, conclusion, answer = f"{values} (unique)", "Each name has its kind.", _answer(world, order, words)
    return Problem(
        family=family_name,
        question=question,
        thought=f"True means {words['good']}.",
        calls=(Call("logic_solver", {"constraints": constraints}),),
        conclusion=conclusion,
        answer=answer,
        answer_kind="text",
        phrasing_id=speech_id,
        result=result,
        result_kind="text",
    )


@family("knights_open", weight=2.0)
def knights_open(rng: random.Random, phrasings: Split) -> Problem:
    """One statement that leaves it open who is what: short, and the plainest practice of a clause's translation."""
    people = vocabulary.people_draw(rng, 2)
    while True:
        statements = [_claims_draw(rng, people)[0]]
        worlds = solutions_find(people, statements)
        if worlds and all(len({world[name] for world in worlds}) == 2 for name in people):  # nobody is settled
            return _ask(rng, phrasings, "knights_open", people, statements, None)


@family("knights_two", weight=4.0)
def knights_two(rng: random.Random, phrasings: Split) -> Problem:
    return _problem("knights_two", rng, phrasings, 2)


@family("knights_three", weight=2.0)
def knights_three(rng: random.Random, phrasings: Split) -> Problem:
    return _problem("knights_three", rng, phrasings, 3)
