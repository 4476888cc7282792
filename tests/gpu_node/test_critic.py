"""The critic's model: padding and batching change no score; failures are said."""

import asyncio
from dataclasses import replace

import pytest

from gpu_node.inference.backend import EngineFailed
from gpu_node.inference.critic import TorchCritic
from gpu_node.reasoning.verifier import Thresholds, thresholds_load
from tests.gpu_node.tiny_model import CONFIG, tiny_model


@pytest.fixture
def critic():
    critic = TorchCritic(tiny_model(config=replace(CONFIG, has_score_head=True)))
    yield critic
    critic.close()


async def test_a_batch_scores_as_each_alone(critic: TorchCritic):
    rows = [[20 + number, *range(30, 30 + 9 * number)] for number in range(20)]
    alone = [(await critic.score([row]))[0] for row in rows]
    together = await asyncio.gather(*(critic.score([row]) for row in rows))
    assert [score for [score] in together] == pytest.approx(alone, abs=1e-5)
    assert await critic.score(rows) == pytest.approx(alone, abs=1e-5)
    assert all(0 <= score <= 1 for score in alone)
    assert max(alone) - min(alone) > 0.01


async def test_a_sequence_that_goes_on_is_read_from_where_it_was_left(critic: TorchCritic):
    whole = [(7 * number) % 250 + 20 for number in range(120)]
    steps = [whole[:length] for length in (40, 41, 90, 120)]
    forks = [[*whole[:90], 30 + number, 31] for number in range(4)]
    asked = [*steps, *forks, whole]
    fresh = [TorchCritic(tiny_model(config=replace(CONFIG, has_score_head=True))) for _ in asked]
    anew = [(await other.score([ids]))[0] for other, ids in zip(fresh, asked, strict=True)]
    widths: list[tuple[int, ...]] = []
    critic._model.model.embed_tokens.register_forward_hook(lambda _module, read, _out: widths.append(read[0].shape))
    going_on = [(await critic.score([ids]))[0] for ids in steps]
    together = await critic.score([*forks, whole])
    assert going_on + together == pytest.approx(anew, abs=1e-5)
    assert widths == [(1, 40), (1, 1), (1, 49), (1, 30), (5, 30)]  # whole was read up to 90 before, forks too


async def test_an_asker_that_leaves_disturbs_nobody(critic: TorchCritic):
    leaving = asyncio.create_task(critic.score([[20] * 400]))
    staying = asyncio.create_task(critic.score([[21, 22]]))
    await asyncio.sleep(0)
    leaving.cancel()
    assert len(await staying) == 1


async def test_a_failure_is_said(critic: TorchCritic):
    with pytest.raises(EngineFailed, match="the critic failed"):
        await critic.score([[99_999]])
    assert len(await critic.score([[20]])) == 1


def test_a_reasoner_is_no_critic():
    with pytest.raises(ValueError, match="no score head"):
        TorchCritic(tiny_model())


def test_thresholds_are_read_and_checked(tmp_path):
    path = tmp_path / "verifier.json"
    path.write_text('{"accept_above": 0.6, "reject_below": 0.2, "auc": 0.9}')
    thresholds = thresholds_load(tmp_path)
    assert [thresholds.verdict(score) for score in (0.6, 0.5, 0.2)] == ["accept", "abstain", "reject"]
    path.write_text('{"accept_above": 0.1, "reject_below": 0.2}')
    with pytest.raises(ValueError, match="need 0 <= reject_below"):
        thresholds_load(tmp_path)
    with pytest.raises(ValueError, match="need 0 <="):
        Thresholds(accept_above=1.5, reject_below=0)
