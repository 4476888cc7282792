"""The node's one journal of all its jobs' frames: numbered by `position`, and by `seq` within each attempt.

    STATE/jobs/journal.ndjson   a head line (what was trimmed, where each attempt stands), then one entry a line

An entry holds its frame and how far into the attempt's own log it reaches, so that after a crash reading goes on just
there: no event is lost or journaled twice. Not here: attempts' folders and processes (job_service.py).
Invariants: positions have no gaps; after an attempt's terminal frame only logs and uploads of its checkpoints follow;
what was not acknowledged is never trimmed.
"""

import os
from array import array
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from gpu_node.protocol.frames import Wire
from gpu_node.protocol.job_frames import (
    EVENTS_PAGE_MAX,
    JOB_TERMINAL_TYPES,
    CheckpointDropped,
    CheckpointUploaded,
    JobEvent,
    JobFrame,
    JobFramePage,
    Log,
)
from gpu_node.training.attempt_folder import file_replace

TRIM_BYTES = 4 * 1024 * 1024  # acknowledged entries are kept until so many bytes of them can go at once
PAGE_BYTES_MAX = 4 * 1024 * 1024  # of one answer: a checkpoint's manifest alone may have many pieces

AttemptKey = tuple[str, int]  # job_id, epoch


class AttemptMark(Wire):
    """How far an attempt was journaled: `read_bytes` of its own log."""

    job_id: str
    epoch: int
    seq: int = 0
    read_bytes: int = 0
    is_ended: bool = False


class _Head(Wire):
    last_trimmed: int = 0
    marks: list[AttemptMark] = []


class _Entry(Wire):
    read_bytes: int
    frame: JobFrame


@dataclass(frozen=True)
class Told:
    """One event of an attempt's log, and where the log's next one starts."""

    event: JobEvent
    at_ms: int
    read_bytes: int


class JobStore:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = folder / "journal.ndjson"
        self._first = 1  # position of the first entry on disk
        self._offsets = array("Q", [0])  # where each entry starts, and the end
        self.marks: dict[AttemptKey, AttemptMark] = {}
        self.acknowledged = 0
        if self._path.exists():
            self._load()
        else:
            self._rewrite(_Head(), b"")

    @property
    def last_position(self) -> int:
        return self._first + len(self._offsets) - 2

    def mark_of(self, key: AttemptKey) -> AttemptMark:
        return self.marks.get(key) or AttemptMark(job_id=key[0], epoch=key[1])

    def append(self, key: AttemptKey, told: list[Told], *, node_rank: int) -> list[JobFrame]:
        """Journals an attempt's next events, on disk before anybody sees them. Raises OSError: nothing was added."""
        mark = self.mark_of(key)
        frames: list[JobFrame] = []
        lines: list[bytes] = []
        for one in told:
            if mark.is_ended and not isinstance(one.event, Log | CheckpointUploaded | CheckpointDropped):
                continue
            frame = JobFrame(
                position=self.last_position + 1 + len(frames),
                job_id=key[0],
                epoch=key[1],
                node_rank=node_rank,
                seq=mark.seq + 1,
                at_ms=one.at_ms,
                event=one.event,
            )
            frames.append(frame)
            lines.append(_Entry(read_bytes=one.read_bytes, frame=frame).model_dump_json().encode() + b"\n")
            mark = _moved(mark, frame, one.read_bytes)
        self._write(b"".join(lines))
        for line in lines:
            self._offsets.append(self._offsets[-1] + len(line))
        if told:
            self.marks[key] = mark.model_copy(update={"read_bytes": told[-1].read_bytes})
        return frames

    def page(self, journal_id: str, *, after: int, limit: int) -> JobFramePage:
        """Frames from position `after` + 1 on. What was trimmed is not there: positions then start later."""
        first = max(after + 1, self._first) - self._first
        last = min(first + min(limit, EVENTS_PAGE_MAX), len(self._offsets) - 1)
        while last > first + 1 and self._offsets[last] - self._offsets[first] > PAGE_BYTES_MAX:
            last -= 1
        frames = []
        if first < last:
            with self._path.open("rb") as file:
                file.seek(self._offsets[first])
                data = file.read(self._offsets[last] - self._offsets[first])
            frames = [_Entry.model_validate_json(line).frame for line in data.splitlines()]
        return JobFramePage(journal_id=journal_id, frames=frames, last_position=self.last_position)

    def acknowledge(self, position: int) -> None:
        """Entries up to `position` may go. Raises ValueError for one that was never given out, OSError."""
        if position > self.last_position:
            raise ValueError(f"position {position} is beyond the journal's last, {self.last_position}")
        self.acknowledged = max(self.acknowledged, position)
        count = self.acknowledged - self._first + 1
        if count > 0 and self._offsets[count] - self._offsets[0] > TRIM_BYTES:
            self._trim(count)

    def forget(self, key: AttemptKey) -> None:
        """An attempt whose folder is gone; its mark leaves with the next trim."""
        self.marks.pop(key, None)

    # Disk

    def _write(self, data: bytes) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        try:
            if data and os.write(descriptor, data) != len(data):
                raise OSError(28, "the disk took only a part of the journal's entry")
        except OSError:
            os.ftruncate(descriptor, self._offsets[-1])
            raise
        finally:
            os.close(descriptor)

    def sync(self) -> None:
        descriptor = os.open(self._path, os.O_RDONLY)
        try:
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)

    def _trim(self, count: int) -> None:
        with self._path.open("rb") as file:
            file.seek(self._offsets[count])
            rest = file.read()
        kept = self._offsets[count:]
        self._first += count
        self._rewrite(_Head(last_trimmed=self._first - 1, marks=list(self.marks.values())), rest)
        shift = kept[0] - self._offsets[0]
        self._offsets = array("Q", [offset - shift for offset in kept])

    def _rewrite(self, head: _Head, rest: bytes) -> None:
        line = head.model_dump_json().encode() + b"\n"
        file_replace(self._path, line + rest)
        self._offsets = array("Q", [len(line)])

    def _load(self) -> None:
        data = self._path.read_bytes()
        lines = data.splitlines(keepends=True)
        head = _Head.model_validate_json(lines[0])
        self._first = head.last_trimmed + 1
        self.acknowledged = head.last_trimmed
        self.marks = {(mark.job_id, mark.epoch): mark for mark in head.marks}
        self._offsets = array("Q", [len(lines[0])])
        for line in lines[1:]:
            try:
                entry = _Entry.model_validate_json(line)
            except ValidationError:
                entry = None
            if entry is None or not line.endswith(b"\n") or entry.frame.position != self.last_position + 1:
                os.truncate(self._path, self._offsets[-1])  # torn by a crash: its events are read once more
                return
            self._offsets.append(self._offsets[-1] + len(line))
            key = (entry.frame.job_id, entry.frame.epoch)
            self.marks[key] = _moved(self.mark_of(key), entry.frame, entry.read_bytes)


def _moved(mark: AttemptMark, frame: JobFrame, read_bytes: int) -> AttemptMark:
    is_ended = mark.is_ended or frame.event.type in JOB_TERMINAL_TYPES
    return mark.model_copy(update={"seq": frame.seq, "read_bytes": read_bytes, "is_ended": is_ended})
