"""The Dockerfiles' build steps, run in a plain shell: COPY, RUN, ENV and WORKDIR as a build takes them, in a folder.

Steps that would change this machine (users, system packages) are left out by name. What a stage ends with is then
started: so an image holds everything that its command imports, and the backend's holds no torch.
"""

import json
import os
import shlex
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from dockerfile_parse import DockerfileParser

from backend.local.web_ui import node_env, npm_command
from tests.deploy.pages import ROOT

STEP_SECONDS_MAX = 420  # torch is fetched in one of them
START_SECONDS_MAX = 90
SYSTEM_STEPS = ("useradd ", "apt-get ")  # of the machine, not of the folder


@dataclass
class Stage:
    """A folder that stands for one build stage's root."""

    root: Path
    workdir: Path
    env: dict[str, str]
    steps: list[str] = field(default_factory=list)

    def path(self, name: str) -> Path:
        return self.root / name.lstrip("/") if name.startswith("/") else self.workdir / name


def _instructions(name: str) -> list[dict[str, Any]]:
    parser = DockerfileParser(fileobj=(ROOT / "docker" / name).open("rb"))
    return [step for step in parser.structure if step["instruction"] != "COMMENT"]


def _build(name: str, folder: Path) -> Stage:
    """Takes a Dockerfile's steps; returns its last stage."""
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for step in _instructions(name):
        instruction, value = step["instruction"], step["value"]
        if instruction == "FROM":
            root = folder / f"stage{len(stages)}"
            root.mkdir()
            stage = Stage(root, root, _shell_env(folder))
            stages[value.split()[-1]] = stage
            continue
        assert stage is not None, "a step before FROM"
        _take(stage, instruction, value, stages)
    assert stage is not None
    return stage


def _shell_env(folder: Path) -> dict[str, str]:
    """A shell with the wheel's node, and npm started by its own script: the wheel's `bin/npm` may be a broken link."""
    binaries = folder / "bin"
    binaries.mkdir(exist_ok=True)
    npm = binaries / "npm"
    npm.write_text(f'#!/bin/sh\nexec {shlex.join(npm_command())} "$@"\n')
    npm.chmod(0o755)
    env = node_env()
    return {**env, "PATH": f"{binaries}:{env['PATH']}"}


def _take(stage: Stage, instruction: str, value: str, stages: dict[str, Stage]) -> None:
    match instruction:
        case "WORKDIR":
            stage.workdir = stage.path(value)
            stage.workdir.mkdir(parents=True, exist_ok=True)
        case "COPY":
            _copy(stage, shlex.split(value), stages)
        case "RUN":
            _run(stage, value)
        case "ENV" | "ARG":
            for pair in shlex.split(value):
                key, _, text = pair.partition("=")
                if "=" in pair:
                    stage.env[key] = text.replace("/app", str(stage.root / "app")).replace("$PATH", stage.env["PATH"])
        case "USER" | "EXPOSE" | "HEALTHCHECK" | "CMD":
            pass  # of the running container
        case _:
            pytest.fail(f"the test does not know {instruction}")


def _copy(stage: Stage, words: list[str], stages: dict[str, Stage]) -> None:
    source_root = ROOT
    if words[0].startswith("--from="):
        source_root = stages[words.pop(0).removeprefix("--from=")].root
    *sources, target = words
    for source in sources:
        origin, goal = source_root / source.lstrip("/"), stage.path(target)
        if origin.is_dir():
            ignore = shutil.ignore_patterns("node_modules", "dist", "__pycache__")
            keep_all = source_root != ROOT
            shutil.copytree(origin, goal, dirs_exist_ok=True, symlinks=True, ignore=None if keep_all else ignore)
        else:
            into = goal / origin.name if target.endswith("/") else goal
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(origin, into)


def _run(stage: Stage, command: str) -> None:
    if command.startswith(SYSTEM_STEPS):
        return
    done = subprocess.run(
        ["sh", "-ec", command],
        cwd=stage.workdir,
        env=stage.env,
        capture_output=True,
        text=True,
        timeout=STEP_SECONDS_MAX,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-1500:]}{done.stderr[-1500:]}"
    stage.steps.append(command)


def _command(name: str) -> list[str]:
    """The image's CMD."""
    found = [step["value"] for step in _instructions(name) if step["instruction"] == "CMD"]
    command: list[str] = json.loads(found[-1])
    return command


@pytest.mark.extra
@pytest.mark.timeout(900)  # packages are fetched
def test_the_backends_image_builds_and_holds_what_it_needs(tmp_path: Path) -> None:
    stage = _build("backend.Dockerfile", tmp_path)
    assert (stage.workdir / "frontend/dist/index.html").is_file()
    assert len(stage.steps) >= 1
    env = {
        **stage.env,
        "DATABASE_URL": os.environ["DATABASE_URL"],
        "REDIS_URL": os.environ["REDIS_URL"],
        "SVEND_SECRET_KEY": "only-for-tests-" + "x" * 40,
        "SVEND_ALLOWED_HOSTS": "svend.example",
        "SVEND_DATA": str(tmp_path / "data"),
    }
    env.pop("SVEND_LOCAL", None)
    python = str(stage.workdir / "venv/bin/python")
    for arguments in (
        ["manage.py", "check", "--deploy", "--fail-level", "ERROR"],
        ["-c", "import backend.asgi, worker.app, worker.tasks"],
        ["-c", "import importlib.util as u; assert not u.find_spec('torch') and not u.find_spec('sympy')"],
    ):
        done = subprocess.run(
            [python, *arguments], cwd=stage.workdir, env=env, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.extra
@pytest.mark.timeout(900)  # packages are fetched
def test_the_nodes_image_builds_and_its_command_answers(tmp_path: Path) -> None:
    stage = _build("node.Dockerfile", tmp_path)
    (tmp_path / "secret").write_text("a node's secret\n")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    here = {
        "python": str(stage.workdir / "venv/bin/python"),
        "8001": str(port),
        "0.0.0.0": "127.0.0.1",
        "/var/lib/svend/node": str(tmp_path / "state"),
        "/run/secrets/node_secret": str(tmp_path / "secret"),
    }
    command = [here.get(word, word) for word in _command("node.Dockerfile")]
    with (tmp_path / "log").open("wb") as log:
        node = subprocess.Popen(command, cwd=stage.workdir, env=stage.env, stdout=log, stderr=log)
    try:
        assert _answers(f"http://127.0.0.1:{port}/healthz"), (tmp_path / "log").read_text()[-2000:]
    finally:
        node.terminate()
        assert node.wait(30) == 0


def _answers(url: str) -> bool:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        try:
            with urlopen(url, timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            time.sleep(0.3)
    return False


def test_both_nodes_images_differ_only_where_the_device_does() -> None:
    plain, cuda = (
        [(step["instruction"], step["value"]) for step in _instructions(name)]
        for name in ("node.Dockerfile", "node-cuda.Dockerfile")
    )
    assert _command("node.Dockerfile") == _command("node-cuda.Dockerfile")
    only = {instruction for instruction, value in set(plain) ^ set(cuda)}
    assert only <= {"FROM", "RUN", "ENV", "ARG", "HEALTHCHECK"}, only
