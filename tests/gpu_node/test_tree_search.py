"""Searches over a scripted model: what each strategy chooses, merges, gives up and says, within its budget."""

import asyncio
import itertools
import random
from contextlib import aclosing
from dataclasses import replace

import pytest
from pydantic import ValidationError

from gpu_node.inference.backend import EngineFailed, SamplingParams
from gpu_node.inference.engine import TorchEngine
from gpu_node.inference.scripted import Answer, Attempt, Call, ScriptedSequence, Thought
from gpu_node.protocol.frames import (
    BranchClose,
    BranchOpen,
    BranchPrune,
    BranchScore,
    BranchSelect,
    RunEvent,
    RunFinished,
    RunStarted,
    Search,
    StepClose,
    StepOpen,
    ToolCall,
    Usage,
    VerifierScore,
)
from gpu_node.protocol.run_spec import RunSpec
from gpu_node.reasoning.orchestrator import RunRefused
from gpu_node.reasoning.verifier import Thresholds
from tests.gpu_node.scripted_node import SOLVE, Cast, cast, spec
from tests.gpu_node.tiny_model import CONFIG, generated, tiny_model

CALL = Call("symbolic_math", SOLVE)
TREE: list[Attempt] = [
    [Thought("wrong"), CALL, Thought("so"), Answer("1, wrong")],
    [Thought("maybe"), CALL, Thought("then"), Answer("x = 5")],
    [Thought("maybe"), CALL, Thought("then"), Answer("2, right")],
    [Thought("a way"), CALL, Thought("then"), Answer("x = 5")],
]
ANSWERS: dict[str, list[Attempt]] = {
    "tree": TREE,
    "votes": [[Answer("1/2")], [Answer("x = 3")], [Answer("0.5")], [Answer("7")]],
    "tie": [[Answer("4 wrong")], [Answer("3")], [Answer("3.0")], [Answer("4 wrong")]],
    "sure": [[Thought("ok"), Answer("right")]],
    "unsure": [[Answer("5")], [Answer("6 wrong")], [Answer("5 right")], [Answer("7 wrong")]],
    "hopeless": [[Answer("1 wrong")], [Answer("2 wrong")]],
    "endless": [[Thought("hm " * 400)]],
    "lines": [[Thought("one\ntwo\n"), Answer("line\nright")]],
    "slow": [[Thought("slow " * 300), Answer("done")]],
}
STRATEGIES = ("majority", "best_of_n", "beam", "mcts", "auto")


def search(strategy: str, width: int = 4, depth: int = 4) -> dict[str, object]:
    return {"strategy": strategy, "width": width, "depth": depth}


async def searched(cast_: Cast, spec_: RunSpec) -> tuple[list[RunEvent], Usage]:
    """The run's events; checks what holds of every search."""
    prepared = cast_.orchestrator.prepare(spec_)
    pairs = [pair async for pair in prepared.events()]
    check(cast_, spec_, [event for event, _ in pairs], [usage for _, usage in pairs], len(prepared.prompt_ids))
    return [event for event, _ in pairs], pairs[-1][1]


def check(cast_: Cast, spec_: RunSpec, events: list[RunEvent], usages: list[Usage], num_prompt: int) -> None:
    usage = usages[-1]
    assert cast_.backend.num_open == 0, "a sequence was left open"
    assert usage.completion_tokens == cast_.backend.num_generated
    assert usage.total_tokens <= spec_.max_total_tokens
    assert usage.completion_tokens <= (spec_.max_completion_tokens or usage.completion_tokens)
    for before, after in itertools.pairwise(usages):
        assert all(getattr(after, name) >= getattr(before, name) for name in Usage.model_fields), "usage shrank"
    opened = [event.branch_id for event in only(events, BranchOpen)]
    closes = only(events, BranchClose)
    assert opened == list(range(len(opened)))
    assert sorted(close.branch_id for close in closes) == opened
    assert sum(close.usage.completion_tokens for close in closes) == usage.completion_tokens
    assert num_prompt + sum(close.usage.prompt_tokens for close in closes) == usage.prompt_tokens
    assert isinstance(events[-1], RunFinished)
    steps = only(events, StepOpen)
    assert sorted(step.step_id for step in steps) == sorted(close.step_id for close in only(events, StepClose))
    assert len({step.step_id for step in steps}) == len(steps)


