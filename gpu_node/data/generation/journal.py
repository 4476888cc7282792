"""The log of a generation: what was asked, what came back, what it cost, what was decided. Append-only.

An `asked` entry is on disk before its request leaves, so that after a crash its worst case counts as spent; `answered`
and `failed` entries settle it. From the journal alone follow what is still to be asked and the money that is left, and
the files of accepted and rejected rows are written from it. Invariant: at most one `answered` a key.
"""

import fcntl
import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from gpu_node.protocol.data_rows import ProblemRow, row_line

JOURNAL_FILE, ACCEPTED_FILE, REJECTED_FILE = "journal.jsonl", "rows.jsonl", "rejected.jsonl"


class JournalBroken(ValueError):
    """It cannot be gone on with: another process writes it, or a line in its middle does not parse."""


class Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Began(Entry):
    """What is generated: a journal belongs to one model, one prompt and one price."""

    event: Literal["began"] = "began"
    settings: dict[str, str | int | float | None]


class Asked(Entry):
    """`key` is the seed's id and the sample's number."""

    event: Literal["asked"] = "asked"
    key: str
    bound_nano_usd: int


class Answered(Entry):
    event: Literal["answered"] = "answered"
    key: str
    question: str
    reply: str
    prompt_tokens: int
    completion_tokens: int
    cost_nano_usd: int
    is_accepted: bool
    reason: str
    row: ProblemRow | None

    @property
    def reason_kind(self) -> str:
        """The reason without what is this answer's alone."""
        return self.reason.partition(":")[0].partition(" '")[0]


class Failed(Entry):
    event: Literal["failed"] = "failed"
    key: str
    reason: str
    cost_nano_usd: int


JournalEntry = Began | Asked | Answered | Failed
_adapter: TypeAdapter[JournalEntry] = TypeAdapter(Annotated[JournalEntry, Field(discriminator="event")])


class Journal:
    """Opened for appending, by one process at a time. What is kept in memory grows by keys, not by answers."""

    def __init__(self, folder: Path) -> None:
        """Raises JournalBroken. A last line that was cut by a crash is taken away."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.began: Began | None = None
        self.answered: set[str] = set()
        self.failed: set[str] = set()  # and not answered since
        self.num_accepted = 0
        self.reasons: Counter[str] = Counter()
        self._settled_nano_usd = 0
        self._open_bounds: dict[str, int] = {}
        self._path = folder / JOURNAL_FILE
        self._file = self._path.open("ab")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise JournalBroken(f"another generation writes {self._path}: wait for its end, or stop it") from error
        _cut_line_remove(self._path)
        for entry in self._entries():
            self._take(entry)

    def append(self, entry: JournalEntry) -> None:
        self._file.write(entry.model_dump_json().encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._take(entry)

    def close(self) -> None:
        self._file.close()

    @property
    def spent_nano_usd(self) -> int:
        """Settled costs, and the bounds of what was asked and never settled."""
        return self._settled_nano_usd + sum(self._open_bounds.values())

    def answers(self) -> Iterator[Answered]:
        return (entry for entry in self._entries() if isinstance(entry, Answered))

    def rows_write(self) -> None:
        """The accepted and the rejected rows, each file as a whole."""
        with self._replaced(ACCEPTED_FILE) as accepted, self._replaced(REJECTED_FILE) as rejected:
            for entry in self.answers():
                if entry.is_accepted and entry.row is not None:
                    accepted.write(row_line(entry.row))
                elif not entry.is_accepted:
                    rejected.write(_rejected_line(entry))

    @contextmanager
    def _replaced(self, name: str) -> Iterator[IO[str]]:
        partial = self.folder / f".{name}.partial"
        with partial.open("w", encoding="utf-8") as file:
            yield file
        partial.replace(self.folder / name)

    def _take(self, entry: JournalEntry) -> None:
        match entry:
            case Began():
                self.began = entry
            case Asked():
                # An earlier try that a crash left open is spent for good.
                self._settled_nano_usd += self._open_bounds.pop(entry.key, 0)
                self._open_bounds[entry.key] = entry.bound_nano_usd
            case Failed():
                self._settle(entry)
                self.failed.add(entry.key)
            case Answered():
                assert entry.key not in self.answered, f"{entry.key} was answered twice"
                self._settle(entry)
                self.failed.discard(entry.key)
                self.answered.add(entry.key)
                self.num_accepted += entry.is_accepted
                self.reasons[entry.reason_kind] += 1

    def _settle(self, entry: Answered | Failed) -> None:
        self._open_bounds.pop(entry.key, None)
        self._settled_nano_usd += entry.cost_nano_usd

    def _entries(self) -> Iterator[JournalEntry]:
        with self._path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield _adapter.validate_json(line)
                except ValidationError as error:
                    said = f"{self._path}, line {number} is no entry of a journal: move the file away"
                    raise JournalBroken(said) from error


def _rejected_line(entry: Answered) -> str:
    fields = {"question": entry.question, "reply": entry.reply, "reason": entry.reason}
    return json.dumps(fields, ensure_ascii=False) + "\n"


def _cut_line_remove(path: Path) -> None:
    with path.open("r+b") as file:
        last = None
        for last in file:  # noqa: B007 - the last line is wanted
            pass
        if last is not None and not last.endswith(b"\n"):
            file.truncate(file.tell() - len(last))
