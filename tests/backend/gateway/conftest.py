"""The gateway's stage: a real node process, the real ASGI application on a real port, an account with money."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx
import pytest
import uvicorn
from openai import AsyncOpenAI

from backend.accounts.models import Account, ApiKey
from backend.accounts.services import api_key_create
from backend.core.threads import service_call
from backend.model_registry.models import ModelVersion
from backend.model_registry.services import LOCAL_ALIASES, model_promote, model_version_register, snapshot_forget
from backend.nodes.client import sessions_close
from backend.nodes.services import nodes_probe
from tests.backend.conftest import grant
from tests.backend.gateway.node_process import MODEL, NodeProcess

CONTEXT_TOKENS = 8192


@pytest.fixture(scope="session")
def shared_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    node = NodeProcess(tmp_path_factory.mktemp("node"))
    node.start()
    yield node
    node.stop()


@pytest.fixture
def node(shared_node: NodeProcess, settings) -> NodeProcess:
    """The node for tests that leave it alive."""
    settings.SVEND_NODES = [shared_node.setting]
    return shared_node


@pytest.fixture
def own_node(tmp_path, settings) -> Iterator[NodeProcess]:
    """A node of its own, for tests that kill it."""
    node = NodeProcess(tmp_path / "node")
    node.start()
    settings.SVEND_NODES = [node.setting]
    yield node
    node.stop()


@dataclass(frozen=True, kw_only=True)
class Customer:
    account: Account
    api_key: ApiKey
    raw_key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.raw_key}"}


@pytest.fixture
def registry(transactional_db: None, price: int) -> Iterator[ModelVersion]:
    snapshot_forget()
    version = model_version_register(
        name=MODEL,
        role="reasoner",
        context_tokens=CONTEXT_TOKENS,
        num_parameters=1,
        vocab_size=270,
    )
    for alias in LOCAL_ALIASES:
        model_promote(alias=alias, version=version, reason="tests")
    yield version
    snapshot_forget()


@pytest.fixture
def customer(registry: ModelVersion, account: Account) -> Customer:
    Account.objects.filter(id=account.id).update(requests_per_minute=100_000, tokens_per_minute=1_000_000_000)
    grant(account, 100_000_000_000)
    api_key, raw_key = api_key_create(account_id=account.id, name="tests")
    return Customer(account=account, api_key=api_key, raw_key=raw_key)


@pytest.fixture
def stranger(registry: ModelVersion, other_account: Account) -> Customer:
    api_key, raw_key = api_key_create(account_id=other_account.id, name="theirs")
    return Customer(account=other_account, api_key=api_key, raw_key=raw_key)


@pytest.fixture
async def server(registry: ModelVersion) -> AsyncIterator[str]:
    """The base URL of the real application, served on this test's event loop."""
    from backend.asgi import application

    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    config = uvicorn.Config(application, log_level="warning", lifespan="off", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None
    await nodes_probe()
    await service_call(snapshot_forget)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    await serving
    await sessions_close()


@pytest.fixture
async def http(server: str, customer: Customer) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=300)
    async with httpx.AsyncClient(base_url=server, headers=customer.headers, timeout=60, limits=limits) as client:
        yield client


@pytest.fixture
async def openai_client(server: str, customer: Customer) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{server}/v1", api_key=customer.raw_key, max_retries=0) as client:
        yield client
