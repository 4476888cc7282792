"""With a collector configured, one question is one trace over web and node; the far end reads OTLP by its schema."""

import asyncio
import gzip
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from django.conf import settings as django_settings
from django.db import connection
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from backend.local import services
from backend.nodes.client import sessions_close
from backend.nodes.services import nodes_probe
from tests.backend.gateway.conftest import Customer
from tests.backend.gateway.node_process import DERIVATIVE, MODEL, NodeProcess

WAIT_SECONDS = 60.0


class Collector(BaseHTTPRequestHandler):
    spans: dict[str, list[Span]]  # service -> spans

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        assert (self.path, self.headers["content-type"]) == ("/v1/traces", "application/x-protobuf")
        for part in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = {pair.key: pair.value.string_value for pair in part.resource.attributes}
            for scope in part.scope_spans:
                self.spans.setdefault(names["service.name"], []).extend(scope.spans)
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.end_headers()
        self.wfile.write(ExportTraceServiceResponse().SerializeToString())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[Span]]]:
    handler = type("ThisCollector", (Collector,), {"spans": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    yield handler.spans
    server.shutdown()


@pytest.fixture
def web(tmp_path: Path, own_node: NodeProcess) -> Iterator[str]:
    """A web process of its own on the test's database."""
    port, log = services.port_free(), tmp_path / "web.log"
    found = connection.settings_dict
    env = {
        **os.environ,
        "DATABASE_URL": f"postgres://{found['USER']}:{found['PASSWORD']}@{found['HOST']}:{found['PORT']}/{found['NAME']}",
        "SVEND_NODES": f'[{{"name": "local", "url": "{own_node.url}", "secret": "{own_node.setting["secret"]}"}}]',
        "SVEND_DATA": str(tmp_path),
        "SVEND_SECRET_KEY": django_settings.SECRET_KEY,
    }
    command = [sys.executable, "-m", "uvicorn", "backend.asgi:application", "--port", str(port)]
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=env, stdout=file, stderr=file)
    deadline = time.monotonic() + WAIT_SECONDS
    while not services.is_accepting(port):
        assert process.poll() is None, log.read_text()[-2000:]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(WAIT_SECONDS)


async def test_one_question_is_one_trace(collector: dict[str, list[Span]], web: str, customer: Customer) -> None:
    await nodes_probe()
    await sessions_close()
    body = {"model": MODEL, "messages": [{"role": "user", "content": DERIVATIVE}]}
    async with httpx.AsyncClient(base_url=web, headers=customer.headers, timeout=30) as http:
        answer = await http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    deadline = time.monotonic() + WAIT_SECONDS
    wanted = {f"invoke_agent {MODEL}", "execute_tool symbolic_math"}
    while not wanted <= {span.name for span in collector.get("svend-node", [])} or not _asked(collector):
        assert time.monotonic() < deadline, {name: [span.name for span in spans] for name, spans in collector.items()}
        await asyncio.sleep(0.1)
    (asked,) = _asked(collector)
    (run,) = [span for span in collector["svend-node"] if span.name == f"invoke_agent {MODEL}"]
    (tool,) = [span for span in collector["svend-node"] if span.name == "execute_tool symbolic_math"]
    assert asked.trace_id == run.trace_id == tool.trace_id
    assert tool.parent_span_id == run.span_id
    counted = {pair.key: pair.value.int_value for pair in run.attributes}
    assert counted["gen_ai.usage.output_tokens"] == answer.json()["usage"]["completion_tokens"]


def _asked(collector: dict[str, list[Span]]) -> list[Span]:
    return [
        span for span in collector.get("svend-web", []) if "chat/completions" in span.name and not span.parent_span_id
    ]
