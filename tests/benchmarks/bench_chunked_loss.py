"""Memory and time of the loss in chunks beside the plain one, forward and backward. Prints JSON.

    python -m tests.benchmarks.bench_chunked_loss [--tokens 8192] [--width 256] [--vocab 32768]

Each is measured in a process of its own, as the growth of its largest resident size over its inputs and gradients.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import torch
import torch.nn.functional as F

from gpu_node.model.chunked_loss import chunk_tokens, chunked_cross_entropy

KIB = 1024
ROUNDS = 3


def measured(kind: str, tokens: int, width: int, vocab: int) -> dict[str, float]:
    torch.manual_seed(1)
    x_NC = torch.randn(tokens, width, requires_grad=True)
    weight_VC = (torch.randn(vocab, width) / width**0.5).requires_grad_()
    x_NC.grad, weight_VC.grad = torch.zeros_like(x_NC), torch.zeros_like(weight_VC)
    targets_N = torch.randint(vocab, (tokens,))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        if kind == "chunked":
            losses_N = chunked_cross_entropy(x_NC, weight_VC, targets_N)
        else:
            losses_N = F.cross_entropy(F.linear(x_NC, weight_VC), targets_N, reduction="none")
        losses_N.mean().backward()
        seconds.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"peak_mib": round(peak / KIB, 1), "seconds": round(min(seconds), 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=8192)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--vocab", type=int, default=32_768)
    parser.add_argument("--kind", choices=["plain", "chunked"], help="only this one, in this process")
    options = parser.parse_args()
    sizes = (options.tokens, options.width, options.vocab)
    if options.kind:
        print(json.dumps(measured(options.kind, *sizes)))
        return
    command = [sys.executable, "-m", "tests.benchmarks.bench_chunked_loss"]
    command += ["--tokens", str(sizes[0]), "--width", str(sizes[1]), "--vocab", str(sizes[2])]
    result: dict[str, object] = {"tokens": sizes[0], "width": sizes[1], "vocab": sizes[2]}
    result["chunk_tokens"] = chunk_tokens(options.vocab)
    for kind in ("plain", "chunked"):
        done = subprocess.run([*command, "--kind", kind], capture_output=True, text=True, check=True)
        result[kind] = json.loads(done.stdout)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
