"""The one client of Valkey for small keyed things: cached callers, limits. Never money, never the truth."""

from functools import lru_cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

SOCKET_TIMEOUT_SECONDS = 2.0  # Valkey answers in under a millisecond or is ill
CONNECTIONS_MAX = 32


@lru_cache(maxsize=1)
def valkey() -> redis.Redis:
    """The shared, thread-safe client. One immediate retry covers a connection that a restart closed."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=SOCKET_TIMEOUT_SECONDS,
        socket_connect_timeout=SOCKET_TIMEOUT_SECONDS,
        max_connections=CONNECTIONS_MAX,
        retry=Retry(NoBackoff(), 1),
    )
