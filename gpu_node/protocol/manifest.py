"""Content-addressed manifests: how a checkpoint or a data file is named, checked and moved in pieces.

A manifest lists files; a file is its pieces in order; a piece is named by the SHA-256 of its bytes. A store holds
pieces, so that a broken transfer repeats one piece, and two checkpoints share what they have in common.
Not here: reading or writing any bytes (gpu_node/server/transfer.py, backend/core/artifacts.py).
"""

import hashlib
import json
import re
from typing import Self

from pydantic import Field, model_validator

from gpu_node.protocol.frames import Wire

PIECE_BYTES_MAX = 32 * 1024 * 1024  # what one dropped connection costs again
FILES_MAX = 1_000
FILE_BYTES_MAX = 2**40
SHA256_PATTERN = r"^[0-9a-f]{64}$"

_PATH = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*){0,4}$")


class Piece(Wire):
    sha256: str = Field(pattern=SHA256_PATTERN)
    num_bytes: int = Field(ge=0, le=PIECE_BYTES_MAX)


class ManifestFile(Wire):
    """`path` is relative, without `..`; a file of 0 bytes has no pieces."""

    path: str
    pieces: list[Piece]

    @property
    def num_bytes(self) -> int:
        return sum(piece.num_bytes for piece in self.pieces)

    @model_validator(mode="after")
    def _is_plain(self) -> Self:
        if not _PATH.match(self.path):
            raise ValueError(f"{self.path!r} is no plain relative path")
        if self.num_bytes > FILE_BYTES_MAX:
            raise ValueError(f"{self.path!r} has over {FILE_BYTES_MAX} bytes")
        return self


class Manifest(Wire):
    files: list[ManifestFile] = Field(min_length=1, max_length=FILES_MAX)

    @property
    def num_bytes(self) -> int:
        return sum(file.num_bytes for file in self.files)

    @property
    def sha256(self) -> str:
        """The manifest's own name: the hash of its canonical JSON."""
        return hashlib.sha256(self.canonical_json).hexdigest()

    @property
    def canonical_json(self) -> bytes:
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":")).encode()

    @property
    def pieces(self) -> dict[str, int]:
        """Bytes of each distinct piece, by its hash."""
        return {piece.sha256: piece.num_bytes for file in self.files for piece in file.pieces}

    @model_validator(mode="after")
    def _paths_differ(self) -> Self:
        paths = [file.path for file in self.files]
        if len(set(paths)) != len(paths):
            raise ValueError("a manifest names a path twice")
        return self


class SignedManifest(Wire):
    """A manifest with a signed URL for each piece: to GET (an input) or to PUT (an upload)."""

    manifest: Manifest
    urls: dict[str, str]  # piece sha256 -> URL
    expires_ms: int  # unix time, milliseconds: the URLs end then

    @model_validator(mode="after")
    def _every_url_is_of_a_piece(self) -> Self:
        if strangers := self.urls.keys() - self.manifest.pieces.keys():
            raise ValueError(f"URLs for pieces that the manifest lacks: {sorted(strangers)[:3]}")
        return self
