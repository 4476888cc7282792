"""A gang: two node servers on loopback, one rank each, train as one; a lost rank ends the other's attempt."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpu_node.protocol.job_frames import Checkpoint, JobFailed, JobStarted, Metric
from gpu_node.protocol.job_spec import Rendezvous, TrainSpec
from gpu_node.protocol.manifest import SignedManifest
from tests.gpu_node.artifact_server import artifacts_served
from tests.gpu_node.job_node import JobNode, data_folder, processes_of, tiny_checkpoint, train_spec

pytestmark = pytest.mark.extra

Inputs = dict[str, SignedManifest]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inputs]:
    folder = tmp_path_factory.mktemp("inputs")
    with artifacts_served() as store:
        yield {
            "parent": store.take(tiny_checkpoint(folder / "tiny")),
            "data": store.take(data_folder(folder / "data")),
        }


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[JobNode]]:
    nodes = [JobNode(tmp_path / f"state{number}").start() for number in range(2)]
    yield nodes
    for node in nodes:
        node.close()


def gang_put(nodes: list[JobNode], spec: TrainSpec, inputs: Inputs) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for rank, node in enumerate(nodes):
        place = Rendezvous(node_rank=rank, num_nodes=2, ranks_per_node=1, master_port=port)
        assert node.put("job_1", spec, inputs, rendezvous=place).status_code == 202


def losses(node: JobNode, job_id: str) -> list[float]:
    return [event.values["loss"] for event in node.events(job_id) if isinstance(event, Metric)]


@pytest.mark.timeout(300)
def test_two_nodes_train_to_the_loss_of_one_rank(nodes: list[JobNode], inputs: Inputs) -> None:
    spec = train_spec(num_steps=10, is_autocast=False, num_nodes=2)
    gang_put(nodes, spec, inputs)
    assert [node.wait_end("job_1").type for node in nodes] == ["job.finished"] * 2
    started = next(event for event in nodes[0].events("job_1") if isinstance(event, JobStarted))
    assert started.world_size == 2
    assert losses(nodes[1], "job_1") == []
    assert any(isinstance(event, Checkpoint) for event in nodes[0].events("job_1"))
    assert not any(isinstance(event, Checkpoint) for event in nodes[1].events("job_1"))
    nodes[0].put("job_2", spec.model_copy(update={"num_nodes": 1}), inputs)
    assert nodes[0].wait_end("job_2").type == "job.finished"
    alone = losses(nodes[0], "job_2")
    assert len(alone) == 10
    assert losses(nodes[0], "job_1") == pytest.approx(alone, abs=1e-5)


@pytest.mark.timeout(300)
def test_a_lost_rank_ends_the_other(nodes: list[JobNode], inputs: Inputs) -> None:
    gang_put(nodes, train_spec(num_steps=100_000, checkpoint_steps=100_000, num_nodes=2), inputs)
    nodes[0].wait("job_1", lambda event: isinstance(event, Metric))
    (rank,) = [
        pid
        for pid in processes_of(nodes[1].attempt("job_1"), "gpu_node.training.run_job")
        if b"torch.distributed.run" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    os.kill(rank, signal.SIGKILL)
    ends = [node.wait_end("job_1") for node in nodes]
    assert isinstance(ends[0], JobFailed)
    assert ends[0].cause == "peer_lost"
    assert isinstance(ends[1], JobFailed)
    assert ends[1].cause == "killed"
    for node in nodes:
        node.wait_exit("job_1")
        assert processes_of(node.attempt("job_1"), "gpu_node.training.run_job") == []
