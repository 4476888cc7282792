"""`GET /metrics`: Prometheus' text format, behind the node's secret like every other route."""

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gpu_node.server.node import Node


async def metrics(request: Request) -> Response:
    node: Node = request.app.state.node
    return Response(generate_latest(node.runs.metrics.registry), media_type=CONTENT_TYPE_LATEST)


ROUTES = [Route("/metrics", metrics, methods=["GET"])]
