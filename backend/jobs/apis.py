"""/api/jobs and /api/schedules: the operator's. Parse, authorise, call one service, answer.

Jobs are seen by whoever has the scope `jobs` or `admin`: staff, and keys that staff made; an account is named on a
job for its fair share, not to hide it.
"""

from typing import Any, get_args

from asgiref.sync import async_to_sync
from drf_spectacular.utils import extend_schema
from pydantic import ValidationError
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.authentication import caller_of
from backend.accounts.callers import Caller
from backend.core.errors import ApplicationError, NotAllowed
from backend.core.given import parsed
from backend.jobs import data_files, reading, schedules, services, tell
from backend.jobs.planning import job_plan, job_preview
from backend.jobs.presets import spec_schema
from backend.jobs.reports import checkpoint_register
from backend.jobs.serializers import (
    DataFileSerializer,
    DataFileStoredSerializer,
    JobCheckpointSerializer,
    JobDetailSerializer,
    JobEventsSerializer,
    JobLogSerializer,
    JobMetricsSerializer,
    JobPageSerializer,
    JobPlanSerializer,
    JobPreviewSerializer,
    JobSerializer,
    ScheduleSerializer,
    SpecSchemaSerializer,
)
from gpu_node.protocol.job_spec import Objective
from gpu_node.protocol.manifest import Manifest

JOBS_PAGE_MAX = 100
EVENTS_PAGE_MAX = 1_000
LOG_PAGE_MAX = 2_000
POINTS_MAX = 5_000
PRIORITY_MAX = 100
BUDGET_NANO_USD_MAX = 10**15  # a million dollars
RETRIES_MAX = 20
EVERY_SECONDS_MIN = 60


def operator_of(request: Request) -> Caller:
    """The caller, who must be an operator. Raises NotAllowed."""
    caller = caller_of(request)
    if not caller.scopes & {"jobs", "admin"}:
        raise NotAllowed("Jobs are the operator's: sign in as staff, or use a key with the scope 'jobs'.")
    return caller


class JobTerms(serializers.Serializer[Any]):
    """How a job is to be treated, apart from what it does."""

    name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    priority = serializers.IntegerField(min_value=-PRIORITY_MAX, max_value=PRIORITY_MAX, required=False)
    budget_nano_usd = serializers.IntegerField(
        min_value=1, max_value=BUDGET_NANO_USD_MAX, required=False, allow_null=True
    )
    retries_max = serializers.IntegerField(min_value=0, max_value=RETRIES_MAX, required=False)
    node_names = serializers.ListField(
        child=serializers.CharField(max_length=64), max_length=64, required=False, help_text="only these; empty: any"
    )


class JobListApi(APIView):
    class Query(serializers.Serializer[Any]):
        status = serializers.CharField(required=False, allow_blank=True, help_text="one or more, by comma")
        kind = serializers.CharField(required=False, allow_blank=True)
        cursor = serializers.CharField(required=False, allow_blank=True, max_length=100)
        limit = serializers.IntegerField(min_value=1, max_value=JOBS_PAGE_MAX, default=50)

    class Input(JobTerms):
        id = serializers.CharField(max_length=40, required=False, help_text="job_…, made by the asker")
        spec = serializers.DictField(help_text="as /api/jobs/spec-schema says")

    @extend_schema(operation_id="jobs_list", parameters=[Query], responses=JobPageSerializer)
    def get(self, request: Request) -> Response:
        operator_of(request)
        query = parsed(self.Query, request.query_params)
        statuses = [text for text in query.get("status", "").split(",") if text]
        return Response(
            reading.jobs_page(
                statuses=statuses, kind=query.get("kind", ""), cursor=query.get("cursor", ""), limit=query["limit"]
            )
        )

    @extend_schema(operation_id="jobs_create", request=Input, responses={201: JobSerializer, 200: JobSerializer})
    def post(self, request: Request) -> Response:
        caller = operator_of(request)
        given = parsed(self.Input, request.data)
        job_id = given.pop("id", None)
        job, is_new = services.job_create(
            job_id=job_id,
            account_id=caller.account_id,
            created_by_id=caller.user_id,
            spec=given.pop("spec"),
            terms=services.Terms(**given),
        )
        return Response(reading.job_read(job.id), status=201 if is_new else 200)


class JobDetailApi(APIView):
    @extend_schema(responses=JobDetailSerializer)
    def get(self, request: Request, job_id: str) -> Response:
        operator_of(request)
        return Response(reading.job_detail(job_id))


class JobEventsApi(APIView):
    class Query(serializers.Serializer[Any]):
        after = serializers.IntegerField(min_value=0, default=0)
        limit = serializers.IntegerField(min_value=1, max_value=EVENTS_PAGE_MAX, default=500)
        types = serializers.CharField(required=False, allow_blank=True, help_text="one or more, by comma")

    @extend_schema(parameters=[Query], responses=JobEventsSerializer)
    def get(self, request: Request, job_id: str) -> Response:
        operator_of(request)
        query = parsed(self.Query, request.query_params)
        types = [text for text in query.get("types", "").split(",") if text]
        return Response(reading.events_page(job_id, after=query["after"], limit=query["limit"], types=types))


