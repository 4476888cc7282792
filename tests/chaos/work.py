"""What the chaos tests have done: tiny jobs, the end that each must come to, and what must hold of all of them.

All trainings share one spec and seed, so each must end with the weights of the one that was left alone.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from backend.core.artifacts import folder_keep, pieces_lacking
from backend.core.ids import job_id_make
from backend.jobs.models import Attempt, AttemptNode, Checkpoint, Job, JobEvent
from backend.model_registry.models import ModelVersion
from gpu_node.model.checkpoint import load_checkpoint, save_checkpoint
from gpu_node.protocol.manifest import Manifest
from tests.chaos.stage import Stage
from tests.gpu_node.job_node import TOKENIZER, data_folder, tiny_checkpoint

TEXTS = ("tokenizer.json", "tokenizer_config.json")


@dataclass
class Order:
    """One job that was asked for, and how it must end."""

    id: str
    role: str
    status: str = "succeeded"
    failure_cause: str = ""
    retries_used: int = 0


class Work:
    """The inputs in the store, and the orders made so far."""

    def __init__(self, stage: Stage, folder: Path, *, num_steps: int, checkpoint_steps: int) -> None:
        self.stage = stage
        self.orders: list[Order] = []
        good = tiny_checkpoint(folder / "tiny")
        self._model_keep("tiny", good)
        self._model_keep("not-a-number", _spoiled(good, folder / "nan", torch.nan))
        data = folder_keep(data_folder(folder / "rows")).sha256
        bad = folder_keep(data_folder(folder / "bad", [{"question": "1 + 1?", "answer": "2"}, "no JSON"])).sha256
        self.training: dict[str, Any] = {
            "kind": "train",
            "parent": "tiny",
            "data": {"source": "file", "file": data, "row_tokens_max": 64},
            "num_steps": num_steps,
            "batch_tokens": 256,
            "warmup_steps": 2,
            "checkpoint_steps": checkpoint_steps,
            "seed": 5,
        }
        self._bad_data = {**self.training, "data": {**self.training["data"], "file": bad}}

    def _model_keep(self, name: str, folder: Path) -> None:
        manifest = folder_keep(folder)
        ModelVersion.objects.create(
            name=name,
            role="reasoner",
            context_tokens=128,
            num_parameters=1,
            vocab_size=2048,
            manifest_sha256=manifest.sha256,
        )

    def ask(self, role: str, spec: dict[str, Any], **order: Any) -> Order:
        """Asked over the API with an id of our own: a repeat after a broken connection makes no second job."""
        made = Order(job_id_make(), role, **order)
        answer = self.stage.call("POST", "/api/jobs", {"id": made.id, "spec": spec, "name": role})
        assert answer.status_code in (200, 201), answer.text
        self.orders.append(made)
        return made

    def train(self, role: str = "train", **changes: Any) -> Order:
        return self.ask(role, {**self.training, **changes})

    def endless(self, **terms: Any) -> Order:
        """Ends only because it is cancelled."""
        return self.ask("endless", {**self.training, "num_steps": 100_000, "checkpoint_steps": 300}, **terms)

    def cancel(self, order: Order) -> None:
        order.status = "cancelled"
        answer = self.stage.call("POST", f"/api/jobs/{order.id}/cancel", {"reason": "enough"})
        assert answer.status_code == 200, answer.text

    def one(self, role: str) -> Order:
        match role:
            case "train":
                return self.train()
            case "endless":
                return self.endless()
            case "not a number":
                spec = {**self.training, "parent": "not-a-number"}
                return self.ask(role, spec, status="failed", failure_cause="non_finite_loss")
            case "bad data":
                return self.ask(role, self._bad_data, status="failed", failure_cause="bad_data")
            case "generate":
                data = {"families": ["gcd"], "num_rows": 100, "seed_start": len(self.orders), "row_tokens_max": 256}
                return self.ask(role, {"kind": "generate", "data": data})
            case "export":
                return self.ask(role, {"kind": "export", "model": "tiny"})
        raise ValueError(f"no role {role!r}")


def _spoiled(good: Path, folder: Path, value: float) -> Path:
    model, _ = load_checkpoint(good)
    with torch.no_grad():
        next(model.parameters()).fill_(value)
    save_checkpoint(
        folder, model, dtype=torch.float32, tokenizer_files={name: (TOKENIZER / name).read_text() for name in TEXTS}
    )
    return folder


# --- What must hold


def weights_of(job_id: str) -> str:
    """The hash of the weights and the optimiser of its last committed checkpoint."""
    last = Checkpoint.objects.filter(job_id=job_id, committed_at__isnull=False).order_by("step").last()
    assert last is not None, job_id
    manifest = Manifest.model_validate(last.manifest)
    assert pieces_lacking(manifest) == []
    files = {file.path: [piece.sha256 for piece in file.pieces] for file in manifest.files}
    return f"step {last.step}: {files['model.safetensors']} {files['optimiser-00000-000.safetensors']}"


def all_ended(orders: list[Order]) -> bool:
    live = Job.objects.filter(id__in=[order.id for order in orders])
    return not live.exclude(status__in=["succeeded", "failed", "cancelled"]).exists()


def open_jobs() -> list[tuple[str, str, int, str]]:
    live = Job.objects.exclude(status__in=["succeeded", "failed", "cancelled"])
    return list(live.values_list("name", "status", "epoch", "status_reason"))


def assert_right(order: Order, *, reference: str) -> None:
    """It ended as it must, once, with a whole log; a training with the weights of one that was left alone."""
    job = Job.objects.get(id=order.id)
    told = [(t.from_status, t.to_status, t.reason) for t in job.transitions.order_by("id")]
    assert (job.status, job.failure_cause) == (order.status, order.failure_cause), (order.role, told)
    assert job.retries_used == order.retries_used, told  # nobody's death is charged to the user
    attempts = list(Attempt.objects.filter(job=job).order_by("epoch"))
    assert [attempt.epoch for attempt in attempts] == list(range(1, job.epoch + 1))
    assert all(attempt.ended_at is not None for attempt in attempts)
    finished = [attempt.epoch for attempt in attempts if attempt.outcome == "finished"]
    assert finished == ([job.epoch] if job.status == "succeeded" else []), told
    assert sum(to == job.status for _, to, _ in told) == 1, told
    _assert_one_after_the_other(attempts)
    seqs = list(JobEvent.objects.filter(job=job).order_by("seq").values_list("seq", flat=True))
    assert seqs == list(range(1, len(seqs) + 1))
    if job.status == "succeeded" and job.kind == "train":
        finals = Checkpoint.objects.filter(job=job, step=job.num_steps, committed_at__isnull=False)
        assert [row.attempt.epoch for row in finals.select_related("attempt")] == [job.epoch]
        assert weights_of(job.id) == reference, told


def _assert_one_after_the_other(attempts: list[Attempt]) -> None:
    """Of one job never two attempts write: an attempt's events all lie before its successor's in the log."""
    last_seq = 0
    for attempt in attempts:
        seqs = list(attempt.events.order_by("seq").values_list("seq", flat=True))
        assert not seqs or seqs[0] > last_seq, attempt
        last_seq = seqs[-1] if seqs else last_seq
    committed = Checkpoint.objects.filter(attempt__in=attempts, committed_at__isnull=False).select_related("attempt")
    later = {attempt.epoch: attempt.created_at for attempt in attempts}
    for row in committed:
        successor = later.get(row.attempt.epoch + 1)
        assert row.committed_at is not None
        assert successor is None or row.committed_at <= successor, f"an old epoch committed: {row}"


def interrupted(orders: list[Order]) -> int:
    """Trainings that went on from a checkpoint in a later attempt."""
    ids = [order.id for order in orders if order.role in ("train", "endless")]
    return Attempt.objects.filter(job_id__in=ids, resumed_from__isnull=False).values("job").distinct().count()


def node_of(job_id: str) -> str:
    """Where its newest attempt is."""
    part = AttemptNode.objects.filter(attempt__job_id=job_id).order_by("attempt__epoch").select_related("node").last()
    assert part is not None
    return part.node.name
