"""The shapes of job_json.py, for the schema; they check nothing on the way out."""

from rest_framework import serializers

from backend.jobs.models import Attempt, Job

Fields = serializers.Serializer[object]


class JobFailureSerializer(Fields):
    cause = serializers.CharField()
    message = serializers.CharField()
    cure = serializers.CharField()


class JobSerializer(Fields):
    id = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(Job.Kind.choices)
    status = serializers.ChoiceField(Job.Status.choices)
    status_reason = serializers.CharField()
    wish = serializers.CharField(help_text="pause, resume or cancel: asked for, not yet confirmed by the node")
    can = serializers.ListField(child=serializers.ChoiceField(["cancel", "pause", "resume", "requeue", "clone"]))
    failure = JobFailureSerializer(allow_null=True)
    priority = serializers.IntegerField()
    account_id = serializers.CharField()
    account_name = serializers.CharField()
    created_by = serializers.CharField(allow_null=True)
    cloned_from = serializers.CharField(allow_null=True)
    schedule_id = serializers.CharField(allow_null=True)
    spec = serializers.DictField()
    spec_sha256 = serializers.CharField()
    budget_nano_usd = serializers.IntegerField(allow_null=True)
    spent_nano_usd = serializers.IntegerField()
    price_nano_usd_per_hour = serializers.IntegerField(help_text="of the nodes it runs on now")
    retries_max = serializers.IntegerField()
    retries_used = serializers.IntegerField()
    losses = serializers.IntegerField()
    epoch = serializers.IntegerField()
    num_nodes = serializers.IntegerField()
    wanted_node_names = serializers.ListField(child=serializers.CharField())
    node_names = serializers.ListField(child=serializers.CharField())
    unreachable_node_names = serializers.ListField(child=serializers.CharField())
    queue_position = serializers.IntegerField(allow_null=True)
    waiting_reason = serializers.CharField()
    step = serializers.IntegerField()
    num_steps = serializers.IntegerField(allow_null=True)
    eta_seconds = serializers.FloatField(allow_null=True)
    values = serializers.DictField(child=serializers.FloatField())
    last_seq = serializers.IntegerField()
    last_event_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class AttemptSerializer(Fields):
    epoch = serializers.IntegerField()
    node_names = serializers.ListField(child=serializers.CharField())
    resumed_from_step = serializers.IntegerField(allow_null=True)
    outcome = serializers.ChoiceField(Attempt.Outcome.choices, allow_blank=True)
    end_reason = serializers.CharField()
    cost_nano_usd = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)


class TransitionSerializer(Fields):
    from_status = serializers.CharField()
    to_status = serializers.CharField()
    reason = serializers.CharField()
    epoch = serializers.IntegerField()
    at = serializers.DateTimeField()


class JobDetailSerializer(JobSerializer):
    attempts = AttemptSerializer(many=True)
    transitions = TransitionSerializer(many=True)


class JobPageSerializer(Fields):
    results = JobSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class JobLoggedEventSerializer(Fields):
    seq = serializers.IntegerField()
    epoch = serializers.IntegerField()
    node_rank = serializers.IntegerField()
    node_seq = serializers.IntegerField()
    at = serializers.DateTimeField()
    event = serializers.DictField()


class JobEventsSerializer(Fields):
    events = JobLoggedEventSerializer(many=True)
    last_seq = serializers.IntegerField(help_text="of the job's log: how far behind the reader is")
    is_complete = serializers.BooleanField(help_text="The job is over and its last event is among these or before.")


class JobMetricsSerializer(Fields):
    steps = serializers.ListField(child=serializers.IntegerField())
    at = serializers.ListField(child=serializers.DateTimeField())
    values = serializers.DictField(child=serializers.ListField(child=serializers.FloatField(allow_null=True)))
    num_rows_total = serializers.IntegerField(help_text="before thinning to minima and maxima")
    last_seq = serializers.IntegerField()


class JobLogLineSerializer(Fields):
    seq = serializers.IntegerField()
    epoch = serializers.IntegerField()
    at = serializers.DateTimeField()
    level = serializers.CharField()
    rank = serializers.IntegerField()
    text = serializers.CharField()


