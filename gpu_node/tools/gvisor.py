"""The optional tier `gvisor`: a zygote and its guests on gVisor's own kernel, by `runsc`, a second one below it.

For whoever does not trust Linux behind the calls that a filter allows. Slower by far, and in need of a program that no
wheel brings, so it is never chosen by itself: SVEND_FENCE_TIER=gvisor asks for it. A sandbox holds one zygote; within
it guests are divided as in the tier `landlock`, by the stricter filter, and can write nowhere.

Not covered: the number of a guest's threads, which gVisor does not limit (their memory is). /dev holds gVisor's own
devices, which are not the machine's.

Writes the bundle that `runsc run` takes (the OCI runtime specification, version 1.0.2). Starts nothing itself.
"""

import json
import shutil
from pathlib import Path

from gpu_node.tools.confinement import GUEST_UID, OPEN_FILES

_ZYGOTE_FILES = 4 * OPEN_FILES  # the interpreter's start and a guest's pipes
_HIDDEN = ("/proc", "/sys", "/tmp")  # noqa: S108 - mounted by runsc unless something else is


def runsc_path() -> str | None:
    """Where `runsc` is installed; None if it is not."""
    return shutil.which("runsc")


def runsc_command(runsc: str, folder: Path) -> list[str]:
    """Runs the bundle in `folder`; the zygote's control socket is its standard input, the one descriptor handed on."""
    flags = ["--network=none", "--ignore-cgroups", f"--root={folder / 'state'}"]
    return [runsc, *flags, "run", f"--bundle={folder}", folder.name]


def bundle_write(
    folder: Path,
    *,
    binds: list[tuple[Path, str]],
    links: list[tuple[str, str]],
    arguments: list[str],
    environment: dict[str, str],
) -> None:
    """A read-only root that shows `binds` (source, target), `links` (path, where it leads) and nothing else."""
    root = folder / "rootfs"
    for _, target in binds:
        (root / target.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
    for path, leads_to in links:
        (root / path.lstrip("/")).symlink_to(leads_to)
    mounts = [
        {"destination": target, "type": "bind", "source": str(source), "options": ["ro", "rbind"]}
        for source, target in binds
    ]
    mounts += [{"destination": place, "type": "tmpfs", "source": "tmpfs", "options": ["ro"]} for place in _HIDDEN]
    specification = {
        "ociVersion": "1.0.2",
        "hostname": "fence",
        "root": {"path": str(root), "readonly": True},
        "process": {
            "user": {"uid": GUEST_UID, "gid": GUEST_UID},
            "args": arguments,
            "env": [f"{name}={value}" for name, value in environment.items()],
            "cwd": "/",
            "noNewPrivileges": True,
            "capabilities": {},
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": _ZYGOTE_FILES, "soft": _ZYGOTE_FILES}],
        },
        "mounts": mounts,
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")]},
    }
    (folder / "config.json").write_text(json.dumps(specification))
