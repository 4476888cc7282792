"""The nodes of a gang meet: all together or nobody, and who cannot come is told in one sentence."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from gpu_node.protocol.job_spec import Rendezvous
from gpu_node.server import gang_door
from gpu_node.server.gang_door import GangApart, gang_met

NAME = "job_1.1"


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gang_door, "MEET_SECONDS_MAX", 0.5)
    monkeypatch.setattr(gang_door, "AGAIN_SECONDS", 0.05)


@pytest.fixture
def taken(port: int) -> Iterator[socket.socket]:
    """Somebody else listens on the gang's port, and says nothing."""
    with socket.create_server(("", port)) as listener:
        yield listener


def place(rank: int, port: int, *, num_nodes: int = 2, host: str = "127.0.0.1") -> Rendezvous:
    return Rendezvous(node_rank=rank, num_nodes=num_nodes, ranks_per_node=1, master_host=host, master_port=port)


class Member:
    """One node's way to the start: `inputs` is when it has its inputs."""

    def __init__(self, where: Rendezvous, *, name: str = NAME) -> None:
        self.where, self.name = where, name
        self.inputs = asyncio.Event()
        self.is_started = False
        self.told: list[str] = []
        self.task = asyncio.create_task(self._go())

    async def _go(self) -> None:
        async with gang_met(self.where, self.name, self.told.append) as gang:
            await self.inputs.wait()
            await gang.ready()
            self.is_started = True

    async def end(self) -> str:
        """What it said in the end; empty: it started."""
        try:
            async with asyncio.timeout(10):
                await self.task
        except GangApart as apart:
            return f"{apart.cause}: {apart}"
        assert self.is_started
        return ""


async def test_a_gang_starts_when_its_slowest_node_is_ready_and_the_port_is_free_then(port: int) -> None:
    members = [Member(place(rank, port, num_nodes=3)) for rank in (2, 1, 0)]
    for member in members[:2]:
        member.inputs.set()
    await asyncio.sleep(0.7)
    assert not any(member.is_started for member in members)
    members[2].inputs.set()
    assert [await member.end() for member in members] == ["", "", ""]
    assert members[0].told == [f"waiting for rank 0 of the gang at 127.0.0.1:{port}: Connection refused"]
    with socket.create_server(("", port)):  # as torchrun does now
        pass


async def test_one_node_alone_waits_for_nobody() -> None:
    for where in (None, place(0, 1, num_nodes=1)):
        async with gang_met(where, NAME, print) as gang:
            await gang.ready()


@pytest.mark.usefixtures("short_waits")
async def test_a_node_that_cannot_reach_rank_0_says_so(port: int) -> None:
    said = await Member(place(1, port)).end()
    assert said == (
        f"rendezvous_failed: node rank 1 of the gang cannot reach rank 0 at 127.0.0.1:{port}: Connection refused"
    )
    said = await Member(place(1, port, host="no-such-node.invalid")).end()
    assert said.startswith(
        f"rendezvous_failed: node rank 1 of the gang cannot reach rank 0 at no-such-node.invalid:{port}"
    )


@pytest.mark.usefixtures("short_waits", "taken")
async def test_a_port_that_another_process_holds_is_named(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    said = await Member(place(0, port)).end()
    assert said == (
        f"rendezvous_failed: rank 0 of the gang cannot listen on port {port} of its node: Address already in use"
    )
    monkeypatch.setattr(gang_door, "CONNECT_SECONDS_MAX", 0.2)
    said = await Member(place(1, port)).end()
    assert said.endswith(f"cannot reach rank 0 at 127.0.0.1:{port}: no answer in 0 s")


@pytest.mark.usefixtures("short_waits")
async def test_rank_0_names_who_did_not_come(port: int) -> None:
    members = [Member(place(rank, port, num_nodes=3)) for rank in (0, 1)]
    for member in members:
        member.inputs.set()
    said = await members[0].end()
    assert said == f"peer_lost: node rank 2 of the gang did not come to port {port} of rank 0's node in 0 s"
    assert "left before it began" in await members[1].end()


@pytest.mark.parametrize("leaver", [0, 1])
async def test_a_node_that_leaves_before_the_start_ends_the_gang(port: int, leaver: int) -> None:
    members = [Member(place(rank, port)) for rank in (0, 1)]
    other = members[1 - leaver]
    other.inputs.set()
    await asyncio.sleep(0.5)
    members[leaver].task.cancel()
    assert (await other.end()).startswith("peer_lost: ")
    assert not any(member.is_started for member in members)


async def test_strangers_and_nodes_of_another_attempt_do_not_count(port: int) -> None:
    host = Member(place(0, port))
    host.inputs.set()
    await asyncio.sleep(0.1)
    for nonsense in (b"GET / HTTP/1.1\r\n\r\n", b"x" * 5_000, b'{"attempt": "job_1.1", "node_rank": 0}\n'):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(nonsense)
        writer.close()
    late = Member(place(1, port), name="job_1.2")
    assert (await late.end()).endswith("refused this node: there waits job_1.1, not job_1.2")
    assert not host.task.done()
    right = Member(place(1, port))
    right.inputs.set()
    assert [await host.end(), await right.end()] == ["", ""]
