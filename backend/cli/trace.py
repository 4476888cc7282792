"""Draws a run's frames in a terminal as the page does: a rail of steps, the answer, the verdict, the cost.

The branches of a search come interleaved: there each line names its branch.
"""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.syntax import Syntax
from rich.text import Text

from gpu_node.protocol.frames import (
    BranchOpen,
    BranchPrune,
    BranchScore,
    BranchSelect,
    Frame,
    RunFailed,
    RunFinished,
    RunStarted,
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
        self._branches: dict[int, str] = {}  # by step, as it is shown: nothing where the run does not search
        self._call_branches: dict[int, str] = {}
        self._is_searched = False

    def frame(self, frame: Frame) -> None:
        match frame.event:
            case RunStarted(search=search):
                self._is_searched = search is not None
            case StepOpen(step_id=step_id, kind=kind, branch_id=branch_id):
                self._kinds[step_id], self._branches[step_id] = kind, self._mark(branch_id)
            case StepClose(step_id=step_id, text=text, num_tokens=num_tokens) if self._kinds.get(step_id) == "thought":
                mark = self._branches[step_id]
                self.console.print(f"[green]●[/] {mark}[bold]Thought[/]  {escape(text)}  [dim]{num_tokens} tokens[/]")
            case ToolCall() as call:
                self._tool_call(call)
            case ToolResult() as result:
                self._tool_result(result)
            case VerifierScore(target="answer", target_id=step_id, score=score, verdict=verdict):
                words, mark = VERDICT_WORDS[verdict].lower(), self._branches.get(step_id, "")
                self.console.print(f"[green]●[/] {mark}[bold]Checked[/]  {words}, {score:.2f}")
            case BranchOpen() | BranchScore() | BranchPrune() | BranchSelect() as event:
                self._branch(event)
            case RunFinished(answer=answer, finish_reason=reason):
                self.console.print(Text("\n" + answer if answer else f"(no answer: {reason})", style="bold"))
            case RunFailed(code=code, message=message):
                self.console.print(f"[red]✗ {escape(message)}[/] [dim]({escape(code)}; nothing is charged)[/]")
            case _:
                pass  # deltas and budgets: the terminal shows whole steps

    def _mark(self, branch_id: int) -> str:
        return f"[yellow]{branch_id}[/] " if self._is_searched else ""

    def _branch(self, event: BranchOpen | BranchScore | BranchPrune | BranchSelect) -> None:
        mark = self._mark(event.branch_id)
        match event:
            case BranchOpen(parent_id=parent_id, reason=reason) if event.branch_id > 0 or mark:
                place = f" [dim]from {parent_id}[/]" if parent_id is not None else ""
                self.console.print(f"[yellow]⑂[/] {mark}{escape(reason)}{place}")
            case BranchScore(score=score) if mark:
                self.console.print(f"  {mark}[dim]score {score:.2f}[/]")
            case BranchPrune(reason=reason):
                self.console.print(f"[yellow]✂[/] {mark}{escape(reason)}")
            case BranchSelect(reason=reason) if mark:
                self.console.print(f"[green]✓[/] {mark}{escape(reason)}")
            case _:
                pass

    def _tool_call(self, call: ToolCall) -> None:
        self._call_branches[call.call_id] = mark = self._mark(call.branch_id)
        self.console.print(f"[cyan]■[/] {mark}[bold]{TOOL_WORDS.get(call.name, escape(call.name))}[/]")
        code = (call.arguments or {}).get("code")
        shown = Syntax(code, "python", background_color="default") if isinstance(code, str) else Text(call.raw)
        self.console.print(Padding(shown, (0, 0, 0, 4)))

    def _tool_result(self, result: ToolResult) -> None:
        style, mark = "" if result.status == "ok" else "red", self._call_branches.get(result.call_id, "")
        self.console.print(Padding(Text(result.text, style=style), (0, 0, 0, 4)))
        for shown in result.attachments:
            if shown.kind in ("png", "svg"):
                self.console.print(f"    [dim]figure on the run's page: {escape(shown.title)}[/]")
        self.console.print(f"    {mark}[dim]{result.status}, {result.wall_ms:.0f} ms[/]")

    def total(self, run: dict[str, Any]) -> None:
        usage, verification = run["usage"], run["verification"]
        words = VERDICT_WORDS[verification["verdict"]]
        score = f" {verification['score']:.2f}" if verification["score"] is not None else ""
        cost = money(run["cost_nano_usd"])
        self.console.print(f"[dim]{words}{score} · {usage['total_tokens']} tokens · {cost} · {run['id']}[/]")
