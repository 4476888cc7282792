"""Answers that say the same, counted: votes, and votes weighted by the critic.

Answers are read by the tools' own grammar (`data.final_answer`), never run. Not here: which branches answered.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gpu_node.reasoning.branches import Branch

COMPARE_SECONDS_MAX = 5.0  # of all pairs of a vote; a number's takes microseconds, an expression's a millisecond


@dataclass(frozen=True)
class Vote:
    """The branches whose answers say the same."""

    branches: list[Branch]

    @property
    def best(self) -> Branch:
        return max(self.branches, key=lambda branch: branch.rank)

    @property
    def weight(self) -> float:
        """The critic's scores together, each as often as the model drew it; 0 without a critic."""
        return sum(branch.mass * (branch.score or 0.0) for branch in self.branches)


async def votes(branches: Sequence[Branch]) -> list[Vote]:
    """The complete branches by their answers' value; by their text when comparing values takes too long."""
    answered = [branch for branch in branches if branch.is_complete]
    try:
        async with asyncio.timeout(COMPARE_SECONDS_MAX):
            return await asyncio.to_thread(_grouped_by_value, answered)
    except TimeoutError:
        return _grouped(answered, lambda first, second: first == second)


def _grouped_by_value(branches: Sequence[Branch]) -> list[Vote]:
    from gpu_node.data.final_answer import same_answer  # SymPy: a second, which a node that never votes need not spend

    return _grouped(branches, same_answer)


def _grouped(branches: Sequence[Branch], is_same: Callable[[str, str], bool]) -> list[Vote]:
    found: list[Vote] = []
    for branch in branches:
        own = next((vote for vote in found if is_same(vote.branches[0].answer, branch.answer)), None)
        if own is None:
            found.append(Vote([branch]))
        else:
            own.branches.append(branch)
    return found
