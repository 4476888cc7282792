"""Job frames: the numbered entries of a job's append-only log, as they cross the wire.

A node keeps one journal of all its jobs' frames. `position` (from 1, no gaps, per journal) is the reader's cursor;
`seq` (from 1, no gaps) numbers the frames of one attempt. Acknowledged frames may be trimmed. After an attempt's
terminal frame only `log` and `checkpoint.uploaded` follow: its last checkpoint is uploaded then. In a gang metrics and
checkpoints are told by node rank 0 alone; every node tells its own start and end.
Not here: run frames (frames.py), the specs (job_spec.py).
"""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from gpu_node.protocol.frames import Wire
from gpu_node.protocol.manifest import Manifest

LOG_TEXT_BYTES_MAX = 16_384  # of one log frame
METRICS_MAX = 64  # names in one metric frame
EVENTS_PAGE_MAX = 1_000  # frames in one answer of GET /events

LogLevel = Literal["debug", "info", "warning", "error"]
FailureCause = Literal[
    "out_of_memory",  # no retry: the cure is a smaller setting
    "non_finite_loss",  # stop: more steps would only spoil the weights
    "bad_data",  # a row does not parse; the message names file and line
    "bad_spec",  # what the spec asks for cannot be
    "bad_input",  # a checkpoint or a file whose hash is wrong, or that lacks something
    "disk_full",
    "peer_lost",  # another rank of the gang is gone
    "rendezvous_failed",  # the gang's nodes cannot reach each other
    "code_error",  # anything else that raised
    "killed",  # the process was ended by a signal that nobody of ours sent
]


class JobStarted(Wire):
    type: Literal["job.started"] = "job.started"
    step: int  # where it starts: above 0 after a resume
    num_steps: int
    world_size: int
    device: str


class Metric(Wire):
    """Values of one step: "loss", "learning_rate", "gradient_norm", "tokens_per_second", "num_tokens", ..."""

    type: Literal["metric"] = "metric"
    step: int
    values: dict[str, float] = Field(max_length=METRICS_MAX)
    eta_seconds: float | None = None

    @field_validator("values", mode="before")
    @classmethod
    def _without_gaps(cls, values: Any) -> Any:
        """JSON knows no NaN: what was none is null in a line, and is left out."""
        return {name: v for name, v in values.items() if v is not None} if isinstance(values, dict) else values


class Log(Wire):
    type: Literal["log"] = "log"
    level: LogLevel = "info"
    rank: int = 0
    text: str


class Alert(Wire):
    """A place on the curve that a person should look at; the job goes on, or says itself that it does not."""

    type: Literal["alert"] = "alert"
    kind: Literal["non_finite", "spike", "stall"]
    step: int  # the last one that was told
    message: str


class Checkpoint(Wire):
    """Complete on the node's disk; committed only once the backend has verified its pieces in the store."""

    type: Literal["checkpoint"] = "checkpoint"
    step: int
    manifest: Manifest


class CheckpointUploaded(Wire):
    type: Literal["checkpoint.uploaded"] = "checkpoint.uploaded"
    step: int
    manifest_sha256: str


class CheckpointDropped(Wire):
    """The node has it no more, or not as it was: nobody need wait for it."""

    type: Literal["checkpoint.dropped"] = "checkpoint.dropped"
    step: int
    manifest_sha256: str
    reason: str


class Eval(Wire):
    """A result of an evaluation: of a training on its validation rows, or the whole report of an `evaluate` job."""

    type: Literal["eval"] = "eval"
    step: int
    result: dict[str, Any]


class JobPaused(Wire):
    type: Literal["job.paused"] = "job.paused"


class JobResumed(Wire):
    type: Literal["job.resumed"] = "job.resumed"


class JobFinished(Wire):
    type: Literal["job.finished"] = "job.finished"
    step: int
    is_complete: bool  # False: the time budget ended it earlier


class JobCancelled(Wire):
    type: Literal["job.cancelled"] = "job.cancelled"
    step: int


class JobFailed(Wire):
    """`cure` is what a person can do about it."""

    type: Literal["job.failed"] = "job.failed"
    cause: FailureCause
    message: str
    cure: str = ""


JobEvent = Annotated[
    JobStarted
    | Metric
    | Log
    | Alert
    | Checkpoint
    | CheckpointUploaded
    | CheckpointDropped
    | Eval
    | JobPaused
    | JobResumed
    | JobFinished
    | JobCancelled
    | JobFailed,
    Field(discriminator="type"),
]

JOB_TERMINAL_TYPES = frozenset({"job.finished", "job.cancelled", "job.failed"})


class JobFrame(Wire):
    position: int = Field(ge=1)
    job_id: str
    epoch: int = Field(ge=1)
    node_rank: int = 0
    seq: int = Field(ge=1)
    at_ms: int  # unix time, milliseconds, by the node's clock
    event: JobEvent

    @property
    def is_terminal(self) -> bool:
        return self.event.type in JOB_TERMINAL_TYPES


class JobFramePage(Wire):
    """Answer of `GET /events?after=`: the journal's id shows a node with a fresh disk."""

    journal_id: str
    frames: list[JobFrame] = Field(max_length=EVENTS_PAGE_MAX)
    last_position: int  # of the journal: how far behind the reader is


class RunningJob(Wire):
    """One line of `/info`: an attempt whose process lives."""

    job_id: str
    epoch: int
    state: Literal["preparing", "running", "paused", "stopping"]
    step: int = 0
