"""Suites: each layout is read from its files, a bad one is told with its place, and each form of answer is graded."""

import json
from pathlib import Path

import pytest

from gpu_node.data.problem import HELD_OUT_SEED_FIRST
from gpu_node.evaluation.graders import (
    CallGrader,
    ChoiceGrader,
    CodeGrader,
    FenceMissing,
    Given,
    Grader,
    IntegralGrader,
    LabelGrader,
    Marks,
    MathsGrader,
    NumberGrader,
)
from gpu_node.evaluation.suite_files import BadSuite
from gpu_node.evaluation.suites import GSM8K_DEV_ROWS, SUITES, suite_questions
from gpu_node.protocol.frames import ClientToolCall
from gpu_node.tools.executor import ToolExecutor
from tests.gpu_node.scripted_node import TableTools
from tests.gpu_node.suite_rows import FILES, suites_written, write

NO_TOOLS = TableTools()
YES, NO = Marks.all(True), Marks.all(False)
TRUTH = {"True": ("yes",), "False": ("no",), "Unknown": ("uncertain",)}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return suites_written(tmp_path_factory.mktemp("suites"))


@pytest.mark.parametrize(
    ("suite", "num", "known"),
    [
        ("gsm8k", 3, "1002"),
        ("mawps", 1, "5"),
        ("aqua", 1, "B) 9"),
        ("college_math", 1, r"$\frac{x}{2}$"),
        ("rubi", 1, "a*x**2"),
        ("folio", 1, "True"),
        ("proofwriter", 1, "A) True"),
        ("prontoqa", 1, "A) True"),
        ("logical_deduction", 1, "A) True"),
        ("bbh", 3, "8"),
        ("mbpp", 2, "def double(n):\n    return 2 * n"),
        ("bfcl", 2, "(no call)"),
    ],
)
def test_a_suites_files_are_found_and_read(data: Path, suite: str, num: int, known: str) -> None:
    questions = suite_questions(suite, num=100, data=data)
    assert (len(questions), questions[0].grader.known) == (num, known)
    assert {question.suite for question in questions} == {suite}
    folder = data / SUITES[suite].files[0].partition("/")[0]
    assert [q.text for q in suite_questions(suite, num=100, data=folder)] == [q.text for q in questions]


def test_gsm8ks_dev_rows_are_the_last_of_its_train_file_and_all_of_another(tmp_path: Path) -> None:
    rows = [{"question": f"q{n}", "answer": f"#### {n}"} for n in range(GSM8K_DEV_ROWS + 7)]
    text = "\n".join(map(json.dumps, rows))
    dev = suite_questions("gsm8k", num=10_000, data=write(tmp_path / "train.jsonl", text))
    assert [question.text for question in dev] == [f"q{n}" for n in range(7, GSM8K_DEV_ROWS + 7)]
    assert len(suite_questions("gsm8k", num=10_000, data=write(tmp_path / "mine.jsonl", text))) == len(rows)


def test_fewer_questions_are_spread_over_the_rows(tmp_path: Path) -> None:
    text = "\n".join(json.dumps({"input": f"q{n}", "target": n}) for n in range(10))
    path = write(tmp_path / "all.jsonl", text)
    assert [question.text for question in suite_questions("mawps", num=5, data=path)] == ["q0", "q2", "q4", "q6", "q8"]


@pytest.mark.parametrize("suite", ["reasoning_gym", "families", "families_unseen"])
def test_what_ships_is_drawn_from_held_out_seeds_alone(suite: str) -> None:
    first, again = (suite_questions(suite, num=8, seed_start=HELD_OUT_SEED_FIRST + 3) for _ in range(2))
    assert [question.text for question in first] == [question.text for question in again]
    assert all(question.seed is not None and question.seed >= HELD_OUT_SEED_FIRST for question in first)
    with pytest.raises(ValueError, match="trained on"):
        suite_questions(suite, num=8, seed_start=5)


async def test_reasoning_gyms_own_answers_score_full() -> None:
    for question in suite_questions("reasoning_gym", num=24):
        marks = await question.grader.marks(Given(question.grader.known), NO_TOOLS)
        assert marks.is_right, (question.item, question.grader.known)
        assert not (await question.grader.marks(Given("I do not know"), NO_TOOLS)).is_right, question.item


@pytest.mark.parametrize(
    ("suite", "text", "says"),
    [
        ("gsm8k", '{"question": "q", "answer": "#### 1"}\n{"question": ', "rows.jsonl, line 2: no JSON"),
        ("gsm8k", '{"question": "q", "answer": "#### many"}', "line 1: no number after '####'"),
        ("gsm8k", '{"instruction": "q", "output": "1"}', r"line 1: no column 'answer' \(it has instruction, output\)"),
        ("gsm8k", "\n", "holds no row"),
        ("gsm8k", '"text"\n', "neither JSON lines nor a JSON list|no object"),
        ("mawps", '{"input": "q", "target": "3"}', "'target' is '3', not a number"),
        ("aqua", '{"question": "q", "options": ["A)1", "C)2"], "correct": "A"}', "lettered"),
        ("aqua", '{"question": "q", "options": ["A)1", "B)2"], "correct": "E"}', "'E' is none of the options A, B"),
        ("folio", '{"premises": ["p"], "conclusion": "c", "label": "Maybe"}', "'Maybe' is none of True"),
        ("rubi", '{"integrand_sympy": "2*", "antiderivative_sympy": "x", "var": "x"}', "the integrand cannot be read"),
        ("bbh", '{"examples": [{"input": "i", "target": "perhaps"}]}', "row 1: the target 'perhaps'"),
        ("mbpp", '{"task_id": 3, "text": "t", "code": "c", "test_list": []}', "no row .* for evaluation"),
        ("bfcl", '{"id": "x", "question": [], "function": []}', "has no answers"),
    ],
)
def test_a_bad_row_is_told_with_its_place(tmp_path: Path, suite: str, text: str, says: str) -> None:
    with pytest.raises(BadSuite, match=says):
        name = "rows.json" if suite == "bbh" else "rows.jsonl"
        suite_questions(suite, num=5, data=write(tmp_path / name, text))


