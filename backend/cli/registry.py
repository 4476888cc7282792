"""`svend models|register|gates|promote|rollback|promotions|compare`: which version answers and why."""

import time
from typing import Annotated, Any

import httpx
import typer
from rich.markup import escape
from rich.table import Table

from backend.cli.api import CliError, client_make, get_json, post_json, server_find
from backend.cli.output import AsJson, console, print_json

DEFAULT_ALIAS = "svend-latest"
WAIT_SECONDS_MAX = 1800.0  # for a node to load the version; the promotion goes on without us
POLL_SECONDS = 1.0

Alias = Annotated[str, typer.Option(help="the moving name")]
Reason = Annotated[str, typer.Option(help="why; the audit keeps it")]


def commands_add(app: typer.Typer) -> None:
    for command in (models, register, gates, promote, rollback, promotions, compare):
        app.command()(command)


def models(as_json: AsJson = False) -> None:
    """List the models: aliases, whether a node is ready, what they measured."""
    with client_make(server_find(for_operator=True)) as client:
        listed = get_json(client, "/api/models")
    if as_json:
        print_json(*listed)
        return
    table = Table("model", "aliases", "context", "ready", "right", "where")
    for model in listed:
        reports = (model.get("staff") or {}).get("reports", [])
        where = ", ".join((model.get("staff") or {}).get("ready_nodes", []))
        right = _figure(reports[0]) if reports else ""
        ready = "yes" if model["is_ready"] else "no"
        table.add_row(model["id"], " ".join(model["aliases"]), f"{model['context_tokens']}", ready, right, where)
    console.print(table)


def _figure(report: dict[str, Any]) -> str:
    return f"{report['share']:.1%} ({report['interval_low']:.0%}-{report['interval_high']:.0%}, n={report['n']})"


def register(
    checkpoint: Annotated[str, typer.Argument(help="job_…:step, as svend jobs show lists them")],
    name: Annotated[str | None, typer.Option(help="none: made from the job and the step")] = None,
    description: str = "",
    as_json: AsJson = False,
) -> None:
    """Make a committed checkpoint a model version, so that it can be loaded and promoted."""
    job_id, colon, step = checkpoint.partition(":")
    if not colon or not step.isdigit():
        raise CliError(f"{checkpoint!r} names no checkpoint", cure="job_…:step, as svend jobs show JOB lists them")
    body = {"description": description} | ({"name": name} if name else {})
    with client_make(server_find(for_operator=True)) as client:
        version = post_json(client, f"/api/jobs/{job_id}/checkpoints/{step}/register", body)
    print_json(version) if as_json else console.print(f"{version['name']}  [dim]svend evaluate {version['name']}[/]")


def gates(model: str, alias: Alias = DEFAULT_ALIAS, as_json: AsJson = False) -> None:
    """May this version be promoted: every gate, with its reason and cure. Exit status 1 when one refuses."""
    with client_make(server_find(for_operator=True)) as client:
        found = get_json(client, f"/api/models/{model}/gates", alias=alias)
    if as_json:
        print_json(found)
    else:
        _gates_show(found["gates"])
    raise typer.Exit(0 if found["is_ok"] else 1)


def _gates_show(found: list[dict[str, Any]]) -> None:
    for gate in found:
        mark = "[green]ok  [/]" if gate["is_ok"] else "[red]NO  [/]" if gate["is_blocking"] else "[yellow]mind[/]"
        cure = f"  [dim]-> {escape(gate['cure'])}[/]" if gate["cure"] and not gate["is_ok"] else ""
        console.print(f"{mark} {gate['name']}: {escape(gate['message'])}{cure}", soft_wrap=True)


def promote(
    model: str,
    reason: Reason,
    alias: Alias = DEFAULT_ALIAS,
    wait: Annotated[bool, typer.Option(help="until a node is ready and the alias has moved")] = True,
    as_json: AsJson = False,
) -> None:
    """Let the alias mean this version, if its gates are green. The old one answers until a node is ready."""
    with client_make(server_find(for_operator=True)) as client:
        promotion = post_json(client, "/api/promotions", {"alias": alias, "model": model, "reason": reason})
        if not as_json:
            _gates_show(promotion["gates"])
        _promotion_end(client, promotion, wait=wait, as_json=as_json)


def rollback(
    reason: Reason,
    alias: Alias = DEFAULT_ALIAS,
    expected: Annotated[str | None, typer.Option(help="refuse unless this version is served now")] = None,
    wait: Annotated[bool, typer.Option(help="until the alias has moved")] = True,
    as_json: AsJson = False,
) -> None:
    """Let the alias mean the version before again."""
    body = {"alias": alias, "reason": reason, "expected": expected}
    with client_make(server_find(for_operator=True)) as client:
        promotion = post_json(client, "/api/promotions/rollback", body)
        _promotion_end(client, promotion, wait=wait, as_json=as_json)


def _promotion_end(client: httpx.Client, promotion: dict[str, Any], *, wait: bool, as_json: bool) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    if promotion["state"] == "waiting" and wait and not as_json:
        console.print(f"[dim]waiting for a node to load {promotion['model']} …[/]")
    while promotion["state"] == "waiting" and wait and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        listed = get_json(client, "/api/promotions", alias=promotion["alias"])
        promotion = next(one for one in listed if one["id"] == promotion["id"])
    if as_json:
        print_json(promotion)
    if promotion["state"] == "failed":
        raise CliError(promotion["error"], cure="svend nodes shows the nodes; then promote again")
    if not as_json:
        verb = "means" if promotion["state"] == "effective" else "will mean"
        console.print(f"{promotion['alias']} {verb} [bold]{promotion['model']}[/]")


def promotions(alias: Annotated[str, typer.Option(help="only of this alias")] = "", as_json: AsJson = False) -> None:
    """Who moved which alias, when and why."""
    with client_make(server_find(for_operator=True)) as client:
        listed = get_json(client, "/api/promotions", alias=alias)
    if as_json:
        print_json(*listed)
        return
    table = Table("when", "alias", "model", "replaced", "state", "who", "why")
    for one in listed:
        when, who = (one["effective_at"] or one["created_at"])[:19], one["promoted_by"] or "the seed"
        model = one["model"] + (" (rollback)" if one["is_rollback"] else "")
        table.add_row(when, one["alias"], model, one["replaces"] or "", one["state"], who, escape(one["reason"]))
    console.print(table)


def compare(a: str, b: str, as_json: AsJson = False) -> None:
    """Two models (or report ids) family by family: what b does better or worse than a."""
    with client_make(server_find(for_operator=True)) as client:
        ids = {"a": _report_id(client, a), "b": _report_id(client, b)}
        found = get_json(client, "/api/reports/compare", **ids)
    if as_json:
        print_json(found)
        return
    if not found["is_same_problems"]:
        console.print("[yellow]The two answered different problems.[/]")
    table = Table("family", a, b, "difference", "95 % interval", "")
    for row in [*found["totals"], *found["families"]]:
        interval = f"{row['difference_low']:+.1%} to {row['difference_high']:+.1%}"
        shares = [f"{row[side]['share']:.0%} of {row[side]['n']}" for side in ("a", "b")]
        table.add_row(row["name"], *shares, f"{row['difference']:+.1%}", interval, row["verdict"])
    console.print(table)


def _report_id(client: httpx.Client, text: str) -> int:
    if text.isdigit():
        return int(text)
    reports = get_json(client, "/api/reports", model=text)
    if not reports:
        raise CliError(f"{text} was not evaluated", cure=f"svend evaluate {text}")
    return int(reports[0]["id"])
