"""The node's tools over HTTP: the list with schemas and limits, and a try of one. A try costs no tokens."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gpu_node.protocol.tools import ToolList, ToolTrial, ToolTrialRequest
from gpu_node.reasoning.orchestrator import RunRefused
from gpu_node.server.http import body_parse
from gpu_node.server.node import Node


async def tools_list(request: Request) -> Response:
    node: Node = request.app.state.node
    return JSONResponse(ToolList(tools=node.tools.descriptions()).model_dump(mode="json"))


async def tool_try(request: Request) -> Response:
    node: Node = request.app.state.node
    name = str(request.path_params["name"])
    if name not in {tool.name for tool in node.tools.descriptions()}:
        raise RunRefused("unknown_tool", f"this node has no tool {name[:64]!r}")
    asked = await body_parse(request, ToolTrialRequest, code="bad_request")
    outcome = await node.tools.call(name, asked.arguments, timeout_seconds=asked.timeout_seconds)
    trial = ToolTrial(
        status=outcome.status,
        text=outcome.text,
        wall_ms=round(outcome.wall_ms, 3),
        is_truncated=outcome.is_truncated,
        attachments=list(outcome.attachments),
    )
    return JSONResponse(trial.model_dump(mode="json"))


ROUTES = [
    Route("/tools", tools_list, methods=["GET"]),
    Route("/tools/{name}", tool_try, methods=["POST"]),
]
