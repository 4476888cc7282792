"""Files of suites: found under `--data PATH`, read row by row, plain or gzipped, JSON lines or one JSON document.

Every fault is said with the file and the line (or the row of a document). Not here: what a row asks (suites.py).
"""

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROWS_MAX = 1_000_000  # of a file: an evaluation reads all of them before it asks a spread of them
FILE_BYTES_MAX = 512 * 1024**2  # unpacked: far above every suite, below a small machine's memory


class BadSuite(ValueError):
    """A row that does not parse, a layout that the suite does not know, a file that is missing: said with its place."""


@dataclass(frozen=True)
class Row:
    """One row with its place, and its columns by checked access."""

    fields: dict[str, Any]
    place: str
    layout: str  # how the suite's rows look, for the error

    def text(self, name: str) -> str:
        value = self._value(name)
        if not isinstance(value, str) or not value.strip():
            raise self.bad(f"{name!r} is {value!r:.40}, not a text")
        return value

    def texts(self, name: str) -> list[str]:
        value = self._value(name)
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self.bad(f"{name!r} is not a list of texts")
        return value

    def number(self, name: str) -> str:
        value = self._value(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.bad(f"{name!r} is {value!r:.40}, not a number")
        return f"{value:.15g}"

    def list_of(self, name: str) -> list[Any]:
        value = self._value(name)
        if not isinstance(value, list):
            raise self.bad(f"{name!r} is not a list")
        return value

    def bad(self, what: str) -> BadSuite:
        return BadSuite(f"{self.place}: {what}; a row of this suite is {self.layout}")

    def _value(self, name: str) -> Any:
        if name not in self.fields:
            raise self.bad(f"no column {name!r} (it has {', '.join(sorted(self.fields)) or 'none'})")
        return self.fields[name]


def files_found(data: Path, patterns: Sequence[str], *, suite: str) -> list[Path]:
    """The suite's files: `data` itself where it is a file, else what lies under it as the patterns say, with or without
    the suite's own folder. Raises BadSuite."""
    if data.is_file():
        return [data]
    shortened = [pattern.partition("/")[2] for pattern in patterns if "/" in pattern]
    for candidates in (patterns, shortened):
        found = sorted({path for pattern in candidates for path in data.glob(pattern) if path.is_file()})
        if found:
            return found
    expected = " or ".join(patterns)
    raise BadSuite(
        f"{data} has no file of the suite {suite!r}: it is looked for as {expected}, or give the file itself"
    )


def rows_read(path: Path, *, layout: str, key: str | None = None) -> Iterator[Row]:
    """The rows of a file of JSON lines, of a JSON list, or of the list under `key` of a JSON object.

    Raises BadSuite for what is unreadable, naming the line.
    """
    text = _text(path)
    if path.name.removesuffix(".gz").endswith(".jsonl") or _is_lines(text, key):
        records = _lines(text, path)
    else:
        records = _document(text, path, key)
    num = 0
    for num, (place, record) in enumerate(records, start=1):
        if num > ROWS_MAX:
            raise BadSuite(f"{path.name} has more than {ROWS_MAX} rows: give a part of it")
        if not isinstance(record, dict):
            raise BadSuite(f"{place}: a {type(record).__name__}, no object; a row of this suite is {layout}")
        yield Row(record, place, layout)
    if num == 0:
        raise BadSuite(f"{path.name} holds no row; a row of this suite is {layout}")


def _text(path: Path) -> str:
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except (OSError, EOFError) as error:
        raise BadSuite(f"{path} cannot be read: {error}") from error
    if len(data) > FILE_BYTES_MAX:
        raise BadSuite(f"{path.name} has more than {FILE_BYTES_MAX} bytes: give a part of it")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadSuite(f"{path.name}, line {line}: no UTF-8 text") from error


def _is_lines(text: str, key: str | None) -> bool:
    """Whether the first line is a whole row, as in BFCL's and AQuA's files, which end in .json."""
    first, _, rest = text.lstrip().partition("\n")
    is_object = first.startswith("{") and first.rstrip().endswith("}")
    return is_object and (key is None or rest.lstrip().startswith("{"))


def _lines(text: str, path: Path) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{path.name}, line {number}"
        try:
            yield place, json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise BadSuite(f"{place}: no JSON: {error}") from error


def _document(text: str, path: Path, key: str | None) -> Iterator[tuple[str, Any]]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadSuite(f"{path.name}, line {error.lineno}: no JSON: {error.msg}") from error
    except RecursionError as error:
        raise BadSuite(f"{path.name}: nested too deeply") from error
    if isinstance(document, dict) and key is not None:
        document = document.get(key)
    if not isinstance(document, list):
        within = f" or an object with a list {key!r}" if key else ""
        raise BadSuite(f"{path.name} holds neither JSON lines nor a JSON list{within}")
    yield from ((f"{path.name}, row {number}", record) for number, record in enumerate(document, start=1))
