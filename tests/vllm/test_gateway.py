"""The same question, answered by torch and by vLLM on the same checkpoint: the same text, usage and cost."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from backend.core.threads import service_call
from backend.metering.models import UsageRecord
from backend.metering.services import price_set
from backend.model_registry.services import model_version_register
from backend.runs.models import Run
from tests.backend.conftest import PRICE, _fresh_valkey, account, alice, other_account, price
from tests.backend.gateway.conftest import Customer, customer, http, registry, server
from tests.backend.gateway.node_process import MODEL, NodeProcess
from tests.backend.gateway.runs_checked import COUNTERS, all_sound, node_counters
from tests.vllm.conftest import CONTEXT_TOKENS, NANO, Started

__all__ = ["_fresh_valkey", "account", "alice", "customer", "http", "other_account", "price", "registry", "server"]
BY_VLLM = "svend-nano-by-vllm"
QUESTIONS = ["What is the derivative of x^3 + 2x?", "Solve 3x + 5 = 20 for x.", "What is 1234 * 5678?"]


@pytest.fixture
def two_nodes(nano: Started, tmp_path, settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[NodeProcess]]:
    monkeypatch.setenv("SVEND_VLLM_API_KEY", nano.process.api_key)
    by_vllm = ["--backend", "vllm", "--vllm-url", nano.process.url]
    nodes = [
        NodeProcess(tmp_path / "torch", name="torch", model=MODEL, source=["--model-path", str(NANO)]),
        NodeProcess(tmp_path / "vllm", name="vllm", model=BY_VLLM, source=["--model-path", str(NANO), *by_vllm]),
    ]
    for node in nodes:
        node.start()
    settings.SVEND_NODES = [node.setting for node in nodes]
    yield nodes
    for node in nodes:
        node.stop()


@pytest.fixture
def both(registry, two_nodes: list[NodeProcess]) -> None:
    price_set(model=BY_VLLM, nano_usd_per_token=PRICE)
    model_version_register(
        name=BY_VLLM, role="reasoner", context_tokens=CONTEXT_TOKENS, num_parameters=1, vocab_size=2048
    )


async def test_torch_and_vllm_give_the_same_text_usage_and_cost(
    both: None, two_nodes: list[NodeProcess], http: httpx.AsyncClient, customer: Customer
) -> None:
    for question in QUESTIONS:
        said = []
        for model, node in zip((MODEL, BY_VLLM), two_nodes, strict=True):
            answer = await http.post("/v1/reason", json={"question": question, "model": model})
            assert answer.status_code == 200, answer.text
            told = answer.json()
            assert told["status"] == "finished"
            assert (await service_call(Run.objects.get, id=told["id"])).node_name == node.name
            record = await service_call(UsageRecord.objects.get, run_id=told["id"])
            assert record.cost_nano_usd == told["cost_nano_usd"] == told["usage"]["total_tokens"] * PRICE
            fields = ("answer", "steps", "tool_calls", "usage", "cost_nano_usd")
            said.append(_without_times({field: told[field] for field in fields}))
            counted = (await node_counters(node))[told["id"]]
            assert {name: getattr(record, name) for name in COUNTERS} == counted
        assert said[0] == said[1], question
    await all_sound()


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_times(inner) for name, inner in value.items() if name != "wall_ms"}
    return [_without_times(inner) for inner in value] if isinstance(value, list) else value
