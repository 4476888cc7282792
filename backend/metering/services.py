"""Money's services: hold, settle, grant, sweep, prove.

A run's money: `hold_place` sets it aside (its tokens become the run's `max_total_tokens`), `run_settle` charges
what the engine counted and gives the rest back, exactly once, whoever calls it first. Each is one SQL function,
so one round trip and one transaction. Integers only. Not here: rate limits (limits.py), which are no money.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from backend.core.audit import Area, audit_write
from backend.core.errors import ApplicationError, NotFound
from backend.core.failpoints import failpoint
from backend.metering.models import Balance, Hold, Price, UsageRecord
from backend.metering.money import usd
from backend.metering.signals import balance_low

log = structlog.get_logger(__name__)

DEFAULT_PRICE = "default"  # the price row that pages show before a model is chosen; nothing is billed by it
FIRST_MODEL = "svend-nano"  # what a fresh Svend sells, at the first price
FIRST_PRICE_NANO_USD_PER_TOKEN = 3_000  # $3 per 1M tokens
TRIAL_GRANT_NANO_USD = 1_000_000_000  # $1: a third of a million tokens, enough to like it, too little to resell
HOLD_AGE_MAX = dt.timedelta(minutes=30)  # a run ends within minutes; past this only a dead one holds money
SWEEP_HOLDS_MAX = 500  # per call: a sweep is a short task
PAUSED_SQLSTATE = "SV402"  # what the trigger on holds raises for a paused account
TOKENS_MAX = 10_000_000  # of one hold, above any context: keeps products far from bigint's end


@dataclass(frozen=True, kw_only=True)
class UsageCounts:
    """The engine's final counters of a run. The last two are parts of the first two."""

    prompt_tokens: int
    completion_tokens: int
    tool_result_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, kw_only=True)
class HoldPlaced:
    run_id: str
    max_total_tokens: int
    price_nano_usd_per_token: int
    amount_nano_usd: int
    is_repeated: bool  # the run already had it


@dataclass(frozen=True, kw_only=True)
class BalanceRead:
    available_nano_usd: int
    held_nano_usd: int
    credit_limit_nano_usd: int

    @property
    def total_nano_usd(self) -> int:
        """What the account has, money of open runs included."""
        return self.available_nano_usd + self.held_nano_usd


class InsufficientFunds(ApplicationError):
    """402 on our own routes; the OpenAI-shaped ones answer 429 `insufficient_quota` with the same message."""

    code, status, type = "insufficient_quota", 402, "insufficient_quota"

    def __init__(self, message: str, *, affordable_tokens: int, price_nano_usd_per_token: int) -> None:
        super().__init__(message, headers={"x-should-retry": "false"})
        self.affordable_tokens = affordable_tokens
        self.price_nano_usd_per_token = price_nano_usd_per_token


class SpendCapReached(InsufficientFunds):
    """The account's or the key's monthly cap leaves too little."""

    code = "spend_cap_reached"


class AccountPaused(InsufficientFunds):
    """A payment failed or was disputed: no new run until that is mended. The message says which and how."""

    code = "account_paused"


class ModelNotPriced(ApplicationError):
    code = "model_not_priced"


class RunIdTaken(ApplicationError):
    code, status = "run_id_taken", 409


# --- A run's money


