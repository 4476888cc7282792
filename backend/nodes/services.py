"""Nodes: the rows of `SVEND_NODES`, what each said last, and how to speak to one.

A node's silence is an overlay, not a verdict: a failed probe is written beside what was last known, and nothing
is ended because of it. Nodes named in the settings are trusted as they are.
"""

import asyncio
import datetime as dt
import weakref

from django.conf import settings
from django.utils import timezone

from backend.core.threads import service_call
from backend.nodes.client import NodeAddress, NodeClient, NodeRefused, NodeSlow, NodeUnreachable
from backend.nodes.models import Node
from gpu_node.protocol.node import NodeInfo

# A node that answers late is busy, not gone, for this long after it was last heard.
LOST_AFTER = dt.timedelta(seconds=60)


def node_addresses() -> dict[str, NodeAddress]:
    """The trusted nodes of the settings, by name."""
    return {
        entry["name"]: NodeAddress(name=entry["name"], url=entry["url"], secret=entry.get("secret", ""))
        for entry in settings.SVEND_NODES
    }


def nodes_sync() -> list[Node]:
    """Makes the rows say what the settings say; a node no longer named is disabled, never deleted (runs name it)."""
    addresses = node_addresses()
    Node.objects.exclude(name__in=addresses).update(is_enabled=False)
    return [
        Node.objects.update_or_create(name=address.name, defaults={"url": address.url, "is_enabled": True})[0]
        for address in addresses.values()
    ]


def node_probe_record(*, name: str, info: NodeInfo | None, error: str, is_slow: bool = False) -> None:
    now = timezone.now()
    if is_slow and Node.objects.filter(name=name, seen_at__gt=now - LOST_AFTER).update(probed_at=now):
        return
    if info is None:
        Node.objects.filter(name=name).update(probed_at=now, probe_error=error)
        return
    Node.objects.filter(name=name).update(probed_at=now, seen_at=now, probe_error="", info=info.model_dump(mode="json"))


async def node_probe(address: NodeAddress) -> NodeInfo | None:
    """Asks one node for its /info and writes down what came, or why nothing did."""
    info, error, is_slow = None, "", False
    try:
        info = await NodeClient(address).info()
    except (NodeUnreachable, NodeRefused) as failure:
        error, is_slow = str(failure), isinstance(failure, NodeSlow)
    await service_call(node_probe_record, name=address.name, info=info, error=error, is_slow=is_slow)
    return info


async def nodes_probe() -> dict[str, NodeInfo | None]:
    """Probes all trusted nodes at once."""
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
