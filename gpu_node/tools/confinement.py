"""Takes rights away from the running process: namespaces, Landlock, an empty root, capabilities, limits.

Plain calls of the kernel by ctypes, for `zygote` and `guest`; decides nothing. Every function either does what its
name says or raises OSError, and then the caller must not go on. Needs a single-threaded process.
"""

import ctypes
import os
import resource
import signal
import struct
from pathlib import Path

GUEST_TMP = "/svend/tmp"  # /tmp leads here
ZYGOTE_PROC = "/svend/proc"  # the zygote's, for the maps of its children; covered before a program runs
GUEST_UID = 65_534  # "nobody": owns nothing that is bound
TMP_BYTES, TMP_INODES = 16 << 20, 2_000  # bwrap's own tmpfs has no inode limit: 200,000 files were accepted
# One process only, so this bounds the call's memory: 1 GiB above the libraries that are loaded already.
ADDRESS_SPACE_BYTES = (1 << 30) + (192 << 20)
CPU_SECONDS = 60  # far above every wall limit: a second net should the zygote's kill fail
FILE_BYTES = 16 << 20  # of one file; the whole of /tmp is as large
OPEN_FILES = 64
TASKS = 64  # threads; real root is exempt from it, so seccomp refuses fork besides

_CAPABILITY_LAST = 63  # beyond the kernel's last one prctl answers EINVAL, which ends the loop
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
_CAPABILITY_VERSION_3 = 0x2008_0522
_MS_RDONLY, _MS_NOSUID_NODEV_NOEXEC = 1, 2 | 4 | 8

_SYS_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE_PIDFD = 0x1000
# Mount, uts, ipc, user, pid, network: everything that one call could share with another.
_CLONE_NEW = 0x0002_0000 | 0x0400_0000 | 0x0800_0000 | 0x1000_0000 | 0x2000_0000 | 0x4000_0000

_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446
_LANDLOCK_VERSION_FLAG, _LANDLOCK_PATH_BENEATH = 1, 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}  # by the ABI that brought them
_NET_RIGHTS_ABI, _NET_RIGHTS = 4, 3  # bind and connect of TCP
_SCOPES_ABI, _SCOPES = 6, 3  # abstract sockets and signals stay inside

_libc = ctypes.CDLL(None, use_errno=True)
_libc_with_gil = ctypes.PyDLL(None, use_errno=True)


class _CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _CapabilityData(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


def _checked(result: int, what: str) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), what)
    return result


# ---------------------------------------------------------------- one call's namespaces


def clone_into_namespaces() -> tuple[int, int]:
    """Like `os.fork`, with all namespaces new: (pid, pidfd) to the parent, (0, -1) to the child."""
    pidfd = ctypes.c_int(-1)
    number = _SYS_CLONE[os.uname().machine]
    flags = _CLONE_NEW | _CLONE_PIDFD | signal.SIGCHLD
    # What os.fork() does around the same call; the interpreter's lock is held throughout.
    ctypes.pythonapi.PyOS_BeforeFork()
    pid: int = _libc_with_gil.syscall(number, ctypes.c_ulong(flags), None, ctypes.byref(pidfd), None, None)
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0, -1
    error = ctypes.get_errno()
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(error, "clone into new namespaces")
    return pid, pidfd.value


def furnish_namespaces(uid: int, gid: int) -> None:
    """In the new namespaces: one user, a limited folder for files, no /proc."""
    for name, text in (("setgroups", "deny"), ("uid_map", f"{GUEST_UID} {uid} 1"), ("gid_map", f"{GUEST_UID} {gid} 1")):
        descriptor = os.open(f"{ZYGOTE_PROC}/self/{name}", os.O_WRONLY)
        os.write(descriptor, text.encode())
        os.close(descriptor)
    _mount_tmpfs(GUEST_TMP, _MS_NOSUID_NODEV_NOEXEC, f"size={TMP_BYTES},nr_inodes={TMP_INODES},mode=1777")
    _mount_tmpfs(ZYGOTE_PROC, _MS_NOSUID_NODEV_NOEXEC | _MS_RDONLY, "nr_inodes=1,mode=0")
    os.chdir(GUEST_TMP)


def _mount_tmpfs(target: str, flags: int, options: str) -> None:
    _checked(_libc.mount(b"tmpfs", target.encode(), b"tmpfs", flags, options.encode()), f"mount of {target}")


# ---------------------------------------------------------------- the process's own rights


def become(uid: int) -> None:
    """For good: real, effective and saved, without groups. The process stays dumpable, for its maps' sake."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    _checked(_libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0), "prctl(PR_SET_DUMPABLE)")


def forbid_new_capabilities() -> None:
    """Empties the bounding set, as far as the kernel's capabilities go; needs CAP_SETPCAP."""
    for capability in range(_CAPABILITY_LAST + 1):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break


def drop_capabilities() -> None:
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    _checked(_libc.capset(ctypes.byref(header), ctypes.byref((_CapabilityData * 2)())), "capset to nothing")
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS)")


def hide_from_tracers() -> None:
    _checked(_libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl(PR_SET_DUMPABLE)")


def die_with(parent: int) -> None:
    """Killed when the parent's thread ends. Every change of uid forgets this, so it comes after the last one."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")
    if parent and os.getppid() != parent:  # it ended before the line above
        os._exit(1)


def limits_set(*, tasks_max: int | None) -> None:
    limits = [
        (resource.RLIMIT_AS, ADDRESS_SPACE_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ]
    if tasks_max is not None:
        limits.append((resource.RLIMIT_NPROC, tasks_max))
    for which, value in limits:
        resource.setrlimit(which, (value, value))


def root_change(folder: str) -> None:
    os.chroot(folder)
    os.chdir("/")


# ---------------------------------------------------------------- Landlock


def landlock_abi() -> int:
    """The kernel's version of Landlock; 0 where there is none."""
    return max(0, int(_libc.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_VERSION_FLAG)))


def landlock_rules(readable: list[str], *, abi_max: int) -> int:
    """The rules' descriptor for `landlock_enter`: only what lies under `readable` can be opened, only for reading.

    Paths are opened here, so it is called by whom they are open to. Not covered, by Landlock itself: stat, chmod and,
    before ABI 3, truncate. seccomp refuses those that change things.

    Raises:
        OSError: the kernel has no Landlock.
    """
    abi = min(landlock_abi(), abi_max)
    if abi == 0:
        raise OSError(ctypes.get_errno(), "Landlock is not available")
    handled = struct.pack("=Q", max(rights for since, rights in _FILE_RIGHTS.items() if since <= abi))
    if abi >= _NET_RIGHTS_ABI:
        handled += struct.pack("=Q", _NET_RIGHTS)
    if abi >= _SCOPES_ABI:
        handled += struct.pack("=Q", _SCOPES)
    ruleset = _checked(
        _libc.syscall(_LANDLOCK_CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), 0), "landlock_create_ruleset"
    )
    for path in readable:
        _landlock_allow(ruleset, path)
    return ruleset


def landlock_enter(ruleset: int) -> None:
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS)")
    _checked(_libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0), "landlock_restrict_self")
    os.close(ruleset)


def _landlock_allow(ruleset: int, path: str) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    rights = _READ_FILE | _READ_DIR if Path(path).is_dir() else _READ_FILE
    rule = struct.pack("=Qi", rights, descriptor)
    result = _libc.syscall(_LANDLOCK_ADD_RULE, ruleset, _LANDLOCK_PATH_BENEATH, rule, 0)
    os.close(descriptor)
    _checked(result, f"landlock_add_rule for {path}")
