"""Run logs and the store: on disk before release, torn tails cut, unfinished runs ended at the next start."""

import asyncio
import os
from pathlib import Path

import pytest

from gpu_node.protocol.frames import RunFailed, RunFinished, StepClose, StepDelta, StepOpen, Usage, frame_parse
from gpu_node.server.frame_writer import FrameWriter
from gpu_node.server.run_log import LogBroken, LogCorrupt, RunLog
from gpu_node.server.run_store import RunStore

USAGE = Usage(prompt_tokens=3, completion_tokens=2)
OPEN = StepOpen(step_id=1, kind="answer")
DONE = RunFinished(finish_reason="stop", answer="4")


def log_of(folder: Path) -> RunLog:
    return RunLog(folder / "run_a.1.ndjson", run_id="run_a", epoch=1)


async def test_frames_are_on_disk_when_append_returns(tmp_path: Path):
    log = log_of(tmp_path)
    log.append(OPEN, USAGE)
    log.append(DONE, USAGE)
    frames = [frame_parse(line) for line in log.path.read_bytes().splitlines()]
    assert [frame.seq for frame in frames] == [1, 2]
    assert log.is_complete


async def test_a_late_reader_gets_what_a_live_one_got(tmp_path: Path):
    log = log_of(tmp_path)

    async def read() -> bytes:
        return b"".join([lines async for lines in log.follow(after=0, heartbeat_seconds=5)])

    live = asyncio.create_task(read())
    for number in range(5):
        log.append(StepDelta(step_id=1, text=str(number)), USAGE)
        await asyncio.sleep(0)
    log.append(DONE, USAGE)
    assert await live == await read() == log.path.read_bytes()
    rest = [lines async for lines in log.follow(after=4, heartbeat_seconds=5)]
    assert b"".join(rest) == b"".join(log.lines[4:])


async def test_a_quiet_log_gives_heartbeats(tmp_path: Path):
    log = log_of(tmp_path)
    log.append(OPEN, USAGE)
    following = log.follow(after=1, heartbeat_seconds=0.01)
    assert await anext(following) == b"\n"
    await following.aclose()


@pytest.mark.parametrize("num_bytes_lost", [1, 2, 20])
async def test_a_torn_last_line_is_cut_off(tmp_path: Path, num_bytes_lost: int):
    log = log_of(tmp_path)
    log.append(OPEN, USAGE)
    log.append(DONE, USAGE)
    os.truncate(log.path, log.path.stat().st_size - num_bytes_lost)
    again = RunLog.load(log.path, run_id="run_a", epoch=1)
    assert len(again.lines) == 1
    assert not again.is_complete
    assert log.path.read_bytes() == b"".join(again.lines)


async def test_a_flipped_bit_in_the_middle_is_corruption(tmp_path: Path):
    log = log_of(tmp_path)
    log.append(OPEN, USAGE)
    log.append(DONE, USAGE)
    data = bytearray(log.path.read_bytes())
    data[data.index(b'"step_id":1') + 10] = ord("2")
    log.path.write_bytes(data)
    with pytest.raises(LogCorrupt, match="line 1 is damaged"):
        RunLog.load(log.path, run_id="run_a", epoch=1)


