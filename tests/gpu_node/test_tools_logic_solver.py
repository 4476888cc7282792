"""`logic_solver`: the short form, its sorts and refusals, and small SMT-LIB scripts."""

# ruff: noqa: RUF001 - these signs are the language that is read

import itertools
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from gpu_node.tools import logic_grammar
from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.logic_solver import logic_solver


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"constraints": ["Ann <-> not Bob", "Bob <-> (Ann and Bob)"]}, "Ann = true, Bob = false (unique)"),
        ({"constraints": ["Ann <-> (not Ann or not Bob)"]}, "Ann = true, Bob = false (unique)"),
        ({"constraints": ["p or q", "not p"]}, "p = false, q = true (unique)"),
        ({"constraints": ["p", "not p"]}, "unsatisfiable"),
        ({"constraints": ["p", "not p"], "task": "check"}, "unsatisfiable"),
        ({"constraints": ["p"], "task": "check"}, "satisfiable"),
        ({"constraints": ["p -> q", "p"], "goal": "q", "task": "prove"}, "proved"),
        ({"goal": "p or not p", "task": "prove"}, "proved"),
        (
            {"constraints": ["p -> q", "q"], "goal": "p", "task": "prove"},
            "not proved: counterexample p = false, q = true",
        ),
        (
            {"constraints": ["p", "not p"], "goal": "q", "task": "prove"},
            "proved, but the constraints contradict each other",
        ),
        (
            {"constraints": ["distinct(A, B, C)", "1 <= A <= 3", "1 <= B <= 3", "1 <= C <= 3", "A < B", "C > B"]},
            "A = 1, B = 2, C = 3 (unique)",
        ),
        ({"constraints": ["2*x + y == 7", "x - y == -1"]}, "x = 2, y = 3 (unique)"),
        ({"constraints": ["x > 2"], "goal": "x < 4"}, "x = 3 (unique)"),
        ({"constraints": ["count(a, b, c) == 2", "not a"]}, "a = false, b = true, c = true (unique)"),
        ({"constraints": ["abs(A - B) == 1", "A == 1", "B != 0"]}, "A = 1, B = 2 (unique)"),
        ({"constraints": ["P ∧ ¬Q", "Q ∨ R"]}, "P = true, Q = false, R = true (unique)"),
        ({"constraints": ["a == b", "b"]}, "a = true, b = true (unique)"),
        ({"constraints": ["a xor b", "a => not c", "a && c || b"]}, None),
        ({"constraints": ["true"]}, "satisfiable"),
    ],
)
def test_short_form(arguments: dict[str, Any], expected: str | None) -> None:
    answer = logic_solver(**arguments)
    assert expected is None or answer == expected


def test_two_models_are_not_unique() -> None:
    assert logic_solver(["p or q"]).endswith(" (not unique)")


def test_what_is_too_hard_is_unknown_with_its_reason() -> None:
    answer = logic_solver(["x*x*x + y*y*y == z*z*z", "x > 0", "y > 0", "z > 0"])
    assert answer.startswith("unknown: ")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({}, "constraints are empty"),
        ({"constraints": [""]}, "constraint 1 '': it is empty"),
        ({"constraints": ["p", "q and"]}, "constraint 2 'q and': 'a name or number' is missing"),
        ({"constraints": ["(p"]}, "')' is missing"),
        ({"constraints": ["Ann says Bob"]}, "an operator is missing before 'says'"),
        ({"constraints": ["knight(Ann)"]}, "is not a function: use distinct, count or abs"),
        ({"constraints": ["a + b == 3 and a"]}, "used both as a number and as true or false"),
        ({"constraints": ["x + 1"]}, "used both as a number"),
        ({"constraints": ["p @ q"]}, "'@' is not read"),
        ({"constraints": ["not " * 100 + "p"]}, "nested deeper"),
        ({"constraints": ["1" + " < x" * 400]}, "more than 200 operators"),
        ({"constraints": ["0 == 1" + " + 1" * 400]}, "more than 200 operators"),
        ({"constraints": ["p"] * 300}, "more than 200 constraints"),
        ({"constraints": ["p" * 3000]}, "more than 2000 characters"),
        ({"constraints": [f"p{i} or q{i}" for i in range(150)]}, "more than 200 names"),
        ({"constraints": ["x == " + "9" * 50]}, "more than 30 digits"),
        ({"constraints": ["p"], "task": "prove"}, "prove needs a goal"),
        ({"constraints": ["p"], "smtlib": "(check-sat)"}, "not both"),
    ],
)
def test_refusals_say_what_to_repair(arguments: dict[str, Any], part: str) -> None:
    with pytest.raises(ToolInputError) as refusal:
        logic_solver(**arguments)
    assert part in str(refusal.value)


