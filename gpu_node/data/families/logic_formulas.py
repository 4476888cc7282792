"""Formulas of propositional logic: tautology, satisfiability, equivalence, entailment, by logic_solver.

A formula is copied from the question as it is spelled there, in any of the notations that the tool reads. Its truth is
known here from a truth table, apart from the tool.
"""

import itertools
import random
from collections.abc import Sequence

from gpu_node.data.families.registry import family
from gpu_node.data.families.templates import alternatives, listed
from gpu_node.data.problem import Call, Phrasings, Problem, Split

Formula = str | tuple  # a letter, or (operator, argument…)

VALID: tuple[Formula, ...] = (
    ("->", ("and", ("->", "p", "q"), "p"), "q"),
    ("or", "p", ("not", "p")),
    ("<->", ("->", "p", "q"), ("->", ("not", "q"), ("not", "p"))),
    ("<->", ("not", ("and", "p", "q")), ("or", ("not", "p"), ("not", "q"))),
    ("<->", ("not", ("or", "p", "q")), ("and", ("not", "p"), ("not", "q"))),
    ("->", ("->", ("->", "p", "q"), "p"), "p"),
    ("->", "p", ("->", "q", "p")),
    ("->", ("and", "p", "q"), "p"),
    ("->", "p", ("or", "p", "q")),
    ("->", ("and", ("or", "p", "q"), ("not", "p")), "q"),
    ("->", ("and", ("->", "p", "q"), ("->", "q", "r")), ("->", "p", "r")),
    ("->", ("and", ("->", "p", "q"), ("not", "q")), ("not", "p")),
    ("not", ("and", "p", ("not", "p"))),
    ("or", ("->", "p", "q"), ("->", "q", "p")),
    ("<->", ("->", "p", "q"), ("or", ("not", "p"), "q")),
    ("<->", ("and", "p", ("or", "q", "r")), ("or", ("and", "p", "q"), ("and", "p", "r"))),
)
NOT_VALID: tuple[Formula, ...] = (
    ("->", ("and", ("->", "p", "q"), "q"), "p"),
    ("and", "p", ("not", "p")),
    ("->", ("or", "p", "q"), "p"),
    ("->", "p", ("and", "p", "q")),
    ("<->", ("->", "p", "q"), ("->", "q", "p")),
    ("<->", ("not", ("and", "p", "q")), ("and", ("not", "p"), ("not", "q"))),
    ("->", ("and", ("->", "p", "q"), ("not", "p")), ("not", "q")),
    ("or", "p", "q"),
    ("->", "p", "q"),
    ("and", ("->", "p", "q"), ("and", "p", ("not", "q"))),
    ("->", ("and", ("or", "p", "q"), "p"), ("not", "q")),
    ("<->", "p", ("not", "p")),
    ("->", ("->", "p", "q"), ("->", "q", "p")),
)
LETTERS = (
    ("p", "q", "r"),
    ("p", "q", "r"),
    ("p", "q", "r"),
    ("a", "b", "c"),
    ("A", "B", "C"),
    ("x", "y", "z"),
    ("P", "Q", "R"),
)
NOTATIONS = (
    {"->": "->", "<->": "<->", "and": "and", "or": "or", "not": "not ", "xor": "xor"},
    {"->": "->", "<->": "<->", "and": "and", "or": "or", "not": "not ", "xor": "xor"},
    {"->": "->", "<->": "<->", "and": "and", "or": "or", "not": "not ", "xor": "xor"},
    {"->": "implies", "<->": "iff", "and": "and", "or": "or", "not": "not ", "xor": "xor"},
    {"->": "→", "<->": "↔", "and": "∧", "or": "∨", "not": "¬", "xor": "xor"},  # noqa: RUF001
    {"->": "->", "<->": "<->", "and": "&", "or": "|", "not": "~", "xor": "xor"},
    {"->": "=>", "<->": "<=>", "and": "and", "or": "or", "not": "not ", "xor": "xor"},
)

