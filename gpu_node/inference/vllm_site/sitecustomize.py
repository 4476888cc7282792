"""Makes vLLM's processes wait for each other asleep instead of by `sched_yield` in a loop.

On a CPU its engine and its worker are two processes that poll shared memory for each other at every step. Two such
loops leave other processes of the machine without a core for up to 14 seconds (seen on Linux 6.18 with 2 cores): the
node could neither pass tokens on nor cancel. Asleep they cost a step 0.1 ms. vLLM has no setting for it.
"""

import os
import time

POLL_SECONDS = 50e-6


def _sleep() -> None:
    time.sleep(POLL_SECONDS)


os.sched_yield = _sleep
