"""Moves the pieces of a manifest between a folder and signed URLs: fetched ones verified, each repeated on its own.

A fetched folder appears as a whole, every byte checked against its hash, or not at all. Not here: who signs, what a
folder means. Invariant: only the URLs given are asked, redirects are not followed, no credential is sent.
"""

import asyncio
import hashlib
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp

from gpu_node.protocol.manifest import ManifestFile, Piece, SignedManifest

TRIES_MAX = 5  # of one piece: a store that restarts is back within their waits
WAIT_SECONDS_FIRST = 0.5  # doubled after each try
PIECE_SECONDS_MAX = 300.0  # 32 MiB at 1 Mbit/s
CONNECT_SECONDS_MAX = 10.0
STORE_AGAIN_SECONDS = 5.0  # after the tries at a piece, where the store's outage is waited out
WRONG_HASHES_MAX = 2  # a flipped bit on the line may heal, a wrong piece in the store does not
ANSWER_BYTES_MAX = 500  # of an error's body, for the message

GONE = frozenset({400, 401, 403, 404, 405, 410, 411, 413})  # trying the same again will not help


class TransferFailed(RuntimeError):
    """The other end does not answer, or refuses."""


class StoreAway(TransferFailed):
    """No answer in all tries at a piece, or none but errors: it may be back later."""


class WrongHash(ValueError):
    """What came, or what lies here, is not what the manifest names."""


def session_open() -> aiohttp.ClientSession:
    timeout = aiohttp.ClientTimeout(total=PIECE_SECONDS_MAX, sock_connect=CONNECT_SECONDS_MAX)
    return aiohttp.ClientSession(timeout=timeout, auto_decompress=False, trust_env=False)


async def fetch(
    session: aiohttp.ClientSession,
    signed: SignedManifest,
    folder: Path,
    *,
    wants: Callable[[str], bool] = lambda _path: True,
) -> None:
    """Makes `folder` from the manifest's files that `wants` names. Raises TransferFailed, WrongHash, OSError."""
    missing = [
        piece.sha256
        for file in signed.manifest.files
        if wants(file.path)
        for piece in file.pieces
        if piece.sha256 not in signed.urls
    ]
    if missing:
        raise TransferFailed(f"no URL for {len(missing)} pieces, first {missing[0]}")
    staging = folder.with_name(f".{folder.name}.partial")
    await asyncio.to_thread(_folder_make, staging)
    try:
        for file in filter(lambda file: wants(file.path), signed.manifest.files):
            path = staging / file.path
            await asyncio.to_thread(_append, path, b"")
            for piece in file.pieces:
                data = await _piece_fetch(session, signed.urls[piece.sha256], piece, file.path)
                await asyncio.to_thread(_append, path, data)
        await asyncio.to_thread(staging.rename, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)  # what came is worth nothing without the rest


async def fetch_through_outages(
    session: aiohttp.ClientSession, signed: SignedManifest, folder: Path, *, on_wait: Callable[[str], None]
) -> None:
    """`fetch`, but a store that is away is waited for as long as the URLs hold. `on_wait` hears the cause each time."""
    while True:
        try:
            await fetch(session, signed, folder)
        except StoreAway as error:
            if time.time() * 1000 > signed.expires_ms:
                raise
            on_wait(f"{error}; trying again")
            await asyncio.sleep(STORE_AGAIN_SECONDS)
        else:
            return


def _folder_make(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)


def _append(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(data)


async def _piece_fetch(session: aiohttp.ClientSession, url: str, piece: Piece, path: str) -> bytes:
    num_wrong = 0
    cause: object = None
    for wait_seconds in _waits():
        try:
            data = await _get(session, url, piece)
        except (aiohttp.ClientError, TimeoutError, _Again) as error:
            cause = error
        else:
            if hashlib.sha256(data).hexdigest() == piece.sha256:
                return data
            num_wrong += 1
            if num_wrong >= WRONG_HASHES_MAX:
                raise WrongHash(f"{path}: a piece of {len(data)} bytes does not have the hash {piece.sha256}")
        await asyncio.sleep(wait_seconds)
    raise StoreAway(f"{path}: a piece was not to be had in {TRIES_MAX} tries: {cause!r}")


async def _get(session: aiohttp.ClientSession, url: str, piece: Piece) -> bytes:
    async with session.get(url, allow_redirects=False) as response:
        await _status_check(response, "GET")
        data = bytearray()
        async for chunk in response.content.iter_any():
            data += chunk
            if len(data) > piece.num_bytes:
                break
        return bytes(data)


class _Again(Exception):
    """An answer that may be another one later."""


async def _status_check(response: aiohttp.ClientResponse, verb: str) -> None:
    if response.status in (200, 201, 204):
        return
    said = (await response.content.read(ANSWER_BYTES_MAX)).decode("utf-8", "replace")
    if response.status in GONE or 300 <= response.status < 400:
        raise TransferFailed(f"{verb} of a piece: {response.status} {said}")
    raise _Again(f"{response.status} {said}")


async def send(session: aiohttp.ClientSession, signed: SignedManifest, folder: Path) -> None:
    """Puts the pieces that have a URL. Raises TransferFailed, WrongHash (the folder changed), OSError."""
    left = dict(signed.urls)
    for file in signed.manifest.files:
        for offset, piece in _offsets(file):
            if (url := left.pop(piece.sha256, None)) is not None:
                data = await asyncio.to_thread(_piece_read, folder / file.path, offset, piece)
                await _piece_send(session, url, data, file.path)


def _offsets(file: ManifestFile) -> Iterator[tuple[int, Piece]]:
    offset = 0
    for piece in file.pieces:
        yield offset, piece
        offset += piece.num_bytes


def _piece_read(path: Path, offset: int, piece: Piece) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(piece.num_bytes)
    if hashlib.sha256(data).hexdigest() != piece.sha256:
        raise WrongHash(f"{path.name}: the piece at byte {offset} is not {piece.sha256} any more")
    return data


async def _piece_send(session: aiohttp.ClientSession, url: str, data: bytes, path: str) -> None:
    cause: object = None
    for wait_seconds in _waits():
        try:
            async with session.put(url, data=data, allow_redirects=False) as response:
                await _status_check(response, "PUT")
        except (aiohttp.ClientError, TimeoutError, _Again) as error:
            cause = error
        else:
            return
        await asyncio.sleep(wait_seconds)
    raise StoreAway(f"{path}: a piece was not taken in {TRIES_MAX} tries: {cause!r}")


def _waits() -> Iterator[float]:
    for number in range(TRIES_MAX):
        yield WAIT_SECONDS_FIRST * 2**number
