"""Nodes: the rows of `SVEND_NODES` and those added, what each said last, and how to speak to one.

A node's silence is an overlay, not a verdict: a failed probe is written beside what was last known. It is a verdict
only after LOST_AFTER of failed probes by a prober that kept its own ticks (`node_is_lost`); who has work there decides
what that means. Nodes named in the settings are trusted as they are. Not here: adding and removing (fleet.py).
"""

import asyncio
import datetime as dt
import weakref

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from backend.core.threads import service_call
from backend.nodes.client import NodeAddress, NodeClient, NodeRefused, NodeSlow, NodeUnreachable
from backend.nodes.models import Node
from backend.nodes.secret_box import secret_open
from gpu_node.protocol.node import NodeInfo

log = structlog.get_logger(__name__)

# A node that answers late is busy, not gone, for this long after it was last heard.
LOST_AFTER = dt.timedelta(seconds=60)


# Between two ticks of a prober that is alive; what lies beyond is our own outage and says nothing of the node.
PROBE_GAP_SECONDS_MAX = 25.0

# The nodes added in the web UI, as this process last read them: the request path looks here without a query.
_added: dict[str, NodeAddress] = {}


def _named() -> dict[str, NodeAddress]:
    return {
        entry["name"]: NodeAddress(name=entry["name"], url=entry["url"], secret=entry.get("secret", ""))
        for entry in settings.SVEND_NODES
    }


def node_addresses() -> dict[str, NodeAddress]:
    """All nodes by name: those of the settings, and those added, as last read by `node_addresses_load`."""
    return {**_added, **_named()}


def node_addresses_load() -> dict[str, NodeAddress]:
    """Reads the added nodes afresh, for this process."""
    global _added
    rows = Node.objects.filter(is_enabled=True, is_trusted=False)
    _added = {node.name: node_address(node) for node in rows}
    return node_addresses()


def node_address(node: Node) -> NodeAddress:
    """How to call the node of this row."""
    if (named := _named().get(node.name)) is not None:
        return named
    secret = secret_open(node.secret_encrypted) if node.secret_encrypted else ""
    return NodeAddress(name=node.name, url=node.url, secret=secret, is_trusted=False)


def nodes_sync() -> list[Node]:
    """Makes the rows say what the settings say; a node no longer named is disabled, never deleted (runs name it)."""
    addresses = _named()
    Node.objects.filter(is_trusted=True).exclude(name__in=addresses).update(is_enabled=False)
    node_addresses_load()
    return [
        Node.objects.update_or_create(
            name=address.name, defaults={"url": address.url, "is_enabled": True, "is_trusted": True}
        )[0]
        for address in addresses.values()
    ]


@transaction.atomic
def node_probe_record(*, name: str, info: NodeInfo | None, error: str, is_slow: bool = False) -> None:
    node = Node.objects.select_for_update(no_key=True).filter(name=name).first()
    if node is None:
        return
    now = timezone.now()
    node.silent_seconds = 0.0 if info is not None else node.silent_seconds + _silence(node, now)
    node.probed_at = now
    if info is not None:
        node.seen_at, node.probe_error, node.info = now, "", info.model_dump(mode="json")
    elif not (is_slow and node.seen_at is not None and node.seen_at > now - LOST_AFTER):
        node.probe_error = error
    node.save(update_fields=["silent_seconds", "probed_at", "seen_at", "probe_error", "info"])


def _silence(node: Node, now: dt.datetime) -> float:
    """What this failed probe adds to the node's silence: the time since the last probe, if the prober was alive."""
    if node.probed_at is None:
        return 0.0
    gap = (now - node.probed_at).total_seconds()
    return gap if gap <= PROBE_GAP_SECONDS_MAX else 0.0


def node_is_lost(node: Node) -> bool:
    """Silent for LOST_AFTER while the prober itself kept its ticks."""
    return node.silent_seconds >= LOST_AFTER.total_seconds()


def nodes_ready_for_jobs() -> list[Node]:
    """Nodes that would take a job now, by name."""
    rows = Node.objects.filter(is_enabled=True, probe_error="", is_cordoned=False, is_draining=False)
    found = rows.exclude(role=Node.Role.SERVE).exclude(info=None).order_by("name")
    return [node for node in found if node.jobs_max > 0 and not (node.info or {}).get("is_draining")]


async def node_probe(address: NodeAddress) -> NodeInfo | None:
    """Asks one node for its /info and writes down what came, or why nothing did."""
    info, error, is_slow = None, "", False
    try:
        info = await NodeClient(address).info()
    except (NodeUnreachable, NodeRefused) as failure:
        error, is_slow = str(failure), isinstance(failure, NodeSlow)
    await service_call(node_probe_record, name=address.name, info=info, error=error, is_slow=is_slow)
    if info is not None:
        await _drain_tell(address, info)
    return info


async def _drain_tell(address: NodeAddress, info: NodeInfo) -> None:
    """A node forgets that it drains when it restarts; a wish that did not reach it is told again."""
    row = await service_call(Node.objects.filter(name=address.name).first)
    if row is None or row.is_draining == info.is_draining:
        return
    try:
        await (NodeClient(address).drain() if row.is_draining else NodeClient(address).undrain())
    except (NodeUnreachable, NodeRefused) as failure:
        log.warning("node.drain_untold", node=address.name, error=str(failure))


async def nodes_probe() -> dict[str, NodeInfo | None]:
    """Probes all nodes at once."""
    await service_call(nodes_sync)
    addresses = list(node_addresses().values())
    return dict(
        zip((a.name for a in addresses), await asyncio.gather(*(node_probe(a) for a in addresses)), strict=True)
    )


_probing: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[object]]" = weakref.WeakKeyDictionary()


async def nodes_probe_shared() -> None:
    """Probes once for all who ask at the same time: a thousand requests must not become a thousand probes."""
    loop = asyncio.get_running_loop()
    task = _probing.get(loop)
    if task is None or task.done():
        task = _probing[loop] = asyncio.create_task(nodes_probe())
    await asyncio.shield(task)
