"""A call's end inside the fence: gives up its last rights, runs one call, ends.

`zygote` forks it with the libraries loaded, ahead of the call it will run. Order matters and is: limits, the wait for
a call, descriptors, seccomp, the request, the reply. Nothing of the request is read before the last right is gone.

The node judges a call by what it reads on the channel and treats that as hostile: a program can forge its own reply,
nobody else's. Imports neither pydantic nor anything of the node beyond this folder's pure tools.
"""

import contextlib
import importlib
import json
import os
import select
import socket
import sys
from dataclasses import dataclass
from typing import Any

from gpu_node.tools.attachments import as_json, collecting
from gpu_node.tools.confinement import TASKS, die_with, hide_from_tracers, limits_set
from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.seccomp import filter_install
from gpu_node.tools.warm_memory import Stretch, make_own

CHANNEL_FD = 3
SETUP_FAILED_EXIT = 125  # of a guest whose fence could not be closed: it has read no request
HEADER_BYTES_MAX = 1_024  # of a message from the node or the zygote
REQUEST_BYTES_MAX = 1 << 20
IDLE_MS = 20  # without a call, before a guest makes memory its own: calls without a pause leave no time to spare


@dataclass(frozen=True)
class Guest:
    """What the zygote's child is to be; all of it is the node's word, nothing the model's."""

    door_fd: int  # where the zygote hands a call over
    parent: int  # who must be alive
    is_strict: bool  # no namespaces of its own
    counts_tasks: bool  # whether its uid's processes are its own only
    usual_pages: list[Stretch]  # that most calls write


def _keep_only(door_fd: int) -> None:
    """0 to 2 stay, which are /dev/null and diagnostics; 3 becomes the door. The zygote's own descriptors go."""
    os.dup2(door_fd, CHANNEL_FD)
    os.closerange(CHANNEL_FD + 1, os.sysconf("SC_OPEN_MAX"))


def _await_call(usual_pages: list[Stretch]) -> str:
    """The tool to run. 0 and 2 are /dev/null from here on, 1 is the output, 3 the channel; there are no others."""
    door = socket.socket(fileno=CHANNEL_FD)
    poller = select.poll()
    poller.register(door, select.POLLIN)
    if not poller.poll(IDLE_MS):
        make_own(usual_pages, is_wanted=lambda: bool(poller.poll(0)))
    data, descriptors, _, _ = socket.recv_fds(door, HEADER_BYTES_MAX, 2)
    if not data:
        os._exit(0)  # the zygote went away
    door.detach()
    channel_fd, output_fd = descriptors
    os.dup2(output_fd, 1)
    os.dup2(0, 2)  # a program's stderr is not part of its result
    os.dup2(channel_fd, CHANNEL_FD)
    os.closerange(CHANNEL_FD + 1, os.sysconf("SC_OPEN_MAX"))
    tool: str = json.loads(data)["tool"]
    return tool


def _read_request() -> dict[str, Any]:
    """One JSON line; the node sends no more than the limit."""
    received = bytearray()
    while not received.endswith(b"\n") and len(received) <= REQUEST_BYTES_MAX:
        piece = os.read(CHANNEL_FD, 65_536)
        if not piece:
            os._exit(0)  # the node went away
        received += piece
    request: dict[str, Any] = json.loads(received)
    return request


def _reseed() -> None:
    """Python's own generator is seeded anew by every fork; numpy's would give each call the same numbers."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def _answer(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The reply: `ok` with the text, `error` with what the model is to repair, `memory`; and what is to be shown."""
    with collecting() as found:
        reply = _called(tool, arguments)
    return {**reply, "attachments": as_json(found)} if found else reply


def _called(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        if tool == "execute_python":
            # Its output goes to the pipe as it comes, so what was printed before a kill is kept.
            error = importlib.import_module("gpu_node.tools.execute_python").run_source(**arguments)
            sys.stdout.flush()
            status = "memory" if error.startswith("MemoryError") else "error" if error else "ok"
            return {"status": status, "text": error}
        module, _, function = tool.partition(":") if ":" in tool else (f"gpu_node.tools.{tool}", "", tool)
        return {"status": "ok", "text": getattr(importlib.import_module(module), function)(**arguments)}
    except ToolInputError as error:
        return {"status": "refused", "text": str(error)}
    except MemoryError:
        return {"status": "memory", "text": ""}
    except Exception as error:  # a defect of the tool, told as data: the guest ends after this call anyway
        return {"status": "error", "text": f"{type(error).__name__}: {str(error)[:200]}"}


def _end_output() -> None:
    """The node sees the output's end before the reply, and does not wait for this process to be taken apart."""
    with contextlib.suppress(OSError):  # the program closed it
        os.close(1)


def _reply(reply: dict[str, Any]) -> None:
    # Lone surrogates and the like cannot break the line: JSON escapes all that is not ASCII.
    pending = memoryview(json.dumps(reply).encode() + b"\n")
    while pending:
        pending = pending[os.write(CHANNEL_FD, pending) :]


def call_serve(guest: Guest) -> None:
    """Never returns: neither threads nor atexit handlers of the program may hold the call."""
    exit_code = SETUP_FAILED_EXIT
    try:
        die_with(guest.parent)
        _keep_only(guest.door_fd)
        _reseed()
        hide_from_tracers()
        limits_set(tasks_max=TASKS if guest.counts_tasks else None)
        tool = _await_call(guest.usual_pages)
        filter_install(is_strict=guest.is_strict)
        exit_code = 0
        reply = _answer(tool, _read_request()["arguments"])
        _end_output()
        _reply(reply)
    finally:
        os._exit(exit_code)
