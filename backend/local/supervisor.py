"""Runs a handful of child processes: in order, restarted when they die, stopped in reverse.

A child is started when those it comes after are ready. One that dies is started again after a pause that
doubles; one that dies too often stops everything, with its last lines as the reason. Children run in sessions
of their own (Ctrl-C reaches only us, so the order of stopping is ours) and die with us, however we die.

Not here: what the children are (`up`).
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG = 1
READY_POLL_SECONDS = 0.05
BACKOFF_FIRST_SECONDS = 0.5
BACKOFF_MAX_SECONDS = 10.0
RESTARTS_MAX = 6  # within RESTART_WINDOW_SECONDS: past it the cause is not going away by itself
RESTART_WINDOW_SECONDS = 120.0
LAST_LINES = 20
LOG_BYTES_MAX = 20_000_000  # a child's log is started anew past this size, at its next start

_libc = ctypes.CDLL(None)


@dataclass(frozen=True)
class Child:
    """One long-lived process. `is_ready` is polled after its start; `stop_signal` asks it to end in peace."""

    name: str
    command: Sequence[str]
    env: dict[str, str]
    is_ready: Callable[[], Awaitable[bool]]
    ready_timeout_seconds: float = 180.0  # a busy laptop loads torch slowly
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_seconds: float = 10.0


class ChildFailed(RuntimeError):
    """A child died too often, or never became ready; the message ends with its last lines."""


@dataclass
class _Running:
    child: Child
    process: asyncio.subprocess.Process
    log: Path
    deaths: deque[float] = field(default_factory=deque)  # monotonic seconds


def _die_with_parent(stop_signal: signal.Signals) -> Callable[[], None]:
    def set_in_child() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, int(stop_signal))

    return set_in_child


def last_lines(log: Path, count: int = LAST_LINES) -> str:
    """The end of a child's log, for a message a person reads."""
    if not log.exists():
        return "(no output)"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16_384))
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-count:]) or "(no output)"


class Supervisor:
    """Starts, watches and stops children. `folder` takes a log a child."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.say = say
        self.failure: ChildFailed | None = None
        self._running: dict[str, _Running] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._stopping = asyncio.Event()
        folder.mkdir(parents=True, exist_ok=True)

    def pids(self) -> dict[str, int]:
        return {name: running.process.pid for name, running in self._running.items()}

    async def start(self, child: Child) -> None:
        """Starts a child, waits until it is ready, then watches it.

        Raises:
            ChildFailed: it ended or stayed unready past its time.
        """
        running = await self._spawn(child)
        self._running[child.name] = running
        await self._wait_ready(running)
        self._watchers[child.name] = asyncio.create_task(self._watch(running), name=f"watch {child.name}")

    async def run_once(self, name: str, command: Sequence[str], env: dict[str, str], cwd: Path | None = None) -> str:
        """Runs a short-lived command to its end and gives back its standard output.

        Raises:
            ChildFailed: it ended with another status than 0.
        """
        log = self.folder / f"{name}.log"
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=env,
                cwd=cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                preexec_fn=_die_with_parent(signal.SIGTERM),
            )
            output, _ = await process.communicate()
        if process.returncode != 0:
            tail = (output.decode(errors="replace")[-2000:] + "\n" + last_lines(log)).strip()
            raise ChildFailed(f"{name} ended with status {process.returncode}:\n{tail}")
        return output.decode()

    async def wait(self, stop: asyncio.Event) -> None:
        """Returns when `stop` is set; raises when a child has failed for good."""
        self._stopping = stop
        await stop.wait()
        if self.failure is not None:
            raise self.failure

    async def stop_all(self) -> None:
        """Stops every child, the last started first; one that does not end in its time is killed."""
        for task in self._watchers.values():
            task.cancel()
        await asyncio.gather(*self._watchers.values(), return_exceptions=True)
        for running in reversed(list(self._running.values())):
            await self._stop(running)
        self._running.clear()

    async def _spawn(self, child: Child) -> _Running:
        log = self.folder / f"{child.name}.log"
        mode = "wb" if log.exists() and log.stat().st_size > LOG_BYTES_MAX else "ab"
        with log.open(mode) as output:
            process = await asyncio.create_subprocess_exec(
                *child.command,
                env=child.env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_die_with_parent(child.stop_signal),
            )
        return _Running(child, process, log)

    async def _wait_ready(self, running: _Running) -> None:
        child, deadline = running.child, time.monotonic() + running.child.ready_timeout_seconds
        while not await child.is_ready():
            if running.process.returncode is not None:
                raise ChildFailed(
                    f"{child.name} ended with status {running.process.returncode} before it was ready:\n"
                    + last_lines(running.log)
                )
            if time.monotonic() > deadline:
                raise ChildFailed(
                    f"{child.name} was not ready after {child.ready_timeout_seconds:.0f} s:\n{last_lines(running.log)}"
                )
            await asyncio.sleep(READY_POLL_SECONDS)

    async def _watch(self, running: _Running) -> None:
        name = running.child.name
        while True:
            status = await running.process.wait()
            now = time.monotonic()
            running.deaths.append(now)
            while running.deaths and running.deaths[0] < now - RESTART_WINDOW_SECONDS:
                running.deaths.popleft()
            if len(running.deaths) > RESTARTS_MAX:
                self.failure = ChildFailed(
                    f"{name} ended {len(running.deaths)} times in {RESTART_WINDOW_SECONDS:.0f} s, last with status "
                    f"{status}:\n{last_lines(running.log)}"
                )
                self._stopping.set()
                return
            pause = min(BACKOFF_MAX_SECONDS, BACKOFF_FIRST_SECONDS * 2 ** (len(running.deaths) - 1))
            self.say(f"{name} ended with status {status}; starting it again in {pause:.1f} s (log: {running.log})")
            await asyncio.sleep(pause)
            fresh = await self._spawn(running.child)
            running.process = fresh.process

    async def _stop(self, running: _Running) -> None:
        process, child = running.process, running.child
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(child.stop_signal)
        try:
            async with asyncio.timeout(child.stop_timeout_seconds):
                await process.wait()
        except TimeoutError:
            self.say(f"{child.name} did not stop in {child.stop_timeout_seconds:.0f} s; killing it")
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its own session, so its own group
            await process.wait()


def say_line(text: str) -> None:
    """Progress goes to standard error, so that standard output stays free for results."""
    print(text, file=sys.stderr, flush=True)
