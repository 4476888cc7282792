"""Frames into the log: what a node told, numbered for readers, with what follows from it.

One transaction a job, under the job's row lock, so that two readers of one journal write each frame once: a frame
whose number is not above the last one of its rank is a repeat. Refused, and said in the log only: frames of another
epoch than the job's, of a rank that the node does not hold, and whatever comes after an attempt was closed or its
job is over. Not here: reading nodes (follow.py), what an end means (outcome.py).
"""

import datetime as dt
import math
from collections.abc import Iterable
from itertools import groupby
from typing import Any, assert_never

import structlog
from django.db import DataError, transaction
from django.utils import timezone

from backend.jobs.bell import job_ring
from backend.jobs.checkpoints import checkpoint_refuse
from backend.jobs.models import Attempt, AttemptNode, Checkpoint, Job, JobEvent, Metric
from backend.jobs.outcome import attempt_lost, attempt_settle
from backend.jobs.states import job_move
from backend.nodes.models import Node
from gpu_node.protocol import job_frames as wire

log = structlog.get_logger(__name__)

# After a rank's last frame its uploads may still be told, and the tail of its log.
AFTER_THE_END = frozenset({"log", "checkpoint", "checkpoint.uploaded", "checkpoint.dropped"})
METRIC_NAMES_MAX = 256  # of one job: the newest values are shown, not a history of names
CLOSED = (Attempt.Outcome.LOST, Attempt.Outcome.NOT_PLACED)

S = Job.Status


def frames_append(node: Node, frames: Iterable[wire.JobFrame]) -> int:
    """Appends the frames of one node in order; how many were new and not refused."""
    return sum(_job_tell(node, job_id, list(of_job)) for job_id, of_job in groupby(frames, lambda f: f.job_id))


def _job_tell(node: Node, job_id: str, frames: list[wire.JobFrame]) -> int:
    try:
        return _job_append(node, job_id, frames)
    except (DataError, ValueError, OverflowError) as error:
        # Well-formed, yet nothing that a row can hold: one job must not hold up the journal of its node for ever.
        log.exception("job.frames_not_storable", job_id=job_id, node=node.name)
        reason = f"the node {node.name} sent what cannot be stored: {error!r}"
        attempt_lost(job_id, epoch=max(frame.epoch for frame in frames), reason=reason)
        return 0


@transaction.atomic
def _job_append(node: Node, job_id: str, frames: list[wire.JobFrame]) -> int:
    job = Job.objects.select_for_update(no_key=True).filter(id=job_id).first()
    if job is None:
        log.warning("job.frames_of_a_stranger", job_id=job_id, node=node.name, num_frames=len(frames))
        return 0
    attempt = Attempt.objects.filter(job=job, epoch=job.epoch).first()
    parts = {} if attempt is None else {part.node_rank: part for part in attempt.parts.filter(node=node)}
    appender = _Appender(job=job, attempt=attempt, parts=parts)
    for frame in frames:
        if (why := appender.refusal(frame)) is not None:
            if why:
                log.warning(
                    "job.frame_refused", job_id=job_id, node=node.name, epoch=frame.epoch, seq=frame.seq, why=why
                )
            continue
        appender.append(frame)
    appender.flush()
    return len(appender.events)


