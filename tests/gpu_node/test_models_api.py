"""A version is loaded beside another, answers, is let go without a failed run; a draining node takes nothing new."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from gpu_node.protocol.frames import RunFinished
from gpu_node.protocol.manifest import SignedManifest
from gpu_node.server.node import Node
from tests.gpu_node.artifact_server import Artifacts, artifacts_served
from tests.gpu_node.job_node import error_of, tiny_checkpoint
from tests.gpu_node.scripted_node import MODEL, cast, node_of, served, spec
from tests.gpu_node.test_server import first_frames, frames_of, put

VERSION = "svend-tiny-2"
CRITIC = Path(__file__).resolve().parents[2] / "gpu_node" / "weights" / "svend-verifier-nano"  # of tiny's tokenizer


@pytest.fixture(scope="module")
def store() -> Iterator[Artifacts]:
    with artifacts_served() as served_store:
        yield served_store


@pytest.fixture(scope="module")
def tiny(store: Artifacts, tmp_path_factory: pytest.TempPathFactory) -> SignedManifest:
    return store.take(tiny_checkpoint(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return node_of(cast(seconds_per_token=0.002), tmp_path)


@pytest.fixture
async def client(node: Node) -> AsyncIterator[httpx.AsyncClient]:
    async with served(node) as url, httpx.AsyncClient(base_url=url, timeout=60) as http:
        yield http


async def load(http: httpx.AsyncClient, signed: SignedManifest, version: str = VERSION) -> httpx.Response:
    """As an operator's reconciler does it: asks again while it is loading."""
    while True:
        answer = await http.put(f"/models/{version}", content=signed.model_dump_json())
        if answer.status_code != 202:
            return answer
        await asyncio.sleep(0.1)


async def versions(http: httpx.AsyncClient) -> list[str]:
    return [model["version"] for model in (await http.get("/info")).json()["models"]]


async def test_a_second_version_answers_beside_the_first(client: httpx.AsyncClient, tiny: SignedManifest) -> None:
    assert error_of(await put(client, "run_0", spec("hi", model=VERSION))) == (404, "model_not_loaded")
    assert (await load(client, tiny)).json() == {"version": VERSION, "state": "loaded"}
    assert (await load(client, tiny)).status_code == 200  # the same twice is fine
    assert await versions(client) == [MODEL, VERSION]
    asked = spec("What is 1 + 1?", model=VERSION, tools=[], max_completion_tokens=5)
    await put(client, "run_1", asked)
    await put(client, "run_2", spec("Solve x^2 = 4"))
    assert isinstance((await frames_of(client, "run_1"))[-1].event, RunFinished)
    assert isinstance((await frames_of(client, "run_2"))[-1].event, RunFinished)


async def test_a_reasoner_says_whether_a_critic_reads_its_ids(
    client: httpx.AsyncClient, store: Artifacts, tiny: SignedManifest
) -> None:
    async def is_read() -> bool:
        models = (await client.get("/info")).json()["models"]
        return {model["version"]: model["has_critic"] for model in models}[VERSION]

    await load(client, tiny)
    assert not await is_read()
    await load(client, store.take(CRITIC), "svend-critic")
    assert await is_read()
    assert (await client.delete("/models/svend-critic")).status_code == 200
    assert not await is_read()


async def test_other_weights_under_a_loaded_name_are_refused(
    client: httpx.AsyncClient, store: Artifacts, tiny: SignedManifest, tmp_path: Path
) -> None:
    await load(client, tiny)
    folder = tiny_checkpoint(tmp_path / "other")
    (folder / "model_card.json").write_text("{}")
    assert error_of(await load(client, store.take(folder))) == (409, "model_conflict")


async def test_a_flipped_byte_is_refused_and_the_old_version_serves_on(
    client: httpx.AsyncClient, store: Artifacts, tiny: SignedManifest
) -> None:
    piece = tiny.manifest.files[0].pieces[0].sha256
    kept = store.pieces[piece]
    store.pieces[piece] = bytes([kept[0] ^ 1]) + kept[1:]
    try:
        refused = await load(client, tiny)
    finally:
        store.pieces[piece] = kept
    assert error_of(refused) == (422, "bad_input")
    assert await versions(client) == [MODEL]
    assert (await load(client, tiny)).status_code == 200  # healed


async def test_runs_of_an_unloaded_version_end_on_it(
    node: Node, client: httpx.AsyncClient, tiny: SignedManifest
) -> None:
    await load(client, tiny)
    await put(client, "run_1", spec("slow"))
    await first_frames(client, "run_1", 3)
    closed = []
    node.shelf._served[MODEL].close = lambda: closed.append(MODEL)
    assert (await client.delete(f"/models/{MODEL}")).status_code == 200
    assert error_of(await put(client, "run_2", spec("slow"))) == (404, "model_not_loaded")
    assert not closed
    assert isinstance((await frames_of(client, "run_1"))[-1].event, RunFinished)
    await asyncio.sleep(0.05)
    assert closed == [MODEL]
    assert error_of(await client.delete(f"/models/{MODEL}")) == (404, "model_not_loaded")


async def test_a_version_that_the_server_was_started_with_gives_way_to_the_registrys(
    client: httpx.AsyncClient, tiny: SignedManifest
) -> None:
    await put(client, "run_1", spec("slow"))
    await first_frames(client, "run_1", 3)
    assert (await load(client, tiny, MODEL)).status_code == 200
    (model,) = (await client.get("/info")).json()["models"]
    assert (model["version"], model["manifest_sha256"]) == (MODEL, tiny.manifest.sha256)
    assert isinstance((await frames_of(client, "run_1"))[-1].event, RunFinished)


async def test_a_loaded_version_is_there_after_a_restart(tiny: SignedManifest, tmp_path: Path) -> None:
    async with served(node_of(cast(), tmp_path)) as url, httpx.AsyncClient(base_url=url, timeout=60) as http:
        await load(http, tiny)
    async with served(node_of(cast(), tmp_path)) as url, httpx.AsyncClient(base_url=url, timeout=60) as http:
        for _ in range(100):
            if VERSION in await versions(http):
                break
            await asyncio.sleep(0.05)
        assert VERSION in await versions(http)
        await http.delete(f"/models/{VERSION}")
        assert list((tmp_path / "models").iterdir()) == [tmp_path / "models" / "loaded.json"]


async def test_a_draining_node_ends_what_runs_and_takes_nothing_new(client: httpx.AsyncClient) -> None:
    await put(client, "run_1", spec("slow"))
    assert (await client.post("/drain")).status_code == 200
    assert (await client.get("/info")).json()["is_draining"] is True
    assert error_of(await put(client, "run_2", spec("silent"))) == (503, "draining")
    order = {"spec": {"kind": "generate"}}
    assert error_of(await client.put("/jobs/job_1?epoch=1", json=order)) == (503, "draining")
    frames = await frames_of(client, "run_1")
    assert isinstance(frames[-1].event, RunFinished)
    await client.post("/undrain")
    assert (await put(client, "run_2", spec("silent"))).status_code == 202
