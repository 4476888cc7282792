"""Sends events to the product: signed as Stripe signs, in order, again after a failure, for three days.

Also what a network does to them, on order: held back, dropped, sent twice, in another order, with an old or a
wrong signature. Not here: which events there are.
"""

import asyncio
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import Sequence

import aiohttp

from backend.billing.stripe_fake.clock import DAY
from backend.billing.stripe_fake.errors import Json
from backend.billing.stripe_fake.world import World

MODES = ("deliver", "hold", "drop")
POLL_SECONDS = 0.05
SEND_TIMEOUT_SECONDS = 20.0
RETRY_SECONDS_MAX = 60.0  # real Stripe waits up to hours; a demo that was down wants its credit sooner
GIVE_UP_AFTER = 3 * DAY


def signature(body: bytes, secrets: Sequence[str], signed_at: int) -> str:
    """The header `Stripe-Signature`: one v1 for each secret, so that a receiver may change over."""
    signed = f"{signed_at}.".encode() + body
    parts = [f"v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}" for secret in secrets]
    return ",".join([f"t={signed_at}", *parts])


class Webhooks:
    """`mode`: what happens to events from now on; `delay_seconds`: how long each waits before its first try."""

    def __init__(self, world: World, *, url: str, secrets: Sequence[str]) -> None:
        self.world = world
        self.url = url
        self.secrets = list(secrets)
        self.mode = "deliver"
        self.delay_seconds = 0.0
        self._client: aiohttp.ClientSession | None = None

    async def run(self) -> None:
        """Delivers until cancelled."""
        timeout = aiohttp.ClientTimeout(total=SEND_TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as self._client:
            while True:
                self.collect()
                for event_id in self._due():
                    if event_id in self.world.deliveries:  # forgotten meanwhile: a clock may leap by months
                        await self._try(event_id)
                await asyncio.sleep(POLL_SECONDS)

    def collect(self) -> None:
        """Takes what handlers queued, under the mode of now."""
        for event_id in self.world.outbox:
            state = {"deliver": "waiting", "hold": "held", "drop": "dropped"}[self.mode]
            next_at = time.time() + self.delay_seconds
            self.world.deliveries[event_id] = {"state": state, "attempts": 0, "next_at": next_at, "status": None}
        self.world.outbox.clear()

    def _due(self) -> list[str]:
        rows = self.world.deliveries.items()
        return [key for key, row in rows if row["state"] == "waiting" and row["next_at"] <= time.time()]

    async def _try(self, event_id: str) -> None:
        row, event = self.world.deliveries[event_id], self.world.find("event", event_id)
        row["attempts"] += 1
        row["status"] = await self.send(event_id)
        if row["status"] is not None and 200 <= row["status"] < 300:
            row["state"] = "delivered"
            if event is not None:
                event["pending_webhooks"] = 0
        elif event is None or event["created"] < self.world.now() - GIVE_UP_AFTER:
            row["state"] = "given up"
        else:
            row["next_at"] = time.time() + min(RETRY_SECONDS_MAX, 0.5 * 2 ** min(row["attempts"], 10))

    async def send(self, event_id: str, *, secret: str | None = None, signed_at: int | None = None) -> int | None:
        """Sends once, whatever was before. The receiver's status, or None when there was no answer."""
        assert self._client is not None, "run() has not begun"
        body = json.dumps(self.world.get("event", event_id), indent=2).encode()
        secrets = [secret] if secret is not None else self.secrets
        headers = {
            "content-type": "application/json; charset=utf-8",
            "stripe-signature": signature(body, secrets, int(time.time()) if signed_at is None else signed_at),
            "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with self._client.post(self.url, data=body, headers=headers, allow_redirects=False) as answer:
                await answer.read()
                return answer.status
        return None

    def release(self, event_ids: Sequence[str]) -> None:
        """Lets held or dropped events go, in this order."""
        for place, event_id in enumerate(event_ids):
            row = self.world.deliveries.pop(event_id)
            self.world.deliveries[event_id] = {**row, "state": "waiting", "next_at": time.time() + place * 1e-6}

    def listed(self) -> list[Json]:
        """Every event with how its delivery stands, the oldest first."""
        self.collect()
        events = self.world.objects.get("event", {})
        rows = self.world.deliveries
        return [
            {"id": key, "type": event["type"], **{name: rows[key][name] for name in ("state", "attempts", "status")}}
            for key, event in events.items()
            if key in rows
        ]
