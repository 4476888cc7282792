"""Every public layout is told by its columns and becomes one of our rows; what is no such row says why."""

import re
from pathlib import Path
from typing import Any

import pytest

from gpu_node.data.adapters.registry import ADAPTERS, row_adapt
from gpu_node.protocol.data_layouts import LAYOUT_NAMES, LayoutName, layout_of, layout_tell
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
from tests.gpu_node.layout_rows import ROWS, TAG, prm_row, prm_step

EVERY_ROW = [(layout, place) for layout, rows in ROWS.items() for place in range(len(rows))]


def adapted(layout: LayoutName, place: int = 0) -> Any:
    return row_adapt(layout, ROWS[layout][place])


def test_every_layout_has_an_adapter_and_rows_here() -> None:
    assert set(LAYOUT_NAMES) == set(ADAPTERS) | {"rows"} == set(ROWS)


@pytest.mark.parametrize(("layout", "place"), EVERY_ROW)
def test_a_row_is_told_by_its_columns_and_read(layout: LayoutName, place: int) -> None:
    assert layout_tell(ROWS[layout][place]).name == layout
    row = adapted(layout, place)
    assert row_of(line_read(row_line(row).encode())) == row
    assert (found := layout_of(line_read(row_line(row).encode()))) is not None
    assert found.name == "rows", "a built row must not be taken for somebody else's"


def test_gsm8k_notes_become_calls_that_were_run() -> None:
    row = adapted("gsm8k")
    assert [(call.thought, call.arguments, call.result) for call in row.calls] == [
        ("The pens cost 4*1.50=$", '{"operation": "evaluate", "expression": "4*1.50"}', "6"),
        ("6.\nShe pays 6+3=$", '{"operation": "evaluate", "expression": "6+3"}', "9"),
    ]
    assert (row.thought, row.conclusion, row.answer) == ("", "9.", "9")


def test_a_note_that_is_wrong_stays_out_and_its_words_stay() -> None:
    row = adapted("gsm8k", 1)
    assert (row.calls, row.thought, row.answer) == ((), "Half is 600.", "1600")


@pytest.mark.parametrize(
    "note", ["9**9**9=1", "9* *9=387420489", "__import__('os')=1", "1/0=1", "1+" + "1+" * 60 + "1=62"]
)
def test_a_hostile_note_is_not_run(note: str) -> None:
    row = row_adapt("gsm8k", {"question": "q", "answer": f"It is <<{note}>>1.\n#### 1"})
    assert isinstance(row, ProblemRow)
    assert row.calls == ()


def test_solutions_keep_reasoning_apart_from_the_answer() -> None:
    metamath = adapted("metamath")
    assert (metamath.thought, metamath.answer) == ("It lays 2 * 5 = 10 eggs.", "10")
    assert adapted("openmathinstruct").answer == "42"
    assert (adapted("cot_collection").thought, adapted("cot_collection").answer) == ("Ice is frozen.", "yes")
    assert adapted("codealpaca").question == "Print the word.\n\npear"
    assert adapted("codealpaca", 1).question == "Add 1 to x."
    assert (adapted("camel").answer, adapted("camel").family) == ("The slope is 2.", "Algebra")


@pytest.mark.parametrize("layout", ["sharegpt", "glaive", "message_parts"])
def test_a_tool_call_is_openais_whoever_wrote_it(layout: LayoutName) -> None:
    row = adapted(layout)
    assert isinstance(row, DialogueRow)
    roles = [message.role for message in row.messages if message.role != "system"]
    assert roles == ["user", "assistant", "tool", "assistant"]
    (call,) = next(message for message in row.messages if message.tool_calls).tool_calls
    assert (call.function.name, call.function.arguments) == ("ferry_times", '{"island": "Hallig"}')
    assert {tool.function.name for tool in row.tools} == {"ferry_times"}
    assert row.messages[-1].content == "At 9:10."


