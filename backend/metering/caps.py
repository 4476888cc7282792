"""Monthly spend caps of an account and its keys: set, read, and told about at 50, 80 and 100 %.

The hard stop is the hold's own SQL (migration 0007). A settlement that passes a threshold writes a SpendAlert; the
pages show them, and `alerts_mail` mails each subject's newest once. Months are calendar months in UTC.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone

from backend.accounts.models import Account, Membership
from backend.accounts.services import api_key_cap_set
from backend.core.audit import Area, audit_write
from backend.core.errors import ApplicationError
from backend.core.failpoints import failpoint
from backend.metering.models import Balance, KeyMonth, SpendAlert
from backend.metering.money import usd

log = structlog.get_logger(__name__)

CAP_NANO_USD_MAX = 10**15  # a million dollars a month: a typo guard
THRESHOLDS_PERCENT = (50, 80, 100)
ALERTS_MAILED_MAX = 100  # a tick; the next tick takes the rest


def month_now() -> dt.date:
    return timezone.now().astimezone(dt.UTC).date().replace(day=1)


def month_after(month: dt.date) -> dt.date:
    return (month + dt.timedelta(days=31)).replace(day=1)


@dataclass(frozen=True, kw_only=True)
class CapRead:
    """An account's cap this month. `percent_reached` is the highest threshold told, 0 where none."""

    monthly_cap_nano_usd: int | None
    spent_nano_usd: int
    held_nano_usd: int
    percent_reached: int
    resets_on: dt.date


def account_cap_read(account_id: str) -> CapRead:
    row, month = Balance.objects.filter(account_id=account_id).first(), month_now()
    is_this_month = row is not None and row.month == month
    cap = row.monthly_cap_nano_usd if row else None
    return CapRead(
        monthly_cap_nano_usd=cap,
        spent_nano_usd=row.month_spent_nano_usd if row and is_this_month else 0,
        held_nano_usd=row.month_held_nano_usd if row and is_this_month else 0,
        percent_reached=_percent_reached(account_id=account_id, api_key_id=None, cap=cap),
        resets_on=month_after(month),
    )


def _percent_reached(*, account_id: str, api_key_id: str | None, cap: int | None) -> int:
    if cap is None:
        return 0
    told = SpendAlert.objects.filter(account_id=account_id, api_key_id=api_key_id, month=month_now(), cap_nano_usd=cap)
    return told.order_by("-percent").values_list("percent", flat=True).first() or 0


def key_alerts(account_id: str) -> dict[tuple[str, int], int]:
    """The highest threshold told this month of each key's cap: {(key, cap): percent}."""
    told = SpendAlert.objects.filter(account_id=account_id, api_key_id__isnull=False, month=month_now())
    rows = told.order_by("percent").values_list("api_key_id", "cap_nano_usd", "percent")
    return {(str(key), cap): percent for key, cap, percent in rows}


# --- Setting


def _cap_check(monthly_cap_nano_usd: int | None) -> None:
    if monthly_cap_nano_usd is not None and not 0 <= monthly_cap_nano_usd <= CAP_NANO_USD_MAX:
        raise ApplicationError(
            f"A monthly cap is between $0 and {usd(CAP_NANO_USD_MAX)}; leave it out for none.",
            param="monthly_cap_nano_usd",
        )


@transaction.atomic
def account_cap_set(*, account_id: str, monthly_cap_nano_usd: int | None) -> CapRead:
    """Sets the account's monthly cap; None takes it away. Holds at once, for the next run on."""
    _cap_check(monthly_cap_nano_usd)
    Balance.objects.get_or_create(account_id=account_id)
    row = Balance.objects.select_for_update(no_key=True).get(account_id=account_id)
    before = row.monthly_cap_nano_usd
    if before != monthly_cap_nano_usd:
        Balance.objects.filter(account_id=account_id).update(monthly_cap_nano_usd=monthly_cap_nano_usd)
        audit_write(
            area=Area.MONEY,
            action="account.cap",
            account_id=account_id,
            target=account_id,
            before={"monthly_cap_nano_usd": before},
            after={"monthly_cap_nano_usd": monthly_cap_nano_usd},
        )
        spent = row.month_spent_nano_usd if row.month == month_now() else 0
        _alerts_write(account_id=account_id, api_key_id=None, cap=monthly_cap_nano_usd, spent=spent)
    return account_cap_read(account_id)


