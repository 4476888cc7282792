"""Job (what to do), Attempt (one try, with an epoch), and the log that a try leaves.

The Job row is the truth: its status changes only by `states.job_move`, a conditional UPDATE that also writes a
Transition. JobEvent is append-only, as the node told it; Metric and Checkpoint are what charts and resumption read.
Frames of an epoch below the job's are refused where they are read. Not here: how a spec is run (the node).
"""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from backend.core.ids import ID_CHARS_MAX

LIVE_STATUSES = ("placing", "starting", "running", "paused", "stopping")
ENDED_STATUSES = ("succeeded", "failed", "cancelled")


class Schedule(models.Model):
    """Makes a job each `every_seconds`. `next_at` is the due time; beat's tick finds it. `last_error` says why the
    last due time made none."""

    id = models.CharField(primary_key=True, max_length=ID_CHARS_MAX)
    account = models.ForeignKey("accounts.Account", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    spec = models.JSONField()
    priority = models.SmallIntegerField(default=0)
    budget_nano_usd = models.BigIntegerField(null=True)
    every_seconds = models.PositiveIntegerField()
    next_at = models.DateTimeField()
    is_enabled = models.BooleanField(default=True)
    last_error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(every_seconds__gt=0), name="schedule_moves_on")]

    def __str__(self) -> str:
        return self.name


class Job(models.Model):
    class Status(models.TextChoices):
        QUEUED = "queued"
        PLACING = "placing"  # its nodes are chosen and being told
        STARTING = "starting"  # every node took it
        RUNNING = "running"
        PAUSED = "paused"
        STOPPING = "stopping"  # its end is certain; what it leaves is being stored
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    class Kind(models.TextChoices):
        TRAIN = "train"
        EVALUATE = "evaluate"
        GENERATE = "generate"
        EXPORT = "export"
        QUANTIZE = "quantize"
        IMPORT = "import"

    class Wish(models.TextChoices):
        """What a person asked for and a node has still to confirm."""

        NONE = ""
        PAUSE = "pause"
        RESUME = "resume"
        CANCEL = "cancel"

    id = models.CharField(primary_key=True, max_length=ID_CHARS_MAX)
    account = models.ForeignKey("accounts.Account", on_delete=models.PROTECT, related_name="jobs")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=120)
    cloned_from = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="+")
    schedule = models.ForeignKey(Schedule, on_delete=models.SET_NULL, null=True, related_name="jobs")

    # What was asked; frozen.
    kind = models.CharField(max_length=16, choices=Kind.choices)
    spec = models.JSONField()
    spec_sha256 = models.CharField(max_length=64)
    priority = models.SmallIntegerField(default=0)  # the higher goes first
    budget_nano_usd = models.BigIntegerField(null=True)  # None: no bound
    retries_max = models.PositiveSmallIntegerField(default=0)  # after an error of the code; losses are not counted
    node_names = models.JSONField(default=list)  # only on these nodes; empty: anywhere
    num_nodes = models.PositiveSmallIntegerField(default=1)

    # Where it is.
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.QUEUED)
    status_reason = models.TextField(blank=True)
    wish = models.CharField(max_length=8, choices=Wish.choices, default=Wish.NONE, blank=True)
    wish_reason = models.TextField(blank=True)
    waiting_reason = models.TextField(blank=True)  # why it is not placed, as the last placement saw it
    epoch = models.PositiveIntegerField(default=0)  # of the newest attempt; 0: none yet
    not_before = models.DateTimeField(null=True)  # a retry's due time
    retries_used = models.PositiveSmallIntegerField(default=0)
    losses = models.PositiveSmallIntegerField(default=0)  # since the last committed checkpoint
    spent_nano_usd = models.BigIntegerField(default=0)  # of ended attempts; the live one's is added where it is read

    # How far it is, from the newest frames.
    last_seq = models.PositiveIntegerField(default=0)
    step = models.PositiveIntegerField(default=0)
    num_steps = models.PositiveIntegerField(null=True)
    eta_seconds = models.FloatField(null=True)
    values = models.JSONField(default=dict)  # the newest value of each metric
    last_event_at = models.DateTimeField(null=True)

    # How it ended.
    failure_cause = models.CharField(max_length=32, blank=True)
    failure_message = models.TextField(blank=True)
    failure_cure = models.TextField(blank=True)

    created_at = models.DateTimeField(auto_now_add=True)
    queued_at = models.DateTimeField()  # when a person asked for it; losses do not change its place
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # The placement and the sweeps look at the few that are not over.
            models.Index(fields=["-priority", "queued_at"], condition=Q(status="queued"), name="job_queued"),
            models.Index(fields=["status"], condition=Q(status__in=LIVE_STATUSES), name="job_live"),
            models.Index(fields=["-created_at", "-id"], name="job_newest"),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def is_live(self) -> bool:
        """Some node holds it, or is about to."""
        return self.status in LIVE_STATUSES

    @property
    def is_ended(self) -> bool:
        return self.status in ENDED_STATUSES


