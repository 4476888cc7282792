"""Makes a zygote cheap to fork and its guests' memory ready to be written, without changing a byte of what is in it.

Half of a short call's processor time is neither Python's nor a library's: a fork copies an entry for each page (25,000,
twice a call), and a guest gets its own copy of a page when it first writes there (1,500 faults in `sympy.solve`, 5 of
its 10 ms). So a zygote moves its memory to huge pages, of which a fork copies few entries, and finds out which pages a
usual call writes; a guest that waits with nothing to do makes those its own ahead.

Hints to the kernel and no more: where it does not know one or refuses, calls are as right and a little slower. That is
why what `madvise` returns is not looked at.
"""

import ctypes
import os
from array import array
from collections.abc import Callable
from typing import NamedTuple

STRETCHES_MAX = 4_000  # of a usual call, which has 1,000 of 7 MB together
STRETCHES_BETWEEN_LOOKS = 32  # 0.2 ms: how long a call may find its guest busy with this
GAP_PAGES_MAX = 1  # between two pages that one request of the kernel takes: a page costs as much as a request
HUGE_BYTES = 2 << 20  # of a huge page on x86_64 and aarch64

_POPULATE_WRITE, _COLLAPSE = 23, 25  # of madvise, since Linux 5.14 and 6.1
# Of an entry of /proc/self/pagemap: in memory, a file's, in no other process.
_PRESENT, _FILE, _EXCLUSIVE = 1 << 63, 1 << 61, 1 << 56
_ENTRY_BYTES = 8

_libc = ctypes.CDLL(None, use_errno=True)
_libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)


class Stretch(NamedTuple):
    """Neighbouring pages of this process."""

    address: int
    num_bytes: int


def _writable(proc: str) -> list[Stretch]:
    found = []
    with open(f"{proc}/self/maps") as lines:
        for line in lines:
            span, rights, *_ = line.split()
            if rights.startswith("rw") and rights.endswith("p"):
                first, end = (int(part, 16) for part in span.split("-"))
                found.append(Stretch(first, end - first))
    return found


def huge_pages_make(proc: str) -> None:
    """Moves what can be written to huge pages, as far as there are whole ones of it."""
    for address, num_bytes in _writable(proc):
        first = -(-address // HUGE_BYTES) * HUGE_BYTES
        whole = (address + num_bytes - first) // HUGE_BYTES * HUGE_BYTES
        if whole > 0:
            _libc.madvise(first, whole, _COLLAPSE)


def written_by(call: Callable[[], object], proc: str) -> list[Stretch]:
    """The pages of this process that `call` writes, found by making it in a fork; what it prints is lost.

    Raises:
        OSError: `proc` does not tell of pages, or the call failed.
    """
    mappings = _writable(proc)
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid == 0:
        exit_code = 1
        try:
            os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
            call()
            with os.fdopen(write_fd, "wb") as pipe:
                pipe.write(_own_pages(mappings, proc).tobytes())
            exit_code = 0
        finally:
            os._exit(exit_code)
    os.close(write_fd)
    pages = array("Q")
    with os.fdopen(read_fd, "rb") as pipe:
        pages.frombytes(pipe.read())
    _, status = os.waitpid(pid, 0)
    if status != 0:
        raise OSError(f"the usual call ended with {os.waitstatus_to_exitcode(status)}")
    return _joined(pages)


def _own_pages(mappings: list[Stretch], proc: str) -> "array[int]":
    """Numbers of those pages that are not the parent's any more."""
    page_bytes = os.sysconf("SC_PAGE_SIZE")
    found = array("Q")
    pagemap = os.open(f"{proc}/self/pagemap", os.O_RDONLY)
    for address, num_bytes in mappings:
        first = address // page_bytes
        entries = array("Q")
        entries.frombytes(os.pread(pagemap, num_bytes // page_bytes * _ENTRY_BYTES, first * _ENTRY_BYTES))
        own = _PRESENT | _EXCLUSIVE
        found.extend(first + n for n, entry in enumerate(entries) if entry & (own | _FILE) == own)
    return found


def _joined(pages: "array[int]") -> list[Stretch]:
    page_bytes = os.sysconf("SC_PAGE_SIZE")
    spans: list[list[int]] = []
    for page in pages:
        if spans and page - spans[-1][1] <= GAP_PAGES_MAX:
            spans[-1][1] = page
        else:
            spans.append([page, page])
    return [Stretch(first * page_bytes, (last - first + 1) * page_bytes) for first, last in spans[:STRETCHES_MAX]]


def make_own(stretches: list[Stretch], is_wanted: Callable[[], bool]) -> None:
    """Gives this process its copies of these pages, until it is wanted for something else."""
    for number, (address, num_bytes) in enumerate(stretches):
        if number % STRETCHES_BETWEEN_LOOKS == 0 and is_wanted():
            return
        _libc.madvise(address, num_bytes, _POPULATE_WRITE)
