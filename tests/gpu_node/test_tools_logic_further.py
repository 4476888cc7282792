"""The tasks of `logic_solver` beyond what the shipped model learnt: contradictions, several models, the best model."""

from typing import Any

import pytest

from gpu_node.tools import attachments, logic_smtlib
from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.logic_solver import logic_solver

CHAIN = ["p", "p -> q", "not q", "r"]
NAMED = (
    "(declare-const x Int)(assert (! (> x 5) :named low))(assert (! (< x 3) :named high))(assert (> x 0))(check-sat)"
)
CUBES = (
    "(declare-const x Int)(declare-const y Int)(declare-const z Int)"
    "(assert (and (> x 0) (> y 0) (> z 0) (= (+ (* x x x) (* y y y)) (* z z z))))(check-sat)"
)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"constraints": CHAIN, "task": "core"},
         "unsatisfiable, because of constraint 1 (p); constraint 2 (p -> q); constraint 3 (not q)"),
        ({"constraints": ["p", "q"], "task": "core"}, "satisfiable: no constraints contradict each other"),
        ({"constraints": ["1 <= x <= 3"], "task": "enumerate"}, "3 models:\nx = 1\nx = 2\nx = 3"),
        ({"constraints": ["0 <= x"], "task": "enumerate", "models": 1}, "1 model, and there are more:\nx = 0"),
        ({"constraints": ["p", "not p"], "task": "enumerate"}, "unsatisfiable"),
        ({"constraints": ["x + y <= 10", "x >= 0", "y >= 0"], "maximize": "2*x + 3*y"},
         "greatest value 30: x = 0, y = 10"),
        ({"constraints": ["x >= 3"], "minimize": "x"}, "least value 3: x = 3"),
        ({"constraints": ["x >= 3"], "maximize": "x", "task": "optimize"}, "unbounded: there is no greatest value"),
        ({"constraints": ["x > 3", "x < 3"], "maximize": "x"}, "unsatisfiable"),
        ({"smtlib": NAMED, "task": "core"}, "unsatisfiable, because of low high"),
        ({"smtlib": "(declare-const x Int)(assert (> x 5))(assert (< x 3))", "task": "core"},
         "unsatisfiable, because of assertion 1 ((> x 5)); assertion 2 ((< x 3))"),
        ({"smtlib": "(declare-const b Bool)(assert (or b (not b)))", "task": "enumerate"},
         "2 models:\nb = false\nb = true"),
        ({"smtlib": "(set-option :smt.mbqi true)(set-option :trace true)(check-sat-using smt)"}, "sat"),
    ],
)  # fmt: skip
def test_further_tasks(arguments: dict[str, Any], expected: str) -> None:
    found = logic_solver(**arguments)
    assert sorted(found.splitlines()) == sorted(expected.splitlines())


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"constraints": ["p"], "task": "optimize"}, "needs minimize or maximize"),
        ({"constraints": ["p"], "task": "check", "minimize": "x"}, "no other task takes them"),
        ({"constraints": ["x > 0"], "minimize": "x", "maximize": "x"}, "not both"),
        ({"constraints": ["x > 0"], "minimize": "x > 0"}, "number"),
        ({"constraints": ["p"], "task": "enumerate", "models": 101}, "from 1 to 100"),
        ({"constraints": ["true"], "task": "enumerate"}, "no name to list"),
        ({"smtlib": "(check-sat)", "task": "enumerate"}, "asserts nothing"),
        ({"smtlib": "(set-option :smt.threads 4)(check-sat)"}, "is not allowed"),
        ({"smtlib": "(set-option :trace_file_name \"x\")(check-sat)"}, "is not allowed"),
        ({"smtlib": "(set-option :timeout 0)(check-sat)"}, "is not allowed"),
        ({"smtlib": "(set-option :sat.drat.file \"x\")(check-sat)"}, "is not allowed"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said(arguments: dict[str, Any], part: str) -> None:
    with pytest.raises(ToolInputError, match=part):
        logic_solver(**arguments)


def test_unknown_has_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logic_smtlib, "SOLVER_TIMEOUT_MS", 300)
    assert logic_solver(smtlib=CUBES) == "unknown: timeout"


def test_why_is_shown_beside_the_text() -> None:
    with attachments.collecting() as found:
        assert logic_solver(constraints=CHAIN, task="check") == "unsatisfiable"
        assert logic_solver(constraints=["p -> q", "q -> r", "s"], goal="p -> r", task="prove") == "proved"
    assert [(one.title, one.data) for one in found] == [
        ("Contradiction", "constraint 1 (p)\nconstraint 2 (p -> q)\nconstraint 3 (not q)"),
        ("Follows from", "constraint 1 (p -> q)\nconstraint 2 (q -> r)"),
    ]
