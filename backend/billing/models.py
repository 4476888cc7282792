"""Billing's tables: who an account is at Stripe, its payments, its agreements, and the two logs between us.

Every row is ours and durable before Stripe hears of it, and carries an id that makes a repeat there harmless.
Amounts of payments are whole US cents, because that is what a bank moves; the ledger's are nano-dollars. Of a card
only brand, last four digits and expiry are kept. Not here: balances and entries (metering).
"""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from backend.accounts.models import Account
from backend.core.ids import ID_CHARS_MAX, id_make

STRIPE_ID_CHARS_MAX = 255


def payment_id_make() -> str:
    return id_make("pay")


def refund_id_make() -> str:
    return id_make("ref")


class Customer(models.Model):
    """An account at Stripe, and the card it lets us charge. No card: `payment_method_id` is empty."""

    account = models.OneToOneField(Account, on_delete=models.PROTECT, primary_key=True, related_name="+")
    stripe_customer_id = models.CharField(max_length=STRIPE_ID_CHARS_MAX, unique=True)
    payment_method_id = models.CharField(max_length=STRIPE_ID_CHARS_MAX, blank=True, default="")
    card_brand = models.CharField(max_length=40, blank=True, default="")
    card_last4 = models.CharField(max_length=4, blank=True, default="")
    card_exp_month = models.PositiveSmallIntegerField(default=0)
    card_exp_year = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.account_id} = {self.stripe_customer_id}"


class Payment(models.Model):
    """A top-up: by a person on the Checkout page, or by us with the kept card.

    It only moves forward (`states.py`); `succeeded` is the last state and always beats the others, because the money
    is there. The ledger books it by its PaymentIntent, once.
    """

    class Kind(models.TextChoices):
        CHECKOUT = "checkout"
        AUTO = "auto"

    class Status(models.TextChoices):
        CREATED = "created"  # written down; whether Stripe knows of it is not known yet
        OPEN = "open"  # Stripe knows of it
        ACTION_REQUIRED = "action_required"  # the customer's bank wants to see them
        FAILED = "failed"
        EXPIRED = "expired"  # nobody finished the Checkout page, or the confirmation
        SUCCEEDED = "succeeded"

    id = models.CharField(primary_key=True, max_length=ID_CHARS_MAX, default=payment_id_make)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.CREATED)
    amount_cents = models.PositiveIntegerField()  # of credit
    tax_cents = models.PositiveIntegerField(default=0)  # on top of it, known when it succeeded
    idempotency_key = models.CharField(max_length=255)  # the asker's
    is_card_kept = models.BooleanField(default=False)

    checkout_session_id = models.CharField(max_length=STRIPE_ID_CHARS_MAX, null=True, blank=True, unique=True)
    checkout_url = models.TextField(blank=True, default="")
    payment_intent_id = models.CharField(max_length=STRIPE_ID_CHARS_MAX, null=True, blank=True, unique=True)
    failure_code = models.CharField(max_length=80, blank=True, default="")
    failure_message = models.CharField(max_length=240, blank=True, default="")

    created_at = models.DateTimeField(default=timezone.now)
    asked_at = models.DateTimeField(null=True, blank=True)  # when we last looked at Stripe
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = (
            models.Index(fields=("account", "-created_at"), name="payments_of_account"),
            # The sweep reads unfinished ones only.
            models.Index(
                fields=("created_at",),
                condition=Q(status__in=("created", "open", "action_required")),
                name="payments_unfinished",
            ),
        )
        constraints = (
            models.UniqueConstraint(fields=("account", "idempotency_key"), name="one_payment_a_key"),
            models.UniqueConstraint(
                fields=("account",),
                condition=Q(kind="auto", status__in=("created", "open", "action_required")),
                name="one_pending_auto_top_up",
            ),
            models.CheckConstraint(condition=Q(amount_cents__gt=0), name="payment_above_zero"),
        )

    def __str__(self) -> str:
        return f"{self.id}: {self.amount_cents} cents, {self.status}"