class Transition(models.Model):
    """One change of a job's status: when, and why."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="transitions")
    from_status = models.CharField(max_length=16, blank=True)  # empty: it was made
    to_status = models.CharField(max_length=16)
    reason = models.TextField()
    epoch = models.PositiveIntegerField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.job_id} {self.from_status} -> {self.to_status}"


class Attempt(models.Model):
    """One try at a job on its nodes. Open until `ended_at`; `is_closed` refuses everything that comes later."""

    class Outcome(models.TextChoices):
        OPEN = ""
        FINISHED = "finished"
        CANCELLED = "cancelled"
        FAILED = "failed"
        LOST = "lost"
        NOT_PLACED = "not_placed"  # a node of the gang did not take it

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="attempts")
    epoch = models.PositiveIntegerField()
    resumed_from = models.ForeignKey("Checkpoint", on_delete=models.SET_NULL, null=True, related_name="+")
    rendezvous = models.JSONField(null=True)  # {"master_host", "master_port"}; None: one process alone
    price_nano_usd_per_hour = models.BigIntegerField(default=0)  # of all its nodes, when it was placed
    outcome = models.CharField(max_length=16, choices=Outcome.choices, default=Outcome.OPEN, blank=True)
    end_reason = models.TextField(blank=True)
    cost_nano_usd = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)  # its processes are gone; their last uploads may still come

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "epoch"], name="attempt_once")]
        indexes = [models.Index(fields=["created_at"], condition=Q(ended_at__isnull=True), name="attempt_open")]

    def __str__(self) -> str:
        return f"{self.job_id} epoch {self.epoch}"


class AttemptNode(models.Model):
    """A node's part in an attempt: its rank, whether it took the order, how it ended there."""

    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="parts")
    node = models.ForeignKey("nodes.Node", on_delete=models.PROTECT, related_name="+")
    node_rank = models.PositiveSmallIntegerField()
    accepted_at = models.DateTimeField(null=True)
    missing_since = models.DateTimeField(null=True)  # the node answers without it
    wish_sent = models.CharField(max_length=8, blank=True)
    wish_sent_at = models.DateTimeField(null=True)
    last_seq = models.PositiveIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)
    terminal = models.JSONField(null=True)  # its last event: job.finished, job.cancelled or job.failed

    class Meta:
        constraints = [models.UniqueConstraint(fields=["attempt", "node_rank"], name="attempt_rank_once")]

    def __str__(self) -> str:
        return f"{self.attempt_id} rank {self.node_rank}"

    @property
    def end(self) -> dict[str, Any]:
        """Its last event; empty while it goes on."""
        return dict(self.terminal or {})


class JobEvent(models.Model):
    """A frame of the node's, numbered twice: `node_seq` as the node did, `seq` over all attempts of the job."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events", db_index=False)
    seq = models.PositiveIntegerField()  # from 1, no gaps: what readers resume by
    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="events", db_index=False)
    node_rank = models.PositiveSmallIntegerField()
    node_seq = models.PositiveIntegerField()
    type = models.CharField(max_length=24)
    event = models.JSONField()
    at = models.DateTimeField()  # by the node's clock

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "seq"], name="job_event_seq_once"),
            models.UniqueConstraint(fields=["attempt", "node_rank", "node_seq"], name="job_event_once"),
        ]
        indexes = [models.Index(fields=["job", "type", "seq"], name="job_event_type")]

    def __str__(self) -> str:
        return f"{self.job_id} {self.seq}"


class Metric(models.Model):
    """One step's values. A later attempt's row of the same step stands beside it; readers take the newest."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="metrics", db_index=False)
    epoch = models.PositiveIntegerField()
    seq = models.PositiveIntegerField()  # of its JobEvent
    step = models.PositiveIntegerField()
    values = models.JSONField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "seq"], name="metric_once")]
        indexes = [models.Index(fields=["job", "step", "epoch"], name="metric_step")]

    def __str__(self) -> str:
        return f"{self.job_id} step {self.step}"


class Checkpoint(models.Model):
    """What a job left at a step. Resumable only when committed: every piece lies verified in the store."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="checkpoints")
    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="checkpoints")
    node = models.ForeignKey("nodes.Node", on_delete=models.PROTECT, related_name="+")
    step = models.PositiveIntegerField()
    manifest = models.JSONField()
    manifest_sha256 = models.CharField(max_length=64)
    num_bytes = models.BigIntegerField()
    values = models.JSONField(default=dict)  # the metrics at that step, for "best"

    urls_sent_at = models.DateTimeField(null=True)
    urls_sent_times = models.PositiveSmallIntegerField(default=0)
    uploaded_at = models.DateTimeField(null=True)  # the node says so
    committed_at = models.DateTimeField(null=True)  # the store says so
    refused_reason = models.TextField(blank=True)  # it will never be committed
    pruned_at = models.DateTimeField(null=True)  # its pieces may be gone
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["attempt", "step"], name="checkpoint_once")]
        indexes = [
            models.Index(
                fields=["node"],
                condition=Q(committed_at__isnull=True, pruned_at__isnull=True, refused_reason=""),
                name="checkpoint_pending",
            )
        ]

    def __str__(self) -> str:
        return f"{self.job_id}:{self.step}"

    @property
    def state(self) -> str:
        if self.refused_reason:
            return "refused"
        if self.pruned_at is not None:
            return "pruned"
        return "uploading" if self.committed_at is None else "committed"


class FollowCursor(models.Model):
    """How far a node's journal was read, and who reads it now: one reader at a time."""

    node = models.OneToOneField("nodes.Node", on_delete=models.CASCADE, primary_key=True, related_name="+")
    journal_id = models.CharField(max_length=64, blank=True)
    position = models.BigIntegerField(default=0)
    lease_owner = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True)
    caught_up_at = models.DateTimeField(null=True)  # nothing was left to read then
    error = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.node_id} at {self.position}"


class DataFile(models.Model):
    """A file of JSON lines that somebody stored for jobs to train on; its pieces stay while the row does."""

    manifest_sha256 = models.CharField(primary_key=True, max_length=64)
    account = models.ForeignKey("accounts.Account", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    num_bytes = models.BigIntegerField()
    num_rows = models.PositiveIntegerField(null=True)  # None: too large to be looked through when it was stored
    columns = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.name} {self.manifest_sha256[:8]}"
