"""/api/billing and /stripe/webhook. Parse, authorise, call one service, answer.

Only a person of the account, or a key with the scope `admin`, moves money: a leaked key of a program cannot.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.authentication import caller_of
from backend.accounts.callers import Caller
from backend.billing import auto_settings, checkout, pay_as_you_go, refunds, webhooks
from backend.billing.overview import auto_top_up_shown, overview_read, payments_list
from backend.billing.payments import payment_get, payment_refresh
from backend.billing.serializers import (
    ActionSerializer,
    AutoTopUpInput,
    AutoTopUpSerializer,
    BillingSerializer,
    PayAsYouGoSerializer,
    PaymentSerializer,
    PaymentStartedSerializer,
    RefundInput,
    RefundSerializer,
    TopUpInput,
    UrlSerializer,
)
from backend.core.errors import ApplicationError, NotAllowed, error_response
from backend.core.failpoints import failpoint
from backend.core.given import parsed
from backend.metering.idempotency import KEY_CHARS_MAX

WEBHOOK_BYTES_MAX = 512 * 1024  # Stripe's largest events are tens of kilobytes
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, required=True, description="The same key is the same request."
)


def _payer(request: Request) -> Caller:
    """Who may see and move the account's money. Raises NotAllowed."""
    caller = caller_of(request)
    if caller.api_key_id is not None and "admin" not in caller.scopes:
        raise NotAllowed("Billing is for a signed-in person, or a key with the scope 'admin'.")
    return caller


def _idempotency_key(request: Request) -> str:
    key: str = request.headers.get("Idempotency-Key", "")
    if not 1 <= len(key) <= KEY_CHARS_MAX or not key.isprintable() or key.startswith("stripe:"):
        raise ApplicationError(
            f"Send an Idempotency-Key of 1 to {KEY_CHARS_MAX} printable characters, a new one for each wish, so that"
            " a repeat moves no money twice.",
            code="idempotency_key_missing",
            param="Idempotency-Key",
        )
    return key


class BillingApi(APIView):
    @extend_schema(responses=BillingSerializer)
    def get(self, request: Request) -> Response:
        return Response(BillingSerializer(overview_read(_payer(request).account_id)).data)


class TopUpsApi(APIView):
    @extend_schema(request=TopUpInput, responses={201: PaymentStartedSerializer}, parameters=[IDEMPOTENCY_KEY])
    def post(self, request: Request) -> Response:
        payment = checkout.top_up_start(
            account_id=_payer(request).account_id,
            idempotency_key=_idempotency_key(request),
            **parsed(TopUpInput, request.data),
        )
        return Response(PaymentStartedSerializer(payment).data, status=201)


class PaymentListApi(APIView):
    @extend_schema(operation_id="billing_payments_list", responses=PaymentSerializer(many=True))
    def get(self, request: Request) -> Response:
        payments: Any = payments_list(_payer(request).account_id)  # the stubs know no `many`
        return Response(PaymentSerializer(payments, many=True).data)


class PaymentDetailApi(APIView):
    @extend_schema(operation_id="billing_payments_read", responses=PaymentSerializer)
    def get(self, request: Request, payment_id: str) -> Response:
        payment = payment_get(account_id=_payer(request).account_id, payment_id=payment_id)
        return Response(PaymentSerializer(payment).data)


class PaymentRefreshApi(APIView):
    """For the browser that comes back from the Checkout page before the webhook does."""

    @extend_schema(request=None, responses=PaymentSerializer)
    def post(self, request: Request, payment_id: str) -> Response:
        payment = payment_get(account_id=_payer(request).account_id, payment_id=payment_id)
        return Response(PaymentSerializer(payment_refresh(payment, now=timezone.now())).data)


class PaymentActionApi(APIView):
    @extend_schema(request=None, responses=ActionSerializer)
    def post(self, request: Request, payment_id: str) -> Response:
        payment, url = checkout.action_start(account_id=_payer(request).account_id, payment_id=payment_id)
        return Response(ActionSerializer({"payment": payment, "url": url}).data)


class PaymentRefundApi(APIView):
    @extend_schema(request=RefundInput, responses={201: RefundSerializer}, parameters=[IDEMPOTENCY_KEY])
    def post(self, request: Request, payment_id: str) -> Response:
        caller = _payer(request)
        payment_get(account_id=caller.account_id, payment_id=payment_id)
        refund = refunds.refund_start(
            account_id=caller.account_id,
            payment_id=payment_id,
            idempotency_key=_idempotency_key(request),
            actor=caller.name,
            **parsed(RefundInput, request.data),
        )
        return Response(RefundSerializer(refund).data, status=201)


class AutoTopUpApi(APIView):
    @extend_schema(request=AutoTopUpInput, responses=AutoTopUpSerializer)
    def put(self, request: Request) -> Response:
        caller, now = _payer(request), timezone.now()
        auto_settings.settings_write(
            account_id=caller.account_id, actor=caller.name, now=now, **parsed(AutoTopUpInput, request.data)
        )
        return Response(AutoTopUpSerializer(auto_top_up_shown(caller.account_id, now=now)).data)


class PortalApi(APIView):
    @extend_schema(request=None, responses=UrlSerializer)
    def post(self, request: Request) -> Response:
        return Response(UrlSerializer({"url": checkout.portal_start(account_id=_payer(request).account_id)}).data)


class PayAsYouGoApi(APIView):
    @extend_schema(operation_id="billing_pay_as_you_go_start", request=None, responses=PayAsYouGoSerializer)
    def post(self, request: Request) -> Response:
        return Response(PayAsYouGoSerializer(pay_as_you_go.start(account_id=_payer(request).account_id)).data)

    @extend_schema(operation_id="billing_pay_as_you_go_end", responses=PayAsYouGoSerializer)
    def delete(self, request: Request) -> Response:
        return Response(PayAsYouGoSerializer(pay_as_you_go.end(account_id=_payer(request).account_id)).data)


@csrf_exempt  # signed by Stripe instead
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """2xx: taken, or taken before. Anything else makes Stripe deliver again."""
    try:
        if int(request.headers.get("content-length") or 0) > WEBHOOK_BYTES_MAX or len(request.body) > WEBHOOK_BYTES_MAX:
            raise ApplicationError(f"At most {WEBHOOK_BYTES_MAX} bytes.", code="too_large", status=413)
        outcome = webhooks.webhook_receive(body=request.body, signature=request.headers.get("stripe-signature", ""))
    except ApplicationError as error:
        return error_response(error)
    failpoint("webhook.committed")
    return JsonResponse({"outcome": outcome})
