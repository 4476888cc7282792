"""Pauses: reasons why an account may not start runs, each from a moment on, and their projection for admission.

An account is paused while a dispute is open, while it owes for a lost one, and from `INVOICE_GRACE` after an invoice
was not paid. Paying in is always possible. The projection (`Balance.paused_from`) changes in the same transaction.
"""

import datetime as dt

from django.db import transaction
from django.db.models import Q

from backend.billing.models import Dispute, Pause
from backend.core.audit import Area, audit_write
from backend.core.errors import NotFound
from backend.metering.payments import owed_read, pause_set

INVOICE_GRACE = dt.timedelta(days=7)  # between a failed invoice and the pause: time to mend a card


def pause_open(
    *, account_id: str, kind: Pause.Kind, source: str, reason: str, paused_from: dt.datetime, now: dt.datetime
) -> None:
    """Opens a pause once per source; a repeat, also of a lifted one, changes nothing."""
    _, is_new = Pause.objects.get_or_create(
        source=source,
        defaults={
            "account_id": account_id,
            "kind": kind,
            "reason": reason,
            "paused_from": paused_from,
            "created_at": now,
        },
    )
    if is_new:
        audit_write(
            area=Area.MONEY,
            action="account.pause",
            account_id=account_id,
            target=source,
            before=None,
            after={"paused_from": paused_from.isoformat()},
            actor="stripe",
            reason=reason,
        )
        _project(account_id)


def pause_close(source: str, *, by: str, now: dt.datetime, reason: str = "") -> bool:
    """Lifts the pause of that source, if one is open."""
    pause = Pause.objects.filter(source=source, lifted_at=None).first()
    if pause is None or not Pause.objects.filter(pk=pause.pk, lifted_at=None).update(lifted_at=now, lifted_by=by):
        return False
    audit_write(
        area=Area.MONEY,
        action="account.resume",
        account_id=pause.account_id,
        target=source,
        before={"paused_from": pause.paused_from.isoformat()},
        after=None,
        actor=by,
        reason=reason,
    )
    _project(pause.account_id)
    return True


def pauses_review(account_id: str, *, now: dt.datetime) -> None:
    """Brings the pauses of disputes in line with what is known now; after everything that moves what is owed.

    One is open while its dispute is, and while the account owes and the dispute was lost, whichever of them we heard
    first. What an operator lifted stays lifted.
    """
    for pause in Pause.objects.filter(account_id=account_id, kind=Pause.Kind.DISPUTE).order_by("id"):
        dispute = Dispute.objects.filter(id=pause.source.removeprefix("dispute:")).first()
        if dispute is None:
            continue
        is_due = not dispute.is_over or (dispute.status == "lost" and owed_read(account_id) > 0)
        if pause.lifted_at is None and not is_due:
            pause_close(pause.source, by="stripe", now=now, reason="the dispute is over and nothing is owed")
        elif pause.lifted_by == "stripe" and is_due:
            _reopen(pause)


def _reopen(pause: Pause) -> None:
    Pause.objects.filter(pk=pause.pk).update(lifted_at=None, lifted_by="")
    audit_write(
        area=Area.MONEY,
        action="account.pause",
        account_id=pause.account_id,
        target=pause.source,
        before=None,
        after={"paused_from": pause.paused_from.isoformat()},
        actor="stripe",
        reason="the dispute was lost and money is owed",
    )
    _project(pause.account_id)


@transaction.atomic
def pause_lift(*, account_id: str, source: str, actor: str, reason: str, now: dt.datetime) -> None:
    """An operator lifts a pause. Raises NotFound when none of that source is open."""
    if not Pause.objects.filter(account_id=account_id, source=source, lifted_at=None).exists():
        raise NotFound(f"There is no open pause {source!r}.")
    pause_close(source, by=actor, now=now, reason=reason)


def pause_now(account_id: str) -> Pause | None:
    """The pause that begins or began first, or None."""
    return Pause.objects.filter(Q(lifted_at=None), account_id=account_id).order_by("paused_from", "id").first()


def _project(account_id: str) -> None:
    first = pause_now(account_id)
    pause_set(
        account_id=account_id,
        paused_from=first.paused_from if first else None,
        reason=first.reason if first else "",
    )