def test_pairs_have_the_prompt_that_both_answers_share() -> None:
    for layout, place in (("dpo", 0), ("dpo", 1), ("dpo_sharegpt", 0), ("dpo_parts", 0)):
        row = adapted(layout, place)  # type: ignore[arg-type]
        assert isinstance(row, PreferenceRow)
        assert [message.role for message in row.prompt] == ["user"]
        assert (row.chosen[0].content, row.rejected[0].content) == ("11", "9")
    assert adapted("kto").is_right is False
    assert adapted("kto_messages").is_right is True


def test_steps_end_where_nobody_labelled_on() -> None:
    row = adapted("prm800k")
    assert isinstance(row, StepRow)
    labelled = [(step.text, step.is_right) for step in row.steps]
    assert labelled == [("6 * 7 is 42.", True), ("I add one.", True), ("It is 44.", False)]
    assert [step.text for step in adapted("prm800k", 1).steps] == ["6 * 7 is 42."]
    assert [step.is_right for step in adapted("processbench").steps] == [True, False]
    shepherd = adapted("math_shepherd")
    assert shepherd.question == "What is 6 * 7 + 1?"
    assert [(step.text, step.is_right) for step in shepherd.steps] == [
        ("Step 1: 6 * 7 = 42.", True),
        ("Step 2: It is 44.", False),
    ]


def test_plain_text_is_a_row() -> None:
    assert isinstance(adapted("rows", 2), TextRow)


@pytest.mark.parametrize(
    ("layout", "changed", "said"),
    [
        ("metamath", {"response": "It is 10."}, "does not end in 'The answer is: …'"),
        ("gsm8k", {"answer": "It is 10."}, "does not end in '#### …'"),
        ("openmathinstruct", {"expected_answer": None}, "bad expected_answer"),
        ("slimorca", {"conversations": [{"from": "ghost", "value": "Boo."}]}, "nobody is called 'ghost'"),
        ("sharegpt", {"tools": "{"}, "`tools` is no JSON"),
        ("sharegpt", {"conversations": [{"from": "function_call", "value": "ferry()"}]}, "a tool call is no JSON"),
        ("sharegpt", {"conversations": [{"from": "human", "value": "Hm?"}]}, "no assistant's turn"),
        ("glaive", {"chat": "Hello."}, "does not begin with 'USER:'"),
        ("dpo", {"rejected": "11"}, "chosen and rejected are the same"),
        ("kto", {"label": "maybe"}, "bad label"),
        ("math_shepherd", {"label": "What is 6 * 7 + 1? Step 1: 6 * 7 = 42. +"}, "not the input with + or -"),
        ("math_shepherd", {"input": f"It is 1. {TAG}"}, "no question before 'Step 1:'"),
        ("stepwise", {"labels": [True]}, "2 completions with 1 labels"),
        ("processbench", {"label": 3}, "label 3 of 3 steps"),
        ("prm800k", prm_row(finish_reason="bad_problem"), "ended with 'bad_problem'"),
        ("prm800k", prm_row(prm_step(("It is 42.", 1), chosen=4)), "chosen_completion 4 of 1"),
        ("prm800k", prm_row(prm_step(("It is 42.", None), chosen=0)), "at least 1 item"),
    ],
)
def test_a_row_that_is_not_what_its_layout_says_is_told(layout: LayoutName, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(BadLine) as refused:
        row_adapt(layout, ROWS[layout][0] | changed)
    assert said in str(refused.value)
    assert refused.value.cure


def test_an_unknown_layout_lists_what_was_seen_and_what_is_known() -> None:
    with pytest.raises(BadLine) as refused:
        layout_tell({"frage": "?", "antwort": "!"})
    assert "['antwort', 'frage']" in str(refused.value)
    assert "metamath (query, response)" in str(refused.value)
    with pytest.raises(BadLine, match="no gsm8k row: it has"):
        row_adapt("gsm8k", {"frage": "?"})


def test_the_pages_example_rows_are_what_their_headings_say() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    shown = re.findall(r"^### `(\w+)`\n.*?^```json\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert {name for name, _ in shown} == set(LAYOUT_NAMES)
    for name, rows in shown:
        for line in rows.splitlines():
            record = line_read(line.encode())
            assert layout_tell(record).name == name
            row_adapt(name, record)
