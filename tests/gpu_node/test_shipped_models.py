"""The shipped weights are what their card says: the card is of these weights, and a sample of it is asked again."""

import json
from pathlib import Path

import pytest

from gpu_node.data.problem import HELD_OUT_SEED_FIRST
from gpu_node.evaluation.command import weights_sha256

pytestmark = [pytest.mark.model, pytest.mark.timeout(420)]

WEIGHTS = Path(__file__).parents[2] / "gpu_node" / "weights"
REASONER, CRITIC = WEIGHTS / "svend-nano", WEIGHTS / "svend-verifier-nano"
CARD = json.loads((REASONER / "model_card.json").read_text(encoding="utf-8"))
SHIPPED_BYTES_MAX = 40_000_000
PROBLEMS_PER_FAMILY = 50
OWN_MIN, UNSEEN_MIN, AUC_MIN = 0.85, 0.70, 0.75
AGAIN_PER_FAMILY = 3  # of the card's problems, asked again here
CRITIC_PROBLEMS = 330  # two samples each: the AUC's standard error is about 0.02


def test_the_card_is_of_these_weights() -> None:
    assert CARD["weights_sha256"] == weights_sha256(REASONER)
    assert sum(path.stat().st_size for path in WEIGHTS.rglob("*.safetensors")) < SHIPPED_BYTES_MAX


def test_the_card_holds_enough_of_every_family() -> None:
    for family in CARD["families"]:
        details = family["details"]
        for column in ("with_tools", "verified", "held_out", "held_out_verified", "without_tools"):
            assert details[column]["n"] >= PROBLEMS_PER_FAMILY, (family["family"], column)
    assert CARD["total"]["with_tools"]["share"] >= OWN_MIN
    assert CARD["total"]["held_out"]["share"] >= UNSEEN_MIN
    assert CARD["critic_auc"] >= AUC_MIN


def test_a_family_that_stays_weak_is_named() -> None:
    named = " ".join(CARD["cannot"])
    for family in CARD["families"]:
        if family["with_tools"] < 0.6:
            assert family["family"].replace("_", " ") in named, family["family"]


async def test_the_cards_problems_come_out_again() -> None:
    from gpu_node.evaluation.benchmarks import benchmark, evaluated_families
    from gpu_node.evaluation.loading import policy_load

    policy = policy_load(REASONER, None)
    await policy.tools.start()
    try:
        report = await benchmark(
            policy.orchestrator,
            families=evaluated_families(),
            num=AGAIN_PER_FAMILY,
            num_critic=0,
            modes=["own", "held_out"],
        )
    finally:
        await policy.tools.close()
        policy.engine.close()
    assert report.total("with_tools").value >= OWN_MIN, report.total("with_tools")
    assert report.total("held_out").value >= UNSEEN_MIN, report.total("held_out")


@pytest.mark.extra
@pytest.mark.timeout(600)
async def test_the_critic_tells_right_from_wrong() -> None:
    """On the policy's own samples, at seeds and in wordings that neither was trained on; a constant one gets 0.5."""
    from gpu_node.data.tokenizer import tokenizer_load
    from gpu_node.inference.placement import threads_set
    from gpu_node.model.checkpoint import load_checkpoint
    from gpu_node.recipes.nano_critic import answer_scores, auc, policy_sample, problems_draw

    policy, tokenizer = load_checkpoint(REASONER)[0], tokenizer_load(REASONER)
    threads_set(policy.num_parameters)
    critic = load_checkpoint(CRITIC)[0]
    first = HELD_OUT_SEED_FIRST + 900_000_000
    problems = problems_draw(seed_start=first, num=CRITIC_PROBLEMS // 2, phrasings="train", seed=1)
    problems += problems_draw(seed_start=first, num=CRITIC_PROBLEMS // 2, phrasings="held_out", seed=2)
    judged = await policy_sample(
        policy, tokenizer, problems, num_samples=2, temperature=0.7, seed=3, report=lambda *_: None
    )
    truth = [sample.is_right for sample in judged]
    assert auc(answer_scores(critic, judged), truth) >= AUC_MIN
    assert auc([0.5] * len(truth), truth) < AUC_MIN
