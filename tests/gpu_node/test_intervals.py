"""Wilson intervals, AUC and the metrics over samples, against known values and by counting."""

from itertools import combinations

import pytest

from gpu_node.evaluation.metrics import area_under_curve, best_place, majority_place, pass_at_k
from gpu_node.protocol.intervals import Share, wilson_interval


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


@pytest.mark.parametrize(("num_samples", "num_right"), [(5, 0), (5, 2), (5, 5), (8, 1), (8, 7)])
def test_pass_at_k_is_the_share_of_all_draws_with_a_right_one(num_samples: int, num_right: int) -> None:
    samples = [True] * num_right + [False] * (num_samples - num_right)
    for k in range(1, num_samples + 1):
        draws = list(combinations(samples, k))
        assert pass_at_k(num_samples, num_right, k) == pytest.approx(sum(map(any, draws)) / len(draws))


@pytest.mark.parametrize(("num_samples", "num_right", "k"), [(4, 1, 5), (4, 1, 0), (4, 5, 1)])
def test_pass_at_k_refuses_what_cannot_be(num_samples: int, num_right: int, k: int) -> None:
    with pytest.raises(ValueError, match="pass@"):
        pass_at_k(num_samples, num_right, k)


def test_a_majority_ignores_silence_and_a_tie_goes_to_the_first() -> None:
    assert majority_place(["", "", "", "7"]) == 3
    assert majority_place(["5", "7", "7", "5"]) == 0
    assert majority_place(["5", "7", "7"]) == 1
    assert majority_place(["", ""]) is None


def test_the_critics_choice_is_its_highest_score() -> None:
    assert best_place([0.2, None, 0.9, 0.9]) == 2
    assert best_place([None, None]) is None


def test_a_mean_of_shares_has_the_interval_of_its_problems() -> None:
    assert wilson_interval(0.9, 50) == Share(45, 50).interval
    assert wilson_interval(0.5, 0) == (0.0, 1.0)
