"""A seccomp allowlist, compiled to BPF and put on the running process: what a guest may still ask of the kernel.

Everything not named is refused with EPERM; a few calls answer ENOSYS, so that libc falls back to an older one that
the filter can read. No execve, no fork, no socket, no mount, no ptrace, no key rings, no shared memory outside the
address space limit. Threads are allowed: `clone` only with CLONE_THREAD and no new namespace.

Not covered: a hole in the kernel behind an allowed call. Needs Linux on x86_64 or aarch64; elsewhere it raises.
"""

import ctypes
import errno
import platform
import struct

# name -> number on (x86_64, aarch64); None where the call does not exist.
_ALLOWED: dict[str, tuple[int | None, int | None]] = {
    # files: only the read-only runtime and /tmp exist in the guest
    "read": (0, 63), "write": (1, 64), "open": (2, None), "close": (3, 57), "stat": (4, None), "fstat": (5, 80),
    "lstat": (6, None), "poll": (7, None), "lseek": (8, 62), "pread64": (17, 67), "pwrite64": (18, 68),
    "readv": (19, 65), "writev": (20, 66), "access": (21, None), "pipe": (22, None), "select": (23, None),
    "dup": (32, 23), "dup2": (33, None), "sendfile": (40, 71), "fcntl": (72, 25), "flock": (73, 32),
    "fsync": (74, 82), "fdatasync": (75, 83), "truncate": (76, 45), "ftruncate": (77, 46), "getdents": (78, None),
    "getcwd": (79, 17), "chdir": (80, 49), "fchdir": (81, 50), "rename": (82, None), "mkdir": (83, None),
    "rmdir": (84, None), "link": (86, None), "unlink": (87, None), "symlink": (88, None), "readlink": (89, None),
    "chmod": (90, None), "fchmod": (91, 52), "umask": (95, 166), "statfs": (137, 43), "fstatfs": (138, 44),
    "getdents64": (217, 61), "utimensat": (280, 88), "fallocate": (285, 47), "dup3": (292, 24), "pipe2": (293, 59),
    "openat": (257, 56), "mkdirat": (258, 34), "newfstatat": (262, 79), "unlinkat": (263, 35),
    "renameat": (264, 38), "symlinkat": (266, 36), "readlinkat": (267, 78), "fchmodat": (268, 53),
    "faccessat": (269, 48), "renameat2": (316, 276), "copy_file_range": (326, 285), "statx": (332, 291),
    "close_range": (436, 436), "faccessat2": (439, 439), "pselect6": (270, 72), "ppoll": (271, 73),
    # memory
    "mmap": (9, 222), "mprotect": (10, 226), "munmap": (11, 215), "brk": (12, 214), "mremap": (25, 216),
    "msync": (26, 227), "mincore": (27, 232), "madvise": (28, 233), "membarrier": (324, 283),
    # signals and time
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "rt_sigpending": (127, 136),
    "rt_sigtimedwait": (128, 137), "rt_sigsuspend": (130, 133), "sigaltstack": (131, 132), "pause": (34, None),
    "nanosleep": (35, 101), "alarm": (37, None), "getitimer": (36, 102), "setitimer": (38, 103),
    "kill": (62, 129), "tgkill": (234, 131), "gettimeofday": (96, 169), "times": (100, 153), "time": (201, None),
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "clock_nanosleep": (230, 115),
    "restart_syscall": (219, 128),
    # the process itself
    "getpid": (39, 172), "getppid": (110, 173), "gettid": (186, 178), "getuid": (102, 174), "getgid": (104, 176),
    "geteuid": (107, 175), "getegid": (108, 177), "getgroups": (115, 158), "getresuid": (118, 148),
    "getresgid": (120, 150), "getpgrp": (111, None), "getpgid": (121, 155), "getsid": (124, 156),
    "getrlimit": (97, 163), "getrusage": (98, 165), "sysinfo": (99, 179), "uname": (63, 160), "getcpu": (309, 168),
    "getpriority": (140, 141), "exit": (60, 93), "exit_group": (231, 94), "getrandom": (318, 278),
    # threads
    "futex": (202, 98), "set_robust_list": (273, 99), "get_robust_list": (274, 100), "rseq": (334, 293),
    "set_tid_address": (218, 96), "sched_yield": (24, 124), "sched_getaffinity": (204, 123),
    "sched_getparam": (143, 121), "sched_getscheduler": (145, 120), "arch_prctl": (158, None),
    # asyncio: epoll, and its own pair of sockets (socketpair is limited below)
    "epoll_create1": (291, 20), "epoll_ctl": (233, 21), "epoll_wait": (232, None), "epoll_pwait": (281, 22),
    "eventfd2": (290, 19), "timerfd_create": (283, 85), "timerfd_settime": (286, 86),
    "recvfrom": (45, 207), "shutdown": (48, 210), "getsockname": (51, 204), "getpeername": (52, 205),
    "getsockopt": (55, 209),
}  # fmt: skip
_NOT_IMPLEMENTED: dict[str, tuple[int | None, int | None]] = {
    "clone3": (435, 435),  # its flags lie in memory, where BPF cannot look: libc falls back to clone
    "openat2": (437, 437),
    "memfd_create": (319, 279),  # memory outside RLIMIT_AS
    "userfaultfd": (323, 282),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
}
# Where no namespace divides processes and files, what would reach others' is refused too; there is nothing to write to.
_REFUSED_WHEN_STRICT = frozenset({
    "kill", "tgkill", "truncate", "ftruncate", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir", "link",
    "unlink", "unlinkat", "symlink", "symlinkat", "chmod", "fchmod", "fchmodat", "utimensat", "fallocate",
    "copy_file_range", "getpgid", "getsid", "getpriority", "sched_getscheduler", "sched_getparam",
})  # fmt: skip
_CLONE, _SOCKETPAIR, _IOCTL, _PRCTL, _PRLIMIT64 = (56, 220), (53, 199), (16, 29), (157, 167), (302, 261)
_SENDTO = (44, 206)

