"""What INT8 and INT4 cost and save in our engine beside bf16: bytes, seconds to load, and a token's products. JSON.

    python -m tests.benchmarks.bench_quantize [--model-path gpu_node/weights/svend-nano]

`token_ms_at_load` multiplies one token with every quantised matrix that was unpacked at load, as the engine does;
`token_ms_each_time` unpacks each matrix for each product, which is what keeping them packed in memory would cost.
Accuracy beside bf16 is in the card that `python -m gpu_node quantize` writes.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from gpu_node.model.checkpoint import load_checkpoint, save_checkpoint
from gpu_node.model.quantize import PACKED, dequantize, is_quantized, quantization_of, quantize_state

ROUNDS = 7


def timed_ms(work: Callable[[], object]) -> float:
    """Median of several, after one to warm."""
    work()
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return round(1000 * statistics.median(seconds), 3)


@torch.inference_mode()
def measured(folder: Path, bits: int | None) -> dict[str, float]:
    state = load_checkpoint(folder)[0].state_dict()
    matrices = {name: tensor for name, tensor in state.items() if is_quantized(name, tensor)}
    inputs = {name: torch.randn(1, tensor.shape[1]) for name, tensor in matrices.items()}
    result = {
        "weights_bytes": (folder / "model.safetensors").stat().st_size,
        "load_ms": timed_ms(lambda: load_checkpoint(folder)),
        "token_ms_at_load": timed_ms(lambda: [F.linear(inputs[name], matrices[name]) for name in matrices]),
    }
    if bits is not None:
        stored = load_file(folder / "model.safetensors")
        quantization = quantization_of(state, bits=bits, group_size=None)
        packed = {
            name.removesuffix(PACKED): {key: stored[key] for key in stored if key.startswith(name.removesuffix(PACKED))}
            for name in stored
            if name.endswith(PACKED)
        }
        result["token_ms_each_time"] = timed_ms(
            lambda: [F.linear(inputs[n], dequantize(tensors, quantization)[n]) for n, tensors in packed.items()]
        )
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model-path", type=Path, default=Path("gpu_node/weights/svend-nano"))
    options = parser.parse_args()
    model, _ = load_checkpoint(options.model_path)
    results: dict[str, object] = {"model": options.model_path.name, "cores": os.cpu_count()}
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "bfloat16"
        save_checkpoint(whole, model)
        results["bfloat16"] = measured(whole, None)
        for bits in (8, 4):
            quantization = quantization_of(model.state_dict(), bits=bits, group_size=None)
            weights, error = quantize_state(model.state_dict(), quantization)
            folder = Path(scratch) / f"int{bits}"
            save_checkpoint(folder, model, weights=weights, quantization=quantization)
            results[f"int{bits}"] = {"relative_error": round(error, 4), **measured(folder, bits)}
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
