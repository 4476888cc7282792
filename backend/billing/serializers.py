"""The shapes of /api/billing. Amounts of payments are whole US cents, of the ledger nano-dollars."""

from typing import Any

from rest_framework import serializers

from backend.billing.auto_settings import CEILING_CENTS_MAX, TARGET_CENTS_MAX
from backend.billing.checkout import TOP_UP_CENTS_MAX, TOP_UP_CENTS_MIN
from backend.billing.models import PayAsYouGo, Payment, Refund
from backend.metering.payments import REASON_CHARS_MAX

BANNER_KINDS = ("paused", "will_pause", "auto_top_up_off", "card_declined", "action_required", "owed")


class CardSerializer(serializers.Serializer[Any]):
    brand = serializers.CharField()
    last4 = serializers.CharField()
    exp_month = serializers.IntegerField()
    exp_year = serializers.IntegerField()


class AutoTopUpSerializer(serializers.Serializer[Any]):
    is_enabled = serializers.BooleanField()
    threshold_cents = serializers.IntegerField()
    target_cents = serializers.IntegerField()
    monthly_ceiling_cents = serializers.IntegerField()
    spent_this_month_cents = serializers.IntegerField()
    is_ceiling_reached = serializers.BooleanField()
    retry_at = serializers.DateTimeField(allow_null=True, help_text="After a decline: no charge before it.")
    switched_off_reason = serializers.CharField(help_text="Not empty: we switched it off, and why.")


class AutoTopUpInput(serializers.Serializer[Any]):
    is_enabled = serializers.BooleanField()
    threshold_cents = serializers.IntegerField(min_value=0, max_value=TARGET_CENTS_MAX)
    target_cents = serializers.IntegerField(min_value=1, max_value=TARGET_CENTS_MAX)
    monthly_ceiling_cents = serializers.IntegerField(min_value=1, max_value=CEILING_CENTS_MAX)


class PayAsYouGoSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(PayAsYouGo.Status.choices)
    credit_limit_nano_usd = serializers.IntegerField()


class BannerSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(BANNER_KINDS)
    message = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True, help_text="Since when, or from when on.")


class PendingActionSerializer(serializers.Serializer[Any]):
    payment_id = serializers.CharField()
    amount_cents = serializers.IntegerField()


class BillingSerializer(serializers.Serializer[Any]):
    is_configured = serializers.BooleanField(help_text="False: this server takes no payments.")
    has_tax = serializers.BooleanField(help_text="Tax is added on the Checkout page.")
    balance_nano_usd = serializers.IntegerField()
    available_nano_usd = serializers.IntegerField()
    held_nano_usd = serializers.IntegerField()
    credit_limit_nano_usd = serializers.IntegerField()
    owed_nano_usd = serializers.IntegerField()
    refundable_nano_usd = serializers.IntegerField()
    month_to_date_nano_usd = serializers.IntegerField()
    price_nano_usd_per_token = serializers.IntegerField()
    top_up_cents_min = serializers.IntegerField()
    top_up_cents_max = serializers.IntegerField()
    card = CardSerializer(allow_null=True)
    auto_top_up = AutoTopUpSerializer(allow_null=True)
    pay_as_you_go = PayAsYouGoSerializer(allow_null=True)
    pending_action = PendingActionSerializer(allow_null=True)
    banner = BannerSerializer(allow_null=True)


class TopUpInput(serializers.Serializer[Any]):
    amount_cents = serializers.IntegerField(min_value=TOP_UP_CENTS_MIN, max_value=TOP_UP_CENTS_MAX)
    keep_card = serializers.BooleanField(default=False)


class RefundInput(serializers.Serializer[Any]):
    amount_cents = serializers.IntegerField(min_value=1, max_value=TOP_UP_CENTS_MAX)
    reason = serializers.CharField(max_length=REASON_CHARS_MAX, default="asked for by the customer")


class RefundSerializer(serializers.ModelSerializer[Refund]):
    class Meta:
        model = Refund
        fields = ("id", "status", "amount_cents", "tax_cents", "created_at", "finished_at")


class PaymentSerializer(serializers.ModelSerializer[Payment]):
    refunds = RefundSerializer(many=True)

    class Meta:
        model = Payment
        fields: tuple[str, ...] = (
            "id",
            "kind",
            "status",
            "amount_cents",
            "tax_cents",
            "failure_message",
            "created_at",
            "finished_at",
            "refunds",
        )


class PaymentStartedSerializer(PaymentSerializer):
    url = serializers.CharField(source="checkout_url", help_text="Where to send the browser.")

    class Meta(PaymentSerializer.Meta):
        fields = (*PaymentSerializer.Meta.fields, "url")


class ActionSerializer(serializers.Serializer[Any]):
    payment = PaymentSerializer()
    url = serializers.CharField(allow_blank=True, help_text="The bank's page. Empty: nothing was to be confirmed.")


class UrlSerializer(serializers.Serializer[Any]):
    url = serializers.CharField()
