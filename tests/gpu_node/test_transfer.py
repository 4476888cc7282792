"""Pieces over real HTTP: verified, repeated one by one, refused for good where a repeat cannot help."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gpu_node.server import transfer
from gpu_node.server.transfer import (
    StoreAway,
    TransferFailed,
    WrongHash,
    fetch,
    fetch_through_outages,
    send,
    session_open,
)
from gpu_node.training.folder_manifest import manifest_of
from tests.gpu_node.artifact_server import Artifacts, artifacts_served

PIECE_BYTES = 1000


@pytest.fixture
def store() -> Iterator[Artifacts]:
    with artifacts_served() as served:
        yield served


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "WAIT_SECONDS_FIRST", 0.01)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "a.bin").write_bytes(bytes(range(256)) * 10)
    (source / "sub" / "b.txt").write_text("hello")
    (source / "empty").touch()
    return source


async def test_a_folder_arrives_byte_for_byte_over_broken_connections(
    store: Artifacts, folder: Path, tmp_path: Path
) -> None:
    signed = store.take(folder, piece_bytes=PIECE_BYTES)
    store.breaks = 3
    async with session_open() as session:
        await fetch(session, signed, tmp_path / "target")
    assert manifest_of(tmp_path / "target", piece_bytes=PIECE_BYTES) == signed.manifest
    assert (tmp_path / "target" / "empty").read_bytes() == b""


async def test_a_flipped_byte_leaves_nothing_behind(store: Artifacts, folder: Path, tmp_path: Path) -> None:
    signed = store.take(folder, piece_bytes=PIECE_BYTES)
    name = signed.manifest.files[0].pieces[1].sha256
    store.pieces[name] = b"x" + store.pieces[name][1:]
    async with session_open() as session:
        with pytest.raises(WrongHash, match=name):
            await fetch(session, signed, tmp_path / "target")
    assert not (tmp_path / "target").exists()


async def test_a_missing_piece_is_refused_without_a_repeat(store: Artifacts, folder: Path, tmp_path: Path) -> None:
    signed = store.take(folder, piece_bytes=PIECE_BYTES)
    store.pieces.clear()
    async with session_open() as session:
        with pytest.raises(TransferFailed, match="404"):
            await fetch(session, signed, tmp_path / "target")
    assert store.num_requests == 1


async def test_a_store_that_is_away_is_waited_for_as_long_as_the_urls_hold(
    store: Artifacts, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "STORE_AGAIN_SECONDS", 0.01)
    signed = store.take(folder, piece_bytes=PIECE_BYTES)
    store.breaks = 2 * transfer.TRIES_MAX
    heard: list[str] = []
    async with session_open() as session:
        await fetch_through_outages(session, signed, tmp_path / "target", on_wait=heard.append)
        assert len(heard) == 2
        assert "trying again" in heard[0]
        assert manifest_of(tmp_path / "target", piece_bytes=PIECE_BYTES) == signed.manifest
        store.breaks = 10 * transfer.TRIES_MAX
        over = signed.model_copy(update={"expires_ms": 0})
        with pytest.raises(StoreAway):
            await fetch_through_outages(session, over, tmp_path / "never", on_wait=heard.append)


async def test_only_wanted_files_are_fetched(store: Artifacts, folder: Path, tmp_path: Path) -> None:
    signed = store.take(folder, piece_bytes=PIECE_BYTES)
    async with session_open() as session:
        await fetch(session, signed, tmp_path / "target", wants=lambda path: path != "a.bin")
    assert not (tmp_path / "target" / "a.bin").exists()
    assert (tmp_path / "target" / "sub" / "b.txt").read_text() == "hello"


async def test_only_missing_pieces_are_sent_each_repeated_alone(store: Artifacts, folder: Path) -> None:
    manifest = manifest_of(folder, piece_bytes=PIECE_BYTES)
    first, *others = manifest.pieces
    store.pieces[first] = (folder / "a.bin").read_bytes()[:PIECE_BYTES]
    store.breaks = 2
    async with session_open() as session:
        await send(session, store.signed(manifest, only_missing=True), folder)
    assert store.has_all(manifest)
    assert store.num_requests == len(others) + 2


async def test_a_store_that_refuses_is_given_up_at_once_and_one_that_errs_after_some_tries(
    store: Artifacts, folder: Path
) -> None:
    signed = store.signed(manifest_of(folder, piece_bytes=PIECE_BYTES))
    store.put_status = 403
    async with session_open() as session:
        with pytest.raises(TransferFailed, match="403"):
            await send(session, signed, folder)
        assert store.num_requests == 1
        store.put_status = 503
        with pytest.raises(TransferFailed, match=f"in {transfer.TRIES_MAX} tries"):
            await send(session, signed, folder)
    assert store.num_requests == 1 + transfer.TRIES_MAX


async def test_a_folder_that_changed_is_not_sent(store: Artifacts, folder: Path) -> None:
    signed = store.signed(manifest_of(folder, piece_bytes=PIECE_BYTES))
    (folder / "a.bin").write_bytes(b"y" * 2560)
    async with session_open() as session:
        with pytest.raises(WrongHash):
            await send(session, signed, folder)
    assert not store.pieces
