"""The only door to the channel layer: publish to a group, and what consumers base themselves on.

At most once and best effort: every payload must also be readable from PostgreSQL by its number. A channel
layer that is down is logged, not raised, because readers fill their gaps from the log.
"""

from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

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
