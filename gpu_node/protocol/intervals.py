"""Shares of right answers that say how sure they are: Wilson's interval, and Newcombe's for a difference.

Here because both sides read evaluations: the node that measures and the registry that compares. Standard library only.
Not here: metrics of samples (gpu_node/evaluation/metrics.py).
"""

import math
from dataclasses import dataclass

Z_95 = 1.959964  # two-sided 95 % of the normal distribution


def wilson_interval(value: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (Wilson 1927): honest for small n and for shares near 0 or 1.

    `value` may be a mean of shares over `n` problems, such as a pass@k: the interval is then too wide, never too
    narrow, because the spread of values within [0, 1] is largest where each is 0 or 1.
    """
    if not n:
        return (0.0, 1.0)
    z2 = Z_95 * Z_95
    centre = (value + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(value * (1 - value) / n + z2 / (4 * n**2))
    return (max(0.0, centre - half), min(1.0, centre + half))


@dataclass(frozen=True)
class Share:
    """`right` of `n`."""

    right: int
    n: int

    def __post_init__(self) -> None:
        if not 0 <= self.right <= self.n:
            raise ValueError(f"{self.right} right of {self.n}")

    @property
    def value(self) -> float:
        return self.right / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        return wilson_interval(self.value, self.n)

    @property
    def interval_low(self) -> float:
        return self.interval[0]

    @property
    def interval_high(self) -> float:
        return self.interval[1]

    def __add__(self, other: "Share") -> "Share":
        return Share(self.right + other.right, self.n + other.n)


def difference_interval(a: Share, b: Share) -> tuple[float, float]:
    """95 % interval of b's share less a's (Newcombe 1998, method 10: the two Wilson intervals joined).

    Two intervals that overlap may still differ clearly; this says whether they do.
    """
    (a_low, a_high), (b_low, b_high) = a.interval, b.interval
    difference = b.value - a.value
    low = difference - math.hypot(b.value - b_low, a_high - a.value)
    high = difference + math.hypot(b_high - b.value, a.value - a_low)
    return (low, high)
