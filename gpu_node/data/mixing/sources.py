"""Where rows come from: files, folders of files, or a hub's data set that is streamed, never stored whole.

| name                       | read as                                                             |
|----------------------------|---------------------------------------------------------------------|
| PATH.jsonl, .jsonl.gz      | a JSON object a line                                                |
| PATH.json, .json.gz        | one list of objects, or lines after all                             |
| PATH.parquet               | through `datasets` (the optional extra `data`)                      |
| PATH/                      | all such files in it, by name                                       |
| hub:OWNER/NAME, hub:PATH/  | `datasets.load_dataset(…, streaming=True)`                          |

A row that does not parse is refused with its file and line and the next one is read, up to a limit; then the source is
refused as a whole. A layout is told from a file's first row, unless it is named. Not here: what a row teaches.
"""

import gzip
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gpu_node.data.adapters.registry import row_adapt
from gpu_node.protocol.data_layouts import LAYOUT_NAMES, LAYOUTS, UNKNOWN_LICENCE, LayoutName, layout_tell
from gpu_node.protocol.data_rows import LINE_BYTES_MAX, BadLine, DataRow, line_read

HUB = "hub:"
SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".json.gz", ".parquet")
LIST_BYTES_MAX = 2 * 1024**3  # of a .json file, which is read whole: above it, write JSON lines
REFUSED_MAX = 100  # rows of one source: more than that is no accident of some rows
REFUSED_KEPT_MAX = 1_000  # of one source, with their reasons


class SourceRefused(ValueError):
    """The whole source cannot be used; the message says why and what to change."""


