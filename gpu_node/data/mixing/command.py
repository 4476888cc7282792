"""`python -m gpu_node data report|preview|build|layouts`: looks at data sets, and mixes them into files."""

import argparse
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from tokenizers import Tokenizer

from gpu_node.data.mixing.build import SHARD_ROWS, build
from gpu_node.data.mixing.duplicates import NEAR_THRESHOLD, DuplicatesUnavailable
from gpu_node.data.mixing.mixture import MixedRow, Mixture, MixtureSpec
from gpu_node.data.mixing.report import ReportMaker, report_table
from gpu_node.data.mixing.row_texts import num_tokens
from gpu_node.data.mixing.sources import SourceRefused, source_parse
from gpu_node.data.row_tokens import row_tokens
from gpu_node.data.tokenizer import tokenizer_load
from gpu_node.protocol.data_layouts import LAYOUTS
from gpu_node.protocol.data_rows import PreferenceRow, StepRow, row_line

EXIT_REFUSED = 1
EXIT_USAGE = 2
SHIPPED = Path(__file__).resolve().parents[2] / "weights" / "svend-nano"
SOURCE_HELP = (
    "a file (.jsonl, .json, .gz, .parquet), a folder of them, or hub:OWNER/NAME; "
    "after it ,layout=… ,weight=… ,licence=… ,split=… ,config=… ,rows_max=… ,refused_max=…"
)


def data_command(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    if options.action == "layouts":
        for layout in LAYOUTS:
            print(f"{layout.name:16} {', '.join(layout.columns):48} {layout.licence:13} {layout.hub}")
        return 0
    try:
        spec = MixtureSpec(
            sources=[source_parse(text) for text in options.source],
            seed=options.seed,
            against=options.against,
            near_threshold=options.near_duplicates,
            has_duplicates=options.keep_duplicates,
        )
    except ValueError as error:
        print(f"data: {error}", file=sys.stderr)
        return EXIT_USAGE
    tokenizer = tokenizer_load(options.tokenizer)
    try:
        _ACTIONS[options.action](spec, options, tokenizer)
    except (SourceRefused, DuplicatesUnavailable) as error:
        print(f"data: {error}", file=sys.stderr)
        return EXIT_REFUSED
    return 0


def _report(spec: MixtureSpec, options: argparse.Namespace, tokenizer: Tokenizer) -> None:
    mixture = Mixture(
        spec,
        on_removed=lambda removed: print(
            f"{removed.reason}: {removed.source}: {removed.place}: {removed.detail}", file=sys.stderr
        ),
    )
    maker = ReportMaker(mixture)
    for mixed in mixture.rows(num_rows=options.rows):
        maker.take(mixed.source, num_tokens(tokenizer, mixed.row))
    report = maker.report()
    print(report.model_dump_json(indent=1) if options.json else report_table(report))


def _preview(spec: MixtureSpec, options: argparse.Namespace, tokenizer: Tokenizer) -> None:
    for mixed in Mixture(spec).rows(first=options.first, num_rows=options.rows or 3):
        print(f"--- {mixed.source}: {mixed.place}")
        for line in _shown(mixed, tokenizer):
            print(line)


def _shown(mixed: MixedRow, tokenizer: Tokenizer) -> Iterator[str]:
    """Runs of ids that are learnt with the same weight, each with its weight before it; pairs and steps as rows."""
    if isinstance(mixed.row, PreferenceRow | StepRow):
        yield row_line(mixed.row).rstrip()
        return
    ids, weights = row_tokens(tokenizer, mixed.row)
    for weight, run in groupby(zip(weights, ids, strict=True), key=lambda pair: pair[0]):
        yield f"{weight:3} {tokenizer.decode([id_ for _, id_ in run], skip_special_tokens=False)!r}"


def _build(spec: MixtureSpec, options: argparse.Namespace, tokenizer: Tokenizer) -> None:
    manifest = build(spec, options.out, tokenizer=tokenizer, num_rows=options.rows, shard_rows=options.shard_rows)
    print(report_table(manifest.report))
    print(f"{len(manifest.shards)} files in {options.out}")


_ACTIONS = {"report": _report, "preview": _preview, "build": _build}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gpu_node data", description="Look at data sets, and mix them.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("layouts", help="the column layouts that are known")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("source", nargs="+", help=SOURCE_HELP)
    shared.add_argument("--seed", type=int, default=1, help="of the order in which sources take turns")
    shared.add_argument("--rows", type=_positive, help="take so many rows at most")
    shared.add_argument("--against", type=Path, action="append", default=[], help="a measured set: shared rows go")
    shared.add_argument(
        "--near-duplicates", type=float, nargs="?", const=NEAR_THRESHOLD, help="leave out rows this alike, too"
    )
    shared.add_argument("--keep-duplicates", action="store_true", help="keep rows that say the same")
    shared.add_argument("--tokenizer", type=Path, default=SHIPPED, help="the folder of the tokenizer that counts")
    report = actions.add_parser("report", parents=[shared], help="count rows, tokens, licences, what is left out")
    report.add_argument("--json", action="store_true", help="for programs")
    preview = actions.add_parser("preview", parents=[shared], help="show rows as the model reads them")
    preview.add_argument("--first", type=int, default=0, help="from this row on")
    made = actions.add_parser("build", parents=[shared], help="write the rows as files for training")
    made.add_argument("--out", type=Path, required=True, help="the folder; a build that was stopped goes on in it")
    made.add_argument("--shard-rows", type=_positive, default=SHARD_ROWS, help="rows of a file")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not 1 or more")
    return number
