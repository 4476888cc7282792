"""`POST /plan` and `POST /preview`: what a spec would need on this node, and a sample as the model would see it."""

from typing import Literal

from pydantic import Field

from gpu_node.protocol.frames import Wire
from gpu_node.protocol.job_spec import MIXTURE_FILES_MAX, DataSpec, JobSpec, Objective
from gpu_node.protocol.manifest import SignedManifest

PREVIEW_ROWS_MAX = 20


class PlanRequest(Wire):
    """`master_host` and `master_port`: where rank 0's node of a gang answers, for a node that will have to reach it.
    `parent`: what a training starts from, or the model that is evaluated, exported or quantised, for its shape."""

    spec: JobSpec
    parent: SignedManifest | None = None
    master_host: str = Field(default="", max_length=255)  # empty: this node would be rank 0, or there is no gang
    master_port: int = Field(default=0, ge=0, lt=65536)


class MemoryPart(Wire):
    name: str  # as gpu_node/training/memory_parts.py calls them
    num_bytes: int


class PlanCheck(Wire):
    """One preflight check: `message` says what was found, `cure` what to change."""

    name: Literal["memory", "disk", "data", "rendezvous", "device"]
    is_ok: bool
    message: str
    cure: str = ""


class Plan(Wire):
    num_parameters: int
    memory: list[MemoryPart]
    memory_available_bytes: int
    disk_needed_bytes: int
    disk_available_bytes: int
    seconds_estimated: float | None  # None: this node has not measured such a model yet
    checks: list[PlanCheck]

    @property
    def memory_needed_bytes(self) -> int:
        return sum(part.num_bytes for part in self.memory)

    @property
    def is_ok(self) -> bool:
        return all(check.is_ok for check in self.checks)


class PreviewRequest(Wire):
    """`files` hold the rows where data.source is "file" or "mixture"; `parent` is the checkpoint that will read them,
    none: a model of ours."""

    data: DataSpec
    objective: Objective = "sft"
    files: list[SignedManifest] = Field(default=[], max_length=MIXTURE_FILES_MAX)
    parent: SignedManifest | None = None
    num_rows: int = Field(default=5, ge=1, le=PREVIEW_ROWS_MAX)


class PreviewToken(Wire):
    text: str
    weight: float  # of predicting it: 0 = read only


class PreviewRow(Wire):
    family: str
    num_tokens: int
    tokens: list[PreviewToken]


class Preview(Wire):
    rows: list[PreviewRow]