def only(events: list[RunEvent], kind: type) -> list:
    return [event for event in events if isinstance(event, kind)]


def reasons(events: list[RunEvent], kind: type) -> list[str]:
    return [event.reason for event in only(events, kind)]


async def test_majority_counts_answers_by_their_value_and_needs_no_critic():
    events, _ = await searched(cast(answers=ANSWERS, has_critic=False), spec("votes", search=search("majority")))
    finished = events[-1]
    assert (finished.answer, finished.verdict, finished.branch_id) == ("1/2", None, 0)
    assert reasons(events, BranchSelect) == ["2 of 4 answers agree"]
    assert [event.parent_id for event in only(events, BranchOpen)] == [None] * 4
    assert only(events, RunStarted)[0].search == Search(strategy="majority")
    assert not only(events, VerifierScore)


async def test_a_tie_goes_to_the_critics_side():
    events, _ = await searched(cast(answers=ANSWERS), spec("tie", verify=True, search=search("majority")))
    assert events[-1].answer == "3"


async def test_best_of_n_is_the_critics_best():
    events, _ = await searched(cast(answers=ANSWERS), spec("tree", search=search("best_of_n")))
    finished = events[-1]
    assert (finished.answer, finished.verdict, finished.score) == ("2, right", "accept", 0.9)
    assert {event.branch_id: event.score for event in only(events, BranchScore)} == {0: 0.1, 1: 0.5, 2: 0.9, 3: 0.5}
    assert sum(isinstance(event, ToolCall) for event in events) == 4


async def test_branches_run_side_by_side():
    events, _ = await searched(cast(answers=ANSWERS), spec("tree", search=search("best_of_n")))
    opened = [event.branch_id for event in only(events, StepOpen)]
    assert len(set(opened[:4])) == 4, "a branch waited for another's end"


async def test_a_beam_keeps_the_best_steps_and_merges_equal_ones():
    events, _ = await searched(cast(answers=ANSWERS), spec("tree", search=search("beam", width=2, depth=4)))
    finished = events[-1]
    assert (finished.answer, finished.verdict) == ("2, right", "accept")
    pruned = reasons(events, BranchPrune)
    assert any(reason.startswith("the same state as branch") for reason in pruned)
    opens = {event.branch_id: event for event in only(events, BranchOpen)}
    path = path_of(opens, finished.branch_id)
    assert len(path) > 1
    assert opens[path[0]].parent_id is None
    kinds = [event.kind for event in only(events, StepOpen) if event.branch_id in path]
    assert kinds == ["thought", "thought", "answer"]
    assert sum(event.branch_id in path for event in only(events, ToolCall)) == 1


def path_of(opens: dict[int, BranchOpen], branch_id: int) -> list[int]:
    parent = opens[branch_id].parent_id
    return [branch_id] if parent is None else [*path_of(opens, parent), branch_id]


@pytest.mark.parametrize("strategy", ["beam", "mcts"])
async def test_a_merged_branch_counts_as_often_as_it_was_drawn(strategy: str):
    common: Attempt = [Thought("common"), Answer("5")]
    cast_ = cast(
        answers={"odd one": [common, common, common, [Thought("odd"), Answer("6 right")]]},
        thresholds=Thresholds(accept_above=0.95, reject_below=0.05),
    )
    events, _ = await searched(cast_, spec("odd one", search=search(strategy, width=4, depth=1)))
    assert (events[-1].answer, events[-1].score) == ("5", 0.5)