def test_what_is_missing_is_told_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(BadSuite, match="no suite 'gsm9k'; there are gsm8k"):
        suite_questions("gsm9k", num=1)
    with pytest.raises(BadSuite, match="give --data PATH with gsm8k/train"):
        suite_questions("gsm8k", num=1)
    with pytest.raises(BadSuite, match="no file of the suite 'aqua': it is looked for as aqua/dev"):
        suite_questions("aqua", num=1, data=tmp_path)
    with pytest.raises(BadSuite, match="no UTF-8"):
        path = tmp_path / "rows.jsonl"
        path.write_bytes(b'{"question": "\xff"}\n')
        suite_questions("gsm8k", num=1, data=path)


# Grading

CHOICE = ChoiceGrader("B", {"A": "6", "B": "9", "C": "12"})
CALL = CallGrader("area", {"base": [3, 3.5], "unit": ["m", ""], "tags": [["a", "b"], ""], "box": [{"w": [1]}, ""]})


def called(arguments: object, name: str = "area") -> Given:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return Given("", [ClientToolCall(id="call_1", name=name, arguments=text)])


@pytest.mark.parametrize(
    ("grader", "text", "marks"),
    [
        (NumberGrader("1200"), "1,200", YES),
        (NumberGrader("1200"), "so she has\n#### 1200", YES),
        (NumberGrader("1200"), "She has 1200 dollars.", Marks(False, True, True)),
        (NumberGrader("1200"), "The answer is 1200. I used 7 steps", Marks(True, False, True)),
        (NumberGrader("0.5"), "1/2", YES),
        (NumberGrader("12"), "13", NO),
        (NumberGrader("12"), "", NO),
        (MathsGrader(r"$\frac{x}{2}$"), "x/2", Marks(False, False, True)),
        (MathsGrader(r"$\frac{x}{2}$"), r"Thus \boxed{\frac{x}{2}}.", Marks(True, False, True)),
        (MathsGrader(r"$\frac{x}{2}$"), "x/3", NO),
        (CHOICE, "B", YES),
        (CHOICE, "(B)", YES),
        (CHOICE, "I think that it is B) 9", Marks(False, True, True)),
        (CHOICE, "9", Marks(False, False, True)),
        (CHOICE, "12", NO),
        (CHOICE, "A or so", NO),
        (LabelGrader("Unknown", TRUTH), "Unknown.", YES),
        (LabelGrader("Unknown", TRUTH), "It is not true, it is uncertain", Marks(False, True, True)),
        (LabelGrader("Unknown", TRUTH), "true", NO),
        (IntegralGrader("2*x", "x", "x**2"), "x^2 + C", YES),
        (IntegralGrader("2*x", "x", "x**2"), "x^3", NO),
    ],
)
async def test_an_answer_is_marked(grader: Grader, text: str, marks: Marks) -> None:
    assert await grader.marks(Given(text), NO_TOOLS) == marks


@pytest.mark.parametrize(
    ("given", "is_right"),
    [
        (called({"base": 3}), True),
        (called({"base": 3.0, "unit": "M."}), True),
        (called({"base": 3, "tags": ["a", "b"], "box": {"w": 1}}), True),
        (called({"base": 4}), False),
        (called({"base": True}), False),
        (called({"unit": "m"}), False),
        (called({"base": 3, "colour": "red"}), False),
        (called({"base": 3, "tags": ["b", "a"]}), False),
        (called({"base": 3, "box": {"w": 2}}), False),
        (called({"base": 3}, name="volume"), False),
        (called("{"), False),
        (called("[3]"), False),
        (Given("3"), False),
    ],
)
async def test_a_call_counts_when_name_and_arguments_are_allowed(given: Given, is_right: bool) -> None:
    assert (await CALL.marks(given, NO_TOOLS)).is_right == is_right


async def test_where_no_tool_fits_silence_is_right() -> None:
    none = CallGrader("", None)
    assert (await none.marks(Given("I sing."), NO_TOOLS)).is_right
    assert not (await none.marks(called({}), NO_TOOLS)).is_right


async def test_programs_are_judged_in_the_fence() -> None:
    [row] = [row for row in FILES["mbpp/mbpp.jsonl"] if row["task_id"] == 11]
    grader = CodeGrader(row["code"], "", tuple(row["test_list"]))
    tools = ToolExecutor()
    with pytest.raises(FenceMissing):
        await grader.marks(Given(row["code"]), tools)
    await tools.start()
    try:
        programs = {
            row["code"]: True,
            f"Here it is:\n```python\n{row['code']}\n```": True,
            "def double(n):\n    return n": False,
            "raise SystemExit(0)": False,
            "print('passed')": False,
            "": False,
        }
        for program, is_right in programs.items():
            assert (await grader.marks(Given(program), tools)).is_right == is_right, program
    finally:
        await tools.close()