def hold_place(
    *, run_id: str, account_id: str, api_key_id: str | None, model: str, bound_tokens: int, min_tokens: int = 1
) -> HoldPlaced:
    """Sets aside `min(affordable, bound_tokens)` tokens' worth for the run; a repeat returns the same hold.

    Raises InsufficientFunds when fewer than `min_tokens` are affordable, SpendCapReached when a monthly cap leaves
    fewer, AccountPaused, ModelNotPriced, RunIdTaken.
    """
    assert 1 <= min_tokens <= bound_tokens <= TOKENS_MAX, f"{min_tokens=} {bound_tokens=}"
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT outcome, max_total_tokens, price_nano_usd_per_token, amount_nano_usd,"
                " cap_nano_usd, cap_spent_nano_usd, cap_held_nano_usd FROM metering_hold_place(%s, %s, %s, %s, %s, %s)",
                [run_id, account_id, api_key_id, model, bound_tokens, min_tokens],
            )
            outcome, tokens, price, amount, *cap = cursor.fetchone()
    except IntegrityError as error:
        # Only another account's simultaneous hold on this id gets here: our own would have waited at the balance.
        raise RunIdTaken(f"The run id {run_id} is taken.") from error
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", "") != PAUSED_SQLSTATE:
            raise
        raise _paused(error) from error
    if outcome in ("placed", "repeated"):
        return HoldPlaced(
            run_id=run_id,
            max_total_tokens=tokens,
            price_nano_usd_per_token=price,
            amount_nano_usd=amount,
            is_repeated=outcome == "repeated",
        )
    if outcome == "not_priced":
        raise ModelNotPriced(f"The model {model!r} has no price, so it is not sold.", param="model")
    if outcome == "taken":
        raise RunIdTaken(f"The run id {run_id} is taken.")
    if outcome == "refused":
        raise InsufficientFunds(
            f"This run needs at least {min_tokens} tokens and your balance affords {tokens}. Add credit to go on.",
            affordable_tokens=tokens,
            price_nano_usd_per_token=price,
        )
    raise SpendCapReached(
        _cap_words(outcome, *cap, tokens=tokens, min_tokens=min_tokens),
        affordable_tokens=tokens,
        price_nano_usd_per_token=price,
    )


def _paused(error: DatabaseError) -> AccountPaused:
    reason = str(error).partition("\n")[0]
    return AccountPaused(f"This account is paused: {reason}", affordable_tokens=0, price_nano_usd_per_token=0)


def _cap_words(outcome: str, cap: int, spent: int, held: int, *, tokens: int, min_tokens: int) -> str:
    """Why a cap stops the run, and the cure."""
    whose, page = ("this API key's", "/keys") if outcome == "key_capped" else ("your account's", "/usage")
    used = f"{usd(spent)} is spent" + (f" and {usd(held)} set aside for running questions" if held else "")
    return (
        f"This run needs at least {min_tokens} tokens and {whose} monthly cap of {usd(cap)} leaves {tokens}: {used}"
        f" this month. Raise the cap at {settings.PUBLIC_URL}{page}, or wait for the next month (UTC)."
    )


def run_settle(*, run_id: str, usage: UsageCounts, is_billable: bool, finish_reason: str = "") -> UsageRecord:
    """Charges the run and closes its hold, exactly once; a repeat returns the first settlement's record.

    `is_billable=False` is a run that ended by our fault before its answer was finished: it costs nothing and its
    tokens are booked as waste. Raises NotFound when the run never had a hold.
    """
    rows = list(
        UsageRecord.objects.raw(
            "SELECT u.*, metering_is_low(u.account_id) AS is_balance_low"
            " FROM metering_run_settle(%s, %s, %s, %s, %s, %s, %s) u",
            [
                run_id,
                usage.prompt_tokens,
                usage.completion_tokens,
                usage.tool_result_tokens,
                usage.reasoning_tokens,
                is_billable,
                finish_reason,
            ],
        )
    )
    if not rows:
        raise NotFound(f"The run {run_id} has no hold.")
    record = rows[0]
    if record.is_balance_low:  # type: ignore[attr-defined]
        balance_low.send(sender=UsageRecord, account_id=record.account_id)
    if record.is_billable and record.cost_nano_usd < usage.total_tokens * record.price_nano_usd_per_token:
        log.error("settle.over_hold", run_id=run_id, counted=usage.total_tokens, paid_nano_usd=record.cost_nano_usd)
    return record


def holds_sweep(*, run_is_live: Callable[[str], bool], now: dt.datetime | None = None) -> int:
    """Gives back the money of holds whose run is gone. Returns how many it closed.

    `run_is_live(run_id)` is asked for each old hold: the runs app settles a live or finished run by itself, with
    its real counters, so only a run that nobody knows or that can never end is settled here, as costing nothing.
    """
    oldest = (now or timezone.now()) - HOLD_AGE_MAX
    dead = Hold.objects.filter(is_open=True, created_at__lt=oldest).order_by("created_at")[:SWEEP_HOLDS_MAX]
    num_closed = 0
    for run_id in list(dead.values_list("run_id", flat=True)):
        if run_is_live(run_id):
            continue
        nothing = UsageCounts(prompt_tokens=0, completion_tokens=0)
        run_settle(run_id=run_id, usage=nothing, is_billable=False, finish_reason="lost")
        log.warning("hold.swept", run_id=run_id)
        num_closed += 1
    return num_closed


