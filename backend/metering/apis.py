"""/api routes of the account's own money: me, keys, usage. Parse, authorise, call one service, answer."""

import datetime as dt
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.authentication import caller_of
from backend.accounts.callers import Caller
from backend.accounts.models import Account, ApiKey, User
from backend.accounts.services import api_key_create, api_key_get, api_key_revoke
from backend.core.errors import NotAllowed
from backend.core.given import parsed
from backend.core.ids import ID_CHARS_MAX
from backend.metering.caps import CAP_NANO_USD_MAX, account_cap_read, account_cap_set, key_cap_set
from backend.metering.models import MODEL_NAME_CHARS_MAX
from backend.metering.services import DEFAULT_PRICE, balance_read, price_read
from backend.metering.statements import (
    DAYS_DEFAULT,
    RUNS_PAGE_MAX,
    UsageFilter,
    has_asked,
    keys_with_spending,
    models_used,
    month_start,
    spent_since,
    usage_by_day,
    usage_runs,
)

KEY_NAME_CHARS_MAX = 80


class MeApi(APIView):
    class Output(serializers.Serializer[Any]):
        class Person(serializers.Serializer[User]):
            email = serializers.EmailField()
            is_staff = serializers.BooleanField()

        class Payer(serializers.Serializer[Account]):
            id = serializers.CharField()
            name = serializers.CharField()

        user = Person(allow_null=True)
        account = Payer()
        balance_nano_usd = serializers.IntegerField()
        is_local = serializers.BooleanField()
        price_nano_usd_per_token = serializers.IntegerField()
        has_asked = serializers.BooleanField()

    @extend_schema(responses=Output)
    def get(self, request: Request) -> Response:
        caller = caller_of(request)
        output = {
            "user": User.objects.filter(id=caller.user_id).first() if caller.user_id else None,
            "account": Account.objects.get(id=caller.account_id),
            "balance_nano_usd": balance_read(caller.account_id).total_nano_usd,
            "is_local": caller.is_local,
            "price_nano_usd_per_token": price_read(DEFAULT_PRICE),
            "has_asked": has_asked(account_id=caller.account_id),
        }
        return Response(self.Output(output).data)


class KeyOutput(serializers.Serializer[ApiKey]):
    id = serializers.CharField()
    name = serializers.CharField()
    prefix = serializers.CharField()
    last4 = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)
    last_used_model = serializers.CharField()
    spent_month_nano_usd = serializers.IntegerField(default=0)
    monthly_cap_nano_usd = serializers.IntegerField(allow_null=True)
    cap_percent_reached = serializers.IntegerField(default=0, help_text="50, 80 or 100: the highest threshold told")
    revoked_at = serializers.DateTimeField(allow_null=True)


class KeyCreatedOutput(KeyOutput):
    key = serializers.CharField(help_text="The key itself, shown this once.")


def _may_manage_keys(caller: Caller) -> None:
    """A person may; a key may only with the scope `admin`, else a leaked key could make itself successors."""
    if caller.api_key_id is not None and "admin" not in caller.scopes:
        raise NotAllowed("API keys are managed by a signed-in person or a key with the scope 'admin'.")


class CapInput(serializers.Serializer[Any]):
    monthly_cap_nano_usd = serializers.IntegerField(
        min_value=0, max_value=CAP_NANO_USD_MAX, allow_null=True, help_text="null: no cap"
    )


def _cap_given(request: Request) -> int | None:
    cap: int | None = parsed(CapInput, request.data)["monthly_cap_nano_usd"]
    return cap


class KeysApi(APIView):
    class Input(serializers.Serializer[Any]):
        name = serializers.CharField(max_length=KEY_NAME_CHARS_MAX)
        scopes = serializers.ListField(
            child=serializers.ChoiceField(choices=ApiKey.Scope.choices), required=False, allow_empty=False
        )
        monthly_cap_nano_usd = serializers.IntegerField(
            min_value=0, max_value=CAP_NANO_USD_MAX, required=False, allow_null=True
        )

    @extend_schema(operation_id="keys_list", responses=KeyOutput(many=True))
    def get(self, request: Request) -> Response:
        caller = caller_of(request)
        _may_manage_keys(caller)
        keys: Any = keys_with_spending(account_id=caller.account_id)  # the stubs know no `many`
        return Response(KeyOutput(keys, many=True).data)

    @extend_schema(request=Input, responses={201: KeyCreatedOutput})
    def post(self, request: Request) -> Response:
        caller = caller_of(request)
        _may_manage_keys(caller)
        given = parsed(self.Input, request.data)
        for scope in given.get("scopes", []):
            caller.require(scope)  # nobody hands on more than they have
        key, raw = api_key_create(
            account_id=caller.account_id,
            name=given["name"],
            scopes=given.get("scopes"),
            monthly_cap_nano_usd=given.get("monthly_cap_nano_usd"),
            created_by_id=caller.user_id,
        )
        return Response({**KeyOutput(key).data, "key": raw}, status=201)


