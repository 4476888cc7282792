"""Runs a command with no more rights than root has in a container started without options.

    python -m tests.gpu_node.abuse.default_container COMMAND...

The bounding set is cut to the fourteen capabilities that container engines leave, and a seccomp filter refuses what
their default profile does, as far as a fence could want it: mounts, namespaces, key rings, BPF. x86_64 only, as root.
Not a container: files and processes of the machine stay in sight, which makes the fence's task harder.
"""

import ctypes
import os
import struct
import sys

CAPABILITIES_LEFT = (0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31)  # chown ... setfcap
REFUSED = (
    155, 165, 166, 167, 168, 169, 175, 176, 246, 248, 249, 250, 272, 298, 303, 304, 308, 310, 311, 312, 313, 320, 321,
    323, 428, 429, 430, 431, 432, 442,
)  # fmt: skip
CLONE, CLONE3 = 56, 435
NEW_NAMESPACES = 0x7E02_0000
EPERM, ENOSYS = 0x0005_0001, 0x0005_0026
ALLOW = 0x7FFF_0000


def _instruction(code: int, k: int, jump_true: int = 0, jump_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, jump_true, jump_false, k)


def _filter() -> bytes:
    program = [_instruction(0x20, 0)]
    for number in REFUSED:
        program += [_instruction(0x15, number, 0, 1), _instruction(0x06, EPERM)]
    program += [_instruction(0x15, CLONE3, 0, 1), _instruction(0x06, ENOSYS)]
    program += [_instruction(0x15, CLONE, 0, 3), _instruction(0x20, 16)]
    program += [_instruction(0x45, NEW_NAMESPACES, 0, 1), _instruction(0x06, EPERM), _instruction(0x06, ALLOW)]
    return b"".join(program)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def main() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    code = _filter()
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    if libc.prctl(22, 2, ctypes.byref(program), 0, 0) != 0:  # with CAP_SYS_ADMIN, so NO_NEW_PRIVS stays unset
        raise OSError(ctypes.get_errno(), "seccomp")
    for capability in range(64):
        if capability not in CAPABILITIES_LEFT:
            libc.prctl(24, capability, 0, 0, 0)
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
