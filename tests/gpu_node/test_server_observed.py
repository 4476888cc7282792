"""What a node tells of itself while it works: Prometheus' metrics and log lines under the caller's request id."""

import json
import logging
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gpu_node.server.logs import logs_configure
from tests.gpu_node.scripted_node import cast, node_of, served, spec


async def _answered(http: httpx.AsyncClient, run_id: str, question: str, **headers: str) -> None:
    body = spec(question).model_dump_json()
    assert (await http.put(f"/runs/{run_id}", content=body, headers=headers)).status_code == 202
    async with http.stream("GET", f"/runs/{run_id}/events") as response:
        assert [line async for line in response.aiter_lines()]


async def _samples(http: httpx.AsyncClient) -> dict[tuple[str, ...], float]:
    text = (await http.get("/metrics")).text
    families = text_string_to_metric_families(text)
    return {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}


async def test_metrics_count_runs_tokens_and_tools(tmp_path: Path) -> None:
    node = node_of(cast(), tmp_path)
    async with served(node) as url, httpx.AsyncClient(base_url=url, timeout=10) as http:
        await _answered(http, "run_1", "Solve x^2 = 4")
        samples = await _samples(http)
        while samples["svend_node_runs",]:  # its last frame is read before its place is free
            samples = await _samples(http)
    (usage,) = node.store.usage_rows(after=0, limit=10)
    model = node.models[0].version
    assert samples["svend_node_tokens_total", "completion", model] == usage.usage.completion_tokens
    assert samples["svend_node_tokens_total", "prompt", model] == usage.usage.prompt_tokens
    assert samples["svend_node_run_seconds_count", "stop", model] == 1
    assert samples["svend_node_first_token_seconds_count", model] == 1
    assert samples["svend_node_tool_seconds_count", "ok", "symbolic_math"] == 1
    assert samples["svend_node_runs",] == 0
    assert samples["svend_node_healthy",] == 1


async def test_metrics_need_the_secret(tmp_path: Path) -> None:
    async with served(node_of(cast(), tmp_path), secret="s") as url, httpx.AsyncClient(base_url=url) as http:
        assert (await http.get("/metrics")).status_code == 401
        assert (await http.get("/metrics", headers={"authorization": "Bearer s"})).status_code == 200


@pytest.fixture
def _restored_logging() -> object:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level


@pytest.mark.usefixtures("_restored_logging")
async def test_a_runs_log_line_carries_the_callers_request_id(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    logs_configure("json")
    async with served(node_of(cast(), tmp_path)) as url, httpx.AsyncClient(base_url=url, timeout=10) as http:
        await _answered(http, "run_1", "Solve x^2 = 4", **{"x-request-id": "req_abc"})
        await _answered(http, "run_2", "Solve x^2 = 4", **{"x-request-id": "no\tlog line of yours"})
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if "run.ended" in line]
    assert [(line["run_id"], line.get("request_id")) for line in lines] == [("run_1", "req_abc"), ("run_2", None)]
    assert lines[0]["end"] == "stop"
    assert lines[0]["completion_tokens"] > 0