@transaction.atomic
def key_cap_set(*, account_id: str, api_key_id: str, monthly_cap_nano_usd: int | None) -> None:
    """Sets a key's monthly cap; None takes it away. Raises NotFound for another account's key."""
    _cap_check(monthly_cap_nano_usd)
    key = api_key_cap_set(account_id=account_id, api_key_id=api_key_id, monthly_cap_nano_usd=monthly_cap_nano_usd)
    row = KeyMonth.objects.filter(api_key_id=key.id, month=month_now()).first()
    spent = row.spent_nano_usd if row else 0
    _alerts_write(account_id=account_id, api_key_id=key.id, cap=monthly_cap_nano_usd, spent=spent)


def _alerts_write(*, account_id: str, api_key_id: str | None, cap: int | None, spent: int) -> None:
    """The thresholds of a new cap that are behind us already."""
    if not cap:  # none, or 0: who sets 0 knows that nothing may be spent
        return
    passed = [percent for percent in THRESHOLDS_PERCENT if spent * 100 >= cap * percent]
    SpendAlert.objects.bulk_create(
        [
            SpendAlert(
                account_id=account_id,
                api_key_id=api_key_id,
                month=month_now(),
                cap_nano_usd=cap,
                percent=percent,
                spent_nano_usd=spent,
            )
            for percent in passed
        ],
        ignore_conflicts=True,
    )


# --- Telling


def alerts_mail() -> int:
    """Mails what is untold, one mail for thresholds of one cap that were passed together. Returns how many mails.

    The rows stay locked while their mail is sent, so two workers never send it twice. A crash between the sending and
    the commit repeats it once, under the same Message-ID.
    """
    num_mails = 0
    while num_mails < ALERTS_MAILED_MAX and _alerts_mail_one():
        num_mails += 1
    return num_mails


@transaction.atomic
def _alerts_mail_one() -> bool:
    untold = SpendAlert.objects.select_for_update(skip_locked=True, of=("self",)).filter(mailed_at=None)
    first = untold.order_by("id").first()
    if first is None:
        return False
    same_cap = {"account_id": first.account_id, "api_key_id": first.api_key_id, "month": first.month}
    together = list(untold.filter(**same_cap, cap_nano_usd=first.cap_nano_usd).select_related("account", "api_key"))
    newest = max(together, key=lambda alert: alert.percent)
    to = _owners(newest.account)
    if to:
        _mail(newest, to).send()
        failpoint("alert.mailed")
    log.info("spend_alert.told", account_id=newest.account_id, percent=newest.percent, num_addresses=len(to))
    SpendAlert.objects.filter(id__in=[alert.pk for alert in together]).update(mailed_at=timezone.now())
    return True


def _owners(account: Account) -> list[str]:
    owners = Membership.objects.filter(account=account, role=Membership.Role.OWNER, user__is_active=True)
    return list(owners.order_by("id").values_list("user__email", flat=True))


def _mail(alert: SpendAlert, to: Iterable[str]) -> EmailMessage:
    whose = f'The API key "{alert.api_key.name}"' if alert.api_key else "Your account"
    page = "/keys" if alert.api_key else "/usage"
    cap, until = usd(alert.cap_nano_usd), f"{month_after(alert.month):%-d %B %Y}"
    if alert.percent == 100:
        subject = f"{whose} has reached its monthly cap of {cap}"
        what = f"New questions are refused until the cap is raised or the month ends on {until} (UTC)."
    else:
        subject = f"{whose} has used {alert.percent} % of its monthly cap of {cap}"
        what = f"At the cap, new questions are refused until {until} (UTC) or until it is raised."
    text = f"{subject}: {usd(alert.spent_nano_usd)} this month.\n\n{what}\n\n{settings.PUBLIC_URL}{page}\n"
    message_id = f"<spend-alert-{alert.pk}@{settings.ALLOWED_HOSTS[0]}>"
    return EmailMessage(subject=f"[Svend] {subject}", body=text, to=list(to), headers={"Message-ID": message_id})
