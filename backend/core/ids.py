"""Ids: a prefix that says what is named, then random base62. Made by whoever asks, so repeats are harmless.

Not here: API keys (they are secrets, see accounts.api_keys).
"""

import re
import secrets
import string

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
ID_RANDOM_CHARS = 24  # 142 bits: no collision in any lifetime, no guessing
ID_CHARS_MAX = 40  # a client-made id, prefix included

_ID_PATTERN = re.compile(r"[a-z]{2,6}_[A-Za-z0-9]{8,32}")


def random_base62(num_chars: int) -> str:
    return "".join(secrets.choice(BASE62) for _ in range(num_chars))


def id_make(prefix: str) -> str:
    """`id_make("run")` -> `run_…`."""
    return f"{prefix}_{random_base62(ID_RANDOM_CHARS)}"


def id_is_valid(value: str, prefix: str) -> bool:
    """True for an id of that kind, whoever made it."""
    return value.startswith(f"{prefix}_") and _ID_PATTERN.fullmatch(value) is not None


def run_id_make() -> str:
    return id_make("run")


def job_id_make() -> str:
    return id_make("job")


def schedule_id_make() -> str:
    return id_make("sched")


def account_id_make() -> str:
    return id_make("acct")


def api_key_id_make() -> str:
    return id_make("key")


def conversation_id_make() -> str:
    return id_make("conv")


def request_id_make() -> str:
    return f"req_{secrets.token_hex(16)}"
