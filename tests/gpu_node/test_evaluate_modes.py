"""The table of modes: made in pieces, skipped when done, honest about what is no clear difference."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from gpu_node.evaluation.report import share_json
from gpu_node.model.checkpoint import save_checkpoint
from gpu_node.model.transformer import Transformer, initialise
from gpu_node.protocol.intervals import Share
from gpu_node.recipes.evaluate_modes import KEPT, TABLE_END, TABLE_START, main, modes_json, modes_markdown
from tests.gpu_node.job_node import TINY, tiny_checkpoint
from tests.gpu_node.suite_rows import suites_written


def piece(suite: str, mode: str, right: int, *, n: int = 50, tokens: float = 100.0) -> dict[str, Any]:
    figures = dict.fromkeys(KEPT, 0) | {"n": n, "symbolic": share_json(Share(right, n)), "tokens_per_problem": tokens}
    return {"suite": suite, "mode": mode, "seconds": 1.0, **figures}


def test_only_clear_differences_are_named() -> None:
    rights = {"tools": (25, 25), "no_tools": (1, 20), "majority": (28, 48)}
    pieces = [
        piece(suite, mode, right[place], tokens=100.0 * (1 + place))
        for mode, right in rights.items()
        for place, suite in enumerate(("gsm8k", "mawps"))
    ]
    table = modes_json(pieces, suites=["gsm8k", "mawps"])
    assert table["modes"] == ["no_tools", "tools", "majority"]
    assert table["compared"] == {
        "no_tools": {"better": [], "worse": ["gsm8k"]},
        "majority": {"better": ["mawps"], "worse": []},
    }
    assert (table["all"]["tools"]["n"], table["all"]["tools"]["symbolic"]["right"]) == (100, 50)
    assert (table["all"]["tools"]["tokens_per_problem"], table["all"]["tools"]["tokens_per_solved"]) == (150.0, 300.0)
    page = modes_markdown(table)
    assert "| gsm8k | 50 | 2 (0-10) | 50 (37-63) | 56 (42-69) |" in page
    assert "`majority` against one answer with tools: clearly better on mawps; clearly worse on none." in page


def test_a_suite_that_some_mode_lacks_is_not_summed() -> None:
    pieces = [piece("gsm8k", "tools", 5), piece("gsm8k", "critic", 5), piece("mawps", "tools", 9)]
    table = modes_json(pieces, suites=["gsm8k", "mawps", "aqua"])
    assert (list(table["suites"]), table["all"]["tools"]["n"]) == (["gsm8k", "mawps"], 50)
    assert "| mawps | 50 | 18 (10-31) |  |" in modes_markdown(table)


@pytest.mark.extra  # it loads models and starts the fence: seconds
def test_pieces_are_made_once_and_put_into_card_and_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, page = tiny_checkpoint(tmp_path / "tiny"), tmp_path / "page.md"
    (model / "model_card.json").write_text(json.dumps({"about": "kept"}))
    page.write_text(f"before\n{TABLE_START}\nold\n{TABLE_END}\nafter\n")
    words = ["--model-path", str(model), "--data", str(suites_written(tmp_path / "data")), "--page", str(page)]
    words += ["--suites", "mawps,aqua", "--modes", "tools,critic", "--n", "1", "--pieces", str(tmp_path / "pieces")]
    assert main([*words, "--verifier-path", str(verifier_of(model, tmp_path / "critic"))]) == 0
    assert "4/4 aqua critic" in capsys.readouterr().err
    card = json.loads((model / "model_card.json").read_text())
    assert (card["about"], list(card["modes"]["suites"])) == ("kept", ["mawps", "aqua"])
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "| mawps | 1 |" in text
    assert "old" not in text
    assert main([*words, "--verifier-path", "/nowhere"]) == 0  # all pieces are there: nothing is loaded
    assert capsys.readouterr().err == ""
    assert main([*words, "--modes", "telepathy"]) == 2
    assert "no mode 'telepathy'" in capsys.readouterr().err


def verifier_of(model: Path, folder: Path) -> Path:
    """A critic of the same body, untrained."""
    critic = Transformer(replace(TINY, has_score_head=True))
    initialise(critic, seed=4)
    save_checkpoint(folder, critic, dtype=torch.float32, tokenizer_files={})
    shutil.copy(model / "tokenizer.json", folder)
    (folder / "verifier.json").write_text('{"accept_above": 0.7, "reject_below": 0.3}')
    return folder
