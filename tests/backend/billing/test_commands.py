"""What an operator does of payments at the command line, each with who and why in the audit log."""

import datetime as dt
import io

import pytest
from django.core.management import CommandError, call_command

from backend.accounts.models import Account
from backend.billing.models import Pause, PayAsYouGo, Refund
from backend.billing.pauses import pause_open
from backend.core.models import AuditEntry
from backend.metering.models import Balance
from tests.backend.billing.conftest import Far, topped_up

pytestmark = pytest.mark.django_db

WHO = ("--actor", "olga", "--reason", "an old customer")


def run(*words: str) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def audited(action: str) -> AuditEntry:
    return AuditEntry.objects.get(action=action, actor="olga", reason="an old customer")


def test_an_account_is_invited_and_its_limit_changed(account: Account) -> None:
    assert run("pay_as_you_go_invite", account.id, "50", *WHO) == f"invited; limit {50 * 10**9} n$\n"
    assert audited("pay_as_you_go.invite").account_id == account.id
    run("pay_as_you_go_invite", account.id, "80", *WHO)
    assert PayAsYouGo.objects.get().credit_limit_nano_usd == 80 * 10**9
    with pytest.raises(CommandError, match="No account"):
        run("pay_as_you_go_invite", "acct_nobody", "50", *WHO)


def test_a_pause_is_listed_and_lifted(account: Account) -> None:
    now = dt.datetime.now(dt.UTC)
    pause_open(
        account_id=account.id, kind=Pause.Kind.DISPUTE, source="dispute:du_1", reason="x", paused_from=now, now=now
    )
    assert "dispute:du_1" in run("pause_lift")
    with pytest.raises(CommandError, match="audited"):
        run("pause_lift", "dispute:du_1")
    assert "may run again" in run("pause_lift", "dispute:du_1", *WHO)
    assert Balance.objects.get(account=account).paused_from is None
    assert audited("account.resume").target == "dispute:du_1"
    with pytest.raises(CommandError, match="no open pause"):
        run("pause_lift", "dispute:du_1", *WHO)


def test_an_operator_refunds_once_a_key(far: Far, account: Account) -> None:
    payment = topped_up(far, account)
    first, again = (run("refund", payment.id, "400", *WHO, "--key", "support-1") for _ in range(2))
    assert first == again
    assert Refund.objects.get().amount_cents == 400
    with pytest.raises(CommandError, match=r"\$6.00 can be refunded"):
        run("refund", payment.id, "601", *WHO, "--key", "support-2")
