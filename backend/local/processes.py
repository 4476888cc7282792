"""Which process is ours: a pid alone may have been given to somebody else since.

The supervisor writes its pid with the kernel's start time; `down` and `status` act only when both still agree.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class ProcessMark:
    pid: int
    start_ticks: int  # field 22 of /proc/PID/stat: clock ticks since boot
    url: str = ""


def start_ticks(pid: int) -> int | None:
    """None when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(text.rpartition(")")[2].split()[19])  # the name may hold spaces and brackets: count after it


def mark_write(path: Path, *, url: str) -> None:
    ticks = start_ticks(os.getpid())
    assert ticks is not None
    path.write_text(json.dumps(asdict(ProcessMark(os.getpid(), ticks, url))))


def mark_read(path: Path) -> ProcessMark | None:
    """The marked process if it still runs, else None."""
    if not path.exists():
        return None
    mark = ProcessMark(**json.loads(path.read_text()))
    return mark if start_ticks(mark.pid) == mark.start_ticks else None
