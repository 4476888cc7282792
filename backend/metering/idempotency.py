"""Idempotency-Key on POST /v1: the same key with the same request is the same run.

`idempotency_claim` before the run is made; `idempotency_release` when it could not be made (no money, bad
input), so that the caller may mend it and try again under the same key.
"""

import datetime as dt
import hashlib

from django.db import connection
from django.utils import timezone

from backend.core.errors import ApplicationError
from backend.metering.models import IdempotencyRecord

KEY_CHARS_MAX = 255
RECORD_AGE_MAX = dt.timedelta(hours=48)  # twice what clients are promised


class IdempotencyError(ApplicationError):
    # 422, not 409: OpenAI's clients retry a 409.
    code, status, type = "idempotency_error", 422, "idempotency_error"


def request_sha256(*, method: str, path: str, body: bytes) -> str:
    return hashlib.sha256(b"\0".join((method.encode(), path.encode(), body))).hexdigest()


def idempotency_claim(*, account_id: str, key: str, request_digest: str, run_id: str) -> tuple[str, bool]:
    """Returns (the run's id, whether it is new). One round trip; two simultaneous claims agree on one run.

    Raises IdempotencyError when the key was used for another request, or is longer than KEY_CHARS_MAX.
    """
    if not 1 <= len(key) <= KEY_CHARS_MAX or not key.isprintable():
        raise IdempotencyError(f"Idempotency-Key must be 1 to {KEY_CHARS_MAX} printable characters.")
    with connection.cursor() as cursor:
        # The empty update is what makes RETURNING see the row of whoever was first.
        cursor.execute(
            "INSERT INTO metering_idempotencyrecord (account_id, key, request_sha256, run_id, created_at)"
            " VALUES (%s, %s, %s, %s, now())"
            " ON CONFLICT (account_id, key) DO UPDATE SET key = excluded.key RETURNING request_sha256, run_id",
            [account_id, key, request_digest, run_id],
        )
        digest, first_run_id = cursor.fetchone()
    if digest != request_digest:
        raise IdempotencyError("This Idempotency-Key was used for another request: use a new key.")
    return first_run_id, first_run_id == run_id


def idempotency_release(*, account_id: str, key: str, run_id: str) -> None:
    IdempotencyRecord.objects.filter(account_id=account_id, key=key, run_id=run_id).delete()


def idempotency_sweep() -> int:
    num_deleted, _ = IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - RECORD_AGE_MAX).delete()
    return num_deleted