async def test_a_step_ends_with_a_line_of_reasoning():
    events, _ = await searched(cast(answers=ANSWERS), spec("lines", search=search("beam", width=1, depth=3)))
    steps = [
        (close.text, step.kind) for step, close in zip(only(events, StepOpen), only(events, StepClose), strict=True)
    ]
    path = path_of({event.branch_id: event for event in only(events, BranchOpen)}, events[-1].branch_id)
    assert ("one\n", "thought") in steps
    assert ("two\n", "thought") in steps
    assert len(path) == 3
    assert events[-1].answer == "line\nright"


async def test_mcts_looks_further_where_the_critic_sees_value():
    events, _ = await searched(cast(answers=ANSWERS), spec("tree", search=search("mcts", width=2, depth=4)))
    assert (events[-1].answer, events[-1].verdict) == ("2, right", "accept")
    assert "rollout" in reasons(events, BranchOpen)
    assert "mcts round 1" in reasons(events, BranchOpen)


async def test_auto_stops_at_an_accepted_answer():
    events, _ = await searched(cast(answers=ANSWERS), spec("sure", search=search("auto")))
    assert reasons(events, BranchOpen) == ["first answer"]
    assert reasons(events, BranchSelect) == ["the critic accepts the first answer"]


async def test_auto_spends_more_when_the_critic_is_unsure_and_says_why():
    events, _ = await searched(cast(answers=ANSWERS), spec("unsure", search=search("auto")))
    assert reasons(events, BranchOpen) == ["first answer"] + ["the critic is unsure of the first answer (0.50)"] * 3
    assert events[-1].answer == "5 right"
    events, _ = await searched(cast(answers=ANSWERS), spec("hopeless", search=search("auto", width=2)))
    assert reasons(events, BranchOpen)[1] == "the critic rejects the first answer (0.10)"
    assert events[-1].verdict == "reject"


async def test_auto_without_a_critic_is_a_majority_and_says_so():
    events, _ = await searched(cast(answers=ANSWERS, has_critic=False), spec("votes", search=search("auto")))
    assert set(reasons(events, BranchOpen)) == {"majority, because no critic is loaded"}
    assert (events[-1].answer, events[-1].verdict) == ("1/2", None)


@pytest.mark.parametrize("strategy", ["best_of_n", "beam", "mcts"])
def test_what_asks_a_critic_is_refused_without_one(strategy: str):
    with pytest.raises(RunRefused, match=f"the search '{strategy}' asks a critic and none is loaded") as refused:
        cast(has_critic=False).orchestrator.prepare(spec("tree", search=search(strategy)))
    assert refused.value.code == "no_critic"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (search("beam", width=17), "less than or equal to 16"),
        (search("beam", width=0), "greater than or equal to 1"),
        (search("mcts", width=16, depth=5), "16 x depth 5 is 80 branches; mcts may have at most 64"),
        (search("guess"), "'none', 'auto', 'majority'"),
    ],
)
def test_a_search_beyond_its_limits_is_refused_with_the_cure(wrong: dict[str, object], why: str):
    with pytest.raises(ValidationError, match=why):
        spec("tree", search=wrong)


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_search_never_spends_more_than_its_budget(strategy: str):
    """40 random budgets each: of all tokens, of generated ones, and the search's shape."""
    rng = random.Random(strategy)
    questions = [question for question in ANSWERS if question != "slow"]
    for _ in range(40):
        question = rng.choice(questions)
        cast_ = cast(answers=ANSWERS)
        num_prompt = len(cast_.orchestrator.prepare(spec(question)).prompt_ids)
        limits: dict[str, object] = {"max_total_tokens": num_prompt + rng.choice([1, 5, rng.randrange(1, 900)])}
        if rng.random() < 0.3:
            limits["max_completion_tokens"] = rng.randrange(1, 300)
        shape = search(strategy, width=rng.randint(1, 8), depth=rng.randint(1, 8))
        await searched(cast_, spec(question, search=shape, seed=rng.randrange(1000), **limits))


async def test_what_is_given_back_is_used_by_the_others():
    cast_ = cast(answers={"mixed": [[Answer("7")], [Thought("hm " * 400)]]})
    num_prompt = len(cast_.orchestrator.prepare(spec("mixed")).prompt_ids)
    limit = num_prompt + 300
    _, usage = await searched(cast_, spec("mixed", search=search("majority", width=2), max_total_tokens=limit))
    assert usage.total_tokens == limit