class JobLogSerializer(Fields):
    lines = JobLogLineSerializer(many=True)
    next_after = serializers.IntegerField()
    is_complete = serializers.BooleanField()


class JobCheckpointSerializer(Fields):
    ref = serializers.CharField(help_text="job_…:step, as specs name it")
    step = serializers.IntegerField()
    epoch = serializers.IntegerField()
    state = serializers.ChoiceField(["uploading", "committed", "pruned", "refused"])
    refused_reason = serializers.CharField()
    manifest_sha256 = serializers.CharField()
    num_bytes = serializers.IntegerField()
    num_files = serializers.IntegerField()
    values = serializers.DictField(child=serializers.FloatField())
    keep_reasons = serializers.ListField(child=serializers.CharField(), help_text="last, best, promoted")
    created_at = serializers.DateTimeField()
    committed_at = serializers.DateTimeField(allow_null=True)
    pruned_at = serializers.DateTimeField(allow_null=True)


class SpecPresetSerializer(Fields):
    name = serializers.CharField()
    kind = serializers.CharField()
    description = serializers.CharField()
    spec = serializers.DictField()


class SpecSchemaSerializer(Fields):
    kinds = serializers.DictField(help_text="JSON schema of each kind's spec, by kind")
    presets = SpecPresetSerializer(many=True)


class MemoryPartSerializer(Fields):
    name = serializers.CharField()
    num_bytes = serializers.IntegerField()


class PlanCheckSerializer(Fields):
    name = serializers.CharField()
    is_ok = serializers.BooleanField()
    message = serializers.CharField()
    cure = serializers.CharField()


class JobPlanSerializer(Fields):
    node_name = serializers.CharField()
    is_ok = serializers.BooleanField()
    num_parameters = serializers.IntegerField()
    memory = MemoryPartSerializer(many=True)
    memory_needed_bytes = serializers.IntegerField()
    memory_available_bytes = serializers.IntegerField()
    disk_needed_bytes = serializers.IntegerField()
    disk_available_bytes = serializers.IntegerField()
    seconds_estimated = serializers.FloatField(allow_null=True)
    price_nano_usd_per_hour = serializers.IntegerField()
    cost_nano_usd_estimated = serializers.IntegerField(allow_null=True)
    checks = PlanCheckSerializer(many=True)
    command = serializers.CharField(help_text="the same from the command line")


class PreviewTokenSerializer(Fields):
    text = serializers.CharField(trim_whitespace=False)
    weight = serializers.FloatField()


class PreviewRowSerializer(Fields):
    family = serializers.CharField()
    num_tokens = serializers.IntegerField()
    tokens = PreviewTokenSerializer(many=True)


class JobPreviewSerializer(Fields):
    node_name = serializers.CharField()
    rows = PreviewRowSerializer(many=True)


class ScheduleJobSerializer(Fields):
    id = serializers.CharField()
    status = serializers.ChoiceField(Job.Status.choices)
    created_at = serializers.DateTimeField()


class ScheduleSerializer(Fields):
    id = serializers.CharField()
    name = serializers.CharField()
    spec = serializers.DictField()
    priority = serializers.IntegerField()
    budget_nano_usd = serializers.IntegerField(allow_null=True)
    every_seconds = serializers.IntegerField()
    next_at = serializers.DateTimeField()
    is_enabled = serializers.BooleanField()
    last_error = serializers.CharField(help_text="why its last due time made no job")
    last_job = ScheduleJobSerializer(allow_null=True)
    created_at = serializers.DateTimeField()


class DataFileSerializer(Fields):
    sha256 = serializers.CharField(help_text="of the manifest: what spec.data.file names")
    name = serializers.CharField()
    num_bytes = serializers.IntegerField()
    num_rows = serializers.IntegerField(allow_null=True, help_text="null: too large to be looked through")
    columns = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()


class DataFileStoredSerializer(Fields):
    sha256 = serializers.CharField(help_text="of the manifest: what spec.data.file names")
    is_stored = serializers.BooleanField()
    urls = serializers.DictField(
        child=serializers.CharField(), help_text="PUT each lacking piece there, then ask again"
    )
