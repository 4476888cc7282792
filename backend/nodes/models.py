"""Node: a machine that runs `gpu_node`, and what its last probe said.

`info` is a cache of the node's own words, renewed by `nodes_probe`; the rest is ours. The secret of a node named in
`SVEND_NODES` stays in the settings; that of a node added in the web UI is kept encrypted and never shown again.
"""

from typing import Any

from django.conf import settings
from django.db import models

from backend.core.ids import ID_CHARS_MAX


class Node(models.Model):
    class Role(models.TextChoices):
        """What it is meant for."""

        BOTH = "both"
        TRAIN = "train"
        SERVE = "serve"

    name = models.CharField(max_length=64, unique=True)
    url = models.CharField(max_length=255)
    is_enabled = models.BooleanField(default=True)  # False: removed, or no longer named in the settings
    is_trusted = models.BooleanField(default=True)  # named in SVEND_NODES
    secret_encrypted = models.TextField(blank=True)  # only of a node added in the web UI
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    added_by_key_id = models.CharField(max_length=ID_CHARS_MAX, blank=True)

    role = models.CharField(max_length=8, choices=Role.choices, default=Role.BOTH)
    price_nano_usd_per_hour = models.BigIntegerField(default=0)
    is_cordoned = models.BooleanField(default=False)  # takes no new work
    is_draining = models.BooleanField(default=False)  # takes no new work, and the node knows

    info = models.JSONField(null=True)  # the last NodeInfo, None: never reached
    seen_at = models.DateTimeField(null=True)
    probed_at = models.DateTimeField(null=True)
    probe_error = models.TextField(blank=True)  # empty: the last probe was answered
    # How long it has failed its probes while the prober kept its ticks: our own outage does not count.
    silent_seconds = models.FloatField(default=0.0)

    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name

    @property
    def jobs_max(self) -> int:
        return int((self.info or {}).get("jobs_max", 0))

    @property
    def running_jobs(self) -> list[dict[str, Any]]:
        """What it said that it runs: `RunningJob`s of the wire."""
        return list((self.info or {}).get("running_jobs", []))
