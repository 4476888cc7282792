"""Money's tables: prices, the double-entry ledger, balances, holds, usage, idempotency keys.

The unit is the integer nano-dollar. Ledger rows and prices are written once: triggers in migration 0002
refuse UPDATE and DELETE, and refuse a transaction whose entries do not sum to 0. Balance is a projection of
the ledger, changed in the same transaction; the functions of migrations 0003, 0005 and 0007 alone write holds,
settlements and usage. Not here: cards and invoices (billing).
"""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from backend.accounts.models import Account, ApiKey
from backend.core.ids import ID_CHARS_MAX

MODEL_NAME_CHARS_MAX = 80


class Price(models.Model):
    """What one token of a model costs from a moment on. Never changed: a new price is a new row."""

    model = models.CharField(max_length=MODEL_NAME_CHARS_MAX)
    nano_usd_per_token = models.BigIntegerField()
    effective_from = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(nano_usd_per_token__gt=0), name="price_above_zero"),
            models.UniqueConstraint(fields=("model", "effective_from"), name="one_price_at_a_time"),
        )

    def __str__(self) -> str:
        return f"{self.model}: {self.nano_usd_per_token} n$ a token"


class LedgerAccount(models.Model):
    """One pot. Signs: what we owe and what we earned is positive, what it cost us is negative."""

    class Kind(models.TextChoices):
        CREDIT = "credit"  # a customer's money, free to spend
        HOLD = "hold"  # a customer's money, set aside for open runs
        REVENUE = "revenue"  # earned
        PROMOTION = "promotion"  # given away as trial or grant (negative)
        CASH = "cash"  # paid in from outside (negative: the other side of credit)
        WASTE = "waste"  # tokens of runs that failed by our fault, at list price (negative)
        PRODUCTION = "production"  # the other side of waste
        RECEIVABLE = "receivable"  # what a customer owes beyond their credit, after a chargeback (negative)
        TAX = "tax"  # collected with a payment, owed to the tax office

    kind = models.CharField(max_length=12, choices=Kind.choices)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("kind", "account"), nulls_distinct=False, name="one_ledger_account_each"),
            models.CheckConstraint(
                condition=Q(kind__in=("credit", "hold", "receivable"), account__isnull=False)
                | (~Q(kind__in=("credit", "hold", "receivable")) & Q(account__isnull=True)),
                name="customers_own_their_pots",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.account_id or ''}".strip()


class LedgerTransaction(models.Model):
    """Something that happened once: `source` is unique, so a repeat finds it instead of writing again."""

    class Kind(models.TextChoices):
        HOLD = "hold"
        SETTLE = "settle"
        WASTE = "waste"
        GRANT = "grant"
        TOPUP = "topup"  # paid in beforehand
        METERED = "metered"  # an invoice of pay-as-you-go, paid
        REFUND = "refund"
        REFUND_REVERSAL = "refund_reversal"  # the bank did not take it
        DISPUTE = "dispute"  # a chargeback took the money
        DISPUTE_REVERSAL = "dispute_reversal"  # and gave it back

    kind = models.CharField(max_length=24, choices=Kind.choices)
    source = models.CharField(max_length=120, unique=True)  # "hold:run_…", "grant:trial:acct_…", "topup:pi_…"
    run_id = models.CharField(max_length=ID_CHARS_MAX, blank=True, default="")
    actor = models.CharField(max_length=120, blank=True, default="")  # who, for what a person or command set off
    reason = models.CharField(max_length=240, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = (models.Index(fields=("run_id",), condition=~Q(run_id=""), name="ledger_of_run"),)

    def __str__(self) -> str:
        return self.source


class LedgerEntry(models.Model):
    transaction = models.ForeignKey(LedgerTransaction, on_delete=models.PROTECT, related_name="entries")
    ledger_account = models.ForeignKey(
        LedgerAccount, on_delete=models.PROTECT, related_name="entries", db_index=False
    )  # the index below begins with it
    amount_nano_usd = models.BigIntegerField()

    class Meta:
        # A statement walks one customer's pots in the order of their transactions.
        indexes = (models.Index(fields=("ledger_account", "transaction"), name="entries_of_pot"),)
        constraints = (models.CheckConstraint(condition=~Q(amount_nano_usd=0), name="entry_moves_something"),)

    def __str__(self) -> str:
        return f"{self.amount_nano_usd} n$ to {self.ledger_account_id}"


class Balance(models.Model):
    """An account's projection of the ledger, and the row that every hold locks.

    The month's counters stand here and not in a row of their own, because every hold and settlement writes this row
    anyway. `month` is the last one with a hold; in any other month nothing is spent yet. A run counts in the month of
    its hold.
    """

    account = models.OneToOneField(Account, on_delete=models.PROTECT, primary_key=True, related_name="balance")
    available_nano_usd = models.BigIntegerField(default=0)  # = Σ entries of its credit account
    held_nano_usd = models.BigIntegerField(default=0)  # = Σ entries of its hold account
    credit_limit_nano_usd = models.BigIntegerField(default=0)
    monthly_cap_nano_usd = models.BigIntegerField(null=True, blank=True)  # None: only the balance limits
    month = models.DateField(null=True, blank=True)  # its first day (UTC)
    month_spent_nano_usd = models.BigIntegerField(default=0, db_default=0)
    month_held_nano_usd = models.BigIntegerField(default=0, db_default=0)
    # Two facts of billing, kept in the row that admission and settlement read anyway.
    paused_from = models.DateTimeField(null=True, blank=True)  # from then on no new run is let in
    # A sentence for the customer. The default lies in the database: balances are made by SQL functions.
    pause_reason = models.CharField(max_length=240, blank=True, default="", db_default="")
    low_below_nano_usd = models.BigIntegerField(null=True, blank=True)  # a settlement that leaves less rings billing

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(available_nano_usd__gte=-models.F("credit_limit_nano_usd")), name="balance_within_limit"
            ),
            models.CheckConstraint(condition=Q(held_nano_usd__gte=0), name="held_not_negative"),
            models.CheckConstraint(condition=Q(credit_limit_nano_usd__gte=0), name="credit_limit_not_negative"),
            models.CheckConstraint(condition=Q(monthly_cap_nano_usd__gte=0), name="account_cap_not_negative"),
            models.CheckConstraint(condition=Q(month_held_nano_usd__gte=0), name="month_held_not_negative"),
        )

    def __str__(self) -> str:
        return f"{self.account_id}: {self.available_nano_usd} n$ + {self.held_nano_usd} n$ held"


