"""The far end's own time: the machine's, plus an offset that only grows. Stripe's objects are stamped by it.

Signatures of webhooks are not: they carry the machine's time, against which a receiver checks their age.
"""

import time

HOUR = 3_600
DAY = 24 * HOUR


class Clock:
    def __init__(self, offset_seconds: int = 0) -> None:
        self.offset_seconds = offset_seconds

    def now(self) -> int:
        """Unix seconds."""
        return int(time.time()) + self.offset_seconds

    def advance(self, seconds: int) -> None:
        if seconds < 0:
            raise ValueError(f"seconds={seconds}: time only goes forward")
        self.offset_seconds += seconds
