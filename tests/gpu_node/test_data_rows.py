"""A line of a data file becomes one typed row, or one sentence that says what is wrong with it."""

import json
from typing import Any

import pytest

from gpu_node.data.chat_format import QUESTION_WEIGHT, encode_prompt
from gpu_node.data.row_tokens import row_tokens
from gpu_node.data.tokenizer import tokenizer_load
from gpu_node.protocol.data_rows import (
    BadLine,
    DialogueRow,
    PreferenceRow,
    ProblemRow,
    StepRow,
    TextRow,
    line_read,
    row_line,
    row_of,
)
from gpu_node.training.job_inputs import shipped_tokenizer_folder

WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"town": "Bern"}'}}
TURNS: list[dict[str, Any]] = [
    {"role": "user", "content": "Rain in Bern?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "dry"},
    {"role": "assistant", "content": "No.", "tool_calls": None},
]
USER, YES, NO = (
    {"role": role, "content": text} for role, text in (("user", "1?"), ("assistant", "1"), ("assistant", "2"))
)


@pytest.mark.parametrize(
    ("record", "row"),
    [
        ({"question": "1 + 1?", "answer": "2", "source": "ours"}, ProblemRow),
        ({"messages": TURNS, "tools": [WEATHER]}, DialogueRow),
        ({"text": "Plain."}, TextRow),
        ({"prompt": [USER], "chosen": [YES], "rejected": [NO]}, PreferenceRow),
        ({"question": "1 + 1?", "steps": [{"text": "It is 3.", "is_right": False}]}, StepRow),
    ],
)
def test_a_row_is_told_by_its_columns_and_survives_the_file(record: dict[str, Any], row: type) -> None:
    read = row_of(record)
    assert type(read) is row
    assert row_of(line_read(row_line(read).encode())) == read


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"prompt": "1?", "completion": "1"}, "no column 'question' (has ['completion', 'prompt'])"),
        ({"question": "1 + 1?", "answer": ""}, "bad answer: String should have at least 1 character"),
        ({"messages": [USER]}, "no assistant's turn"),
        ({"messages": [USER, {"role": "assistant", "content": ""}]}, "bad messages: 1: a message of role 'assistant'"),
        (
            {"messages": [USER, {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}]},
            "bad messages: 1.tool_calls.0.function.arguments: the arguments of a call are no JSON",
        ),
        ({"prompt": [USER], "chosen": [YES], "rejected": [YES]}, "chosen and rejected are the same"),
        ({"question": "1?", "steps": [{"text": "1", "is_right": 7}]}, "bad steps: 0.is_right"),
    ],
)
def test_a_bad_row_says_what_is_wrong(record: dict[str, Any], said: str) -> None:
    with pytest.raises(BadLine) as refused:
        row_of(json.loads(json.dumps(record)))
    assert said in str(refused.value)
    assert refused.value.cure


def test_a_dialogue_with_calls_is_read_as_it_is_served() -> None:
    """What is learnt at each turn continues what encode_prompt gives for the turns before it."""
    tokenizer = tokenizer_load(shipped_tokenizer_folder())
    row = row_of({"messages": TURNS, "tools": [WEATHER]})
    assert isinstance(row, DialogueRow)
    ids, weights = row_tokens(tokenizer, row)
    tools = [tool.function for tool in row.tools]
    for place, message in enumerate(TURNS):
        if message["role"] == "assistant":
            served = [
                turn.model_copy(update={"tool_calls": [call.model_dump() for call in turn.tool_calls]})
                for turn in row.messages[:place]
            ]
            prompt = encode_prompt(tokenizer, served, tools_allowed=False, client_tools=tools)
            assert ids[: len(prompt)] == prompt
            assert weights[len(prompt) - 1 : len(prompt) + 1] == [0.0, 1.0]
    text = tokenizer.decode(ids, skip_special_tokens=False)
    assert '<|tool_name|>weather<|tool_args|>{"town": "Bern"}<|/tool_call|><|tool_result|>dry<|/tool_result|>' in text
    learnt = tokenizer.decode([id_ for id_, weight in zip(ids, weights, strict=True) if weight == 1.0])
    assert "dry" not in learnt
    assert QUESTION_WEIGHT in weights
