"""/api/statement: the account's ledger, line by line, and the same as CSV. Parse, authorise, call, answer."""

import datetime as dt
from typing import Any

from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.authentication import caller_of
from backend.accounts.callers import Caller
from backend.core.csv_stream import csv_response
from backend.core.given import parsed
from backend.metering.account_statement import (
    CSV_COLUMNS,
    LINES_PAGE_MAX,
    Period,
    period_read,
    statement_page,
    statement_rows,
)
from backend.metering.models import LedgerTransaction

DAY_PARAMETERS = [OpenApiParameter("from", dt.date), OpenApiParameter("to", dt.date)]


class PeriodInput(serializers.Serializer[Any]):
    to = serializers.DateField(required=False)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {**super().get_fields(), "from": serializers.DateField(required=False)}  # a Python keyword


def _period(caller: Caller, given: dict[str, Any]) -> Period:
    return period_read(account_id=caller.account_id, first_day=given.get("from"), last_day=given.get("to"))


def _given(serializer: Any, request: Request) -> tuple[Caller, dict[str, Any]]:
    return caller_of(request, "usage"), parsed(serializer, request.query_params)


class StatementApi(APIView):
    class Input(PeriodInput):
        cursor = serializers.CharField(required=False, allow_blank=True, max_length=200)
        limit = serializers.IntegerField(required=False, min_value=1, max_value=LINES_PAGE_MAX, default=50)

    class Output(serializers.Serializer[Any]):
        class Line(serializers.Serializer[Any]):
            class Branch(serializers.Serializer[Any]):
                branch_id = serializers.IntegerField()
                num_tokens = serializers.IntegerField()
                is_answer = serializers.BooleanField()

            transaction_id = serializers.IntegerField()
            created_at = serializers.DateTimeField()
            kind = serializers.ChoiceField(LedgerTransaction.Kind.choices)
            amount_nano_usd = serializers.IntegerField()
            balance_after_nano_usd = serializers.IntegerField()
            reason = serializers.CharField()
            run_id = serializers.CharField(help_text="empty where no run was paid")
            question = serializers.CharField()
            branches = Branch(many=True, help_text="of a run that searched in several")
            model = serializers.CharField()
            api_key_name = serializers.CharField()
            prompt_tokens = serializers.IntegerField(allow_null=True)
            completion_tokens = serializers.IntegerField(allow_null=True)
            reasoning_tokens = serializers.IntegerField(allow_null=True)
            tool_result_tokens = serializers.IntegerField(allow_null=True)
            price_nano_usd_per_token = serializers.IntegerField(allow_null=True)
            price_version = serializers.IntegerField(allow_null=True, help_text="the price row it was sold at")
            price_effective_from = serializers.DateTimeField(allow_null=True)

        opening_nano_usd = serializers.IntegerField()
        closing_nano_usd = serializers.IntegerField()
        results = Line(many=True)
        next = serializers.CharField(allow_null=True)

    @extend_schema(
        operation_id="statement_read",
        parameters=[*DAY_PARAMETERS, OpenApiParameter("cursor", str), OpenApiParameter("limit", int)],
        responses=Output,
    )
    def get(self, request: Request) -> Response:
        caller, given = _given(self.Input, request)
        period = _period(caller, given)
        lines, following = statement_page(period, cursor=given.get("cursor") or None, limit=given["limit"])
        output = {
            "opening_nano_usd": period.opening_nano_usd,
            "closing_nano_usd": period.closing_nano_usd,
            "results": lines,
            "next": following,
        }
        return Response(self.Output(output).data)


class StatementCsvApi(APIView):
    @extend_schema(operation_id="statement_csv", parameters=DAY_PARAMETERS, responses={(200, "text/csv"): str})
    def get(self, request: Request) -> HttpResponseBase:
        caller, given = _given(PeriodInput, request)
        period = _period(caller, given)
        name = f"svend-statement-{timezone.now():%Y-%m-%d}.csv"
        return csv_response(name=name, columns=CSV_COLUMNS, rows=statement_rows(period))
