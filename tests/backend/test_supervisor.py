"""The supervisor on real processes: order of stopping, restarts, giving up, and nothing left behind."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from backend.local.processes import ProcessMark, mark_read, mark_write, start_ticks
from backend.local.supervisor import RESTARTS_MAX, Child, ChildFailed, Supervisor

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]


async def _at_once() -> bool:
    return True


def _child(name: str, command: list[str], **options: object) -> Child:
    return Child(name, command, dict(os.environ), is_ready=_at_once, **options)  # type: ignore[arg-type]


async def test_a_killed_child_is_started_again(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(tmp_path, said.append)
    await supervisor.start(_child("sleeper", SLEEPER))
    first = supervisor.pids()["sleeper"]
    os.kill(first, signal.SIGKILL)
    for _ in range(100):
        await asyncio.sleep(0.05)
        if supervisor.pids()["sleeper"] != first:
            break
    second = supervisor.pids()["sleeper"]
    assert second != first
    assert start_ticks(second) is not None
    assert "ended with status -9" in said[0]
    await supervisor.stop_all()
    assert start_ticks(second) is None


async def test_a_child_that_keeps_dying_stops_everything_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.local.supervisor.BACKOFF_FIRST_SECONDS", 0.001)
    supervisor = Supervisor(tmp_path, lambda text: None)
    dying = [sys.executable, "-c", "print('no such database'); raise SystemExit(3)"]
    stop = asyncio.Event()
    waiting = asyncio.create_task(supervisor.wait(stop))
    await asyncio.sleep(0)
    await supervisor.start(_child("web", dying))
    with pytest.raises(ChildFailed, match="(?s)web ended .* status 3.*no such database"):
        async with asyncio.timeout(30):
            await waiting
    assert supervisor.failure is not None
    assert str(RESTARTS_MAX + 1) in str(supervisor.failure)
    await supervisor.stop_all()


async def test_children_stop_in_reverse_order(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, lambda text: None)
    script = (
        "import signal, sys, time\n"
        "def leave(*_):\n"
        f"    open({str(tmp_path / 'order')!r}, 'a').write(sys.argv[1] + ' '); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, leave); print('up', flush=True); time.sleep(60)\n"
    )
    for name in ("first", "second", "third"):
        await supervisor.start(_child(name, [sys.executable, "-c", script, name]))
        while "up" not in (tmp_path / f"{name}.log").read_text():
            await asyncio.sleep(0.02)
    await supervisor.stop_all()
    assert (tmp_path / "order").read_text().split() == ["third", "second", "first"]


async def test_a_child_deaf_to_the_signal_is_killed(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, lambda text: None)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    await supervisor.start(_child("deaf", [sys.executable, "-c", deaf], stop_timeout_seconds=0.3))
    while "up" not in (tmp_path / "deaf.log").read_text():
        await asyncio.sleep(0.02)
    pid = supervisor.pids()["deaf"]
    await supervisor.stop_all()
    assert start_ticks(pid) is None


async def test_a_failed_command_shows_its_last_lines(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, lambda text: None)
    with pytest.raises(ChildFailed, match="(?s)migrate ended with status 2.*relation is missing"):
        command = [sys.executable, "-c", "import sys; print('relation is missing', file=sys.stderr); sys.exit(2)"]
        await supervisor.run_once("migrate", command, dict(os.environ))


def test_children_die_with_a_killed_supervisor(tmp_path: Path) -> None:
    script = (
        "import asyncio, os, sys\nfrom pathlib import Path\n"
        "from backend.local.supervisor import Child, Supervisor\n"
        "async def at_once(): return True\n"
        "async def main():\n"
        "    s = Supervisor(Path(sys.argv[1]), print)\n"
        "    sleep = [sys.executable, '-c', 'import time; time.sleep(60)']\n"
        "    await s.start(Child('c', sleep, dict(os.environ), at_once))\n"
        "    print(s.pids()['c'], flush=True); await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    for _ in range(100):
        if start_ticks(pid) is None:
            return
        asyncio.run(asyncio.sleep(0.02))
    raise AssertionError(f"child {pid} outlived its supervisor")


def test_a_mark_of_another_process_with_the_same_pid_is_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "up.json"
    mark_write(path, url="http://127.0.0.1:1")
    ours = mark_read(path)
    assert ours is not None
    assert ours.pid == os.getpid()
    path.write_text(path.read_text().replace(str(ours.start_ticks), str(ours.start_ticks - 1)))
    assert mark_read(path) is None
    assert ours != ProcessMark(ours.pid, ours.start_ticks - 1, ours.url)
