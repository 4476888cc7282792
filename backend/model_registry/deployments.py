"""Deployments: which version which node shall hold, and the short tick that drives the nodes there.

The row is the wish, the node's own `/info` is what is. A tick moves each row at most one step by conditional UPDATEs,
so that many ticks do the work of one; a node's PUT and DELETE are idempotent, so that a lost answer costs a tick. A
version is loaded node by node, beside what the nodes already answer for: nothing that serves is taken away before
its successor is ready, and what was replaced stays for the longest run and a rollback. Not here: aliases.
"""

import asyncio
import datetime as dt
from dataclasses import dataclass

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from backend.core.artifacts import signed_for_reading
from backend.core.errors import ApplicationError, NotFound
from backend.core.queue import TASK_DEPLOYMENTS_ADVANCE, enqueue
from backend.core.threads import service_call
from backend.model_registry.models import Deployment, ModelVersion, Promotion
from backend.model_registry.services import nodes_read, snapshot_forget
from backend.nodes.client import NodeClient, NodeRefused, NodeUnreachable
from backend.nodes.services import node_addresses_load, node_probe
from gpu_node.protocol.manifest import Manifest
from gpu_node.protocol.node import NodeInfo

log = structlog.get_logger(__name__)

# Loading at once, a version: the others go on serving with all they have.
LOADING_AT_ONCE_MAX = 1
# A large checkpoint over a slow network takes minutes; past this it is stuck and says so.
LOADING_MAX = dt.timedelta(minutes=30)
# A replaced version stays as long as its longest run may last (runs.services.RUN_SECONDS_MAX).
RETIRE_AFTER = dt.timedelta(minutes=30)
# Refusals that heal by waiting; every other one is final until somebody wishes again.
REFUSALS_TO_WAIT_OUT = frozenset({"busy", "stopping", "draining", "loading"})

State = Deployment.State


class DeploymentRefused(ApplicationError):
    code, status = "deployment_refused", 409


# --- What is, and what could be


def version_is_held(version: ModelVersion) -> bool:
    """True when an open node answers for it now, by its last words."""
    return any(node.is_open and version.name in node.models for node in nodes_read())


def version_loadable_nodes(version: ModelVersion) -> list[str]:
    """The open nodes that could load it; none where the store has no files of it."""
    if version.manifest is None:
        return []
    return sorted(node.name for node in nodes_read() if node.is_open and node.is_for_serving)


# --- Wishes


@transaction.atomic
def deployments_want(*, version: ModelVersion, replaces: ModelVersion | None) -> list[Deployment]:
    """Wishes the version onto the nodes that hold what it replaces, else onto all open ones. What a node was started
    with is left to it: no wish, so no unloading either."""
    if version.manifest is None:
        return []
    nodes = [node for node in nodes_read() if node.is_open and node.is_for_serving]
    holders = [node for node in nodes if replaces is not None and replaces.name in node.models]
    lacking = [node.name for node in holders or nodes if version.name not in node.models]
    return [_deployment_want(version, name, Deployment.Engine.TORCH) for name in lacking]


def deployment_want(*, version: ModelVersion, node_name: str, engine: str = Deployment.Engine.TORCH) -> Deployment:
    """Wishes the version onto one node, by hand; again tries a failed one once more.

    Raises:
        DeploymentRefused: the store has no files of it, or the node is not open.
    """
    if version.manifest is None:
        raise DeploymentRefused(f"The store has no files of {version.name}: start a node with it instead.")
    if node_name not in version_loadable_nodes(version):
        raise DeploymentRefused(f"The node {node_name!r} does not answer or takes nothing new.")
    return _deployment_want(version, node_name, engine)


def _deployment_want(version: ModelVersion, node_name: str, engine: str) -> Deployment:
    wish, _ = Deployment.objects.get_or_create(model_version=version, node_name=node_name, defaults={"engine": engine})
    again = Deployment.objects.filter(id=wish.pk, state__in=[State.FAILED, State.UNLOADING])
    if again.update(state=State.WANTED, engine=engine, reason="", state_since=timezone.now()):
        wish.refresh_from_db()
    enqueue(TASK_DEPLOYMENTS_ADVANCE)
    return wish


@transaction.atomic
def deployment_unwant(*, version: ModelVersion, node_name: str) -> Deployment:
    """Takes the wish back: the node unloads the version.

    Raises:
        NotFound: there is no such wish.
        DeploymentRefused: an alias points at the version and no other node holds it.
    """
    wish = Deployment.objects.select_for_update().filter(model_version=version, node_name=node_name).first()
    if wish is None:
        raise NotFound(f"{version.name} is not deployed on {node_name}.", code="deployment_not_found")
    others = [n for n in nodes_read() if n.is_open and version.name in n.models and n.name != node_name]
    if version.pk in versions_kept(with_rollback=False) and not others:
        raise DeploymentRefused(f"{version.name} is being served and no other node holds it: promote another first.")
    _deployment_move(wish, to=State.UNLOADING, reason="taken back by hand")
    enqueue(TASK_DEPLOYMENTS_ADVANCE)
    return wish


def versions_kept(*, with_rollback: bool = True) -> set[int]:
    """Ids of the versions that an alias points at, waits for, or would roll back to."""
    newest = Promotion.objects.filter(state=Promotion.State.EFFECTIVE).order_by("alias", "-id").distinct("alias")
    waiting = Promotion.objects.filter(state=Promotion.State.WAITING)
    kept = {promotion.model_version_id for promotion in [*newest, *waiting]}
    if with_rollback:
        kept |= {promotion.rollback_version_id for promotion in newest if promotion.rollback_version_id}
    return kept


