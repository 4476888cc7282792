"""Reports: read as the node writes them, refused when they are something else, compared family by family."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.model_registry.models import EvalReport
from backend.model_registry.promotions import promotion_gates
from backend.model_registry.reports import (
    InvalidReport,
    families_compare,
    report_add,
    reports_on_same_problems,
)
from gpu_node.protocol.intervals import Share, difference_interval
from gpu_node.protocol.job_spec import EvalSpec
from tests.backend.model_registry.cast import SPEC, result_of, version_of

pytestmark = pytest.mark.django_db


def test_a_report_keeps_its_figures() -> None:
    report = report_add(version=version_of("m"), result=result_of({"algebra": 45, "logic": 30}), spec=SPEC)
    assert (report.n, report.right, report.share) == (100, 75, 0.75)
    assert 0.65 < report.interval_low < 0.75 < report.interval_high < 0.84
    assert (report.families, report.num_problems, report.seed_start) == (["algebra", "logic"], 50, SPEC.seed_start)


def test_the_same_report_twice_is_one() -> None:
    version = version_of("m")
    first = report_add(version=version, result=result_of({"algebra": 45}), spec=SPEC)
    assert report_add(version=version, result=result_of({"algebra": 45}), spec=SPEC) == first
    assert EvalReport.objects.count() == 1


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"total": {}, "families": []},
        {"total": {"with_tools": {"right": 3, "n": 2}, "held_out": {"right": 0, "n": 0}}, "families": []},
        {"total": {"with_tools": {"right": 0, "n": 0}, "held_out": {"right": 0, "n": 0}}, "families": []},
        {"total": {"with_tools": "much", "held_out": {}}, "families": [{}]},
    ],
)
def test_what_is_no_report_is_refused(result: dict[str, object]) -> None:
    with pytest.raises(InvalidReport):
        report_add(version=version_of("m"), result=result)
    assert not EvalReport.objects.exists()


def test_only_the_same_problems_are_compared() -> None:
    a, b = version_of("a"), version_of("b")
    other_seeds = EvalSpec(model="any", num_problems=50, seed_start=SPEC.seed_start + 1000)
    report_add(version=a, result=result_of({"algebra": 40}), spec=SPEC)
    newest = report_add(version=b, result=result_of({"algebra": 41}), spec=other_seeds)
    assert reports_on_same_problems(candidate=b, serving=a) == (newest, None)
    matching = report_add(version=b, result=result_of({"algebra": 42}), spec=SPEC)
    found = reports_on_same_problems(candidate=b, serving=a)
    assert found[0] == matching
    assert found[1] is not None


def test_a_family_is_worse_only_when_its_interval_says_so() -> None:
    a, b = version_of("a", rights={"algebra": 40, "logic": 40}), version_of("b", rights={"algebra": 10, "logic": 38})
    compared = families_compare(a.eval_reports.get(), b.eval_reports.get())
    assert {family.name: family.verdict for family in compared} == {"algebra": "worse", "logic": "same"}


@given(st.integers(1, 300), st.integers(1, 300), st.floats(0, 1), st.floats(0, 1))
def test_a_difference_lies_in_its_interval_and_turns_round(n_a: int, n_b: int, p_a: float, p_b: float) -> None:
    a, b = Share(int(p_a * n_a), n_a), Share(int(p_b * n_b), n_b)
    low, high = difference_interval(a, b)
    assert low <= b.value - a.value <= high
    assert difference_interval(b, a) == pytest.approx((-high, -low))


def test_suites_are_compared_when_they_were_asked_in_the_same_way() -> None:
    a, b = version_of("a"), version_of("b")
    asked = EvalSpec(model="any", suites=["gsm8k"], num_problems=50)
    suites = {"mode": "tools", "num_samples": 1, "data_file": "f" * 64}
    report_add(version=a, result=result_of({"gsm8k": 40}) | suites, spec=asked)
    in_another_mode = report_add(version=b, result=result_of({"gsm8k": 41}) | suites | {"mode": "majority"}, spec=asked)
    assert reports_on_same_problems(candidate=b, serving=a) == (in_another_mode, None)
    matching = report_add(version=b, result=result_of({"gsm8k": 42}) | suites, spec=asked)
    assert reports_on_same_problems(candidate=b, serving=a)[0] == matching
    gates = {gate.name: gate for gate in promotion_gates(alias="svend-latest", version=b).gates}
    assert "50" in gates["candidate_report"].message
