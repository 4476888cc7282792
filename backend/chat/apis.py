"""/api/conversations: the Ask pages. Parse, authorise, call one service, answer."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.authentication import caller_of
from backend.chat.models import Conversation
from backend.chat.services import (
    CONVERSATIONS_PER_PAGE,
    Question,
    conversation_ask,
    conversation_begin,
    conversation_delete,
    conversation_get,
    conversation_runs,
    conversations_list,
)
from backend.core.given import parsed
from backend.runs.apis import RunSerializer, SearchSerializer
from backend.runs.models import Run
from backend.runs.run_json import run_json
from gpu_node.protocol.frames import Search
from gpu_node.protocol.run_spec import BUILT_IN_TOOLS, TOOL_NAME_PATTERN, TOOLS_MAX


class QuestionSerializer(serializers.Serializer[dict[str, Any]]):
    question = serializers.CharField(trim_whitespace=False)
    allow_tools = serializers.BooleanField(default=True)
    verify = serializers.BooleanField(default=False)
    model = serializers.CharField(default=None, allow_null=True)
    tools = serializers.ListField(
        child=serializers.RegexField(TOOL_NAME_PATTERN), max_length=TOOLS_MAX, default=list(BUILT_IN_TOOLS)
    )
    search = SearchSerializer(default=None, allow_null=True)


class FirstQuestionSerializer(QuestionSerializer):
    id = serializers.CharField(default=None, allow_null=True, help_text="Made by the client: a repeat is harmless.")


class ConversationSerializer(serializers.ModelSerializer[Conversation]):
    class Meta:
        model = Conversation
        fields = ("id", "title", "created_at")


class ConversationBegunSerializer(serializers.Serializer[object]):
    conversation = ConversationSerializer()
    run = RunSerializer()


class LastRunSerializer(serializers.ModelSerializer[Run]):
    class Meta:
        model = Run
        fields = ("id", "status", "answer", "verdict", "score", "cost_nano_usd")


class ConversationRowSerializer(ConversationSerializer):
    last_run = LastRunSerializer(allow_null=True)

    class Meta(ConversationSerializer.Meta):
        fields = ("id", "title", "created_at", "last_run")  # type: ignore[assignment]


class ConversationPageSerializer(serializers.Serializer[object]):
    results = ConversationRowSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class ConversationDetailSerializer(ConversationSerializer):
    runs = RunSerializer(many=True)

    class Meta(ConversationSerializer.Meta):
        fields = ("id", "title", "created_at", "runs")  # type: ignore[assignment]


def _question(fields: dict[str, Any]) -> Question:
    return Question(
        text=fields["question"],
        allow_tools=fields["allow_tools"],
        verify=fields["verify"],
        model=fields["model"],
        tools=tuple(fields["tools"]),
        search=Search.model_validate(fields["search"] or {}),
    )


def _last_run(run: Run | None) -> dict[str, Any] | None:
    if run is None:
        return None
    whole = run_json(run)
    return {name: whole[name] for name in LastRunSerializer.Meta.fields}


class ConversationListApi(APIView):
    @extend_schema(
        operation_id="conversations_list",
        parameters=[OpenApiParameter("cursor", str)],
        responses=ConversationPageSerializer,
    )
    def get(self, request: Request) -> Response:
        rows = conversations_list(
            account_id=caller_of(request, "inference").account_id, before=request.query_params.get("cursor") or None
        )
        page = rows[:CONVERSATIONS_PER_PAGE]
        results = [{**ConversationSerializer(row).data, "last_run": _last_run(run)} for row, run in page]
        return Response({"results": results, "next": page[-1][0].id if len(rows) > len(page) else None})

    @extend_schema(request=FirstQuestionSerializer, responses={201: ConversationBegunSerializer})
    def post(self, request: Request) -> Response:
        body = parsed(FirstQuestionSerializer, request.data)
        conversation, run = conversation_begin(
            caller=caller_of(request, "inference"),
            conversation_id=body["id"],
            question=_question(body),
        )
        return Response({"conversation": ConversationSerializer(conversation).data, "run": run_json(run)}, status=201)


class ConversationDetailApi(APIView):
    @extend_schema(responses=ConversationDetailSerializer)
    def get(self, request: Request, conversation_id: str) -> Response:
        conversation = conversation_get(
            account_id=caller_of(request, "inference").account_id, conversation_id=conversation_id
        )
        runs = [run_json(run) for run in conversation_runs(conversation)]
        return Response({**ConversationSerializer(conversation).data, "runs": runs})

    @extend_schema(responses={204: None})
    def delete(self, request: Request, conversation_id: str) -> Response:
        conversation_delete(account_id=caller_of(request, "inference").account_id, conversation_id=conversation_id)
        return Response(status=204)


class ConversationRunsApi(APIView):
    @extend_schema(request=QuestionSerializer, responses={201: RunSerializer})
    def post(self, request: Request, conversation_id: str) -> Response:
        body = parsed(QuestionSerializer, request.data)
        run = conversation_ask(
            caller=caller_of(request, "inference"),
            conversation_id=conversation_id,
            question=_question(body),
        )
        return Response(run_json(run), status=201)
