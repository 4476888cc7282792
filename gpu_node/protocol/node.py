"""What a node says of itself (`GET /info`) and the shape of its refusals."""

from typing import Literal

from gpu_node.protocol.frames import PROTOCOL_VERSION, Usage, Wire
from gpu_node.protocol.job_frames import RunningJob

# Streams send an empty line at least this often, so that a reader can tell a quiet run from a dead node.
HEARTBEAT_SECONDS = 5.0


class Device(Wire):
    kind: str  # "cpu", "cuda"
    name: str
    memory_bytes: int


class LoadedModel(Wire):
    version: str  # "svend-nano"
    role: Literal["reasoner", "verifier"]
    backend: str
    num_parameters: int
    context_tokens: int
    vocab_size: int
    manifest_sha256: str
    has_critic: bool = False  # of a reasoner: a critic on this node reads its ids


class NodeInfo(Wire):
    protocol_version: Literal[1] = PROTOCOL_VERSION
    name: str
    boot_id: str  # new at every start of the server
    journal_id: str  # new with a fresh disk
    versions: dict[str, str]  # {"svend": "0.1.0", "torch": "2.13.0", ...}
    devices: list[Device]
    fence_tier: str  # "namespaces", "landlock", "chroot", "gvisor", or "none": then tools are refused
    models: list[LoadedModel]
    tools: list[str] = []  # what runs may call, whether or not the fence holds just now
    running_runs: list[str]
    runs_max: int
    running_jobs: list[RunningJob] = []
    jobs_max: int = 0  # 0: this node takes no jobs
    is_draining: bool = False  # takes no new runs and jobs; what runs goes on


class UsageRow(Wire):
    """One row of `GET /usage?after=`: a run's last counters, in journal order (`position` from 1)."""

    position: int
    run_id: str
    epoch: int
    usage: Usage
    is_final: bool
    is_failed: bool


class NodeError(Wire):
    """Every refusal of a node: `{"error": {...}}` holds this."""

    code: str  # "model_not_loaded", "stale_epoch", "busy", "prompt_too_long", "unknown_run", "unauthorized", ...
    message: str