class KeyMonth(models.Model):
    """What one key spent and holds in one calendar month (UTC), for its cap."""

    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="months")
    month = models.DateField()  # its first day
    spent_nano_usd = models.BigIntegerField(default=0)
    held_nano_usd = models.BigIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("api_key", "month"), name="one_row_a_month"),
            models.CheckConstraint(condition=Q(held_nano_usd__gte=0), name="key_held_not_negative"),
        )

    def __str__(self) -> str:
        return f"{self.api_key_id} {self.month:%Y-%m}: {self.spent_nano_usd} n$"


class SpendAlert(models.Model):
    """A monthly cap's threshold was reached: told once, by mail and in the page. `api_key` empty: the account's cap.

    Written by the settlement that reaches it. A changed cap has thresholds of its own.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    month = models.DateField()  # its first day (UTC)
    cap_nano_usd = models.BigIntegerField()
    percent = models.PositiveSmallIntegerField()  # 50, 80 or 100
    spent_nano_usd = models.BigIntegerField()  # when it was reached
    created_at = models.DateTimeField(default=timezone.now)
    mailed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = (models.Index(fields=("id",), condition=Q(mailed_at=None), name="alerts_to_mail"),)
        constraints = (
            models.UniqueConstraint(
                fields=("account", "api_key", "month", "cap_nano_usd", "percent"),
                nulls_distinct=False,
                name="one_alert_a_threshold",
            ),
        )

    def __str__(self) -> str:
        return f"{self.api_key_id or self.account_id} {self.month:%Y-%m}: {self.percent} %"


class Hold(models.Model):
    """Money set aside for one run, once. Open until `run_settle` closes it, whoever calls that first."""

    run_id = models.CharField(primary_key=True, max_length=ID_CHARS_MAX)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    model = models.CharField(max_length=MODEL_NAME_CHARS_MAX)
    price = models.ForeignKey(  # the version it was sold at; prices are never deleted, so a check would only cost time
        Price, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_constraint=False, db_index=False
    )
    price_nano_usd_per_token = models.BigIntegerField()
    max_total_tokens = models.BigIntegerField()
    amount_nano_usd = models.BigIntegerField()  # = tokens * price
    month = models.DateField()  # the key's month that carries it, also when it settles in the next
    is_open = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        # The sweep reads open holds only, a handful among millions.
        indexes = (models.Index(fields=("created_at",), condition=Q(is_open=True), name="open_holds"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(amount_nano_usd=models.F("max_total_tokens") * models.F("price_nano_usd_per_token")),
                name="hold_is_tokens_times_price",
            ),
        )

    def __str__(self) -> str:
        return f"{self.run_id}: {self.amount_nano_usd} n$"


class UsageRecord(models.Model):
    """What a run used and what it cost, written by the settlement and never again."""

    run_id = models.CharField(primary_key=True, max_length=ID_CHARS_MAX)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    model = models.CharField(max_length=MODEL_NAME_CHARS_MAX)
    price_nano_usd_per_token = models.BigIntegerField()
    prompt_tokens = models.BigIntegerField()
    completion_tokens = models.BigIntegerField()
    tool_result_tokens = models.BigIntegerField()  # part of prompt_tokens
    reasoning_tokens = models.BigIntegerField()  # part of completion_tokens
    cost_nano_usd = models.BigIntegerField()
    is_billable = models.BooleanField()
    finish_reason = models.CharField(max_length=24, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = (models.Index(fields=("account", "-created_at", "-run_id"), name="usage_of_account"),)
        constraints = (models.CheckConstraint(condition=Q(cost_nano_usd__gte=0), name="cost_not_negative"),)

    def __str__(self) -> str:
        return f"{self.run_id}: {self.cost_nano_usd} n$"


class IdempotencyRecord(models.Model):
    """Which run an account's Idempotency-Key stands for."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    request_sha256 = models.CharField(max_length=64)  # of method, path and body
    run_id = models.CharField(max_length=ID_CHARS_MAX)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = (models.Index(fields=("created_at",), name="idempotency_age"),)
        constraints = (models.UniqueConstraint(fields=("account", "key"), name="one_request_a_key"),)

    def __str__(self) -> str:
        return f"{self.account_id} {self.key}"
