"""A far end with a receiver of its webhooks, and Stripe's own client on it, for a test file."""

from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from tests.backend.stripe_fake.webhook_receiver import Receiver, receiver_started
from tests.stripe_far_end import FarEnd, far_end_started


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiver_started() as started:
        yield started


@pytest.fixture(scope="module")
def far_end(receiver: Receiver) -> Iterator[FarEnd]:
    """All that is said to it is held to Stripe's schema when the file's tests are over."""
    with far_end_started(webhook_url=receiver.url) as started:
        yield started


@pytest.fixture(scope="module")
def v1(far_end: FarEnd) -> Any:
    """Stripe's client without retries of its own."""
    return stripe.StripeClient(far_end.secret_key, base_addresses={"api": far_end.url}, max_network_retries=0).v1