class _Appender:
    """One job's frames in one transaction."""

    def __init__(self, *, job: Job, attempt: Attempt | None, parts: dict[int, AttemptNode]) -> None:
        self.job = job
        self.attempt = attempt
        self.parts = parts
        self.events: list[JobEvent] = []
        self.metrics: list[Metric] = []
        self.has_ended_a_rank = False

    def refusal(self, frame: wire.JobFrame) -> str | None:
        """Why the frame is not appended; "" for a mere repeat, None: it is."""
        if self.attempt is None or frame.epoch != self.attempt.epoch:
            return "another epoch"
        part = self.parts.get(frame.node_rank)
        if part is None:
            return "not this node's rank"
        if frame.seq <= part.last_seq:
            return ""
        if self.attempt.outcome in CLOSED:
            return "the attempt was closed"
        if self.job.is_ended:
            return "the job is over"
        if part.ended_at is not None and frame.event.type not in AFTER_THE_END:
            return "after the rank's end"
        return None

    def append(self, frame: wire.JobFrame) -> None:
        assert self.attempt is not None
        part = self.parts[frame.node_rank]
        part.last_seq = frame.seq
        part.accepted_at = part.accepted_at or timezone.now()  # whoever placed it died before writing that down
        self.job.last_seq += 1
        self.job.last_event_at = timezone.now()
        at = dt.datetime.fromtimestamp(frame.at_ms / 1000, tz=dt.UTC)
        self.events.append(
            JobEvent(
                job=self.job,
                seq=self.job.last_seq,
                attempt=self.attempt,
                node_rank=frame.node_rank,
                node_seq=frame.seq,
                type=frame.event.type,
                event=_storable(frame.event.model_dump(mode="json")),
                at=at,
            )
        )
        self._apply(frame.event, part, at)

    def _apply(self, event: wire.JobEvent, part: AttemptNode, at: dt.datetime) -> None:
        match event:
            case wire.JobStarted():
                self._started(event)
            case wire.Metric():
                if part.node_rank == 0:
                    self._measured(event.step, event.values, at)
                    self.job.eta_seconds = event.eta_seconds
            case wire.Eval():
                if self.job.kind == Job.Kind.TRAIN:
                    self._measured(event.step, _validation(event.result), at)
            case wire.Checkpoint():
                self._checkpoint(event, part)
            case wire.CheckpointUploaded():
                Checkpoint.objects.filter(
                    attempt=self.attempt, step=event.step, manifest_sha256=event.manifest_sha256
                ).update(uploaded_at=timezone.now())
            case wire.CheckpointDropped():
                for dropped in Checkpoint.objects.filter(
                    attempt=self.attempt, step=event.step, manifest_sha256=event.manifest_sha256
                ):
                    checkpoint_refuse(dropped, reason=event.reason)
            case wire.JobPaused():
                self._confirmed(S.RUNNING, S.PAUSED, Job.Wish.PAUSE, "the node paused it")
            case wire.JobResumed():
                self._confirmed(S.PAUSED, S.RUNNING, Job.Wish.RESUME, "the node goes on")
            case wire.JobFinished() | wire.JobCancelled() | wire.JobFailed():
                part.ended_at = timezone.now()
                part.terminal = _storable(event.model_dump(mode="json"))
                self.has_ended_a_rank = True
                if not isinstance(event, wire.JobFailed):
                    self.job.step = event.step
            case wire.Log() | wire.Alert():
                pass
            case _:
                assert_never(event)

    def _started(self, event: wire.JobStarted) -> None:
        assert self.attempt is not None
        self.job.step, self.job.num_steps = event.step, event.num_steps
        now = timezone.now()
        Attempt.objects.filter(id=self.attempt.id, started_at=None).update(started_at=now)
        self.job.started_at = self.job.started_at or now
        where = f"on {event.device}" + (f", {event.world_size} processes" if event.world_size > 1 else "")
        reason = f"goes on from step {event.step} {where}" if event.step else f"started {where}"
        job_move(self.job.id, from_statuses=(S.PLACING, S.STARTING), to_status=S.RUNNING, reason=reason)

    def _confirmed(self, before: Job.Status, after: Job.Status, wish: Job.Wish, otherwise: str) -> None:
        reason = self.job.wish_reason if self.job.wish == wish else otherwise
        if job_move(self.job.id, from_statuses=(before,), to_status=after, reason=reason):
            Job.objects.filter(id=self.job.id, wish=wish).update(wish=Job.Wish.NONE, wish_reason="")

    def _measured(self, step: int, values: dict[str, float], at: dt.datetime) -> None:
        # JSON knows no NaN; a value that is none leaves a gap in its curve, and the node says why in words.
        finite = {name: value for name, value in values.items() if math.isfinite(value)}
        self.job.step = step
        known = self.job.values
        room = METRIC_NAMES_MAX - len(known)
        new = [name for name in finite if name not in known][: max(0, room)]
        self.job.values = {**known, **{name: finite[name] for name in finite if name in known or name in new}}
        self.metrics.append(
            Metric(job=self.job, epoch=self.job.epoch, seq=self.job.last_seq, step=step, values=finite, at=at)
        )

    def _checkpoint(self, event: wire.Checkpoint, part: AttemptNode) -> None:
        Checkpoint.objects.get_or_create(
            attempt=self.attempt,
            step=event.step,
            defaults={
                "job": self.job,
                "node_id": part.node_id,
                "manifest": event.manifest.model_dump(mode="json"),
                "manifest_sha256": event.manifest.sha256,
                "num_bytes": event.manifest.num_bytes,
                "values": self.job.values,
            },
        )

    def flush(self) -> None:
        if not self.events:
            return
        JobEvent.objects.bulk_create(self.events)
        Metric.objects.bulk_create(self.metrics)
        AttemptNode.objects.bulk_update(self.parts.values(), ["last_seq", "accepted_at", "ended_at", "terminal"])
        self.job.save(
            update_fields=["last_seq", "last_event_at", "step", "num_steps", "eta_seconds", "values", "started_at"]
        )
        if self.has_ended_a_rank:
            attempt_settle(self.job.id)
        job_ring(self.job.id)


def _validation(result: dict[str, Any]) -> dict[str, float]:
    """A training's own evaluation as values of the step: `{"loss": 1.2}` -> `validation_loss`."""
    numbers = {name: value for name, value in result.items() if isinstance(value, int | float)}
    return {f"validation_{name.removeprefix('validation_')}": float(value) for name, value in numbers.items()}


def _storable(value: Any) -> Any:
    """PostgreSQL's JSON holds neither NUL nor NaN."""
    match value:
        case str():
            return value.replace("\0", "\ufffd")
        case float() if not math.isfinite(value):
            return None
        case dict():
            return {name: _storable(entry) for name, entry in value.items()}
        case list():
            return [_storable(entry) for entry in value]
        case _:
            return value
