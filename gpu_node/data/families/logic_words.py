"""If-then reasoning in everyday words, and syllogisms: one constraint for each sentence, then the goal is proved.

A fact is a boolean named by its own word: "the street is wet" is ` wet`. Where the goal is not proved its contrary is
tried, so a question has three answers: yes, no, and that it cannot be known.
Syllogisms speak of one arbitrary thing: "all cats are mammals" is ` cats -> mammals`. Existential import is avoided:
"some" is concluded only from a premise with "some".
"""

import itertools
import random
from dataclasses import dataclass

from gpu_node.data.families import vocabulary
from gpu_node.data.families.logic_formulas import Formula, is_true, spell, worlds
from gpu_node.data.families.registry import family
from gpu_node.data.families.templates import alternatives
from gpu_node.data.problem import AnswerKind, Call, Phrasings, Problem, Split

THINGS = tuple(
    """street lamp door window alarm car garden road bridge shop bakery school garage kitchen roof engine phone radio
    computer battery bell train bus river lake pool oven fridge heater tank box bag cup soup bread cake coffee tea
    shirt coat floor wall gate fence light switch machine robot market museum library station""".split()
)
ADJECTIVES = tuple(
    """wet dry open closed broken full empty hot cold warm clean dirty red green blue new old loud quiet bright dark
    late early safe slippery icy crowded locked fast slow heavy soft hard fresh ready expensive cheap""".split()
)
MOODS = tuple("happy sad tired hungry angry late ill busy rich calm proud nervous thirsty famous lucky bored".split())
VERBS = tuple(
    """work sing cook sleep read run win laugh call come stay leave dance swim drive smile travel shout wait help eat
    drink walk play jump write paint""".split()
)
NOTATION = {"->": "->", "<->": "<->", "and": "and", "or": "or", "not": "not ", "xor": "xor"}
UNKNOWN = "it cannot be known"


@dataclass(frozen=True)
class Fact:
    atom: str
    holds: str
    fails: str
    asked: str  # without the question mark


def _facts_draw(rng: random.Random, count: int) -> list[Fact]:
    facts: dict[str, Fact] = {}
    while len(facts) < count:
        fact = _fact_draw(rng)
        facts.setdefault(fact.atom, fact)
    return list(facts.values())


def _fact_draw(rng: random.Random) -> Fact:
    style = rng.random()
    if style < 0.12:
        weather = rng.choice(("rain", "snow"))
        if rng.random() < 0.5:
            return Fact(weather, f"it {weather}s", f"it does not {weather}", f"does it {weather}")
        return Fact(f"{weather}ing", f"it is {weather}ing", f"it is not {weather}ing", f"is it {weather}ing")
    if style < 0.5:
        thing, word = rng.choice(THINGS), rng.choice(ADJECTIVES)
        return Fact(word, f"the {thing} is {word}", f"the {thing} is not {word}", f"is the {thing} {word}")
    name = vocabulary.names_draw(rng, 1)[0]
    if style < 0.75:
        word = rng.choice(MOODS)
        return Fact(word, f"{name} is {word}", f"{name} is not {word}", f"is {name} {word}")
    word = rng.choice(VERBS)
    return Fact(word, f"{name} {word}s", f"{name} does not {word}", f"does {name} {word}")


