"""What lower apps ask of runs by signal: the questions and the search branches of the runs on a statement."""

from typing import Any

from django.dispatch import receiver

from backend.metering.signals import run_branches_wanted, run_questions_wanted
from backend.runs.branches import branches_of_runs
from backend.runs.models import Run


@receiver(run_questions_wanted)
def run_questions(sender: Any, *, account_id: str, run_ids: list[str], **_: Any) -> dict[str, str]:
    return dict(Run.objects.filter(account_id=account_id, id__in=run_ids).values_list("id", "question"))


@receiver(run_branches_wanted)
def run_branches(sender: Any, *, account_id: str, run_ids: list[str], **_: Any) -> dict[str, list[dict[str, Any]]]:
    return branches_of_runs(account_id=account_id, run_ids=run_ids)
