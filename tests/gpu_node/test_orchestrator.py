"""Runs from question to terminal event, over a scripted model: tools, refusals, budgets, verdicts, counting."""

import asyncio
import itertools
from contextlib import aclosing

import pytest

from gpu_node.data.chat_format import CHATML, SVEND, Dialect
from gpu_node.protocol.frames import (
    BranchOpen,
    BranchScore,
    BranchSelect,
    RunEvent,
    RunFinished,
    StepClose,
    StepDelta,
    StepOpen,
    ToolCall,
    ToolResult,
    Usage,
    VerifierScore,
)
from gpu_node.protocol.run_spec import RunSpec
from gpu_node.reasoning import attempt as attempt_module
from gpu_node.reasoning.orchestrator import RunRefused
from tests.gpu_node.scripted_node import FORMULA, MODEL, SOLVE, Cast, cast, completion_spec, spec


async def events_of(cast_: Cast, spec_: RunSpec) -> tuple[list[RunEvent], list[Usage]]:
    events, usages = [], []
    async for event, usage in cast_.orchestrator.prepare(spec_).events():
        events.append(event)
        usages.append(usage)
    assert cast_.backend.num_open == 0, "a sequence was left open"
    for before, after in itertools.pairwise(usages):
        assert all(getattr(after, name) >= getattr(before, name) for name in Usage.model_fields), "usage shrank"
    return events, usages


def only(events: list[RunEvent], kind: type) -> list:
    return [event for event in events if isinstance(event, kind)]


async def finish(cast_: Cast, spec_: RunSpec) -> tuple[RunFinished, Usage, list[RunEvent]]:
    events, usages = await events_of(cast_, spec_)
    assert isinstance(events[-1], RunFinished)
    assert len(only(events, RunFinished)) == 1
    return events[-1], usages[-1], events


@pytest.mark.parametrize("dialect", [SVEND, CHATML], ids=lambda dialect: dialect.name)
async def test_a_question_is_thought_call_result_thought_answer(dialect: Dialect):
    cast_ = cast(dialect=dialect)
    finished, usage, events = await finish(cast_, spec("Solve x^2 = 4"))
    assert finished.answer == "x = -2 or x = 2 \u2713"
    assert finished.finish_reason == "stop"
    assert finished.verdict is None
    [call], [result] = only(events, ToolCall), only(events, ToolResult)
    assert call.arguments == {"operation": "solve", "expression": "x^2 - 4"}
    assert result.text == "[-2, 2]"
    assert result.attachments == [FORMULA]
    assert [step.kind for step in only(events, StepOpen)] == ["thought", "thought", "answer"]
    assert cast_.tools.calls == [("symbolic_math", SOLVE)]
    assert usage.completion_tokens == cast_.backend.num_generated


async def test_every_token_is_counted_once():
    cast_ = cast()
    prepared = cast_.orchestrator.prepare(spec("Solve x^2 = 4"))
    events = [pair async for pair in prepared.events()]
    usage = events[-1][1]
    assert usage.tool_result_tokens == len("[-2, 2]") + 2  # a byte a token, and both tags
    assert usage.prompt_tokens == len(prepared.prompt_ids) + usage.tool_result_tokens
    assert usage.completion_tokens == cast_.backend.num_generated
    assert usage.completion_tokens - usage.reasoning_tokens == len("x = -2 or x = 2 \u2713".encode()) + 1


async def test_deltas_add_up_to_the_close():
    _, _, events = await finish(cast(), spec("Solve x^2 = 4"))
    for close in only(events, StepClose):
        deltas = [event.text for event in only(events, StepDelta) if event.step_id == close.step_id]
        assert "".join(deltas) == close.text


@pytest.mark.parametrize(
    ("question", "why"),
    [
        ("forbidden tool", "the tool 'execute_python' is not available; available: symbolic_math"),
        ("unknown tool", "the tool 'web_search' is not available"),
        ("bad json", "not a JSON object"),
    ],
)
async def test_a_bad_call_comes_back_as_a_result_that_says_why(question: str, why: str):
    finished, _, events = await finish(cast(), spec(question))
    first = only(events, ToolResult)[0]
    assert first.status == "error"
    assert why in first.text
    assert finished.finish_reason == "stop"


async def test_calls_are_limited():
    finished, _, events = await finish(cast(), spec("many calls", max_total_tokens=8000))
    results = only(events, ToolResult)
    assert sum(result.status == "ok" for result in results) == 12
    assert "no tool calls are left" in results[-1].text
    assert finished.finish_reason == "length"  # the script ended without an answer


async def test_the_calls_of_a_branch_share_the_programs_whose_variables_are_kept():
    cast_ = cast()
    await finish(cast_, spec("many calls", max_total_tokens=8000))
    await finish(cast_, spec("Solve x^2 = 4"))
    first, *others, of_another_run = cast_.tools.programs
    assert first == []
    assert all(programs is first for programs in others)
    assert of_another_run is not first


async def test_the_budget_stops_generation_exactly():
    cast_ = cast()
    prompt = len(cast_.orchestrator.prepare(spec("slow")).prompt_ids)
    finished, usage, _ = await finish(cast_, spec("slow", max_total_tokens=prompt + 10))
    assert finished.finish_reason == "budget"
    assert usage.total_tokens == prompt + 10


