"""Idempotency-Key: the same request is the same run, another request is refused, a failed one may be mended."""

import datetime as dt
import threading

import pytest
from django.db import connection
from django.utils import timezone

from backend.accounts.models import Account
from backend.accounts.services import account_create
from backend.metering.idempotency import (
    IdempotencyError,
    idempotency_claim,
    idempotency_release,
    idempotency_sweep,
    request_sha256,
)
from backend.metering.models import IdempotencyRecord

pytestmark = pytest.mark.django_db

DIGEST = request_sha256(method="POST", path="/v1/reason", body=b"{}")
OTHER_DIGEST = request_sha256(method="POST", path="/v1/reason", body=b'{"x": 1}')


def claim(account: Account, run_id: str, *, key: str = "k", digest: str = DIGEST) -> tuple[str, bool]:
    return idempotency_claim(account_id=account.id, key=key, request_digest=digest, run_id=run_id)


def test_the_same_request_is_the_same_run(account: Account, django_assert_num_queries) -> None:
    assert claim(account, "run_first000") == ("run_first000", True)
    with django_assert_num_queries(1):
        assert claim(account, "run_second00") == ("run_first000", False)


def test_another_request_under_the_key_is_refused(account: Account) -> None:
    claim(account, "run_first000")
    with pytest.raises(IdempotencyError) as refused:
        claim(account, "run_second00", digest=OTHER_DIGEST)
    assert (refused.value.status, refused.value.code) == (422, "idempotency_error")


def test_accounts_do_not_share_keys(account: Account, other_account: Account) -> None:
    claim(account, "run_first000")
    assert claim(other_account, "run_second00", digest=OTHER_DIGEST) == ("run_second00", True)


def test_a_request_that_could_not_be_served_frees_its_key(account: Account) -> None:
    claim(account, "run_first000")
    idempotency_release(account_id=account.id, key="k", run_id="run_first000")
    assert claim(account, "run_second00", digest=OTHER_DIGEST) == ("run_second00", True)


@pytest.mark.parametrize("key", ["", "x" * 256, "line\nbreak", "\x00"])
def test_an_unusable_key_is_refused(account: Account, key: str) -> None:
    with pytest.raises(IdempotencyError):
        claim(account, "run_first000", key=key)


def test_old_keys_are_forgotten(account: Account) -> None:
    claim(account, "run_first000")
    IdempotencyRecord.objects.update(created_at=timezone.now() - dt.timedelta(hours=47))
    assert idempotency_sweep() == 0
    IdempotencyRecord.objects.update(created_at=timezone.now() - dt.timedelta(hours=49))
    assert idempotency_sweep() == 1


@pytest.mark.django_db(transaction=True)
def test_simultaneous_claims_agree_on_one_run() -> None:
    account = account_create(name="twice", owner=None)
    answers: list[tuple[str, bool]] = []

    def ask(run_id: str) -> None:
        answers.append(claim(account, run_id))
        connection.close()

    threads = [threading.Thread(target=ask, args=(f"run_number00{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({run_id for run_id, _ in answers}) == 1
    assert sum(is_new for _, is_new in answers) == 1
