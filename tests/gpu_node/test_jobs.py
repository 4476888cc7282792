"""Training jobs on a real node server: from the order to the checkpoint in the store, through every kind of death."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from gpu_node.protocol.job_frames import (
    Alert,
    Checkpoint,
    CheckpointDropped,
    CheckpointUploaded,
    JobFailed,
    JobStarted,
    Metric,
)
from gpu_node.protocol.job_spec import DataSpec, GenerateSpec
from gpu_node.protocol.manifest import SignedManifest
from gpu_node.server import job_shim
from gpu_node.server.job_shim import job_environment
from gpu_node.training.attempt_folder import AttemptFolder
from gpu_node.training.job_frames import line_parse
from tests.gpu_node.artifact_server import Artifacts, artifacts_served
from tests.gpu_node.job_node import JobNode, data_folder, error_of, processes_of, tiny_checkpoint, train_spec

pytestmark = pytest.mark.timeout(300)  # each starts processes that import torch: slow where others compute too

Inputs = dict[str, SignedManifest]
MANY = 100_000  # steps: such a job ends only because somebody ends it


@pytest.fixture(scope="module")
def store() -> Iterator[Artifacts]:
    with artifacts_served() as served:
        yield served


@pytest.fixture(scope="module")
def inputs(store: Artifacts, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    folder = tmp_path_factory.mktemp("inputs")
    return {
        "parent": store.take(tiny_checkpoint(folder / "tiny")),
        "data": store.take(data_folder(folder / "data")),
    }


@pytest.fixture
def node(tmp_path: Path) -> Iterator[JobNode]:
    node = JobNode(tmp_path / "state").start()
    yield node
    node.close()


def has_step(step: int):
    return lambda event: isinstance(event, Metric) and event.step >= step


def failed(event: object) -> JobFailed:
    assert isinstance(event, JobFailed), event
    return event


def test_a_training_from_its_order_to_the_checkpoint_in_the_store(
    node: JobNode, store: Artifacts, inputs: Inputs, tmp_path: Path
) -> None:
    answer = node.put("job_1", train_spec(), inputs)
    assert answer.status_code == 202
    assert node.info().running_jobs[0].state == "preparing"
    assert node.wait_end("job_1").type == "job.finished"
    events = node.events("job_1")
    started = next(event for event in events if isinstance(event, JobStarted))
    assert (started.step, started.num_steps, started.world_size) == (0, 8, 1)
    metrics = [event for event in events if isinstance(event, Metric)]
    assert [metric.step for metric in metrics] == list(range(1, 9))
    assert metrics[-1].values["loss"] < metrics[0].values["loss"]
    checkpoints = [event for event in events if isinstance(event, Checkpoint)]
    assert [checkpoint.step for checkpoint in checkpoints] == [4, 8]
    last = checkpoints[-1].manifest
    store.breaks = 2  # broken connections cost a repeat, nothing else
    answer = node.http.post(
        "/jobs/job_1/uploads?epoch=1", content=store.signed(last, only_missing=True).model_dump_json()
    )
    assert answer.status_code == 202
    uploaded = node.wait("job_1", lambda event: isinstance(event, CheckpointUploaded))
    assert uploaded == CheckpointUploaded(step=8, manifest_sha256=last.sha256)
    assert store.has_all(last)
    store.write(last, tmp_path / "fetched")
    assert (tmp_path / "fetched" / "tokenizer.json").exists()
    assert node.info().running_jobs == []
    node.wait_exit("job_1")


def test_the_same_order_again_changes_nothing_and_an_older_epoch_is_stale(node: JobNode, inputs: Inputs) -> None:
    assert node.put("job_1", train_spec(num_steps=MANY), inputs, epoch=2).status_code == 202
    assert node.put("job_1", train_spec(num_steps=MANY), inputs, epoch=2).status_code == 200
    assert error_of(node.put("job_1", train_spec(), inputs, epoch=1)) == (409, "stale_epoch")
    assert error_of(node.http.delete("/jobs/job_1?epoch=1")) == (409, "stale_epoch")
    assert error_of(node.put("job_2", train_spec(), inputs)) == (503, "busy")
    node.wait("job_1", has_step(1), epoch=2)
    assert node.put("job_1", train_spec(), inputs, epoch=3).status_code == 202  # the older attempt makes room
    assert node.wait_end("job_1", epoch=3).type == "job.finished"
    assert failed(node.wait_end("job_1", epoch=2)).cause == "killed"


def test_cancel_keeps_a_last_checkpoint(node: JobNode, inputs: Inputs) -> None:
    node.put("job_1", train_spec(num_steps=MANY, checkpoint_steps=MANY), inputs)
    node.wait("job_1", has_step(3))
    assert node.http.delete("/jobs/job_1?epoch=1").json()["state"] == "stopping"
    ended = node.wait_end("job_1")
    assert ended.type == "job.cancelled"
    checkpoint = next(event for event in node.events("job_1") if isinstance(event, Checkpoint))
    assert checkpoint.step == ended.step >= 3


def test_a_stopped_and_resumed_training_equals_one_that_was_never_stopped(
    node: JobNode, store: Artifacts, inputs: Inputs
) -> None:
    spec = train_spec(num_steps=60, checkpoint_steps=20)
    node.put("job_whole", spec, inputs)
    node.wait_end("job_whole")
    node.put("job_cut", spec, inputs)
    node.wait("job_cut", has_step(5))
    node.http.delete("/jobs/job_cut?epoch=1")
    stopped = node.wait_end("job_cut")
    assert stopped.type == "job.cancelled"
    taken = store.take(node.attempt("job_cut") / "checkpoints" / f"step-{stopped.step}")
    node.put("job_cut", spec, inputs | {"resume": taken}, epoch=2)
    assert node.wait_end("job_cut", epoch=2).type == "job.finished"
    started = next(event for event in node.events("job_cut", epoch=2) if isinstance(event, JobStarted))
    assert started.step == stopped.step
    first = load_file(node.attempt("job_whole") / "checkpoints" / "step-60" / "model.safetensors")
    second = load_file(node.attempt("job_cut", epoch=2) / "checkpoints" / "step-60" / "model.safetensors")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_pause_and_resume(node: JobNode, inputs: Inputs) -> None:
    node.put("job_1", train_spec(num_steps=MANY, checkpoint_steps=MANY), inputs)
    node.wait("job_1", has_step(2))
    assert node.http.post("/jobs/job_1/pause?epoch=1").status_code == 202
    node.wait("job_1", lambda event: event.type == "job.paused")
    assert node.info().running_jobs[0].state == "paused"
    before = len(node.events("job_1"))
    time.sleep(0.5)
    assert len(node.events("job_1")) == before
    node.http.post("/jobs/job_1/resume?epoch=1")
    node.wait("job_1", lambda event: event.type == "job.resumed")
    node.wait("job_1", has_step(node.info().running_jobs[0].step + 2))


def test_a_killed_server_loses_nothing_and_takes_its_job_up_again(node: JobNode, inputs: Inputs) -> None:
    node.put("job_1", train_spec(num_steps=400, checkpoint_steps=MANY), inputs)
    node.wait("job_1", has_step(2))
    node.kill()
    time.sleep(1.0)
    node.start()
    assert [(job.job_id, job.state) for job in node.info().running_jobs] == [("job_1", "running")]
    assert node.wait_end("job_1").type == "job.finished"
    steps = [event.step for event in node.events("job_1") if isinstance(event, Metric)]
    assert steps == list(range(1, 401))


def test_a_job_that_ends_while_the_server_is_away_is_told_afterwards(node: JobNode, inputs: Inputs) -> None:
    node.put("job_1", train_spec(num_steps=20), inputs)
    node.wait("job_1", has_step(1))
    node.kill()
    node.wait_exit("job_1")
    node.start()
    assert node.wait_end("job_1").type == "job.finished"


@pytest.mark.parametrize("module", ["gpu_node.training.run_job", "gpu_node.server.job_shim"])
def test_a_killed_process_is_a_killed_job(node: JobNode, inputs: Inputs, module: str) -> None:
    node.put("job_1", train_spec(num_steps=MANY, checkpoint_steps=MANY), inputs)
    node.wait("job_1", has_step(1))
    (pid,) = processes_of(node.attempt("job_1"), module)
    os.kill(pid, signal.SIGKILL)
    assert failed(node.wait_end("job_1")).cause == "killed"
    time.sleep(0.5)
    assert processes_of(node.attempt("job_1"), "gpu_node.training.run_job") == []


def test_acknowledged_frames_may_go_and_no_other(node: JobNode, inputs: Inputs) -> None:
    node.put("job_1", train_spec(), inputs)
    node.wait_end("job_1")
    node.wait_exit("job_1")
    last = len(node.frames())
    started = time.monotonic()
    page = node.http.get("/events", params={"after": last, "wait_seconds": 1}).json()
    assert (page["frames"], page["last_position"]) == ([], last)
    assert time.monotonic() - started > 0.9
    assert error_of(node.http.post("/events/ack", json={"position": last + 1})) == (400, "bad_request")
    assert node.http.post("/events/ack", json={"position": last}).json() == {"acknowledged": last}


def test_an_input_with_a_flipped_byte_is_refused(node: JobNode, store: Artifacts, inputs: Inputs) -> None:
    piece = inputs["parent"].manifest.files[0].pieces[0].sha256
    kept = store.pieces[piece]
    store.pieces[piece] = bytes([kept[0] ^ 1]) + kept[1:]
    try:
        node.put("job_1", train_spec(), inputs)
        ended = failed(node.wait_end("job_1"))
    finally:
        store.pieces[piece] = kept
    assert ended.cause == "bad_input"
    assert piece in ended.message
    assert not (node.attempt("job_1") / "inputs" / "parent").exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"question": "x", "answer": ', "rows.jsonl, line 3: no JSON"),
        ({"question": "x", "reply": "y"}, "rows.jsonl, line 3: no column 'answer' (has ['question', 'reply'])"),
        ({"question": "x " * 200, "answer": "y"}, "tokens, but data.row_tokens_max is 64"),
        (
            {"messages": [{"role": "god", "content": "let there be"}]},
            "rows.jsonl, line 3: bad messages: 0.role: Input should be 'system'",
        ),
    ],
)
def test_bad_data_is_named_by_file_and_line(
    node: JobNode, store: Artifacts, inputs: Inputs, tmp_path: Path, line: object, said: str
) -> None:
    good = {"question": "1 + 1?", "answer": "2"}
    data = store.take(data_folder(tmp_path / "bad", [good, good, line, good]))
    node.put("job_1", train_spec(), inputs | {"data": data})
    ended = failed(node.wait_end("job_1"))
    assert ended.cause == "bad_data"
    assert said in ended.message
    assert ended.cure


def test_rows_of_our_families_train_a_nano_model_from_nothing(node: JobNode) -> None:
    data = DataSpec(families=["gcd"], num_rows=20, row_tokens_max=256)
    spec = train_spec(parent=None, data=data, num_steps=3, warmup_steps=1, checkpoint_steps=3)
    node.put("job_1", spec)
    assert node.wait_end("job_1").type == "job.finished"
    (kept,) = (node.state / "jobs" / "rows").iterdir()
    drawn_at = kept.stat().st_mtime
    node.put("job_2", spec)
    assert node.wait_end("job_2").type == "job.finished"
    assert kept.stat().st_mtime == drawn_at  # another attempt does not draw them again


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("PUT", "/jobs/job_x?epoch=1", b"{}", (422, "invalid_spec")),
        ("PUT", "/jobs/job_x?epoch=0", b"{}", (400, "bad_request")),
        ("PUT", "/jobs/a.b?epoch=1", b"{}", (400, "bad_request")),
        ("DELETE", "/jobs/job_x?epoch=1", b"", (404, "unknown_job")),
        ("POST", "/jobs/job_x/pause?epoch=1", b"", (404, "unknown_job")),
        ("GET", "/events?after=-1", b"", (400, "bad_request")),
    ],
)
def test_refusals(node: JobNode, method: str, path: str, body: bytes, expected: tuple[int, str]) -> None:
    assert error_of(node.http.request(method, path, content=body)) == expected


def test_the_last_checkpoint_of_a_killed_server_is_still_uploaded(
    node: JobNode, store: Artifacts, inputs: Inputs
) -> None:
    node.put("job_1", train_spec(seed=77), inputs)
    node.wait_end("job_1")
    made = next(event for event in reversed(node.events("job_1")) if isinstance(event, Checkpoint)).manifest
    store.put_status = 503  # the store is away
    try:
        node.http.post("/jobs/job_1/uploads?epoch=1", content=store.signed(made, only_missing=True).model_dump_json())
        node.kill()
    finally:
        store.put_status = 201
    node.start()
    node.wait("job_1", lambda event: isinstance(event, CheckpointUploaded))
    assert store.has_all(made)


def test_a_checkpoint_whose_folder_is_gone_is_told_as_dropped(node: JobNode, store: Artifacts, inputs: Inputs) -> None:
    node.put("job_1", train_spec(seed=78), inputs)
    node.wait_end("job_1")
    made = next(event for event in reversed(node.events("job_1")) if isinstance(event, Checkpoint)).manifest
    (folder,) = node.state.glob("jobs/job_1.1/**/step-8")
    shutil.rmtree(folder)
    node.http.post("/jobs/job_1/uploads?epoch=1", content=store.signed(made, only_missing=True).model_dump_json())
    dropped = node.wait("job_1", lambda event: isinstance(event, CheckpointDropped))
    assert (dropped.step, dropped.manifest_sha256) == (8, made.sha256)


def test_a_job_that_tells_nothing_for_long_is_marked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_shim, "STALL_SECONDS", 0.05)
    attempt = AttemptFolder(tmp_path)
    shim = job_shim.Shim(attempt)
    shim.log.append(Metric(step=7, values={"loss": 1.0}))

    def alerts_after(num_looks: int) -> list[tuple[str, int]]:
        for _ in range(num_looks):
            shim.stall_watch()
            time.sleep(0.03)
        events = [line.event for line in map(line_parse, attempt.frames.read_bytes().splitlines()) if line]
        return [(event.kind, event.step) for event in events if isinstance(event, Alert)]

    assert alerts_after(6) == [("stall", 7)]
    shim.log.append(Metric(step=8, values={"loss": 1.0}))
    assert alerts_after(6) == [("stall", 7), ("stall", 8)]
    attempt.control_write("pause")
    assert len(alerts_after(6)) == 2


def test_a_job_sees_nothing_of_the_nodes_secrets() -> None:
    keys = {"SVEND_NODE_SECRET": "s", "AWS_SECRET_ACCESS_KEY": "s", "SVEND_GENERATE_ENDPOINTS": "{}"}
    plain = {"PATH": "/bin", "OMP_NUM_THREADS": "1"}
    assert job_environment(plain | keys, train_spec()) == plain
    assert job_environment(plain | keys, GenerateSpec()) == plain | {"SVEND_GENERATE_ENDPOINTS": "{}"}


def test_jobs_end_with_a_node_that_was_told_so(tmp_path: Path, inputs: Inputs) -> None:
    node = JobNode(tmp_path / "state", options=["--jobs-end-with-node"]).start()
    node.put("job_1", train_spec(num_steps=MANY), inputs)
    node.wait("job_1", has_step(1))
    node.stop()
    node.wait_exit("job_1")
    node.start()
    assert failed(node.wait_end("job_1")).cause == "killed"
    node.close()


def test_two_ranks_on_one_node(node: JobNode, inputs: Inputs) -> None:
    node.put("job_1", train_spec(ranks_per_node=2), inputs)
    assert node.wait_end("job_1").type == "job.finished", node.events("job_1")
    started = next(event for event in node.events("job_1") if isinstance(event, JobStarted))
    assert started.world_size == 2
