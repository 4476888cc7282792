"""Figures that say how sure they are: shares with a 95 % Wilson interval, and a critic's AUC."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

Z_95 = 1.959964  # two-sided 95 % of the normal distribution


@dataclass(frozen=True)
class Share:
    """`right` of `n`."""

    right: int
    n: int

    @property
    def value(self) -> float:
        return self.right / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval: honest for small n and for shares near 0 or 1."""
        if not self.n:
            return (0.0, 1.0)
        z2 = Z_95 * Z_95
        centre = (self.value + z2 / (2 * self.n)) / (1 + z2 / self.n)
        half = Z_95 / (1 + z2 / self.n) * math.sqrt(self.value * (1 - self.value) / self.n + z2 / (4 * self.n**2))
        return (max(0.0, centre - half), min(1.0, centre + half))

    def __add__(self, other: "Share") -> "Share":
        return Share(self.right + other.right, self.n + other.n)


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
