"""/api/promotions, /api/aliases and /api/reports: staff moves an alias, goes back, reads who did and why, and
compares what two versions answered.
"""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.services import caller_person_id
from backend.core.errors import ApplicationError
from backend.core.given import parsed
from backend.model_registry.apis import GateSerializer, ReportSerializer, staff_of
from backend.model_registry.models import NAME_CHARS_MAX, EvalReport, Promotion
from backend.model_registry.promotions import (
    REASON_CHARS_MAX,
    aliases_read,
    promote,
    promotions_newest,
    rollback,
)
from backend.model_registry.reports import (
    COLUMNS,
    Compared,
    column_compare,
    families_compare,
    report_get,
    reports_newest,
)
from backend.model_registry.samples import SHOWN, samples_compare, samples_shown
from backend.model_registry.services import version_get

PROMOTIONS_SHOWN_MAX = 100
REPORTS_SHOWN_MAX = 100
SAMPLES_PAGE_MAX = 50  # each with two traces of up to 16 KiB
SAMPLES_OFFSET_MAX = 1_000_000  # far beyond what a report keeps
ALIAS_PATTERN = r"^[a-z0-9][a-z0-9._-]*$"


class PromotionSerializer(serializers.ModelSerializer[Promotion]):
    """The audit line: which alias went where, who said so, why, and on which evidence."""

    model = serializers.CharField(source="model_version.name")
    replaces = serializers.CharField(source="replaces.name", allow_null=True, default=None)
    rollback_to = serializers.CharField(source="rollback_version.name", allow_null=True, default=None)
    promoted_by = serializers.CharField(
        source="promoted_by.email", allow_null=True, default=None, help_text="A person; null: the first seed."
    )
    gates = GateSerializer(many=True)
    candidate_report = serializers.IntegerField(source="candidate_report_id", allow_null=True)
    serving_report = serializers.IntegerField(source="serving_report_id", allow_null=True)

    class Meta:
        model = Promotion
        fields = (
            "id",
            "alias",
            "model",
            "replaces",
            "rollback_to",
            "is_rollback",
            "state",
            "error",
            "promoted_by",
            "reason",
            "gates",
            "candidate_report",
            "serving_report",
            "created_at",
            "effective_at",
        )


class AliasSerializer(serializers.Serializer[object]):
    alias = serializers.CharField()
    model = serializers.CharField(allow_null=True)
    rollback_to = serializers.CharField(allow_null=True, help_text="Where one click leads back to.")
    waiting = serializers.CharField(allow_null=True, help_text="The version that becomes it when a node is ready.")


class ShareSerializer(serializers.Serializer[object]):
    right = serializers.IntegerField()
    n = serializers.IntegerField()
    share = serializers.FloatField(source="value")
    interval_low = serializers.FloatField()
    interval_high = serializers.FloatField()


class ComparedSerializer(serializers.Serializer[object]):
    """b beside a; `difference` is b's share less a's, with its 95 % interval."""

    name = serializers.CharField()
    a = ShareSerializer()
    b = ShareSerializer()
    difference = serializers.FloatField()
    difference_low = serializers.FloatField()
    difference_high = serializers.FloatField()
    verdict = serializers.ChoiceField(["better", "worse", "same", "unmeasured"])


class SampleAnswerSerializer(serializers.Serializer[object]):
    is_right = serializers.BooleanField(allow_null=True)
    given = serializers.CharField(allow_null=True)
    trace = serializers.ListField(
        child=serializers.DictField(), allow_null=True, help_text="its run's events; null: the report kept none"
    )
    num_tokens = serializers.IntegerField(allow_null=True, help_text="that its run used; null: the report does not say")
    num_calls = serializers.IntegerField(allow_null=True, help_text="of tools")


class SamplePairSerializer(serializers.Serializer[object]):
    family = serializers.CharField()
    mode = serializers.CharField(help_text="own or held_out wording, no_tools; empty: not said")
    question = serializers.CharField()
    known = serializers.CharField()
    a = SampleAnswerSerializer()
    b = SampleAnswerSerializer()


class ComparisonSerializer(serializers.Serializer[object]):
    a = ReportSerializer()
    b = ReportSerializer()
    is_same_problems = serializers.BooleanField()
    totals = ComparedSerializer(many=True)
    families = ComparedSerializer(many=True)


class SamplesSerializer(serializers.Serializer[object]):
    num_kept = serializers.IntegerField(help_text="problems that one of the two reports keeps")
    num_found = serializers.IntegerField(help_text="those that fit what was asked for")
    families = serializers.ListField(child=serializers.CharField())
    samples = SamplePairSerializer(many=True)


class ReportDetailSerializer(ReportSerializer):
    result = serializers.DictField(help_text="The node's report as it came.")

    class Meta(ReportSerializer.Meta):
        fields = (*ReportSerializer.Meta.fields, "result")  # type: ignore[assignment]


