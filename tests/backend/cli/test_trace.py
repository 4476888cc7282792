"""What the terminal shows of a run's frames."""

from rich.console import Console

from backend.cli.trace import TracePrinter
from tests.protocol.test_projector import SOLVED, frames_of, searched_events


def shown(events) -> str:
    console = Console(record=True, width=100)
    printer = TracePrinter(console)
    for frame in frames_of(events):
        printer.frame(frame)
    return console.export_text()


def test_a_search_names_the_branch_of_each_line() -> None:
    text = shown(searched_events())
    assert "⑂ 0 beam step 1\n" in text
    assert "⑂ 2 beam step 2 from 1\n" in text
    assert "● 1 Thought  a right way" in text
    assert "■ 2 Computed with SymPy" in text
    assert "✂ 0 not among the best of its step" in text
    assert "✓ 2 the critic's best score" in text


def test_a_run_without_a_search_names_no_branch() -> None:
    text = shown(SOLVED)
    assert "● Thought  Differentiate." in text
    assert "■ Computed with SymPy" in text
    assert "⑂" not in text
