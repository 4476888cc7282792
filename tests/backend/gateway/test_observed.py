"""One id for one request: in its answer, its run's row and the node's log; and /v1 counted for Prometheus."""

import asyncio

import httpx

from backend.core.threads import service_call
from backend.runs.models import Run
from tests.backend.gateway.node_process import MODEL, NodeProcess

WAIT_SECONDS = 10.0


async def test_a_requests_id_reaches_the_run_and_the_node(http: httpx.AsyncClient, node: NodeProcess) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}
    answer = await http.post("/v1/chat/completions", json=body, headers={"x-request-id": "req_of_the_caller"})
    assert answer.headers["x-request-id"] == "req_of_the_caller"
    run = await service_call(Run.objects.get, id=answer.headers["x-svend-run-id"])
    assert run.request_id == "req_of_the_caller"
    log = node.folder / "node.log"
    async with asyncio.timeout(WAIT_SECONDS):
        while not (lines := [line for line in log.read_text().splitlines() if "run.ended" in line and run.id in line]):
            await asyncio.sleep(0.05)
    assert "request_id=req_of_the_caller" in lines[0]
    metrics = (await http.get("/metrics")).text
    assert 'svend_v1_requests_total{route="/v1/chat/completions",status="200"}' in metrics
