"""vLLM behind the InferenceBackend's face does what the torch engine does: ids, stops, seeds, bounds, cancel."""

import asyncio
import json
import re
import time

import httpx
import pytest
import torch

from gpu_node.data.chat_format import encode_prompt, special_ids
from gpu_node.data.families.registry import problem_draw
from gpu_node.data.problem import HELD_OUT_SEED_FIRST
from gpu_node.data.tokenizer import tokenizer_load
from gpu_node.evaluation.benchmarks import evaluated_families
from gpu_node.inference.backend import ContextExceeded, EngineBusy, EngineFailed, InferenceBackend, SamplingParams
from gpu_node.inference.engine import TorchEngine
from gpu_node.inference.vllm_backend import VllmBackend
from gpu_node.model.checkpoint import load_checkpoint
from gpu_node.protocol.run_spec import BUILT_IN_TOOLS, Message
from tests.gpu_node.tiny_model import NOTHING, generated
from tests.vllm.conftest import CONTEXT_TOKENS, NANO, Started

NUM_PROMPTS = 50
TIE = 1e-3  # of two logits in fp32: below, the order of additions decides which is larger
TOKENIZER = tokenizer_load(NANO)
SPECIAL = special_ids(TOKENIZER)
FORBIDDEN = frozenset(SPECIAL.never_sampled)
STOPS = frozenset(SPECIAL.eos)
RESULT = [SPECIAL.tool_result, *TOKENIZER.encode("[-2, 2]").ids, SPECIAL.tool_result_end]


def prompt(question: str) -> list[int]:
    return encode_prompt(TOKENIZER, [Message(role="user", content=question)], tools_allowed=True)


def questions(num: int) -> list[str]:
    families = evaluated_families()
    return [problem_draw(families[n % len(families)], HELD_OUT_SEED_FIRST + n).question for n in range(num)]


async def answered(backend: InferenceBackend, question: str, params: SamplingParams) -> list[int]:
    """The ids of a call, a forced result, and what follows."""
    sequence = backend.open(prompt(question), params)
    first = await generated(sequence, num_new=200, stop_ids=STOPS)
    sequence.extend(RESULT)
    second = await generated(sequence, num_new=100, stop_ids=STOPS)
    sequence.close()
    return first + RESULT + second


async def running(started: Started) -> float:
    """Requests that vLLM computes now, by its own metrics."""
    async with httpx.AsyncClient() as http:
        text = (await http.get(f"{started.process.url}/metrics")).text
    found = re.search(r"^vllm:num_requests_running\{[^}]*\} (\S+)$", text, re.MULTILINE)
    assert found is not None
    return float(found[1])


async def test_greedy_ids_are_the_torch_engines(nano: Started, torch_engine: TorchEngine) -> None:
    greedy = SamplingParams(forbidden_ids=FORBIDDEN)
    before = nano.backend.num_generated, torch_engine.num_generated
    by_torch = await asyncio.gather(*(answered(torch_engine, q, greedy) for q in questions(NUM_PROMPTS)))
    by_vllm = await asyncio.gather(*(answered(nano.backend, q, greedy) for q in questions(NUM_PROMPTS)))
    model, _ = load_checkpoint(NANO)
    num_ties = 0
    for question, ours, theirs in zip(questions(NUM_PROMPTS), by_torch, by_vllm, strict=True):
        if ours != theirs:
            num_ties += 1
            assert _gap_where_they_part(model, prompt(question), ours, theirs) < TIE, question
    assert num_ties <= NUM_PROMPTS // 10
    if num_ties == 0:
        assert nano.backend.num_generated - before[0] == torch_engine.num_generated - before[1]


@torch.inference_mode()
def _gap_where_they_part(model, start: list[int], ours: list[int], theirs: list[int]) -> float:
    """How far apart the two logits were at the first id that differs."""
    place = next(n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b)
    logits = model(torch.tensor([start + ours[:place]]))[0, -1]
    return float(logits[ours[place]] - logits[theirs[place]])


async def test_a_seed_repeats_and_another_one_does_not(nano: Started) -> None:
    def drawn(seed: int) -> SamplingParams:
        return SamplingParams(temperature=2.0, top_p=0.95, seed=seed, forbidden_ids=FORBIDDEN)

    question = questions(1)[0]
    alone = await answered(nano.backend, question, drawn(5))
    again, other, *_ = await asyncio.gather(*(answered(nano.backend, question, drawn(s)) for s in (5, 6, 7, 8)))
    assert again == alone
    assert other != alone


async def test_a_forbidden_id_is_never_said(nano: Started) -> None:
    ids = prompt(questions(1)[0])
    said = await generated(nano.backend.open(ids, SamplingParams()), num_new=30)
    forbidden = frozenset(said)
    for temperature in (0.0, 1.5):
        params = SamplingParams(temperature=temperature, seed=3, forbidden_ids=forbidden)
        assert forbidden.isdisjoint(await generated(nano.backend.open(ids, params), num_new=60))


