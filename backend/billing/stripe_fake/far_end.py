"""The far end in one piece: the world, its webhooks, its troubles, what was said; and what time alone sets off."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backend.billing.stripe_fake import checkout, invoices, subscriptions
from backend.billing.stripe_fake.errors import Json
from backend.billing.stripe_fake.faults import Faults
from backend.billing.stripe_fake.webhooks import Webhooks
from backend.billing.stripe_fake.world import World, world_load

EXCHANGES_KEPT = 2_000  # requests and answers, for the contract tests
TICK_SECONDS = 1.0
SAVE_SECONDS = 0.2  # a crash of the stand-in may forget as much; the product must bear worse


@dataclass
class FarEnd:
    """`busy`: the customers and meters whose event is in hand: a second one at a time is refused."""

    world: World
    webhooks: Webhooks
    secret_key: str
    state: Path | None = None
    faults: Faults = field(default_factory=Faults)
    exchanges: deque[Json] = field(default_factory=lambda: deque(maxlen=EXCHANGES_KEPT))
    busy: set[tuple[str, str]] = field(default_factory=set)
    is_changed: bool = False

    def tick(self) -> None:
        """Whatever is due by now."""
        subscriptions.advance(self.world)
        invoices.advance(self.world)
        checkout.expire_due(self.world)
        self.world.prune()

    def save(self) -> None:
        if self.state is not None:
            self.webhooks.collect()
            self.world.save(self.state)
        self.is_changed = False

    async def run(self) -> None:
        """Time passes and what changed is saved, until cancelled."""
        ticks = round(TICK_SECONDS / SAVE_SECONDS)
        while True:
            for _ in range(ticks):
                await asyncio.sleep(SAVE_SECONDS)
                if self.is_changed:
                    self.save()
            self.tick()


def far_end_build(
    *, base_url: str, webhook_url: str, webhook_secrets: Sequence[str], secret_key: str, state: Path | None
) -> FarEnd:
    world = world_load(base_url, state)
    return FarEnd(world, Webhooks(world, url=webhook_url, secrets=webhook_secrets), secret_key, state)
