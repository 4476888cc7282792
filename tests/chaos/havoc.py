"""Who is killed, by SIGKILL and its real pid, and how long it takes until work goes on.

"Work goes on" is read from PostgreSQL, never from the process's own word:

    web                            it answers again
    celery main, celery child,     every node was probed after it was back (beat -> Valkey -> Celery -> node -> row),
    beat, Valkey                   and a frame that a job wrote after the death is in the log
    node server                    the node answered a probe after it was back, and each job it held has a new frame
    job process, job shim          the job's next attempt has begun, or the job is over

Not here: what must hold of the jobs in the end (work.py).
"""

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from backend.jobs.models import ENDED_STATUSES, AttemptNode, Checkpoint, Job, JobEvent
from backend.nodes.models import Node
from tests.chaos.stage import NODE_NAMES, Process, Stage, wait_until

KINDS = ("web", "celery main", "celery child", "beat", "Valkey", "node server", "job process")
# What is promised is 45 s. This bound only tells "slow, because others compute here too" from "never".
RECOVERY_SECONDS_MAX = 150.0
BACK_SECONDS_MAX = 90.0
JOB_BEGINS = ("job.started", "job.finished", "job.cancelled", "job.failed")


@dataclass
class Death:
    kind: str
    victim: str
    at: datetime
    goes_on: Callable[[], bool] = field(default=bool, repr=False)
    seconds: float | None = None  # until work went on
    next_attempt: tuple[str, int] | None = None  # of a job's process: job and epoch

    @property
    def again_after_seconds(self) -> float | None:
        """Until a node took the job's next attempt: our part of the time; the rest is the start of a process."""
        job_id, epoch = self.next_attempt or ("", 0)
        taken = AttemptNode.objects.filter(attempt__job_id=job_id, attempt__epoch=epoch, accepted_at__isnull=False)
        part = taken.first()
        return None if part is None else (part.accepted_at - self.at).total_seconds()