def deployments_retire() -> int:
    """Unloads what was replaced long ago and that no rollback leads to. Returns how many wishes ended."""
    old = timezone.now() - RETIRE_AFTER
    replaced = Promotion.objects.filter(effective_at__lt=old, replaces__isnull=False).values("replaces_id")
    recent = Promotion.objects.filter(Q(effective_at__gte=old) | Q(effective_at=None), replaces__isnull=False)
    idle = (
        Deployment.objects.filter(state__in=[State.READY, State.FAILED], model_version_id__in=replaced)
        .exclude(model_version_id__in=versions_kept())
        .exclude(model_version_id__in=recent.values("replaces_id"))
    )
    return idle.update(state=State.UNLOADING, reason="replaced", state_since=timezone.now())


# --- The tick


@dataclass(frozen=True, kw_only=True)
class _Due:
    wish: Deployment
    version: str
    manifest: Manifest | None


def deployments_due() -> list[_Due]:
    """The wishes that need a step, at most one load at a time a version."""
    wishes = Deployment.objects.exclude(state=State.FAILED).select_related("model_version").order_by("id")
    due, num_loading = [], dict[int, int]()
    for wish in sorted(wishes, key=lambda wish: wish.state == State.WANTED):  # those at it count first
        if wish.state in (State.WANTED, State.LOADING):
            num = num_loading[wish.model_version_id] = num_loading.get(wish.model_version_id, 0) + 1
            if wish.state == State.WANTED and num > LOADING_AT_ONCE_MAX:
                continue
        version = wish.model_version
        manifest = Manifest.model_validate(version.manifest) if version.manifest is not None else None
        due.append(_Due(wish=wish, version=version.name, manifest=manifest))
    return due


async def deployments_drive() -> None:
    """Moves each wish one step. A node that does not answer keeps its wishes."""
    due = await service_call(deployments_due)
    by_node: dict[str, list[_Due]] = {}
    for one in due:
        by_node.setdefault(one.wish.node_name, []).append(one)
    await asyncio.gather(*(_node_drive(name, wishes) for name, wishes in by_node.items()))


async def _node_drive(node_name: str, due: list[_Due]) -> None:
    address = (await service_call(node_addresses_load)).get(node_name)
    if address is None:
        for one in due:
            if one.wish.state == State.UNLOADING:
                await _unloaded(one)
            else:
                await _move(one, to=State.FAILED, reason="the node is no longer known")
        return
    client = NodeClient(address)
    info = await node_probe(address)
    for one in due:
        try:
            await _step(client, info, one)
        except NodeUnreachable as silence:
            await _stay(one, reason=str(silence))
        except NodeRefused as refusal:
            log.warning("deployment.refused", node=node_name, version=one.version, refusal=str(refusal))
            if refusal.code in REFUSALS_TO_WAIT_OUT:
                await _stay(one, reason=refusal.message)
            else:
                await _move(one, to=State.FAILED, reason=refusal.message)


async def _step(client: NodeClient, info: NodeInfo | None, one: _Due) -> None:
    is_held = info is not None and any(model.version == one.version for model in info.models)
    match one.wish.state:
        case State.UNLOADING:
            await _unload(client, one)
        case State.READY if info is not None and not is_held:
            await _move(one, to=State.WANTED, reason="the node no longer holds it")
        case State.WANTED | State.LOADING if is_held:
            await _move(one, to=State.READY, reason="")
            snapshot_forget()
        case State.WANTED | State.LOADING:
            await _load(client, one)
        case _:
            return


async def _load(client: NodeClient, one: _Due) -> None:
    if one.manifest is None:
        await _move(one, to=State.FAILED, reason="the store has no files of it")
        return
    if one.wish.state == State.WANTED and not await _move(one, to=State.LOADING, reason=""):
        return
    signed = await service_call(signed_for_reading, one.manifest)
    await client.model_put(version=one.version, signed=signed, engine=one.wish.engine)


async def _unload(client: NodeClient, one: _Due) -> None:
    try:
        await client.model_delete(version=one.version)
    except NodeRefused as refusal:
        if refusal.status != 404:
            raise
    await _unloaded(one)


async def _unloaded(one: _Due) -> None:
    await service_call(Deployment.objects.filter(id=one.wish.pk, state=State.UNLOADING).delete)


async def _move(one: _Due, *, to: Deployment.State, reason: str) -> bool:
    return await service_call(_deployment_move, one.wish, to=to, reason=reason)


def _deployment_move(wish: Deployment, *, to: Deployment.State, reason: str) -> bool:
    """False: another tick moved it first."""
    unmoved = Deployment.objects.filter(id=wish.pk, state=wish.state)
    is_moved = unmoved.update(state=to, reason=reason, state_since=timezone.now()) == 1
    if is_moved:
        wish.state, wish.reason = to, reason
    return is_moved


async def _stay(one: _Due, *, reason: str) -> None:
    """It waits, and says for what; what waits too long to load has failed."""
    is_loading = one.wish.state in (State.WANTED, State.LOADING)
    if is_loading and timezone.now() - one.wish.state_since > LOADING_MAX:
        await _move(one, to=State.FAILED, reason=f"not loaded within {LOADING_MAX}: {reason}")
        return
    await service_call(Deployment.objects.filter(id=one.wish.pk, state=one.wish.state).update, reason=reason)
