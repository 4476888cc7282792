"""The piece store: bytes named by their SHA-256, in a local folder or an S3-compatible bucket, moved by signed URLs.

A node holds no credential: it reads and writes pieces only at URLs it was handed, each for one piece, one verb and a
time. A piece is in the store only when its bytes were seen to have its hash: the folder's door (artifact_door.py)
checks while it writes; a bucket takes uploads under `incoming/`, and `confirm` reads, checks and moves them.
Not here: which manifests matter (jobs, model_registry) and when pieces go.
"""

import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from backend.core.artifacts_s3 import S3Store
from backend.core.errors import NotFound
from gpu_node.protocol.manifest import PIECE_BYTES_MAX, Manifest, ManifestFile, Piece, SignedManifest

READ_URL_SECONDS = 6 * 3600  # a large model over a slow line
WRITE_URL_SECONDS = 3600  # asked for again while an upload goes on
STALE_PARTIAL_SECONDS = 86_400  # an upload broken off this long ago left a file behind
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SALT = "svend.artifacts"


class PieceStore(Protocol):
    def has(self, sha256: str, num_bytes: int) -> bool: ...

    def confirm(self, sha256: str, num_bytes: int) -> bool:
        """True once the piece lies in the store with its size and hash; what was uploaded wrong is thrown away."""
        ...

    def url_get(self, sha256: str, num_bytes: int, *, seconds: int) -> str: ...

    def url_put(self, sha256: str, num_bytes: int, *, seconds: int) -> str: ...

    def read(self, sha256: str) -> bytes: ...

    def write(self, data: bytes) -> str: ...

    def delete(self, sha256: str) -> None: ...

    def names(self) -> Iterator[tuple[str, float]]:
        """Each piece's hash and when it came (unix seconds)."""
        ...


def signature(verb: str, sha256: str, num_bytes: int, expires: int) -> str:
    """Of one verb on one piece until one moment, by a key derived from SECRET_KEY."""
    return salted_hmac(_SALT, f"{verb}:{sha256}:{num_bytes}:{expires}", algorithm="sha256").hexdigest()


def signature_is_good(verb: str, sha256: str, num_bytes: int, expires: int, given: str) -> bool:
    return expires > time.time() and constant_time_compare(signature(verb, sha256, num_bytes, expires), given)


class FolderStore:
    """`<folder>/ab/ab12…`: a file is renamed into place only when it is whole, so what is there is right."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        assert _SHA256.fullmatch(sha256), f"{sha256!r} is no hash"
        return self.folder / sha256[:2] / sha256

    def has(self, sha256: str, num_bytes: int) -> bool:
        try:
            return self.path(sha256).stat().st_size == num_bytes
        except OSError:
            return False

    def confirm(self, sha256: str, num_bytes: int) -> bool:
        return self.has(sha256, num_bytes)

    def url_get(self, sha256: str, num_bytes: int, *, seconds: int) -> str:
        return self._url("GET", sha256, num_bytes, seconds)

    def url_put(self, sha256: str, num_bytes: int, *, seconds: int) -> str:
        return self._url("PUT", sha256, num_bytes, seconds)

    def _url(self, verb: str, sha256: str, num_bytes: int, seconds: int) -> str:
        expires = int(time.time()) + seconds
        query = f"bytes={num_bytes}&expires={expires}&signature={signature(verb, sha256, num_bytes, expires)}"
        return f"{settings.SVEND_ARTIFACTS_URL}/artifacts/{sha256}?{query}"

    def partial(self, sha256: str) -> Path:
        """A file of its own for each writer, beside where the piece will lie."""
        path = self.path(sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.with_name(f".{sha256}.{uuid4().hex}.partial")

    def settle(self, partial: Path, sha256: str) -> None:
        """Puts a whole, checked, synced file in its place."""
        partial.rename(self.path(sha256))

    def read(self, sha256: str) -> bytes:
        try:
            return self.path(sha256).read_bytes()
        except OSError as error:
            raise NotFound(f"There is no piece {sha256}.", code="piece_not_found") from error

    def write(self, data: bytes) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        if not self.has(sha256, len(data)):
            partial = self.partial(sha256)
            with partial.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            self.settle(partial, sha256)
        return sha256

    def delete(self, sha256: str) -> None:
        self.path(sha256).unlink(missing_ok=True)

    def names(self) -> Iterator[tuple[str, float]]:
        for path in self.folder.glob("??/*"):
            with suppress(OSError):  # a piece may go while we look
                modified = path.stat().st_mtime
                if _SHA256.fullmatch(path.name):
                    yield path.name, modified
                elif path.name.endswith(".partial") and modified < time.time() - STALE_PARTIAL_SECONDS:
                    path.unlink(missing_ok=True)


def piece_store() -> PieceStore:
    """The store that the settings name."""
    if settings.SVEND_ARTIFACTS:
        return S3Store(settings.SVEND_ARTIFACTS, endpoint=settings.SVEND_S3_ENDPOINT)
    return FolderStore(settings.SVEND_DATA / "artifacts")


# --- Manifests


def signed_for_reading(manifest: Manifest, *, seconds: int = READ_URL_SECONDS) -> SignedManifest:
    """URLs to GET every piece."""
    store = piece_store()
    urls = {sha256: store.url_get(sha256, size, seconds=seconds) for sha256, size in manifest.pieces.items()}
    return SignedManifest(manifest=manifest, urls=urls, expires_ms=_expires_ms(seconds))


def signed_for_writing(manifest: Manifest, *, seconds: int = WRITE_URL_SECONDS) -> SignedManifest:
    """URLs to PUT the pieces that the store lacks; none when it has all."""
    store = piece_store()
    lacking = {sha256: size for sha256, size in manifest.pieces.items() if not store.has(sha256, size)}
    urls = {sha256: store.url_put(sha256, size, seconds=seconds) for sha256, size in lacking.items()}
    return SignedManifest(manifest=manifest, urls=urls, expires_ms=_expires_ms(seconds))


def _expires_ms(seconds: int) -> int:
    return int((time.time() + seconds) * 1000)


def pieces_lacking(manifest: Manifest) -> list[str]:
    """Pieces that are not in the store, or were uploaded wrong."""
    store = piece_store()
    return [sha256 for sha256, size in manifest.pieces.items() if not store.confirm(sha256, size)]


def manifest_keep(manifest: Manifest) -> str:
    """Keeps the manifest itself as a piece, under its own name."""
    return piece_store().write(manifest.canonical_json)


def manifest_read(sha256: str) -> Manifest:
    """Raises NotFound."""
    return Manifest.model_validate_json(piece_store().read(sha256))


def folder_keep(folder: Path, *, paths: Iterable[Path] | None = None) -> Manifest:
    """Stores a folder's files (those of `paths`, or all) and returns its manifest, which is kept too."""
    store = piece_store()
    files = []
    for path in sorted(paths or (path for path in folder.rglob("*") if path.is_file())):
        pieces = []
        with path.open("rb") as file:
            while data := file.read(PIECE_BYTES_MAX):
                pieces.append(Piece(sha256=store.write(data), num_bytes=len(data)))
        files.append(ManifestFile(path=path.relative_to(folder).as_posix(), pieces=pieces))
    manifest = Manifest(files=files)
    manifest_keep(manifest)
    return manifest
