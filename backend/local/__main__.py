"""`python -m backend.local up | down | status | doctor`: Svend on one machine. The Makefile calls it."""

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from backend.local.doctor import doctor
from backend.local.processes import mark_read, start_ticks
from backend.local.up import up

DOWN_TIMEOUT_SECONDS = 45


def down(data: Path) -> int:
    """Stops the Svend that runs on this data folder, and nothing else."""
    mark = mark_read(data / "up.json")
    if mark is None:
        print(f"no Svend runs on {data}")
        return 0
    os.kill(mark.pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_TIMEOUT_SECONDS
    while start_ticks(mark.pid) == mark.start_ticks:
        if time.monotonic() > deadline:
            print(f"process {mark.pid} still runs after {DOWN_TIMEOUT_SECONDS} s; its logs are in {data / 'logs'}")
            return 1
        time.sleep(0.1)
    print("stopped")
    return 0


def status(data: Path) -> int:
    mark = mark_read(data / "up.json")
    print(f"up at {mark.url} (pid {mark.pid})" if mark else "down")
    return 0 if mark else 3


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m backend.local", description=__doc__)
    parser.add_argument("command", choices=["up", "down", "status", "doctor"])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SVEND_DATA") or "var"))
    parser.add_argument("--port", type=int, default=None, help="the web port (default: SVEND_PORT or 8000)")
    options = parser.parse_args()
    data = options.data.resolve()
    if options.command == "up":
        return up(data, options.port)
    return {"down": down, "status": status, "doctor": doctor}[options.command](data)


if __name__ == "__main__":
    sys.exit(main())
