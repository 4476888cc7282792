"""The tool-call parser: the same parts wherever the ids are cut, and broken calls are told, not lost."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_node.data.chat_format import encode_text, special_ids
from gpu_node.inference.scripted import byte_tokenizer
from gpu_node.reasoning.tool_call_parser import CallFound, Part, StepBegin, StepEnd, StepIds, ToolCallParser, TurnEnd

TOKENIZER = byte_tokenizer()
SPECIAL = special_ids(TOKENIZER)


def text(content: str) -> list[int]:
    return encode_text(TOKENIZER, content)


def call(name: str, arguments: str) -> list[int]:
    return [
        SPECIAL.tool_call,
        SPECIAL.tool_name,
        *text(name),
        SPECIAL.tool_args,
        *text(arguments),
        SPECIAL.tool_call_end,
    ]


def joined(parts: list[Part]) -> list[Part]:
    out: list[Part] = []
    for part in parts:
        if isinstance(part, StepIds) and out and isinstance(out[-1], StepIds):
            out[-1] = StepIds((*out[-1].ids, *part.ids))
        else:
            out.append(part)
    return out


def parse(ids: list[int], cuts: list[int] | None = None) -> list[Part]:
    parser, parts, start = ToolCallParser(SPECIAL), [], 0
    for cut in [*(cuts or []), len(ids)]:
        parts += parser.feed(ids[start:cut])
        start = cut
    return joined(parts)


def calls(ids: list[int]) -> list[CallFound]:
    return [part for part in parse(ids) if isinstance(part, CallFound)]


TRACE = [
    SPECIAL.think,
    *text("I solve é"),
    SPECIAL.think_end,
    *call("symbolic_math", '{"operation": "solve"}'),
    SPECIAL.think,
    *text("done"),
    SPECIAL.think_end,
    *text("-2, 2"),
    SPECIAL.end,
]


def test_a_trace_is_thought_call_thought_answer_end():
    kinds = [part.kind if isinstance(part, StepBegin | StepEnd) else type(part).__name__ for part in parse(TRACE)]
    assert kinds == [
        *("thought", "StepIds", "thought"),
        "CallFound",
        *("thought", "StepIds", "thought"),
        *("answer", "StepIds", "answer"),
        "TurnEnd",
    ]


def test_every_split_point_gives_the_same_parts():
    whole = parse(TRACE)
    for cut in range(len(TRACE) + 1):
        assert parse(TRACE, [cut]) == whole
    assert parse(TRACE, list(range(len(TRACE)))) == whole


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=60), st.randoms(use_true_random=False))
def test_any_ids_parse_the_same_however_they_are_cut(ids: list[int], rng: random.Random):
    cuts = sorted(rng.sample(range(len(ids) + 1), k=min(len(ids), rng.randint(0, 8))))
    assert parse(ids, cuts) == parse(ids)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=60))
def test_steps_open_and_close_in_pairs(ids: list[int]):
    is_open = False
    for part in parse(ids):
        match part:
            case StepBegin():
                assert not is_open
                is_open = True
            case StepEnd():
                assert is_open
                is_open = False
            case StepIds():
                assert is_open
            case CallFound() | TurnEnd():
                assert not is_open


def test_a_call_without_arguments_is_a_problem():
    [found] = calls([SPECIAL.tool_call, SPECIAL.tool_name, *text("x"), SPECIAL.tool_call_end])
    assert found.problem == "the call has no arguments"


def test_a_call_that_the_turn_ends_is_a_problem():
    parts = parse([SPECIAL.tool_call, SPECIAL.tool_name, *text("x"), SPECIAL.end])
    assert isinstance(parts[0], CallFound)
    assert parts[0].problem == "the call was not closed"
    assert isinstance(parts[1], TurnEnd)


def test_markup_inside_a_call_is_a_problem():
    ids = call("x", "{}")
    [found] = calls([*ids[:-1], SPECIAL.think, SPECIAL.tool_call_end])
    assert found.problem is not None


def test_a_close_without_a_call_is_a_problem():
    [found] = calls([*text("x"), SPECIAL.tool_call_end])
    assert found.problem == "a call was closed that was not opened"


def test_text_that_looks_like_markup_is_text():
    [found] = calls(call("x", "{}"))
    assert found.problem is None
    assert not calls(text("<" + "|tool_call|" + ">"))
