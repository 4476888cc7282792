"""/api/console: customers, prices, the money proof, the audit log. Parse, authorise, call one service, answer."""

import datetime as dt
from typing import Any

from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.authentication import caller_of
from backend.console import customers, proof
from backend.console.audit_log import COLUMNS, AuditFilter, audit_page, audit_rows
from backend.core.csv_stream import csv_response
from backend.core.given import parsed
from backend.core.models import AuditEntry
from backend.metering.models import MODEL_NAME_CHARS_MAX, Price
from backend.metering.services import price_add

PRICE_NANO_USD_MAX = 1_000_000_000  # $1 a token: a typo guard
PAGES_MAX = 10_000
QUERY_CHARS_MAX = 120
PRICES_SHOWN_MAX = 500


# --- Customers


class CustomerRowOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    emails = serializers.ListField(child=serializers.CharField())
    is_local = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    balance_nano_usd = serializers.IntegerField()
    credit_limit_nano_usd = serializers.IntegerField()
    monthly_cap_nano_usd = serializers.IntegerField(allow_null=True)
    spend_month_nano_usd = serializers.IntegerField()
    tokens_month = serializers.IntegerField()
    runs_month = serializers.IntegerField()
    margin_month_nano_usd = serializers.IntegerField(help_text="spend less the share of the fleet's cost, by tokens")


class CustomerListApi(APIView):
    class Input(serializers.Serializer[Any]):
        q = serializers.CharField(required=False, allow_blank=True, max_length=QUERY_CHARS_MAX, default="")
        page = serializers.IntegerField(required=False, min_value=1, max_value=PAGES_MAX, default=1)

    class Output(serializers.Serializer[Any]):
        class Month(serializers.Serializer[Any]):
            spend_nano_usd = serializers.IntegerField()
            fleet_cost_nano_usd = serializers.IntegerField()
            tokens = serializers.IntegerField()

        month = Month()
        results = CustomerRowOutput(many=True)
        has_more = serializers.BooleanField()

    @extend_schema(operation_id="customers_list", parameters=[Input], responses=Output)
    def get(self, request: Request) -> Response:
        caller_of(request, "admin")
        given = parsed(self.Input, request.query_params)
        rows, has_more = customers.customers_read(query=given["q"].strip(), page=given["page"])
        output = {"month": customers.month_totals(), "results": rows, "has_more": has_more}
        return Response(self.Output(output).data)


class CustomerApi(APIView):
    class Output(CustomerRowOutput):
        class Grant(serializers.Serializer[Any]):
            created_at = serializers.DateTimeField()
            amount_nano_usd = serializers.IntegerField()
            actor = serializers.CharField()
            reason = serializers.CharField()

        num_live_keys = serializers.IntegerField()
        grants = Grant(many=True)

    @extend_schema(operation_id="customers_read", responses=Output)
    def get(self, request: Request, account_id: str) -> Response:
        caller_of(request, "admin")
        return Response(self.Output(customers.customer_read(account_id)).data)


class CustomerGrantsApi(APIView):
    class Input(serializers.Serializer[Any]):
        id = serializers.RegexField(
            r"^[A-Za-z0-9_-]{8,40}$", help_text="made by the asker: a repeat gives nothing more"
        )
        amount_nano_usd = serializers.IntegerField()
        reason = serializers.CharField(max_length=customers.REASON_CHARS_MAX, allow_blank=True)
        confirm = serializers.CharField(
            required=False, allow_blank=True, default="", help_text="the customer's name, for a large sum"
        )

    class Output(serializers.Serializer[Any]):
        is_new = serializers.BooleanField()
        customer = CustomerApi.Output()

    @extend_schema(request=Input, responses={201: Output})
    def post(self, request: Request, account_id: str) -> Response:
        caller = caller_of(request, "admin")
        given = parsed(self.Input, request.data)
        grant_id = given.pop("id")
        is_new = customers.customer_grant(account_id=account_id, grant_id=grant_id, actor=caller.actor, **given)
        output = {"is_new": is_new, "customer": customers.customer_read(account_id)}
        return Response(self.Output(output).data, status=201)


# --- Prices


class PriceOutput(serializers.Serializer[Price]):
    id = serializers.IntegerField()
    model = serializers.CharField()
    nano_usd_per_token = serializers.IntegerField()
    effective_from = serializers.DateTimeField()
    state = serializers.ChoiceField(["coming", "current", "past"])