async def test_cancelled_in_the_middle_it_stops_all_branches_and_tells_what_each_used():
    cast_ = cast(answers=ANSWERS, seconds_per_token=0.001)
    spec_ = spec("slow", search=search("best_of_n"))
    prepared = cast_.orchestrator.prepare(spec_)
    seen: list[RunEvent] = []
    usages: list[Usage] = []

    async def follow() -> None:
        async with aclosing(prepared.events()) as events:
            async for event, usage in events:
                seen.append(event)
                usages.append(usage)

    task = asyncio.create_task(follow())
    while len(seen) < 60:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    ending = prepared.cancelled()
    assert ending[-1].finish_reason == "cancelled"
    check(cast_, spec_, seen + ending, [*usages, prepared.usage], len(prepared.prompt_ids))
    made = cast_.backend.num_generated
    await asyncio.sleep(0.02)
    assert cast_.backend.num_generated == made


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sequences, by the order in which they begin to generate, that the engine loses after a few ids."""
    lost: list[int] = []
    begun = itertools.count()
    generate = ScriptedSequence.generate

    async def losing(self: ScriptedSequence, **limits: object):
        number, made = next(begun), 0
        async for chunk in generate(self, **limits):
            yield chunk
            made += 1
            if number in lost and made == 3:
                raise EngineFailed("the model gave no finite logits")

    monkeypatch.setattr(ScriptedSequence, "generate", losing)
    return lost


async def test_a_branch_that_fails_is_told_and_does_not_lose_the_run(failing: list[int]):
    failing += [0, 2]
    events, _ = await searched(cast(answers=ANSWERS), spec("votes", search=search("majority")))
    assert reasons(events, BranchPrune) == ["it failed: the model gave no finite logits"] * 2
    assert [close.problem for close in only(events, BranchClose) if close.problem] == [
        "the model gave no finite logits"
    ] * 2
    assert events[-1].finish_reason == "stop"


async def test_a_run_fails_when_all_its_branches_did(failing: list[int]):
    failing += range(100)
    prepared = cast(answers=ANSWERS).orchestrator.prepare(spec("tree", search=search("majority")))
    with pytest.raises(EngineFailed, match="no finite logits"):
        async for _ in prepared.events():
            pass


EXTRA = [pytest.param(name, marks=pytest.mark.extra) for name in ("beam", "mcts")]


@pytest.mark.parametrize("strategy", ["majority", *EXTRA])
async def test_over_the_torch_engine_a_seed_repeats_the_search(strategy: str):
    """Random weights that say random bytes: nothing is asked of the answers, all of the counting and the draws."""
    said = []
    for beside in (0, 2):  # what else runs changes nothing
        engine = TorchEngine(tiny_model(config=replace(CONFIG, context_tokens=80)), slots_max=6)
        cast_ = cast(answers=ANSWERS)
        reasoner = replace(cast_.orchestrator.reasoner, backend=engine)
        crowd = [engine.open([30 + number] * 20, SamplingParams()) for number in range(beside)]
        tasks = [asyncio.create_task(generated(sequence, num_new=50)) for sequence in crowd]
        spec_ = spec("x?", search=search(strategy, 3, 2), temperature=1.0, seed=7)
        prepared = replace(cast_.orchestrator, reasoner=reasoner).prepare(spec_)
        pairs = [pair async for pair in prepared.events()]
        made = engine.num_generated
        await asyncio.gather(*tasks)
        for sequence in crowd:
            sequence.close()
        assert engine.num_open == 0
        assert made - 50 * beside <= pairs[-1][1].completion_tokens <= made
        said.append(sorted(event.text for event, _ in pairs if isinstance(event, StepClose)))
        engine.close()
    assert said[0] == said[1]
    assert len(set(said[0])) > 2, "the branches drew alike"
