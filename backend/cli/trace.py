"""Draws a run's frames in a terminal as the page does: a rail of steps, the answer, the verdict, the cost."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.syntax import Syntax
from rich.text import Text

from gpu_node.protocol.frames import (
    BranchOpen,
    Frame,
    RunFailed,
    RunFinished,
    StepClose,
    StepOpen,
    ToolCall,
    ToolResult,
    VerifierScore,
)

VERDICT_WORDS = {"accept": "Verified", "reject": "Checker disagreed", "abstain": "Not verified", None: "Not checked"}
TOOL_WORDS = {"execute_python": "Ran Python", "symbolic_math": "Computed with SymPy", "logic_solver": "Asked Z3"}
NANO_USD_PER_USD = 1_000_000_000


def money(nano_usd: int) -> str:
    """Dollars to the last digit that matters: 636000 n$ is $0.000636."""
    whole, rest = divmod(nano_usd, NANO_USD_PER_USD)
    return f"${whole}.{f'{rest:09d}'.rstrip('0').ljust(2, '0')}"


class TracePrinter:
    """Prints each frame once. Nothing is redrawn, so a pipe or a log reads the same."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._kinds: dict[int, str] = {}

    def frame(self, frame: Frame) -> None:
        match frame.event:
            case StepOpen(step_id=step_id, kind=kind):
                self._kinds[step_id] = kind
            case StepClose(step_id=step_id, text=text, num_tokens=num_tokens) if self._kinds.get(step_id) == "thought":
                self.console.print(f"[green]●[/] [bold]Thought[/]  {escape(text)}  [dim]{num_tokens} tokens[/]")
            case ToolCall() as call:
                self._tool_call(call)
            case ToolResult() as result:
                self._tool_result(result)
            case VerifierScore(target="answer", score=score, verdict=verdict):
                self.console.print(f"[green]●[/] [bold]Checked[/]  {VERDICT_WORDS[verdict].lower()}, {score:.2f}")
            case BranchOpen(branch_id=branch_id, reason=reason) if branch_id > 0:
                self.console.print(f"[yellow]⑂[/] {escape(reason)}")
            case RunFinished(answer=answer, finish_reason=reason):
                self.console.print(Text("\n" + answer if answer else f"(no answer: {reason})", style="bold"))
            case RunFailed(code=code, message=message):
                self.console.print(f"[red]✗ {escape(message)}[/] [dim]({escape(code)}; nothing is charged)[/]")
            case _:
                pass  # deltas and budgets: the terminal shows whole steps

    def _tool_call(self, call: ToolCall) -> None:
        self.console.print(f"[cyan]■[/] [bold]{TOOL_WORDS.get(call.name, escape(call.name))}[/]")
        code = (call.arguments or {}).get("code")
        shown = Syntax(code, "python", background_color="default") if isinstance(code, str) else Text(call.raw)
        self.console.print(Padding(shown, (0, 0, 0, 4)))

    def _tool_result(self, result: ToolResult) -> None:
        style = "" if result.status == "ok" else "red"
        self.console.print(Padding(Text(result.text, style=style), (0, 0, 0, 4)))
        for shown in result.attachments:
            if shown.kind in ("png", "svg"):
                self.console.print(f"    [dim]figure on the run's page: {escape(shown.title)}[/]")
        self.console.print(f"    [dim]{result.status}, {result.wall_ms:.0f} ms[/]")

    def total(self, run: dict[str, Any]) -> None:
        usage, verification = run["usage"], run["verification"]
        words = VERDICT_WORDS[verification["verdict"]]
        score = f" {verification['score']:.2f}" if verification["score"] is not None else ""
        cost = money(run["cost_nano_usd"])
        self.console.print(f"[dim]{words}{score} · {usage['total_tokens']} tokens · {cost} · {run['id']}[/]")
