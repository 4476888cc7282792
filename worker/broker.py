"""Celery's way to Valkey, less the giving back of messages when a connection is lost.

kombu puts unacknowledged messages back over the very connection that was lost, and the worker ends over that. Ours are
wake-ups: what they stand for is in rows, and one that nobody acknowledged comes back after `visibility_timeout`. So a
Valkey that dies costs the worker a reconnection, not its life. Not here: settings (app.py).
"""

from typing import Any

from kombu.transport import redis


class QoS(redis.QoS):
    restore_at_shutdown = False

    def ack(self, delivery_tag: Any) -> None:
        """A task that outlived its connection has nobody to thank: the message comes back, and finds nothing to do."""
        if not self.channel.closed:
            super().ack(delivery_tag)


class Channel(redis.Channel):
    QoS = QoS


class Transport(redis.Transport):
    Channel = Channel
