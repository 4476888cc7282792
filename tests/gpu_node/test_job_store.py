"""The journal: numbered without gaps over crashes and trims, each event once, nothing after an attempt's end."""

from pathlib import Path

import pytest

from gpu_node.protocol.job_frames import CheckpointUploaded, JobEvent, JobFinished, Log, Metric
from gpu_node.server import job_store
from gpu_node.server.job_store import JobStore, Told

ONE, TWO = ("job_1", 1), ("job_2", 1)


def told(*events: JobEvent, start: int = 0) -> list[Told]:
    return [Told(event, at_ms=0, read_bytes=start + number * 100) for number, event in enumerate(events, start=1)]


def log(text: str) -> Log:
    return Log(text=text)


def seen(store: JobStore, after: int = 0) -> list[tuple[int, str, int]]:
    page = store.page("jrn", after=after, limit=1000)
    return [(frame.position, frame.job_id, frame.seq) for frame in page.frames]


def test_jobs_share_positions_and_have_their_own_seq(tmp_path: Path) -> None:
    store = JobStore(tmp_path)
    store.append(ONE, told(log("a"), log("b")), node_rank=0)
    store.append(TWO, told(log("c")), node_rank=0)
    store.append(ONE, told(log("d"), start=200), node_rank=0)
    expected = [(1, "job_1", 1), (2, "job_1", 2), (3, "job_2", 1), (4, "job_1", 3)]
    assert seen(store) == expected
    assert seen(store, after=2) == expected[2:]
    assert seen(JobStore(tmp_path)) == expected
    assert JobStore(tmp_path).mark_of(ONE).read_bytes == 300


def test_after_the_end_only_logs_and_uploads_follow(tmp_path: Path) -> None:
    store = JobStore(tmp_path)
    store.append(ONE, told(JobFinished(step=1, is_complete=True)), node_rank=0)
    late = told(Metric(step=2, values={}), JobFinished(step=2, is_complete=True), log("late"), start=100)
    store.append(ONE, late, node_rank=0)
    store.append(ONE, told(CheckpointUploaded(step=1, manifest_sha256="0" * 64), start=400), node_rank=0)
    page = store.page("jrn", after=0, limit=10)
    assert [frame.event.type for frame in page.frames] == ["job.finished", "log", "checkpoint.uploaded"]


@pytest.mark.parametrize("num_torn", [1, 10])
def test_a_torn_last_line_is_cut_off_and_read_once_more(tmp_path: Path, num_torn: int) -> None:
    store = JobStore(tmp_path)
    store.append(ONE, told(log("a"), log("b")), node_rank=0)
    path = tmp_path / "journal.ndjson"
    path.write_bytes(path.read_bytes()[:-num_torn])
    again = JobStore(tmp_path)
    assert again.last_position == 1
    assert again.mark_of(ONE).read_bytes == 100
    again.append(ONE, told(log("b"), start=100), node_rank=0)
    assert seen(JobStore(tmp_path)) == [(1, "job_1", 1), (2, "job_1", 2)]


def test_acknowledged_frames_are_trimmed_and_numbers_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_store, "TRIM_BYTES", 500)
    store = JobStore(tmp_path)
    store.append(ONE, told(*(log(f"{number}") for number in range(20))), node_rank=0)
    store.append(TWO, told(JobFinished(step=1, is_complete=True)), node_rank=0)
    before = (tmp_path / "journal.ndjson").stat().st_size
    store.acknowledge(18)
    assert (tmp_path / "journal.ndjson").stat().st_size < before / 2
    for store_ in (store, JobStore(tmp_path)):
        assert seen(store_) == [(19, "job_1", 19), (20, "job_1", 20), (21, "job_2", 1)]
    store.acknowledge(21)
    again = JobStore(tmp_path)
    again.append(ONE, told(log("next"), start=2000), node_rank=0)
    assert again.page("jrn", after=20, limit=10).frames[-1].position == 22
    assert again.mark_of(ONE).seq == 21
    assert again.mark_of(TWO).is_ended


def test_what_was_never_given_out_cannot_be_acknowledged(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="beyond the journal's last"):
        JobStore(tmp_path).acknowledge(1)
