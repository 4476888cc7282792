"""The serving half of operating a node: load and unload versions, drain.

Thin: parse, call, answer. A PUT is answered 200 once the version is served, 202 while it is loading: ask again; its
`?backend=torch` or `vllm` says what shall serve it.
Not here: what loading does (model_shelf.py).
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gpu_node.protocol.manifest import SignedManifest
from gpu_node.reasoning.orchestrator import RunRefused
from gpu_node.server.http import MANIFEST_BYTES_MAX, body_parse
from gpu_node.server.model_shelf import VERSION, engine_name
from gpu_node.server.node import Node


def _version_of(request: Request) -> str:
    version = request.path_params["version"]
    if not VERSION.fullmatch(version):
        raise RunRefused("bad_request", f"model version {version[:80]!r}: need letters, digits, '_', '.', ':' or '-'")
    return str(version)


async def model_put(request: Request) -> Response:
    node: Node = request.app.state.node
    version = _version_of(request)
    engine = engine_name(request.query_params["backend"]) if "backend" in request.query_params else None
    signed = await body_parse(request, SignedManifest, bytes_max=MANIFEST_BYTES_MAX)
    state = await node.shelf.put(version, signed, engine)
    return JSONResponse({"version": version, "state": state}, status_code=200 if state == "loaded" else 202)


async def model_delete(request: Request) -> Response:
    node: Node = request.app.state.node
    version = _version_of(request)
    node.shelf.delete(version)
    return JSONResponse({"version": version, "state": "unloaded"})


async def drain(request: Request) -> Response:
    return _drain_set(request, True)


async def undrain(request: Request) -> Response:
    return _drain_set(request, False)


def _drain_set(request: Request, is_draining: bool) -> Response:
    node: Node = request.app.state.node
    node.drain_set(is_draining)
    return JSONResponse({"is_draining": is_draining})


ROUTES = [
    Route("/models/{version}", model_put, methods=["PUT"]),
    Route("/models/{version}", model_delete, methods=["DELETE"]),
    Route("/drain", drain, methods=["POST"]),
    Route("/undrain", undrain, methods=["POST"]),
]
