"""`python -m gpu_node plan`: the memory of the named configurations, or of any training, as a table or as JSON.

It computes from shapes; nothing is loaded, and no GPU is asked for. Not here: the arithmetic (memory_parts.py).
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from gpu_node.model.config import PRESETS
from gpu_node.protocol.job_spec import TrainSpec
from gpu_node.training.fitting import fitting_changes
from gpu_node.training.memory_parts import num_parameters, peak_parts, serving_parts, workload_of

GB = 10**9
COLUMNS = (
    "weights",
    "gradients",
    "optimiser",
    "activations",
    "logits",
    "copies",
    "gathered",
    "step",
    "cache",
    "parked",
    "runtime",
)


def plan_command(arguments: list[str]) -> int:
    """Exit code 0 when all fits, 1 where something does not, 2 for a setting that does not exist."""
    options = _parser().parse_args(arguments)
    try:
        rows = [_training_row(options)] if options.model_size else _named_rows()
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, e['loc']))} {e['msg']}".strip() for e in error.errors())
        print(f"plan: {said}", file=sys.stderr)
        return 2
    print(json.dumps(rows, indent=2) if options.json else table(rows))
    for row in rows:
        if not options.json and row.get("cure"):
            print(f"\n{row['name']} does not fit in {row['limit_bytes'] / GB:g} GB: {row['cure']}")
    return 0 if all(row["is_ok"] for row in rows) else 1


def table(rows: list[dict[str, Any]]) -> str:
    """In GB (10^9 bytes) of one device, Markdown; a part that nothing needs has no column."""
    columns = [name for name in COLUMNS if any(name in row["parts_bytes"] for row in rows)]
    lines = [
        "| configuration | " + " | ".join(columns) + " | peak | limit |",
        "|---|" + "---:|" * (len(columns) + 2),
    ]
    for row in rows:
        parts = [f"{row['parts_bytes'].get(name, 0) / GB:.2f}" for name in columns]
        limit = row["limit_bytes"]
        cells = [row["name"], *parts, f"{row['peak_bytes'] / GB:.2f}", f"{limit / GB:g}" if limit else ""]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _named_rows() -> list[dict[str, Any]]:
    # Imported only here: the recipes stand on the training.
    from gpu_node.recipes.large_models import SERVING, TRAINING

    rows = []
    for name, training in TRAINING.items():
        moment, parts = peak_parts(workload_of(training.spec, training.config, "cuda"))
        spec = training.spec.model_dump(mode="json", exclude_defaults=True)
        row = _row(name, num_parameters(training.config), parts, limit=training.memory_bytes_max)
        rows.append(row | {"moment": moment, "spec": spec})
    for name, serve in SERVING.items():
        parts = serving_parts(serve.serving)
        row = _row(name, num_parameters(serve.serving.config), parts, limit=0)
        is_ok = parts["weights"] <= serve.weight_bytes_max
        rows.append(row | {"weight_bytes_max": serve.weight_bytes_max, "is_ok": is_ok})
    return rows


def _training_row(options: argparse.Namespace) -> dict[str, Any]:
    fields: dict[str, Any] = {"model_size": options.model_size, "data": {"row_tokens_max": options.row_tokens}}
    fields |= {"batch_tokens": max(TrainSpec.model_fields["batch_tokens"].default, options.row_tokens)}
    fields |= dict(options.set)
    spec = TrainSpec.model_validate(fields)
    config = replace(PRESETS[spec.model_size], has_score_head=spec.is_verifier)
    moment, parts = peak_parts(workload_of(spec, config, "cuda"))
    limit = int(options.memory_gb * GB)
    row = _row(f"train {spec.model_size}", num_parameters(config), parts, limit=limit)
    row |= {"moment": moment, "spec": spec.model_dump(mode="json", exclude_defaults=True)}
    if not row["is_ok"]:
        changes = fitting_changes(spec, config, device="cuda", num_devices=options.num_devices, memory_bytes=limit)
        row["changes"] = changes
        said = " ".join(f"--set {name}={json.dumps(value).strip(chr(34))}" for name, value in changes.items())
        row["cure"] = said or "take a smaller model size, or more devices"
    return row


def _row(name: str, num_parameters: int, parts: dict[str, int], *, limit: int) -> dict[str, Any]:
    peak = sum(parts.values())
    return {
        "name": name,
        "is_ok": not limit or peak <= limit,
        "source": "computed",
        "num_parameters": num_parameters,
        "parts_bytes": parts,
        "peak_bytes": peak,
        "limit_bytes": limit,
    }


def _setting(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator or name not in TrainSpec.model_fields:
        known = ", ".join(sorted(TrainSpec.model_fields))
        raise argparse.ArgumentTypeError(f"{text!r} sets no field of a training: say NAME=VALUE, with one of {known}")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gpu_node plan", description=__doc__)
    parser.add_argument("--model-size", choices=list(PRESETS), help="a training of this size; none: the named ones")
    parser.add_argument("--row-tokens", type=int, default=512, help="tokens of the longest row")
    parser.add_argument("--set", type=_setting, action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--memory-gb", type=float, default=80.0, help="of one device, in 10^9 bytes")
    parser.add_argument("--num-devices", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="bytes, and every setting")
    return parser
