"""Each objective's loss is its paper's formula, read in turns or not, and goes on exactly after a stop."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from gpu_node.data.chat_format import encode_prompt, encode_text, special_ids
from gpu_node.data.labelled_rows import labelled_steps_row, pair_row, pairs_unfold
from gpu_node.data.packing import EpochOrder, RowPool, pool_build
from gpu_node.data.tokenizer import tokenizer_load
from gpu_node.model.transformer import Transformer
from gpu_node.protocol.data_rows import PreferenceRow, RowMessage, StepRow
from gpu_node.training.distillation import CachedTeacher, DistillLoss, ModelTeacher, topk_write
from gpu_node.training.distributed import World
from gpu_node.training.job_inputs import shipped_tokenizer_folder
from gpu_node.training.part_loss import PartLoss
from gpu_node.training.preference import PreferenceLoss
from gpu_node.training.trainer import LAST_FOLDER, OBJECTIVE_FILE, Trainer
from tests.gpu_node.objective_cast import (
    CONFIG,
    counting_pool,
    losses_of,
    pairs_pool,
    parent,
    resumes_exactly,
    trainer_of,
)

BETA, TEMPERATURE, SHARE = 0.3, 2.0, 0.7


def distilled() -> PartLoss:
    return DistillLoss(ModelTeacher(parent(seed=2)), temperature=TEMPERATURE, share=SHARE)


def preferring() -> PartLoss:
    return PreferenceLoss(pairs_pool(), beta=BETA, batch_tokens=256, is_autocast=False)


# objective -> (rows, what makes its loss)
CASES: dict[str, tuple[Callable[[], RowPool], Callable[[], PartLoss | None]]] = {
    "language": (counting_pool, lambda: None),
    "score": (counting_pool, lambda: None),
    "distill": (counting_pool, distilled),
    "preference": (pairs_pool, preferring),
}


@pytest.mark.parametrize("objective", CASES)
def test_stop_and_resume_equals_never_stopped(tmp_path: Path, objective: str) -> None:
    pool, loss = CASES[objective]

    def make(folder: Path) -> Trainer:
        return trainer_of(folder, pool(), objective=objective, loss=loss())

    resumes_exactly(make, tmp_path)


@pytest.mark.parametrize("objective", ["distill", "preference"])
def test_a_batch_read_in_turns_makes_the_same_steps(tmp_path: Path, objective: str) -> None:
    pool, loss = CASES[objective]
    whole, in_turns = (
        losses_of(trainer_of(tmp_path / str(turns), pool(), objective=objective, loss=loss(), accumulation_steps=turns))
        for turns in (1, 3)
    )
    assert in_turns == pytest.approx(whole, abs=1e-5)
    assert whole[-1] != whole[0]


# Distillation


def distillation_by_hand(student: Transformer, teacher: Transformer, pool: RowPool, rows: np.ndarray) -> float:
    """Row by row without padding, place by place, with torch's own kl_div."""
    total = weight_sum = 0.0
    for row in rows:
        span = slice(pool.offsets[row], pool.offsets[row + 1])
        ids = torch.tensor(pool.ids[span].astype(np.int64))
        own, taught = student(ids[None])[0], teacher(ids[None])[0]
        for place in range(len(ids) - 1):
            weight = float(pool.weights[span][place + 1])
            cross = F.cross_entropy(own[place], ids[place + 1])
            divergence = F.kl_div(
                F.log_softmax(own[place] / TEMPERATURE, -1), F.softmax(taught[place] / TEMPERATURE, -1), reduction="sum"
            )
            total += weight * float((1 - SHARE) * cross + SHARE * TEMPERATURE**2 * divergence)
            weight_sum += weight
    return total / weight_sum


def test_distillation_is_cross_entropy_mixed_with_the_teachers_divergence() -> None:
    pool, student, teacher = counting_pool(6), parent(seed=1), parent(seed=2)
    rows = np.arange(6)
    with torch.no_grad():
        loss = DistillLoss(ModelTeacher(teacher), temperature=TEMPERATURE, share=SHARE)
        assert float(loss(student, pool.batch(rows), "cpu")) == pytest.approx(
            distillation_by_hand(student, teacher, pool, rows), rel=1e-5
        )
    told = loss.told()
    assert told["divergence"] > 0
    assert loss.told() == {}