class JobMetricsApi(APIView):
    class Query(serializers.Serializer[Any]):
        names = serializers.CharField(required=False, allow_blank=True, help_text="by comma; none: all")
        points_max = serializers.IntegerField(min_value=2, max_value=POINTS_MAX, default=1_000)
        after_seq = serializers.IntegerField(min_value=0, default=0)

    @extend_schema(parameters=[Query], responses=JobMetricsSerializer)
    def get(self, request: Request, job_id: str) -> Response:
        operator_of(request)
        query = parsed(self.Query, request.query_params)
        names = [text for text in query.get("names", "").split(",") if text]
        return Response(
            reading.metrics_read(job_id, names=names, points_max=query["points_max"], after_seq=query["after_seq"])
        )


class JobLogApi(APIView):
    class Query(serializers.Serializer[Any]):
        after = serializers.IntegerField(min_value=0, default=0)
        limit = serializers.IntegerField(min_value=1, max_value=LOG_PAGE_MAX, default=500)
        level = serializers.ChoiceField(["debug", "info", "warning", "error"], required=False, allow_blank=True)
        search = serializers.CharField(required=False, allow_blank=True, max_length=200)
        rank = serializers.IntegerField(min_value=0, required=False)

    @extend_schema(parameters=[Query], responses=JobLogSerializer)
    def get(self, request: Request, job_id: str) -> Response:
        operator_of(request)
        query = parsed(self.Query, request.query_params)
        return Response(reading.log_page(job_id, **query))


class JobCheckpointsApi(APIView):
    @extend_schema(responses=JobCheckpointSerializer(many=True))
    def get(self, request: Request, job_id: str) -> Response:
        operator_of(request)
        return Response(reading.checkpoints_read(job_id))


class JobCheckpointRegisterApi(APIView):
    class Input(serializers.Serializer[Any]):
        name = serializers.CharField(max_length=64, required=False, help_text="none: made from the job and the step")
        description = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")

    class Output(serializers.Serializer[Any]):
        name = serializers.CharField()
        manifest_sha256 = serializers.CharField()

    @extend_schema(request=Input, responses=Output)
    def post(self, request: Request, job_id: str, step: int) -> Response:
        operator_of(request)
        version = checkpoint_register(job_id, step, **parsed(self.Input, request.data))
        return Response(self.Output(version).data)


