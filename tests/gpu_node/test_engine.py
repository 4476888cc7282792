"""The torch engine: batching, caching, parking and aborting change nothing in what a sequence says."""

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from gpu_node.inference.backend import ContextExceeded, EngineBusy, EngineFailed, SamplingParams
from gpu_node.inference.engine import TorchEngine
from gpu_node.inference.sampler import sample
from gpu_node.model.transformer import Transformer
from tests.gpu_node.tiny_model import CONFIG, generated, greedy, greedy_slowly, tiny_model


@pytest.fixture(scope="module")
def model() -> Transformer:
    return tiny_model()


@pytest.fixture
def engine(model: Transformer) -> Iterator[TorchEngine]:
    engine = TorchEngine(model, slots_max=4)
    yield engine
    engine.close()
    assert not engine.is_healthy


def prompt(seed: int, length: int) -> list[int]:
    rng = random.Random(seed)
    return [rng.randrange(20, CONFIG.vocab_size) for _ in range(length)]


async def test_a_batch_says_what_each_would_say_alone(engine: TorchEngine, model: Transformer):
    prompts = [prompt(number, 3 + 11 * number) for number in range(9)]  # more than slots, all lengths different
    counts = [5 + 3 * number for number in range(9)]
    sequences = [engine.open(ids, greedy()) for ids in prompts]
    batched = await asyncio.gather(*(generated(s, num_new=n) for s, n in zip(sequences, counts, strict=True)))
    assert [len(ids) for ids in batched] == counts
    for ids, said, count in zip(prompts, batched, counts, strict=True):
        assert said == greedy_slowly(model, ids, num_new=count)
    assert engine.num_generated == sum(counts)


async def test_extending_with_forced_ids_equals_computing_anew(engine: TorchEngine, model: Transformer):
    async def with_tool(seed: int) -> None:
        ids, forced = prompt(seed, 20), prompt(seed + 100, 1 + seed)
        sequence = engine.open(ids, greedy())
        first = await generated(sequence, num_new=7)
        await asyncio.sleep(0.002 * seed)  # the others go on meanwhile
        sequence.extend(forced)
        second = await generated(sequence, num_new=9)
        sequence.close()
        assert first == greedy_slowly(model, ids, num_new=7)
        assert second == greedy_slowly(model, ids + first + forced, num_new=9)

    await asyncio.gather(*(with_tool(seed) for seed in range(8)))
    assert engine.num_open == 0


async def test_a_waiting_sequence_holds_no_slot(engine: TorchEngine):
    waiting = [engine.open(prompt(seed, 10), greedy()) for seed in range(8)]
    await asyncio.gather(*(generated(sequence, num_new=2) for sequence in waiting))
    assert engine._scheduler.running == []
    assert all(sequence.state.parked is not None for sequence in waiting)
    assert len(await generated(engine.open(prompt(9, 5), greedy()), num_new=3)) == 3


async def test_a_long_prompt_pays_for_its_own_slot_alone(engine: TorchEngine):
    place_bytes = 2 * CONFIG.num_layers * CONFIG.num_kv_heads * CONFIG.head_dim * 4
    await generated(engine.open(prompt(1, 300), greedy()), num_new=4)
    assert engine._cache.num_bytes == 512 * place_bytes
    await asyncio.gather(*(generated(engine.open(prompt(seed, 5), greedy()), num_new=4) for seed in range(3)))
    assert engine._cache.num_bytes == 4 * 512 * place_bytes


async def test_numbers_that_are_not_finite_do_not_outlive_their_sequence():
    config = replace(CONFIG, is_tied=False)
    broken, model = tiny_model(config=config), tiny_model(config=config)
    with torch.no_grad():
        broken.model.embed_tokens.weight[7] = float("nan")
    engine = TorchEngine(broken, slots_max=2)
    bad, long, short = [7, *prompt(1, 200)], prompt(2, 150), prompt(3, 6)

    async def failing() -> None:
        with pytest.raises(EngineFailed, match="finite"):
            await generated(engine.open(bad, greedy()), num_new=2)

    await asyncio.gather(generated(engine.open(short, greedy()), num_new=2), failing(), failing())
    said = await asyncio.gather(*(generated(engine.open(ids, greedy()), num_new=8) for ids in (long, short)))
    engine.close()
    assert said == [greedy_slowly(model, ids, num_new=8) for ids in (long, short)]


