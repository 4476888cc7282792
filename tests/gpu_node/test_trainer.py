"""The trainer learns, resumes bit for bit, refuses what would spoil a run, and tells what it does as job frames."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gpu_node.data.packing import (
    EpochOrder,
    Row,
    RowPool,
    Stage,
    StagedOrder,
    pool_build,
    pool_join,
    pool_load,
    pool_take,
)
from gpu_node.model.config import ModelConfig
from gpu_node.model.transformer import Transformer, initialise
from gpu_node.protocol.job_frames import Metric
from gpu_node.training.attempt_folder import Control
from gpu_node.training.job_frames import JobLog, line_parse
from gpu_node.training.loss_watch import LossWatch
from gpu_node.training.optim import OptimConfig, schedule_rate
from gpu_node.training.trainer import CONFIG_FILE, LAST_FOLDER, NonFiniteLoss, RunPace, TrainConfig, Trainer

TINY = ModelConfig(
    vocab_size=128, width=128, num_layers=1, num_heads=2, num_kv_heads=1, mlp_width=128, context_tokens=64, is_tied=True
)


def pool_of_counts(num_rows: int = 200) -> RowPool:
    """Rows that count upwards from a random start: learnt in a few steps. The label says whether the start is even."""
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(num_rows):
        start, length = int(rng.integers(20, 90)), int(rng.integers(5, 30))
        ids = [1, *range(start, start + length)]
        rows.append(Row(ids=ids, weights=[0.0] + [1.0] * length, labels=[float(start % 2 == 0)] * (length + 1)))
    return pool_build(rows, tokens_max=64)


def trainer_at(
    folder: Path, *, num_steps: int = 30, objective: str = "language", how: dict | None = None, **pace
) -> Trainer:
    """`how` is of the configuration, `pace` of the pace."""
    model_config = dataclasses.replace(TINY, has_score_head=objective == "score")
    config = TrainConfig(
        objective=objective,
        model=model_config,
        num_steps=num_steps,
        batch_tokens=512,
        seed=7,
        **({"optim": OptimConfig(warmup_steps=5)} | (how or {})),
    )
    model = Transformer(model_config)
    initialise(model, seed=7)
    return Trainer(
        config=config,
        model=model,
        order=StagedOrder([Stage(pool_of_counts(), num_steps)], batch_tokens=512, seed=7),
        folder=folder,
        log=JobLog(folder / "job.ndjson", echo=False),
        pace=RunPace(log_steps=5, **pace),
    )


@pytest.mark.parametrize("objective", ["language", "score"])
def test_the_loss_falls_under_either_objective(tmp_path: Path, objective: str) -> None:
    trainer = trainer_at(tmp_path, objective=objective, num_steps=60)
    first = trainer.step().item()
    for _ in range(58):
        trainer.step()
    assert trainer.step().item() < 0.7 * first


EIGHT_BIT = {"optim": OptimConfig(warmup_steps=5, optimizer="adamw8bit")}


@pytest.mark.parametrize(
    "how", [{}, EIGHT_BIT, EIGHT_BIT | {"weight_dtype": "bfloat16", "is_stepping_early": True}], ids=str
)
def test_stop_and_resume_equals_never_stopped_bit_for_bit(tmp_path: Path, how: dict) -> None:
    whole = trainer_at(tmp_path / "whole", how=how)
    assert whole.train()
    stopped = trainer_at(tmp_path / "stopped", how=how)
    for _ in range(13):
        stopped.step()
    stopped.save()
    torch.rand(3)  # other work between the two halves must not matter
    resumed = trainer_at(tmp_path / "stopped", how=how)
    assert resumed.resume()
    assert resumed.train()
    assert resumed.num_tokens == whole.num_tokens
    for (name, a), b in zip(whole.model.state_dict().items(), resumed.model.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    ours, theirs = whole.optimisers.state(), resumed.optimisers.state()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("objective", ["language", "score"])
def test_a_batch_read_in_turns_makes_the_same_steps(tmp_path: Path, objective: str) -> None:
    def losses(turns: int, num_steps: int) -> list[float]:
        how = {"is_autocast": False, "accumulation_steps": turns}
        trainer = trainer_at(tmp_path / str(turns), objective=objective, how=how)
        return [trainer.step().item() for _ in range(num_steps)]

    whole = losses(1, 5)
    assert whole[-1] != whole[0]
    assert losses(2, 5) == pytest.approx(whole, abs=1e-6)
    assert losses(30, 2) == pytest.approx(whole[:2], abs=1e-6)  # more turns than rows


def test_recomputing_keeps_less_and_changes_no_bit(tmp_path: Path) -> None:
    def trained(is_recomputing: bool) -> tuple[Trainer, list[float], int]:
        trainer = trainer_at(tmp_path / str(is_recomputing), is_recomputing=is_recomputing)
        kept = 0

        def count(tensor: torch.Tensor) -> torch.Tensor:
            nonlocal kept
            kept += tensor.nbytes
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            losses = [trainer.step().item() for _ in range(5)]
        return trainer, losses, kept

    whole, losses, num_bytes = trained(False)
    again, losses_again, num_bytes_again = trained(True)
    assert losses_again == losses
    for (name, a), b in zip(whole.model.state_dict().items(), again.model.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert num_bytes_again < 0.6 * num_bytes


def test_a_resume_under_another_configuration_is_refused(tmp_path: Path) -> None:
    trainer_at(tmp_path, num_steps=30)
    with pytest.raises(ValueError, match="frozen with another configuration"):
        trainer_at(tmp_path, num_steps=31)


def test_ranks_that_begin_at_once_find_the_whole_configuration_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Path.write_text
    paths: list[str] = []

    def seen(path: Path, text: str, encoding: str | None = None) -> int:
        paths.append(path.name)
        return written(path, text, encoding=encoding)

    monkeypatch.setattr(Path, "write_text", seen)
    trainer_at(tmp_path)
    assert CONFIG_FILE not in paths  # it is only ever renamed into place
    assert json.loads((tmp_path / CONFIG_FILE).read_text())["seed"] == 7


def test_a_loss_that_is_no_number_stops_the_run_before_the_weights_change(tmp_path: Path) -> None:
    trainer = trainer_at(tmp_path)
    with torch.no_grad():
        trainer.model.model.norm.weight[0] = float("nan")
    before = {name: t.clone() for name, t in trainer.model.state_dict().items() if "norm" not in name}
    with pytest.raises(NonFiniteLoss):
        trainer.train()
    assert all(torch.equal(before[name], trainer.model.state_dict()[name]) for name in before)
    alert, failed = [json.loads(line)["event"] for line in (tmp_path / "job.ndjson").read_text().splitlines()[-2:]]
    assert (alert["type"], alert["kind"], alert["step"]) == ("alert", "non_finite", 0)
    assert failed["type"] == "job.failed"


def test_a_jump_of_the_loss_is_marked_once_and_noise_is_not() -> None:
    rng = np.random.default_rng(1)
    curve = [2 + 3 / (step + 1) + float(rng.normal(0, 0.05)) for step in range(400)]
    watch = LossWatch()
    assert [step for step, loss in enumerate(curve) if watch.see(step, loss)] == []
    curve[200:220] = [loss + 1 for loss in curve[200:220]]
    watch = LossWatch()
    said = {step: text for step, loss in enumerate(curve) if (text := watch.see(step, loss))}
    assert list(said) == [200]
    assert said[200].startswith("the loss jumped to 3.")


def test_a_training_marks_the_step_at_which_its_loss_jumps(tmp_path: Path) -> None:
    trainer = trainer_at(tmp_path, num_steps=60)
    for _ in range(40):
        trainer.step()
    with torch.no_grad():
        trainer.model.model.embed_tokens.weight.mul_(-3)
    trainer.step()
    events = [json.loads(line)["event"] for line in (tmp_path / "job.ndjson").read_text().splitlines()]
    assert [(event["kind"], event["step"]) for event in events if event["type"] == "alert"] == [("spike", 41)]


def test_a_time_budget_ends_the_run_with_its_state_saved(tmp_path: Path) -> None:
    trainer = trainer_at(tmp_path, num_steps=1_000_000, time_budget_seconds=0.5)
    assert not trainer.train()
    assert trainer_at(tmp_path, num_steps=1_000_000).resume()


def test_the_log_holds_the_protocols_job_events(tmp_path: Path) -> None:
    trainer_at(tmp_path).train()
    again = trainer_at(tmp_path)
    again.resume()
    again.train()
    parsed = [line_parse(line) for line in (tmp_path / "job.ndjson").read_bytes().splitlines()]
    events = [line.event for line in parsed if line is not None]
    assert len(events) == len(parsed)
    assert {"job.started", "metric", "checkpoint", "job.finished"} <= {event.type for event in events}
    metric = next(event for event in events if isinstance(event, Metric))
    assert {"loss", "learning_rate", "gradient_norm", "tokens_per_second", "num_tokens"} == metric.values.keys()
    assert metric.values["gradient_norm"] > 0
    assert metric.eta_seconds is not None


def test_a_training_stops_when_asked_with_its_last_checkpoint(tmp_path: Path) -> None:
    trainer = trainer_at(tmp_path)
    asked: list[Control] = ["run", "run", "pause", "pause", "run", "stop"]
    trainer.control = lambda: asked.pop(0)
    assert not trainer.train()
    events = [json.loads(line)["event"] for line in (tmp_path / "job.ndjson").read_text().splitlines()]
    assert [e["type"] for e in events] == ["job.started", "job.paused", "job.resumed", "checkpoint", "job.cancelled"]
    assert events[-1]["step"] == 3


def test_no_state_on_disk_is_a_pickle(tmp_path: Path) -> None:
    trainer_at(tmp_path).save()
    assert {p.suffix for p in (tmp_path / LAST_FOLDER).iterdir()} == {".json", ".safetensors"}


def test_the_schedule_warms_up_and_ends_at_its_floor() -> None:
    config = OptimConfig(warmup_steps=10, final_rate=0.02)
    assert schedule_rate(0.0, 0, config) == pytest.approx(0.1)
    assert schedule_rate(0.0, 9, config) == pytest.approx(1.0)
    assert schedule_rate(1.0, 999, config) == pytest.approx(0.02)


def test_every_row_comes_once_an_epoch_within_the_token_bound() -> None:
    pool = pool_of_counts()
    order = EpochOrder(pool, batch_tokens=512, seed=1)
    num_rows, number = 0, 0
    while num_rows < len(pool):
        batch = order.batch(number)
        assert batch.ids_BT.size <= 512
        assert (batch.weights_BT[batch.ids_BT == 0] == 0).all()
        num_rows, number = num_rows + len(batch.ids_BT), number + 1
    assert num_rows == len(pool)


def test_a_batch_depends_on_its_number_alone() -> None:
    pool = pool_of_counts()
    forward = EpochOrder(pool, batch_tokens=512, seed=1)
    seen = [forward.batch(n).ids_BT for n in range(40)]
    fresh = EpochOrder(pool, batch_tokens=512, seed=1)
    assert all(np.array_equal(fresh.batch(n).ids_BT, seen[n]) for n in (39, 3, 25))


def test_stages_follow_each_other() -> None:
    first, second = pool_of_counts(), pool_build([Row(ids=[1, 5, 5], weights=[0, 1, 1])], tokens_max=8)
    order = StagedOrder([Stage(first, 3), Stage(second, 2)], batch_tokens=512, seed=0)
    assert order.num_steps == 5
    assert [order.batch(n).ids_BT.shape[0] == 1 for n in range(6)] == [False] * 3 + [True] * 3


def test_a_pool_survives_the_disk(tmp_path: Path) -> None:
    pool = pool_of_counts()
    pool.save(tmp_path / "rows.npz")
    again = pool_load(tmp_path / "rows.npz")
    assert again.group_names == pool.group_names
    assert np.array_equal(again.ids, pool.ids)


def test_a_row_beyond_the_context_is_refused() -> None:
    with pytest.raises(ValueError, match="65 tokens"):
        pool_build([Row(ids=[1] * 65, weights=[1.0] * 65)], tokens_max=64)


def test_pools_are_joined_and_taken_row_by_row() -> None:
    first = pool_build([Row([1, 5], [0, 1], "a"), Row([1, 6, 7], [0, 1, 1], "b")], tokens_max=8)
    second = pool_build([Row([1, 8, 9, 9], [0, 1, 1, 1], "b")], tokens_max=8)
    joined = pool_join([first, second])
    assert joined.group_names == ("a", "b")
    taken = pool_take(joined, np.array([2, 0]))
    assert [taken.batch(np.array([n])).ids_BT[0, 1] for n in (0, 1)] == [8, 5]
    assert [taken.group_names[g] for g in taken.groups] == ["b", "a"]
    assert list(taken.lengths) == [4, 2]
