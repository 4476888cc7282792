"""`python -m gpu_node serve`: arguments, the state folder's lock, the socket, signals.

Invariants: without a secret the server listens on loopback only; one process owns a state folder; on SIGINT and
SIGTERM every run gets its terminal frame before the socket closes.
"""

import argparse
import asyncio
import fcntl
import ipaddress
import os
import shlex
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, get_args

import uvicorn

from gpu_node.inference.vllm_server import VllmOptions
from gpu_node.server.app import app_build
from gpu_node.server.job_service import JOBS_MAX
from gpu_node.server.loading import node_scripted
from gpu_node.server.logs import logs_configure
from gpu_node.server.model_shelf import EngineName
from gpu_node.server.node import Node
from gpu_node.server.run_service import RUNS_MAX
from gpu_node.server.telemetry import telemetry_start, telemetry_wrap
from gpu_node.tools.executor import ToolExecutor
from gpu_node.tools.plugins import PluginUnusable, tools_all
from gpu_node.training.machine import devices_find

CONNECTIONS_MAX = 2048  # readers and askers together
GRACE_SECONDS = 3
# Longer than clients keep an idle connection (aiohttp 15 s, httpx 5 s): who closes first must be the client, or its
# next request may fall into the closing.
KEEP_ALIVE_SECONDS = 75

EXIT_USAGE = 2


def serve_command(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    logs_configure(options.log_format)
    try:
        secret = _secret(options)
    except ValueError as error:
        print(f"serve: {error}", file=sys.stderr)
        return EXIT_USAGE
    if not secret and not _is_loopback(options.host):
        print(f"serve: --host {options.host} is not loopback; name a secret with --secret-file", file=sys.stderr)
        return EXIT_USAGE
    options.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = _lock(options.state_dir)
    if lock is None:
        print(f"serve: another node uses {options.state_dir}; stop it, or name another --state-dir", file=sys.stderr)
        return EXIT_USAGE
    with lock:
        try:
            telemetry_start(options.name)
            node = _node(options)
            node.jobs.jobs_max = options.jobs_max
            node.has_lasting_jobs = not options.jobs_end_with_node
        except (FileNotFoundError, ValueError, PluginUnusable) as error:
            print(f"serve: {error}", file=sys.stderr)
            return EXIT_USAGE
        return asyncio.run(_serve(node, options, secret))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gpu_node serve", description="Serve a model over HTTP.")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--model-path", type=Path, help="checkpoint folder of the reasoner")
    source.add_argument("--script", type=Path, help="JSON of written answers: a node without weights")
    parser.add_argument("--verifier-path", type=Path, help="checkpoint folder of the critic")
    parser.add_argument("--backend", choices=get_args(EngineName), default="torch", help="what computes (docs/serving)")
    parser.add_argument("--vllm-url", default="", help="with --backend vllm: a running server's address, not a new one")
    parser.add_argument("--vllm-args", default="", help="more arguments for vLLM's server, as in a shell")
    parser.add_argument("--model-name", help="the version's name; default: the folder's")
    parser.add_argument("--port", type=int, default=8001, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--state-dir", type=Path, default=Path("var/node"), help="run logs and the usage index")
    secret = parser.add_mutually_exclusive_group()
    secret.add_argument("--secret-env", help="the environment variable that holds the node's secret")
    secret.add_argument("--secret-file", type=Path, help="the file that holds the node's secret")
    parser.add_argument("--name", default="local", help="the node's name in /info")
    parser.add_argument(
        "--mcp-servers", type=Path, help="JSON list of MCP servers whose tools runs may call (docs/tools)"
    )
    parser.add_argument("--log-format", choices=["text", "json"], default="text", help="json: one object a line")
    parser.add_argument("--runs-max", type=int, default=RUNS_MAX, help="runs at work at once; more are queued")
    parser.add_argument("--jobs-max", type=int, default=JOBS_MAX, help="jobs at once; 0: this node takes none")
    parser.add_argument(
        "--jobs-end-with-node",
        action="store_true",
        help="a clean stop of the server ends its jobs too; without it they go on and are taken up at the next start",
    )
    return parser


def _secret(options: argparse.Namespace) -> str:
    """The node's secret, "" where none is named. Raises ValueError: the place named holds none."""
    if options.secret_env:
        if secret := os.environ.get(options.secret_env, ""):
            return secret
        raise ValueError(f"the environment has no {options.secret_env}; set it, or leave --secret-env out")
    if options.secret_file is None:
        return ""
    try:
        secret = options.secret_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(f"--secret-file {options.secret_file}: {error.strerror}") from error
    if not secret:
        raise ValueError(f"--secret-file {options.secret_file} is empty")
    return secret


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _lock(state: Path) -> IO[str] | None:
    """Held as long as the process lives, kill -9 included: the kernel lets it go."""
    file = (state / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _tools(options: argparse.Namespace) -> ToolExecutor:
    """Raises McpConfigBad, PluginUnusable."""
    tools_all()
    if options.mcp_servers is None:
        return ToolExecutor()
    from gpu_node.tools.mcp_servers import McpServer, mcp_config_read  # the client: half a second of imports

    return ToolExecutor(mcp_servers=[McpServer(config) for config in mcp_config_read(options.mcp_servers)])


def _node(options: argparse.Namespace) -> Node:
    if options.script is not None:
        return node_scripted(
            script=options.script,
            state=options.state_dir,
            name=options.name,
            model=options.model_name or "svend-scripted",
            runs_max=options.runs_max,
            tools=_tools(options),
        )
    from gpu_node.server.loading_torch import node_from_checkpoint  # torch: seconds, and not needed for a script

    if options.vllm_url and options.backend != "vllm":
        raise ValueError("--vllm-url needs --backend vllm")
    vllm = VllmOptions(
        url=options.vllm_url,
        arguments=tuple(shlex.split(options.vllm_args)),
        is_cpu=devices_find()[0].kind == "cpu",
        log_folder=options.state_dir,
    )
    return node_from_checkpoint(
        folder=options.model_path,
        verifier_folder=options.verifier_path,
        state=options.state_dir,
        name=options.name,
        model=options.model_name or options.model_path.resolve().name,
        runs_max=options.runs_max,
        tools=_tools(options),
        engine=options.backend,
        vllm=vllm,
    )


async def _serve(node: Node, options: argparse.Namespace, secret: str) -> int:
    listener = socket.create_server((options.host, options.port), reuse_port=False)
    config = uvicorn.Config(
        telemetry_wrap(app_build(node, secret=secret)),
        log_level="warning",
        access_log=False,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        server_header=False,
    )
    server = NodeServer(config, node)
    await server.serve(sockets=[listener])
    return 0 if server.started else 1


class NodeServer(uvicorn.Server):
    """Ends the runs as soon as a signal comes: their readers then leave by themselves."""

    def __init__(self, config: uvicorn.Config, node: Node) -> None:
        super().__init__(config)
        self._node = node
        self._stopping: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            fence, models = self._node.tools.fence_tier, ", ".join(model.version for model in self._node.models)
            print(f"node {self._node.name!r} on http://{host}:{port} serves {models} (fence: {fence})", flush=True)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """In the loop, and without uvicorn's raising them again afterwards: a clean end is exit status 0."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, number)
        yield

    def _stop(self, number: int) -> None:
        self.handle_exit(number, None)
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._node.runs.stop(), name="runs-stop")