_TAUTOLOGY = Phrasings(
    train=alternatives(
        [
            "Is {f} [a tautology|always true|valid|a valid formula|true in all cases|logically valid]?",
            "Is the formula {f} [a tautology|valid|always true]?",
            "[Check|Decide|Determine|Find out] [whether|if] {f} is [a tautology|valid|always true].",
            "Does {f} always hold?",
            "Is it true that {f} is a tautology?",
            "[Tell me if|Show whether] {f} is [a tautology|valid].",
            "Would you say {f} is [a tautology|always true]?",
            "{f}: is it [a tautology|valid|always true]?",
            "Can you prove {f}?",
            "Prove or disprove: {f}",
            "Tautology or not: {f}?",
            "Does {f} hold for all truth values?",
            "Is {f} true no matter what?",
            "Is {f} provable?",
            "Take the formula {f}. Is it [a tautology|valid|always true]?",
            "Here is a formula: {f}. Is it [a tautology|valid|always true]?",
            "Consider {f}. Is it [a tautology|valid]?",
            "The formula is {f}. Is it [a tautology|valid]?",
            "Given {f}, [is it a tautology|is it always true|decide if it is valid].",
            "[Prove|Show] that {f} is [a tautology|valid|always true].",
            "[Prove|Show]: {f}",
            "Prove {f}.",
            "Can we prove {f}?",
            "Do we have a tautology in {f}?",
            "Is {f} [a theorem|a logical truth|a law of logic|true for all values|true whatever the values]?",
            "Is {f} [true in every row of its truth table|always the case]?",
            "{f} is [a tautology|valid|always true], [right|true or false|yes or no]?",
            "{f}, [always true|a tautology|valid]?",
            "tautology: {f}",
            "valid: {f}",
            "Does {f} come out true every time?",
            "Does the truth table of {f} have only true in it?",
            "Whatever the values, is {f} true?",
            "For all values of its letters, is {f} true?",
        ]
    ),
    held_out=[
        "Is {f} true under every assignment?",
        "Must {f} be true?",
        "Verify that {f} holds in every case.",
        "I wonder whether {f} is a tautology.",
        "Can {f} never be false?",
    ],
)
_SATISFIABLE = Phrasings(
    train=alternatives(
        [
            "Is {f} [satisfiable|consistent]?",
            "Can {f} be [true|satisfied]?",
            "Is the formula {f} satisfiable?",
            "[Check|Decide|Determine|Find out] [whether|if] {f} is satisfiable.",
            "Is there an assignment that makes {f} true?",
            "Is there a way to make {f} true?",
            "[Tell me if|Show whether] {f} is satisfiable.",
            "{f}: is it satisfiable?",
            "Can {f} ever be true?",
            "Satisfiable or not: {f}?",
            "Are there truth values for which {f} is true?",
            "Does {f} have a model?",
            "Could {f} be true?",
            "Is it possible that {f} is true?",
            "Is {f} possible?",
            "Take the formula {f}. [Is it satisfiable|Can it be true]?",
            "Here is a formula: {f}. [Is it satisfiable|Can it be true]?",
            "Consider {f}. [Is it satisfiable|Can it be true]?",
            "Given {f}, [is it satisfiable|can it be true].",
            "The formula is {f}. Is it satisfiable?",
            "{f} is satisfiable, [right|true or false|yes or no]?",
            "{f}, [satisfiable|can it be true]?",
            "satisfiable: {f}",
            "sat: {f}",
            "Can we make {f} true?",
            "Can {f} hold?",
            "Can you find values that make {f} true?",
            "Is {f} [true in some case|true for some values|sometimes true]?",
            "Is there [a case|any case|a row of the truth table] in which {f} is true?",
            "Are there values that make {f} true?",
            "Do any truth values make {f} true?",
            "For some values of its letters, is {f} true?",
            "Find out whether {f} can be true.",
        ]
    ),
    held_out=[
        "Does some assignment satisfy {f}?",
        "Is {f} true under at least one assignment?",
        "I wonder whether {f} can be satisfied.",
        "Can one choose truth values so that {f} holds?",
        "Might {f} be true?",
    ],
)
_CONTRADICTION = Phrasings(
    train=alternatives(
        [
            "Is {f} [a contradiction|unsatisfiable|contradictory|inconsistent|never true|always false|impossible]?",
            "Is the formula {f} [a contradiction|unsatisfiable|always false]?",
            "[Check|Decide|Determine] [whether|if] {f} is [a contradiction|unsatisfiable].",
            "{f}: is it a contradiction?",
            "Tell me if {f} is [a contradiction|unsatisfiable].",
            "Contradiction or not: {f}?",
            "Is {f} false in all cases?",
            "Take the formula {f}. Is it [a contradiction|always false]?",
            "Here is a formula: {f}. Is it [a contradiction|always false]?",
            "Consider {f}. Is it [a contradiction|unsatisfiable]?",
            "Given {f}, [is it a contradiction|is it always false].",
            "{f} is [a contradiction|always false], [right|true or false|yes or no]?",
            "{f}, [a contradiction|always false]?",
            "contradiction: {f}",
            "unsat: {f}",
            "Does {f} contradict itself?",
            "Whatever the values, is {f} false?",
            "For all values of its letters, is {f} false?",
            "Is {f} [false in every row of its truth table|false no matter what|never the case]?",
            "Is it impossible that {f} is true?",
        ]
    ),
    held_out=[
        "Does no assignment make {f} true?",
        "Is {f} false under every assignment?",
        "I wonder whether {f} is a contradiction.",
        "Must {f} be false?",
        "Can {f} never be true?",
    ],
)
_EQUIVALENT = Phrasings(
    train=alternatives(
        [
            "Are {f} and {g} [logically |]equivalent?",
            "Is {f} [logically |]equivalent to {g}?",
            "Is {f} the same as {g}?",
            "Do {f} and {g} mean the same[| thing]?",
            "[Check|Decide|Determine] [whether|if] {f} is equivalent to {g}.",
            "[Tell me if|Show whether] {f} and {g} are equivalent.",
            "Are the formulas {f} and {g} equivalent?",
            "Is {f} equal to {g}?",
            "Equivalent or not: {f} and {g}?",
            "Do {f} and {g} have the same truth table?",
            "Does {f} say the same as {g}?",
            "Are these equivalent: {f} and {g}?",
            "Take {f} and {g}. Are they [logically |]equivalent?",
            "Here are two formulas: {f} and {g}. Are they equivalent?",
            "Consider {f} and {g}. [Are they equivalent|Do they mean the same]?",
            "Compare {f} and {g}. [Are they equivalent|Are they the same]?",
            "Given {f} and {g}, [are they equivalent|decide if they are equivalent].",
            "{f} and {g}: [equivalent|are they equivalent|the same]?",
            "{f} and {g} are equivalent, [right|true or false|yes or no]?",
            "{f} is equivalent to {g}, [right|true or false|yes or no]?",
            "equivalent: {f}, {g}",
            "Is {f} just another way to say {g}?",
            "Is {f} true exactly when {g} is true?",
            "Show that {f} and {g} are equivalent.",
            "Prove that {f} is equivalent to {g}.",
            "Have {f} and {g} the same meaning?",
        ]
    ),
    held_out=[
        "Are {f} and {g} true in the same cases?",
        "Can {f} always be replaced by {g}?",
        "I wonder whether {f} is equivalent to {g}.",
        "Do {f} and {g} always agree?",
        "Is there no difference between {f} and {g}?",
    ],
)
_ENTAILS = Phrasings(
    train=alternatives(
        [
            "Does {g} follow from {fs}?",
            "[Do|Does] {fs} [imply|entail] {g}?",
            "From {fs}, does {g} follow?",
            "From {fs}, can we conclude {g}?",
            "Given {fs}, [is {g} true|does {g} hold|does {g} follow|must {g} be true]?",
            "If {fs} [hold|are true], [does {g} follow|is {g} true|must {g} be true]?",
            "Can {g} be [derived|concluded|proved] from {fs}?",
            "Is {g} a [logical |]consequence of {fs}?",
            "Premises: {fs}. [Conclusion: {g}. Valid?|Does {g} follow?|Is {g} a consequence?]",
            "Assume {fs}. [Does {g} follow?|Prove {g}.|Is {g} true?]",
            "We know {fs}. [Does {g} follow?|Is {g} true?]",
            "Prove {g} from {fs}.",
            "Premises: {fs}. [Goal|To prove|Claim]: {g}. [Valid?|Does it follow?|Is it proved?]",
            "Given: {fs}. [Prove: {g}|Show: {g}|Does {g} follow?|Is {g} true?]",
            "Let {fs}. [Does {g} follow?|Is {g} true?|Prove {g}.]",
            "It is known that {fs}. [Does {g} follow?|Is {g} true?|Must {g} be true?]",
            "We are told {fs}. [Does {g} follow?|Can we conclude {g}?]",
            "Facts: {fs}. [Does {g} follow?|Is {g} true?|Can we derive {g}?]",
            "Axioms: {fs}. Is {g} a theorem?",
            "Start from {fs}. [Can you derive {g}?|Can you prove {g}?|Is {g} true?]",
            "{fs}. [Therefore|Hence|So] {g}. [Valid?|Is that valid?|Right?|Does it follow?]",
            "{fs}. Does {g} follow?",
            "{fs}; does {g} follow?",
            "From {fs}, [derive|prove|deduce] {g}.",
            "Because {fs}, [is {g} true|must {g} be true]?",
            "When {fs} hold, [is {g} true|must {g} be true|does {g} follow]?",
            "If we have {fs}, do we also have {g}?",
            "If we know {fs}, do we know {g}?",
            "[Does|Must] {g} [hold|be true] if {fs}?",
            "Is {g} [provable|derivable] from {fs}?",
            "Is {g} [a theorem|true] given {fs}?",
            "Is the argument valid: {fs}, therefore {g}?",
            "[Check|Decide|Determine|Find out] [whether|if] {g} follows from {fs}.",
            "[Show that|Prove that] {g} follows from {fs}.",
            "Can you [derive|prove|conclude|deduce] {g} from {fs}?",
        ]
    ),
    held_out=[
        "Suppose {fs}. Must {g} hold?",
        "Is {g} implied by {fs}?",
        "With {fs} as premises, is {g} a valid conclusion?",
        "Taking {fs} for granted, do we get {g}?",
        "Is it right to infer {g} from {fs}?",
    ],
)

