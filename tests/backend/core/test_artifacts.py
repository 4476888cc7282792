"""The piece store: only whole, right bytes get in; only signed, unexpired URLs open the door; ranges; the S3 kind."""

import hashlib
import os
from typing import Any

import httpx
import pytest

from backend.core import artifacts
from backend.core.artifacts import FolderStore, folder_keep, manifest_read, pieces_lacking, signed_for_writing
from backend.core.errors import NotFound
from backend.core.handlers import HttpRouter
from gpu_node.protocol.manifest import Manifest, ManifestFile, Piece

DATA = b"".join(number.to_bytes(4, "big") for number in range(5_000))
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def store(settings: Any, tmp_path: Any) -> FolderStore:
    settings.SVEND_DATA = tmp_path
    settings.SVEND_ARTIFACTS_URL = "http://store"
    return FolderStore(tmp_path / "artifacts")


@pytest.fixture
def http(store: FolderStore) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=HttpRouter()), base_url="http://store")


def put_url(store: FolderStore, seconds: int = 60) -> str:
    return store.url_put(SHA256, len(DATA), seconds=seconds)


def get_url(store: FolderStore) -> str:
    return store.url_get(SHA256, len(DATA), seconds=60)


async def test_what_is_put_can_be_got(store, http) -> None:
    answer = await http.put(put_url(store), content=DATA)
    assert answer.status_code == 201
    assert answer.headers["x-request-id"]
    got = await http.get(get_url(store))
    assert (got.status_code, got.content) == (200, DATA)
    assert (await http.put(put_url(store), content=DATA)).status_code == 201  # again is harmless


@pytest.mark.parametrize(
    ("content", "code"),
    [(DATA[:-1], "wrong_size"), (DATA + b"x", "wrong_size"), (DATA[:-1] + b"!", "wrong_hash"), (b"", "wrong_size")],
)
async def test_other_bytes_are_refused_and_nothing_stays(store, http, content, code) -> None:
    answer = await http.put(put_url(store), content=content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert not store.has(SHA256, len(DATA))
    assert [path for path in store.folder.rglob("*") if path.is_file()] == []


async def test_only_what_was_signed_opens_the_door(store, http) -> None:
    store.write(DATA)
    other = hashlib.sha256(b"other").hexdigest()
    refused = [
        await http.get(put_url(store)),  # signed for another verb
        await http.put(get_url(store), content=DATA),
        await http.get(get_url(store).replace(SHA256, other)),
        await http.get(get_url(store).replace(f"bytes={len(DATA)}", "bytes=1")),
        await http.get(get_url(store)[:-1] + ("0" if get_url(store)[-1] != "0" else "1")),
        await http.get(get_url(store).replace("expires=", "expires=9")),
        await http.get(f"/artifacts/{SHA256}"),
        await http.get("/artifacts/..%2f..%2fetc%2fpasswd?bytes=1&expires=99999999999&signature=x"),
        await http.put(put_url(store, seconds=-1), content=DATA),
    ]
    assert {answer.status_code for answer in refused} <= {403, 404}
    assert (await http.post(put_url(store), content=DATA)).status_code == 405


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-9", 206, DATA[:10]),
        ("bytes=100-", 206, DATA[100:]),
        ("bytes=-7", 206, DATA[-7:]),
        ("bytes=5-99999999", 206, DATA[5:]),
        ("bytes=99999999-", 416, None),
        ("bytes=9-3", 416, None),
        ("lines=1-2", 200, DATA),
    ],
)
async def test_ranges(store, http, asked, status, part) -> None:
    store.write(DATA)
    answer = await http.get(get_url(store), headers={"range": asked})
    assert answer.status_code == status
    if part is not None:
        assert answer.content == part
    if status == 206:
        start = DATA.index(part)
        assert answer.headers["content-range"] == f"bytes {start}-{start + len(part) - 1}/{len(DATA)}"


async def test_a_piece_of_32_mebibytes_passes_the_door(store, http) -> None:
    data = os.urandom(artifacts.PIECE_BYTES_MAX)
    sha256 = hashlib.sha256(data).hexdigest()
    assert (await http.put(store.url_put(sha256, len(data), seconds=60), content=data)).status_code == 201
    assert (await http.get(store.url_get(sha256, len(data), seconds=60))).content == data


def test_a_folder_becomes_a_manifest_that_can_be_read_again(store, tmp_path) -> None:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_bytes(b"a")
    (folder / "sub" / "b.bin").write_bytes(DATA)
    (folder / "empty").write_bytes(b"")
    manifest = folder_keep(folder)
    assert [file.path for file in manifest.files] == ["a.txt", "empty", "sub/b.bin"]
    assert manifest_read(manifest.sha256) == manifest
    assert pieces_lacking(manifest) == []
    with pytest.raises(NotFound):
        manifest_read("0" * 64)


def test_writing_is_signed_only_for_what_is_lacking(store) -> None:
    store.write(DATA)
    pieces = [Piece(sha256=SHA256, num_bytes=len(DATA)), Piece(sha256="1" * 64, num_bytes=3)]
    manifest = Manifest(files=[ManifestFile(path="a", pieces=pieces)])
    assert list(signed_for_writing(manifest).urls) == ["1" * 64]


# --- S3


def test_s3_a_piece_counts_only_when_its_bytes_were_checked(bucket) -> None:
    url = bucket.url_put(SHA256, len(DATA), seconds=60)
    assert httpx.put(url, content=DATA).status_code == 200
    assert not bucket.has(SHA256, len(DATA))
    assert bucket.confirm(SHA256, len(DATA))
    assert bucket.has(SHA256, len(DATA))
    got = httpx.get(bucket.url_get(SHA256, len(DATA), seconds=60), headers={"range": "bytes=3-5"})
    assert (got.status_code, got.content) == (206, DATA[3:6])


def test_s3_a_flipped_byte_is_refused_and_thrown_away(bucket) -> None:
    url = bucket.url_put(SHA256, len(DATA), seconds=60)
    assert httpx.put(url, content=DATA[:-1] + b"!").status_code == 200  # a bucket takes anything
    assert not bucket.confirm(SHA256, len(DATA))
    assert not bucket.has(SHA256, len(DATA))
    assert bucket.client.list_objects_v2(Bucket="weights").get("KeyCount") == 0


def test_s3_a_late_upload_cannot_spoil_what_was_checked(bucket) -> None:
    url = bucket.url_put(SHA256, len(DATA), seconds=60)
    httpx.put(url, content=DATA)
    bucket.confirm(SHA256, len(DATA))
    httpx.put(url, content=b"evil")
    assert bucket.read(SHA256) == DATA


def test_s3_manifests_names_and_deletion(bucket, tmp_path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a")
    manifest = folder_keep(tmp_path)
    assert manifest_read(manifest.sha256) == manifest
    names = {name for name, _ in bucket.names()}
    assert names == {manifest.sha256, hashlib.sha256(b"a").hexdigest()}
    bucket.delete(manifest.sha256)
    with pytest.raises(NotFound):
        manifest_read(manifest.sha256)


async def test_s3_the_folders_door_is_shut(bucket, http) -> None:
    url = FolderStore(artifacts.settings.SVEND_DATA / "artifacts").url_get(SHA256, 1, seconds=60)
    assert (await http.get(url)).status_code == 404
