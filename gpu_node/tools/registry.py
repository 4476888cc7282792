"""The tools that a model may call: each derived from one typed function, whose docstring the model reads.

Name, description and JSON schema come from the function itself, so they cannot drift from the code. Checks
arguments; runs nothing untrusted: `tool_run` calls the function in this process and is for trusted data (training
rows, tests). What a model wrote goes through `executor.ToolExecutor`.
"""

import difflib
import inspect
import json
import re
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic_core import ErrorDetails

from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.execute_python import execute_python
from gpu_node.tools.logic_solver import TASK_HINTS, FurtherTask, logic_solver
from gpu_node.tools.symbolic_math import OPERATION_HINTS, FurtherOperation, symbolic_math

ARGUMENTS_CHARACTERS_MAX = 100_000  # of the JSON text: the code limit of 64 KiB, escaped
ARGUMENTS_DEPTH_MAX = 16  # nested arrays and objects; honest calls have 2
STRING_CHARACTERS_MAX = 65_536  # of one string argument


@dataclass(frozen=True)
class Tool:
    """One tool. `libraries` are what a warm guest imports before its call comes."""

    name: str
    description: str
    parameters: dict[str, Any]  # JSON schema
    function: Callable[..., str]
    arguments_model: type[BaseModel]
    libraries: tuple[str, ...] = ()
    hints: Mapping[str, str] = field(default_factory=dict)  # wrong choice -> right one
    # What complaints name: the parameters and choices that the shipped model was trained with. Those that came later
    # (keyword-only parameters, `further` choices) work as well and stand in the schema.
    parameters_told: tuple[str, ...] = ()
    further: frozenset[str] = frozenset()
    source: Literal["built-in", "plug-in"] = "built-in"
    target: str = ""  # "module:function" as a guest finds it; empty: this folder's module of the tool's name

    def arguments_validate(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as the function takes them.

        Raises:
            ToolInputError: names the parameter and what is right.
        """
        try:
            model = self.arguments_model.model_validate(dict(arguments))
        except ValidationError as error:
            errors = sorted(error.errors(include_url=False), key=lambda found: found["type"] != "extra_forbidden")
            raise ToolInputError(self._complaint(errors[0])) from error
        return {name: getattr(model, name) for name in type(model).model_fields}

    def _complaint(self, error: ErrorDetails) -> str:
        names = self.parameters_told
        name = str(error["loc"][0]) if error["loc"] else ""
        match error["type"]:
            case "missing":
                return f"the parameter {name!r} is missing: {self.name} takes {', '.join(names)}"
            case "extra_forbidden":
                return f"unknown parameter {name[:40]!r}: {self.name} takes {', '.join(names)}"
            case "literal_error":
                return self._choice_complaint(name, str(error["input"])[:40])
            case _:
                return f"{name}: {error['msg'][:1].lower()}{error['msg'][1:]}"

    def _choice_complaint(self, name: str, given: str) -> str:
        choices = [c for c in self.parameters["properties"][name]["enum"] if c not in self.further]
        close = [
            match for known in (choices, self.further) for match in difflib.get_close_matches(given.lower(), known, 1)
        ]
        hint = self.hints.get(given.lower()) or next(iter(close), None)
        return f"unknown {name} {given!r}: use {hint or ', '.join(choices)}"


@dataclass(frozen=True)
class ToolReply:
    """A call's outcome in this process: what the model reads, and whether the call succeeded."""

    is_error: bool
    text: str


def error_text(message: str) -> str:
    """How a refused call reads to the model; the same in training and in serving."""
    return f"Error: {message}"


def tool_run(name: str, arguments: Mapping[str, Any]) -> ToolReply:
    """Runs a call in this process: TRUSTED data only, no limits."""
    try:
        tool = tool_find(name)
        text = tool.function(**tool.arguments_validate(arguments))
    except ToolInputError as error:
        return ToolReply(is_error=True, text=error_text(str(error)))
    return ToolReply(is_error=False, text=text)


def tool_find(name: str, tools: Mapping[str, Tool] | None = None) -> Tool:
    """The tool of this name, of this repository's where no others are given. Raises ToolInputError."""
    known = TOOLS if tools is None else tools
    if name not in known:
        raise ToolInputError(f"unknown tool {name[:40]!r}: use {', '.join(known)}")
    return known[name]


def arguments_parse(text: str) -> dict[str, Any]:
    """The JSON object that a model wrote as arguments.

    Raises:
        ToolInputError: not JSON, not an object, too long or deep, NaN, or text that is no text.
    """
    if len(text) > ARGUMENTS_CHARACTERS_MAX:
        raise ToolInputError(f"the arguments have {len(text)} characters, more than {ARGUMENTS_CHARACTERS_MAX}")
    if _nesting(text) > ARGUMENTS_DEPTH_MAX:
        raise ToolInputError(f"the arguments are nested deeper than {ARGUMENTS_DEPTH_MAX}")
    try:
        arguments = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise ToolInputError(f"the arguments are not JSON: {error.msg} at character {error.pos}") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, ToolInputError):
            raise
        raise ToolInputError("the arguments are not JSON: a number is too long") from error
    if not isinstance(arguments, dict):
        raise ToolInputError('the arguments must be a JSON object, such as {"code": "print(1)"}')
    _refuse_bad_text(text, arguments)
    return arguments


