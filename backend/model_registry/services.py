"""Which model a name means, and which node answers for it.

A request names a version or an alias; `model_resolve` gives the version from a snapshot of the registry that is
at most SNAPSHOT_SECONDS old, so that the request path asks the database for none of it. Nodes are chosen by what
they said in their last probe; when none is known to hold the version, they are asked once more before refusing.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from backend.core.audit import Area, audit_write
from backend.core.errors import ApplicationError, ServiceUnavailable
from backend.core.threads import service_call
from backend.metering.services import ModelNotPriced, price_read
from backend.model_registry.models import ModelVersion, Promotion
from backend.nodes.client import NodeAddress
from backend.nodes.models import Node
from backend.nodes.services import node_addresses, node_addresses_load, nodes_probe_shared
from gpu_node.protocol.manifest import Manifest
from gpu_node.protocol.run_spec import BUILT_IN_TOOLS

# A promotion is seen by every process within this; short enough for an operator, long enough to cost nothing.
SNAPSHOT_SECONDS = 2.0
NODE_RETRY_AFTER_SECONDS = 5  # what a client is told when no node is ready: about one restart of a small node
DEFAULT_ALIAS = "svend-latest"
# In local mode these documented names mean the default until a real one is promoted.
LOCAL_ALIASES = ("svend-latest", "svend-13b", "svend-7b")


class ModelNotFound(ApplicationError):
    code, status = "model_not_found", 404

    def __init__(self, name: str) -> None:
        message = f"The model {name!r} does not exist or you do not have access to it. GET /v1/models lists them."
        super().__init__(message, param="model")


class ModelNotReady(ServiceUnavailable):
    """No node answers for the version now; it may heal, so clients may retry."""

    code = "model_not_ready"

    def __init__(self, name: str) -> None:
        message = f"No node is ready for the model {name!r} at the moment. Try again in a few seconds."
        super().__init__(message, retry_after_seconds=NODE_RETRY_AFTER_SECONDS)


@dataclass(frozen=True, kw_only=True)
class NodeView:
    """What matters of a node for choosing it."""

    name: str
    is_reachable: bool
    is_closed: bool  # cordoned or draining: takes nothing new; what runs there goes on
    is_for_serving: bool
    models: frozenset[str]
    criticised: frozenset[str] = frozenset()  # reasoners whose steps and answers a critic there can score
    tools: frozenset[str] = frozenset()

    @property
    def is_open(self) -> bool:
        return self.is_reachable and not self.is_closed


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    versions: dict[str, ModelVersion]
    aliases: dict[str, str]  # alias -> version name
    listed: frozenset[str]  # what customers are shown: not a job's checkpoints before their promotion
    nodes: tuple[NodeView, ...]
    addresses: dict[str, NodeAddress]  # by the nodes' names
    made_at: float = field(default_factory=time.monotonic)

    @property
    def default_version(self) -> str | None:
        return self.aliases.get(DEFAULT_ALIAS)

    def aliases_of(self, version: str) -> list[str]:
        return sorted(alias for alias, name in self.aliases.items() if name == version)

    @property
    def tools(self) -> frozenset[str]:
        """What runs may call somewhere: the built-in tools, and what nodes add by plug-ins and MCP servers."""
        return frozenset(BUILT_IN_TOOLS).union(*(node.tools for node in self.nodes))

    def has_ready_node(self, version: str) -> bool:
        return any(node.is_open and version in node.models for node in self.nodes)

    def has_critic(self, version: str) -> bool:
        """On every ready node that has it: which one will answer is not known before."""
        ready = [node for node in self.nodes if node.is_open and version in node.models]
        return bool(ready) and all(version in node.criticised for node in ready)


_snapshot: Snapshot | None = None


def _node_view(node: Node) -> NodeView:
    info = node.info or {}
    return NodeView(
        name=node.name,
        is_reachable=bool(node.info) and not node.probe_error,
        is_closed=node.is_cordoned or node.is_draining or bool(info.get("is_draining", False)),
        is_for_serving=node.role != Node.Role.TRAIN,
        models=frozenset(model["version"] for model in info.get("models", [])),
        criticised=frozenset(model["version"] for model in info.get("models", []) if model.get("has_critic")),
        tools=frozenset(info.get("tools", [])),
    )


def nodes_read() -> tuple[NodeView, ...]:
    """The nodes as their last words say, read afresh."""
    known = node_addresses_load()
    return tuple(_node_view(node) for node in Node.objects.filter(is_enabled=True) if node.name in known)


def snapshot_load() -> Snapshot:
    """Reads the registry afresh, for this process."""
    global _snapshot
    versions = {version.name: version for version in ModelVersion.objects.defer("manifest", "config")}
    effective = Promotion.objects.filter(state=Promotion.State.EFFECTIVE)
    promotions = effective.order_by("alias", "-id").distinct("alias").select_related("model_version")
    _snapshot = Snapshot(
        versions=versions,
        aliases={promotion.alias: promotion.model_version.name for promotion in promotions},
        listed=frozenset(version.name for version in versions.values() if not version.job_id)
        | frozenset(effective.values_list("model_version__name", flat=True)),
        nodes=nodes_read(),
        addresses=node_addresses(),  # as nodes_read has just loaded them
    )
    return _snapshot


def snapshot_forget() -> None:
    """The next reader reads afresh."""
    global _snapshot
    _snapshot = None


def snapshot_read() -> Snapshot:
    """At most SNAPSHOT_SECONDS old."""
    if _snapshot is not None and time.monotonic() - _snapshot.made_at < SNAPSHOT_SECONDS:
        return _snapshot
    return snapshot_load()


async def snapshot() -> Snapshot:
    """`snapshot_read` without leaving the event loop while the cached one holds."""
    if _snapshot is not None and time.monotonic() - _snapshot.made_at < SNAPSHOT_SECONDS:
        return _snapshot
    return await service_call(snapshot_load)


def model_resolve(registry: Snapshot, name: str | None) -> ModelVersion:
    """The reasoner that a request's `model` means.

    Raises:
        ModelNotFound: no such version or alias, or none given where that is not allowed.
    """
    if name is None:
        if not settings.IS_LOCAL:
            raise ApplicationError("You must provide a model.", code="missing_required_parameter", param="model")
        name = registry.default_version or DEFAULT_ALIAS
    version = registry.versions.get(registry.aliases.get(name, name))
    if version is None or version.role != ModelVersion.Role.REASONER:
        raise ModelNotFound(name)
    return version


def version_get(name: str) -> ModelVersion:
    """The version of that name, of any role. Raises ModelNotFound."""
    version = ModelVersion.objects.select_related("parent").filter(name=name).first()
    if version is None:
        raise ModelNotFound(name)
    return version


def version_price(version: ModelVersion) -> int | None:
    """n$ a token; None for what is not sold by itself, as a verifier."""
    try:
        return price_read(version.name)
    except ModelNotPriced:
        return None


def nodes_ready(registry: Snapshot, version: str, *, exclude: frozenset[str] = frozenset()) -> list[NodeAddress]:
    """The open nodes that hold the version."""
    names = [n.name for n in registry.nodes if n.is_open and version in n.models and n.name not in exclude]
    return [registry.addresses[name] for name in names]


def tools_check(registry: Snapshot, names: Sequence[str], *, param: str) -> None:
    """Raises ApplicationError: no node has this tool; `param` is where the names stand, as in "tools[{}]"."""
    for index, name in enumerate(names):
        if name not in registry.tools:
            message = f"Unknown tool {name[:64]!r}: use {', '.join(sorted(registry.tools))}."
            raise ApplicationError(message, code="invalid_value", param=param.format(index))


async def nodes_for(version: str, *, exclude: frozenset[str] = frozenset()) -> list[NodeAddress]:
    """The nodes that could take a run of the version, at least one; asks the nodes once more before giving up. Which
    of them gets it: runs.routing.

    Raises:
        ModelNotReady: none answers for it now.
    """
    nodes = nodes_ready(await snapshot(), version, exclude=exclude)
    if not nodes:
        await nodes_probe_shared()
        nodes = nodes_ready(await service_call(snapshot_load), version, exclude=exclude)
    if not nodes:
        raise ModelNotReady(version)
    return nodes


@transaction.atomic
def model_version_register(
    *,
    name: str,
    role: str,
    context_tokens: int,
    num_parameters: int,
    vocab_size: int,
    manifest_sha256: str = "",
    manifest: Manifest | None = None,
    dtype: str = "",
    card: dict[str, Any] | None = None,
) -> ModelVersion:
    """Makes or renews the row of what is shipped, or of what a node was started with. What a job made:
    versions.py."""
    version, _ = ModelVersion.objects.update_or_create(
        name=name,
        defaults={
            "role": role,
            "description": str((card or {}).get("description", "")),
            "context_tokens": context_tokens,
            "num_parameters": num_parameters,
            "vocab_size": vocab_size,
            "dtype": dtype,
            "manifest": manifest.model_dump(mode="json") if manifest else None,
            "manifest_sha256": manifest.sha256 if manifest else manifest_sha256,
            "num_bytes": manifest.num_bytes if manifest else 0,
            "card": card or {},
        },
    )
    return version


@transaction.atomic
def model_promote(*, alias: str, version: ModelVersion, reason: str) -> Promotion:
    """Points a fresh alias at the version, without a person or gates: only the seed does. Else: promotions.py."""
    promotion = Promotion.objects.create(alias=alias, model_version=version, reason=reason, effective_at=timezone.now())
    audit_write(
        area=Area.PROMOTIONS,
        action="promotion.seed",
        target=alias,
        before=None,
        after={"model": version.name, "promotion_id": promotion.pk},
        reason=reason,
    )
    transaction.on_commit(snapshot_forget)
    return promotion