CONDITIONALS = Phrasings(
    train=alternatives(
        [
            "[if|If] {a}, {b}",
            "[if|If] {a}, then {b}",
            "[if|If] {a} then {b}",
            "[when|When] {a}, {b}",
            "[whenever|Whenever] {a}, {b}",
            "{b} if {a}",
            "{b} when {a}",
            "{b} whenever {a}",
            "{a} only if {b}",
            "[if|If] {a} it follows that {b}",
            "{a} implies that {b}",
            "[every time|Every time] {a}, {b}",
            "[in case|In case] {a}, {b}",
            "{b} every time {a}",
            "{b} in case {a}",
            "{b} once {a}",
            "that {b} follows if {a}",
            "once {a}, {b}",
            "always when {a}, {b}",
            "it is known that if {a}, {b}",
            "we know that if {a}, then {b}",
            "the rule is that if {a}, {b}",
            "it is a fact that {b} if {a}",
            "it is always so that if {a}, {b}",
            "if it is true that {a}, then {b}",
            "if it is so that {a}, {b}",
            "if {a}, {b} as well",
            "if {a}, then surely {b}",
            "if {a}, then also {b}",
            "if ever {a}, {b}",
            "{a} means that {b}",
            "that {a} implies that {b}",
            "that {a} means that {b}",
        ]
    ),
    held_out=[
        "Each time {a}, {b}",
        "As soon as {a}, {b}",
        "Provided that {a}, {b}",
        "{b} provided that {a}",
        "Given that {a}, {b}",
    ],
)
DISJUNCTIONS = ("{a} or {b}", "Either {a} or {b}", "At least one is true: {a} or {b}")
RULES_QUESTIONS = Phrasings(
    train=alternatives(
        [
            "{Asked}?",
            "{Asked}?",
            "{Asked}?",
            "{Asked}?",
            "[So, |Then, |Now, ]{asked}?",
            "[What follows: |Question: |Tell me: ]{asked}?",
            "[Can we say whether {holds}|Do we know whether {holds}]?",
            "Is it true that {holds}?",
            "Is it the case that {holds}?",
            "Does it follow that {holds}?",
            "Can we conclude that {holds}?",
            "Must it be that {holds}?",
            "So {holds}, right?",
            "{Holds}, [true or false|yes or no|right or wrong]?",
            "Can you tell if {holds}?",
            "Decide whether {holds}.",
            "Do we know that {holds}?",
            "[And |Well, |Please answer: |My question: |The question is: |I ask: |I wonder: ]{asked}?",
            "{Asked} or not?",
            "{Asked}, do we know?",
            "Given all this, {asked}?",
            "If all that is true, {asked}?",
            "With these facts, {asked}?",
            "Knowing this, {asked}?",
            "[Find out|Check|Determine] [whether|if] {holds}.",
            "[Is it known|Can it be shown|Can it be proved] that {holds}?",
            "Is it right that {holds}?",
            "Is the claim that {holds} true?",
            "Can we be sure that {holds}?",
            "Can I say that {holds}?",
            "Do the facts show that {holds}?",
            "Prove or disprove that {holds}.",
            "Therefore {holds}. Is that right?",
        ]
    ),
    held_out=[
        "Would you say that {holds}?",
        "What about this: {asked}?",
        "Does this mean that {holds}?",
        "Is it certain that {holds}?",
        "May one infer that {holds}?",
    ],
)


@dataclass(frozen=True)
class Sentence:
    text: str
    formula: Formula


def _literal(rng: random.Random, fact: Fact, truth_share: float = 0.5) -> Sentence:
    if rng.random() < truth_share:
        return Sentence(fact.holds, fact.atom)
    return Sentence(fact.fails, ("not", fact.atom))


def _rule(rng: random.Random, phrasings: Split, first: Fact, second: Fact) -> Sentence:
    a, b = _literal(rng, first, 0.85), _literal(rng, second, 0.85)
    if rng.random() < 0.15:
        text = rng.choice(DISJUNCTIONS).format(a=a.text, b=b.text)
        return Sentence(text, ("or", a.formula, b.formula))
    text, _ = CONDITIONALS.ask(rng, phrasings, a=a.text, b=b.text)
    return Sentence(text, ("->", a.formula, b.formula))


def _sentences_draw(rng: random.Random, phrasings: Split, facts: list[Fact]) -> list[Sentence]:
    """Rules along a chain of facts, and one plain fact at either end of it."""
    sentences = [_rule(rng, phrasings, a, b) for a, b in itertools.pairwise(facts)]
    known = _literal(rng, rng.choice((facts[0], facts[0], facts[-1])), 0.6)
    return [*sentences, known] if rng.random() < 0.8 else [known, *sentences]


