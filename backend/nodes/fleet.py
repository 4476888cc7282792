"""What an operator does to nodes: add, cordon, drain, price, remove. Rows only; the node hears of a drain by the probe.

A node of `SVEND_NODES` can be cordoned, drained and priced here, but is added and removed in the settings.
"""

import re
import secrets
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from backend.core.errors import ApplicationError, NotFound
from backend.nodes.models import Node
from backend.nodes.secret_box import secret_seal
from backend.nodes.services import node_addresses, node_addresses_load
from backend.nodes.url_guard import url_check

NODES_MAX = 1_000
SECRET_CHARS_MIN = 16
PRICE_NANO_USD_MAX = 10**13  # ten thousand dollars an hour
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def node_get(name: str) -> Node:
    """Raises NotFound."""
    node = Node.objects.filter(name=name, is_enabled=True).first()
    if node is None:
        raise NotFound(f"There is no node {name!r}.", code="node_not_found")
    return node


def node_add(
    *,
    name: str,
    url: str,
    secret: str,
    price_nano_usd_per_hour: int,
    role: str,
    added_by_id: int | None,
    added_by_key_id: str,
) -> Node:
    """Raises ApplicationError: a name that is taken, a URL that is not allowed, a secret too short."""
    if not _NAME.fullmatch(name):
        raise ApplicationError("A node's name is small letters, digits and hyphens, at most 63.", param="name")
    if len(secret) < SECRET_CHARS_MIN:
        raise ApplicationError(f"A node's secret has at least {SECRET_CHARS_MIN} characters.", param="secret")
    if Node.objects.filter(is_enabled=True).count() >= NODES_MAX:
        raise ApplicationError(f"At most {NODES_MAX} nodes.", code="too_many_nodes")
    fields: dict[str, Any] = {
        "url": url_check(url),
        "is_enabled": True,
        "is_trusted": False,
        "secret_encrypted": secret_seal(secret),
        "added_by_id": added_by_id,
        "added_by_key_id": added_by_key_id,
        "price_nano_usd_per_hour": price_nano_usd_per_hour,
        "role": role,
        "is_cordoned": False,
        "is_draining": False,
        "info": None,
        "seen_at": None,
        "probed_at": None,
        "probe_error": "",
        "silent_seconds": 0.0,
    }
    taken = ApplicationError(f"The name {name!r} is taken.", code="name_taken", status=409, param="name")
    try:
        with transaction.atomic():
            # A removed node may come back under its name: runs and jobs that name it mean the same machine.
            if Node.objects.filter(name=name, is_enabled=False, is_trusted=False).update(**fields):
                node = Node.objects.get(name=name)
            else:
                node = Node.objects.create(name=name, **fields)
    except IntegrityError as error:
        raise taken from error
    node_addresses_load()
    return node


def node_change(name: str, **changes: Any) -> Node:
    """Price, role, cordon, drain."""
    allowed = {"price_nano_usd_per_hour", "role", "is_cordoned", "is_draining"}
    assert changes.keys() <= allowed, changes.keys() - allowed
    node = node_get(name)
    Node.objects.filter(id=node.id).update(**changes)
    return node_get(name)


def node_remove(name: str) -> None:
    """Forgets the node's address and secret; its row stays, because runs and jobs name it."""
    node = node_get(name)
    if name in {entry["name"] for entry in settings.SVEND_NODES}:
        raise ApplicationError(
            f"{name!r} is named in SVEND_NODES: take it out there.", code="node_in_settings", status=409
        )
    busy = [] if node.probe_error else (node.info or {}).get("running_jobs", [])
    if busy:
        raise ApplicationError(
            f"{len(busy)} jobs run on {name!r}: drain it and wait, or cancel them.", code="node_busy", status=409
        )
    Node.objects.filter(id=node.id).update(is_enabled=False, secret_encrypted="")
    node_addresses_load()


def start_lines(*, port: int) -> dict[str, Any]:
    """A new secret, and the two lines that start a node with it."""
    secret = secrets.token_urlsafe(32)
    lines = [
        f"export SVEND_NODE_SECRET={secret}",
        f"python -m gpu_node serve --host 0.0.0.0 --port {port} --model-path MODEL --secret-env SVEND_NODE_SECRET",
    ]
    return {"secret": secret, "lines": lines, "known_names": sorted(node_addresses())}