class Refund(models.Model):
    """Money given back of one payment. The credit leaves the balance first, so it cannot be spent meanwhile."""

    class Status(models.TextChoices):
        CREATED = "created"  # booked; whether Stripe knows of it is not known yet
        PENDING = "pending"
        SUCCEEDED = "succeeded"
        FAILED = "failed"  # the credit is back

    id = models.CharField(primary_key=True, max_length=ID_CHARS_MAX, default=refund_id_make)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.CREATED)
    amount_cents = models.PositiveIntegerField()  # of credit
    tax_cents = models.PositiveIntegerField(default=0)  # given back with it
    idempotency_key = models.CharField(max_length=255)
    stripe_refund_id = models.CharField(max_length=STRIPE_ID_CHARS_MAX, null=True, blank=True, unique=True)
    actor = models.CharField(max_length=120)
    reason = models.CharField(max_length=240)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = (models.Index(fields=("created_at",), condition=Q(status="created"), name="refunds_unfinished"),)
        constraints = (
            models.UniqueConstraint(fields=("account", "idempotency_key"), name="one_refund_a_key"),
            models.CheckConstraint(condition=Q(amount_cents__gt=0), name="refund_above_zero"),
        )

    def __str__(self) -> str:
        return f"{self.id}: {self.amount_cents} cents, {self.status}"


class AutoTopUp(models.Model):
    """When and by how much an account's kept card is charged. Off until a person switches it on."""

    account = models.OneToOneField(Account, on_delete=models.PROTECT, primary_key=True, related_name="+")
    is_enabled = models.BooleanField(default=False)
    threshold_cents = models.PositiveIntegerField()  # below this …
    target_cents = models.PositiveIntegerField()  # … up to this
    monthly_ceiling_cents = models.PositiveIntegerField()  # of all automatic top-ups of a calendar month (UTC)
    num_declines = models.PositiveSmallIntegerField(default=0)  # in a row
    retry_at = models.DateTimeField(null=True, blank=True)  # no try before it
    switched_off_reason = models.CharField(max_length=240, blank=True, default="")
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(target_cents__gt=models.F("threshold_cents")), name="target_above_it"),
        )

    def __str__(self) -> str:
        return f"{self.account_id}: below {self.threshold_cents} to {self.target_cents} cents"


class PayAsYouGo(models.Model):
    """An invitation to pay afterwards, and the subscription that came of it."""

    class Status(models.TextChoices):
        INVITED = "invited"
        ACTIVE = "active"
        ENDED = "ended"

    account = models.OneToOneField(Account, on_delete=models.PROTECT, primary_key=True, related_name="+")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.INVITED)
    credit_limit_nano_usd = models.BigIntegerField()
    subscription_id = models.CharField(max_length=STRIPE_ID_CHARS_MAX, null=True, blank=True, unique=True)
    invited_by = models.CharField(max_length=120)
    num_starts = models.PositiveSmallIntegerField(default=0)  # each subscription has a key of its own
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.account_id}: {self.status}"


