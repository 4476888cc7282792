"""A checkpoint crosses a line that breaks inside a piece, into either kind of store and out again, hashes checked."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.core.artifacts import pieces_lacking, signed_for_reading, signed_for_writing
from gpu_node.protocol.manifest import SignedManifest
from gpu_node.server.transfer import WrongHash, fetch, send, session_open
from gpu_node.training.folder_manifest import manifest_of
from tests.backend.jobs.broken_line import AFTER_BYTES, BrokenLine, line_to
from tests.backend.jobs.stored import flip

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["folder", "bucket"])
def line(request: pytest.FixtureRequest, settings: Any, tmp_path: Path) -> Iterator[BrokenLine]:
    """The way to the store of that kind."""
    is_bucket = request.param == "bucket"
    request.getfixturevalue("bucket" if is_bucket else "store_door")
    with line_to(settings.SVEND_S3_ENDPOINT if is_bucket else settings.SVEND_ARTIFACTS_URL) as line:
        setattr(settings, "SVEND_S3_ENDPOINT" if is_bucket else "SVEND_ARTIFACTS_URL", line.url)
        yield line


def sent(signed: SignedManifest, folder: Path) -> None:
    async def go() -> None:
        async with session_open() as session:
            await send(session, signed, folder)

    asyncio.run(go())


def fetched(signed: SignedManifest, folder: Path) -> None:
    async def go() -> None:
        async with session_open() as session:
            await fetch(session, signed, folder)

    asyncio.run(go())


def test_a_break_inside_a_piece_costs_that_piece_only(line: BrokenLine, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "weights").write_bytes(os.urandom(3 * AFTER_BYTES))
    (folder / "config").write_bytes(b"{}")
    manifest = manifest_of(folder)
    line.breaks["up"] = 1
    sent(signed_for_writing(manifest), folder)
    assert line.breaks["up"] == 0
    assert pieces_lacking(manifest) == []
    line.breaks["down"] = 1
    fetched(signed_for_reading(manifest), tmp_path / "arrived")
    assert line.breaks["down"] == 0
    assert manifest_of(tmp_path / "arrived") == manifest
    (piece,) = next(file.pieces for file in manifest.files if file.path == "weights")
    flip(piece.sha256)
    with pytest.raises(WrongHash, match=f"weights: a piece of {3 * AFTER_BYTES} bytes does not have the hash"):
        fetched(signed_for_reading(manifest), tmp_path / "damaged")
    assert not list(tmp_path.glob("*damaged*"))
