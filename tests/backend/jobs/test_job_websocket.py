"""/ws/jobs/{id} and /ws/fleet: the refusals first; every event once and in order from any seq, live to the end."""

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from backend.accounts.models import Account
from backend.accounts.services import api_key_create
from backend.jobs.services import job_cancel
from gpu_node.protocol import job_frames as wire
from tests.backend.jobs.conftest import follow

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator_key(account: Account) -> str:
    return api_key_create(account_id=account.id, name="operator", scopes=["jobs"])[1]


def url(door: str, path: str) -> str:
    return door.replace("http", "ws") + path


async def heard(socket: Any) -> dict[str, Any]:
    async with asyncio.timeout(30):
        return json.loads(await socket.recv())


async def messages(door: str, path: str, **hello: Any) -> tuple[list[dict[str, Any]], int | None]:
    found = []
    async with connect(url(door, path)) as socket:
        await socket.send(json.dumps(hello))
        try:
            while True:
                found.append(await heard(socket))
        except ConnectionClosed:
            return found, socket.close_code


def seqs(found: list[dict[str, Any]]) -> list[int]:
    return [message["event"]["seq"] for message in found if message["kind"] == "event"]


def test_refusals(store_door, running, operator_key, account) -> None:
    customer = api_key_create(account_id=account.id, name="customer", scopes=["inference"])[1]
    path = f"/ws/jobs/{running.id}"
    assert asyncio.run(messages(store_door, path, api_key=customer))[1] == 4401
    assert asyncio.run(messages(store_door, path))[1] == 4401  # the local account is no operator
    assert asyncio.run(messages(store_door, "/ws/jobs/job_nothere1", api_key=operator_key))[1] == 4404
    assert asyncio.run(messages(store_door, path, after_seq=-1))[1] == 4400
    assert asyncio.run(messages(store_door, "/ws/fleet", api_key=customer))[1] == 4401


def test_a_late_reader_gets_all_from_any_seq_and_the_end(node, running, store_door, operator_key) -> None:
    node.emit(running.id, *[wire.Metric(step=n, values={"loss": 1.0}) for n in range(1, 6)])
    node.emit(running.id, wire.JobFinished(step=5, is_complete=True))
    follow()
    for after in (0, 3, 7, 99):
        found, code = asyncio.run(messages(store_door, f"/ws/jobs/{running.id}", after_seq=after, api_key=operator_key))
        assert code == 1000
        assert seqs(found) == list(range(after + 1, 8))
        assert (found[0]["kind"], found[0]["job"]["status"]) == ("job", "succeeded")


def test_a_live_reader_sees_each_event_once_and_each_change_of_state(node, running, store_door, operator_key) -> None:
    async def watch() -> tuple[list[dict[str, Any]], int | None]:
        reading = asyncio.create_task(messages(store_door, f"/ws/jobs/{running.id}", api_key=operator_key))
        for step in range(1, 4):
            await asyncio.sleep(0.3)
            node.emit(running.id, wire.Metric(step=step, values={"loss": 1.0}))
            await asyncio.to_thread(follow)
        await asyncio.to_thread(job_cancel, running.id, reason="seen enough")
        node.emit(running.id, wire.JobCancelled(step=3))
        await asyncio.to_thread(follow)
        return await reading

    found, code = asyncio.run(watch())
    assert (seqs(found), code) == ([1, 2, 3, 4, 5], 1000)
    states = [message["job"]["status"] for message in found if message["kind"] == "job"]
    assert (states[0], states[-1]) == ("running", "cancelled")


def test_the_fleet_socket_shows_nodes_and_jobs_that_move(node, running, store_door, operator_key) -> None:
    async def watch() -> list[dict[str, Any]]:
        found = []
        async with connect(url(store_door, "/ws/fleet")) as socket:
            await socket.send(json.dumps({"api_key": operator_key}))
            found.append(await heard(socket))
            node.emit(running.id, wire.Metric(step=9, values={"loss": 0.5}))
            await asyncio.to_thread(follow)
            while found[-1]["kind"] != "job":
                found.append(await heard(socket))
        return found

    found = asyncio.run(watch())
    assert found[0]["nodes"][0]["name"] == "gpu-1"
    assert found[0]["nodes"][0]["running_jobs"][0]["job_id"] == running.id
    assert found[-1]["job"]["step"] == 9
