"""The projector's claims: streamed equals non-streamed, OpenAI's own types accept it, replay equals live."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gpu_node.protocol.frames import (
    BranchClose,
    BranchOpen,
    BranchPrune,
    BranchScore,
    BranchSelect,
    ClientToolCall,
    Frame,
    RunEvent,
    RunFailed,
    RunFinished,
    RunStarted,
    Search,
    StepClose,
    StepDelta,
    StepOpen,
    ToolCall,
    ToolResult,
    Usage,
    VerifierScore,
    frame_make,
)
from gpu_node.protocol.projector import (
    ChatChunks,
    FrameOutOfOrder,
    RunProjection,
    TextChunks,
    chat_completion,
    reason_run,
    text_completion,
)

RUN_ID = "run_abc"
STARTED = RunStarted(model="svend-nano", backend="torch", fence_tier="namespaces", max_total_tokens=500)
SOLVED: list[RunEvent] = [
    STARTED,
    StepOpen(step_id=1, kind="thought"),
    StepDelta(step_id=1, text="Differenti"),
    StepDelta(step_id=1, text="ate."),
    StepClose(step_id=1, text="Differentiate.", num_tokens=4),
    ToolCall(call_id=1, name="symbolic_math", arguments={"operation": "differentiate"}, raw="{}"),
    ToolResult(call_id=1, status="ok", text="3*x**2 + 2", wall_ms=12.5),
    StepOpen(step_id=2, kind="answer"),
    StepDelta(step_id=2, text="3x² + "),
    StepClose(step_id=2, text="3x² + 2", num_tokens=5),
    VerifierScore(target="answer", target_id=2, score=0.9, verdict="accept"),
    RunFinished(finish_reason="stop", answer="3x² + 2", verdict="accept", score=0.9),
]


def frames_of(events: list[RunEvent]) -> list[Frame]:
    return [
        frame_make(
            run_id=RUN_ID,
            epoch=1,
            seq=seq,
            at_ms=seq,
            usage=Usage(prompt_tokens=9, completion_tokens=seq, reasoning_tokens=1),
            event=event,
        )
        for seq, event in enumerate(events, start=1)
    ]


def projection_of(events: list[RunEvent]) -> RunProjection:
    projection = RunProjection()
    for frame in frames_of(events):
        projection.apply(frame)
    return projection


def chat_chunks_of(events: list[RunEvent], *, include_usage: bool = False, is_answer_held: bool = False) -> list[dict]:
    chunks = ChatChunks(run_id=RUN_ID, created=1, include_usage=include_usage, is_answer_held=is_answer_held)
    return [chunk for frame in frames_of(events) for chunk in chunks.feed(frame)]


def content_of(chunks: list[dict]) -> str:
    return "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])


def test_completion_is_openais() -> None:
    completion = chat_completion(projection_of(SOLVED), run_id=RUN_ID, created=1)
    parsed = ChatCompletion.model_validate(completion, strict=True)
    assert parsed.choices[0].message.content == "3x² + 2"
    assert parsed.choices[0].message.tool_calls is None
    assert parsed.usage.total_tokens == 9 + 12
    assert completion["svend"]["tools"] == ["symbolic_math"]


@pytest.mark.parametrize("is_answer_held", [False, True])
def test_stream_equals_completion(is_answer_held: bool) -> None:
    chunks = chat_chunks_of(SOLVED, is_answer_held=is_answer_held)
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    message = chat_completion(projection_of(SOLVED), run_id=RUN_ID, created=1)["choices"][0]["message"]
    reasoning = "".join(c["choices"][0]["delta"].get("reasoning_content", "") for c in chunks)
    assert content_of(chunks) == message["content"]
    assert reasoning == message["reasoning_content"]
    assert "symbolic_math" in reasoning
    assert [c["choices"][0]["finish_reason"] for c in chunks][-1] == "stop"
    assert chunks[-1]["choices"][0]["delta"] == {}


def test_no_chunk_holds_both_reasoning_and_content() -> None:
    for chunk in chat_chunks_of(SOLVED):
        delta = chunk["choices"][0]["delta"]
        assert not ("reasoning_content" in delta and "content" in delta)


def test_usage_chunk_only_when_asked() -> None:
    assert all(chunk["choices"] and "usage" not in chunk for chunk in chat_chunks_of(SOLVED))
    chunks = chat_chunks_of(SOLVED, include_usage=True)
    assert all(chunk["usage"] is None for chunk in chunks[:-1])
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["total_tokens"] == 21


def test_rejected_answer_is_not_streamed_when_held() -> None:
    events = [
        STARTED,
        StepOpen(step_id=1, kind="answer"),
        StepClose(step_id=1, text="wrong", num_tokens=1),
        VerifierScore(target="answer", target_id=1, score=0.1, verdict="reject"),
        StepOpen(step_id=2, kind="answer", branch_id=1),
        StepClose(step_id=2, text="right", num_tokens=1),
        RunFinished(finish_reason="stop", answer="right", verdict="accept", score=0.9, branch_id=1),
    ]
    assert content_of(chat_chunks_of(events, is_answer_held=True)) == "right"


@pytest.mark.parametrize(("reason", "shown"), [("budget", "length"), ("length", "length"), ("cancelled", "stop")])
def test_finish_reasons_are_openais(reason: str, shown: str) -> None:
    chunks = chat_chunks_of([STARTED, RunFinished(finish_reason=reason, answer="")])
    assert chunks[-1]["choices"][0]["finish_reason"] == shown


def test_client_tool_calls_become_tool_calls() -> None:
    calls = [ClientToolCall(id=f"call_{n}", name="lookup", arguments='{"n": 1}') for n in range(2)]
    events = [STARTED, RunFinished(finish_reason="tool_calls", answer="", client_tool_calls=calls)]
    chunks = chat_chunks_of(events)
    deltas = [c["choices"][0]["delta"]["tool_calls"][0] for c in chunks if "tool_calls" in c["choices"][0]["delta"]]
    assert [delta["index"] for delta in deltas] == [0, 1]
    completion = ChatCompletion.model_validate(
        chat_completion(projection_of(events), run_id=RUN_ID, created=1), strict=True
    )
    assert completion.choices[0].message.content is None
    assert completion.choices[0].finish_reason == "tool_calls"


def test_text_completion_stream_equals_whole() -> None:
    events = [
        STARTED,
        StepOpen(step_id=1, kind="text"),
        StepDelta(step_id=1, text="x = 4"),
        StepClose(step_id=1, text="x = 4", num_tokens=4),
        RunFinished(finish_reason="length", answer="x = 4"),
    ]
    chunks = TextChunks(run_id=RUN_ID, created=1, include_usage=True, is_answer_held=False)
    made = [chunk for frame in frames_of(events) for chunk in chunks.feed(frame)]
    assert "".join(c["choices"][0]["text"] for c in made if c["choices"]) == "x = 4"
    whole = text_completion(projection_of(events), run_id=RUN_ID, created=1)
    assert Completion.model_validate(whole, strict=True).choices[0].finish_reason == "length"


def test_reason_run_tells_steps_and_tools() -> None:
    run = reason_run(projection_of(SOLVED), run_id=RUN_ID, model="svend-nano")
    assert [step["type"] for step in run["steps"]] == ["thought", "tool", "answer"]
    assert run["tool_calls"][0]["result"] == "3*x**2 + 2"
    assert run["verification"] == {"verdict": "accept", "score": 0.9}
    assert run["steps"][2]["score"] == 0.9


def test_failed_run_carries_its_cause() -> None:
    run = reason_run(
        projection_of([STARTED, RunFailed(code="node_restarted", message="the node restarted")]),
        run_id=RUN_ID,
        model="svend-nano",
    )
    assert (run["status"], run["error"]["code"]) == ("failed", "node_restarted")


def test_gap_is_refused_and_repeat_is_ignored() -> None:
    frames = frames_of(SOLVED)
    projection = RunProjection()
    projection.apply(frames[0])
    projection.apply(frames[0])
    with pytest.raises(FrameOutOfOrder):
        projection.apply(frames[2])


@given(st.lists(st.integers(min_value=0, max_value=len(SOLVED) - 1), max_size=40))
def test_repeats_change_nothing(repeats: list[int]) -> None:
    frames = frames_of(SOLVED)
    projection = RunProjection()
    for frame in frames:
        projection.apply(frame)
        for index in repeats:
            if index < frame.seq:
                projection.apply(frames[index])
    assert projection == projection_of(SOLVED)


def searched_events() -> list[RunEvent]:
    """Two branches from the prompt, interleaved; the second one's child has the answer."""
    used = Usage(completion_tokens=3)
    return [
        STARTED.model_copy(update={"search": Search(strategy="beam", width=2)}),
        BranchOpen(branch_id=0, parent_id=None, reason="beam step 1"),
        BranchOpen(branch_id=1, parent_id=None, reason="beam step 1"),
        StepOpen(step_id=1, kind="thought", branch_id=0),
        StepOpen(step_id=2, kind="thought", branch_id=1),
        StepDelta(step_id=1, text="a wrong "),
        StepDelta(step_id=2, text="a right "),
        StepClose(step_id=1, text="a wrong way", num_tokens=3),
        StepClose(step_id=2, text="a right way", num_tokens=3),
        BranchScore(branch_id=0, score=0.1, usage=used),
        BranchClose(branch_id=0, finish_reason=None, problem=None, usage=used),
        BranchPrune(branch_id=0, reason="not among the best of its step"),
        BranchClose(branch_id=1, finish_reason=None, problem=None, usage=used),
        BranchOpen(branch_id=2, parent_id=1, reason="beam step 2"),
        ToolCall(call_id=1, branch_id=2, name="symbolic_math", arguments={"operation": "solve"}, raw="{}"),
        ToolResult(call_id=1, status="ok", text="[2]", wall_ms=1.0),
        StepOpen(step_id=3, kind="answer", branch_id=2),
        StepClose(step_id=3, text="2", num_tokens=1),
        BranchClose(branch_id=2, finish_reason="stop", problem=None, usage=used),
        BranchSelect(branch_id=2, reason="the critic's best score"),
        RunFinished(finish_reason="stop", answer="2", verdict="accept", score=0.9, branch_id=2),
    ]


