"""A job's log: numbered JSON lines (`seq` from 1, no gaps, also over a resume) and a progress bar on a terminal.

Kinds are those of the architecture: job.started, metric, log, checkpoint, eval, job.finished, job.failed.
Not here: sending them anywhere. Whoever follows a job reads the file.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm


class JobLog:
    def __init__(self, path: Path, *, echo: bool = True) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._echo = path, echo
        self._seq = len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0

    def write(self, kind: str, **fields: Any) -> None:
        self._seq += 1
        line = json.dumps({"seq": self._seq, "kind": kind, "unix_seconds": round(time.time(), 1), **fields})
        with self._path.open("a", encoding="utf-8") as log:
            log.write(line + "\n")
        if self._echo:
            tqdm.write(line, file=sys.stdout)

    def bar(self, total: int, done: int, *, shown: bool) -> tqdm:
        """`shown` asks for a bar; it appears on a terminal only, so that log files stay readable."""
        return tqdm(total=total, initial=done, unit="step", disable=not (shown and sys.stderr.isatty()))
