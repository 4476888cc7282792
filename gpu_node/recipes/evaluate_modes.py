"""The table of modes: each way of asking by each suite, on one checkpoint, into its model card and docs/evaluation.md.

Each suite and mode is a piece, written when it is done and skipped when it is there, so that the table can be made in
sittings and extended. All modes answer the same questions. A difference from one answer with tools is named only where
its 95 % interval (Newcombe) leaves one sign. Not here: how questions are asked (evaluation/suite_run.py).
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gpu_node.evaluation.loading import LoadedPolicy, policy_load
from gpu_node.evaluation.modes import MODES
from gpu_node.evaluation.report import share_json
from gpu_node.evaluation.suite_command import EXIT_USAGE, weights_sha256
from gpu_node.evaluation.suite_files import BadSuite
from gpu_node.evaluation.suite_report import share_cell, suite_json
from gpu_node.evaluation.suite_run import OrchestratorAsker, suite_run
from gpu_node.evaluation.suites import SUITES, suite_questions
from gpu_node.protocol.intervals import Share, difference_interval

SUITES_DEFAULT = "gsm8k,mawps,aqua,college_math,rubi,prontoqa,reasoning_gym,families,families_unseen"
PROBLEMS = 50  # a suite: an interval of at most 14 points to each side, in about 25 minutes on 2 quiet cores
ANSWER_TOKENS = 192  # of one answer: svend-nano's right ones have about a third of it, longer ones go round in circles
BASE = "tools"  # the mode that the others are compared with
KEPT = (
    "n", "symbolic", "strict", "flexible", "tool_use", "tool_validity", "num_problems_not_answered",
    "completion_tokens", "tokens_per_problem", "tokens_per_solved",
)  # fmt: skip
TABLE_START, TABLE_END = "<!-- table of modes -->", "<!-- end of the table of modes -->"

Piece = dict[str, Any]


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    suites, modes = options.suites.split(","), options.modes.split(",")
    if unknown := [name for name in modes if name not in MODES]:
        print(f"evaluate-modes: no mode {unknown[0]!r}; there are {', '.join(MODES)}", file=sys.stderr)
        return EXIT_USAGE
    digest = weights_sha256(options.model_path)
    try:
        asyncio.run(_pieces_make(options, suites, modes, digest))
    except (BadSuite, FileNotFoundError) as error:
        print(f"evaluate-modes: {error}", file=sys.stderr)
        return EXIT_USAGE
    pieces = [piece for piece in pieces_read(options.pieces, digest) if piece["mode"] in modes]
    table = modes_json(pieces, suites=suites)
    card = options.model_path / "model_card.json"
    fields = json.loads(card.read_text(encoding="utf-8")) | {"modes": table}
    card.write_text(json.dumps(fields, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    page_write(options.page, modes_markdown(table))
    return 0


async def _pieces_make(options: argparse.Namespace, suites: list[str], modes: list[str], digest: str) -> None:
    """What is missing, all modes of a suite after one another."""
    asked = {name: suite_questions(name, num=options.n, data=options.data) for name in suites}
    missing = [
        (suite, mode)
        for suite in suites
        for mode in modes
        if not piece_path(options.pieces, suite=suite, mode=mode, num=len(asked[suite]), digest=digest).exists()
    ]
    if not missing:
        return
    policy = policy_load(options.model_path, options.verifier_path)
    await policy.tools.start()
    try:
        for number, (suite, mode) in enumerate(missing, start=1):
            piece = await _piece(policy, suite, mode, asked[suite], digest)
            path = piece_path(options.pieces, suite=suite, mode=mode, num=len(asked[suite]), digest=digest)
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".partial")
            partial.write_text(json.dumps(piece, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            partial.replace(path)
            told = f"{number}/{len(missing)} {suite} {mode}: {share_cell(piece['symbolic'])}, {piece['seconds']} s"
            print(told, file=sys.stderr, flush=True)
    finally:
        await policy.tools.close()
        policy.engine.close()


async def _piece(policy: LoadedPolicy, suite: str, mode: str, questions: Sequence[Any], digest: str) -> Piece:
    started = time.monotonic()
    way = MODES[mode]  # type: ignore[index]
    asker = OrchestratorAsker(orchestrator=policy.orchestrator, completion_tokens=ANSWER_TOKENS)
    answered = await suite_run(asker, questions, way, tools=policy.tools)
    row = suite_json(answered, way)
    figures = {name: row[name] for name in KEPT}
    seconds = round(time.monotonic() - started, 1)
    return {"suite": suite, "mode": mode, "weights_sha256": digest, "seconds": seconds, **figures}


def piece_path(folder: Path, *, suite: str, mode: str, num: int, digest: str) -> Path:
    return folder / f"{suite}.{mode}.{num}.{digest[:12]}.json"


def pieces_read(folder: Path, digest: str) -> Iterator[Piece]:
    """The pieces of these weights; of a suite and mode the one with the most problems."""
    best: dict[tuple[str, str], Piece] = {}
    for path in sorted(folder.glob("*.json")):
        piece = json.loads(path.read_text(encoding="utf-8"))
        key = (piece["suite"], piece["mode"])
        if piece["weights_sha256"] == digest and piece["n"] > best.get(key, {"n": 0})["n"]:
            best[key] = piece
    yield from best.values()


# The table


def modes_json(pieces: Sequence[Piece], *, suites: Sequence[str]) -> dict[str, Any]:
    """Figures by suite and mode, and by mode over all suites; only suites that every mode has answered are summed."""
    modes = [mode for mode in MODES if any(piece["mode"] == mode for piece in pieces)]
    rows = {suite: {piece["mode"]: piece for piece in pieces if piece["suite"] == suite} for suite in suites}
    rows = {suite: {mode: row[mode] for mode in modes if mode in row} for suite, row in rows.items() if row}
    whole = [row for row in rows.values() if len(row) == len(modes)]
    return {
        "modes": modes,
        "completion_tokens_max": ANSWER_TOKENS,
        "suites": {suite: {mode: _kept(piece) for mode, piece in row.items()} for suite, row in rows.items()},
        "all": {mode: _sum([row[mode] for row in whole]) for mode in modes} if whole else {},
        "compared": _compared(rows, modes),
    }


def _kept(piece: Piece) -> Piece:
    return {name: piece[name] for name in (*KEPT, "seconds")}


def _sum(pieces: Sequence[Piece]) -> Piece:
    total = sum((_share(piece) for piece in pieces), Share(0, 0))
    tokens = sum(piece["tokens_per_problem"] * piece["n"] for piece in pieces)
    return {
        "n": total.n,
        "symbolic": share_json(total),
        "tokens_per_problem": round(tokens / total.n, 1),
        "tokens_per_solved": round(tokens / total.right, 1) if total.right else None,
    }


def _share(piece: Piece) -> Share:
    return Share(piece["symbolic"]["right"], piece["symbolic"]["n"])


def _compared(rows: dict[str, dict[str, Piece]], modes: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    """By mode: the suites on which it is clearly better and clearly worse than one answer with tools."""
    compared: dict[str, dict[str, list[str]]] = {mode: {"better": [], "worse": []} for mode in modes if mode != BASE}
    for suite, row in rows.items():
        for mode, found in compared.items():
            if mode not in row or BASE not in row:
                continue
            low, high = difference_interval(_share(row[BASE]), _share(row[mode]))
            found["better"] += [suite] if low > 0 else []
            found["worse"] += [suite] if high < 0 else []
    return compared


def modes_markdown(table: dict[str, Any]) -> str:
    modes = table["modes"]
    head = ["| suite | n | " + " | ".join(modes) + " |", "|---|---|" + "---|" * len(modes)]
    rows = {**table["suites"], **({"**all**": table["all"]} if table["all"] else {})}
    right, tokens = list(head), list(head)
    for suite, row in rows.items():
        num = max(piece["n"] for piece in row.values())
        cells = [share_cell(row[mode]["symbolic"]) if mode in row else "" for mode in modes]
        right.append(f"| {suite} | {num} | " + " | ".join(cells) + " |")
        used = [f"{row[mode]['tokens_per_problem']:.0f}" if mode in row else "" for mode in modes]
        tokens.append(f"| {suite} | {num} | " + " | ".join(used) + " |")
    lines = ["Right answers in %, with 95 % Wilson interval:", "", *right, ""]
    lines += ["Tokens a problem (prompt, tool results and everything generated, lost branches too):", "", *tokens, ""]
    for mode, found in table["compared"].items():
        better, worse = (", ".join(found[kind]) or "none" for kind in ("better", "worse"))
        lines.append(f"- `{mode}` against one answer with tools: clearly better on {better}; clearly worse on {worse}.")
    return "\n".join(lines) + "\n"


def page_write(page: Path, markdown: str) -> None:
    """Puts the table between its marks on the page. Raises ValueError where the page has none."""
    text = page.read_text(encoding="utf-8")
    before, start, rest = text.partition(TABLE_START)
    _, end, after = rest.partition(TABLE_END)
    if not start or not end:
        raise ValueError(f"{page} lacks the marks {TABLE_START} and {TABLE_END}")
    page.write_text(f"{before}{start}\n\n{markdown}\n{end}{after}", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    root = Path(__file__).resolve().parents[2]
    weights = root / "gpu_node" / "weights"
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--model-path", type=Path, default=weights / "svend-nano")
    parser.add_argument("--verifier-path", type=Path, default=weights / "svend-verifier-nano")
    parser.add_argument("--data", type=Path, required=True, help="folder of the suites' files")
    parser.add_argument("--suites", default=SUITES_DEFAULT, help=f"of {', '.join(SUITES)}")
    parser.add_argument("--modes", default=",".join(MODES), help=f"of {', '.join(MODES)}")
    parser.add_argument("--n", type=int, default=PROBLEMS, help="problems a suite")
    parser.add_argument("--pieces", type=Path, default=root / "var" / "evaluate-modes", help="where pieces are kept")
    parser.add_argument("--page", type=Path, default=root / "docs" / "evaluation.md")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
