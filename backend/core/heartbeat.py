"""When the worker and beat were last seen at work, and the money proof last held: a time each in Valkey, which may be
lost without harm."""

import time
from contextlib import suppress
from typing import Literal

from redis.exceptions import RedisError

from backend.core.valkey import valkey

Beating = Literal["worker", "beat", "proof"]
_KEPT_SECONDS = 7 * 86_400  # so that a process that died last night is told as such


def heartbeat(name: Beating) -> None:
    with suppress(RedisError, OSError):  # a Valkey that is away is told by its own line
        valkey().set(f"svend.alive.{name}", repr(time.time()), ex=_KEPT_SECONDS)


def silent_seconds(name: Beating) -> float | None:
    """Since its last sign of life; None: none is known. Raises RedisError."""
    found = valkey().get(f"svend.alive.{name}")
    return None if found is None else max(0.0, time.time() - float(found))
