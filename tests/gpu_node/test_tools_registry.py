"""The tools as the model sees them: schema from the function, arguments checked, refusals that say what is right."""

import json

import pytest

from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.registry import TOOLS, arguments_parse, tool_from_function, tool_run


def test_the_three_tools_describe_themselves() -> None:
    assert list(TOOLS) == ["execute_python", "symbolic_math", "logic_solver"]
    for tool in TOOLS.values():
        assert tool.description
        assert tool.parameters["type"] == "object"
        assert all(shape["description"] for shape in tool.parameters["properties"].values())
        json.dumps(tool.parameters)


def test_the_schema_comes_from_the_signature() -> None:
    schema = TOOLS["symbolic_math"].parameters
    assert schema["required"] == ["operation", "expression"]
    assert "differentiate" in schema["properties"]["operation"]["enum"]
    assert schema["properties"]["order"]["type"] == "integer"
    assert TOOLS["logic_solver"].parameters["properties"]["constraints"]["items"] == {"type": "string"}


def test_a_parameter_without_a_description_is_a_defect() -> None:
    def nameless(code: str) -> str:
        """Does something."""
        return code

    with pytest.raises(ValueError, match="does not describe 'code'"):
        tool_from_function(nameless)


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("nope", {}, "unknown tool 'nope': use execute_python, symbolic_math, logic_solver"),
        ("execute_python", {}, "the parameter 'code' is missing: execute_python takes code"),
        ("execute_python", {"cod": "1"}, "unknown parameter 'cod': execute_python takes code"),
        ("execute_python", {"code": ["1"]}, "code: input should be a valid string"),
        ("symbolic_math", {"operation": "derive", "expression": "x"}, "unknown operation 'derive': use differentiate"),
        ("symbolic_math", {"operation": "factr", "expression": "x"}, "unknown operation 'factr': use factor"),
        ("logic_solver", {"constraints": ["p"], "task": "solve"}, "unknown task 'solve': use model"),
        ("logic_solver", {"constraints": "p"}, "constraints: input should be a valid list"),
    ],
)
def test_a_bad_call_says_what_is_right(name: str, arguments: dict[str, object], text: str) -> None:
    reply = tool_run(name, arguments)
    assert reply.is_error
    assert reply.text == f"Error: {text}"


def test_a_number_may_stand_for_its_text() -> None:
    assert tool_run("symbolic_math", {"operation": "evaluate", "expression": 5}).text == "5"


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", "1",
        '"x"', '{"code": NaN}', '{"a": Infinity}', '{"code": "\\ud800"}', '{"code": "\\u0000"}',
        '{"\\ud800": 1}', "[" * 100_000, '{"a":' * 5_000, '{"a": 1, "a": 2}', '{"a": ' + "9" * 5_000 + "}",
        '{"code": "' + "x" * 200_000 + '"}', '{"a": 1} trailing', "{'code': 1}", '{"code": "\ud800"}', "\x00", '"' * 3,
    ],
)  # fmt: skip
def test_arguments_that_are_no_json_object_are_refused(text: str) -> None:
    with pytest.raises(ToolInputError):
        arguments_parse(text)


def test_execute_python_prints_and_names_its_errors() -> None:
    assert tool_run("execute_python", {"code": "print(1 + 1)"}).text == "2"
    assert tool_run("execute_python", {"code": "x = 3\nx ** 2"}).text == "9"
    assert tool_run("execute_python", {"code": "print('a')\n1/0"}).text == "a\nZeroDivisionError: division by zero"
    assert tool_run("execute_python", {"code": "x ="}).text == "SyntaxError: invalid syntax"
    assert tool_run("execute_python", {"code": "import sys; sys.exit(3)"}).text == "SystemExit: 3"
    assert tool_run("execute_python", {"code": ""}).text == "Error: the code is empty"
