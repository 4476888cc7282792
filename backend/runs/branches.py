"""The tokens a run made in each branch of its search, from its log. Runs of one branch are left out.

A branch's tokens are those that the node counted in it, its tools' results too: with the prompt they are the run's.
Reads only.
"""

from typing import Any

from backend.runs.models import Run, TraceEvent
from gpu_node.protocol.branches import BranchTree
from gpu_node.protocol.frames import (
    BranchClose,
    BranchOpen,
    BranchPrune,
    BranchScore,
    BranchSelect,
    Frame,
    RunFinished,
    frame_parse,
)


def branches_of_runs(*, account_id: str, run_ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """{run_id: [{branch_id, num_tokens, is_answer}]} for the account's runs that searched in several branches."""
    searched = TraceEvent.objects.filter(
        run__account_id=account_id, run_id__in=run_ids, frame__contains='"type":"branch.open"'
    )
    found = {}
    for run_id in Run.objects.filter(id__in=searched.values("run_id")).values_list("id", flat=True):
        rows = TraceEvent.objects.filter(run_id=run_id).order_by("seq").values_list("frame", flat=True)
        branches = branches_of_log([frame_parse(row) for row in rows])
        if len(branches) > 1:
            found[run_id] = branches
    return found


def branches_of_log(frames: list[Frame]) -> list[dict[str, Any]]:
    """The branches of one log, by number. Pure."""
    tree, answer = BranchTree(), 0
    for frame in frames:
        match frame.event:
            case BranchOpen() | BranchScore() | BranchClose() | BranchPrune() | BranchSelect() as event:
                tree.apply(event)
            case RunFinished(branch_id=branch_id):
                answer = branch_id
            case _:
                pass
    return [
        {
            "branch_id": branch.id,
            "num_tokens": 0 if branch.usage is None else branch.usage.total_tokens,
            "is_answer": branch.id == answer,
        }
        for branch in sorted(tree.branches.values(), key=lambda branch: branch.id)
    ]
