"""The node over a real socket: the wire as the backend speaks it, refusals, re-attach, epochs, cancel, bounds."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from gpu_node.protocol.frames import Frame, RunFailed, RunFinished, RunStarted, frame_parse
from gpu_node.protocol.node import NodeInfo, UsageRow
from gpu_node.protocol.run_spec import RunSpec
from gpu_node.server import runs_api
from tests.gpu_node.scripted_node import Cast, cast, completion_spec, node_of, served, spec


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with served(node_of(cast(), tmp_path)) as url, httpx.AsyncClient(base_url=url, timeout=10) as http:
        yield http


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Cast]]:
    """A node with two places whose model says 200 tokens a second."""
    cast_ = cast(seconds_per_token=0.005)
    node = node_of(cast_, tmp_path, runs_max=2)
    async with served(node) as url, httpx.AsyncClient(base_url=url, timeout=10) as http:
        yield http, cast_


async def put(http: httpx.AsyncClient, run_id: str, spec_: RunSpec, *, epoch: int = 1) -> httpx.Response:
    return await http.put(f"/runs/{run_id}", params={"epoch": epoch}, content=spec_.model_dump_json())


async def frames_of(http: httpx.AsyncClient, run_id: str, **params: int) -> list[Frame]:
    async with http.stream("GET", f"/runs/{run_id}/events", params=params) as response:
        assert response.status_code == 200, await response.aread()
        return [frame_parse(line) async for line in response.aiter_lines() if line]


async def first_frames(http: httpx.AsyncClient, run_id: str, count: int) -> list[Frame]:
    frames: list[Frame] = []
    async with http.stream("GET", f"/runs/{run_id}/events") as response:
        async for line in response.aiter_lines():
            if line:
                frames.append(frame_parse(line))
            if len(frames) == count:
                break
    return frames


def error_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


async def test_a_run_from_put_to_the_last_frame(client: httpx.AsyncClient):
    answer = await put(client, "run_1", spec("Solve x^2 = 4"))
    assert answer.status_code == 202
    assert answer.json()["run_id"] == "run_1"
    frames = await frames_of(client, "run_1")
    assert [frame.seq for frame in frames] == list(range(1, len(frames) + 1))
    assert isinstance(frames[0].event, RunStarted)
    assert isinstance(frames[-1].event, RunFinished)
    assert frames[-1].event.answer == "x = -2 or x = 2 \u2713"


async def test_the_same_epoch_again_changes_nothing(client: httpx.AsyncClient):
    await put(client, "run_1", spec("Solve x^2 = 4"))
    before = await frames_of(client, "run_1")
    again = await put(client, "run_1", spec("silent"))
    assert (again.status_code, again.json()["status"]) == (200, "finished")
    assert await frames_of(client, "run_1") == before


async def test_an_older_epoch_is_stale(client: httpx.AsyncClient):
    await put(client, "run_1", spec("silent"), epoch=3)
    assert error_of(await put(client, "run_1", spec("silent"), epoch=2)) == (409, "stale_epoch")


async def test_a_newer_epoch_ends_the_older(slow: tuple[httpx.AsyncClient, Cast]):
    http, _ = slow
    await put(http, "run_1", spec("slow"))
    await first_frames(http, "run_1", 3)
    assert (await put(http, "run_1", spec("silent"), epoch=2)).status_code == 202
    old = await frames_of(http, "run_1", epoch=1)
    assert isinstance(old[-1].event, RunFailed)
    assert old[-1].event.code == "superseded"
    new = await frames_of(http, "run_1")
    assert {frame.epoch for frame in new} == {2}
    assert isinstance(new[-1].event, RunFinished)


async def test_reading_again_from_any_seq(client: httpx.AsyncClient):
    await put(client, "run_1", spec("Solve x^2 = 4"))
    frames = await frames_of(client, "run_1")
    for after in range(len(frames) + 2):
        assert await frames_of(client, "run_1", after=after) == frames[after:]


async def test_a_reader_that_leaves_stops_nothing(slow: tuple[httpx.AsyncClient, Cast]):
    http, cast_ = slow
    await put(http, "run_1", spec("slow", max_completion_tokens=60))
    seen = await first_frames(http, "run_1", 4)
    await asyncio.sleep(0.3)
    frames = await frames_of(http, "run_1")
    assert frames[: len(seen)] == seen
    assert isinstance(frames[-1].event, RunFinished)
    assert frames[-1].usage.completion_tokens == 60 == cast_.backend.num_generated


async def test_cancel_ends_the_run_within_a_second(slow: tuple[httpx.AsyncClient, Cast]):
    http, cast_ = slow
    await put(http, "run_1", spec("slow"))
    await first_frames(http, "run_1", 4)
    started = time.monotonic()
    assert (await http.delete("/runs/run_1")).status_code == 202
    frames = await frames_of(http, "run_1")
    assert time.monotonic() - started < 1
    assert isinstance(frames[-1].event, RunFinished)
    assert frames[-1].event.finish_reason == "cancelled"
    assert 0 < frames[-1].usage.completion_tokens <= cast_.backend.num_generated
    assert (await http.delete("/runs/run_1")).json()["status"] == "cancelled"  # again: nothing to do


async def test_a_run_in_a_hanging_tool_is_cancelled(client: httpx.AsyncClient):
    await put(client, "run_1", spec("hang"))
    await first_frames(client, "run_1", 3)
    started = time.monotonic()
    await client.delete("/runs/run_1")
    frames = await frames_of(client, "run_1")
    assert frames[-1].event.finish_reason == "cancelled"
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("num_ticks", range(4))
async def test_a_run_cancelled_as_it_begins_ends_too(tmp_path: Path, num_ticks: int):
    node = node_of(cast(seconds_per_token=0.005), tmp_path)
    node.runs.start(run_id="run_1", epoch=1, spec=spec("slow"))
    for _ in range(num_ticks):
        await asyncio.sleep(0)
    node.runs.cancel("run_1")
    log = node.store.log_find("run_1")
    assert log is not None
    async with asyncio.timeout(5):
        lines = b"".join([lines async for lines in log.follow(after=0, heartbeat_seconds=1)])
    last = frame_parse(lines.splitlines()[-1])
    assert isinstance(last.event, RunFinished)
    assert last.event.finish_reason == "cancelled"
    assert node.runs.running() == []
    assert [row.usage for row in node.store.usage_rows(after=0, limit=9)] == [last.usage]


async def test_a_queued_run_can_be_cancelled(slow: tuple[httpx.AsyncClient, Cast]):
    http, _ = slow
    statuses = [(await put(http, f"run_{number}", spec("slow"))).json()["status"] for number in range(3)]
    assert statuses[0] == "running"
    await asyncio.sleep(0.05)
    again = await put(http, "run_2", spec("slow"))
    assert again.json()["status"] == "queued"
    await http.delete("/runs/run_2")
    frames = await frames_of(http, "run_2")
    assert [frame.event.type for frame in frames] == ["run.finished"]
    assert frames[0].usage.total_tokens == 0
    for number in range(2):
        await http.delete(f"/runs/run_{number}")


async def test_too_many_runs_are_told_to_come_back(tmp_path: Path):
    node = node_of(cast(seconds_per_token=0.005), tmp_path, runs_max=1)
    node.runs.runs_queued_max = 1
    async with served(node) as url, httpx.AsyncClient(base_url=url) as http:
        for number in range(2):
            assert (await put(http, f"run_{number}", spec("slow"))).status_code == 202
        refused = await put(http, "run_3", spec("slow"))
        assert error_of(refused) == (503, "busy")
        assert refused.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", (422, "invalid_spec")),
        (b"\xff\xfe", (422, "invalid_spec")),
        (b"[]", (422, "invalid_spec")),
        (b'{"protocol_version": 2}', (422, "invalid_spec")),
        (b'{"model": 5}', (422, "invalid_spec")),
        (b"x" * 5_000_000, (413, "body_too_large")),
        (spec("hi", model="gpt-5").model_dump_json().encode(), (404, "model_not_loaded")),
        (spec("hi", max_total_tokens=3).model_dump_json().encode(), (422, "prompt_too_long")),
        (spec("x" * 60_000).model_dump_json().encode(), (422, "prompt_too_long")),
    ],
)
async def test_a_bad_body_is_one_clear_error(client: httpx.AsyncClient, body: bytes, expected: tuple[int, str]):
    assert error_of(await client.put("/runs/run_1", content=body)) == expected
    assert error_of(await client.get("/runs/run_1/events")) == (404, "unknown_run")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/runs/run_x/events", (404, "unknown_run")),
        ("DELETE", "/runs/run_x", (404, "unknown_run")),
        ("GET", "/runs/..%2f..%2fjournal_id/events", (404, "not_found")),
        ("GET", "/runs/a.b/events", (400, "bad_request")),
        ("GET", "/runs/run_x/events?after=-1", (400, "bad_request")),
        ("PUT", "/runs/run_x?epoch=0", (400, "bad_request")),
        ("GET", "/usage?after=x", (400, "bad_request")),
        ("GET", "/nowhere", (404, "not_found")),
        ("POST", "/info", (405, "method_not_allowed")),
    ],
)
async def test_refusals(client: httpx.AsyncClient, method: str, path: str, expected: tuple[int, str]):
    assert error_of(await client.request(method, path)) == expected


async def test_the_secret_is_asked_for(tmp_path: Path):
    async with served(node_of(cast(), tmp_path), secret="s3cret") as url, httpx.AsyncClient(base_url=url) as http:
        assert error_of(await http.get("/info")) == (401, "unauthorized")
        assert error_of(await http.get("/info", headers={"authorization": "Bearer wrong"})) == (401, "unauthorized")
        assert (await http.get("/info", headers={"authorization": "Bearer s3cret"})).status_code == 200
        assert (await http.get("/healthz")).status_code == 200


async def test_info_and_usage(client: httpx.AsyncClient):
    info = NodeInfo.model_validate((await client.get("/info")).json())
    assert info.models[0].version == "svend-scripted"
    frames = []
    for number in range(3):
        await put(client, f"run_{number}", completion_spec("Solve: 1 + 1\n"))
        frames.append((await frames_of(client, f"run_{number}"))[-1])
    page = (await client.get("/usage?after=1")).json()
    assert page["journal_id"] == info.journal_id
    rows = [UsageRow.model_validate(row) for row in page["rows"]]
    assert [(row.position, row.run_id, row.usage) for row in rows] == [
        (2, "run_1", frames[1].usage),
        (3, "run_2", frames[2].usage),
    ]


async def test_a_new_process_reads_the_old_ones_runs(tmp_path: Path):
    async with served(node_of(cast(), tmp_path)) as url, httpx.AsyncClient(base_url=url) as http:
        await put(http, "run_1", spec("Solve x^2 = 4"))
        before = await frames_of(http, "run_1")
    async with served(node_of(cast(), tmp_path)) as url, httpx.AsyncClient(base_url=url) as http:
        assert await frames_of(http, "run_1") == before
        assert (await put(http, "run_1", spec("Solve x^2 = 4"))).status_code == 200
        assert error_of(await http.get("/runs/run_1/events?epoch=2")) == (404, "unknown_run")


async def test_a_stopped_node_ends_its_runs(tmp_path: Path):
    async with served(node_of(cast(seconds_per_token=0.005), tmp_path)) as url, httpx.AsyncClient(base_url=url) as http:
        await put(http, "run_1", spec("slow"))
        await first_frames(http, "run_1", 3)
    last = frame_parse((tmp_path / "runs" / "run_1.1.ndjson").read_bytes().splitlines()[-1])
    assert last.event.code == "node_restarted"


async def test_a_quiet_stream_has_heartbeats(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runs_api, "HEARTBEAT_SECONDS", 0.05)
    await put(client, "run_1", spec("hang"))
    async with client.stream("GET", "/runs/run_1/events") as response:
        async for line in response.aiter_lines():
            if not line:
                break
    await client.delete("/runs/run_1")


async def test_a_failing_disk_fails_the_run_and_refuses_new_ones_until_it_heals(
    slow: tuple[httpx.AsyncClient, Cast], monkeypatch: pytest.MonkeyPatch
):
    http, _ = slow
    await put(http, "run_1", spec("slow"))
    seen = await first_frames(http, "run_1", 4)
    real_write = os.write

    def full_disk(descriptor: int, data: bytes) -> int:
        if data.startswith(b'{"run_id"'):
            raise OSError(28, "No space left on device")
        return real_write(descriptor, data)

    monkeypatch.setattr(os, "write", full_disk)
    monkeypatch.setattr(Path, "write_bytes", lambda _path, _data: full_disk(-1, b'{"run_id"'))
    await asyncio.sleep(0.3)
    assert error_of(await http.get("/runs/run_1/events")) == (503, "disk_error")
    assert error_of(await put(http, "run_2", spec("silent"))) == (503, "disk_error")
    monkeypatch.undo()
    await asyncio.sleep(1.3)
    frames = await frames_of(http, "run_1")
    assert frames[: len(seen)] == seen
    assert frames[-1].event.code == "disk_error"
    assert (await put(http, "run_2", spec("silent"))).status_code == 202


async def test_many_runs_at_once_are_counted_exactly(tmp_path: Path):
    cast_ = cast()
    async with (
        served(node_of(cast_, tmp_path)) as url,
        httpx.AsyncClient(base_url=url, timeout=30, limits=httpx.Limits(max_connections=40)) as http,
    ):
        questions = ["Solve x^2 = 4", "bad json", "two tries", "many calls"]

        async def ask(number: int) -> Frame:
            verify = number % 2 == 0
            await put(http, f"run_{number}", spec(questions[number % 4], verify=verify, max_total_tokens=8000))
            if number % 3 == 0:
                await http.delete(f"/runs/run_{number}")
            return (await frames_of(http, f"run_{number}"))[-1]

        last = await asyncio.gather(*(ask(number) for number in range(60)))
        assert all(frame.is_terminal for frame in last)
        assert sum(frame.usage.completion_tokens for frame in last) == cast_.backend.num_generated
        assert cast_.backend.num_open == 0
        rows = (await http.get("/usage")).json()["rows"]
        assert {row["run_id"]: row["usage"] for row in rows} == {
            frame.run_id: json.loads(frame.usage.model_dump_json()) for frame in last
        }