def test_a_search_tells_the_chosen_path_at_its_end_and_nothing_before() -> None:
    events = searched_events()
    message = chat_completion(projection_of(events), run_id=RUN_ID, created=1)["choices"][0]["message"]
    assert message["reasoning"] == 'a right way\n[symbolic_math] {"operation": "solve"}\n[result] [2]\n'
    chunks = chat_chunks_of(events, is_answer_held=True)
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    assert content_of(chunks) == message["content"] == "2"
    assert "".join(c["choices"][0]["delta"].get("reasoning", "") for c in chunks) == message["reasoning"]
    assert len(chat_chunks_of(events[:-1], is_answer_held=True)) == 1  # the role


def test_a_reason_run_sums_its_search_up() -> None:
    search = reason_run(projection_of(searched_events()), run_id=RUN_ID, model="svend-nano")["search"]
    assert (search["strategy"], search["width"]) == ("beam", 2)
    assert [(branch["branch_id"], branch["parent_id"], branch["state"]) for branch in search["branches"]] == [
        (0, None, "pruned"),
        (1, None, "closed"),
        (2, 1, "selected"),
    ]
    assert search["branches"][0]["state_reason"] == "not among the best of its step"
    assert search["branches"][2]["usage"]["completion_tokens"] == 3
    assert reason_run(projection_of(SOLVED), run_id=RUN_ID, model="svend-nano")["search"] is None


def test_frames_of_a_run_without_a_search_read_as_before_there_was_one() -> None:
    assert "search" not in frames_of([STARTED])[0].model_dump_json()
