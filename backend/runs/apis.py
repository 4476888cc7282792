"""/api/runs: one run, its log, its stop. The account's own only; another's looks like none."""

from typing import Any, get_args

from asgiref.sync import async_to_sync
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import ValidationError
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.authentication import caller_of
from backend.core.given import parsed
from backend.runs.cancel import run_cancel
from backend.runs.run_json import run_json
from backend.runs.services import frames_read, run_get
from gpu_node.protocol.frames import SEARCH_DEPTH_MAX, SEARCH_WIDTH_MAX, Search, SearchStrategy

FRAMES_PER_PAGE = 500


class UsageSerializer(serializers.Serializer[object]):
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    tool_result_tokens = serializers.IntegerField()
    reasoning_tokens = serializers.IntegerField()


class RunErrorSerializer(serializers.Serializer[object]):
    code = serializers.CharField()
    message = serializers.CharField()


class SearchSerializer(serializers.Serializer[dict[str, Any]]):
    strategy = serializers.ChoiceField(get_args(SearchStrategy))
    width = serializers.IntegerField(min_value=1, max_value=SEARCH_WIDTH_MAX, default=4)
    depth = serializers.IntegerField(min_value=1, max_value=SEARCH_DEPTH_MAX, default=4)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        try:
            Search.model_validate(attrs)
        except ValidationError as error:
            raise serializers.ValidationError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
        return attrs


class RunSerializer(serializers.Serializer[object]):
    """The shape of `run_json`, for the schema."""

    id = serializers.CharField()
    conversation_id = serializers.CharField(allow_null=True)
    question = serializers.CharField()
    status = serializers.ChoiceField(["queued", "running", "finished", "failed", "cancelled"])
    model = serializers.CharField()
    allow_tools = serializers.BooleanField()
    verify = serializers.BooleanField()
    search = SearchSerializer()
    answer = serializers.CharField(allow_null=True)
    verdict = serializers.ChoiceField(["accept", "reject", "abstain"], allow_null=True)
    score = serializers.FloatField(allow_null=True)
    finish_reason = serializers.CharField(allow_null=True)
    error = RunErrorSerializer(allow_null=True)
    usage = UsageSerializer()
    max_total_tokens = serializers.IntegerField()
    price_nano_usd_per_token = serializers.IntegerField()
    cost_nano_usd = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    last_seq = serializers.IntegerField()


class FramesSerializer(serializers.Serializer[object]):
    frames = serializers.ListField(child=serializers.DictField())
    is_complete = serializers.BooleanField(help_text="True when the last frame of the run is among them.")


class RunDetailApi(APIView):
    @extend_schema(responses=RunSerializer)
    def get(self, request: Request, run_id: str) -> Response:
        caller = caller_of(request, "inference")
        return Response(run_json(run_get(run_id=run_id, account_id=caller.account_id)))


class RunEventsApi(APIView):
    class QuerySerializer(serializers.Serializer[dict[str, int]]):
        after = serializers.IntegerField(min_value=0, default=0)

    @extend_schema(parameters=[OpenApiParameter("after", int)], responses=FramesSerializer)
    def get(self, request: Request, run_id: str) -> Response:
        caller = caller_of(request, "inference")
        query = parsed(self.QuerySerializer, request.query_params)
        run = run_get(run_id=run_id, account_id=caller.account_id)
        logged = frames_read(run_id=run.id, after_seq=query["after"], limit=FRAMES_PER_PAGE)
        is_complete = bool(logged) and logged[-1].is_terminal
        if not logged and not run.is_live:
            is_complete = True  # asked from beyond the end
        frames = [frame.parse().model_dump(mode="json") for frame in logged]
        return Response({"frames": frames, "is_complete": is_complete})


class RunCancelApi(APIView):
    @extend_schema(request=None, responses=RunSerializer)
    def post(self, request: Request, run_id: str) -> Response:
        caller = caller_of(request, "inference")
        run_get(run_id=run_id, account_id=caller.account_id)
        return Response(run_json(async_to_sync(run_cancel)(run_id)))
