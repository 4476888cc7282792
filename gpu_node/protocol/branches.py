"""The branches of a run, folded from its events: who goes on from whom, scores, fates, and each one's own usage.

One fold for whoever asks: the public API's summary, the statement's lines, the reasoning of the chosen path. Not here:
the steps (`projector`), the search itself (gpu_node.reasoning). Invariant: a branch's usage is its own alone, so that
the sum over branches and the prompt is the run's.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from gpu_node.protocol.frames import (
    BranchClose,
    BranchOpen,
    BranchPrune,
    BranchScore,
    BranchSelect,
    FinishReason,
    Usage,
)

BranchEvent = BranchOpen | BranchScore | BranchClose | BranchPrune | BranchSelect


@dataclass(kw_only=True)
class Branch:
    id: int
    parent_id: int | None = None
    reason: str = ""  # why it was opened
    state: Literal["open", "closed", "pruned", "selected"] = "open"
    state_reason: str | None = None  # why it was pruned or selected, or what failed
    score: float | None = None
    finish_reason: FinishReason | None = None
    usage: Usage | None = None  # None until it is closed


@dataclass
class BranchTree:
    """Branch 0 is there from the start: a run that does not search never opens it."""

    branches: dict[int, Branch] = field(default_factory=lambda: {0: Branch(id=0)})

    def apply(self, event: BranchEvent) -> None:
        if isinstance(event, BranchOpen):
            found = Branch(id=event.branch_id, parent_id=event.parent_id, reason=event.reason)
            self.branches[event.branch_id] = found
            return
        branch = self.branches.setdefault(event.branch_id, Branch(id=event.branch_id))
        match event:
            case BranchScore():
                branch.score = event.score
            case BranchClose():
                branch.usage, branch.finish_reason = event.usage, event.finish_reason
                if branch.state == "open":
                    branch.state, branch.state_reason = "closed", event.problem
            case BranchPrune():
                branch.state, branch.state_reason = "pruned", event.reason
            case BranchSelect():
                branch.state, branch.state_reason = "selected", event.reason

    def path(self, branch_id: int) -> list[int]:
        """The branches that lead to this one, the first of them first."""
        path: list[int] = []
        found = self.branches.get(branch_id)
        while found is not None and found.id not in path:
            path.append(found.id)
            found = self.branches.get(found.parent_id) if found.parent_id is not None else None
        return path[::-1]

    def objects(self) -> list[dict[str, Any]]:
        """As the public API tells them."""
        return [
            {
                "branch_id": branch.id,
                "parent_id": branch.parent_id,
                "reason": branch.reason,
                "state": branch.state,
                "state_reason": branch.state_reason,
                "score": branch.score,
                "finish_reason": branch.finish_reason,
                "usage": branch.usage.model_dump() if branch.usage is not None else None,
            }
            for branch in self.branches.values()
        ]
