"""Follows a job to its end: a progress bar with ETA on a terminal, plain lines in a pipe or a log.

Reads the job's event log by `seq`, so a dropped connection costs a poll. Not here: what the events are
(gpu_node.protocol.job_frames).
"""

import time
from typing import Any

import httpx
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from backend.cli.api import CliError, get_json
from backend.cli.output import EXIT_FAILED, EXIT_OK, console, print_json

POLL_SECONDS = 1.0
SILENCES_MAX = 60  # polls without an answer, about two minutes, before giving up; the job goes on anyway
EVENTS_PAGE = 500
SHOWN_VALUES = ("loss", "learning_rate", "tokens_per_second")


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def job_follow(client: httpx.Client, job_id: str, *, as_json: bool) -> int:
    """Shows the job's events until it is over; the exit status."""
    if as_json or not console.is_terminal:
        return _follow(client, job_id, _Lines(as_json=as_json))
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        return _follow(client, job_id, _Bar(progress, job_id))


class _Lines:
    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._state = ""

    def job(self, job: dict[str, Any]) -> None:
        state = job["status"] + (f": {job['waiting_reason']}" if job.get("waiting_reason") else "")
        if state != self._state and not self._as_json:
            console.print(escape(f"{job['id']} {state}"), soft_wrap=True)
        self._state = state

    def event(self, logged: dict[str, Any], job: dict[str, Any]) -> None:
        if self._as_json:
            print_json(logged)
        elif text := event_text(logged["event"], job):
            console.print(text, soft_wrap=True)


class _Bar:
    def __init__(self, progress: Progress, job_id: str) -> None:
        self._progress = progress
        self._task = progress.add_task(job_id, total=None, told="")

    def job(self, job: dict[str, Any]) -> None:
        told = job.get("waiting_reason") or _values_text(job.get("values") or {})
        if job.get("eta_seconds") is not None:
            told += f"  ETA {duration(job['eta_seconds'])}"
        total, step = job.get("num_steps"), job.get("step") or 0
        self._progress.update(
            self._task, description=f"{job['id']} {job['status']}", total=total, completed=step, told=told
        )

    def event(self, logged: dict[str, Any], job: dict[str, Any]) -> None:
        if logged["event"]["type"] != "metric" and (text := event_text(logged["event"], job)):
            self._progress.console.print(text)


def event_text(event: dict[str, Any], job: dict[str, Any]) -> str:
    """One line for a person; empty for what is not worth one."""
    of = f"/{job['num_steps']}" if job.get("num_steps") else ""
    match event["type"]:
        case "metric":
            eta = event.get("eta_seconds")
            told = _values_text(event["values"]) + (f"  ETA {duration(eta)}" if eta is not None else "")
            return f"step {event['step']}{of}  {told}" if told else ""
        case "log":
            return f"[dim]{escape(event['text'])}[/]"
        case "job.started":
            return f"started at step {event['step']}{of} on {escape(str(event['device']))}"
        case "checkpoint":
            return f"checkpoint at step {event['step']}"
        case "checkpoint.uploaded":
            return f"checkpoint at step {event['step']} is in the store"
        case "eval":
            total = (event["result"].get("total") or {}).get("with_tools")
            return (
                f"evaluated: {total['right']} of {total['n']} right" if total else f"evaluated at step {event['step']}"
            )
        case "job.failed":
            return f"[red]{escape(event['cause'])}: {escape(event['message'])}[/]"
        case other:
            return escape(other.removeprefix("job."))


def _values_text(values: dict[str, float]) -> str:
    return "  ".join(f"{name} {values[name]:.4g}" for name in SHOWN_VALUES if name in values)


def _follow(client: httpx.Client, job_id: str, view: _Lines | _Bar) -> int:
    after, silences = 0, 0
    while True:
        try:
            page = get_json(client, f"/api/jobs/{job_id}/events", after=after, limit=EVENTS_PAGE)
            job = get_json(client, f"/api/jobs/{job_id}")
            silences = 0
        except CliError as error:
            silences += 1
            if not isinstance(error.__cause__, httpx.TransportError) or silences > SILENCES_MAX:
                raise
            time.sleep(2 * POLL_SECONDS)
            continue
        for logged in page["events"]:
            view.event(logged, job)
            after = logged["seq"]
        view.job(job)
        if page["is_complete"]:
            return _end(job)
        if not page["events"]:
            time.sleep(POLL_SECONDS)


def _end(job: dict[str, Any]) -> int:
    if job["status"] == "succeeded":
        return EXIT_OK
    failure = job.get("failure") or {}
    if job["status"] == "failed":
        message = failure.get("message") or job["status_reason"]
        raise CliError(f"{job['id']} failed: {message}", cure=failure.get("cure", ""))
    return EXIT_FAILED