Assignment = dict[str, bool]


def is_true(formula: Formula, values: Assignment) -> bool:
    if isinstance(formula, str):
        return values[formula]
    operator, *arguments = formula
    truths = [is_true(argument, values) for argument in arguments]
    match operator:
        case "not":
            return not truths[0]
        case "and":
            return truths[0] and truths[1]
        case "or":
            return truths[0] or truths[1]
        case "->":
            return not truths[0] or truths[1]
        case "<->":
            return truths[0] == truths[1]
        case "xor":
            return truths[0] != truths[1]
    raise ValueError(f"unknown operator {operator!r}")


def worlds(letters: Sequence[str]) -> list[Assignment]:
    return [dict(zip(letters, row, strict=True)) for row in itertools.product((True, False), repeat=len(letters))]


def spell(formula: Formula, notation: dict[str, str], is_inner: bool = False) -> str:
    if isinstance(formula, str):
        return formula
    if formula[0] == "not":
        return f"{notation['not']}{spell(formula[1], notation, is_inner=True)}"
    text = f"{spell(formula[1], notation, True)} {notation[formula[0]]} {spell(formula[2], notation, True)}"
    return f"({text})" if is_inner else text


def _rename(formula: Formula, letters: dict[str, str]) -> Formula:
    if isinstance(formula, str):
        return letters.get(formula, formula)
    return (formula[0], *(_rename(argument, letters) for argument in formula[1:]))