def _prices() -> list[Price]:
    """Newest first, each with its state: a model's current price is its newest that has begun."""
    rows = list(Price.objects.order_by("model", "-effective_from")[:PRICES_SHOWN_MAX])
    now, current = timezone.now(), set()
    for price in rows:
        if price.effective_from > now:
            price.state = "coming"  # type: ignore[attr-defined]
        else:
            price.state = "past" if price.model in current else "current"  # type: ignore[attr-defined]
            current.add(price.model)
    return rows


class PriceListApi(APIView):
    class Input(serializers.Serializer[Any]):
        model = serializers.CharField(max_length=MODEL_NAME_CHARS_MAX)
        nano_usd_per_token = serializers.IntegerField(min_value=1, max_value=PRICE_NANO_USD_MAX)
        effective_from = serializers.DateTimeField(required=False, allow_null=True, default_timezone=dt.UTC)
        reason = serializers.CharField(
            min_length=customers.REASON_CHARS_MIN, max_length=customers.REASON_CHARS_MAX, help_text="for the audit log"
        )

    @extend_schema(operation_id="prices_list", responses=PriceOutput(many=True))
    def get(self, request: Request) -> Response:
        caller_of(request, "admin")
        rows: Any = _prices()  # the stubs know no `many`
        return Response(PriceOutput(rows, many=True).data)

    @extend_schema(operation_id="prices_add", request=Input, responses={201: PriceOutput})
    def post(self, request: Request) -> Response:
        caller_of(request, "admin")
        price = price_add(**parsed(self.Input, request.data))
        added = next(row for row in _prices() if row.pk == price.pk)
        return Response(PriceOutput(added).data, status=201)


# --- The money proof


class ProofApi(APIView):
    class Output(serializers.Serializer[Any]):
        class Line(serializers.Serializer[Any]):
            name = serializers.ChoiceField(["entries", "holds", "usage", "cash"])
            state = serializers.ChoiceField(["holds", "broken", "unchecked"])
            num_covered = serializers.IntegerField()
            wall_ms = serializers.IntegerField()
            first_difference = serializers.CharField()
            note = serializers.CharField()
            sums_nano_usd = serializers.DictField(child=serializers.IntegerField())

        checked_at = serializers.DateTimeField()
        lines = Line(many=True)

    @extend_schema(operation_id="proof_read", responses=Output)
    def get(self, request: Request) -> Response:
        caller_of(request, "admin")
        lines: Any = proof.proof_read()
        proof.stripe_reading_ask(lines)
        return Response(self.Output({"checked_at": timezone.now(), "lines": lines}).data)


# --- The audit log


class AuditInput(serializers.Serializer[Any]):
    area = serializers.ChoiceField(AuditEntry.Area.choices, required=False, allow_blank=True, default="")
    q = serializers.CharField(required=False, allow_blank=True, max_length=QUERY_CHARS_MAX, default="")
    first_day = serializers.DateField(required=False)
    last_day = serializers.DateField(required=False)

    @staticmethod
    def filter_of(request: Request) -> AuditFilter:
        given = parsed(AuditInput, request.query_params)
        return AuditFilter(
            area=given["area"],
            text=given["q"].strip(),
            first_day=given.get("first_day"),
            last_day=given.get("last_day"),
        )


class AuditListApi(APIView):
    class Input(AuditInput):
        cursor = serializers.CharField(required=False, allow_blank=True, max_length=200)

    class Output(serializers.Serializer[Any]):
        class Entry(serializers.Serializer[AuditEntry]):
            id = serializers.IntegerField()
            created_at = serializers.DateTimeField()
            area = serializers.ChoiceField(AuditEntry.Area.choices)
            action = serializers.CharField()
            actor = serializers.CharField()
            account_id = serializers.CharField()
            target = serializers.CharField()
            before = serializers.DictField(allow_null=True)
            after = serializers.DictField(allow_null=True)
            reason = serializers.CharField()
            request_id = serializers.CharField()

        results = Entry(many=True)
        next = serializers.CharField(allow_null=True)

    @extend_schema(operation_id="audit_list", parameters=[Input], responses=Output)
    def get(self, request: Request) -> Response:
        caller_of(request, "admin")
        cursor = parsed(self.Input, request.query_params).get("cursor") or None
        rows, following = audit_page(AuditInput.filter_of(request), cursor)
        return Response(self.Output({"results": rows, "next": following}).data)


class AuditCsvApi(APIView):
    @extend_schema(operation_id="audit_csv", parameters=[AuditInput], responses={(200, "text/csv"): str})
    def get(self, request: Request) -> HttpResponseBase:
        caller_of(request, "admin")
        rows = audit_rows(AuditInput.filter_of(request))
        return csv_response(name=f"svend-audit-{timezone.now():%Y-%m-%d}.csv", columns=COLUMNS, rows=rows)
