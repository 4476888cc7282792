"""The program inside the fence that has the libraries loaded and forks one guest for each call.

Started by `sandbox` as `python -m gpu_node.tools.zygote CONFIG`, a JSON object. It gives up its own rights first, says
`ready`, then serves calls one after another: the node sends a header and two descriptors, the guest reads its request
and writes its result there, past the zygote. The zygote only waits, kills at the wall limit, and reports the end.
The guest of the next call is forked ahead of it, while nobody waits.

Single-threaded, or a fork would copy locks that somebody holds. It reads nothing that a model wrote, holds no secret,
and ends when the node's end of its control socket closes.

Tiers: in `namespaces` it lives in bwrap and each call gets namespaces of its own; in `landlock` and `chroot` there is
the slot's uid, Landlock or an empty root, and a stricter seccomp filter.
"""

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass
from typing import Any

from gpu_node.tools import confinement
from gpu_node.tools.guest import HEADER_BYTES_MAX, SETUP_FAILED_EXIT, Guest, call_serve
from gpu_node.tools.preload import preload, usual_call
from gpu_node.tools.warm_memory import Stretch, huge_pages_make, written_by

CONTROL_FD = 3


@dataclass(frozen=True)
class _Config:
    tier: str
    control_fd: int
    parent: int  # the node's pid as seen from here; 0 where bwrap watches it
    uid: int | None  # to become; None: stay
    readable: list[str]  # Landlock's
    root: str  # chroot's
    landlock_abi_max: int
    plugins: list[str]  # modules to import beforehand


def _confine(config: _Config) -> None:
    """The zygote's own rights go before the first call; what a guest loses besides is in `guest`."""
    if config.uid is not None:
        confinement.forbid_new_capabilities()
    rules = -1
    if config.tier == "landlock":
        rules = confinement.landlock_rules(config.readable, abi_max=config.landlock_abi_max)
    if config.tier == "chroot":
        confinement.root_change(config.root)
    if config.uid is not None:
        confinement.become(config.uid)
    confinement.drop_capabilities()
    if config.tier == "landlock":
        confinement.landlock_enter(rules)
    if config.parent:
        confinement.die_with(config.parent)
    if config.tier != "namespaces":  # there it is out of its guests' sight, and its children write their own maps
        confinement.hide_from_tracers()


def _only_control(given: int) -> None:
    """Moves the control socket to a known number and closes everything else."""
    os.dup2(given, CONTROL_FD)
    if given == 0:  # it came as the standard input, which is to be empty
        os.dup2(os.open("/dev/null", os.O_RDWR), 0)
    os.closerange(CONTROL_FD + 1, os.sysconf("SC_OPEN_MAX"))


def _wait_as_init(program: int) -> None:
    """The first process of a call's pid namespace: its death is every other's. Ends as the program ended."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # so that the program cannot interrupt the wait
    os.closerange(0, os.sysconf("SC_OPEN_MAX"))
    _, status = os.waitpid(program, 0)
    os._exit(_exit_code(status))


def _exit_code(status: int) -> int:
    """128 + n when a signal n ended it, as shells and bwrap say it."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _spawn_in_namespaces() -> tuple[int, int]:
    """(pid, pidfd) of the call's init to the zygote, (0, -1) to the program."""
    uid, gid = os.getuid(), os.getgid()
    pid, pidfd = confinement.clone_into_namespaces()
    if pid:
        return pid, pidfd
    try:
        os.setsid()  # or a signal to the program's group would reach the zygote
        confinement.furnish_namespaces(uid, gid)
        confinement.forbid_new_capabilities()
        confinement.drop_capabilities()
        confinement.die_with(0)
        confinement.hide_from_tracers()
        # Not run in the init itself: the kernel spares a namespace's first process the signals it sends itself.
        program = os.fork()
    except BaseException:
        os._exit(SETUP_FAILED_EXIT)
    if program:
        _wait_as_init(program)
    return 0, -1


def _spawn() -> tuple[int, int]:
    pid = os.fork()
    if pid:
        return pid, os.pidfd_open(pid)
    os.setsid()
    return 0, -1


def _child_ends() -> int:
    """For gVisor, which has no pidfd: a descriptor that becomes readable when a child ends."""
    read_fd, write_fd = os.pipe()
    os.set_blocking(read_fd, False)
    os.set_blocking(write_fd, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)
    return read_fd


def _spawn_without_pidfd(child_ends: int) -> tuple[int, int]:
    pid = os.fork()
    if pid:
        return pid, os.dup(child_ends)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    return 0, -1


@dataclass(frozen=True)
class _CallHeader:
    """A call as the node announces it: the guest's ends of its channel and output come along."""

    number: int
    tool: str
    wall_seconds: float
    descriptors: list[int]


@dataclass(frozen=True)
class _Waiting:
    """A guest as its zygote sees it: forked, waiting for the one call that it will run."""

    pid: int  # of its init where it has namespaces
    end_fd: int  # readable when it has ended
    door: socket.socket

    def is_gone(self) -> bool:
        poller = select.poll()
        poller.register(self.end_fd, select.POLLIN)
        return bool(poller.poll(0))

    def give(self, call: _CallHeader) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it ended: seen as its exit
            socket.send_fds(self.door, [json.dumps({"tool": call.tool}).encode()], call.descriptors)
        for descriptor in call.descriptors:
            os.close(descriptor)

    def reap(self) -> int:
        """Waits for its end; its exit code."""
        _, status = os.waitpid(self.pid, 0)
        os.close(self.end_fd)
        self.door.close()
        return _exit_code(status)


