"""The manifest of a folder on disk: each file cut into pieces, each piece hashed.

Not here: moving pieces (gpu_node/server/transfer.py). Invariant: the same bytes give the same manifest everywhere.
"""

import hashlib
from pathlib import Path

from gpu_node.protocol.manifest import PIECE_BYTES_MAX, Manifest, ManifestFile, Piece


def manifest_of(folder: Path, *, piece_bytes: int = PIECE_BYTES_MAX) -> Manifest:
    """Every file of the folder, in the order of their paths. Raises ValueError for an empty folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return Manifest(
        files=[
            ManifestFile(path=path.relative_to(folder).as_posix(), pieces=_pieces(path, piece_bytes)) for path in paths
        ]
    )


def _pieces(path: Path, piece_bytes: int) -> list[Piece]:
    pieces = []
    with path.open("rb") as file:
        while block := file.read(piece_bytes):
            pieces.append(Piece(sha256=hashlib.sha256(block).hexdigest(), num_bytes=len(block)))
    return pieces
