"""Sampling with tools in batches gives what sampling alone gives, and the critic's data is labelled as it claims."""

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from gpu_node.data.chat_format import SpecialIds, special_ids
from gpu_node.data.packing import pool_load
from gpu_node.data.synthetic import tokenizer_texts
from gpu_node.data.tokenizer import tokenizer_train
from gpu_node.model.config import ModelConfig
from gpu_node.model.transformer import Transformer
from gpu_node.recipes.nano_critic import Judged, auc, critic_rows, problems_draw, thresholds_choose
from gpu_node.recipes.nano_rows import Mixture, Part, PoolSpec, mixture_make, pool_make, spans_make, validation_make
from gpu_node.recipes.span_rows import span_rows
from gpu_node.training import rollouts
from gpu_node.training.exact_rate import ExactRates
from gpu_node.training.rollouts import Rollout, rollouts_sample


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Tiny products on several threads of a busy machine only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _short_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollouts, "NEW_TOKENS_MAX", 30)


@pytest.fixture(scope="module")
def tokenizer():
    return tokenizer_train(tokenizer_texts(1_500), vocab_size=1024)


@pytest.fixture(scope="module")
def policy(tokenizer) -> Transformer:
    """Random weights: it writes rubbish, calls included, which is the harder case for the loop."""
    config = ModelConfig(
        vocab_size=1024, width=128, num_layers=1, num_heads=2, num_kv_heads=1, mlp_width=128, context_tokens=1024
    )
    torch.manual_seed(0)
    model = Transformer(config).eval()
    ids = special_ids(tokenizer)
    with torch.no_grad():  # it likes to end calls, so that tools are met
        model.lm_head.weight[ids.tool_call_end] *= 4
        model.lm_head.weight[ids.end] *= 3
    return model


def asked(ids: SpecialIds, *question: int) -> list[int]:
    return [*ids.start, *ids.opening("user"), *question, ids.end, *ids.opening("assistant")]


async def echo(name: str, arguments: str) -> str:
    await asyncio.sleep(0.001)
    return f"{len(name)} {len(arguments)}"


def test_rows_of_a_batch_do_not_touch_each_other(tokenizer, policy) -> None:
    ids = special_ids(tokenizer)
    prompts = [asked(ids, 100 + i, *range(200, 200 + 3 * i)) for i in range(5)]

    async def sample(batch):
        return await rollouts_sample(policy, tokenizer, batch, call_tool=echo, temperature=0.0, seed=0)

    together = asyncio.run(sample(prompts))
    for prompt, row in zip(prompts, together, strict=True):
        [alone] = asyncio.run(sample([prompt]))
        assert row.ids == alone.ids
        assert row.ids[: len(prompt)] == prompt
        assert len(row.ids) == len(row.is_sampled)


def test_tags_that_only_others_write_are_never_sampled(tokenizer, policy) -> None:
    ids = special_ids(tokenizer)
    prompts = [asked(ids, 300 + i) for i in range(8)]
    rows = asyncio.run(rollouts_sample(policy, tokenizer, prompts, call_tool=echo, temperature=1.5, seed=3))
    sampled = {t for row in rows for t, was in zip(row.ids, row.is_sampled, strict=True) if was}
    assert not sampled & set(ids.never_sampled)
    assert any(ids.tool_result in row.ids for row in rows)


def judged(is_right: bool) -> Judged:
    rollout = Rollout(prompt_tokens=2, ids=[1, 4, 50, 7, 60, 2], is_sampled=[False] * 2 + [True] * 4, ends=[4, 6])
    return Judged(problem=None, rollout=rollout, answer="", is_right=is_right)  # type: ignore[arg-type]


def test_every_end_of_a_step_is_labelled_and_right_ones_are_thinned(tokenizer) -> None:
    samples = [judged(True)] * 10 + [judged(False)] * 2
    rows = list(critic_rows(samples, tokenizer, seed=0, right_per_wrong=2.0, altered_share=0.0))
    assert sorted(row.group for row in rows) == ["False"] * 2 + ["True"] * 4
    for row in rows:
        assert row.weights == [0, 0, 0, 1.0, 0, 2.0]
        assert row.labels == [0, 0, 0, float(row.group == "True"), 0, float(row.group == "True")]


def test_an_altered_question_makes_its_call_and_answer_wrong_but_not_the_thought(tokenizer) -> None:
    ids = special_ids(tokenizer)
    three, five = tokenizer.token_to_id("3"), tokenizer.token_to_id("5")
    written = [50, ids.think_end, ids.tool_call, three, ids.tool_call_end, ids.tool_result, five, ids.tool_result_end]
    rollout = Rollout(
        prompt_tokens=3,
        ids=[*ids.opening("user"), three, *ids.opening("assistant"), *written, five, ids.end],
        is_sampled=[False] * 3 + [True] * 5 + [False] * 3 + [True] * 2,
        ends=[5, 11, 13],
    )
    sample = Judged(problem=None, rollout=rollout, answer="", is_right=True)  # type: ignore[arg-type]
    rows = list(critic_rows([sample], tokenizer, seed=0, right_per_wrong=1.0, altered_share=1.0))
    [altered] = [row for row in rows if row.group == "False"]
    assert altered.ids[1] != three
    assert altered.ids[2:] == rollout.ids[2:]
    assert [place for place, weight in enumerate(altered.weights) if weight] == [10, 12]
    assert not any(altered.labels)


