"""Knights and knaves: one constraint for each statement, in the order in which the statements stand.

A name is a boolean, "is a knight"; "Ann says Bob is a knave" is ` Ann <-> not Bob`. Constraints begin with a space, so
that a name has the same tokens there as inside the question. Puzzles have exactly one solution, but
for `knights_open`, which are answered by saying so.
Invariant: Alice and Bob never meet in training (vocabulary.RESERVED_PAIR).
"""

import itertools
import random
import re
from dataclasses import dataclass

from gpu_node.data.families import vocabulary
from gpu_node.data.families.knights_claims import CLAIMS, Claim
from gpu_node.data.families.knights_wordings import ENDINGS, INTRODUCTIONS, SPEECH
from gpu_node.data.families.registry import family
from gpu_node.data.families.templates import listed
from gpu_node.data.problem import Call, Problem, Split
from gpu_node.tools.logic_solver import logic_solver

# The two kinds of people, truth-teller first. Answers use the puzzle's own words.
KINDS = (("knight", "knave"),) * 12 + (
    ("truth-teller", "liar"), ("truth-teller", "liar"), ("saint", "sinner"), ("angel", "devil"), ("hero", "villain"),
    ("sage", "fool"), ("monk", "thief"),
)  # fmt: skip

_PLURALS = {"thief": "thieves", "hero": "heroes"}

UNSEEN_CLAIM_SHARE = 0.4  # of the claims of a held-out puzzle; its other sentences are all unseen
OWN_SPEECH_SHARE = 0.35  # trained puzzles where each speaks in a manner of their own
JOINED_SHARE = 0.2  # trained puzzles that put all statements into one sentence
NO_INTRODUCTION_SHARE = 0.25
LOWER_CASE_SHARE = 0.06  # typed in a hurry, names too
JOINERS = (", ", ", and ", " and ", "; ", ", while ", ", but ")

OPEN = "It cannot be decided."
World = dict[str, bool]
Statement = tuple[str, Claim, list[str]]  # speaker, claim, the others it names


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
    is_unseen = phrasings == "held_out" and rng.random() < UNSEEN_CLAIM_SHARE
    wordings = claim.held_out if is_unseen else claim.train
    if len(people) > 2 and claim.group_of == 0:  # "we" and "one of us" would be all three of them
        wordings = tuple(wording for wording in (*wordings, *claim.train) if "{T}" in wording)
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
    slots = {"S": speaker, "T": others[0], "U": others[-1], "she": rng.choice(("she", "he")), **words}
    constraint = f" {speaker} <-> {claim.formula.format(**slots)}"
    names = [speaker, *others]
    return _Spoken(_say(rng, phrasings, speech, claim, people, slots), constraint, names)


def _statements_spell(
    rng: random.Random, phrasings: Split, statements: list[Statement], people: list[str], words: dict[str, str]
) -> tuple[list[_Spoken], str]:
    """The statements in words and the id of the (first) manner of speech."""
    is_own = phrasings == "train" and rng.random() < OWN_SPEECH_SHARE
    speech, speech_id = SPEECH.ask(rng, phrasings, S="{S}", c="{c}", C="{C}")
    spoken = []
    for statement in statements:
        spoken.append(_statement_spell(rng, phrasings, speech, statement, people, words))
        if is_own:
            speech, _ = SPEECH.ask(rng, phrasings, S="{S}", c="{c}", C="{C}")
    return spoken, speech_id


def _joined(rng: random.Random, sentences: list[str], phrasings: Split) -> str:
    is_plain = all(sentence[-1] == "." for sentence in sentences)
    if phrasings == "train" and is_plain and rng.random() < JOINED_SHARE:
        return rng.choice(JOINERS).join(sentence[:-1] for sentence in sentences) + "."
    return " ".join(sentences)


def _people_draw(rng: random.Random, phrasings: Split, count: int) -> list[str]:
    people = vocabulary.people_draw(rng, count)
    is_lower = phrasings == "train" and rng.random() < LOWER_CASE_SHARE and len(people[0]) > 1
    return [name.lower() for name in people] if is_lower else people


def _answer(world: World, order: list[str], words: dict[str, str]) -> str:
    return listed([f"{name} is {words['a_good'] if world[name] else words['a_bad']}" for name in order])


def _is_complete(question: str, people: list[str], words: dict[str, str]) -> bool:
    """Everyone is named, and so are the kinds that the answer speaks of (a puzzle naming none is of knights)."""
    has_kinds = words["good"] == "knight" or words["good"] in question.lower() or words["bad"] in question.lower()
    return has_kinds and all(re.search(rf"\b{name}\b", question) for name in people)


def _problem(family_name: str, rng: random.Random, phrasings: Split, count: int) -> Problem:
    people = _people_draw(rng, phrasings, count)
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
    spoken, speech_id = _statements_spell(rng, phrasings, statements, people, words)
    order = list(dict.fromkeys(name for one in spoken for name in one.names))
    slots = {"people": listed(people), "n": {2: "two", 3: "three"}[len(people)], **words}
    question = None
    while question is None or not _is_complete(question, people, words):
        introduction, _ = INTRODUCTIONS.ask(rng, phrasings, **slots)
        if phrasings == "train" and rng.random() < NO_INTRODUCTION_SHARE:
            introduction = ""
        ending, _ = ENDINGS.ask(rng, phrasings, P=rng.choice(people), **slots)
        said = _joined(rng, [one.text for one in spoken], phrasings)
        question = " ".join(part for part in (introduction, said, ending) if part)
    if people[0].islower():
        question = question.lower()
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
    people = _people_draw(rng, phrasings, 2)
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
