"""One row of training data, in the shapes that a job reads; each is a JSON object on one line of a file.

| row           | columns                                             | what learns from it                            |
|---------------|-----------------------------------------------------|------------------------------------------------|
| ProblemRow    | question, answer (thought, calls, conclusion)       | SFT; a verifier, where it says `is_right`      |
| DialogueRow   | messages (tools), in OpenAI's shape                 | SFT; a verifier, where it says `is_right`      |
| TextRow       | text                                                | pretraining, SFT                               |
| PreferenceRow | prompt, chosen, rejected: lists of messages         | DPO                                            |
| StepRow       | question, steps: texts with `is_right`              | a verifier of steps                            |

Read here by whoever looks at a file before a job does (the backend when it is stored) and by the job itself, so that
both refuse the same lines in the same words. Columns that a row does not name are left alone. Invariant: what parsed
needs no further check. Not here: other people's layouts (gpu_node/data/adapters), tokens (gpu_node/data/row_tokens.py).
"""

import json
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

LINE_BYTES_MAX = 1_048_576  # far above the longest row that a context holds
MESSAGES_MAX = 1_000  # of a row: above it no context holds them
STEPS_MAX = 1_000  # of a solution
SHAPES = (
    '{"question": …, "answer": …}, {"messages": […]}, {"text": …}, '
    '{"prompt": …, "chosen": …, "rejected": …} or {"question": …, "steps": […]}'
)


class BadLine(ValueError):
    """`cure` is what a person can do about it."""

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(message)
        self.cure = cure


class RowPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


def _arguments_text(given: Any) -> Any:
    """Both spellings that files have, an object and its JSON text, become the text."""
    if isinstance(given, dict):
        return json.dumps(given, ensure_ascii=False)
    if isinstance(given, str):
        try:
            is_object = isinstance(json.loads(given), dict)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"the arguments of a call are no JSON: {error}") from error
        if not is_object:
            raise ValueError("the arguments of a call are no JSON object")
    return given


Text = Annotated[str, Field(min_length=1)]
Arguments = Annotated[str, BeforeValidator(_arguments_text)]  # JSON text of an object
TextOrNull = Annotated[str, BeforeValidator(lambda given: "" if given is None else given)]


class RowCall(RowPart):
    """One tool call of a problem with the tool's real result. `thought` stands before it; `is_faulty`: not learnt."""

    name: Text
    arguments: Arguments
    result: str
    thought: str = ""
    is_faulty: bool = False


class ProblemRow(RowPart):
    """A question, the reasoning with its calls, and the answer: one turn of ours, calls and all."""

    question: Text
    answer: Text
    thought: TextOrNull = ""
    calls: tuple[RowCall, ...] = ()
    conclusion: TextOrNull = ""
    is_right: bool | None = None
    family: str = ""


class RowFunction(RowPart):
    name: Text
    arguments: Arguments


class RowToolCall(RowPart):
    """As OpenAI writes one."""

    type: Literal["function"] = "function"
    function: RowFunction


class RowMessage(RowPart):
    """`thought` is the reasoning before an assistant's words."""

    role: Literal["system", "user", "assistant", "tool"]
    content: TextOrNull = ""
    thought: TextOrNull = ""
    tool_calls: Annotated[tuple[RowToolCall, ...], BeforeValidator(lambda given: given or ())] = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.tool_calls and self.role != "assistant":
            raise ValueError(f"tool_calls in a message of role {self.role!r}: only an assistant calls tools")
        if not self.content and not self.tool_calls and self.role != "tool":
            raise ValueError(f"a message of role {self.role!r} without content")
        return self


class RowToolFunction(RowPart):
    name: Text
    description: str = ""
    parameters: dict[str, Any] = {}


class RowTool(RowPart):
    """A function that the assistant may call, as OpenAI describes one."""

    type: Literal["function"] = "function"
    function: RowToolFunction


Messages = Annotated[tuple[RowMessage, ...], Field(min_length=1, max_length=MESSAGES_MAX)]


class DialogueRow(RowPart):
    """Turns of which the assistant's are learnt."""

    messages: Messages
    tools: tuple[RowTool, ...] = ()
    is_right: bool | None = None

    @model_validator(mode="after")
    def _teaches(self) -> Self:
        if not any(message.role == "assistant" for message in self.messages):
            raise ValueError("no assistant's turn: nothing to learn")
        return self


class TextRow(RowPart):
    """Plain text, learnt whole."""

    text: Text


class PreferenceRow(RowPart):
    """Two ways to go on after `prompt`: the better one and the worse one."""

    prompt: Messages
    chosen: Messages
    rejected: Messages

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.chosen == self.rejected:
            raise ValueError("chosen and rejected are the same: nothing to prefer")
        return self


class LabelledStep(RowPart):
    text: Text
    is_right: bool


class StepRow(RowPart):
    """A solution step by step; each step is right or not, given those before it."""

    question: Text
    steps: Annotated[tuple[LabelledStep, ...], Field(min_length=1, max_length=STEPS_MAX)]


Parsed = TypeVar("Parsed", bound=BaseModel)
DataRow = ProblemRow | DialogueRow | TextRow | PreferenceRow | StepRow
# By the columns that tell a row from the others; the first whose columns are there is meant.
_ROWS: tuple[tuple[tuple[str, ...], type[DataRow]], ...] = (
    (("messages",), DialogueRow),
    (("chosen", "rejected"), PreferenceRow),
    (("question", "steps"), StepRow),
    (("text",), TextRow),
    (("question", "answer"), ProblemRow),
)


def line_read(line: bytes) -> dict[str, Any]:
    """The line's JSON object. Raises BadLine."""
    if len(line) > LINE_BYTES_MAX:
        raise BadLine(f"over {LINE_BYTES_MAX} bytes", "one JSON object a line")
    try:
        record = json.loads(line)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BadLine(f"no JSON: {error}", f"one JSON object a line: {SHAPES}") from error
    if not isinstance(record, dict):
        raise BadLine(f"a {type(record).__name__}, no object", f"one JSON object a line: {SHAPES}")
    return record


def row_of(record: dict[str, Any]) -> DataRow:
    """The record as one of the rows above. Raises BadLine."""
    row = next((row for columns, row in _ROWS if all(name in record for name in columns)), ProblemRow)
    return row_validate(row, record)


def row_validate(row: type[Parsed], record: dict[str, Any]) -> Parsed:
    """Raises BadLine, which names the first column that is wrong."""
    try:
        return row.model_validate(record)
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        raise BadLine(_complaint(record, found), f"each line is {SHAPES}") from error


def _complaint(record: dict[str, Any], found: Any) -> str:
    place = [str(part) for part in found["loc"]]
    if found["type"] == "missing" and len(place) == 1:
        return f"no column {place[0]!r} (has {sorted(record)})"
    said = str(found["msg"]).removeprefix("Value error, ")
    return f"bad {place[0]}: {': '.join(['.'.join(place[1:]), said][len(place) < 2 :])}" if place else said


def row_line(row: DataRow) -> str:
    """The row as a line of a file, without what it leaves at its default; `row_of` reads it back equal."""
    return json.dumps(row.model_dump(mode="json", exclude_defaults=True), ensure_ascii=False) + "\n"
