"""Which node gets a run: an open one that holds the model, by least outstanding tokens; a conversation stays where its
prefix is.

A conversation's home is computed, not stored: the node that hashes highest with the conversation's key (rendezvous
hashing), so that every process finds the same one, and a node that goes takes only its own conversations along. A
home that is overloaded gives way to the least loaded node. Outstanding tokens are what live runs may still use: the
database's sum, at most OUTSTANDING_SECONDS old, and what this process placed since. Not here: what happens when the
node fails (advance.py).
"""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import F, Sum

from backend.core.threads import service_call
from backend.model_registry.services import nodes_for
from backend.nodes.client import NodeAddress
from backend.runs.models import Run
from backend.runs.services import LIVE
from gpu_node.protocol.run_spec import RunSpec

# One process's picture of the others' runs; a sum over the few live rows costs about a millisecond.
OUTSTANDING_SECONDS = 0.5
# A home may be ahead of the least loaded node by four small contexts: below that, computing the conversation's prefix
# anew costs more than waiting does.
OVERLOAD_TOKENS = 32_768


@dataclass(frozen=True, kw_only=True)
class Affinity:
    """What a run would like to be near: the same key, the same node."""

    key: str
    is_continuing: bool  # there is a prefix to come back to


def affinity_of(run: Run, spec: RunSpec) -> Affinity:
    """By conversation; where the caller keeps the dialogue (/v1), by its opening, which each turn repeats."""
    if run.conversation_id:
        return Affinity(key=run.conversation_id, is_continuing=True)
    opening = []
    for message in spec.messages:
        opening.append(message.model_dump(mode="json"))
        if message.role == "user":
            break
    if len(opening) < len(spec.messages):
        text = json.dumps([run.account_id, opening], sort_keys=True)
        return Affinity(key=hashlib.sha256(text.encode()).hexdigest(), is_continuing=True)
    return Affinity(key=run.id, is_continuing=False)


def node_rank(nodes: Sequence[str], *, outstanding: Mapping[str, int], affinity: Affinity) -> str:
    """The name of the node that gets the run."""
    least = min(outstanding.get(name, 0) for name in nodes)
    home = max(nodes, key=lambda name: _kinship(affinity.key, name))
    if affinity.is_continuing and outstanding.get(home, 0) - least <= OVERLOAD_TOKENS:
        return home
    idlest = [name for name in nodes if outstanding.get(name, 0) == least]
    return max(idlest, key=lambda name: _kinship(affinity.key, name))


def _kinship(key: str, node_name: str) -> bytes:
    return hashlib.sha256(f"{key}\n{node_name}".encode()).digest()


async def node_choose(
    *, model: str, tokens: int, affinity: Affinity, exclude: frozenset[str] = frozenset()
) -> NodeAddress:
    """Raises ModelNotReady: no open node holds the model (but for the excluded ones)."""
    nodes = {node.name: node for node in await nodes_for(model, exclude=exclude)}
    if len(nodes) == 1:
        (node,) = nodes.values()
    else:
        await _outstanding.refresh()
        node = nodes[node_rank(sorted(nodes), outstanding=_outstanding.tokens(), affinity=affinity)]
    _outstanding.placed(node.name, tokens)
    return node


def tokens_outstanding() -> dict[str, int]:
    """What live runs may still use, by node."""
    left = F("max_total_tokens") - F("prompt_tokens") - F("completion_tokens")
    rows = Run.objects.filter(LIVE).exclude(node_name="").values("node_name").annotate(tokens=Sum(left))
    return {row["node_name"]: max(0, row["tokens"]) for row in rows}


class _Outstanding:
    """The database's sums, and what this process placed since they were read."""

    def __init__(self) -> None:
        self._read_at = float("-inf")
        self._summed: dict[str, int] = {}
        self._placed: list[tuple[float, str, int]] = []

    async def refresh(self) -> None:
        now = time.monotonic()
        if now - self._read_at < OUTSTANDING_SECONDS:
            return
        self._read_at = now  # whoever comes meanwhile goes by the old sums: one reader is enough
        self._summed = await service_call(tokens_outstanding)
        self._placed = [placed for placed in self._placed if placed[0] >= now]

    def placed(self, node_name: str, tokens: int) -> None:
        self._placed.append((time.monotonic(), node_name, tokens))
        if time.monotonic() - self._read_at > 10 * OUTSTANDING_SECONDS:  # nobody chooses: nothing else trims it
            self._placed = self._placed[-1:]

    def tokens(self) -> dict[str, int]:
        total = dict(self._summed)
        for _, name, tokens in self._placed:
            total[name] = total.get(name, 0) + tokens
        return total


_outstanding = _Outstanding()
