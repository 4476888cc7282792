"""Run (one answer to one question, with its cost) and TraceEvent (one numbered frame of its log).

A run is live until it is settled: its status becomes terminal in the same transaction that settles its hold, so a
live run and an open hold are the same fact. Who may write to a live run is who holds its lease.
"""

from django.db import models
from django.db.models import Q

from backend.core.ids import ID_CHARS_MAX


class Run(models.Model):
    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"
        CANCELLED = "cancelled"

    class Surface(models.TextChoices):
        """Which door the question came in by; it decides in whose shape the answer is told."""

        ASK = "ask"
        CHAT = "chat"
        COMPLETION = "completion"
        REASON = "reason"

    id = models.CharField(primary_key=True, max_length=ID_CHARS_MAX)
    account = models.ForeignKey("accounts.Account", on_delete=models.PROTECT, related_name="runs")
    api_key = models.ForeignKey("accounts.ApiKey", on_delete=models.PROTECT, null=True, related_name="runs")
    conversation_id = models.CharField(
        max_length=ID_CHARS_MAX, blank=True, db_index=True
    )  # no foreign key: chat is above
    surface = models.CharField(max_length=16, choices=Surface.choices)

    request_id = models.CharField(max_length=64, blank=True, default="")  # of the request that asked

    # What was asked.
    question = models.TextField()
    model = models.CharField(max_length=64)
    spec = models.JSONField()  # the RunSpec as the node gets it
    max_total_tokens = models.PositiveIntegerField()
    price_nano_usd_per_token = models.BigIntegerField()

    # Who works on it, and how far it is.
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.QUEUED)
    node_name = models.CharField(max_length=64, blank=True)
    epoch = models.PositiveIntegerField(default=1)
    lease_owner = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    last_seq = models.PositiveIntegerField(default=0)

    # The counters of the newest frame, then of the settlement.
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    tool_result_tokens = models.PositiveIntegerField(default=0)
    reasoning_tokens = models.PositiveIntegerField(default=0)

    # How it ended.
    answer = models.TextField(blank=True)
    verdict = models.CharField(max_length=16, blank=True)
    score = models.FloatField(null=True)
    finish_reason = models.CharField(max_length=16, blank=True)
    error_code = models.CharField(max_length=64, blank=True)
    error_message = models.TextField(blank=True)
    is_billable = models.BooleanField(null=True)
    cost_nano_usd = models.BigIntegerField(default=0)

    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # The sweep looks only at live runs, which are few among many.
            models.Index(fields=["lease_until"], condition=Q(status__in=["queued", "running"]), name="run_live"),
            models.Index(fields=["account", "-created_at"], name="run_newest"),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def is_live(self) -> bool:
        return self.status in (self.Status.QUEUED, self.Status.RUNNING)


class TraceEvent(models.Model):
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="events", db_index=False)
    seq = models.PositiveIntegerField()
    frame = models.TextField()  # the node's JSON line to the letter: its CRC still holds
    is_terminal = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "seq"], name="trace_event_once")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.seq}"