def test_a_student_that_is_its_teacher_has_nothing_to_learn_from_it() -> None:
    pool = counting_pool(4)
    loss = DistillLoss(ModelTeacher(parent(seed=1)), temperature=TEMPERATURE, share=1.0)
    assert loss(parent(seed=1), pool.batch(np.arange(4)), "cpu").item() == pytest.approx(0.0, abs=1e-5)


def test_a_file_of_all_logits_teaches_as_the_model_does(tmp_path: Path) -> None:
    pool, teacher = counting_pool(), parent(seed=2)
    path = tmp_path / "teacher.safetensors"
    topk_write(path, teacher, pool, num_top=CONFIG.vocab_size, batch_tokens=128)
    shapes = {name: list(tensor.shape) for name, tensor in load_file(path).items()}
    assert shapes == {
        "row_offsets": [41],
        "ids": [len(pool.ids)],
        "top_ids": [len(pool.ids), 64],
        "top_logits": [len(pool.ids), 64],
    }
    cached = CachedTeacher(path, pool, vocab_size=CONFIG.vocab_size)
    first, second = (
        losses_of(
            trainer_of(tmp_path / name, pool, objective="distill", loss=DistillLoss(one, temperature=2.0, share=0.5))
        )
        for name, one in (("cached", cached), ("model", ModelTeacher(teacher)))
    )
    assert first == pytest.approx(second, abs=2e-3)  # the file holds halves


def test_a_file_of_the_top_logits_is_the_teachers_distribution_over_them(tmp_path: Path) -> None:
    pool, teacher, student = counting_pool(3), parent(seed=2), parent(seed=1)
    path = tmp_path / "teacher.safetensors"
    topk_write(path, teacher, pool, num_top=5, batch_tokens=128)
    loss = DistillLoss(CachedTeacher(path, pool, vocab_size=64), temperature=TEMPERATURE, share=1.0)
    total = weights = 0.0
    with torch.no_grad():
        for row in range(3):
            span = slice(pool.offsets[row], pool.offsets[row + 1])
            ids = torch.tensor(pool.ids[span].astype(np.int64))
            top, where = (teacher(ids[None])[0] / TEMPERATURE).topk(5)
            log_q = F.log_softmax(student(ids[None])[0] / TEMPERATURE, -1).gather(-1, where)
            kl = F.kl_div(log_q, top.softmax(-1), reduction="none").sum(-1)[:-1]
            weight = torch.tensor(pool.weights[span][1:].astype(np.float32))
            total, weights = total + float((kl * weight).sum()), weights + float(weight.sum())
        assert float(loss(student, pool.batch(np.arange(3)), "cpu")) == pytest.approx(4 * total / weights, rel=2e-3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"top_logits": torch.zeros(3, 5)}, "top_logits has the shape"),
        ({"top_ids": None}, "no file of a teacher's logits"),
        ({"ids": "other"}, "made of other rows: row 2 differs"),
    ],
)
def test_a_file_of_other_rows_is_refused(tmp_path: Path, change: dict, said: str) -> None:
    pool, path = counting_pool(3), tmp_path / "teacher.safetensors"
    topk_write(path, parent(seed=2), pool, num_top=5, batch_tokens=128)
    tensors = load_file(path)
    for name, value in change.items():
        if value is None:
            del tensors[name]
        elif isinstance(value, str):
            tensors[name][int(pool.offsets[1])] += 1
        else:
            tensors[name] = value
    save_file(tensors, path)
    with pytest.raises(ValueError, match=said):
        CachedTeacher(path, pool, vocab_size=64)


# Preference


def preference_by_hand(model: Transformer, reference: Transformer, pool: RowPool) -> float:
    """Pair by pair, each answer alone and unpadded, after the paper's equation 7."""

    def log_probability(of: Transformer, ids: torch.Tensor, prompt: int) -> torch.Tensor:
        log_p = F.log_softmax(of(ids[None])[0], -1)
        return torch.stack([log_p[place - 1, ids[place]] for place in range(prompt, len(ids))]).sum()

    losses = []
    for row in range(len(pool)):
        span = slice(pool.offsets[row], pool.offsets[row + 1])
        ids, labels = torch.tensor(pool.ids[span].astype(np.int64)), pool.labels[span]
        sides = [ids[torch.tensor(np.isin(labels, codes))] for codes in ((1, 2), (3, 4))]
        gains = [log_probability(model, side, 3) - log_probability(reference, side, 3) for side in sides]
        losses.append(-F.logsigmoid(BETA * (gains[0] - gains[1])))
    return float(torch.stack(losses).mean())


