"""Answers side by side: which problems are shown, in which order, with what of their traces."""

from typing import Any

import pytest

from backend.model_registry.models import EvalReport
from backend.model_registry.reports import report_add
from backend.model_registry.samples import samples_compare, samples_shown
from tests.backend.model_registry.cast import SPEC, result_of, version_of

pytestmark = pytest.mark.django_db

TRACE = [{"type": "run.finished", "finish_reason": "stop", "answer": "4"}]


def _wrong(question: str, given: str) -> dict[str, str]:
    return {"question": question, "known": "4", "given": given}


def _short_report(name: str, rows: list[dict[str, str]]) -> EvalReport:
    """As the command writes it: a few wrong answers of each family."""
    return report_add(version=version_of(name), result=result_of({"algebra": 48}, wrong={"algebra": rows}))


def _report(name: str, answers: dict[str, tuple[str, bool]], **fields: Any) -> EvalReport:
    """As a job writes it: each problem, right and wrong."""
    problems = [
        {"family": "algebra", "mode": "own", "question": q, "known": "4", "given": g, "is_right": right, **fields}
        for q, (g, right) in answers.items()
    ]
    result = result_of({"algebra": 48}) | {"problems": problems}
    return report_add(version=version_of(name), result=result, spec=SPEC)


def test_answers_that_differ_are_shown_side_by_side() -> None:
    a = _short_report("a", [_wrong("2 + 2", "5"), _wrong("1 + 3", "7")])
    b = _short_report("b", [_wrong("2 + 2", "5"), _wrong("1 + 3", "8"), _wrong("3 + 1", "")])
    found = samples_shown(samples_compare(a, b), shown="differ")
    assert {p.question: (p.a.given, p.b.given) for p in found} == {"1 + 3": ("7", "8"), "3 + 1": (None, "")}


def test_what_only_one_was_right_on_comes_first() -> None:
    a = _report("a", {"1 + 3": ("5", False), "2 + 2": ("4", True), "3 + 1": ("4", True)})
    b = _report("b", {"1 + 3": ("6", False), "2 + 2": ("5", False), "3 + 1": ("4.0", True)})
    pairs = samples_compare(a, b)
    assert [pair.question for pair in pairs] == ["2 + 2", "1 + 3", "3 + 1"]
    assert [pair.question for pair in samples_shown(pairs, shown="differ")] == ["2 + 2", "1 + 3"]
    assert [pair.question for pair in samples_shown(pairs, shown="b_wrong")] == ["2 + 2", "1 + 3"]
    assert samples_shown(pairs, shown="b_better") == []
    assert samples_shown(pairs, shown="all", family="logic") == []


def test_the_same_answer_by_another_way_does_not_differ() -> None:
    a = _report("a", {"2 + 2": ("5", False)}, trace=TRACE, num_tokens=90, num_calls=1)
    b = _report("b", {"2 + 2": ("5", False)}, trace=None)
    pairs = samples_compare(a, b)
    assert samples_shown(pairs, shown="differ") == []
    assert (pairs[0].a.trace, pairs[0].b.trace) == (TRACE, None)
    assert [(side.num_tokens, side.num_calls) for side in (pairs[0].a, pairs[0].b)] == [(90, 1), (None, None)]
