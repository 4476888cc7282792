"""`svend nodes …`: the fleet; add a node, cordon, drain, undrain, remove it."""

from typing import Annotated, Any

import typer
from rich.table import Table

from backend.cli.api import answer_json, client_make, get_json, post_json, server_find
from backend.cli.output import AsJson, console, print_json
from backend.cli.trace import NANO_USD_PER_USD, money

nodes_app = typer.Typer(help="The fleet: list, add, cordon, uncordon, drain, undrain, probe, remove.")


@nodes_app.callback(invoke_without_command=True)
def nodes(context: typer.Context, as_json: AsJson = False) -> None:
    """List the nodes: state, devices, models, jobs, cost beside what was sold."""
    if context.invoked_subcommand is not None:
        return
    with client_make(server_find(for_operator=True)) as client:
        listed = get_json(client, "/api/nodes")
    if as_json:
        print_json(*listed)
        return
    table = Table("node", "state", "role", "devices", "models", "jobs", "an hour", "margin 24 h")
    for node in listed:
        info = node["info"] or {}
        devices = ", ".join(device["name"] for device in info.get("devices", []))
        models = ", ".join(model["version"] for model in info.get("models", []))
        jobs = ", ".join(f"{job['job_id']} {job['status']}" for job in node["running_jobs"])
        price, margin = money(node["price_nano_usd_per_hour"]), _signed(node["margin_24h_nano_usd"])
        table.add_row(node["name"], node["state"], node["role"], devices, models, jobs, price, margin)
    console.print(table)


def _signed(nano_usd: int) -> str:
    return money(nano_usd) if nano_usd >= 0 else f"-{money(-nano_usd)}"


@nodes_app.command()
def add(
    name: str,
    url: str,
    secret: Annotated[str, typer.Option(envvar="SVEND_NODE_SECRET", help="the node's secret; or by the environment")],
    price: Annotated[float, typer.Option(help="dollars an hour")] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Add a node by its https URL and secret."""
    body = {"name": name, "url": url, "secret": secret, "price_nano_usd_per_hour": round(price * NANO_USD_PER_USD)}
    with client_make(server_find(for_operator=True)) as client:
        _told(post_json(client, "/api/nodes", body), as_json=as_json)


@nodes_app.command()
def start_lines(as_json: AsJson = False) -> None:
    """The lines that start a node on another machine, with a new secret."""
    with client_make(server_find(for_operator=True)) as client:
        found = post_json(client, "/api/nodes/start-lines")
    print_json(found) if as_json else console.print("\n".join(found["lines"]), markup=False, soft_wrap=True)


def _action_add(action: str, text: str) -> None:
    @nodes_app.command(action, help=text)
    def act(name: str, as_json: AsJson = False) -> None:
        with client_make(server_find(for_operator=True)) as client:
            _told(post_json(client, f"/api/nodes/{name}/{action}"), as_json=as_json)


for _action, _text in {
    "cordon": "Give a node nothing new.",
    "uncordon": "Give a node new work again.",
    "drain": "Give a node nothing new, and let it refuse by itself; what runs goes on.",
    "undrain": "End a drain.",
    "probe": "Ask a node now how it is.",
}.items():
    _action_add(_action, _text)


@nodes_app.command()
def remove(name: str) -> None:
    """Remove a node that was added here."""
    with client_make(server_find(for_operator=True)) as client:
        response = client.delete(f"/api/nodes/{name}")
        if not response.is_success:
            answer_json(response)
    console.print(f"{name} removed")


def _told(node: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(node)
    else:
        told = f"{node['name']} {node['state']}" + (f": {node['probe_error']}" if node["probe_error"] else "")
        console.print(told, markup=False)
