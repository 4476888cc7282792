"""Conversation: the runs asked on one Ask page, in order. A deleted one is hidden; its runs stay, being bills."""

from django.db import models

from backend.core.ids import ID_CHARS_MAX, conversation_id_make


class Conversation(models.Model):
    id = models.CharField(primary_key=True, max_length=ID_CHARS_MAX, default=conversation_id_make)
    account = models.ForeignKey("accounts.Account", on_delete=models.PROTECT, related_name="conversations")
    title = models.CharField(max_length=120)
    created_at = models.DateTimeField(auto_now_add=True)
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["account", "-created_at"], name="conversation_newest")]

    def __str__(self) -> str:
        return self.title