class KeyApi(APIView):
    @extend_schema(responses={204: None})
    def delete(self, request: Request, api_key_id: str) -> Response:
        caller = caller_of(request)
        _may_manage_keys(caller)
        api_key_revoke(account_id=caller.account_id, api_key_id=api_key_id)
        return Response(status=204)

    @extend_schema(request=CapInput, responses=KeyOutput)
    def patch(self, request: Request, api_key_id: str) -> Response:
        caller = caller_of(request)
        _may_manage_keys(caller)
        api_key_get(account_id=caller.account_id, api_key_id=api_key_id)  # before its body is judged
        cap = _cap_given(request)
        key_cap_set(account_id=caller.account_id, api_key_id=api_key_id, monthly_cap_nano_usd=cap)
        key = next(key for key in keys_with_spending(account_id=caller.account_id) if key.id == api_key_id)
        return Response(KeyOutput(key).data)


class SpendCapApi(APIView):
    class Output(serializers.Serializer[Any]):
        monthly_cap_nano_usd = serializers.IntegerField(allow_null=True)
        spent_nano_usd = serializers.IntegerField()
        held_nano_usd = serializers.IntegerField()
        percent_reached = serializers.IntegerField(help_text="50, 80 or 100: the highest threshold told; else 0")
        resets_on = serializers.DateField()

    @extend_schema(operation_id="spend_cap_read", responses=Output)
    def get(self, request: Request) -> Response:
        caller = caller_of(request)
        caller.require("usage")
        return Response(self.Output(account_cap_read(caller.account_id)).data)

    @extend_schema(operation_id="spend_cap_set", request=CapInput, responses=Output)
    def put(self, request: Request) -> Response:
        caller = caller_of(request)
        _may_manage_keys(caller)
        cap = account_cap_set(account_id=caller.account_id, monthly_cap_nano_usd=_cap_given(request))
        return Response(self.Output(cap).data)


class UsageFilterInput(serializers.Serializer[Any]):
    key = serializers.CharField(
        required=False, allow_blank=True, max_length=ID_CHARS_MAX, help_text="a key's id, or `page` for none"
    )
    model = serializers.CharField(required=False, allow_blank=True, max_length=MODEL_NAME_CHARS_MAX)


def _only(given: dict[str, Any]) -> UsageFilter:
    return UsageFilter(api_key_id=given.get("key") or None, model=given.get("model") or None)


FILTER_PARAMETERS = [OpenApiParameter("key", str), OpenApiParameter("model", str)]


class UsageSummaryApi(APIView):
    class Input(UsageFilterInput):
        to = serializers.DateField(required=False)

        def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
            return {**super().get_fields(), "from": serializers.DateField(required=False)}  # a Python keyword

    class Output(serializers.Serializer[Any]):
        class Day(serializers.Serializer[Any]):
            day = serializers.DateField()
            prompt_tokens = serializers.IntegerField()
            completion_tokens = serializers.IntegerField()
            reasoning_tokens = serializers.IntegerField()
            tool_result_tokens = serializers.IntegerField()
            cost_nano_usd = serializers.IntegerField()
            num_runs = serializers.IntegerField()

        balance_nano_usd = serializers.IntegerField()
        month_to_date_nano_usd = serializers.IntegerField()
        models = serializers.ListField(child=serializers.CharField(), help_text="ever used, whatever the filter")
        days = Day(many=True)

    @extend_schema(
        parameters=[OpenApiParameter("from", dt.date), OpenApiParameter("to", dt.date), *FILTER_PARAMETERS],
        responses=Output,
    )
    def get(self, request: Request) -> Response:
        caller = caller_of(request)
        caller.require("usage")
        given = parsed(self.Input, request.query_params)
        today = timezone.now().astimezone(dt.UTC).date()
        last_day = given.get("to") or today
        first_day = given.get("from") or last_day - dt.timedelta(days=DAYS_DEFAULT - 1)
        output = {
            "balance_nano_usd": balance_read(caller.account_id).total_nano_usd,
            "month_to_date_nano_usd": spent_since(account_id=caller.account_id, first_day=month_start(today)),
            "models": models_used(caller.account_id),
            "days": usage_by_day(
                account_id=caller.account_id,
                first_day=first_day,
                last_day=last_day,
                only=_only(given),
            ),
        }
        return Response(self.Output(output).data)


class UsageRunsApi(APIView):
    class Input(UsageFilterInput):
        cursor = serializers.CharField(required=False, allow_blank=True, max_length=200)
        limit = serializers.IntegerField(required=False, min_value=1, max_value=RUNS_PAGE_MAX, default=25)

    class Output(serializers.Serializer[Any]):
        class Line(serializers.Serializer[Any]):
            run_id = serializers.CharField()
            created_at = serializers.DateTimeField()
            model = serializers.CharField()
            api_key_name = serializers.CharField(allow_null=True)
            question = serializers.CharField()
            finish_reason = serializers.CharField()
            prompt_tokens = serializers.IntegerField()
            completion_tokens = serializers.IntegerField()
            reasoning_tokens = serializers.IntegerField()
            tool_result_tokens = serializers.IntegerField()
            cost_nano_usd = serializers.IntegerField()
            is_billable = serializers.BooleanField()

        results = Line(many=True)
        next = serializers.CharField(allow_null=True)

    @extend_schema(parameters=[Input], responses=Output)
    def get(self, request: Request) -> Response:
        caller = caller_of(request)
        caller.require("usage")
        given = parsed(self.Input, request.query_params)
        lines, following = usage_runs(
            account_id=caller.account_id,
            cursor=given.get("cursor") or None,
            limit=given["limit"],
            only=_only(given),
        )
        return Response(self.Output({"results": lines, "next": following}).data)
