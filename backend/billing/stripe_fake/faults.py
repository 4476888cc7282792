"""Trouble on order: outages, rate limits, lost replies, for a number of requests or until cleared.

`outage` answers 500; `unreachable` closes the line unheard; `rate_limit` answers 429; `lose_reply` does the work
and closes the line, so that only an Idempotency-Key makes the retry harmless.
"""

from dataclasses import dataclass, field

MODES = ("outage", "unreachable", "rate_limit", "lose_reply")


@dataclass
class Fault:
    """`left`: requests still to be hit, None for all. `path`: hits only what begins so."""

    mode: str
    left: int | None = None
    path: str = "/v1/"

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"mode={self.mode!r}: one of {', '.join(MODES)}")


@dataclass
class Faults:
    faults: list[Fault] = field(default_factory=list)

    def take(self, path: str) -> str | None:
        """The mode that hits this request, counted off."""
        for fault in self.faults:
            if path.startswith(fault.path):
                if fault.left is not None:
                    fault.left -= 1
                    if fault.left <= 0:
                        self.faults.remove(fault)
                return fault.mode
        return None