class PromotionListApi(APIView):
    class Input(serializers.Serializer[Any]):
        alias = serializers.RegexField(ALIAS_PATTERN, max_length=NAME_CHARS_MAX)
        model = serializers.CharField(max_length=NAME_CHARS_MAX)
        reason = serializers.CharField(max_length=REASON_CHARS_MAX)

    @extend_schema(
        operation_id="promotions_list",
        parameters=[OpenApiParameter("alias", str)],
        responses=PromotionSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        staff_of(request)
        rows = promotions_newest(alias=request.query_params.get("alias"))[:PROMOTIONS_SHOWN_MAX]
        return Response([PromotionSerializer(row).data for row in rows])

    @extend_schema(request=Input, responses={201: PromotionSerializer})
    def post(self, request: Request) -> Response:
        person_id = caller_person_id(staff_of(request))
        given = parsed(self.Input, request.data)
        promotion = promote(
            alias=given["alias"],
            version=version_get(given["model"]),
            promoted_by_id=person_id,
            reason=given["reason"],
        )
        return Response(PromotionSerializer(promotion).data, status=201)


class RollbackApi(APIView):
    class Input(serializers.Serializer[Any]):
        alias = serializers.RegexField(ALIAS_PATTERN, max_length=NAME_CHARS_MAX)
        reason = serializers.CharField(max_length=REASON_CHARS_MAX)
        expected = serializers.CharField(
            max_length=NAME_CHARS_MAX,
            default=None,
            allow_null=True,
            help_text="The version seen as served: a second click is then refused.",
        )

    @extend_schema(request=Input, responses={201: PromotionSerializer})
    def post(self, request: Request) -> Response:
        person_id = caller_person_id(staff_of(request))
        given = parsed(self.Input, request.data)
        promotion = rollback(
            alias=given["alias"], promoted_by_id=person_id, reason=given["reason"], expected=given["expected"]
        )
        return Response(PromotionSerializer(promotion).data, status=201)


class AliasListApi(APIView):
    @extend_schema(operation_id="aliases_list", responses=AliasSerializer(many=True))
    def get(self, request: Request) -> Response:
        staff_of(request)
        return Response([AliasSerializer(alias).data for alias in aliases_read()])


class ReportListApi(APIView):
    @extend_schema(
        operation_id="reports_list",
        parameters=[OpenApiParameter("model", str)],
        responses=ReportSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        staff_of(request)
        rows = reports_newest()
        if name := request.query_params.get("model"):
            rows = rows.filter(model_version=version_get(name))
        return Response([ReportSerializer(row).data for row in rows[:REPORTS_SHOWN_MAX]])


class ReportDetailApi(APIView):
    @extend_schema(responses=ReportDetailSerializer)
    def get(self, request: Request, report_id: int) -> Response:
        staff_of(request)
        return Response(ReportDetailSerializer(report_get(report_id)).data)


class ReportCompareApi(APIView):
    """Two reports, family by family."""

    @extend_schema(
        parameters=[OpenApiParameter("a", int, required=True), OpenApiParameter("b", int, required=True)],
        responses=ComparisonSerializer,
    )
    def get(self, request: Request) -> Response:
        staff_of(request)
        a, b = report_get(_report_id(request, "a")), report_get(_report_id(request, "b"))
        return Response(ComparisonSerializer(_comparison(a, b)).data)


class ReportSamplesApi(APIView):
    """What two versions answered to the same problems, a page at a time. Reports never change, so pages hold still."""

    class Query(serializers.Serializer[Any]):
        a = serializers.IntegerField(min_value=1)
        b = serializers.IntegerField(min_value=1)
        show = serializers.ChoiceField(SHOWN, default="differ")
        family = serializers.CharField(max_length=NAME_CHARS_MAX, required=False, allow_blank=True, default="")
        offset = serializers.IntegerField(min_value=0, max_value=SAMPLES_OFFSET_MAX, default=0)
        limit = serializers.IntegerField(min_value=1, max_value=SAMPLES_PAGE_MAX, default=10)

    @extend_schema(parameters=[Query], responses=SamplesSerializer)
    def get(self, request: Request) -> Response:
        staff_of(request)
        asked = parsed(self.Query, request.query_params)
        pairs = samples_compare(report_get(asked["a"]), report_get(asked["b"]))
        found = samples_shown(pairs, shown=asked["show"], family=asked["family"])
        page = {
            "num_kept": len(pairs),
            "num_found": len(found),
            "families": sorted({pair.family for pair in pairs}),
            "samples": found[asked["offset"] : asked["offset"] + asked["limit"]],
        }
        return Response(SamplesSerializer(page).data)


def _report_id(request: Request, name: str) -> int:
    given = request.query_params.get(name, "")
    if not given.isascii() or not given.isdigit() or len(given) > 15:
        raise ApplicationError(f"{name} must be the id of a report.", code="invalid_value", param=name)
    return int(given)


def _comparison(a: EvalReport, b: EvalReport) -> dict[str, Any]:
    totals: list[Compared] = [column_compare(a, b, column) for column in COLUMNS]
    return {
        "a": a,
        "b": b,
        "is_same_problems": bool(a.problems_sha256) and a.problems_sha256 == b.problems_sha256,
        "totals": [total for total in totals if total.verdict != "unmeasured"],
        "families": families_compare(a, b),
    }
