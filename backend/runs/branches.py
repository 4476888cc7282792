"""The tokens a run made in each branch of its search, from its log. Runs of one branch are left out.

A branch's tokens are those of its steps, as the node counted each when it closed. What belongs to no step (special
tokens around them, a step cut off by the end) is in the run's sum and in no branch. Reads only.
"""

from typing import Any

from backend.runs.models import Run, TraceEvent
from gpu_node.protocol.frames import BranchOpen, Frame, RunFinished, StepClose, StepOpen, frame_parse


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
    tokens: dict[int, int] = {0: 0}
    branch_of_step: dict[int, int] = {}
    answer = 0
    for frame in frames:
        match frame.event:
            case BranchOpen(branch_id=branch_id):
                tokens.setdefault(branch_id, 0)
            case StepOpen(step_id=step_id, branch_id=branch_id):
                branch_of_step[step_id] = branch_id
            case StepClose(step_id=step_id, num_tokens=num_tokens):
                branch_id = branch_of_step.get(step_id, 0)
                tokens[branch_id] = tokens.get(branch_id, 0) + num_tokens
            case RunFinished(branch_id=branch_id):
                answer = branch_id
            case _:
                pass
    return [
        {"branch_id": branch_id, "num_tokens": num_tokens, "is_answer": branch_id == answer}
        for branch_id, num_tokens in sorted(tokens.items())
    ]
