"""Commands of the operator: the money proof and an audited grant."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from backend.accounts.models import Account
from backend.metering.models import Balance, LedgerTransaction
from backend.metering.services import TRIAL_GRANT_NANO_USD, balance_read

pytestmark = pytest.mark.django_db


def test_a_grant_is_written_down_and_given_once(account: Account) -> None:
    for _ in range(2):
        call_command(
            "credit_grant", "alice@example.org", "5.25", actor="ops", reason="outage", source="t-1", stdout=StringIO()
        )
    assert balance_read(account.id).available_nano_usd == TRIAL_GRANT_NANO_USD + 5_250_000_000
    grant = LedgerTransaction.objects.get(source=f"grant:manual:{account.id}:t-1")
    assert (grant.actor, grant.reason) == ("ops", "outage")


@pytest.mark.parametrize("usd", ["0", "-5", "5.1", "1e3", "five", "999999"])
def test_a_grant_of_no_sensible_amount_is_refused(account: Account, usd: str) -> None:
    with pytest.raises(CommandError):
        call_command("credit_grant", "--actor=ops", "--reason=x", "--source=y", "--", account.id, usd)


def test_the_money_proof_fails_loudly(account: Account) -> None:
    out = StringIO()
    call_command("ledger_check", stdout=out)
    assert json.loads(out.getvalue())["is_sound"]
    Balance.objects.update(available_nano_usd=1)
    with pytest.raises(SystemExit):
        call_command("ledger_check", stdout=out)
    assert "a balance is the sum of its entries" in out.getvalue()
