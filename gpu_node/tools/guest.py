"""The program inside the fence: gives up every right, then serves one call and ends.

Started by `sandbox` as `python -m gpu_node.tools.guest TOOL FD`, where FD is one end of a socket pair to the node.
Order matters and is: private /tmp, real unprivileged uid, no capabilities, limits, libraries, seccomp, `ready`, the
request, the reply. Nothing of the request is read before the last right is gone.

`symbolic_math` alone serves several calls: nothing of its text is ever executed, its answers keep no state, and SymPy's
import costs a hundred times what a call does. Python programs and Z3's native parser get a guest each.

The node judges a call by what it reads on the socket and treats that as hostile: a program can forge its own reply,
nobody else's. Imports neither pydantic nor anything of the node beyond this folder's pure tools.
"""

import ctypes
import gc
import importlib
import json
import os
import resource
import sys
import time
from typing import Any

from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.seccomp import filter_install

GUEST_TMP = "/svend/tmp"  # /tmp leads here
GUEST_UID = 65_534  # "nobody": owns nothing that is bound
ADDRESS_SPACE_BYTES = 1 << 30  # one process only, so this bounds the call's memory
CPU_SECONDS = 60  # far above every wall limit: a second net should the node's kill fail
FILE_BYTES = 16 << 20  # of one file; the whole of /tmp is as large
TMP_BYTES, TMP_INODES = 16 << 20, 2_000  # bwrap's own tmpfs has no inode limit: 200,000 files were accepted
OPEN_FILES = 64
TASKS = 64  # threads; real root is exempt from it, so seccomp refuses fork besides
CALLS_MAX = {"execute_python": 1, "symbolic_math": 100, "logic_solver": 1}  # then the guest ends and is replaced
CPU_SECONDS_BEFORE_END = 20.0  # so that the last call still has its share of CPU_SECONDS
REQUEST_BYTES_MAX = 1 << 20
CHANNEL_FD = 3
LIBRARIES = {"execute_python": (), "symbolic_math": ("sympy",), "logic_solver": ("z3",)}

_CAPABILITY_LAST = 63  # beyond the kernel's last one prctl answers EINVAL, which ends the loop
_PR_CAPBSET_DROP, _PR_SET_DUMPABLE = 24, 4
_CAPABILITY_VERSION_3 = 0x2008_0522
_MS_NOSUID_NODEV_NOEXEC = 2 | 4 | 8


class _CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _CapabilityData(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


def _private_tmp(libc: Any) -> None:
    options = f"size={TMP_BYTES},nr_inodes={TMP_INODES},mode=1777".encode()
    if libc.mount(b"tmpfs", GUEST_TMP.encode(), b"tmpfs", _MS_NOSUID_NODEV_NOEXEC, options) != 0:
        raise OSError(ctypes.get_errno(), "mount of a limited temporary folder")
    os.chdir(GUEST_TMP)


def _drop_rights(libc: Any) -> None:
    for capability in range(_CAPABILITY_LAST + 1):
        if libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    if os.getuid() == 0:  # started by real root without a user namespace: become nobody for real
        os.setgroups([])
        os.setresgid(GUEST_UID, GUEST_UID, GUEST_UID)
        os.setresuid(GUEST_UID, GUEST_UID, GUEST_UID)
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    if libc.capset(ctypes.byref(header), ctypes.byref((_CapabilityData * 2)())) != 0:
        raise OSError(ctypes.get_errno(), "capset to nothing")
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _set_limits() -> None:
    for which, value in (
        (resource.RLIMIT_AS, ADDRESS_SPACE_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_NPROC, TASKS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        resource.setrlimit(which, (value, value))


def _only_channel(given: int) -> int:
    """Moves the channel to a low number, since the node's may lie above the limit, and closes all others."""
    os.dup2(given, CHANNEL_FD)
    os.closerange(CHANNEL_FD + 1, os.sysconf("SC_OPEN_MAX"))
    return CHANNEL_FD


def _read_request(channel: int) -> dict[str, Any]:
    """One JSON line; the node sends no more than the limit."""
    received = bytearray()
    while not received.endswith(b"\n") and len(received) <= REQUEST_BYTES_MAX:
        piece = os.read(channel, 65_536)
        if not piece:
            os._exit(0)  # the node went away or needs this guest no more
        received += piece
    request: dict[str, Any] = json.loads(received)
    return request


def _answer(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The reply: `ok` with the text, `error` with what the model is to repair, `memory`."""
    try:
        if tool == "execute_python":
            # Its output goes to the pipe as it comes, so what was printed before a kill is kept.
            error = importlib.import_module("gpu_node.tools.execute_python").run_source(**arguments)
            sys.stdout.flush()
            status = "memory" if error.startswith("MemoryError") else "error" if error else "ok"
            return {"status": status, "text": error}
        module = importlib.import_module(f"gpu_node.tools.{tool}")
        return {"status": "ok", "text": getattr(module, tool)(**arguments)}
    except ToolInputError as error:
        return {"status": "refused", "text": str(error)}
    except MemoryError:
        return {"status": "memory", "text": ""}
    except Exception as error:  # a defect of the tool, told as data: the guest ends after this call anyway
        return {"status": "error", "text": f"{type(error).__name__}: {str(error)[:200]}"}


def _reply(channel: int, reply: dict[str, Any]) -> None:
    # Lone surrogates and the like cannot break the line: JSON escapes all that is not ASCII.
    pending = memoryview(json.dumps(reply).encode() + b"\n")
    while pending:
        pending = pending[os.write(channel, pending) :]


def main() -> None:
    tool = sys.argv[1]
    libc = ctypes.CDLL(None, use_errno=True)
    _private_tmp(libc)
    _drop_rights(libc)
    channel = _only_channel(int(sys.argv[2]))
    importlib.import_module(f"gpu_node.tools.{tool}")
    for library in LIBRARIES[tool]:
        importlib.import_module(library)
    if tool == "symbolic_math":  # SymPy imports much only when first used: 100 ms that the first call would pay
        importlib.import_module("gpu_node.tools.symbolic_math").symbolic_math("solve", "x^2 - 4")
    sys.argv = ["program"]
    gc.collect()
    gc.freeze()
    _set_limits()
    filter_install()
    os.write(channel, b"ready\n")
    for num_calls in range(1, CALLS_MAX[tool] + 1):
        request = _read_request(channel)
        os.dup2(0, 2)  # /dev/null: a program's stderr is not part of its result
        reply = _answer(tool, request["arguments"])
        is_healthy = reply["status"] in ("ok", "refused") and time.process_time() < CPU_SECONDS_BEFORE_END
        reply["is_last"] = num_calls == CALLS_MAX[tool] or not is_healthy
        _reply(channel, reply)
        if reply["is_last"]:
            break
    os._exit(0)  # neither threads nor atexit handlers of the program may hold the call


if __name__ == "__main__":
    main()
