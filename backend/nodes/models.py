"""Node: a machine that runs `gpu_node`, and what its last probe said.

Its secret is not here: it stays in the settings (`SVEND_NODES`). The row is a cache of the node's own words,
renewed by `nodes_probe`; only `name`, `url` and `is_enabled` are ours.
"""

from django.db import models


class Node(models.Model):
    name = models.CharField(max_length=64, unique=True)
    url = models.CharField(max_length=255)
    is_enabled = models.BooleanField(default=True)

    info = models.JSONField(null=True)  # the last NodeInfo, None: never reached
    seen_at = models.DateTimeField(null=True)
    probed_at = models.DateTimeField(null=True)
    probe_error = models.TextField(blank=True)  # empty: the last probe was answered

    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name