def _status(sentences: list[Sentence], goal: Formula, letters: list[str]) -> str | None:
    """yes, no or unknown; None where the sentences contradict each other."""
    possible = [world for world in worlds(letters) if all(is_true(one.formula, world) for one in sentences)]
    truths = {is_true(goal, world) for world in possible}
    return {(True,): "yes", (False,): "no", (False, True): "unknown", (): None}[tuple(sorted(truths))]


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]


def _constraint(formula: Formula) -> str:
    return f" {spell(formula, NOTATION)}"


def _proofs(premises: list[str], goal: str, contrary: str, status: str) -> tuple[tuple[Call, ...], str, AnswerKind]:
    """(calls, result, kind of result): the goal, and its contrary where the goal is not proved."""
    calls = [Call("logic_solver", {"constraints": premises, "goal": goal, "task": "prove"})]
    if status != "yes":
        calls.append(Call("logic_solver", {"constraints": premises, "goal": contrary, "task": "prove"}))
    return tuple(calls), "no" if status == "unknown" else "proved", "bool" if status == "unknown" else "text"


def _ask(rng: random.Random, phrasings: Split, goal: Fact) -> tuple[str, str]:
    if phrasings == "train" and rng.random() < 0.4:
        return f"{_upper(goal.asked)}?", "train-plain"
    return RULES_QUESTIONS.ask(
        rng, phrasings, asked=goal.asked, Asked=_upper(goal.asked), holds=goal.holds, Holds=_upper(goal.holds)
    )


@family("logic_rules", weight=2.0)
def logic_rules(rng: random.Random, phrasings: Split) -> Problem:
    wanted = rng.choice(("yes", "yes", "no", "no", "unknown"))
    status = None
    while status != wanted:
        facts = _facts_draw(rng, rng.choice((2, 2, 3)))
        sentences = _sentences_draw(rng, phrasings, facts)
        goal = facts[-1] if sentences[0].formula == facts[0].atom or rng.random() < 0.6 else facts[0]
        stated = {one.formula for one in sentences}
        if goal.atom in stated or ("not", goal.atom) in stated:
            continue
        status = _status(sentences, goal.atom, [fact.atom for fact in facts])
    asked, phrasing_id = _ask(rng, phrasings, goal)
    # "Does it follow?" would be answered by no, so what cannot be known is only asked plainly.
    while status == "unknown" and goal.asked not in asked[0].lower() + asked[1:]:
        asked, phrasing_id = _ask(rng, phrasings, goal)
    premises = [_constraint(one.formula) for one in sentences]
    calls, result, kind = _proofs(premises, f" {goal.atom}", f" not {goal.atom}", status)
    return Problem(
        family="logic_rules",
        question=" ".join([*(f"{_upper(one.text)}." for one in sentences), asked]),
        thought="Prove it, or its contrary.",
        calls=calls,
        conclusion="That decides it." if status != "unknown" else "Neither is proved.",
        answer=UNKNOWN if status == "unknown" else status,
        answer_kind="text",
        phrasing_id=phrasing_id,
        result=result,
        result_kind=kind,
    )