class WishInput(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class JobCancelApi(APIView):
    @extend_schema(request=WishInput, responses=JobSerializer)
    def post(self, request: Request, job_id: str) -> Response:
        caller = operator_of(request)
        reason = parsed(WishInput, request.data)["reason"] or f"cancelled by {caller.name}"
        services.job_cancel(job_id, reason=reason)
        async_to_sync(tell.wish_tell)(job_id)
        return Response(reading.job_read(job_id))


class JobPauseApi(APIView):
    @extend_schema(request=WishInput, responses=JobSerializer)
    def post(self, request: Request, job_id: str) -> Response:
        caller = operator_of(request)
        reason = parsed(WishInput, request.data)["reason"] or f"paused by {caller.name}"
        services.job_pause(job_id, reason=reason)
        async_to_sync(tell.wish_tell)(job_id)
        return Response(reading.job_read(job_id))


class JobResumeApi(APIView):
    @extend_schema(request=WishInput, responses=JobSerializer)
    def post(self, request: Request, job_id: str) -> Response:
        caller = operator_of(request)
        reason = parsed(WishInput, request.data)["reason"] or f"resumed by {caller.name}"
        services.job_resume(job_id, reason=reason)
        async_to_sync(tell.wish_tell)(job_id)
        return Response(reading.job_read(job_id))


class JobRequeueApi(APIView):
    @extend_schema(request=WishInput, responses=JobSerializer)
    def post(self, request: Request, job_id: str) -> Response:
        caller = operator_of(request)
        reason = parsed(WishInput, request.data)["reason"] or f"requeued by {caller.name}"
        services.job_requeue(job_id, reason=reason)
        return Response(reading.job_read(job_id))


class JobCloneApi(APIView):
    class Input(JobTerms):
        id = serializers.CharField(max_length=40, required=False, help_text="job_…, made by the asker")
        changes = serializers.DictField(required=False, help_text="to the spec, as a JSON merge patch")

    @extend_schema(request=Input, responses={201: JobSerializer, 200: JobSerializer})
    def post(self, request: Request, job_id: str) -> Response:
        caller = operator_of(request)
        given = parsed(self.Input, request.data)
        new_id = given.pop("id", None)
        job, is_new = services.job_clone(
            job_id,
            new_job_id=new_id,
            account_id=caller.account_id,
            created_by_id=caller.user_id,
            changes=given.pop("changes", {}),
            terms=given,
        )
        return Response(reading.job_read(job.id), status=201 if is_new else 200)


class JobSpecSchemaApi(APIView):
    @extend_schema(responses=SpecSchemaSerializer)
    def get(self, request: Request) -> Response:
        operator_of(request)
        return Response(spec_schema())


class JobPlanApi(APIView):
    class Input(serializers.Serializer[Any]):
        spec = serializers.DictField()
        node_name = serializers.CharField(max_length=64, required=False, help_text="none: the first that takes jobs")

    @extend_schema(request=Input, responses=JobPlanSerializer)
    def post(self, request: Request) -> Response:
        operator_of(request)
        given = parsed(self.Input, request.data)
        return Response(async_to_sync(job_plan)(spec=given["spec"], node_name=given.get("node_name", "")))


class JobPreviewApi(APIView):
    class Input(serializers.Serializer[Any]):
        data = serializers.DictField(help_text="the spec's `data`")  # type: ignore[assignment]  # a field of that name
        objective = serializers.ChoiceField(get_args(Objective), default="sft")
        parent = serializers.CharField(  # type: ignore[assignment]  # as above
            max_length=128, default=None, allow_null=True, help_text="the checkpoint that will read the rows"
        )
        num_rows = serializers.IntegerField(min_value=1, max_value=20, default=5)
        node_name = serializers.CharField(max_length=64, required=False)

    @extend_schema(request=Input, responses=JobPreviewSerializer)
    def post(self, request: Request) -> Response:
        operator_of(request)
        given = parsed(self.Input, request.data)
        data = given.pop("data")
        return Response(async_to_sync(job_preview)(data=data, node_name=given.pop("node_name", ""), **given))


class ScheduleListApi(APIView):
    class Input(serializers.Serializer[Any]):
        name = serializers.CharField(max_length=120)
        spec = serializers.DictField()
        priority = serializers.IntegerField(min_value=-PRIORITY_MAX, max_value=PRIORITY_MAX, default=0)
        budget_nano_usd = serializers.IntegerField(
            min_value=1, max_value=BUDGET_NANO_USD_MAX, required=False, allow_null=True
        )
        every_seconds = serializers.IntegerField(min_value=EVERY_SECONDS_MIN)
        first_at = serializers.DateTimeField(required=False, help_text="none: now")

    @extend_schema(operation_id="schedules_list", responses=ScheduleSerializer(many=True))
    def get(self, request: Request) -> Response:
        operator_of(request)
        return Response(reading.schedules_read())

    @extend_schema(request=Input, responses={201: ScheduleSerializer})
    def post(self, request: Request) -> Response:
        caller = operator_of(request)
        schedule = schedules.schedule_create(account_id=caller.account_id, **parsed(self.Input, request.data))
        return Response(reading.schedule_read(schedule.id), status=201)


class ScheduleDetailApi(APIView):
    class Input(serializers.Serializer[Any]):
        is_enabled = serializers.BooleanField()

    @extend_schema(request=Input, responses=ScheduleSerializer)
    def patch(self, request: Request, schedule_id: str) -> Response:
        operator_of(request)
        schedules.schedule_enable(schedule_id, **parsed(self.Input, request.data))
        return Response(reading.schedule_read(schedule_id))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, schedule_id: str) -> Response:
        operator_of(request)
        schedules.schedule_delete(schedule_id)
        return Response(status=204)


class DataFilesApi(APIView):
    """Stores a file in two calls: the first gives URLs for the pieces that are lacking, the second keeps it."""

    class Input(serializers.Serializer[Any]):
        manifest = serializers.DictField(help_text="files, each with its pieces' SHA-256 and bytes")
        name = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")

    @extend_schema(operation_id="artifacts_list", responses=DataFileSerializer(many=True))
    def get(self, request: Request) -> Response:
        operator_of(request)
        return Response(data_files.data_files_read())

    @extend_schema(operation_id="artifacts_store", request=Input, responses=DataFileStoredSerializer)
    def post(self, request: Request) -> Response:
        caller = operator_of(request)
        given = parsed(self.Input, request.data)
        try:
            manifest = Manifest.model_validate(given["manifest"])
        except ValidationError as error:
            raise ApplicationError(f"manifest: {error.errors()[0]['msg']}", param="manifest") from error
        stored = data_files.data_file_store(manifest=manifest, name=given["name"], account_id=caller.account_id)
        return Response(stored)


class DataFileApi(APIView):
    @extend_schema(responses={204: None})
    def delete(self, request: Request, sha256: str) -> Response:
        operator_of(request)
        data_files.data_file_delete(sha256)
        return Response(status=204)