def test_preference_is_the_papers_formula() -> None:
    pool, model, reference = pairs_pool(8), parent(seed=3), parent(seed=1)
    loss = PreferenceLoss(pool, beta=BETA, batch_tokens=128, is_autocast=False)
    loss.prepare(reference, World())
    with torch.no_grad():
        found = float(loss(model, pool.batch(np.arange(8)), "cpu"))
        assert found == pytest.approx(preference_by_hand(model, reference, pool), rel=1e-5)
    assert set(loss.told()) == {"reward_margin", "reward_accuracy"}


def test_the_reference_is_computed_once_and_kept_with_the_state(tmp_path: Path) -> None:
    trainer = trainer_of(tmp_path, pairs_pool(), objective="preference", loss=preferring(), num_steps=12)
    assert trainer.train()
    kept = load_file(tmp_path / LAST_FOLDER / OBJECTIVE_FILE)["dpo.reference"]
    assert kept.shape == (24, 2)
    metrics = [json.loads(line)["event"] for line in (tmp_path / "job.ndjson").read_text().splitlines()]
    values = [event["values"] for event in metrics if event["type"] == "metric"]
    assert values[0]["loss"] == pytest.approx(np.log(2), abs=1e-5)  # the model is its own reference at first
    assert values[-1]["loss"] < 0.6
    assert values[-1]["reward_accuracy"] > values[0]["reward_accuracy"]
    other = PreferenceLoss(pairs_pool(3), beta=BETA, batch_tokens=256, is_autocast=False)
    with pytest.raises(ValueError, match="the reference of 3 pairs, but holds those of 24"):
        other.load_tensors({"dpo.reference": kept})


# Rows


def test_a_pair_is_one_row_of_two_dialogues_of_which_the_answers_are_learnt() -> None:
    tokenizer = tokenizer_load(shipped_tokenizer_folder())
    turns = [RowMessage(role="user", content="Hi."), RowMessage(role="assistant", content="Yes?")]
    asked = RowMessage(role="user", content="What is 1 + 1?")
    better, worse = (RowMessage(role="assistant", content=text) for text in ("2", "It may be 3"))
    row = PreferenceRow(prompt=(*turns, asked), chosen=(better,), rejected=(worse,))
    pool = pool_build([pair_row(tokenizer, row, group="x")], tokens_max=128)
    ids, mask = pairs_unfold(pool.batch(np.array([0])))
    prompt = encode_prompt(tokenizer, [*turns, asked], tools_allowed=True)
    for side, text in enumerate(("2", "It may be 3")):
        answer = [*encode_text(tokenizer, text), special_ids(tokenizer).end]
        assert ids[side, : len(prompt) + len(answer)].tolist() == prompt + answer
        assert ids[side, mask[side] == 1].tolist() == answer


def test_steps_are_judged_at_their_ends() -> None:
    tokenizer = tokenizer_load(shipped_tokenizer_folder())
    steps = [{"text": "1 + 1 = 2.", "is_right": True}, {"text": "So it is 3.", "is_right": False}]
    row = labelled_steps_row(tokenizer, StepRow.model_validate({"question": "1 + 1?", "steps": steps}), group="x")
    judged = [place for place, weight in enumerate(row.weights) if weight]
    assert [row.ids[place] for place in judged] == [special_ids(tokenizer).think_end] * 2
    assert row.labels is not None
    assert [row.labels[place] for place in judged] == [1.0, 0.0]
    assert judged[-1] == len(row.ids) - 1


def test_epochs_are_counted_in_steps() -> None:
    pool = counting_pool()
    order = EpochOrder(pool, batch_tokens=256, seed=5)
    num = order.num_batches(2, most=1_000)
    assert order.num_batches(2, most=3) == 3
    seen = np.concatenate([order.batch(step).rows_B for step in range(num)])
    assert sorted(seen) == sorted([*range(len(pool))] * 2)


def test_a_part_names_its_rows() -> None:
    batch = counting_pool(6).batch(np.array([4, 1, 3]))
    parts = World().parts(batch, "distill", num_parts=2)
    assert [part.rows_B.tolist() for part, _ in parts] == [[4, 3], [1]]
    assert sum(scale for _, scale in parts) == pytest.approx(1.0)
