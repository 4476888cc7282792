"""Writes a checkpoint in INT8 or INT4 and measures it beside bf16: as a job, and as `python -m gpu_node quantize`.

Both formats answer the same held-out problems through the loop that serves. Not here: the arithmetic
(gpu_node/model/quantize.py). Invariant: the folder appears as a whole, with its figures in model_card.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gpu_node.evaluation.benchmarks import benchmark, evaluated_families
from gpu_node.evaluation.loading import policy_load
from gpu_node.evaluation.report import share_json
from gpu_node.evaluation.suite_command import weights_sha256
from gpu_node.model.checkpoint import folder_replace, load_checkpoint, save_checkpoint
from gpu_node.model.quantize import Quantization, quantization_of, quantize_state
from gpu_node.model.transformer import Transformer
from gpu_node.protocol.intervals import Share
from gpu_node.protocol.job_spec import QuantizeSpec
from gpu_node.training.artifact_jobs import CARD_FILE, artifact_tell, model_load, texts_beside
from gpu_node.training.attempt_folder import AttemptFolder
from gpu_node.training.job_errors import JobRefused
from gpu_node.training.job_frames import JobLog
from gpu_node.training.job_rows import families_check

EXIT_USAGE = 2
CARD_KEPT = ("source", "licence", "data")  # of the card of what is quantised: the rest was measured on other weights
OnStep = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to write, and on how much to measure it. No `families`: all."""

    bits: int
    group_size: int | None
    families: list[str]
    num_problems: int


def quantize_job(attempt: AttemptFolder, spec: QuantizeSpec, log: JobLog) -> None:
    families_check(spec.families)
    source, model = model_load(attempt, log, num_steps=3)
    wanted = Wanted(**spec.model_dump(exclude={"kind", "model"}))
    try:
        quantization = _quantization_of(model, wanted)
    except ValueError as error:
        raise JobRefused("bad_spec", str(error)) from error
    _write(source, model, quantization, wanted, attempt.output, partial(_log_step, log))
    artifact_tell(attempt, log, step=3)


def _log_step(log: JobLog, step: int, values: dict[str, float]) -> None:
    log.write("metric", step=step, values=values)


def quantize_command(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    wanted = Wanted(
        bits=options.bits,
        group_size=options.group_size,
        families=options.families.split(",") if options.families else [],
        num_problems=options.n,
    )
    try:
        if unknown := [name for name in wanted.families if name not in evaluated_families()]:
            raise ValueError(f"no family {', '.join(unknown)}; there are {', '.join(evaluated_families())}")
        model, _ = load_checkpoint(options.model_path)
        quantization = _quantization_of(model, wanted)
        card = _write(options.model_path, model, quantization, wanted, options.out, _print_step)
    except (FileNotFoundError, KeyError, ValueError) as error:
        print(f"quantize: {error}", file=sys.stderr)
        return EXIT_USAGE
    print(json.dumps(card["quantization"], indent=1))
    return 0


def _print_step(_step: int, values: dict[str, float]) -> None:
    print(", ".join(f"{name} {value:.6g}" for name, value in values.items()), file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gpu_node quantize", description="Write INT8 or INT4.")
    parser.add_argument("--model-path", type=Path, required=True, help="checkpoint folder")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write; one that is there is replaced")
    parser.add_argument("--bits", type=int, choices=(8, 4), default=8, help="of a weight")
    parser.add_argument("--group-size", type=int, help="weights that share a scale; default: the largest that fits")
    parser.add_argument("--families", help="comma-separated, to measure on; default: all")
    parser.add_argument("--n", type=int, default=2, help="problems a family; 0: do not measure")
    return parser


def _quantization_of(model: Transformer, wanted: Wanted) -> Quantization:
    return quantization_of(model.state_dict(), bits=wanted.bits, group_size=wanted.group_size)


def _write(
    source: Path, model: Transformer, quantization: Quantization, wanted: Wanted, target: Path, on_step: OnStep
) -> dict[str, Any]:
    """The card that was written into `target`."""
    weights, error = quantize_state(model.state_dict(), quantization)
    on_step(1, {"relative_error": error})
    files = texts_beside(source)
    described = json.loads(files.pop(CARD_FILE, "{}"))
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as scratch:
        whole, small = Path(scratch) / "bfloat16", Path(scratch) / "quantized"
        save_checkpoint(whole, model, tokenizer_files=files)
        save_checkpoint(small, model, weights=weights, quantization=quantization, tokenizer_files=files)
        told: dict[str, Any] = {"relative_error": round(error, 6)}
        for step, (name, folder) in enumerate({"bfloat16": whole, f"int{wanted.bits}": small}.items(), start=2):
            told[name] = _measured(folder, wanted)
            on_step(step, _figures(name, told[name]))
        card = {
            **{name: described[name] for name in CARD_KEPT if name in described},
            "model": described.get("model", source.resolve().name),
            "weights_sha256": weights_sha256(small),
            "quantization": {"bits": quantization.bits, "group_size": quantization.group_size, **told},
        }
        (small / CARD_FILE).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
        folder_replace(small, target)
    return card


def _measured(folder: Path, wanted: Wanted) -> dict[str, Any]:
    """Bytes of weights; where the model speaks our format, the share of right answers and tokens a second."""
    num_bytes = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    measured: dict[str, Any] = {"num_bytes": num_bytes}
    if not wanted.num_problems:
        return measured
    share, tokens, seconds = asyncio.run(_asked(folder, wanted))
    return measured | {"with_tools": share_json(share), "tokens_per_second": round(tokens / seconds, 1)}


async def _asked(folder: Path, wanted: Wanted) -> tuple[Share, int, float]:
    policy = policy_load(folder, None)
    await policy.tools.start()
    try:
        started = time.monotonic()
        report = await benchmark(
            policy.orchestrator,
            families=wanted.families or evaluated_families(),
            num=wanted.num_problems,
            num_critic=0,
            modes=["own"],
        )
        return report.total("with_tools"), policy.engine.num_generated, time.monotonic() - started
    finally:
        await policy.tools.close()
        policy.engine.close()


def _figures(name: str, measured: dict[str, Any]) -> dict[str, float]:
    values = {f"num_bytes_{name}": float(measured["num_bytes"])}
    if "with_tools" in measured:
        values[f"share_right_{name}"] = measured["with_tools"]["share"]
        values[f"tokens_per_second_{name}"] = measured["tokens_per_second"]
    return values
