"""`/artifacts/<sha256>`: the folder store's door for nodes, by signed URL only. Plain ASGI, beside Django.

The signature is checked before a byte of the body is read. GET serves ranges; PUT takes exactly the named bytes:
size and hash are checked while they are written, and a piece appears whole or not at all. No cookie, no key: who has
the URL may do the one thing that it names, until it ends.
"""

import asyncio
import hashlib
import json
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import structlog
from django.conf import settings

from backend.core.artifacts import FolderStore, signature_is_good
from backend.core.ids import request_id_make
from gpu_node.protocol.manifest import PIECE_BYTES_MAX

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

log = structlog.get_logger(__name__)

PREFIX = "/artifacts/"
READ_BYTES = 1_048_576
_NAME = re.compile(r"[0-9a-f]{64}")
_RANGE = re.compile(r"bytes=(\d{0,12})-(\d{0,12})")


class Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


async def artifact_door(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    try:
        if settings.SVEND_ARTIFACTS:
            raise Refused(404, "not_found", "Pieces lie in a bucket, not here.")
        verb = "GET" if scope["method"] == "HEAD" else scope["method"]
        sha256, num_bytes = _signed(scope, verb)
        store = FolderStore(settings.SVEND_DATA / "artifacts")
        if verb == "PUT":
            await _take(store, sha256, num_bytes, receive)
            await _answer(send, 201, {"sha256": sha256})
        else:
            await _give(store.path(sha256), scope, send)
    except Refused as refused:
        error = {"message": str(refused), "type": "invalid_request_error", "param": None, "code": refused.code}
        await _answer(send, refused.status, {"error": error})


def _signed(scope: dict[str, Any], verb: str) -> tuple[str, int]:
    """The piece that the URL was signed for. Raises Refused."""
    if verb not in ("GET", "PUT"):
        raise Refused(405, "method_not_allowed", "Only GET, HEAD and PUT.")
    sha256 = scope["path"].removeprefix(PREFIX)
    query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
    numbers = [query.get("bytes", ""), query.get("expires", "")]
    if not _NAME.fullmatch(sha256) or not all(re.fullmatch(r"\d{1,12}", number) for number in numbers):
        raise Refused(403, "bad_signature", "This URL was not signed here.")
    num_bytes, expires = (int(number) for number in numbers)
    if not signature_is_good(verb, sha256, num_bytes, expires, query.get("signature", "")):
        raise Refused(403, "bad_signature", "This URL was not signed here for this, or it has ended.")
    return sha256, num_bytes


# --- PUT


async def _take(store: FolderStore, sha256: str, num_bytes: int, receive: Receive) -> None:
    assert num_bytes <= PIECE_BYTES_MAX, "only pieces are signed for"
    partial = await asyncio.to_thread(store.partial, sha256)
    try:
        await _write(partial, sha256, num_bytes, receive)
        await asyncio.to_thread(store.settle, partial, sha256)
    except OSError as error:
        log.exception("artifacts.not_written", sha256=sha256)
        raise Refused(507, "store_full", "The piece could not be written.") from error
    finally:
        partial.unlink(missing_ok=True)


async def _write(partial: Path, sha256: str, num_bytes: int, receive: Receive) -> None:
    digest, written = hashlib.sha256(), 0
    with partial.open("wb") as file:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refused(400, "broken_off", "The connection ended before the piece did.")
            body = message.get("body", b"")
            written += len(body)
            if written > num_bytes:
                raise Refused(400, "wrong_size", f"More than the {num_bytes} bytes that were signed for.")
            await asyncio.to_thread(_write_some, file, digest, body)
            if not message.get("more_body"):
                break
        if written != num_bytes:
            raise Refused(400, "wrong_size", f"{written} bytes instead of {num_bytes}.")
        if digest.hexdigest() != sha256:
            raise Refused(400, "wrong_hash", f"The bytes have the hash {digest.hexdigest()}.")
        await asyncio.to_thread(os.fsync, file.fileno())


def _write_some(file: Any, digest: Any, body: bytes) -> None:
    digest.update(body)
    file.write(body)
    file.flush()


# --- GET


async def _give(path: Path, scope: dict[str, Any], send: Send) -> None:
    try:
        file = path.open("rb")
    except OSError as error:
        raise Refused(404, "piece_not_found", "There is no such piece.") from error
    with file:
        size = os.fstat(file.fileno()).st_size
        first, last, is_part = _range(scope, size)
        headers = [
            (b"content-type", b"application/octet-stream"),
            (b"accept-ranges", b"bytes"),
            (b"content-length", str(last - first + 1).encode()),
            (b"x-request-id", request_id_make().encode()),
        ]
        if is_part:
            headers.append((b"content-range", f"bytes {first}-{last}/{size}".encode()))
        await send({"type": "http.response.start", "status": 206 if is_part else 200, "headers": headers})
        left = 0 if scope["method"] == "HEAD" else last - first + 1
        file.seek(first)
        while left:
            data = await asyncio.to_thread(file.read, min(READ_BYTES, left))
            if not data:
                break  # cut short by somebody: the reader sees fewer bytes than were promised
            left -= len(data)
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def _range(scope: dict[str, Any], size: int) -> tuple[int, int, bool]:
    """(first byte, last byte, whether it is a part). One range; more than one is answered by the whole."""
    found = _RANGE.fullmatch(dict(scope["headers"]).get(b"range", b"").decode("latin-1"))
    if found is None or found.groups() == ("", ""):
        return 0, size - 1, False
    start, end = found.groups()
    first = int(start) if start else max(0, size - int(end))
    last = min(int(end), size - 1) if start and end else size - 1
    if first >= size or first > last:
        raise Refused(416, "range_not_satisfiable", f"The piece has {size} bytes.")
    return first, last, True


async def _answer(send: Send, status: int, body: dict[str, Any]) -> None:
    headers = [(b"content-type", b"application/json"), (b"x-request-id", request_id_make().encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})