def _formula_draw(rng: random.Random, letters: Sequence[str], depth: int) -> Formula:
    if depth == 0 or rng.random() < 0.2:
        letter = rng.choice(letters)
        return ("not", letter) if rng.random() < 0.3 else letter
    operator = rng.choice(("and", "or", "->", "->", "<->", "xor", "and", "or"))
    if rng.random() < 0.1:
        return ("not", (operator, *rng.sample(list(letters), 2)))
    while True:
        first, second = (_formula_draw(rng, letters, depth - 1) for _ in range(2))
        if set(_letters_of(first)) != set(_letters_of(second)) or depth > 1:
            return (operator, first, second)


def _letters_of(formula: Formula) -> list[str]:
    if isinstance(formula, str):
        return [formula]
    return [letter for argument in formula[1:] for letter in _letters_of(argument)]


def _schema_draw(rng: random.Random, letters: Sequence[str]) -> Formula:
    formula = rng.choice(VALID if rng.random() < 0.5 else NOT_VALID) if rng.random() < 0.6 else None
    if formula is None:
        return _formula_draw(rng, letters, 2)
    renamed = dict(zip("pqr", rng.sample(list(letters), 3), strict=True))
    return _rename(formula, renamed)


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"


def _problem(name: str, asked: tuple[str, str], thought: str, arguments: dict, answer: bool, result: str) -> Problem:
    return Problem(
        family=name,
        question=asked[0][0].upper() + asked[0][1:] if asked[0][1:2].isalpha() else asked[0],
        thought=thought,
        calls=(Call("logic_solver", arguments),),
        conclusion="That decides it.",
        answer=_yes(answer),
        answer_kind="bool",
        phrasing_id=asked[1],
        result="no" if result == "not proved" else result,
        result_kind="bool"
        if result == "not proved"
        else "text",  # the counterexample that follows is the tool's choice
    )


