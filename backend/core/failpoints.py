"""Named points at which a process can be made to die: how the proof that money survives it is tried on the product.

Asleep unless `SVEND_FAILPOINT` is set; then either `name:action@nth` (the process's nth time there), or `in:FOLDER`
for a running product: a file FOLDER/name that holds `action` arms the point once, and is gone when it fires. Actions:
`kill9` ends this process as a crash would, `kill9_postgres` ends the embedded server beside it. Not a feature: nothing
reads a request or a row here.
"""

import os
import signal
from functools import cache
from pathlib import Path

from django.conf import settings

POINTS = frozenset(
    {
        "run.hold_placed",  # in the transaction that makes the run
        "run.committed",  # hold and run stand, nobody advances the run yet
        "run.node_accepted",
        "run.final_read",  # the last frame came, nothing of it is written
        "run.settle_before",  # in the transaction that ends the run
        "run.settle_after",  # settled in it, not committed
        "run.settle_committed",  # before anybody has seen the end
        "credit.granted",  # not committed
        "webhook.stored",  # event and effect written, not committed
        "webhook.committed",  # before Stripe gets its 200
        "checkout.made",  # at Stripe, its answer not written down
        "auto_top_up.sent",  # the PaymentIntent is at Stripe, its answer lost
        "refund.sent",  # likewise
        "outbox.sent",  # a meter event is at Stripe, its answer lost
        "reconcile.copied",  # Stripe's lines are here, not compared
        "alert.mailed",  # the mail is out, its row not marked
    }
)
ACTIONS = frozenset({"kill9", "kill9_postgres"})

_times: dict[str, int] = {}


def failpoint(name: str) -> None:
    """Dies here if this point is armed; does nothing otherwise."""
    assert name in POINTS, f"unknown failpoint {name!r}: add it to POINTS"
    if not settings.FAILPOINT:
        return
    if settings.FAILPOINT.startswith("in:"):
        action = _disarm(Path(settings.FAILPOINT[3:]) / name)
    else:
        action = _nth(settings.FAILPOINT, name)
    if action is not None:
        _act(action)


def _disarm(path: Path) -> str | None:
    """Takes the armed action; of several processes here at once only one does."""
    taken = path.with_name(f"{path.name}.fired.{os.getpid()}")
    try:
        path.rename(taken)
    except FileNotFoundError:
        return None
    return taken.read_text().strip()


def _nth(setting: str, name: str) -> str | None:
    armed, action, nth = parsed(setting)
    if armed != name:
        return None
    _times[name] = _times.get(name, 0) + 1
    return action if _times[name] == nth else None


@cache
def parsed(setting: str) -> tuple[str, str, int]:
    """`name:action@nth` in its parts. Raises ValueError naming what is wrong."""
    name, _, rest = setting.partition(":")
    action, _, nth = rest.partition("@")
    if name not in POINTS or action not in ACTIONS or not (nth or "1").isdigit():
        raise ValueError(f"SVEND_FAILPOINT={setting!r}: use name:action@nth; actions are {', '.join(sorted(ACTIONS))}")
    return name, action, int(nth or "1")


def _act(action: str) -> None:
    if action == "kill9":
        os.kill(os.getpid(), signal.SIGKILL)
    assert action == "kill9_postgres", f"unknown action {action!r}"
    first_line = (Path(settings.SVEND_DATA) / "postgres" / "postmaster.pid").read_text().splitlines()[0]
    os.kill(int(first_line), signal.SIGKILL)