def _nesting(text: str) -> int:
    """Depth of brackets outside strings, before anything is parsed."""
    depth = deepest = 0
    for bracket in re.findall(r"[\[{\]}]", re.sub(r'"(?:[^"\\]|\\.)*"', "", text, flags=re.DOTALL)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _refuse_constant(name: str) -> Any:
    raise ToolInputError(f"the arguments are not JSON: {name} is no JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ToolInputError(f"the parameter {twice[:40]!r} is given twice")
    return dict(pairs)


def _refuse_bad_text(text: str, arguments: dict[str, Any]) -> None:
    values = json.dumps(arguments, ensure_ascii=False)
    if "\\u0000" in values or "\0" in text:
        raise ToolInputError("the arguments hold a NUL character")
    try:
        values.encode()
    except UnicodeEncodeError as error:
        raise ToolInputError("the arguments hold characters that are not text (lone surrogates)") from error


# ---------------------------------------------------------------- from function to tool


def tool_from_function(
    function: Callable[..., str],
    *,
    libraries: tuple[str, ...] = (),
    hints: Mapping[str, str] | None = None,
    further: Collection[str] = (),
) -> Tool:
    """Derives a tool; a parameter without a description in the docstring is a defect and raises ValueError."""
    description, described = _docstring_parts(inspect.getdoc(function) or "")
    types = typing.get_type_hints(function)
    fields: dict[str, Any] = {}
    parameters = inspect.signature(function).parameters
    for name, parameter in parameters.items():
        if name not in described:
            raise ValueError(f"the docstring of {function.__name__} does not describe {name!r}")
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        fields[name] = (_limited(types[name]), Field(default, description=described[name]))
    config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)
    model = create_model(f"{function.__name__}_arguments", __config__=config, **fields)
    return Tool(
        name=function.__name__,
        description=description,
        parameters=_schema(model),
        function=function,
        arguments_model=model,
        libraries=libraries,
        hints=hints or {},
        parameters_told=tuple(n for n, p in parameters.items() if p.kind is not inspect.Parameter.KEYWORD_ONLY),
        further=frozenset(further),
    )


def _limited(annotation: Any) -> Any:
    return Annotated[str, Field(max_length=STRING_CHARACTERS_MAX)] if annotation is str else annotation


def _docstring_parts(docstring: str) -> tuple[str, dict[str, str]]:
    text, _, arguments = docstring.partition("\nArgs:\n")
    entries = re.findall(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", arguments, flags=re.MULTILINE)
    return " ".join(text.split()), {name: " ".join(words.split()) for name, words in entries}


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema()
    properties = {}
    for name, found in schema["properties"].items():
        options = [option for option in found.pop("anyOf", []) if option.get("type") != "null"]
        properties[name] = {**(options[0] if options else {}), **found}
        for noise in ("title", "maxLength"):
            properties[name].pop(noise, None)
        if properties[name].get("default") is None:
            properties[name].pop("default", None)
    return {
        "type": "object",
        "properties": properties,
        "required": schema.get("required", []),
        "additionalProperties": False,
    }


TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        tool_from_function(execute_python),
        tool_from_function(
            symbolic_math, libraries=("sympy",), hints=OPERATION_HINTS, further=get_args(FurtherOperation)
        ),
        tool_from_function(logic_solver, libraries=("z3",), hints=TASK_HINTS, further=get_args(FurtherTask)),
    )
}
