"""The worked example of docs/plugins.md: one typed function is a tool."""

from collections import Counter
from fractions import Fraction
from itertools import product

from gpu_node.tools.errors import ToolInputError

SUMS_MAX = 100_000  # of thrown combinations: more takes over a second


def dice_odds(dice: int, total: int, sides: int = 6) -> str:
    """Gives the exact probability that fair dice add up to a total.

    Covered: equal dice, counted by hand up to a hundred thousand outcomes. Not covered: loaded dice.

    Args:
        dice: how many dice are thrown.
        total: the sum that is asked for.
        sides: the sides of each, numbered from 1.
    """
    if dice < 1 or sides < 1 or sides**dice > SUMS_MAX:
        raise ToolInputError(f"dice and sides must be at least 1, with at most {SUMS_MAX} outcomes")
    sums = Counter(map(sum, product(range(1, sides + 1), repeat=dice)))
    return str(Fraction(sums[total], sides**dice))
