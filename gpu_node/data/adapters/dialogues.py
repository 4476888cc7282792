"""Conversations in the forms that public sets write them in, with their tool calls: all become OpenAI's messages.

| form          | a turn                                                                   |
|---------------|--------------------------------------------------------------------------|
| ShareGPT      | {"from": human, gpt, system, function_call, observation, "value": text}    |
| Glaive v2     | one text: USER: … ASSISTANT: … <functioncall> {…} FUNCTION RESPONSE: …     |
| message parts | {"role", "content": [{"type": text, reasoning, tool_call, "value"}]}       |

Not here: OpenAI's own form, which is ours (gpu_node/protocol/data_rows.py).
"""

import json
import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from gpu_node.protocol.data_rows import (
    MESSAGES_MAX,
    BadLine,
    DialogueRow,
    RowFunction,
    RowMessage,
    RowPart,
    RowTool,
    RowToolCall,
    RowToolFunction,
    Text,
    TextOrNull,
)

CURE = "repair the row or leave it out"


class CallPart(RowPart):
    """A call as these sets write it: a function's name and its arguments."""

    name: Text
    arguments: Any = {}

    def call(self) -> RowToolCall:
        return RowToolCall(function=RowFunction(name=self.name, arguments=self.arguments))


def calls_read(text: str) -> tuple[RowToolCall, ...]:
    """The calls of a JSON text: one object or a list of them. Raises BadLine."""
    found = _json(text, "a tool call")
    items = found if isinstance(found, list) else [found]
    return tuple(CallPart.model_validate(item).call() for item in items)


def tools_read(given: Any) -> tuple[RowTool, ...]:
    """Function descriptions: JSON text or a list, each bare or in OpenAI's wrapper. Raises BadLine."""
    found = _json(given, "`tools`") if isinstance(given, str) and given.strip() else given
    items = found if isinstance(found, list) else [found] if found else []
    return tuple(
        RowTool.model_validate(item)
        if isinstance(item, dict) and "function" in item
        else RowTool(function=RowToolFunction.model_validate(item))
        for item in items
    )


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadLine(f"{what} is no JSON: {error}", CURE) from error


# ShareGPT

ROLES: dict[str, Literal["system", "user", "assistant", "tool"]] = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "observation": "tool",
    "tool": "tool",
}
CALLERS = ("function_call", "tool_call")


class ShareGptTurn(RowPart):
    speaker: str = Field(alias="from")
    value: TextOrNull = ""


class ShareGptRow(RowPart):
    conversations: Annotated[tuple[ShareGptTurn, ...], Field(min_length=1, max_length=MESSAGES_MAX)]
    system: TextOrNull = ""
    tools: Any = None


def sharegpt(row: ShareGptRow) -> DialogueRow:
    first = [RowMessage(role="system", content=row.system)] if row.system else []
    return DialogueRow(messages=(*first, *map(turn_read, row.conversations)), tools=tools_read(row.tools))


def turn_read(turn: ShareGptTurn) -> RowMessage:
    if turn.speaker in CALLERS:
        return RowMessage(role="assistant", tool_calls=calls_read(turn.value))
    if turn.speaker not in ROLES:
        raise BadLine(f"nobody is called {turn.speaker!r}: there are {', '.join([*ROLES, *CALLERS])}", CURE)
    return RowMessage(role=ROLES[turn.speaker], content=turn.value)


# Glaive


class GlaiveRow(RowPart):
    system: TextOrNull = ""
    chat: Text


_END = re.compile(r"<\|endoftext\|>")
_SPEAKER = re.compile(r"^(USER|ASSISTANT|FUNCTION RESPONSE):", re.MULTILINE)
_CALL = "<functioncall>"


def glaive(row: GlaiveRow) -> DialogueRow:
    pieces = _SPEAKER.split(_END.sub("", row.chat))
    if len(pieces) < 3 or pieces[0].strip():
        raise BadLine("the chat does not begin with 'USER:' or 'ASSISTANT:'", CURE)
    turns = zip(pieces[1::2], pieces[2::2], strict=True)
    return DialogueRow(messages=tuple(_glaive_turn(*turn) for turn in turns), tools=_glaive_tools(row.system))


def _glaive_turn(speaker: str, text: str) -> RowMessage:
    if speaker == "USER":
        return RowMessage(role="user", content=text.strip())
    if speaker == "FUNCTION RESPONSE":
        return RowMessage(role="tool", content=text.strip())
    said, found, call = text.partition(_CALL)
    calls = (_glaive_call(call.strip()),) if found else ()
    return RowMessage(role="assistant", content=said.strip(), tool_calls=calls)


def _glaive_call(text: str) -> RowToolCall:
    """The arguments stand in single quotes, as JSON text that would need no escapes: {"name": …, "arguments": '{…}'}"""
    found = re.fullmatch(r"\{\s*\"name\":\s*\"([^\"]+)\"\s*,\s*\"arguments\":\s*'(.*)'\s*\}", text, re.DOTALL)
    if found is None:
        return calls_read(text)[0]
    return RowToolCall(function=RowFunction(name=found[1], arguments=found[2].replace("\\'", "'")))


def _glaive_tools(system: str) -> tuple[RowTool, ...]:
    """The JSON objects that follow one another after the system's sentence."""
    decoder, tools, place = json.JSONDecoder(), [], system.find("{")
    while place != -1:
        try:
            found, end = decoder.raw_decode(system, place)
        except ValueError as error:
            raise BadLine(f"a function's description is no JSON: {error}", CURE) from error
        tools.append(found)
        place = system.find("{", end)
    return tools_read(tools)


# Messages whose content is a list of parts


class Part(RowPart):
    type: Literal["text", "reasoning", "tool_call"]
    value: TextOrNull = ""


class PartsMessage(RowPart):
    role: Literal["system", "user", "assistant", "tool"]
    content: Annotated[
        tuple[Part, ...],
        BeforeValidator(lambda given: [{"type": "text", "value": given}] if isinstance(given, str) else given),
    ]


class PartsRow(RowPart):
    messages: Annotated[tuple[PartsMessage, ...], Field(min_length=1, max_length=MESSAGES_MAX)]
    tools: Any = None


def message_parts(row: PartsRow) -> DialogueRow:
    return DialogueRow(messages=tuple(map(parts_read, row.messages)), tools=tools_read(row.tools))


def parts_read(message: PartsMessage) -> RowMessage:
    texts = {kind: "\n".join(part.value for part in message.content if part.type == kind) for kind in _TEXTS}
    calls = [call for part in message.content if part.type == "tool_call" for call in calls_read(part.value)]
    return RowMessage(role=message.role, content=texts["text"], thought=texts["reasoning"], tool_calls=tuple(calls))


_TEXTS = ("text", "reasoning")