class MeterEvent(models.Model):
    """The outbox of metered usage: one batch an hour and account, told to Stripe exactly once.

    Stripe forgets an identifier after a day; `status` here does not. `first_tried_at` without `sent` means that we do
    not know, and past a day that Stripe is asked for its sum before anything is sent again.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        SENT = "sent"

    identifier = models.CharField(primary_key=True, max_length=100)  # "usage:acct_…:2026-11-25T10"
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    hour = models.DateTimeField()  # its start; the batch was taken after its end
    units = models.BigIntegerField()
    told_at = models.DateTimeField(null=True, blank=True)  # the moment named to Stripe; fixed at the first try
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    num_tries = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)
    first_tried_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=240, blank=True, default="")

    class Meta:
        indexes = (models.Index(fields=("due_at",), condition=Q(status="pending"), name="meter_events_due"),)
        constraints = (
            models.UniqueConstraint(fields=("account", "hour"), name="one_meter_event_an_hour"),
            models.CheckConstraint(condition=Q(units__gt=0), name="meter_event_counts_something"),
        )

    def __str__(self) -> str:
        return f"{self.identifier}: {self.units} units, {self.status}"


class Invoice(models.Model):
    """What we know of a Stripe invoice; its pages, lines and PDF stay there."""

    id = models.CharField(primary_key=True, max_length=STRIPE_ID_CHARS_MAX)  # Stripe's
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    number = models.CharField(max_length=80, blank=True, default="")
    status = models.CharField(max_length=16)
    due_cents = models.BigIntegerField()
    paid_cents = models.BigIntegerField(default=0)
    tax_cents = models.BigIntegerField(default=0)
    # What its lines' usage is worth exactly, less what they say in whole cents: carried into the next batch.
    rounding_nano_usd = models.BigIntegerField(default=0)
    payment_intent_id = models.CharField(max_length=STRIPE_ID_CHARS_MAX, blank=True, default="")
    failed_at = models.DateTimeField(null=True, blank=True)  # when we first heard that it was not paid
    paid_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = (
            models.Index(fields=("account", "-created_at"), name="invoices_of_account"),
            models.Index(fields=("payment_intent_id",), name="invoice_of_payment"),
        )

    def __str__(self) -> str:
        return f"{self.number or self.id}: {self.status}"


class Dispute(models.Model):
    """A chargeback, as far as we know it."""

    id = models.CharField(primary_key=True, max_length=STRIPE_ID_CHARS_MAX)  # Stripe's
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    payment_intent_id = models.CharField(max_length=STRIPE_ID_CHARS_MAX)
    status = models.CharField(max_length=40)
    withdrawn_cents = models.BigIntegerField(default=0)
    reinstated_cents = models.BigIntegerField(default=0)
    answer_by = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.id}: {self.status}"

    @property
    def is_over(self) -> bool:
        return self.status in ("won", "lost", "prevented", "warning_closed")


class Pause(models.Model):
    """A reason why an account may not start runs, from a moment on; open until it is lifted."""

    class Kind(models.TextChoices):
        PAYMENT_FAILED = "payment_failed"
        DISPUTE = "dispute"

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    source = models.CharField(max_length=STRIPE_ID_CHARS_MAX, unique=True)  # "invoice:in_…", "dispute:du_…"
    reason = models.CharField(max_length=240)  # a sentence for the customer, with the cure
    created_at = models.DateTimeField(default=timezone.now)
    paused_from = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.CharField(max_length=120, blank=True, default="")

    class Meta:
        indexes = (models.Index(fields=("account",), condition=Q(lifted_at=None), name="pauses_open"),)

    def __str__(self) -> str:
        return f"{self.account_id}: {self.kind} from {self.paused_from:%Y-%m-%d}"


class WebhookEvent(models.Model):
    """The inbox: one row for each event of Stripe that was taken, written with its effect, kept for ever."""

    id = models.CharField(primary_key=True, max_length=STRIPE_ID_CHARS_MAX)  # Stripe's
    type = models.CharField(max_length=120)
    object_id = models.CharField(max_length=STRIPE_ID_CHARS_MAX, blank=True, default="")
    outcome = models.CharField(max_length=40)  # applied, ignored
    created_at = models.DateTimeField()  # at Stripe
    received_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.id} {self.type}: {self.outcome}"


class StripeLine(models.Model):
    """A line of our account at Stripe, copied for the comparison with the ledger. Written once."""

    id = models.CharField(primary_key=True, max_length=STRIPE_ID_CHARS_MAX)  # txn_…
    type = models.CharField(max_length=40)
    category = models.CharField(max_length=40)
    source_id = models.CharField(max_length=STRIPE_ID_CHARS_MAX, blank=True, default="")
    payment_intent_id = models.CharField(max_length=STRIPE_ID_CHARS_MAX, blank=True, default="")
    amount_cents = models.BigIntegerField()
    fee_cents = models.BigIntegerField()
    created_at = models.DateTimeField()

    class Meta:
        indexes = (models.Index(fields=("-created_at",), name="stripe_lines_by_age"),)

    def __str__(self) -> str:
        return f"{self.id}: {self.amount_cents} cents"


class Reconciliation(models.Model):
    """One comparison of Stripe's lines with the ledger's `cash`, as it came out."""

    created_at = models.DateTimeField(default=timezone.now)
    num_lines_new = models.PositiveIntegerField()
    num_compared = models.PositiveIntegerField()
    num_differences = models.PositiveIntegerField()
    first_difference = models.CharField(max_length=240, blank=True, default="")
    wall_ms = models.PositiveIntegerField()
    read_until = models.DateTimeField()  # all of Stripe's lines up to then are copied

    class Meta:
        indexes = (models.Index(fields=("-created_at",), name="reconciliations_by_age"),)

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M}: {self.num_differences} differences"
