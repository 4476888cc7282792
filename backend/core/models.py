"""The audit log's one table: every change of money, keys, prices, promotions and roles made by somebody.

Append-only: triggers of migration 0001 refuse UPDATE and DELETE. Written by `audit.audit_write`, in the transaction of
the change itself, so neither stands without the other. Not here: what runs cost (the ledger is its own record).
"""

from django.db import models
from django.utils import timezone

from backend.core.ids import ID_CHARS_MAX


class AuditEntry(models.Model):
    class Area(models.TextChoices):
        MONEY = "money"
        KEYS = "keys"
        PRICES = "prices"
        PROMOTIONS = "promotions"
        ROLES = "roles"

    created_at = models.DateTimeField(default=timezone.now)
    area = models.CharField(max_length=12, choices=Area.choices)
    action = models.CharField(max_length=48)  # "credit.grant", "key.revoke": thing and verb
    actor = models.CharField(max_length=160)  # a person's e-mail, a key, or the program
    account_id = models.CharField(max_length=ID_CHARS_MAX, blank=True, default="")  # whose, where it is somebody's
    target = models.CharField(max_length=160)  # what changed: an id or a name
    before = models.JSONField(null=True, blank=True)  # None: it was not there
    after = models.JSONField(null=True, blank=True)  # None: it is gone
    reason = models.TextField(blank=True, default="")
    request_id = models.CharField(max_length=64, blank=True, default="")  # empty: a command's or the worker's

    class Meta:
        indexes = (
            models.Index(fields=("area", "-id"), name="audit_of_area"),
            models.Index(fields=("account_id", "-id"), name="audit_of_account"),
        )

    def __str__(self) -> str:
        return f"{self.actor}: {self.action} {self.target}"