def _proof(is_proved: bool) -> str:
    return "proved" if is_proved else "not proved"


@family("logic_formula", weight=1.5)
def logic_formula(rng: random.Random, phrasings: Split) -> Problem:
    letters, notation = rng.choice(LETTERS), rng.choice(NOTATIONS)
    kind = rng.choice(("tautology", "tautology", "satisfiable", "contradiction", "equivalent"))
    if kind == "equivalent":
        return _equivalent(rng, phrasings, letters, notation)
    formula = _schema_draw(rng, letters)
    if kind != "tautology" and rng.random() < 0.35:
        formula = _rename(("not", rng.choice(VALID)), dict(zip("pqr", letters, strict=True)))
        formula = formula[1][1] if formula[1][0] == "not" else formula  # not not (p and not p) reads badly
    truths = [is_true(formula, world) for world in worlds(letters)]
    spelled = spell(formula, notation)
    if kind == "tautology":
        question, phrasing_id = _TAUTOLOGY.ask(rng, phrasings, f=spelled)
        arguments: dict[str, object] = {"goal": f" {spelled}", "task": "prove"}
        return _problem(
            "logic_formula", (question, f"t-{phrasing_id}"), "Prove it.", arguments, all(truths), _proof(all(truths))
        )
    wording, is_asked_true = (_SATISFIABLE, True) if kind == "satisfiable" else (_CONTRADICTION, False)
    question, phrasing_id = wording.ask(rng, phrasings, f=spelled)
    arguments = {"constraints": [f" {spelled}"], "task": "check"}
    result = "satisfiable" if any(truths) else "unsatisfiable"
    asked = (question, f"{kind[0]}-{phrasing_id}")
    return _problem("logic_formula", asked, "Can it be true?", arguments, any(truths) == is_asked_true, result)


def _equivalent(rng: random.Random, phrasings: Split, letters: Sequence[str], notation: dict[str, str]) -> Problem:
    pairs = [formula for formula in (*VALID, *NOT_VALID) if formula[0] == "<->"]
    formula = _rename(rng.choice(pairs), dict(zip("pqr", letters, strict=True)))
    first, second = formula[1], formula[2]
    if rng.random() < 0.4:
        first, second = _formula_draw(rng, letters, 1), _formula_draw(rng, letters, 1)
    truth = all(is_true(("<->", first, second), world) for world in worlds(letters))
    f, g = (spell(part, notation, is_inner=True) for part in (first, second))
    question, phrasing_id = _EQUIVALENT.ask(rng, phrasings, f=f, g=g)
    arguments = {"goal": f" {f} <-> {g}", "task": "prove"}
    return _problem(
        "logic_formula", (question, f"e-{phrasing_id}"), "Prove that they agree.", arguments, truth, _proof(truth)
    )


def _premises_draw(rng: random.Random, letters: Sequence[str]) -> tuple[list[Formula], Formula]:
    """Premises that can hold together, and a conclusion; about half follow."""
    wants = rng.random() < 0.5
    while True:
        premises = [_formula_draw(rng, letters, 1) for _ in range(rng.randint(2, 3))]
        goal = _formula_draw(rng, letters, 0) if rng.random() < 0.7 else _formula_draw(rng, letters, 1)
        possible = [world for world in worlds(letters) if all(is_true(premise, world) for premise in premises)]
        follows = all(is_true(goal, world) for world in possible)
        if possible and follows == wants and goal not in premises and len(set(premises)) == len(premises):
            return premises, goal


@family("logic_entailment", weight=1.2)
def logic_entailment(rng: random.Random, phrasings: Split) -> Problem:
    letters, notation = rng.choice(LETTERS), rng.choice(NOTATIONS)
    premises, goal = _premises_draw(rng, letters)
    possible = [world for world in worlds(letters) if all(is_true(premise, world) for premise in premises)]
    follows = all(is_true(goal, world) for world in possible)
    spelled = [spell(premise, notation) for premise in premises]
    has_and = any(" and " in text for text in spelled)  # beside it, an "and" between premises would be ambiguous
    words = ", ".join(spelled) if has_and or rng.random() < 0.3 else listed(spelled)
    conclusion = spell(goal, notation)
    asked = _ENTAILS.ask(rng, phrasings, fs=words, g=conclusion)
    arguments = {"constraints": [f" {text}" for text in spelled], "goal": f" {conclusion}", "task": "prove"}
    return _problem("logic_entailment", asked, "Prove the conclusion.", arguments, follows, _proof(follows))
