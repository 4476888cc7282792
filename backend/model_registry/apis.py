"""/api/models: what each model is, what it was measured to do, and whether a node is ready for it.

Everybody sees what is on sale. Staff (scope `admin`) sees every version with its lineage, reports and deployments,
and wishes versions onto nodes. Promotions and reports are promotion_apis.py.
"""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.authentication import caller_of
from backend.accounts.callers import Caller
from backend.core.given import parsed
from backend.model_registry.deployments import deployment_unwant, deployment_want
from backend.model_registry.models import Deployment, EvalReport, ModelVersion
from backend.model_registry.promotions import promotion_gates
from backend.model_registry.reports import reports_newest
from backend.model_registry.services import DEFAULT_ALIAS, Snapshot, snapshot_read, version_get, version_price

REPORTS_SHOWN_MAX = 20  # of one version; older ones are in the database


class ReportSerializer(serializers.ModelSerializer[EvalReport]):
    """One measurement: `n` problems, the share right with tools, its 95 % interval, and what was asked."""

    model = serializers.CharField(source="model_version.name")
    baseline = serializers.CharField(source="baseline.name", allow_null=True, default=None)
    families = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = EvalReport
        fields = (
            "id",
            "model",
            "baseline",
            "n",
            "right",
            "share",
            "interval_low",
            "interval_high",
            "families",
            "num_problems",
            "seed_start",
            "is_held_out_wording",
            "verifier",
            "problems_sha256",
            "job_id",
            "created_at",
        )


class DeploymentSerializer(serializers.ModelSerializer[Deployment]):
    node = serializers.CharField(source="node_name")

    class Meta:
        model = Deployment
        fields = ("node", "engine", "state", "reason", "state_since")


class LineageSerializer(serializers.ModelSerializer[ModelVersion]):
    """data + code + config + parent -> job -> checkpoint."""

    parent = serializers.CharField(source="parent.name", allow_null=True, default=None)  # type: ignore[assignment]
    config = serializers.DictField()

    class Meta:
        model = ModelVersion
        fields = ("parent", "job_id", "step", "data_sha256", "code_version", "config")


class StaffFieldsSerializer(serializers.Serializer[object]):
    manifest_sha256 = serializers.CharField()
    num_bytes = serializers.IntegerField()
    dtype = serializers.CharField()
    has_files = serializers.BooleanField(help_text="The store holds its files, so that any node can load it.")
    created_at = serializers.DateTimeField()
    lineage = LineageSerializer()
    ready_nodes = serializers.ListField(child=serializers.CharField())
    deployments = DeploymentSerializer(many=True)
    reports = ReportSerializer(many=True)


class ModelSerializer(serializers.Serializer[object]):
    id = serializers.CharField()
    aliases = serializers.ListField(child=serializers.CharField())
    role = serializers.ChoiceField(ModelVersion.Role.choices)
    context_tokens = serializers.IntegerField()
    num_parameters = serializers.IntegerField()
    price_nano_usd_per_token = serializers.IntegerField(allow_null=True)
    description = serializers.CharField()
    is_ready = serializers.BooleanField()
    has_critic = serializers.BooleanField(help_text="A critic that reads this model's tokens is ready too.")
    card = serializers.DictField()
    can = serializers.ListField(child=serializers.CharField())
    cannot = serializers.ListField(child=serializers.CharField())
    staff = StaffFieldsSerializer(required=False, help_text="Only for staff.")


class GateSerializer(serializers.Serializer[object]):
    name = serializers.CharField()
    is_ok = serializers.BooleanField()
    message = serializers.CharField()
    cure = serializers.CharField(allow_blank=True)
    is_blocking = serializers.BooleanField(help_text="False: a warning.")


class GatesSerializer(serializers.Serializer[object]):
    alias = serializers.CharField()
    model = serializers.CharField(source="version.name")
    serving = serializers.CharField(source="serving.name", allow_null=True, default=None)
    is_ok = serializers.BooleanField()
    gates = GateSerializer(many=True)
    candidate_report = ReportSerializer(allow_null=True)
    serving_report = ReportSerializer(allow_null=True)


def staff_of(request: Request) -> Caller:
    """Raises NotAllowed unless the caller is staff."""
    caller = caller_of(request)
    caller.require("admin")
    return caller


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
        "has_critic": registry.has_critic(version.name),
        "card": version.card,
        "can": version.card.get("can", []),
        "cannot": version.card.get("cannot", []),
    }


def _model_for_staff(registry: Snapshot, version: ModelVersion) -> dict[str, Any]:
    reports = reports_newest().filter(model_version=version)[:REPORTS_SHOWN_MAX]
    staff = {
        "manifest_sha256": version.manifest_sha256,
        "num_bytes": version.num_bytes,
        "dtype": version.dtype,
        "has_files": version.manifest is not None,
        "created_at": version.created_at,
        "lineage": LineageSerializer(version).data,
        "ready_nodes": sorted(n.name for n in registry.nodes if n.is_open and version.name in n.models),
        "deployments": [DeploymentSerializer(wish).data for wish in version.deployments.order_by("node_name")],
        "reports": [ReportSerializer(report).data for report in reports],
    }
    return {**_model(registry, version), "staff": staff}


class ModelListApi(APIView):
    @extend_schema(operation_id="models_list", responses=ModelSerializer(many=True))
    def get(self, request: Request) -> Response:
        registry = snapshot_read()
        if "admin" in caller_of(request).scopes:
            versions = ModelVersion.objects.select_related("parent").order_by("name")
            return Response([_model_for_staff(registry, version) for version in versions])
        shown = [registry.versions[name] for name in sorted(registry.listed)]
        return Response([_model(registry, version) for version in shown])


class ModelDetailApi(APIView):
    @extend_schema(responses=ModelSerializer)
    def get(self, request: Request, name: str) -> Response:
        staff_of(request)
        return Response(_model_for_staff(snapshot_read(), version_get(name)))


class ModelGatesApi(APIView):
    """May this version answer under the alias: every gate, green or red, with its reason."""

    @extend_schema(parameters=[OpenApiParameter("alias", str)], responses=GatesSerializer)
    def get(self, request: Request, name: str) -> Response:
        staff_of(request)
        alias = request.query_params.get("alias") or DEFAULT_ALIAS
        return Response(GatesSerializer(promotion_gates(alias=alias, version=version_get(name))).data)


class ModelDeploymentsApi(APIView):
    class Input(serializers.Serializer[Any]):
        node = serializers.CharField(max_length=64)
        engine = serializers.ChoiceField(Deployment.Engine.choices, default=Deployment.Engine.TORCH)

    @extend_schema(request=Input, responses={201: DeploymentSerializer})
    def post(self, request: Request, name: str) -> Response:
        staff_of(request)
        body = parsed(self.Input, request.data)
        wish = deployment_want(version=version_get(name), node_name=body["node"], engine=body["engine"])
        return Response(DeploymentSerializer(wish).data, status=201)


class ModelDeploymentApi(APIView):
    @extend_schema(responses=DeploymentSerializer)
    def delete(self, request: Request, name: str, node: str) -> Response:
        staff_of(request)
        return Response(DeploymentSerializer(deployment_unwant(version=version_get(name), node_name=node)).data)
