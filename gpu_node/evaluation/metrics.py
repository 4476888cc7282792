"""Figures over the samples of a problem: pass@k, the majority's and the critic's choice, a critic's AUC.

Pure functions over what was graded. Not here: intervals (gpu_node/protocol/intervals.py), grading.
"""

import math
from collections import Counter
from collections.abc import Sequence


def pass_at_k(num_samples: int, num_right: int, k: int) -> float:
    """The chance that at least one of `k` samples is right, estimated without bias from `num_samples` of which
    `num_right` were: 1 - C(n - c, k) / C(n, k) (Chen et al. 2021, "Evaluating large language models trained on code").

    Raises:
        ValueError: k is not in 1..num_samples, or num_right not in 0..num_samples.
    """
    if not 1 <= k <= num_samples or not 0 <= num_right <= num_samples:
        raise ValueError(f"pass@{k} of {num_samples} samples, {num_right} right: need 1 <= k <= n and 0 <= right <= n")
    return 1.0 - math.comb(num_samples - num_right, k) / math.comb(num_samples, k)


def majority_place(answers: Sequence[str]) -> int | None:
    """The place of the first sample that gives the commonest answer; ties go to what was said first. Samples that gave
    none ("") have no vote; None when no sample gave one."""
    votes = Counter(answer for answer in answers if answer)
    if not votes:
        return None
    commonest = max(votes.values())
    return next(place for place, answer in enumerate(answers) if answer and votes[answer] == commonest)


def best_place(scores: Sequence[float | None]) -> int | None:
    """The place of the first sample that the critic scored highest; None when it scored none."""
    scored = [(score, -place) for place, score in enumerate(scores) if score is not None]
    return -max(scored)[1] if scored else None


def area_under_curve(scored: Sequence[tuple[float, bool]]) -> float | None:
    """The chance that a right sample scores above a wrong one (ties count half); None without both kinds."""
    right = sum(1 for _, is_right in scored if is_right)
    wrong = len(scored) - right
    if not right or not wrong:
        return None
    ordered = sorted(scored, key=lambda pair: pair[0])
    rank_sum, place = 0.0, 0
    while place < len(ordered):
        end = place
        while end < len(ordered) and ordered[end][0] == ordered[place][0]:
            end += 1
        mean_rank = (place + 1 + end) / 2
        rank_sum += mean_rank * sum(1 for _, is_right in ordered[place:end] if is_right)
        place = end
    return (rank_sum - right * (right + 1) / 2) / (right * wrong)