async def test_a_long_prompt_is_computed_in_chunks_beside_others(model: Transformer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gpu_node.inference.scheduler.PREFILL_TOKENS_MAX", 16)
    engine = TorchEngine(model, slots_max=4)
    prompts = [prompt(1, 300), prompt(2, 4), prompt(3, 90), prompt(4, 17)]
    said = await asyncio.gather(*(generated(engine.open(ids, greedy()), num_new=12) for ids in prompts))
    engine.close()
    for ids, new in zip(prompts, said, strict=True):
        assert new == greedy_slowly(model, ids, num_new=12)


async def test_a_stop_id_ends_generation_and_is_handed_over(engine: TorchEngine, model: Transformer):
    ids = prompt(5, 12)
    expected = greedy_slowly(model, ids, num_new=30)
    stop = expected[10]
    said = await generated(engine.open(ids, greedy()), num_new=30, stop_ids=frozenset({stop}))
    assert said == expected[: expected.index(stop) + 1]


async def test_a_forbidden_id_is_never_said(engine: TorchEngine, model: Transformer):
    ids = prompt(6, 12)
    forbidden = frozenset(greedy_slowly(model, ids, num_new=20))
    for temperature in (0.0, 1.5):
        params = SamplingParams(temperature=temperature, seed=3, forbidden_ids=forbidden)
        assert not forbidden & set(await generated(engine.open(ids, params), num_new=60))


async def test_a_seed_repeats_whatever_runs_beside_it(engine: TorchEngine):
    params = SamplingParams(temperature=1.0, top_p=0.9, seed=42)
    alone = await generated(engine.open(prompt(7, 10), params), num_new=25)
    crowd = [engine.open(prompt(seed, 8), SamplingParams(temperature=1.3, seed=seed)) for seed in range(3)]
    together, *_ = await asyncio.gather(
        generated(engine.open(prompt(7, 10), params), num_new=25), *(generated(s, num_new=40) for s in crowd)
    )
    assert together == alone
    other = await generated(engine.open(prompt(7, 10), SamplingParams(temperature=1.0, seed=43)), num_new=25)
    assert other != alone


async def test_leaving_the_iterator_frees_the_slot_at_once(engine: TorchEngine):
    sequence = engine.open(prompt(8, 10), greedy())
    generation = sequence.generate(stop_ids=frozenset(), max_new_tokens=400)
    await anext(generation)
    started = time.monotonic()
    await generation.aclose()
    while engine._scheduler.running:
        await asyncio.sleep(0.001)
        assert time.monotonic() - started < 1
    assert engine.num_open == 0


async def test_cancelled_askers_disturb_nobody(engine: TorchEngine, model: Transformer):
    doomed = [asyncio.create_task(generated(engine.open(prompt(s, 9), greedy()), num_new=300)) for s in range(6)]
    kept = asyncio.create_task(generated(engine.open(prompt(50, 30), greedy()), num_new=60))
    for task in doomed:
        await asyncio.sleep(0.005)
        task.cancel()
    assert await kept == greedy_slowly(model, prompt(50, 30), num_new=60)
    await asyncio.gather(*doomed, return_exceptions=True)


async def test_generation_stops_at_the_context(engine: TorchEngine):
    sequence = engine.open(prompt(9, 500), greedy())
    assert len(await generated(sequence, num_new=1000)) == 12
    assert await generated(sequence, num_new=1) == []
    with pytest.raises(ContextExceeded):
        sequence.extend([1])
    with pytest.raises(ContextExceeded):
        engine.open(prompt(9, 512), greedy())


async def test_open_sequences_are_bounded(model: Transformer):
    engine = TorchEngine(model, sequences_max=2)
    first, _ = (engine.open([20, 21], greedy()) for _ in range(2))
    with pytest.raises(EngineBusy):
        engine.open([20, 21], greedy())
    first.close()
    first.close()
    engine.open([20, 21], greedy()).close()
    engine.close()


async def test_a_failing_step_fails_its_sequences_and_the_engine_goes_on(model: Transformer):
    class Failing(Transformer):
        def head(self, x_BTC: torch.Tensor) -> torch.Tensor:
            if self.fails:
                raise MemoryError("no room")
            return super().head(x_BTC)

    failing = Failing(CONFIG)
    failing.load_state_dict(model.state_dict())
    failing.fails = True
    engine = TorchEngine(failing)
    with pytest.raises(EngineFailed, match="MemoryError: no room"):
        await generated(engine.open(prompt(1, 5), greedy()), num_new=5)
    failing.fails = False
    assert len(await generated(engine.open(prompt(1, 5), greedy()), num_new=5)) == 5
    engine.close()


async def test_logits_that_are_not_finite_fail_the_sequence(model: Transformer):
    broken = tiny_model()
    with torch.no_grad():
        broken.model.norm.weight.fill_(float("nan"))
    engine = TorchEngine(broken)
    with pytest.raises(EngineFailed, match="no finite logits"):
        await generated(engine.open(prompt(1, 5), greedy()), num_new=5)
    engine.close()


async def test_closing_the_engine_fails_what_runs(model: Transformer):
    engine = TorchEngine(model)
    task = asyncio.create_task(generated(engine.open(prompt(1, 5), greedy()), num_new=500))
    await asyncio.sleep(0.05)
    engine.close()
    with pytest.raises(EngineFailed, match="closing"):
        await task


def test_transformers_says_the_same(model: Transformer, tmp_path):
    from transformers import AutoModelForCausalLM

    from gpu_node.model.checkpoint import save_checkpoint

    save_checkpoint(tmp_path / "tiny", model, dtype=torch.float32)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "tiny")
    ids = prompt(11, 25)

    async def ours() -> list[int]:
        engine = TorchEngine(model)
        said = await generated(engine.open(ids, greedy()), num_new=30)
        engine.close()
        return said

    out = theirs.generate(
        torch.tensor([ids]), attention_mask=torch.ones(1, 25), max_new_tokens=30, do_sample=False, eos_token_id=None
    )
    assert out[0, 25:].tolist() == asyncio.run(ours())


