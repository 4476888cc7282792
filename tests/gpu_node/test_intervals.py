"""Wilson intervals and AUC against known values."""

import pytest

from gpu_node.evaluation.intervals import Share, area_under_curve


def test_wilson_interval_of_known_shares() -> None:
    low, high = Share(45, 50).interval
    assert (low, high) == pytest.approx((0.7864, 0.9565), abs=1e-3)
    low, high = Share(50, 50).interval
    assert low == pytest.approx(0.9287, abs=1e-3)
    assert high == pytest.approx(1.0)


def test_auc_of_a_perfect_a_constant_and_an_inverted_critic() -> None:
    truth = [True, True, False, False]
    assert area_under_curve(list(zip([0.9, 0.8, 0.2, 0.1], truth, strict=True))) == 1.0
    assert area_under_curve([(0.5, t) for t in truth]) == 0.5
    assert area_under_curve(list(zip([0.1, 0.2, 0.8, 0.9], truth, strict=True))) == 0.0


def test_auc_needs_both_kinds() -> None:
    assert area_under_curve([(0.5, True)]) is None
