"""The jobs half of the node's wire: start, cancel, pause, resume, uploads, the journal.

Thin: parse, call the service, answer. Not here: plans and previews (plans_api.py), models (models_api.py).
"""

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gpu_node.protocol.job_frames import EVENTS_PAGE_MAX
from gpu_node.protocol.job_spec import JobOrder
from gpu_node.protocol.manifest import SignedManifest
from gpu_node.reasoning.orchestrator import RunRefused
from gpu_node.server.http import MANIFEST_BYTES_MAX, body_parse, id_of, int_parameter
from gpu_node.server.node import Node

WAIT_SECONDS_MAX = 20  # of one GET /events: below every proxy's patience


async def job_put(request: Request) -> Response:
    node: Node = request.app.state.node
    job_id, epoch = id_of(request, "job_id"), int_parameter(request, "epoch", default=1, low=1)
    order = await body_parse(request, JobOrder, bytes_max=MANIFEST_BYTES_MAX)
    if not node.jobs.is_known(job_id, epoch):
        node.refuse_if_draining()
        node.refuse_if_unfit(order.spec)
    state, is_new = node.jobs.put(job_id=job_id, epoch=epoch, order=order)
    return _state(job_id, epoch, state, 202 if is_new else 200)


async def job_delete(request: Request) -> Response:
    node: Node = request.app.state.node
    job_id, epoch = id_of(request, "job_id"), int_parameter(request, "epoch", default=1, low=1)
    return _state(job_id, epoch, node.jobs.cancel(job_id, epoch), 202)


async def job_pause(request: Request) -> Response:
    node: Node = request.app.state.node
    job_id, epoch = id_of(request, "job_id"), int_parameter(request, "epoch", default=1, low=1)
    return _state(job_id, epoch, node.jobs.pause(job_id, epoch), 202)


async def job_resume(request: Request) -> Response:
    node: Node = request.app.state.node
    job_id, epoch = id_of(request, "job_id"), int_parameter(request, "epoch", default=1, low=1)
    return _state(job_id, epoch, node.jobs.resume(job_id, epoch), 202)


async def job_uploads(request: Request) -> Response:
    node: Node = request.app.state.node
    job_id, epoch = id_of(request, "job_id"), int_parameter(request, "epoch", default=1, low=1)
    signed = await body_parse(request, SignedManifest, bytes_max=MANIFEST_BYTES_MAX)
    node.jobs.upload(job_id, epoch, signed)
    return JSONResponse({"manifest_sha256": signed.manifest.sha256, "num_pieces": len(signed.urls)}, status_code=202)


def _state(job_id: str, epoch: int, state: str, status: int) -> Response:
    return JSONResponse({"job_id": job_id, "epoch": epoch, "state": state}, status_code=status)


async def events(request: Request) -> Response:
    """With `wait_seconds`, an empty page is answered only when the time is over."""
    node: Node = request.app.state.node
    after = int_parameter(request, "after", default=0, low=0)
    limit = int_parameter(request, "limit", default=EVENTS_PAGE_MAX, low=1)
    seconds = int_parameter(request, "wait_seconds", default=0, low=0)
    await node.jobs.wait(after=after, seconds=min(seconds, WAIT_SECONDS_MAX))
    page = node.jobs.store.page(node.store.journal_id, after=after, limit=limit)
    return Response(page.model_dump_json(), media_type="application/json")


class _Ack(BaseModel):
    position: int = Field(ge=0)


async def events_ack(request: Request) -> Response:
    node: Node = request.app.state.node
    ack = await body_parse(request, _Ack)
    try:
        node.jobs.store.acknowledge(ack.position)
    except ValueError as error:
        raise RunRefused("bad_request", str(error)) from error
    return JSONResponse({"acknowledged": node.jobs.store.acknowledged})


ROUTES = [
    Route("/jobs/{job_id}", job_put, methods=["PUT"]),
    Route("/jobs/{job_id}", job_delete, methods=["DELETE"]),
    Route("/jobs/{job_id}/pause", job_pause, methods=["POST"]),
    Route("/jobs/{job_id}/resume", job_resume, methods=["POST"]),
    Route("/jobs/{job_id}/uploads", job_uploads, methods=["POST"]),
    Route("/events", events, methods=["GET"]),
    Route("/events/ack", events_ack, methods=["POST"]),
]
