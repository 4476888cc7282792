"""/api/console/status: the operator's status page. Parse, authorise, call one service, answer."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.authentication import caller_of
from backend.console.status import status_read


class StatusApi(APIView):
    class Output(serializers.Serializer[Any]):
        class Line(serializers.Serializer[Any]):
            name = serializers.CharField()
            state = serializers.ChoiceField(["ok", "late", "failing", "off"])
            said = serializers.CharField()
            cure = serializers.CharField(help_text="empty where nothing is to be done")
            wall_ms = serializers.IntegerField()

        asked_at = serializers.DateTimeField()
        lines = Line(many=True)

    @extend_schema(operation_id="status_read", responses=Output)
    def get(self, request: Request) -> Response:
        caller_of(request, "admin")
        return Response(self.Output({"asked_at": timezone.now(), "lines": status_read()}).data)