async def test_only_the_ids_asked_for_end_a_stretch(nano: Started) -> None:
    ids = prompt(questions(1)[0])
    whole = await generated(nano.backend.open(ids, SamplingParams()), num_new=120)
    assert len(whole) == 120  # past the turn's end, which nobody named
    stop = whole[10]
    said = await generated(nano.backend.open(ids, SamplingParams()), num_new=120, stop_ids=frozenset({stop}))
    assert said == whole[: whole.index(stop) + 1]


async def test_generation_stops_at_the_context(nano: Started) -> None:
    sequence = nano.backend.open([50] * (CONTEXT_TOKENS - 12), SamplingParams())
    assert len(await generated(sequence, num_new=1000)) == 12
    assert await generated(sequence, num_new=1) == []
    with pytest.raises(ContextExceeded):
        sequence.extend([50])
    with pytest.raises(ContextExceeded):
        nano.backend.open([50] * CONTEXT_TOKENS, SamplingParams())


async def test_open_sequences_are_bounded(nano: Started) -> None:
    few = VllmBackend(nano.process, context_tokens=64, vocab_size=2048, vocab_used=2048, sequences_max=2)
    first, _ = few.open([20], SamplingParams()), few.open([20], SamplingParams())
    with pytest.raises(EngineBusy):
        few.open([20], SamplingParams())
    first.close()
    first.close()
    few.open([20], SamplingParams()).close()


async def test_a_fork_goes_on_from_the_same_ids(nano: Started) -> None:
    ids = prompt(questions(1)[0])
    whole = await generated(nano.backend.open(ids, SamplingParams()), num_new=40)
    stem = nano.backend.open(ids, SamplingParams())
    assert await generated(stem, num_new=15) == whole[:15]
    forks = [await stem.fork(SamplingParams(temperature=2.0, seed=seed)) for seed in (1, 2)]
    one, other = await asyncio.gather(*(generated(fork, num_new=25) for fork in forks))
    assert one != other
    assert await generated(stem, num_new=25) == whole[15:]


AT_ONCE = 12  # side by side they take longer than a short context does alone


async def test_leaving_reaches_vllm_within_a_second(nano: Started) -> None:
    num_open = nano.backend.num_open
    sequences = [nano.backend.open(prompt(q), SamplingParams()) for q in questions(AT_ONCE)]
    stretches = [s.generate(stop_ids=NOTHING, max_new_tokens=900) for s in sequences]
    for stretch in stretches:
        await anext(stretch)
    assert await running(nano) > 0  # the first may be over: a quiet machine takes two seconds for all
    left_at = time.monotonic()
    for stretch in stretches:
        await stretch.aclose()
    while await running(nano) > 0:
        await asyncio.sleep(0.02)
        assert time.monotonic() - left_at < 1
    assert nano.backend.num_open == num_open


async def test_what_vllm_refuses_is_said_in_its_words(nano: Started) -> None:
    with pytest.raises(EngineFailed, match="out of vocabulary"):
        await generated(nano.backend.open([5000], SamplingParams()), num_new=5)


async def test_vllms_own_chat_route_gives_clean_tool_calls(nano: Started) -> None:
    """Both ends are in generation_config.json, the form of a call in tokenizer_config.json."""
    body = {"model": "svend", "messages": [{"role": "user", "content": "What is 1234 * 5678?"}], "temperature": 0}
    tools = [{"type": "function", "function": {"name": name}} for name in BUILT_IN_TOOLS]
    body |= {"tools": tools, "max_tokens": 200}
    headers = {"Authorization": f"Bearer {nano.process.api_key}"}
    async with httpx.AsyncClient(base_url=nano.process.url, headers=headers, timeout=60) as http:
        answer = (await http.post("/v1/chat/completions", json=body)).json()
    (choice,) = answer["choices"]
    assert choice["finish_reason"] == "tool_calls", answer
    assert not choice["message"]["content"]
    (call,) = choice["message"]["tool_calls"]
    sequence = nano.backend.open(prompt("What is 1234 * 5678?"), SamplingParams())
    ids = await generated(sequence, num_new=200, stop_ids=STOPS)
    assert answer["usage"]["completion_tokens"] == len(ids)
    name_at, arguments_at = ids.index(SPECIAL.tool_name), ids.index(SPECIAL.tool_args)
    assert call["function"]["name"] == TOKENIZER.decode(ids[name_at + 1 : arguments_at])
    arguments = json.loads(TOKENIZER.decode(ids[arguments_at + 1 : -1]))
    assert json.loads(call["function"]["arguments"]) == arguments


async def test_others_on_the_machine_cannot_use_it(nano: Started) -> None:
    async with httpx.AsyncClient(base_url=nano.process.url) as http:
        assert (await http.post("/v1/completions", json={"model": "svend", "prompt": [50]})).status_code == 401
