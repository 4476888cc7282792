"""The node's state folder: run logs, the usage index over them, the journal's id.

    STATE/journal_id            made with the folder: a fresh disk shows itself by a new one
    STATE/runs/ID.EPOCH.ndjson  one log a run and epoch
    STATE/usage.ndjson          one row a finished run, in the order they finished: `GET /usage`

The logs are the truth, the index is derived: what a crash kept out of it is added at the next start, when
unfinished runs also get their `run.failed(node_restarted)`. Not here: running anything.
"""

import logging
import os
import secrets
import time
from array import array
from collections import OrderedDict
from pathlib import Path

from gpu_node.protocol.frames import RunFailed
from gpu_node.protocol.node import UsageRow
from gpu_node.server.run_log import LogCorrupt, RunLog

LOGS_RECENT_MAX = 256  # finished logs kept in memory for late readers
LOG_KEEP_SECONDS = 7 * 86_400.0  # by then the backend has long copied it
USAGE_PAGE_ROWS_MAX = 1000

logger = logging.getLogger(__name__)


class RunStore:
    """One process owns a folder at a time (`serve` takes a lock on it)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._runs = folder / "runs"
        self._runs.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._usage = folder / "usage.ndjson"
        self._offsets = array("Q", [0])  # of each row of the index, and its end
        self._recent: OrderedDict[tuple[str, int], RunLog] = OrderedDict()
        self._unsynced: set[Path] = set()
        self._active: dict[str, RunLog] = {}
        self._epochs: dict[str, int] = {}  # the latest of each run on disk
        for path in self._runs.glob("*.ndjson"):
            self._epoch_note(*_name_split(path))
        self.journal_id = _journal_id(folder / "journal_id")

    # Logs

    def log_create(self, run_id: str, epoch: int) -> RunLog:
        log = RunLog(self._path(run_id, epoch), run_id=run_id, epoch=epoch)
        self._active[run_id] = log
        self._epoch_note(run_id, epoch)
        return log

    def log_find(self, run_id: str, epoch: int | None = None) -> RunLog | None:
        """The log of this epoch, or of the latest; None when there is none. Raises LogCorrupt, OSError."""
        active = self._active.get(run_id)
        if active is not None and epoch in (None, active.epoch):
            return active
        epoch = self.epoch_latest(run_id) if epoch is None else epoch
        if epoch is None:
            return None
        recent = self._recent.get((run_id, epoch))
        if recent is not None:
            return recent
        path = self._path(run_id, epoch)
        return RunLog.load(path, run_id=run_id, epoch=epoch) if path.exists() else None

    def epoch_latest(self, run_id: str) -> int | None:
        return self._epochs.get(run_id)

    def _epoch_note(self, run_id: str, epoch: int) -> None:
        self._epochs[run_id] = max(epoch, self._epochs.get(run_id, 0))

    def log_written(self, log: RunLog) -> None:
        self._unsynced.add(log.path)

    def log_finish(self, log: RunLog) -> None:
        """Indexes a completed log and lets it go. Raises OSError: the next start indexes it."""
        assert log.terminal is not None
        if self._active.get(log.run_id) is log:
            del self._active[log.run_id]
        self._recent[log.run_id, log.epoch] = log
        while len(self._recent) > LOGS_RECENT_MAX:
            self._recent.popitem(last=False)
        self._index(log)

    def logs_sync(self) -> None:
        """Makes what was written survive a power cut. Call it about once a second, from a thread."""
        paths, self._unsynced = self._unsynced, set()
        for path in [*paths, *([self._usage] if paths and self._usage.exists() else [])]:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)

    def logs_trim(self) -> None:
        """Deletes finished logs that nobody can still want."""
        oldest = time.time() - LOG_KEEP_SECONDS
        for path in self._runs.glob("*.ndjson"):
            run_id, _ = _name_split(path)
            if run_id not in self._active and path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)
                self._epochs.pop(run_id, None)

    def probe(self) -> None:
        """Raises OSError when the disk takes no more."""
        path = self._runs / ".probe"
        path.write_bytes(b"x" * 4096)
        path.unlink()

    # Usage index

    def usage_rows(self, *, after: int, limit: int) -> list[UsageRow]:
        num_rows = len(self._offsets) - 1
        last = min(num_rows, after + min(limit, USAGE_PAGE_ROWS_MAX))
        if after >= last:
            return []
        with self._usage.open("rb") as file:
            file.seek(self._offsets[after])
            data = file.read(self._offsets[last] - self._offsets[after])
        return [UsageRow.model_validate_json(line) for line in data.splitlines()]

    def _index(self, log: RunLog) -> None:
        assert log.terminal is not None
        row = UsageRow(
            position=len(self._offsets),
            run_id=log.run_id,
            epoch=log.epoch,
            usage=log.usage,
            is_final=True,
            is_failed=isinstance(log.terminal.event, RunFailed),
        )
        line = row.model_dump_json().encode() + b"\n"
        with self._usage.open("r+b" if self._usage.exists() else "w+b") as file:
            file.seek(self._offsets[-1])
            file.truncate()  # what a failed write may have left behind the last whole row
            file.write(line)
        self._offsets.append(self._offsets[-1] + len(line))

    # Start

    def recover(self) -> int:
        """Reads the index, ends what a former process left unfinished. Returns how many runs it ended."""
        indexed = self._index_read()
        num_ended = 0
        for path in sorted(self._runs.glob("*.ndjson"), key=lambda path: path.stat().st_mtime):
            if path.name in indexed:
                continue
            run_id, epoch = _name_split(path)
            try:
                log = RunLog.load(path, run_id=run_id, epoch=epoch)
            except LogCorrupt:
                logger.exception("a damaged run log stays as it is: %s", path.name)
                continue
            if not log.is_complete:
                failed = RunFailed(code="node_restarted", message="the node restarted while this run was running")
                log.append(failed, log.usage)
                num_ended += 1
            self.log_finish(log)
        return num_ended

    def _index_read(self) -> set[str]:
        if not self._usage.exists():
            return set()
        indexed = set()
        with self._usage.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break  # torn by a crash: the next row is written over it
                row = UsageRow.model_validate_json(line)
                indexed.add(f"{row.run_id}.{row.epoch}.ndjson")
                self._offsets.append(self._offsets[-1] + len(line))
        return indexed

    def _path(self, run_id: str, epoch: int) -> Path:
        return self._runs / f"{run_id}.{epoch}.ndjson"


def _name_split(path: Path) -> tuple[str, int]:
    run_id, epoch, _ = path.name.rsplit(".", 2)
    return run_id, int(epoch)


def _journal_id(path: Path) -> str:
    if not path.exists():
        staging = path.with_suffix(".partial")
        staging.write_text(f"jrn_{secrets.token_hex(12)}", encoding="ascii")
        staging.rename(path)
    return path.read_text(encoding="ascii")
