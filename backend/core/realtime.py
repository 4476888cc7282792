"""The only door to the channel layer: publish to a group, and what consumers base themselves on.

At most once and best effort: every payload must also be readable from PostgreSQL by its number. A channel
layer that is down is logged, not raised, because readers fill their gaps from the log.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

# A subscriber this far behind loses the newest messages and finds the gap by their numbers.
SUBSCRIBER_QUEUE_MAX = 1000

# Consumers receive {"type": GROUP_MESSAGE_TYPE, "payload": …} in the method of this name (dots are underscores).
GROUP_MESSAGE_TYPE = "group.message"


async def group_publish(group: str, payload: dict[str, Any]) -> None:
    """Sends `payload` (JSON) to everyone who joined `group`."""
    layer = get_channel_layer()
    assert layer is not None, "CHANNEL_LAYERS is not set"
    try:
        await layer.group_send(group, {"type": GROUP_MESSAGE_TYPE, "payload": payload})
    except (RedisError, OSError) as error:
        log.warning("realtime.publish_lost", group=group, error=repr(error))


def group_publish_sync(group: str, payload: dict[str, Any]) -> None:
    async_to_sync(group_publish)(group, payload)


async def connections_close() -> None:
    """Closes this loop's connections: at the end of a short-lived loop, a Celery task's."""
    layer = get_channel_layer()
    assert layer is not None, "CHANNEL_LAYERS is not set"
    try:
        await layer.flush()
    except (RedisError, OSError) as error:
        log.warning("realtime.close_failed", error=repr(error))


@asynccontextmanager
async def group_subscribed(group: str) -> AsyncIterator["asyncio.Queue[dict[str, Any]]"]:
    """Payloads published to the group while the context is open. With Valkey down the queue just stays empty."""
    layer = get_channel_layer()
    assert layer is not None, "CHANNEL_LAYERS is not set"
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(maxsize=SUBSCRIBER_QUEUE_MAX)
    channel = None
    try:
        channel = await layer.new_channel()
        await layer.group_add(group, channel)
    except (RedisError, OSError) as error:
        log.warning("realtime.subscribe_failed", group=group, error=repr(error))
    # A task of its own, because the layer drops a channel whose `receive` is cancelled, as a timeout would.
    pump = asyncio.create_task(_pump(layer, channel, queue)) if channel is not None else None
    try:
        yield queue
    finally:
        if pump is not None:
            pump.cancel()
            with suppress(asyncio.CancelledError, RedisError, OSError):
                await pump
            with suppress(RedisError, OSError):
                await layer.group_discard(group, channel)


async def _pump(layer: Any, channel: str, queue: "asyncio.Queue[dict[str, Any]]") -> None:
    while True:
        message = await layer.receive(channel)
        if not queue.full():
            queue.put_nowait(message["payload"])
