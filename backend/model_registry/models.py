"""ModelVersion (weights with a manifest), EvalReport (how they were measured), Promotion (an alias moved).

Reports and promotions are append-only: an alias points where its newest promotion says, and going back is a new
promotion. Which node answers for a version is read from the nodes' own words, never stored here.
"""

from django.conf import settings
from django.db import models


class ModelVersion(models.Model):
    class Role(models.TextChoices):
        REASONER = "reasoner"
        VERIFIER = "verifier"

    name = models.CharField(max_length=64, unique=True)
    role = models.CharField(max_length=16, choices=Role.choices)
    description = models.TextField(blank=True)

    context_tokens = models.PositiveIntegerField()
    num_parameters = models.BigIntegerField()
    vocab_size = models.PositiveIntegerField()
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    card = models.JSONField(default=dict)  # the checkpoint's model_card.json, as it was measured

    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class EvalReport(models.Model):
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="eval_reports")
    result = models.JSONField()
    result_sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            # Seeding twice from the same card is one report.
            models.UniqueConstraint(fields=["model_version", "result_sha256"], name="eval_report_once"),
        ]

    def __str__(self) -> str:
        return f"{self.model_version_id} {self.result_sha256[:8]}"


class Promotion(models.Model):
    alias = models.CharField(max_length=64)
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="promotions")
    promoted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True)  # None: the seed
    reason = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["alias", "-id"], name="promotion_newest")]

    def __str__(self) -> str:
        return f"{self.alias} -> {self.model_version_id}"