class Source(BaseModel):
    """`weight` is its share beside the others'; `licence` is what the report says instead of the layout's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    layout: LayoutName | None = None
    weight: float = Field(default=1.0, gt=0, le=1e6)
    licence: str = ""
    split: str = "train"
    config: str | None = None
    rows_max: int | None = Field(default=None, ge=1)
    refused_max: int = Field(default=REFUSED_MAX, ge=0)


def source_parse(text: str) -> Source:
    """`NAME[,layout=…][,weight=…][,licence=…][,split=…][,config=…][,rows_max=…][,refused_max=…]`. Raises ValueError."""
    name, *pairs = text.split(",")
    fields = {"name": name} | dict(pair.partition("=")[::2] for pair in pairs)
    try:
        return Source.model_validate(fields)
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        column = found["loc"][0]
        if column == "layout":
            raise ValueError(
                f"{text!r}: no layout {fields['layout']!r}; there are {', '.join(LAYOUT_NAMES)}"
            ) from error
        raise ValueError(f"{text!r}: {column}: {found['msg']}") from error


@dataclass(frozen=True)
class Refused:
    place: str
    reason: str


@dataclass(frozen=True)
class PlacedRow:
    """`place` is the file and line, or the data set and row."""

    place: str
    row: DataRow


@dataclass
class SourceReader:
    """The rows of one source, once through; `num_read` and the refused ones are counted as they come."""

    source: Source
    num_read: int = 0
    num_refused: int = 0
    refused: list[Refused] = field(default_factory=list)
    layouts: dict[LayoutName, str] = field(default_factory=dict)  # met -> licence

    def rows(self) -> Iterator[PlacedRow]:
        """Raises SourceRefused."""
        for file, records in _files(self.source):
            layout = self.source.layout
            for place, record in records:
                if self.num_read == self.source.rows_max:
                    return
                self.num_read += 1
                try:
                    if isinstance(record, BadLine):
                        raise record
                    if layout is None:
                        layout = _layout_told(record, file)
                    row = row_adapt(layout, record)
                except BadLine as error:
                    self._refuse(place, error)
                    continue
                self.layouts.setdefault(layout, self._licence(layout))
                yield PlacedRow(place, row)
        if not self.num_read:
            raise SourceRefused(f"{self.source.name} holds no row")

    def _refuse(self, place: str, error: BadLine) -> None:
        self.num_refused += 1
        if len(self.refused) < REFUSED_KEPT_MAX:
            self.refused.append(Refused(place, str(error)))
        if self.num_refused > self.source.refused_max:
            first = self.refused[0]
            raise SourceRefused(
                f"{self.source.name}: {self.num_refused} of {self.num_read} rows do not parse, the first at "
                f"{first.place}: {first.reason}; {error.cure}, or raise refused_max above {self.source.refused_max}"
            )

    def _licence(self, layout: LayoutName) -> str:
        """A licence is a data set's, not a layout's: where only the columns tell, the report says so."""
        known = next(one for one in LAYOUTS if one.name == layout)
        is_that_set = self.source.layout == layout or self.source.name == f"{HUB}{known.hub}"
        if self.source.licence or known.licence == UNKNOWN_LICENCE:
            return self.source.licence or UNKNOWN_LICENCE
        return known.licence if is_that_set else f"{known.licence} if it is {known.hub}"


Records = Iterator[tuple[str, dict[str, Any] | BadLine]]


def _layout_told(record: dict[str, Any], file: str) -> LayoutName:
    try:
        return layout_tell(record).name
    except BadLine as error:
        raise SourceRefused(f"{file}: {error}; {error.cure}, or name its layout") from error


def _files(source: Source) -> Iterator[tuple[str, Records]]:
    if source.name.startswith(HUB):
        name = source.name.removeprefix(HUB)
        yield name, _streamed(name, name, source.config, split=source.split)
        return
    for path in files_of(Path(source.name)):
        yield path.name, records_of(path)


def files_of(path: Path) -> list[Path]:
    """The data files that a path means. Raises SourceRefused."""
    if path.is_dir():
        found = [file for file in sorted(path.iterdir()) if file.is_file() and file.name.endswith(SUFFIXES)]
        if not found:
            raise SourceRefused(f"{path} holds no file that ends in {', '.join(SUFFIXES)}")
        return found
    if not path.is_file():
        raise SourceRefused(f"there is no file {path}")
    return [path]


def records_of(path: Path) -> Records:
    """(place, the record or why it is none). Raises SourceRefused for a file that cannot be read at all."""
    suffix = next((suffix for suffix in SUFFIXES if path.name.endswith(suffix)), ".jsonl")
    if suffix == ".parquet":
        yield from _streamed(path.name, "parquet", data_files=str(path), split="train")
        return
    try:
        with closing(_opened(path)) as file:
            yield from (
                _records_of_list(path, file) if ".json" in suffix and ".jsonl" not in suffix else _lines(path, file)
            )
    except (OSError, EOFError) as error:
        raise SourceRefused(f"{path.name} cannot be read: {error}") from error


def _opened(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _lines(path: Path, file: IO[bytes]) -> Records:
    number = 0
    while line := file.readline(LINE_BYTES_MAX + 1):
        number += 1
        if not line.strip():
            continue
        try:
            record: dict[str, Any] | BadLine = line_read(line)
        except BadLine as error:
            record = error
            while len(line) > LINE_BYTES_MAX and not line.endswith(b"\n"):
                line = file.readline(LINE_BYTES_MAX + 1)
        yield f"{path.name}, line {number}", record


def _records_of_list(path: Path, file: IO[bytes]) -> Records:
    """A list of rows, an object that holds one, or, as some sets name them, lines after all."""
    text = file.read(LIST_BYTES_MAX + 1)
    if len(text) > LIST_BYTES_MAX:
        raise SourceRefused(f"{path.name} is over {LIST_BYTES_MAX} bytes: write it as JSON lines")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        yield from _lines(path, io.BytesIO(text))
        return
    lists = [value for value in found.values() if isinstance(value, list)] if isinstance(found, dict) else [found]
    if len(lists) != 1 or not isinstance(lists[0], list):
        raise SourceRefused(f"{path.name} is a {type(found).__name__} with {len(lists)} lists, not one list of rows")
    yield from _numbered(path.name, lists[0])


def _streamed(name: str, *place: str | None, **options: str) -> Records:
    datasets = _datasets()
    try:
        yield from _numbered(name, datasets.load_dataset(*place, streaming=True, **options))
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise SourceRefused(f"{name} cannot be streamed: {error}") from error


def _numbered(name: str, rows: Iterable[Any]) -> Records:
    for number, row in enumerate(rows, start=1):
        is_row = isinstance(row, dict)
        yield (
            f"{name}, row {number}",
            row if is_row else BadLine(f"a {type(row).__name__}, no object", "one object a row"),
        )


def _datasets() -> Any:
    """Imported when asked for: it is an optional extra, and takes a second."""
    try:
        import datasets
    except ImportError as error:
        raise SourceRefused("parquet files and a hub's sets need `datasets`: pip install 'svend[data]'") from error
    datasets.disable_progress_bars()
    return datasets