def test_top_p_keeps_the_smallest_head_of_the_distribution():
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]]))
    nothing = torch.zeros(1, 4, dtype=torch.bool)

    def drawn(top_p: float) -> set[int]:
        params = [SamplingParams(temperature=1.0, top_p=top_p)]
        return {sample(logits, nothing, params, [number / 200])[0] for number in range(200)}

    assert drawn(0.5) == {0}
    assert drawn(0.75) == {0, 1}
    assert drawn(1.0) == {0, 1, 2, 3}


def test_samples_follow_the_distribution():
    logits = torch.log(torch.tensor([[0.1, 0.6, 0.3]]))
    params = [SamplingParams(temperature=1.0)]
    ids = [sample(logits, torch.zeros(1, 3, dtype=torch.bool), params, [n / 1000])[0] for n in range(1000)]
    assert [ids.count(token_id) for token_id in range(3)] == pytest.approx([100, 600, 300], abs=2)


async def test_forks_say_what_each_would_say_of_the_same_ids_alone(engine: TorchEngine, model: Transformer):
    ids, forced = prompt(20, 40), prompt(21, 9)
    root = engine.open(ids, greedy())
    fresh = [await root.fork(greedy(seed=seed)) for seed in range(6)]
    computed = root.state.parked
    assert computed is not None
    assert computed.shape[3] == len(ids) - 1  # once for all of them
    assert all(fork.state.parked is computed for fork in fresh)
    firsts = await asyncio.gather(*(generated(fork, num_new=5 + number) for number, fork in enumerate(fresh)))
    for number, said in enumerate(firsts):
        assert said == greedy_slowly(model, ids, num_new=5 + number)
    assert root.state.parked is computed, "a fork wrote to what it shares"
    fresh[0].extend(forced)
    grown = await fresh[0].fork(greedy())
    assert await generated(grown, num_new=8) == greedy_slowly(model, ids + firsts[0] + forced, num_new=8)
    assert await generated(fresh[0], num_new=8) == greedy_slowly(model, ids + firsts[0] + forced, num_new=8)
    assert engine.num_generated == sum(5 + number for number in range(6)) + 16
    for sequence in (root, grown, *fresh):
        sequence.close()
    assert engine.num_open == 0


async def test_a_fork_draws_by_its_own_seed(engine: TorchEngine):
    params = [SamplingParams(temperature=1.0, seed=seed) for seed in (5, 6, 5)]
    root = engine.open(prompt(22, 10), greedy())
    said = [await generated(await root.fork(param), num_new=20) for param in params]
    alone = await generated(engine.open(prompt(22, 10), params[0]), num_new=20)
    assert said[0] == said[2] == alone
    assert said[1] != said[0]
