"""A soft limit on a piece of a guest's work, so that another method gets its turn before the fence's kill.

In seconds of the processor, so that a busy machine finds what an idle one finds. By SIGPROF, in a main thread only;
elsewhere (training data, tests in threads) the work simply runs. Not a boundary: code in C that does not return to
Python is not interrupted.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TimeIsUp(BaseException):
    """The limit passed before the work was done."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises TimeIsUp in the body when it has used so many seconds. Does not nest."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise TimeIsUp

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
