"""/api/models: what each model is, what it was measured to do, and whether a node is ready for it."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.model_registry.models import ModelVersion
from backend.model_registry.services import Snapshot, snapshot_read, version_price


class ModelSerializer(serializers.Serializer[object]):
    id = serializers.CharField()
    aliases = serializers.ListField(child=serializers.CharField())
    role = serializers.ChoiceField(ModelVersion.Role.choices)
    context_tokens = serializers.IntegerField()
    num_parameters = serializers.IntegerField()
    price_nano_usd_per_token = serializers.IntegerField(allow_null=True)
    description = serializers.CharField()
    is_ready = serializers.BooleanField()
    card = serializers.DictField()
    can = serializers.ListField(child=serializers.CharField())
    cannot = serializers.ListField(child=serializers.CharField())


def _model(registry: Snapshot, version: ModelVersion) -> dict[str, Any]:
    return {
        "id": version.name,
        "aliases": registry.aliases_of(version.name),
        "role": version.role,
        "context_tokens": version.context_tokens,
        "num_parameters": version.num_parameters,
        "price_nano_usd_per_token": version_price(version),
        "description": version.description,
        "is_ready": registry.has_ready_node(version.name),
        "card": version.card,
        "can": version.card.get("can", []),
        "cannot": version.card.get("cannot", []),
    }


class ModelListApi(APIView):
    @extend_schema(responses=ModelSerializer(many=True))
    def get(self, request: Request) -> Response:
        registry = snapshot_read()
        return Response([_model(registry, version) for _, version in sorted(registry.versions.items())])