KINDS_OF_THINGS = tuple(
    """cats dogs birds mammals animals poets artists doctors teachers students pilots singers lawyers farmers painters
    dancers players robots machines cars vehicles ships flowers plants trees roses fruits apples vegetables metals
    stones crystals planets stars
    musicians writers athletes runners bakers kings heroes wizards dragons insects fish sharks
    whales lions tigers pets toys books novels poems houses towers castles""".split()
)
QUANTIFIED = {
    "all": (
        "All {a} are {b}",
        "All {a} are {b}",
        "Every one of the {a} is one of the {b}",
        "Each of the {a} is one of the {b}",
        "{A} are {b}",
        "{A} are all {b}",
    ),
    "no": ("No {a} are {b}", "No {a} are {b}", "{A} are never {b}", "None of the {a} are {b}", "{A} are not {b}"),
    "some": (
        "Some {a} are {b}",
        "Some {a} are {b}",
        "At least some {a} are {b}",
        "There are {a} that are {b}",
        "A few {a} are {b}",
    ),
    "some_not": ("Some {a} are not {b}", "There are {a} that are not {b}", "Not all {a} are {b}"),
}
CLAIMS = {
    "all": "all {a} are {b}",
    "no": "no {a} are {b}",
    "some": "some {a} are {b}",
    "some_not": "some {a} are not {b}",
}
ASKED = {
    "all": "Are all {a} {b}?",
    "no": "Is it true that no {a} are {b}?",
    "some": "Are some {a} {b}?",
    "some_not": "Are some {a} not {b}?",
}
SYLLOGISM_QUESTIONS = Phrasings(
    train=alternatives(
        [
            "{asked}",
            "{asked}",
            "{asked}",
            "Does it follow that {claim}?",
            "Can we conclude that {claim}?",
            "Therefore {claim}. [Valid?|Is that valid?|Right?]",
            "Is it true that {claim}?",
            "[So|Hence|Then] {claim}. [Is this valid?|Correct?|Is that right?]",
            "Must it be that {claim}?",
            "Conclusion: {claim}. [Valid or not?|Does it follow?|Is it valid?]",
            "[Is the conclusion that|Does this prove that|Do we know that] {claim}?",
            "Is it valid to say that {claim}?",
            "Is the syllogism valid: therefore {claim}?",
        ]
    ),
    held_out=[
        "May one infer that {claim}?",
        "Would it be right to say that {claim}?",
        "Does this mean that {claim}?",
        "Is it certain that {claim}?",
        "From this, is it so that {claim}?",
    ],
)


def _quantified(kind: str, a: str, b: str) -> Formula:
    return {
        "all": ("->", a, b),
        "no": ("->", a, ("not", b)),
        "some": ("and", a, b),
        "some_not": ("and", a, ("not", b)),
    }[kind]


@family("syllogism", weight=1.2)
def syllogism(rng: random.Random, phrasings: Split) -> Problem:
    wants = rng.random() < 0.5
    while True:
        x, y, z = rng.sample(KINDS_OF_THINGS, 3)
        has_some = rng.random() < 0.4
        kinds = [
            rng.choice(("all", "all", "no")),
            rng.choice(("some", "some_not") if has_some else ("all", "all", "no")),
        ]
        pairs = [rng.choice(((x, y), (y, x))), rng.choice(((y, z), (z, y)))]
        goal_kind = rng.choice(("some", "some", "some_not") if has_some else ("all", "all", "no"))
        goal_pair = rng.choice(((x, z), (z, x)))
        premises = [_quantified(kind, *pair) for kind, pair in zip(kinds, pairs, strict=True)]
        goal = _quantified(goal_kind, *goal_pair)
        possible = [world for world in worlds([x, y, z]) if all(is_true(premise, world) for premise in premises)]
        follows = all(is_true(goal, world) for world in possible)
        if possible and follows == wants:
            break
    order = rng.sample(range(2), 2)
    texts = [
        rng.choice(QUANTIFIED[kinds[i]]).format(a=pairs[i][0], b=pairs[i][1], A=_upper(pairs[i][0])) for i in order
    ]
    slots = {"a": goal_pair[0], "b": goal_pair[1]}
    asked, phrasing_id = SYLLOGISM_QUESTIONS.ask(
        rng, phrasings, asked=ASKED[goal_kind].format(**slots), claim=CLAIMS[goal_kind].format(**slots)
    )
    arguments = {"constraints": [_constraint(premises[i]) for i in order], "goal": _constraint(goal), "task": "prove"}
    return Problem(
        family="syllogism",
        question=" ".join([*(f"{text}." for text in texts), asked]),
        thought="Prove the conclusion.",
        calls=(Call("logic_solver", arguments),),
        conclusion="That decides it.",
        answer="yes" if follows else "no",
        answer_kind="bool",
        phrasing_id=phrasing_id,
        result="proved" if follows else "no",
        result_kind="text" if follows else "bool",  # the counterexample that follows is the tool's choice
    )
