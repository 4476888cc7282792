"""ModelVersion (weights with a manifest), EvalReport (how they were measured), Promotion (an alias moved),
Deployment (a version that a node shall hold).

Reports and promotions are append-only records: an alias points where its newest effective promotion says, and going
back is a new promotion. A promotion waits until a node is ready for its version, so that the alias never points at
what nobody answers for. Which node answers now is read from the nodes' own words; a Deployment is only the wish.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q

from backend.core.ids import ID_CHARS_MAX

NAME_CHARS_MAX = 64


class ModelVersion(models.Model):
    class Role(models.TextChoices):
        REASONER = "reasoner"
        VERIFIER = "verifier"

    name = models.CharField(max_length=NAME_CHARS_MAX, unique=True)
    role = models.CharField(max_length=16, choices=Role.choices)
    description = models.TextField(blank=True)

    context_tokens = models.PositiveIntegerField()
    num_parameters = models.BigIntegerField()
    vocab_size = models.PositiveIntegerField()
    dtype = models.CharField(max_length=16, blank=True)  # of the stored matrices: "float32", "bfloat16", "int8"
    card = models.JSONField(default=dict)  # the checkpoint's model_card.json, as it was measured

    # The bytes: none for what a node was started with.
    manifest = models.JSONField(null=True)
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    num_bytes = models.BigIntegerField(default=0)

    # Lineage: data + code + config + parent -> job -> checkpoint. The jobs app is above: its job is a plain id.
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="children")
    job_id = models.CharField(max_length=ID_CHARS_MAX, blank=True)
    step = models.PositiveIntegerField(null=True)
    data_sha256 = models.CharField(max_length=64, blank=True)
    code_version = models.CharField(max_length=64, blank=True)
    config = models.JSONField(default=dict)  # the spec that the job froze

    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            # Registering a checkpoint twice is one version.
            models.UniqueConstraint(
                fields=["manifest_sha256"], condition=Q(manifest__isnull=False), name="model_version_manifest_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class EvalReport(models.Model):
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="eval_reports")
    result = models.JSONField()  # the node's report, as it came
    result_sha256 = models.CharField(max_length=64)

    # What was asked: two reports with one `problems_sha256` answered the same problems.
    problems_sha256 = models.CharField(max_length=64, blank=True)
    families = models.JSONField(default=list)
    num_problems = models.PositiveIntegerField(default=0)  # a family
    seed_start = models.BigIntegerField(default=0)
    is_held_out_wording = models.BooleanField(default=False)
    verifier = models.CharField(max_length=NAME_CHARS_MAX, blank=True)

    # What came of it, with tools: the figure that promotions are judged by.
    n = models.PositiveIntegerField(default=0)
    right = models.PositiveIntegerField(default=0)
    share = models.FloatField(default=0.0)
    interval_low = models.FloatField(default=0.0)  # 95 %
    interval_high = models.FloatField(default=1.0)

    baseline = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, null=True, related_name="+")
    job_id = models.CharField(max_length=ID_CHARS_MAX, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            # Seeding twice from the same card is one report.
            models.UniqueConstraint(fields=["model_version", "result_sha256"], name="eval_report_once"),
        ]
        indexes = [models.Index(fields=["model_version", "-id"], name="eval_report_newest")]

    def __str__(self) -> str:
        return f"{self.model_version_id} {self.result_sha256[:8]}"


class Promotion(models.Model):
    class State(models.TextChoices):
        WAITING = "waiting"  # until a node is ready for the version
        EFFECTIVE = "effective"
        FAILED = "failed"  # no node could load it, or a newer promotion came first

    alias = models.CharField(max_length=NAME_CHARS_MAX)
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="promotions")
    state = models.CharField(max_length=16, choices=State.choices, default=State.EFFECTIVE)
    error = models.TextField(blank=True)

    # What it replaced, and where one click leads back to.
    replaces = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, null=True, related_name="+")
    rollback_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, null=True, related_name="+")
    is_rollback = models.BooleanField(default=False)

    # The audit: who, why, on which evidence.
    promoted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True)  # None: the seed
    reason = models.TextField()
    gates = models.JSONField(default=list)  # as they stood
    candidate_report = models.ForeignKey(EvalReport, on_delete=models.PROTECT, null=True, related_name="+")
    serving_report = models.ForeignKey(EvalReport, on_delete=models.PROTECT, null=True, related_name="+")

    created_at = models.DateTimeField(auto_now_add=True)
    effective_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["alias", "-id"], name="promotion_newest")]

    def __str__(self) -> str:
        return f"{self.alias} -> {self.model_version_id}"


class Deployment(models.Model):
    """The wish that a node holds a version; the row goes when the node has unloaded it."""

    class State(models.TextChoices):
        WANTED = "wanted"
        LOADING = "loading"
        READY = "ready"
        FAILED = "failed"
        UNLOADING = "unloading"

    class Engine(models.TextChoices):
        TORCH = "torch"
        VLLM = "vllm"

    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="deployments")
    node_name = models.CharField(max_length=NAME_CHARS_MAX)
    engine = models.CharField(max_length=16, choices=Engine.choices, default=Engine.TORCH)
    state = models.CharField(max_length=16, choices=State.choices, default=State.WANTED)
    reason = models.TextField(blank=True)  # why it is where it is
    state_since = models.DateTimeField(auto_now_add=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["model_version", "node_name"], name="deployment_once"),
        ]

    def __str__(self) -> str:
        return f"{self.model_version_id} on {self.node_name}: {self.state}"
