"""What all commands share of writing: the console, --json, the exit codes."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console

EXIT_OK = 0
EXIT_FAILED = 1  # the server refused, the run or job failed
EXIT_USAGE = 2  # typer's own

PIPE_COLUMNS = 200  # a pipe or a log has no width: tables there are cut nowhere that matters

console = Console()
if not console.is_terminal:
    console.width = PIPE_COLUMNS
AsJson = Annotated[bool, typer.Option("--json", help="one JSON object a line")]


def print_json(*objects: Any) -> None:
    for one in objects:
        print(json.dumps(one, ensure_ascii=False), flush=True)