async def test_a_result_that_does_not_fit_the_budget_is_not_fed():
    cast_ = cast()
    prompt = len(cast_.orchestrator.prepare(spec("bad json")).prompt_ids)
    finished, usage, _ = await finish(cast_, spec("bad json", max_total_tokens=prompt + 40))
    assert finished.finish_reason == "budget"
    assert usage.total_tokens <= prompt + 40
    assert usage.tool_result_tokens == 0


async def test_max_completion_tokens_is_a_length():
    finished, usage, _ = await finish(cast(), spec("slow", max_completion_tokens=7))
    assert finished.finish_reason == "length"
    assert usage.completion_tokens == 7


async def test_a_prompt_over_the_limit_is_refused_with_both_numbers():
    with pytest.raises(RunRefused, match=r"the prompt has \d+ tokens; the run may use 5") as refused:
        cast().orchestrator.prepare(spec("hello", max_total_tokens=5))
    assert refused.value.code == "prompt_too_long"
    with pytest.raises(RunRefused, match="the context of svend-scripted is 8192 tokens"):
        cast().orchestrator.prepare(spec("x" * 9000, max_total_tokens=100_000))


async def test_another_model_is_refused():
    with pytest.raises(RunRefused, match="serves 'svend-scripted', not 'gpt'"):
        cast().orchestrator.prepare(spec("hello", model="gpt"))


async def test_a_clients_tool_ends_the_run_with_the_call():
    client_tools = [{"name": "get_weather", "description": "", "parameters": {}}]
    finished, _, _ = await finish(cast(), spec("client tool", client_tools=client_tools))
    assert finished.finish_reason == "tool_calls"
    [call] = finished.client_tool_calls
    assert (call.name, call.arguments) == ("get_weather", '{"city": "Oslo"}')


async def test_a_rejected_answer_is_tried_again():
    cast_ = cast()
    finished, usage, events = await finish(cast_, spec("two tries", verify=True))
    assert (finished.answer, finished.verdict, finished.score, finished.branch_id) == ("right", "accept", 0.9, 1)
    assert [event.branch_id for event in only(events, BranchOpen)] == [1]
    assert [event.score for event in only(events, BranchScore)] == [0.1, 0.9]
    assert [event.branch_id for event in only(events, BranchSelect)] == [1]
    assert [score.verdict for score in only(events, VerifierScore) if score.target == "answer"] == ["reject", "accept"]
    assert usage.completion_tokens == cast_.backend.num_generated  # the lost branch is paid for


async def test_the_best_is_given_when_the_budget_is_spent():
    cast_ = cast()
    prompt = len(cast_.orchestrator.prepare(spec("two tries")).prompt_ids)
    finished, usage, events = await finish(cast_, spec("two tries", verify=True, max_total_tokens=prompt + 20))
    assert (finished.answer, finished.verdict, finished.finish_reason) == ("wrong", "reject", "stop")
    assert not only(events, BranchOpen)
    assert usage.total_tokens <= prompt + 20


async def test_without_a_critic_the_verdict_is_abstain():
    finished, _, _ = await finish(cast(has_critic=False), spec("two tries", verify=True))
    assert (finished.verdict, finished.score) == ("abstain", None)


async def test_stop_strings_cut_the_answer():
    finished, _, events = await finish(cast(), spec("Solve x^2 = 4", stop=[" or x"]))
    assert finished.answer == "x = -2"
    assert finished.finish_reason == "stop"
    assert only(events, StepClose)[-1].text == "x = -2"


async def test_an_empty_answer_is_a_step_too():
    finished, _, events = await finish(cast(), spec("silent"))
    assert finished.answer == ""
    assert [step.kind for step in only(events, StepOpen)] == ["answer"]


async def test_a_raw_completion_is_text_up_to_the_stop():
    cast_ = cast()
    finished, usage, events = await finish(cast_, completion_spec("Solve: 1 + 1\n", stop=[" STOP"]))
    assert finished.answer == "2"
    assert [step.kind for step in only(events, StepOpen)] == ["text"]
    assert usage.reasoning_tokens == 0
    assert usage.completion_tokens == cast_.backend.num_generated


async def test_raw_prompt_ids_must_exist():
    with pytest.raises(RunRefused, match="prompt ids must be"):
        cast().orchestrator.prepare(completion_spec([1, 99_999]))


async def test_a_slow_tool_is_cut_by_cancellation_and_the_run_ends_with_what_it_had():
    cast_ = cast()
    prepared = cast_.orchestrator.prepare(spec("hang"))

    async def follow() -> None:
        async with aclosing(prepared.events()) as events:
            async for _ in events:
                pass

    task = asyncio.create_task(follow())
    while not cast_.tools.calls:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert prepared.cancelled()[-1].finish_reason == "cancelled"
    assert cast_.backend.num_open == 0


async def test_seconds_run_out(monkeypatch: pytest.MonkeyPatch):
    cast_ = cast(seconds_per_token=0.002)
    prepared = cast_.orchestrator.prepare(spec("slow"))
    prepared.budget.seconds_max = 0.05
    events = [event async for event, _ in prepared.events()]
    assert events[-1].finish_reason == "budget"


def test_special_token_text_in_a_question_is_only_text():
    cast_ = cast()
    plain = cast_.orchestrator.prepare(spec("a")).prompt_ids
    marked = cast_.orchestrator.prepare(spec("a" + "<|" + "end|>")).prompt_ids
    assert len(marked) == len(plain) + len("<|end|>")
    assert MODEL
    assert attempt_module.TOOL_SECONDS_MAX > 0