class _Zygote:
    def __init__(self, config: _Config, usual_pages: list[Stretch]) -> None:
        self._usual_pages = usual_pages
        self._has_namespaces = config.tier == "namespaces"
        self._child_ends = _child_ends() if config.tier == "gvisor" else -1
        self._counts_tasks = self._has_namespaces or config.uid is not None
        self._control = socket.socket(fileno=CONTROL_FD)

    def say(self, message: dict[str, Any]) -> None:
        self._control.send(json.dumps(message).encode() + b"\n")

    def serve(self) -> Guest:
        """Serves until the node goes away; returns only in a child, which is to be the guest."""
        call: _CallHeader | None = None  # one whose guest ended before it had it
        while True:
            waiting = self._fork()
            if isinstance(waiting, Guest):
                return waiting
            is_second = call is not None
            call = call or self._next_call()
            if waiting.is_gone() and not is_second:  # for want of memory, say
                waiting.reap()
                continue
            waiting.give(call)
            self._watch(call, waiting)
            call = None

    def _fork(self) -> "_Waiting | Guest":
        """The guest to the zygote, what it is to be to the guest."""
        pid = os.getpid()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        child, end_fd = self._spawned()
        if child:
            theirs.close()
            return _Waiting(child, end_fd, ours)
        self._control.detach()
        ours.detach()  # closed by number, not when the object goes
        return Guest(
            door_fd=theirs.detach(),
            parent=0 if self._has_namespaces else pid,
            is_strict=not self._has_namespaces,
            counts_tasks=self._counts_tasks,
            usual_pages=self._usual_pages,
        )

    def _spawned(self) -> tuple[int, int]:
        """(pid, a descriptor that tells of its end) to the zygote, (0, -1) to the guest."""
        if self._has_namespaces:
            return _spawn_in_namespaces()
        if self._child_ends < 0:
            return _spawn()
        while select.select([self._child_ends], [], [], 0)[0]:  # what told of the one before
            os.read(self._child_ends, 64)
        return _spawn_without_pidfd(self._child_ends)

    def _next_call(self) -> _CallHeader:
        while True:
            header, descriptors = self._next_header()
            if "stop" not in header:  # of a call that has ended by itself
                return _CallHeader(header["call"], header["tool"], header["wall_seconds"], descriptors)

    def _next_header(self) -> tuple[dict[str, Any], list[int]]:
        data, descriptors, _, _ = socket.recv_fds(self._control, HEADER_BYTES_MAX, 2)
        if not data:
            os._exit(0)  # the node went away
        header: dict[str, Any] = json.loads(data)
        return header, descriptors

    def _watch(self, call: _CallHeader, guest: _Waiting) -> None:
        deadline = time.monotonic() + call.wall_seconds
        is_timeout = False
        poller = select.poll()
        poller.register(guest.end_fd, select.POLLIN)
        poller.register(CONTROL_FD, select.POLLIN)
        while True:
            left_ms = max(0, int(1000 * (deadline - time.monotonic())))
            ready = [descriptor for descriptor, _ in poller.poll(left_ms)]
            if guest.end_fd in ready:
                break
            is_timeout = not ready and time.monotonic() >= deadline
            if is_timeout or (CONTROL_FD in ready and self._is_stop(call.number)):
                os.kill(guest.pid, signal.SIGKILL)  # not reaped yet, so the number is nobody else's
                break
        self.say({"call": call.number, "exit_code": guest.reap(), "is_timeout": is_timeout})

    def _is_stop(self, call: int) -> bool:
        return bool(self._next_header()[0].get("stop") == call)


def _memory_ready(proc: str) -> list[Stretch]:
    """Once all is loaded, and before rights go: the pages that a waiting guest is to make its own."""
    gc.collect()
    gc.freeze()
    huge_pages_make(proc)
    try:
        return written_by(usual_call, proc)
    except OSError as error:
        sys.stderr.write(f"guests start without memory of their own: {error}\n")
        return []


def main() -> Guest:
    config = _Config(**json.loads(sys.argv[1]))
    _only_control(config.control_fd)
    preload(everything=config.tier in ("landlock", "chroot"), plugins=config.plugins)
    stretches = []
    if config.tier != "gvisor":  # where neither can be asked
        proc = confinement.ZYGOTE_PROC if config.tier == "namespaces" else "/proc"
        if len(os.listdir(f"{proc}/self/task")) != 1:
            raise RuntimeError("a library started a thread: a fork would copy the locks that it holds")
        stretches = _memory_ready(proc)
    _confine(config)
    sys.argv = ["program"]
    zygote = _Zygote(config, stretches)
    zygote.say({"ready": True})
    return zygote.serve()


if __name__ == "__main__":
    # The guest comes back to here, so that a program finds as much of the stack as in an interpreter of its own.
    call_serve(main())
