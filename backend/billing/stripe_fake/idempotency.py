"""Idempotency-Key: for 24 hours the same key and parameters give the same answer; other parameters are refused.

As with Stripe, what failed before an endpoint began to work (bad parameters, rate limits) is not remembered.
"""

import hashlib
import json
from dataclasses import dataclass

from backend.billing.stripe_fake.clock import DAY
from backend.billing.stripe_fake.errors import Json, StripeRefusal
from backend.billing.stripe_fake.world import World

KEPT = DAY
KEY_CHARS_MAX = 255


@dataclass(frozen=True)
class Saved:
    status: int
    body: Json


def _print_of(method: str, path: str, form: Json) -> str:
    text = json.dumps([method, path, form], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def saved_answer(world: World, key: str, method: str, path: str, form: Json) -> Saved | None:
    """The first answer to this key, if it is known. Raises StripeRefusal when the key came with other parameters."""
    if len(key) > KEY_CHARS_MAX:
        raise StripeRefusal(400, "idempotency_error", f"Idempotency keys have at most {KEY_CHARS_MAX} characters.")
    found = world.idempotency.get(key)
    if found is None or found["created"] <= world.now() - KEPT:
        return None
    if found["print"] != _print_of(method, path, form):
        raise StripeRefusal(
            400,
            "idempotency_error",
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request.",
        )
    return Saved(found["status"], found["body"])


def answer_save(world: World, key: str, method: str, path: str, form: Json, answer: Saved) -> None:
    for old in [old for old, row in world.idempotency.items() if row["created"] <= world.now() - KEPT]:
        del world.idempotency[old]
    body = json.loads(json.dumps(answer.body))  # as it was: the objects in it live on
    row = {"created": world.now(), "print": _print_of(method, path, form), "status": answer.status, "body": body}
    world.idempotency[key] = row
