"""The tools that runs may call, as a node that serves the default model has them; and a try of one.

Every serving node should have the same plug-ins and MCP servers; what this says is one node's word. A try costs no
tokens, but it takes a request of the account's rate limit.
"""

from backend.core.errors import ApplicationError, NotFound, ServiceUnavailable
from backend.core.threads import service_call
from backend.model_registry.services import model_resolve, nodes_for, snapshot_read
from backend.nodes.client import NodeClient, NodeRefused, NodeUnreachable
from gpu_node.protocol.tools import ToolDescription, ToolTrial, ToolTrialRequest


async def _client() -> NodeClient:
    version = await service_call(lambda: model_resolve(snapshot_read(), None))
    nodes = await nodes_for(version.name)
    return NodeClient(min(nodes, key=lambda node: node.name))


async def tools_list() -> list[ToolDescription]:
    """Raises ModelNotReady, ServiceUnavailable: no node answers."""
    client = await _client()
    try:
        return (await client.tools()).tools
    except (NodeUnreachable, NodeRefused) as error:
        raise ServiceUnavailable(f"The node does not tell its tools: {error}. Try again in a moment.") from error


async def tool_try(*, name: str, request: ToolTrialRequest) -> ToolTrial:
    """Raises NotFound: no such tool; ModelNotReady, ServiceUnavailable."""
    client = await _client()
    try:
        return await client.tool_try(name=name, request=request)
    except NodeUnreachable as error:
        raise ServiceUnavailable(f"The node does not answer: {error}. Try again in a moment.") from error
    except NodeRefused as error:
        if error.code == "unknown_tool":
            raise NotFound(f"There is no tool {name!r}.", code="unknown_tool") from error
        raise ApplicationError(error.message, code=error.code) from error
