"""The registry of problem families, and the one way to draw a problem from a seed.

A family is a function `(rng, phrasings) -> Problem`, registered by `@family("name", weight=…)`; modules in this package
are imported by `families_load`. A seed gives the same problem on every machine: families draw only from the rng given
(no sets in iteration order, no hash(), no clock).
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

from gpu_node.data import families
from gpu_node.data.phrasing import question_vary
from gpu_node.data.problem import HELD_OUT_SEED_FIRST, Problem, ProblemRandom, Split

FamilyFunction = Callable[[ProblemRandom, Split], Problem]


@dataclass(frozen=True)
class Family:
    name: str
    function: FamilyFunction
    weight: float  # share in the training mix, relative to 1.0
    is_evaluated: bool  # False for curricula (copying) that no user asks for
    vary: bool  # central light edits of the question


FAMILIES: dict[str, Family] = {}


def family(
    name: str, *, weight: float = 1.0, is_evaluated: bool = True, vary: bool = True
) -> Callable[[FamilyFunction], FamilyFunction]:
    def register(function: FamilyFunction) -> FamilyFunction:
        assert name not in FAMILIES or FAMILIES[name].function.__module__ == function.__module__, f"{name!r} twice"
        FAMILIES[name] = Family(name, function, weight, is_evaluated, vary)
        return function

    return register


@cache
def families_load() -> dict[str, Family]:
    """Every family of the package, by name, in alphabetical order."""
    for module in sorted(pkgutil.iter_modules(families.__path__), key=lambda m: m.name):
        importlib.import_module(f"{families.__name__}.{module.name}")
    return {name: FAMILIES[name] for name in sorted(FAMILIES)}


def problem_draw(name: str, seed: int, phrasings: Split = "train") -> Problem:
    """The family's problem of this seed, its question lightly edited (case, politeness, punctuation, filler)."""
    chosen = families_load()[name]
    rng = ProblemRandom(f"{name}:{seed}:{phrasings}")
    rng.is_held_out = seed >= HELD_OUT_SEED_FIRST
    problem = chosen.function(rng, phrasings)
    assert problem.family == name, (problem.family, name)
    if not chosen.vary:
        return problem
    return replace(problem, question=question_vary(rng, problem.question, is_reframed=phrasings == "train"))