# --- Credit, balance, price


@transaction.atomic
def credit_grant(*, account_id: str, amount_nano_usd: int, source: str, actor: str, reason: str) -> bool:
    """Gives promotional credit once per `source`; the ledger keeps who and why. True when it was given now."""
    assert amount_nano_usd > 0, f"{amount_nano_usd=}"
    assert actor, "a grant is audited: say who gives it"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT metering_credit_grant(%s, %s, %s, 'promotion', %s, %s)",
            [account_id, amount_nano_usd, source, actor, reason],
        )
        is_new = bool(cursor.fetchone()[0])
    if is_new:
        audit_write(
            area=Area.MONEY,
            action="credit.grant",
            account_id=account_id,
            target=source,
            before=None,
            after={"amount_nano_usd": amount_nano_usd},
            actor=actor,
            reason=reason,
        )
        failpoint("credit.granted")
        log.info("credit.granted", account_id=account_id, amount_nano_usd=amount_nano_usd, actor=actor, reason=reason)
    return is_new


def trial_grant(*, account_id: str) -> bool:
    return credit_grant(
        account_id=account_id,
        amount_nano_usd=TRIAL_GRANT_NANO_USD,
        source=f"grant:trial:{account_id}",
        actor="sign-up",
        reason="trial credit of a new account",
    )


def balance_read(account_id: str) -> BalanceRead:
    row = Balance.objects.filter(account_id=account_id).first()
    if row is None:
        return BalanceRead(available_nano_usd=0, held_nano_usd=0, credit_limit_nano_usd=0)
    return BalanceRead(
        available_nano_usd=row.available_nano_usd,
        held_nano_usd=row.held_nano_usd,
        credit_limit_nano_usd=row.credit_limit_nano_usd,
    )


def price_read(model: str) -> int:
    """n$ a token now. Raises ModelNotPriced."""
    row = Price.objects.filter(model=model, effective_from__lte=timezone.now()).order_by("-effective_from").first()
    if row is None:
        raise ModelNotPriced(f"The model {model!r} has no price, so it is not sold.", param="model")
    return row.nano_usd_per_token


@transaction.atomic
def price_set(*, model: str, nano_usd_per_token: int) -> bool:
    """Adds a price row from now on unless the newest price already is that. Repeats are harmless."""
    newest = Price.objects.filter(model=model).order_by("-effective_from").first()
    if newest is not None and newest.nano_usd_per_token == nano_usd_per_token:
        return False
    price_add(model=model, nano_usd_per_token=nano_usd_per_token)
    return True


@transaction.atomic
def price_add(
    *, model: str, nano_usd_per_token: int, effective_from: dt.datetime | None = None, reason: str = ""
) -> Price:
    """Adds a price row, from now or from a moment to come. What was sold keeps its price.

    Raises ApplicationError for a moment in the past: nobody's bill changes behind them.
    """
    assert nano_usd_per_token > 0, f"{nano_usd_per_token=}"
    now = timezone.now()
    if effective_from is not None and effective_from < now:
        raise ApplicationError("A price takes effect now or later, never in the past.", param="effective_from")
    current = Price.objects.filter(model=model, effective_from__lte=now).order_by("-effective_from").first()
    if Price.objects.filter(model=model, effective_from=effective_from or now).exists():
        raise ApplicationError("This model has a price from that very moment on.", param="effective_from")
    price = Price.objects.create(
        model=model, nano_usd_per_token=nano_usd_per_token, effective_from=effective_from or now
    )
    audit_write(
        area=Area.PRICES,
        action="price.add",
        target=model,
        before={"nano_usd_per_token": current.nano_usd_per_token} if current else None,
        after={"nano_usd_per_token": nano_usd_per_token, "effective_from": price.effective_from.isoformat()},
        reason=reason,
    )
    return price