async def test_a_full_disk_appends_nothing_and_readers_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    log = log_of(tmp_path)
    log.append(OPEN, USAGE)
    good = log.path.read_bytes()
    real_write = os.write

    def short_write(descriptor: int, data: bytes) -> int:
        return real_write(descriptor, data[: len(data) // 2])

    monkeypatch.setattr(os, "write", short_write)
    with pytest.raises(OSError, match="only a part"):
        log.append(DONE, USAGE)
    monkeypatch.undo()
    assert log.path.read_bytes() == good
    assert len(log.lines) == 1
    log.break_off()
    with pytest.raises(LogBroken):
        [lines async for lines in log.follow(after=0, heartbeat_seconds=5)]


async def test_deltas_are_joined_to_20_frames_a_second(tmp_path: Path):
    log = log_of(tmp_path)
    writer = FrameWriter(log, on_written=lambda _log: None, on_error=lambda error: None)
    writer.add(OPEN, USAGE)
    started = asyncio.get_running_loop().time()
    for number in range(300):
        writer.add(StepDelta(step_id=1, text=f"{number} "), Usage(completion_tokens=number))
        await asyncio.sleep(0.001)
    seconds = asyncio.get_running_loop().time() - started
    writer.add(DONE, USAGE)
    frames = [frame_parse(line) for line in log.lines]
    deltas = [frame.event.text for frame in frames if isinstance(frame.event, StepDelta)]
    assert "".join(deltas) == "".join(f"{number} " for number in range(300))
    assert len(deltas) <= seconds * 20 + 2


async def test_steps_of_branches_at_work_together_keep_that_rate_and_each_its_order(tmp_path: Path):
    log = log_of(tmp_path)
    writer = FrameWriter(log, on_written=lambda _log: None, on_error=lambda error: None)
    loop = asyncio.get_running_loop()
    started = loop.time()
    for number in range(160):
        step_id = 1 + number % 8
        writer.add(StepDelta(step_id=step_id, text=f"{number} "), Usage(completion_tokens=number))
        await asyncio.sleep(0.001)
    writer.add(StepClose(step_id=3, text="whole", num_tokens=20), Usage(completion_tokens=160))
    seconds = loop.time() - started
    num_in_time = len(log.lines)
    writer.add(DONE, Usage(completion_tokens=160))
    frames = [frame_parse(line) for line in log.lines]
    for step_id in range(1, 9):
        told = [frame.event for frame in frames if getattr(frame.event, "step_id", 0) == step_id]
        text = "".join(event.text for event in told if isinstance(event, StepDelta))
        assert text == "".join(f"{number} " for number in range(160) if 1 + number % 8 == step_id)
        assert step_id != 3 or isinstance(told[-1], StepClose)
    made = [frame.usage.completion_tokens for frame in frames]
    assert made == sorted(made)
    assert num_in_time <= seconds * 20 + 8 + 2  # a flush of all eight, and the close with what waited of its step


async def test_a_restart_ends_what_was_unfinished(tmp_path: Path):
    store = RunStore(tmp_path)
    store.log_create("run_a", 1).append(OPEN, USAGE)
    done = store.log_create("run_b", 2)
    done.append(DONE, USAGE)
    store.log_finish(done)
    unindexed = store.log_create("run_c", 1)
    unindexed.append(DONE, USAGE)  # the process dies before the index is written
    again = RunStore(tmp_path)
    assert again.recover() == 1
    log = again.log_find("run_a")
    assert isinstance(log.terminal.event, RunFailed)
    assert log.terminal.event.code == "node_restarted"
    assert log.usage == USAGE
    rows = again.usage_rows(after=0, limit=10)
    assert sorted((row.run_id, row.epoch, row.is_failed) for row in rows) == [
        ("run_a", 1, True),
        ("run_b", 2, False),
        ("run_c", 1, False),
    ]
    assert [row.position for row in rows] == [1, 2, 3]
    assert again.journal_id == store.journal_id
    third = RunStore(tmp_path)
    assert third.recover() == 0
    assert third.usage_rows(after=1, limit=1) == rows[1:2]


async def test_a_torn_index_row_is_written_again(tmp_path: Path):
    store = RunStore(tmp_path)
    for run_id in ("run_a", "run_b"):
        log = store.log_create(run_id, 1)
        log.append(DONE, USAGE)
        store.log_finish(log)
    index = tmp_path / "usage.ndjson"
    os.truncate(index, index.stat().st_size - 5)
    again = RunStore(tmp_path)
    again.recover()
    assert [row.run_id for row in again.usage_rows(after=0, limit=10)] == ["run_a", "run_b"]


async def test_a_fresh_disk_has_another_journal(tmp_path: Path):
    assert RunStore(tmp_path / "a").journal_id != RunStore(tmp_path / "b").journal_id
