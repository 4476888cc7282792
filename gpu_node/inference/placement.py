"""Where a model answers: on the GPU in bf16 where torch sees one, else on the CPU in fp32 and with how many threads.

Not here: where a training runs (gpu_node/training/train_job.py), several GPUs (vLLM's work).
"""

import os
from dataclasses import dataclass

import torch

THREADS_MAX = 8  # a model that runs on a CPU is small: more threads only wait for each other
# Below this many parameters one thread computes a step: the others' waiting for each other costs more than they give,
# most of all on cores that the tools and the web server want too.
ONE_THREAD_PARAMETERS_MAX = 20_000_000


@dataclass(frozen=True)
class Placement:
    device: str
    dtype: torch.dtype


def placement_here() -> Placement:
    if torch.cuda.is_available():
        return Placement("cuda", torch.bfloat16)
    return Placement("cpu", torch.float32)


def threads_set(num_parameters: int) -> None:
    """Process-wide: set once, where a model is loaded."""
    num_cores = len(os.sched_getaffinity(0))
    torch.set_num_threads(1 if num_parameters <= ONE_THREAD_PARAMETERS_MAX else min(THREADS_MAX, num_cores))