def test_the_auc_is_a_half_for_a_constant_critic_and_one_for_a_perfect_one() -> None:
    truth = [True, False, True, True]
    assert auc([0.3] * 4, truth) == 0.5
    assert auc([0.9, 0.1, 0.8, 0.7], truth) == 1.0
    assert auc([0.1, 0.9, 0.2, 0.3], truth) == 0.0


def test_thresholds_keep_their_precision() -> None:
    scores = list(np.linspace(0, 1, 101))
    truth = [score > 0.3 for score in scores]
    accept, reject = thresholds_choose(scores, truth, accept_precision=0.97, reject_precision=0.9)
    assert np.mean([t for s, t in zip(scores, truth, strict=True) if s >= accept]) >= 0.97
    assert np.mean([not t for s, t in zip(scores, truth, strict=True) if s <= reject]) >= 0.9


def test_problems_of_the_critic_are_confirmed_by_their_tools() -> None:
    problems = problems_draw(seed_start=5_000, num=20, phrasings="train", seed=0)
    assert len(problems) > 15
    assert len({problem.family for problem in problems}) > 8


def test_a_pool_is_drawn_once_and_then_read(tmp_path: Path, tokenizer) -> None:
    spec = PoolSpec(name="small", seed_start=0, num_seeds=40, copy_share=0.5)
    first = pool_make(tmp_path, spec, tokenizer)
    assert np.array_equal(first.ids, pool_make(tmp_path, spec, tokenizer).ids)
    assert "repeat" in first.group_names


def test_exact_rates_see_only_what_the_assistant_writes(tmp_path: Path, tokenizer) -> None:
    """Random weights write no call right, in any of the families and phrasings."""
    pool = validation_make(tmp_path, tokenizer, num_per_family=1)
    torch.manual_seed(0)
    config = ModelConfig(
        vocab_size=1024, width=128, num_layers=1, num_heads=2, num_kv_heads=1, mlp_width=128, context_tokens=1024
    )
    with torch.no_grad():
        rates = ExactRates(pool_load(tmp_path / "validation.npz"), special_ids(tokenizer))(Transformer(config).eval())
    assert len(pool.group_names) > 100
    assert rates["call"] == 0.0
    assert rates["row"] == 0.0


def test_rows_of_spans_answer_with_pieces_of_their_question(tmp_path: Path, tokenizer) -> None:
    """Every id that carries loss follows, in the question, an id that it follows in the answer."""
    pool = pool_make(tmp_path, PoolSpec(name="small", seed_start=0, num_seeds=40, copy_share=0.5), tokenizer)
    ids = special_ids(tokenizer)
    for row in span_rows(pool, ids, vocab_size=1024, num=50, seed=3):
        [answer_at] = ids.turn_starts(row.ids, "assistant")
        question = row.ids[2 : answer_at - 2]
        pairs = set(itertools.pairwise(question))
        for place in range(answer_at + 1, len(row.ids)):
            if row.weights[place] and place > answer_at + 1:
                assert (row.ids[place - 1], row.ids[place]) in pairs
        assert not set(question) & ids.markup


def test_a_mixture_takes_the_rows_it_names(tmp_path: Path, tokenizer) -> None:
    spec = PoolSpec(name="small", seed_start=0, num_seeds=40, copy_share=0.5)
    pool = pool_make(tmp_path, spec, tokenizer)
    spans = spans_make(tmp_path, pool, tokenizer, num=10, seed=0)
    mixture = Mixture(spans=(2, 6), parts=(Part(spec, last=5), Part(spec, families=("repeat",))))
    mixed = mixture_make(mixture, {"small": pool}, spans)
    num_repeat = int((pool.groups == pool.group_names.index("repeat")).sum())
    assert len(mixed) == 4 + 5 + num_repeat


def test_sampling_keeps_no_graph(tokenizer, policy) -> None:
    """A graph kept over the steps of a batch took 20 GB once; the tools run between the steps, so they can look."""
    ids = special_ids(tokenizer)
    was_enabled: list[bool] = []

    async def look(name: str, arguments: str) -> str:
        was_enabled.append(torch.is_grad_enabled())
        return "1"

    prompts = [asked(ids, 300 + i) for i in range(8)]
    asyncio.run(rollouts_sample(policy, tokenizer, prompts, call_tool=look, temperature=1.5, seed=3))
    assert was_enabled
    assert not any(was_enabled)
