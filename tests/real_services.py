"""Real services for every test: one PostgreSQL and one Valkey for the whole test run, from the PyPI wheels.

A pytest plugin (`-p tests.real_services` in pyproject.toml), because pytest-django reads the settings before any
conftest is imported. The services listen on free loopback ports; their folder is removed at the end.
`DATABASE_URL` and `REDIS_URL`, where set, are used instead. Under pytest-xdist the controller starts them and
the workers inherit the addresses.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path

import pytest

from backend.local import services

START_TIMEOUT_SECONDS = 30


def _wait_until_ready(is_ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.exit(f"a test service did not start:\n{log.read_text()[-2000:]}", returncode=3)
        time.sleep(0.02)


@contextlib.contextmanager
def _started(command: list[str], is_ready: Callable[[], bool], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        _wait_until_ready(is_ready, process, log)
        yield
    finally:
        process.send_signal(2)  # PostgreSQL: fast shutdown
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


_stack = contextlib.ExitStack()


def _start_services() -> None:
    os.environ.setdefault("SVEND_SECRET_KEY", "only-for-tests-" + "x" * 40)
    os.environ.setdefault("SVEND_LOCAL", "1")
    if "DATABASE_URL" in os.environ and "REDIS_URL" in os.environ:
        _own_valkey_database()
        return
    folder = Path(tempfile.mkdtemp(prefix="svend-test-"))
    _stack.callback(shutil.rmtree, folder, ignore_errors=True)
    os.environ.setdefault("SVEND_DATA", str(folder / "data"))
    if "DATABASE_URL" not in os.environ:
        port = services.port_free()
        services.postgres_init(folder / "postgres")
        command = services.postgres_command(folder / "postgres", port=port, is_durable=False)
        _stack.enter_context(_started(command, partial(services.postgres_is_ready, port), folder / "postgres.log"))
        os.environ["DATABASE_URL"] = services.postgres_url(port, "postgres")
    if "REDIS_URL" not in os.environ:
        port = services.port_free()
        (folder / "valkey").mkdir()
        command = services.valkey_command(folder / "valkey", port=port)
        _stack.enter_context(_started(command, partial(services.is_accepting, port), folder / "valkey.log"))
        os.environ["REDIS_URL"] = services.valkey_url(port)


def _own_valkey_database() -> None:
    """Under xdist each worker empties its Valkey between tests, so each needs a database of its own there."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker.startswith("gw"):
        server, _, _ = os.environ["REDIS_URL"].rpartition("/")
        os.environ["REDIS_URL"] = f"{server}/{int(worker[2:]) + 1}"


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None, None, None]:
    _start_services()  # before pytest-django's own hook: wrappers run first
    yield


def pytest_unconfigure(config: pytest.Config) -> None:
    _stack.close()
