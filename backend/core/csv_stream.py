"""A CSV file as it is made: rows go out in pieces, so that a year of them needs no memory.

Cells that a spreadsheet would run as a formula are disarmed by an apostrophe (CWE-1236). The rows come from a
synchronous iterator that reads PostgreSQL batch by batch; each piece is made on a service thread.
"""

import csv
import io
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from django.http import StreamingHttpResponse

from backend.core.threads import service_call

ROWS_PER_PIECE = 500
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def csv_response(*, name: str, columns: Sequence[str], rows: Iterator[Mapping[str, Any]]) -> StreamingHttpResponse:
    """Streams the rows as an attachment with that file name."""
    response = StreamingHttpResponse(_pieces(columns, rows), content_type="text/csv; charset=utf-8")
    response.headers["content-disposition"] = f'attachment; filename="{name}"'
    response.headers["x-content-type-options"] = "nosniff"
    return response


async def _pieces(columns: Sequence[str], rows: Iterator[Mapping[str, Any]]) -> AsyncIterator[bytes]:
    yield _lines([columns])
    while batch := await service_call(lambda: list(islice(rows, ROWS_PER_PIECE))):
        yield _lines([[_cell(row[name]) for name in columns] for row in batch])


def _lines(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(FORMULA_STARTS) and not _is_number(value):
        return f"'{value}"
    return value


def _is_number(text: str) -> bool:
    return text[1:].replace(".", "", 1).isdigit() and text[0] in "+-"
