"""`svend jobs …`: the queue, one job, its log; follow, cancel, pause, resume, requeue, clone."""

from typing import Annotated, Any

import typer
from rich.table import Table

from backend.cli.api import CliError, client_make, get_json, post_json, server_find
from backend.cli.job_follow import duration, job_follow
from backend.cli.output import AsJson, console, print_json
from backend.cli.specs import assignments_parse
from backend.cli.trace import money

LOG_LINES = 500

jobs_app = typer.Typer(help="The job queue: list, show, follow, cancel, pause, resume, requeue, clone.")
Reason = Annotated[str, typer.Option(help="kept with the job")]


@jobs_app.callback(invoke_without_command=True)
def jobs(
    context: typer.Context,
    status: Annotated[str, typer.Option(help="one or more, by comma: queued, running, failed, …")] = "",
    as_json: AsJson = False,
) -> None:
    """List the jobs, the newest first."""
    if context.invoked_subcommand is not None:
        return
    with client_make(server_find(for_operator=True)) as client:
        listed = get_json(client, "/api/jobs", status=status)["results"]
    if as_json:
        print_json(*listed)
        return
    table = Table("job", "name", "kind", "status", "step", "ETA", "spent", "why")
    for job in listed:
        table.add_row(job["id"], job["name"], job["kind"], job["status"], *_progress(job), _why(job))
    console.print(table)


def _progress(job: dict[str, Any]) -> tuple[str, str, str]:
    steps = f"{job['step']}/{job['num_steps']}" if job["num_steps"] else ""
    eta = duration(job["eta_seconds"]) if job["eta_seconds"] is not None else ""
    return steps, eta, money(job["spent_nano_usd"])


def _why(job: dict[str, Any]) -> str:
    if job["status"] == "queued":
        place = f"{job['queue_position']}. in line" if job["queue_position"] else ""
        return ", ".join(filter(None, (place, job["waiting_reason"])))
    return str((job["failure"] or {}).get("message") or job["status_reason"])


@jobs_app.command()
def show(job_id: str, as_json: AsJson = False) -> None:
    """Show a job: state, attempts, transitions with their reasons, checkpoints."""
    with client_make(server_find(for_operator=True)) as client:
        job = get_json(client, f"/api/jobs/{job_id}")
        checkpoints = get_json(client, f"/api/jobs/{job_id}/checkpoints")
    if as_json:
        print_json({**job, "checkpoints": checkpoints})
        return
    console.print(f"{job['id']}  {job['kind']}  [bold]{job['status']}[/]  {_why(job)}", soft_wrap=True)
    console.print("  ".join(filter(None, _progress(job))))
    for transition in job["transitions"]:
        told = f"{transition['at']}  {transition['from_status']} -> {transition['to_status']}  {transition['reason']}"
        console.print(told, style="dim", soft_wrap=True, markup=False)
    for checkpoint in checkpoints:
        console.print(f"checkpoint {checkpoint['ref']}  {checkpoint['state']}  {checkpoint['num_bytes']:,} bytes")


@jobs_app.command()
def follow(job_id: str, as_json: AsJson = False) -> None:
    """Watch a job until it ends: progress, loss, ETA. Exit status 0 when it succeeded."""
    with client_make(server_find(for_operator=True)) as client:
        raise typer.Exit(job_follow(client, job_id, as_json=as_json))


@jobs_app.command()
def log(job_id: str, search: str = "", level: str = "", as_json: AsJson = False) -> None:
    """Print a job's log."""
    after = 0
    with client_make(server_find(for_operator=True)) as client:
        while True:
            path, asked = f"/api/jobs/{job_id}/log", {"search": search, "level": level}
            page = get_json(client, path, after=after, limit=LOG_LINES, **asked)
            for line in page["lines"]:
                print_json(line) if as_json else console.print(line["text"], markup=False, soft_wrap=True)
            if not page["lines"]:
                return
            after = page["next_after"]


def _wish(job_id: str, verb: str, reason: str, *, as_json: bool) -> None:
    with client_make(server_find(for_operator=True)) as client:
        job = post_json(client, f"/api/jobs/{job_id}/{verb}", {"reason": reason})
    if as_json:
        print_json(job)
    else:
        wish = f", asked to {job['wish']}" if job["wish"] else ""
        console.print(f"{job['id']} {job['status']}{wish}")


@jobs_app.command()
def cancel(job_id: str, reason: Reason = "", as_json: AsJson = False) -> None:
    """Stop a job; it keeps a last checkpoint."""
    _wish(job_id, "cancel", reason, as_json=as_json)


@jobs_app.command()
def pause(job_id: str, reason: Reason = "", as_json: AsJson = False) -> None:
    """Let a job wait; it keeps its node."""
    _wish(job_id, "pause", reason, as_json=as_json)


@jobs_app.command()
def resume(job_id: str, reason: Reason = "", as_json: AsJson = False) -> None:
    """Let a paused job go on."""
    _wish(job_id, "resume", reason, as_json=as_json)


@jobs_app.command()
def requeue(job_id: str, reason: Reason = "", as_json: AsJson = False) -> None:
    """Queue a failed or cancelled job again; it resumes from its last committed checkpoint."""
    _wish(job_id, "requeue", reason, as_json=as_json)


@jobs_app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def clone(context: typer.Context, job_id: str, as_json: AsJson = False) -> None:
    """Start a copy of a job with changes: svend jobs clone JOB --num-steps=500."""
    changes: dict[str, Any] = {}
    for name, text in assignments_parse(context.args, positional=None):
        place, leaf = changes, name.split(".")
        for part in leaf[:-1]:
            place = place.setdefault(part, {})
        place[leaf[-1]] = _scalar(text)
    with client_make(server_find(for_operator=True)) as client:
        job = post_json(client, f"/api/jobs/{job_id}/clone", {"changes": changes})
    print_json(job) if as_json else console.print(f"{job['id']} {job['status']}")


def _scalar(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    if not text:
        raise CliError("a change needs a value", cure="--num-steps=500")
    return {"true": True, "false": False, "null": None}.get(text, text)
