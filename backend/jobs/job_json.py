"""Jobs as JSON: one shape for /api/jobs, the websockets and the CLI. Not here: reading rows (reading.py)."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from backend.jobs.models import Attempt, Checkpoint, Job, JobEvent, Metric, Schedule, Transition

SECONDS_PER_HOUR = 3600


def cost_nano_usd(*, price_nano_usd_per_hour: int, begun_at: datetime, ended_at: datetime) -> int:
    """What the nodes cost between the two moments; whole nano-dollars, rounded down."""
    milliseconds = max(0, round((ended_at - begun_at).total_seconds() * 1000))
    return price_nano_usd_per_hour * milliseconds // (SECONDS_PER_HOUR * 1000)


def attempt_cost_nano_usd(attempt: Attempt) -> int:
    """What it cost, or has cost until now."""
    if attempt.ended_at is not None:
        return attempt.cost_nano_usd
    price = attempt.price_nano_usd_per_hour
    return cost_nano_usd(price_nano_usd_per_hour=price, begun_at=attempt.created_at, ended_at=timezone.now())


def time_json(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def job_can(job: Job) -> list[str]:
    """What a person may ask of the job now."""
    verbs = ["clone"]
    if not job.is_ended and job.status != Job.Status.STOPPING and job.wish != Job.Wish.CANCEL:
        verbs.append("cancel")
    if job.status == Job.Status.RUNNING and job.wish == Job.Wish.NONE:
        verbs.append("pause")
    if job.status == Job.Status.PAUSED and job.wish == Job.Wish.NONE:
        verbs.append("resume")
    if job.status in (Job.Status.FAILED, Job.Status.CANCELLED):
        verbs.append("requeue")
    return verbs


def job_json(job: Job, *, attempt: Attempt | None, queue_position: int | None) -> dict[str, Any]:
    """`attempt` is the newest one, with its parts and their nodes read; `queue_position` from 1, while queued."""
    nodes = [] if attempt is None else [part.node for part in attempt.parts.all()]
    is_open = attempt is not None and attempt.ended_at is None
    failure = None
    if job.failure_cause:
        failure = {"cause": job.failure_cause, "message": job.failure_message, "cure": job.failure_cure}
    return {
        "id": job.id,
        "name": job.name,
        "kind": job.kind,
        "status": job.status,
        "status_reason": job.status_reason,
        "wish": job.wish,
        "can": job_can(job),
        "failure": failure,
        "priority": job.priority,
        "account_id": job.account_id,
        "account_name": job.account.name,
        "created_by": job.created_by.email if job.created_by else None,
        "cloned_from": job.cloned_from_id,
        "schedule_id": job.schedule_id,
        "spec": job.spec,
        "spec_sha256": job.spec_sha256,
        "budget_nano_usd": job.budget_nano_usd,
        "spent_nano_usd": job.spent_nano_usd + (attempt_cost_nano_usd(attempt) if attempt and is_open else 0),
        "price_nano_usd_per_hour": attempt.price_nano_usd_per_hour if attempt and is_open else 0,
        "retries_max": job.retries_max,
        "retries_used": job.retries_used,
        "losses": job.losses,
        "epoch": job.epoch,
        "num_nodes": job.num_nodes,
        "wanted_node_names": job.node_names,
        "node_names": [node.name for node in nodes],
        "unreachable_node_names": [node.name for node in nodes if is_open and node.probe_error],
        "queue_position": queue_position,
        "waiting_reason": job.waiting_reason if job.status == Job.Status.QUEUED else "",
        "step": job.step,
        "num_steps": job.num_steps,
        "eta_seconds": job.eta_seconds,
        "values": job.values,
        "last_seq": job.last_seq,
        "last_event_at": time_json(job.last_event_at),
        "created_at": time_json(job.created_at),
        "started_at": time_json(job.started_at),
        "finished_at": time_json(job.finished_at),
    }


def attempt_json(attempt: Attempt) -> dict[str, Any]:
    return {
        "epoch": attempt.epoch,
        "node_names": [part.node.name for part in attempt.parts.all()],
        "resumed_from_step": attempt.resumed_from.step if attempt.resumed_from else None,
        "outcome": attempt.outcome,
        "end_reason": attempt.end_reason,
        "cost_nano_usd": attempt_cost_nano_usd(attempt),
        "created_at": time_json(attempt.created_at),
        "started_at": time_json(attempt.started_at),
        "ended_at": time_json(attempt.ended_at),
    }


def transition_json(transition: Transition) -> dict[str, Any]:
    return {
        "from_status": transition.from_status,
        "to_status": transition.to_status,
        "reason": transition.reason,
        "epoch": transition.epoch,
        "at": time_json(transition.at),
    }


def event_json(event: JobEvent, *, epoch: int) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "epoch": epoch,
        "node_rank": event.node_rank,
        "node_seq": event.node_seq,
        "at": time_json(event.at),
        "event": _without_traces(event),
    }


def _without_traces(event: JobEvent) -> dict[str, Any]:
    """An evaluation keeps how each problem was answered: megabytes that /api/reports/samples gives page by page."""
    whole: dict[str, Any] = event.event
    if event.type != "eval" or "problems" not in whole["result"]:
        return whole
    problems = [{name: value for name, value in p.items() if name != "trace"} for p in whole["result"]["problems"]]
    return {**whole, "result": {**whole["result"], "problems": problems}}


def metric_columns(rows: list[Metric], *, names: list[str], num_rows_total: int) -> dict[str, Any]:
    """By columns, as charts want them; null where a step lacks the value."""
    return {
        "steps": [row.step for row in rows],
        "at": [time_json(row.at) for row in rows],
        "values": {name: [row.values.get(name) for row in rows] for name in names},
        "num_rows_total": num_rows_total,
        "last_seq": max((row.seq for row in rows), default=0),
    }


def checkpoint_json(checkpoint: Checkpoint, *, epoch: int, keep_reasons: list[str]) -> dict[str, Any]:
    return {
        "ref": f"{checkpoint.job_id}:{checkpoint.step}",
        "step": checkpoint.step,
        "epoch": epoch,
        "state": checkpoint.state,
        "refused_reason": checkpoint.refused_reason,
        "manifest_sha256": checkpoint.manifest_sha256,
        "num_bytes": checkpoint.num_bytes,
        "num_files": len(checkpoint.manifest["files"]),
        "values": checkpoint.values,
        "keep_reasons": keep_reasons,
        "created_at": time_json(checkpoint.created_at),
        "committed_at": time_json(checkpoint.committed_at),
        "pruned_at": time_json(checkpoint.pruned_at),
    }


def schedule_json(schedule: Schedule, *, last_job: Job | None) -> dict[str, Any]:
    return {
        "id": schedule.id,
        "name": schedule.name,
        "spec": schedule.spec,
        "priority": schedule.priority,
        "budget_nano_usd": schedule.budget_nano_usd,
        "every_seconds": schedule.every_seconds,
        "next_at": time_json(schedule.next_at),
        "is_enabled": schedule.is_enabled,
        "last_error": schedule.last_error,
        "last_job": last_job
        and {"id": last_job.id, "status": last_job.status, "created_at": time_json(last_job.created_at)},
        "created_at": time_json(schedule.created_at),
    }