PIGEONS = "".join(f"(declare-const p{i} Int)(assert (and (<= 1 p{i}) (<= p{i} 4)))" for i in range(5))


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("(declare-const x Int)(assert (> x 3))(assert (< x 5))(check-sat)(get-model)",
         "sat ( (define-fun x () Int 4) )"),
        ("(declare-const p Bool)(assert p)(assert (not p))", "unsat"),
        ("(set-logic QF_LIA)(declare-fun x () Int)(assert (= (* 2 x) 7))(check-sat)", "unsat"),
        ("(declare-const x Real)(assert (= (* 2 x) 7))(check-sat)(get-value (x))", "sat ((x (/ 7.0 2.0)))"),
        ("(declare-const a (_ BitVec 8))(assert (= (bvadd a #x01) #x00))(check-sat)(get-value (a))",
         "sat ((a #xff))"),
        (PIGEONS + "(assert (distinct p0 p1 p2 p3 p4))(check-sat)", "unsat"),
        ("(declare-sort U 0)(declare-fun f (U) U)(declare-const a U)(assert (= (f (f a)) a))"
         "(assert (not (= (f (f (f (f a)))) a)))(check-sat)", "unsat"),
        ("(push 1)(assert false)(check-sat)(pop 1)(check-sat)", "unsat sat"),
        ("(assert (forall ((x Int)) (exists ((y Int)) (> y x))))(check-sat)", "sat"),
        ("; a comment ( with a bracket\n(check-sat)", "sat"),
    ],
)  # fmt: skip
def test_smtlib(script: str, expected: str) -> None:
    assert logic_solver(smtlib=script) == expected


@pytest.mark.parametrize(
    ("script", "part"),
    [
        ("(set-option :regular-output-channel \"/tmp/x\")(check-sat)", "option"),
        ("(simplify (+ 1 1))", "not allowed"),
        ("(help)", "not allowed"),
        ("(check-sat", "closing bracket is missing"),
        ("check-sat", "outside all brackets"),
        ("(check-sat))", "a bracket is missing"),
        ("(check-sat)" * 20, "checks at most 16 times"),
        ("(assert " + "(not " * 300 + "true" + ")" * 301, "nested deeper"),
        ("(assert x)" + " " * 40_000, "more than 32000 characters"),
        ("(declare-const x Int)(assert (> y 3))", "unknown constant y"),
    ],
)  # fmt: skip
def test_smtlib_refusals(script: str, part: str) -> None:
    with pytest.raises(ToolInputError, match=part):
        logic_solver(smtlib=script)


_WORDS = st.lists(
    st.sampled_from(
        "p q x 1 23 and or xor not -> <-> == != < <= + - * ( ) , distinct count abs true ∧ ¬ . @ = Ann".split()
    ),
    max_size=12,
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(_WORDS.map(" ".join), st.text(max_size=30)))
def test_the_grammar_raises_nothing_but_its_own_error(text: str) -> None:
    try:
        reading = logic_grammar.read([text])
    except ToolInputError:
        return
    assert len(reading.terms) == 1


@settings(max_examples=40, deadline=None)
@given(st.permutations(["A", "B", "C", "D"]))
def test_an_ordering_is_found_from_its_neighbours(order: list[str]) -> None:
    bounds = [f"1 <= {name} <= 4" for name in "ABCD"]
    pairs = [f"{left} < {right}" for left, right in itertools.pairwise(order)]
    answer = logic_solver([*bounds, *pairs])
    assert answer.endswith("(unique)")
    assert all(f"{name} = {place}" in answer for place, name in enumerate(order, start=1))
