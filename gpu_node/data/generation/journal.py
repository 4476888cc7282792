"""The log of a generation: what was asked, what came back, what it cost, what was decided. Append-only.

An `asked` entry is on disk before its request leaves, so that after a crash its worst case counts as spent; `answered`
and `failed` entries settle it. From the journal alone follow what is still to be asked and the money that is left, and
the files of accepted and rejected rows are written from it. Invariant: at most one `answered` a key.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

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


class Failed(Entry):
    event: Literal["failed"] = "failed"
    key: str
    reason: str
    cost_nano_usd: int


JournalEntry = Began | Asked | Answered | Failed
_adapter: TypeAdapter[JournalEntry] = TypeAdapter(Annotated[JournalEntry, Field(discriminator="event")])


class Journal:
    """Opened for appending, by one process at a time."""

    def __init__(self, folder: Path) -> None:
        """Raises JournalBroken. A last line that was cut by a crash is taken away."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._path = folder / JOURNAL_FILE
        self._file = self._path.open("ab")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise JournalBroken(f"another generation writes {self._path}: wait for its end, or stop it") from error
        self.entries = list(_read(self._path))

    def append(self, entry: JournalEntry) -> None:
        self._file.write(entry.model_dump_json().encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.entries.append(entry)

    def close(self) -> None:
        self._file.close()

    @property
    def answered(self) -> list[Answered]:
        return [entry for entry in self.entries if isinstance(entry, Answered)]

    @property
    def spent_nano_usd(self) -> int:
        """Settled costs, and the bounds of what was asked and never settled."""
        spent, open_bounds = 0, dict[str, int]()
        for entry in self.entries:
            match entry:
                case Asked():
                    spent += open_bounds.pop(entry.key, 0)  # an earlier try that a crash left open
                    open_bounds[entry.key] = entry.bound_nano_usd
                case Answered() | Failed():
                    open_bounds.pop(entry.key, None)
                    spent += entry.cost_nano_usd
        return spent + sum(open_bounds.values())

    def rows_write(self) -> None:
        """The accepted and the rejected rows, each file as a whole."""
        accepted = "".join(row_line(entry.row) for entry in self.answered if entry.is_accepted and entry.row)
        rejected = "".join(_rejected_line(entry) for entry in self.answered if not entry.is_accepted)
        for name, text in ((ACCEPTED_FILE, accepted), (REJECTED_FILE, rejected)):
            partial = self.folder / f".{name}.partial"
            partial.write_text(text, encoding="utf-8")
            partial.replace(self.folder / name)


def _rejected_line(entry: Answered) -> str:
    fields = {"question": entry.question, "reply": entry.reply, "reason": entry.reason}
    return json.dumps(fields, ensure_ascii=False) + "\n"


def _read(path: Path) -> Iterator[JournalEntry]:
    if not path.exists():
        return
    content = path.read_bytes()
    whole, _, cut = content.rpartition(b"\n")
    if cut:
        with path.open("r+b") as file:
            file.truncate(len(content) - len(cut))
    for number, line in enumerate(whole.split(b"\n") if whole else [], start=1):
        try:
            yield _adapter.validate_json(line)
        except ValidationError as error:
            raise JournalBroken(f"{path}, line {number} is no entry of a journal: move the file away") from error
