"""`svend`: ask and account for runs; train, evaluate and promote models; keep jobs and nodes. From a terminal.

A thin client of the API by API key: HTTP and the wire's types only.

Exit status: 0 answered, 1 the run failed or the server refused, 2 wrong usage. With --json each line of standard
output is one JSON object. Colours only on a terminal, and never with NO_COLOR.
"""

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from backend.cli import operator, registry
from backend.cli.api import CliError, client_make, get_json, run_events, server_find
from backend.cli.jobs import jobs_app
from backend.cli.nodes import nodes_app
from backend.cli.output import AsJson, console
from backend.cli.trace import TracePrinter, money
from gpu_node.protocol.frames import Frame, frame_dump

app = typer.Typer(no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False)
app.add_typer(jobs_app, name="jobs")
app.add_typer(nodes_app, name="nodes")
operator.commands_add(app)
registry.commands_add(app)


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="the question, in your own words; - reads standard input")],
    model: Annotated[str | None, typer.Option(help="default: the server's")] = None,
    tools: Annotated[bool, typer.Option(help="let the model call Python, SymPy and Z3")] = True,
    verify: Annotated[bool, typer.Option(help="let the critic check the answer")] = True,
    search: Annotated[str, typer.Option(help="none, auto, majority, best_of_n, beam or mcts")] = "none",
    width: Annotated[int, typer.Option(help="answers of a search, or the branches that a beam keeps")] = 4,
    depth: Annotated[int, typer.Option(help="steps of a beam, rounds of mcts")] = 4,
    as_json: AsJson = False,
) -> None:
    """Ask a question and watch the model reason."""
    text = sys.stdin.read() if question == "-" else question
    body: dict[str, Any] = {"question": text, "allow_tools": tools, "verify": verify}
    if search != "none":
        body["search"] = {"strategy": search, "width": width, "depth": depth}
    if model:
        body["model"] = model
    printer, status = TracePrinter(console), "failed"
    with client_make(server_find()) as client:
        for event in run_events(client, body):
            if as_json:
                print(frame_dump(event) if isinstance(event, Frame) else json.dumps(event), flush=True)
            elif isinstance(event, Frame):
                printer.frame(event)
            else:
                printer.total(event)
            if not isinstance(event, Frame):
                status = event["status"]
    raise typer.Exit(0 if status == "finished" else 1)


@app.command()
def run(run_id: str, as_json: AsJson = False) -> None:
    """Show a run: its answer, its tokens, its cost."""
    with client_make(server_find()) as client:
        found = get_json(client, f"/v1/reason/{run_id}")
    if as_json:
        print(json.dumps(found))
        return
    console.print(found["answer"] or f"({found['status']})", style="bold")
    TracePrinter(console).total(found)


@app.command()
def usage(as_json: AsJson = False) -> None:
    """What was used and charged, a day a line."""
    with client_make(server_find()) as client:
        found = get_json(client, "/v1/usage?group_by=day")
    if as_json:
        print(json.dumps(found))
        return
    table = Table("day", "prompt", "answer and reasoning", "cost")
    for row in found["data"]:
        table.add_row(
            row["day"], f"{row['prompt_tokens']:,}", f"{row['completion_tokens']:,}", money(row["cost_nano_usd"])
        )
    console.print(table)


def main() -> None:
    try:
        app()
    except CliError as error:
        errors = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
        errors.print(f"svend: {error}", style="red")
        if error.cure:
            errors.print(f"  cure: {error.cure}")
        sys.exit(1)


if __name__ == "__main__":
    main()