_CLONE_THREAD = 0x0001_0000
_CLONE_NEW_ANY = 0x7E02_0080  # NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, NEWTIME
_AF_UNIX = 1
_STREAMS = (1, 1 | 0o4000, 1 | 0o2000000, 1 | 0o2004000)  # with NONBLOCK, CLOEXEC, both; a datagram could be sent out
_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
_PRCTLS = (3, 15, 16)  # GET_DUMPABLE, SET_NAME, GET_NAME

_ARCHITECTURES = {"x86_64": (0, 0xC000_003E), "aarch64": (1, 0xC000_00B7)}  # column above, AUDIT_ARCH
_X32_BIT = 0x4000_0000  # x86_64's second numbering, which would walk past an allowlist by number

_LD_ABS, _JEQ, _JGE, _JSET, _RET = 0x20, 0x15, 0x35, 0x45, 0x06  # BPF_LD|W|ABS, BPF_JMP|…|K, BPF_RET|K
_RET_ALLOW, _RET_ERRNO, _RET_KILL = 0x7FFF_0000, 0x0005_0000, 0x8000_0000
_DATA_NR, _DATA_ARCH, _DATA_ARGS = 0, 4, 16  # offsets in struct seccomp_data; arguments are 8 bytes each

_SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC = 1, 1
_SYS_SECCOMP = (317, 277)
_PR_SET_NO_NEW_PRIVS = 38


def _instruction(code: int, k: int, jump_true: int = 0, jump_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, jump_true, jump_false, k)


def _argument_word(index: int, *, high: bool = False) -> bytes:
    return _instruction(_LD_ABS, _DATA_ARGS + 8 * index + (4 if high else 0))


_ALLOW = _instruction(_RET, _RET_ALLOW)
_REFUSE = _instruction(_RET, _RET_ERRNO | errno.EPERM)


def _when(number: int, body: list[bytes]) -> list[bytes]:
    """`body`, which must end in a return on every path, for this call only."""
    return [_instruction(_JEQ, number, 0, len(body)), *body]


def _one_of(argument: int, values: tuple[int, ...]) -> list[bytes]:
    body = [_argument_word(argument)]
    for value in values:
        body += [_instruction(_JEQ, value, 0, 1), _ALLOW]
    return [*body, _REFUSE]


def _null(argument: int) -> list[bytes]:
    """Allows if the argument is zero, both halves of it."""
    is_zero = [_instruction(_JEQ, 0, 1, 0), _REFUSE]
    return [_argument_word(argument), *is_zero, _argument_word(argument, high=True), *is_zero, _ALLOW]


def filter_compile(machine: str | None = None, *, is_strict: bool = False) -> bytes:
    """The filter's BPF program; `is_strict` where nothing but this filter divides a guest from other processes.

    Raises:
        NotImplementedError: no table for this machine; the fence then has no tier.
    """
    machine = machine or platform.machine()
    if machine not in _ARCHITECTURES:
        raise NotImplementedError(f"no seccomp table for {machine!r}")
    column, audit_arch = _ARCHITECTURES[machine]
    program = [
        _instruction(_LD_ABS, _DATA_ARCH),
        _instruction(_JEQ, audit_arch, 1, 0),
        _instruction(_RET, _RET_KILL),
        _instruction(_LD_ABS, _DATA_NR),
        _instruction(_JGE, _X32_BIT, 0, 1),
        _REFUSE,
    ]
    for name, numbers in _ALLOWED.items():
        number = numbers[column]
        if number is not None and not (is_strict and name in _REFUSED_WHEN_STRICT):
            program += _when(number, [_ALLOW])
    for numbers in _NOT_IMPLEMENTED.values():
        number = numbers[column]
        if number is not None:
            program += _when(number, [_instruction(_RET, _RET_ERRNO | errno.ENOSYS)])
    clone = [_argument_word(0), _instruction(_JSET, _CLONE_NEW_ANY, 2, 0), _instruction(_JSET, _CLONE_THREAD, 0, 1)]
    program += _when(_CLONE[column], [*clone, _ALLOW, _REFUSE])
    is_unix = [_argument_word(0), _instruction(_JEQ, _AF_UNIX, 1, 0), _REFUSE]
    program += _when(_SOCKETPAIR[column], [*is_unix, *_one_of(1, _STREAMS)])
    program += _when(_IOCTL[column], _one_of(1, _IOCTLS))
    program += _when(_PRCTL[column], _one_of(0, _PRCTLS))
    # Reading limits is allowed, setting is not: the pointer to new limits must be null. Nor may data name an address:
    # in another's network namespace, sockets of the whole machine answer to one.
    program += _when(_PRLIMIT64[column], _null(2))
    program += _when(_SENDTO[column], _null(4))
    program.append(_REFUSE)
    return b"".join(program)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def filter_install(*, is_strict: bool = False) -> None:
    """Puts the filter on every thread of this process, for good.

    Raises:
        OSError: the kernel refused; the caller must not go on.
    """
    code = filter_compile(is_strict=is_strict)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS)")
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    call = _SYS_SECCOMP[_ARCHITECTURES[platform.machine()][0]]
    result = libc.syscall(call, _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC, ctypes.byref(program))
    if result != 0:
        raise OSError(ctypes.get_errno(), f"seccomp(SET_MODE_FILTER) returned {result}")
