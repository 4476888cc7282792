"""An S3 that is not Amazon's: moto's HTTP server, and a bucket in it that the settings name."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from backend.core import artifacts, artifacts_s3

START_SECONDS_MAX = 120  # it imports much, on a machine that may be busy


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-p", str(port), "-H", "127.0.0.1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            httpx.get(url, timeout=1)
            break
        except httpx.HTTPError:
            assert time.monotonic() < deadline, "moto does not start"
            time.sleep(0.1)
    yield url
    process.terminate()
    process.wait(10)


@pytest.fixture
def bucket(settings: Any, moto: str, monkeypatch: pytest.MonkeyPatch) -> artifacts_s3.S3Store:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    httpx.post(f"{moto}/moto-api/reset")
    settings.SVEND_ARTIFACTS, settings.SVEND_S3_ENDPOINT = "s3://weights/svend", moto
    store = artifacts.piece_store()
    assert isinstance(store, artifacts_s3.S3Store)
    store.client.create_bucket(Bucket="weights")
    return store
