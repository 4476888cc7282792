"""Plan and preview: what a spec would need on a node, what it would cost, and its data as the model sees them.

Both ask a node, which alone knows its device and its data. Not here: placing (placement.py).
"""

import shlex
from typing import Any
from urllib.parse import urlsplit

from backend.core.artifacts import signed_for_reading
from backend.core.errors import ApplicationError, ServiceUnavailable
from backend.core.threads import service_call
from backend.jobs.inputs import input_manifest, inputs_of
from backend.jobs.services import spec_parse
from backend.nodes.client import NodeClient, NodeRefused, NodeUnreachable
from backend.nodes.models import Node
from backend.nodes.services import node_address, nodes_ready_for_jobs
from gpu_node.protocol.job_spec import EvalSpec, ExportSpec, GenerateSpec, JobSpec, Objective, QuantizeSpec, TrainSpec
from gpu_node.protocol.manifest import SignedManifest
from gpu_node.protocol.plan import Plan, PlanCheck, PlanRequest, Preview, PreviewRequest

MILLISECONDS_PER_HOUR = 3_600_000


class NoNode(ServiceUnavailable):
    code = "no_node"


def _nodes(name: str) -> list[Node]:
    """Those that take jobs now, the named one first."""
    ready = nodes_ready_for_jobs()
    if name and name not in [node.name for node in ready]:
        raise NoNode(f"The node {name!r} takes no jobs now.")
    if not ready:
        raise NoNode("No node takes jobs now.")
    return sorted(ready, key=lambda node: node.name != name)


async def _asked(node: Node, request: PlanRequest | PreviewRequest) -> Plan | Preview:
    client = NodeClient(await service_call(node_address, node))
    try:
        return await (client.plan(request) if isinstance(request, PlanRequest) else client.preview(request))
    except NodeRefused as refusal:
        raise ApplicationError(refusal.message, code=refusal.code) from refusal
    except NodeUnreachable as error:
        raise ServiceUnavailable(str(error), code="node_unreachable") from error


async def job_plan(*, spec: dict[str, Any], node_name: str) -> dict[str, Any]:
    parsed = spec_parse(spec)
    nodes = await service_call(_nodes, node_name)
    node = nodes[0]
    parent = await service_call(_shape_signed, parsed)
    plan = await _asked(node, PlanRequest(spec=parsed, parent=parent))
    assert isinstance(plan, Plan)
    if isinstance(parsed, TrainSpec) and parsed.num_nodes > 1:
        others = [check for check in plan.checks if check.name != "rendezvous"]
        met = await _rendezvous_check(parsed, nodes)
        plan = plan.model_copy(update={"checks": [*others, met]})
    price = node.price_nano_usd_per_hour * getattr(parsed, "num_nodes", 1)
    cost = None
    if plan.seconds_estimated is not None:
        cost = price * round(plan.seconds_estimated * 1000) // MILLISECONDS_PER_HOUR
    return {
        **plan.model_dump(mode="json"),
        "node_name": node.name,
        "is_ok": plan.is_ok,
        "memory_needed_bytes": plan.memory_needed_bytes,
        "price_nano_usd_per_hour": price,
        "cost_nano_usd_estimated": cost,
        "command": command_line(parsed),
    }


def _shape_signed(spec: JobSpec) -> SignedManifest | None:
    """The checkpoint whose shape decides what a job needs. Raises InputMissing."""
    if isinstance(spec, TrainSpec):
        return _parent_signed(spec.parent)
    if isinstance(spec, EvalSpec | ExportSpec | QuantizeSpec):
        return signed_for_reading(input_manifest("model", spec.model))
    return None


def _parent_signed(name: str | None) -> SignedManifest | None:
    """Raises InputMissing."""
    return signed_for_reading(input_manifest("parent", name)) if name else None


async def _rendezvous_check(spec: TrainSpec, nodes: list[Node]) -> PlanCheck:
    """Whether the gang's nodes are there, and each can reach the first: each is asked to try."""
    first, others = nodes[0], nodes[1 : spec.num_nodes]
    if len(nodes) < spec.num_nodes:
        message = f"needs {spec.num_nodes} nodes at once; {len(nodes)} take jobs now"
        return PlanCheck(name="rendezvous", is_ok=False, message=message, cure="add a node, or lower num_nodes")
    url = urlsplit(first.url)
    port = url.port or (443 if url.scheme == "https" else 80)
    asked = PlanRequest(spec=spec, master_host=url.hostname or "", master_port=port)
    for node in others:
        plan = await _asked(node, asked)
        assert isinstance(plan, Plan)
        for check in plan.checks:
            if check.name == "rendezvous" and not check.is_ok:
                return check.model_copy(update={"message": f"{node.name} {check.message}"})
    names = ", ".join(node.name for node in others)
    return PlanCheck(name="rendezvous", is_ok=True, message=f"{names} can reach {first.name}, which would be rank 0")


async def job_preview(
    *, data: dict[str, Any], objective: Objective, num_rows: int, node_name: str, parent: str | None = None
) -> dict[str, Any]:
    """`parent`: the checkpoint whose tokenizer reads the rows."""
    spec = spec_parse({"kind": "generate", "data": data})
    assert isinstance(spec, GenerateSpec)
    inputs = await service_call(inputs_of, spec)
    files = [await service_call(signed_for_reading, manifest) for manifest in inputs.values()]
    node = (await service_call(_nodes, node_name))[0]
    signed = await service_call(_parent_signed, parent)
    request = PreviewRequest(data=spec.data, objective=objective, files=files, parent=signed, num_rows=num_rows)
    preview = await _asked(node, request)
    return {**preview.model_dump(mode="json"), "node_name": node.name}


def command_line(spec: JobSpec) -> str:
    """The same job from the command line: what differs from the defaults, one `--set field=value` each."""
    changed = spec.model_dump(mode="json", exclude_defaults=True)
    words = ["svend", spec.kind]
    for name, value in _leaves(changed):
        if name != "kind":
            words += ["--set", shlex.quote(f"{name}={value}")]
    return " ".join(words)


def _leaves(fields: dict[str, Any], path: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in fields.items():
        where = f"{path}.{name}".lstrip(".")
        if isinstance(value, dict):
            found += _leaves(value, where)
        else:
            found.append((where, ",".join(map(str, value)) if isinstance(value, list) else value))
    return found