@dataclass
class Havoc:
    stage: Stage
    dice: random.Random
    deaths: list[Death] = field(default_factory=list)

    def kill(self, *kinds: str) -> None:
        """Kills one of each kind, one right after the other, and waits until work goes on after all of them."""
        # A job's process may have to be waited for: it is the first, so that nobody else's time runs meanwhile.
        struck = [self._strike(kind) for kind in sorted(kinds, key=lambda kind: not kind.startswith("job process"))]
        deadline = time.monotonic() + RECOVERY_SECONDS_MAX
        while left := [death for death in struck if death.seconds is None]:
            for death in left:
                if death.goes_on():
                    death.seconds = (timezone.now() - death.at).total_seconds()
                    print(f"{death.kind:<13}{death.seconds:6.1f} s  ({death.victim})", flush=True)
            self.stage.check()
            assert time.monotonic() < deadline, (left, self.stage.said[-5:], _state())
            time.sleep(0.2)

    def report(self) -> dict[str, Any]:
        """Of each kind: how many died, and the median and the longest time until work went on."""
        found: dict[str, Any] = {}
        for kind in KINDS:
            seconds = sorted(death.seconds for death in self.deaths if death.kind == kind and death.seconds is not None)
            if seconds:
                found[kind] = {
                    "deaths": len(seconds),
                    "median_seconds": round(seconds[len(seconds) // 2], 1),
                    "max_seconds": round(seconds[-1], 1),
                }
        again = [death.again_after_seconds for death in self.deaths]
        found["job taken again after seconds"] = [round(seconds, 1) for seconds in again if seconds is not None]
        return found

    def count(self, kind: str) -> int:
        return sum(death.kind == kind for death in self.deaths)

    # One death each

    def _strike(self, kind: str) -> Death:
        match kind:
            case "web":
                return self._supervised("web", "web")
            case "celery main":
                return self._supervised(kind, "worker")
            case "beat":
                return self._supervised("beat", "beat")
            case "Valkey":
                return self._supervised(kind, "valkey")
            case "Valkey wiped":
                return self._supervised("Valkey", "valkey", victim="wiped", end=lambda _: self.stage.valkey_wipe())
            case "celery child":
                return self._celery_child()
            case "node server":
                return self._node_server()
            case _:
                return self._job_process(is_checkpointed=kind != "job process")

    def _note(self, kind: str, victim: str) -> Death:
        death = Death(kind, victim, timezone.now())
        self.deaths.append(death)
        return death

    def _supervised(self, kind: str, child: str, victim: str = "", end: Callable[[int], None] | None = None) -> Death:
        pid = self.stage.pid(child)
        death = self._note(kind, victim or f"pid {pid}")
        (end or _kill)(pid)

        def works(back_at: datetime) -> bool:
            return self.stage.web_answers() if child == "web" else _probes_go_on(death.at, back_at)

        death.goes_on = _once_back(lambda: self.stage.pid(child) != pid, works)
        return death

    def _celery_child(self) -> Death:
        main = self.stage.pid("worker")
        wait_until(lambda: bool(self.stage.children_of(main)), seconds=BACK_SECONDS_MAX)
        pid = self.dice.choice(self.stage.children_of(main))
        death = self._note("celery child", f"pid {pid}")
        _kill(pid)
        death.goes_on = _once_back(lambda: True, lambda back_at: _probes_go_on(death.at, back_at))
        return death

    def _node_server(self) -> Death:
        name = self.dice.choice(NODE_NAMES)
        held = {process.job_id for process in self.stage.job_processes() if process.node_name == name}
        pid = self.stage.pid(name)
        death = self._note("node server", f"{name} with {len(held)} jobs")
        _kill(pid)

        def works(back_at: datetime) -> bool:
            is_seen = Node.objects.filter(name=name, probe_error="", seen_at__gt=back_at).exists()
            return is_seen and all(_is_over(job_id) or _has_event(death.at, job=job_id) for job_id in held)

        death.goes_on = _once_back(lambda: self.stage.pid(name) != pid, works)
        return death

    def _job_process(self, *, is_checkpointed: bool) -> Death:
        """The job's own process or, each third time, its shim; `is_checkpointed`: of one that can go on from there, and
        was not interrupted before."""
        wanted = self.dice.choice(["run_job", "run_job", "job_shim"])
        found: list[Process] = []

        def look() -> bool:
            found[:] = [
                process
                for process in self.stage.job_processes(wanted)
                if not is_checkpointed or (process.epoch == 1 and _can_resume(process.job_id))
            ]
            return bool(found)

        wait_until(look, seconds=RECOVERY_SECONDS_MAX, what=_state)
        process = self.dice.choice(found)
        death = self._note("job process", f"{wanted} of epoch {process.epoch}")
        _kill(process.pid)
        death.next_attempt = (process.job_id, process.epoch + 1)
        death.goes_on = lambda: _is_over(process.job_id) or _has_begun(process.job_id, process.epoch + 1)
        return death


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):  # it ended by itself at this very moment
        os.kill(pid, signal.SIGKILL)


def _is_over(job_id: str) -> bool:
    return Job.objects.filter(id=job_id, status__in=ENDED_STATUSES).exists()


def _can_resume(job_id: str) -> bool:
    committed = Checkpoint.objects.filter(job_id=job_id, committed_at__isnull=False)
    return committed.exclude(job__status__in=["stopping", *ENDED_STATUSES]).exists()


def _has_begun(job_id: str, epoch: int) -> bool:
    return JobEvent.objects.filter(job_id=job_id, attempt__epoch__gte=epoch, type__in=JOB_BEGINS).exists()


def _has_event(since: datetime, **filters: Any) -> bool:
    return JobEvent.objects.filter(at__gt=since, **filters).exists()


def _once_back(is_back: Callable[[], bool], works: Callable[[datetime], bool]) -> Callable[[], bool]:
    """`works` is asked with the moment at which the process was first seen to be back."""
    seen: list[datetime] = []

    def goes_on() -> bool:
        if not seen and is_back():
            seen.append(timezone.now())
        return bool(seen) and works(seen[0])

    return goes_on


def _probes_go_on(died_at: datetime, back_at: datetime) -> bool:
    """Where no job is live there is no frame to wait for."""
    is_probed = not Node.objects.filter(is_enabled=True, probed_at__lt=back_at).exists()
    return is_probed and (_has_event(died_at) or not Job.objects.exclude(status__in=ENDED_STATUSES).exists())


def _state() -> list[Any]:
    jobs = Job.objects.exclude(status__in=ENDED_STATUSES).exclude(status="queued")
    nodes = Node.objects.values_list("name", "probe_error", "silent_seconds")
    return [*jobs.values_list("id", "status", "epoch", "status_reason"), *nodes]
