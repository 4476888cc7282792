"""/api/tools: each tool's schema, limits and fence, and a try of one. Parse, authorise, call one service, answer."""

from typing import Any

from asgiref.sync import async_to_sync
from drf_spectacular.utils import extend_schema
from pydantic import ValidationError
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.authentication import caller_of
from backend.core.errors import ApplicationError
from backend.core.given import parsed
from backend.metering.limits import limits_take
from backend.runs.tools import tool_try, tools_list
from gpu_node.protocol.tools import ToolTrialRequest


class ToolLimitsSerializer(serializers.Serializer[Any]):
    wall_seconds = serializers.FloatField()
    memory_bytes = serializers.IntegerField(allow_null=True)
    output_bytes = serializers.IntegerField()
    calls_at_once = serializers.IntegerField()


class ToolSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    description = serializers.CharField()
    parameters = serializers.DictField(help_text="JSON schema")
    source = serializers.ChoiceField(["built-in", "plug-in", "mcp"])  # type: ignore[assignment]
    server = serializers.CharField(help_text="of an MCP tool")
    fence_tier = serializers.CharField(help_text="empty: outside the fence")
    is_available = serializers.BooleanField()
    unavailable_reason = serializers.CharField()
    limits = ToolLimitsSerializer()


class AttachmentSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    data = serializers.CharField()  # type: ignore[assignment]
    title = serializers.CharField()


class ToolTrialSerializer(serializers.Serializer[Any]):
    status = serializers.CharField()
    text = serializers.CharField()
    wall_ms = serializers.FloatField()
    is_truncated = serializers.BooleanField()
    attachments = AttachmentSerializer(many=True)


class ToolListApi(APIView):
    @extend_schema(responses=ToolSerializer(many=True))
    def get(self, request: Request) -> Response:
        caller_of(request, "inference")
        return Response([tool.model_dump(mode="json") for tool in async_to_sync(tools_list)()])


class ToolTrialApi(APIView):
    class InputSerializer(serializers.Serializer[dict[str, Any]]):
        arguments = serializers.CharField(help_text="JSON text, as a model would write it", trim_whitespace=False)

    @extend_schema(request=InputSerializer, responses=ToolTrialSerializer)
    def post(self, request: Request, name: str) -> Response:
        caller = caller_of(request, "inference")
        given = parsed(self.InputSerializer, request.data)
        try:
            asked = ToolTrialRequest(arguments=given["arguments"])
        except ValidationError as error:
            raise ApplicationError(error.errors()[0]["msg"], code="invalid_value", param="arguments") from error
        headers = limits_take(caller, 0)
        trial = async_to_sync(tool_try)(name=name, request=asked)
        return Response(trial.model_dump(mode="json"), headers=headers)
