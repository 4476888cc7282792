"""How many threads torch computes with on a CPU. Process-wide: set once, where a model is loaded."""

import os

import torch

THREADS_MAX = 8  # a model that runs on a CPU is small: more threads only wait for each other
# Below this many parameters one thread computes a step: the others' waiting for each other costs more than they give,
# most of all on cores that the tools and the web server want too.
ONE_THREAD_PARAMETERS_MAX = 20_000_000


def threads_set(num_parameters: int) -> None:
    num_cores = len(os.sched_getaffinity(0))
    torch.set_num_threads(1 if num_parameters <= ONE_THREAD_PARAMETERS_MAX else min(THREADS_MAX, num_cores))
