"""Runs a command under a uid that is not 0, without giving anything away: `python -m backend.local.unprivileged CMD…`

PostgreSQL refuses to run as root. Dropping to another user would need its binaries, its data folder and every
folder above them opened to that user. Instead the process enters a user namespace in which its own uid, still
the owner of the same files, is called 1000, and then becomes the command (exec: no process in between, so
signals and exit codes pass through).

Not a sandbox: outside the namespace's id map nothing is fenced off.
"""

import ctypes
import os
import sys

CLONE_NEWUSER = 0x10000000
INNER_ID = 1000  # any id but 0


def enter_user_namespace() -> None:
    """Maps the caller's uid and gid to INNER_ID in a new user namespace.

    Raises:
        OSError: the kernel forbids user namespaces; the message carries the cure.
    """
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        errno = ctypes.get_errno()
        raise OSError(
            errno,
            f"{os.strerror(errno)}: PostgreSQL does not run as root and user namespaces are off here. "
            "Run `make up` as another user, or set DATABASE_URL to a PostgreSQL of your own.",
        )
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{INNER_ID} {uid} 1"),
        ("gid_map", f"{INNER_ID} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def main() -> None:
    if os.geteuid() == 0:
        enter_user_namespace()
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - the command is our own supervisor's


if __name__ == "__main__":
    main()
