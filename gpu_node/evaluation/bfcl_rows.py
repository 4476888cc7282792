"""BFCL's rows: functions described in their dialect of JSON schema, and the arguments that count as right.

`BFCL_v4_NAME.json` has the questions; `possible_answer/BFCL_v4_NAME.json` beside it has the answers, but for
irrelevance, where no function fits and the right answer is no call. Single turns with a single right call only.
Not here: grading (graders.CallGrader).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gpu_node.evaluation.graders import CallGrader
from gpu_node.evaluation.question import Question
from gpu_node.evaluation.suite_files import BadSuite, Row, rows_read
from gpu_node.protocol.run_spec import ClientTool

LAYOUT = '{"id", "question": [[{"role", "content"}]], "function": [{"name", "description", "parameters"}]}'
ANSWER_LAYOUT = '{"id", "ground_truth": [{NAME: {ARGUMENT: [values]}}]}'
_TYPES = {"dict": "object", "float": "number", "tuple": "array", "any": "string"}
SCHEMA_DEPTH_MAX = 16


def bfcl_questions(path: Path) -> Iterator[Question]:
    category = path.name.partition(".")[0].removeprefix("BFCL_v4_")
    answers = None if "irrelevance" in category else _answers(path)
    for row in rows_read(path, layout=LAYOUT):
        grader = CallGrader("", None)
        if answers is not None:
            if row.text("id") not in answers:
                raise row.bad(f"no answer has the id {row.text('id')!r}")
            grader = answers[row.text("id")]
        tools = tuple(_tool(row, function) for function in row.list_of("function"))
        yield Question("bfcl", row.text("id"), _asked(row), grader, part=category, client_tools=tools)


def _asked(row: Row) -> str:
    match row.list_of("question"):
        case [[{"role": "user", "content": str(text)}]]:
            return text
    raise row.bad("the question is not a single user turn")


def _answers(path: Path) -> dict[str, CallGrader]:
    found = sorted((path.parent / "possible_answer").glob(f"{path.name.partition('.')[0]}.json*"))
    if not found:
        raise BadSuite(f"{path.name} has no answers: possible_answer/{path.name.removesuffix('.gz')} belongs beside it")
    graders = {}
    for row in rows_read(found[0], layout=ANSWER_LAYOUT):
        match row.list_of("ground_truth"):
            case [dict() as call] if len(call) == 1:
                [(name, allowed)] = call.items()
                graders[row.text("id")] = CallGrader(str(name), _allowed(row, allowed))
            case _:
                raise row.bad("the answer is not one call")
    return graders


def _allowed(row: Row, allowed: Any) -> dict[str, list[Any]]:
    if not isinstance(allowed, dict) or not all(isinstance(values, list) for values in allowed.values()):
        raise row.bad("each argument needs the list of its right values")
    return allowed


def _tool(row: Row, function: Any) -> ClientTool:
    try:
        parameters = _schema(function["parameters"], SCHEMA_DEPTH_MAX)
        return ClientTool(name=function["name"], description=function.get("description", ""), parameters=parameters)
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        raise row.bad(f"a function is malformed: {str(error)[:120]!r}") from error


def _schema(value: Any, depth: int) -> Any:
    """Their type names as JSON schema has them."""
    if depth == 0:
        return value
    if isinstance(value, dict):
        named = {name: _schema(one, depth - 1) for name, one in value.items()}
        if isinstance(value.get("type"), str):
            named["type"] = _TYPES.get(value["type"], value["type"])
        return named
    return [_schema(one, depth - 1) for one in value] if isinstance(value, list) else value
