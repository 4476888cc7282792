"""The runs half of the node's wire: start, follow, cancel, usage, info.

Thin: parse, call the service, answer. A reader that goes away stops nothing. Not here: OpenAI's shapes.
"""

import logging
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from gpu_node.protocol.node import HEARTBEAT_SECONDS
from gpu_node.protocol.run_spec import RunSpec
from gpu_node.reasoning.orchestrator import RunRefused
from gpu_node.server.http import body_parse, id_of, int_parameter, refusal
from gpu_node.server.node import Node
from gpu_node.server.run_log import LogBroken, LogCorrupt, RunLog
from gpu_node.server.run_store import USAGE_PAGE_ROWS_MAX

logger = logging.getLogger(__name__)


async def run_put(request: Request) -> Response:
    node: Node = request.app.state.node
    run_id, epoch = id_of(request, "run_id"), int_parameter(request, "epoch", default=1, low=1)
    spec = await body_parse(request, RunSpec)
    if epoch > (node.store.epoch_latest(run_id) or 0):
        node.refuse_if_draining()
    status, is_new = node.runs.start(run_id=run_id, epoch=epoch, spec=spec)
    return JSONResponse({"run_id": run_id, "epoch": epoch, "status": status}, status_code=202 if is_new else 200)


async def run_events(request: Request) -> Response:
    node: Node = request.app.state.node
    run_id, after = id_of(request, "run_id"), int_parameter(request, "after", default=0, low=0)
    epoch = int_parameter(request, "epoch", default=0, low=1) or None
    log = node.store.log_find(run_id, epoch)
    if log is None:
        raise RunRefused("unknown_run", f"this node has no run {run_id!r}" + (f" of epoch {epoch}" if epoch else ""))
    if log.is_broken:
        raise RunRefused("disk_error", f"the log of run {run_id!r} cannot be written now")
    return StreamingResponse(_lines(log, after), media_type="application/x-ndjson")


async def _lines(log: RunLog, after: int) -> AsyncIterator[bytes]:
    try:
        async for lines in log.follow(after=after, heartbeat_seconds=HEARTBEAT_SECONDS):
            yield lines
    except LogBroken:
        # The stream ends without a terminal frame: the reader re-attaches and is told `disk_error`.
        logger.warning("readers of run %s are sent away: its log is broken", log.run_id)


async def run_delete(request: Request) -> Response:
    node: Node = request.app.state.node
    run_id, epoch = id_of(request, "run_id"), int_parameter(request, "epoch", default=0, low=1) or None
    if not node.runs.cancel(run_id, epoch) and node.store.epoch_latest(run_id) is None:
        raise RunRefused("unknown_run", f"this node has no run {run_id!r}")
    return JSONResponse({"run_id": run_id, "status": node.runs.status(run_id)}, status_code=202)


async def usage(request: Request) -> Response:
    node: Node = request.app.state.node
    after = int_parameter(request, "after", default=0, low=0)
    limit = int_parameter(request, "limit", default=USAGE_PAGE_ROWS_MAX, low=1)
    rows = [row.model_dump() for row in node.store.usage_rows(after=after, limit=limit)]
    return JSONResponse({"journal_id": node.store.journal_id, "rows": rows})


async def info(request: Request) -> Response:
    node: Node = request.app.state.node
    return JSONResponse(node.info().model_dump(mode="json"))


async def healthz(request: Request) -> Response:
    node: Node = request.app.state.node
    return JSONResponse({"status": "ok"} if node.is_healthy else {"status": "failed"}, 200 if node.is_healthy else 503)


async def refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RunRefused)
    return refusal(error.code, error.message)


async def log_corrupt(_request: Request, error: Exception) -> Response:
    logger.error("%s", error)
    return refusal("log_corrupt", str(error))


async def disk_failed(_request: Request, error: Exception) -> Response:
    logger.error("the disk refused: %r", error)
    return refusal("disk_error", "the node's disk refuses run logs")


ROUTES = [
    Route("/runs/{run_id}", run_put, methods=["PUT"]),
    Route("/runs/{run_id}", run_delete, methods=["DELETE"]),
    Route("/runs/{run_id}/events", run_events, methods=["GET"]),
    Route("/usage", usage, methods=["GET"]),
    Route("/info", info, methods=["GET"]),
    Route("/healthz", healthz, methods=["GET"]),
]

EXCEPTION_HANDLERS = {RunRefused: refused, LogCorrupt: log_corrupt, OSError: disk_failed}
