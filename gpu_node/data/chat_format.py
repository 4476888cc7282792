"""The chat format: the only file that spells special tokens, for training, serving and the Hugging Face chat template.

Invariant: text that someone else wrote (a question, a tool's output, an argument) never becomes a special token. It is
encoded alone, with special tokens off, and joined to the format as ids, never as text.
Not here: parsing what the model wrote (reasoning/tool_call_parser.py works on ids).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tokenizers import Tokenizer

SPECIAL_TOKENS = (
    "<|pad|>",
    "<|bos|>",
    "<|end|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|think|>",
    "<|/think|>",
    "<|tool_call|>",
    "<|tool_name|>",
    "<|tool_args|>",
    "<|/tool_call|>",
    "<|tool_result|>",
    "<|/tool_result|>",
)
TOOL_RESULT_TOKENS_MAX = 192  # a result above this would push the question out of a small model's context
NO_TOOLS = "no tools"  # the system turn of a run that may not call tools
COMPLETION_PREFIX = "Solve: "  # raw completions: `Solve: …\n` then the answer as plain text

QUESTION_WEIGHT = 0.2  # loss on the question too: the net learns to read by predicting it


class MessageLike(Protocol):
    @property
    def role(self) -> str: ...
    @property
    def content(self) -> str: ...


class ClientToolLike(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def parameters(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class SpecialIds:
    pad: int
    bos: int
    end: int
    system: int
    user: int
    assistant: int
    think: int
    think_end: int
    tool_call: int
    tool_name: int
    tool_args: int
    tool_call_end: int
    tool_result: int
    tool_result_end: int

    @property
    def eos(self) -> tuple[int, int]:
        """What ends generation: the turn's end, and the end of a call (vLLM runs on past it otherwise)."""
        return (self.end, self.tool_call_end)

    @property
    def never_sampled(self) -> tuple[int, ...]:
        """A model that could write these could forge a tool's result or another speaker's turn."""
        return (
            self.pad,
            self.bos,
            self.system,
            self.user,
            self.assistant,
            self.tool_result,
            self.tool_result_end,
        )


def special_ids(tokenizer: Tokenizer) -> SpecialIds:
    found = {token: tokenizer.token_to_id(token) for token in SPECIAL_TOKENS}
    missing = [token for token, id_ in found.items() if id_ is None]
    if missing:
        raise ValueError(f"the tokenizer has no {missing}: it is not one of Svend's")
    return SpecialIds(*(id_ for id_ in found.values() if id_ is not None))


def encode_text(tokenizer: Tokenizer, untrusted: str) -> list[int]:
    """Ids of text that someone else wrote: special tokens are spelled out as ordinary characters."""
    tokenizer.encode_special_tokens = True  # the property's name means: encode special tokens as ordinary text
    printable = untrusted.encode("utf-8", "replace").decode("utf-8")  # lone surrogates cannot be encoded
    return list(tokenizer.encode(printable, add_special_tokens=False).ids)


def encode_prompt(
    tokenizer: Tokenizer,
    messages: Sequence[MessageLike],
    *,
    tools_allowed: bool,
    client_tools: Sequence[ClientToolLike] = (),
) -> list[int]:
    """The dialogue up to and with `<|assistant|>`, where generation starts."""
    ids = special_ids(tokenizer)
    prompt = [ids.bos]
    if not tools_allowed and not client_tools:
        prompt += [ids.system, *encode_text(tokenizer, NO_TOOLS), ids.end]
    for tool in client_tools:
        described = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
        prompt += [ids.system, *encode_text(tokenizer, json.dumps(described)), ids.end]
    for message in messages:
        prompt += _encode_turn(tokenizer, ids, message)
    return [*prompt, ids.assistant]


def _encode_turn(tokenizer: Tokenizer, ids: SpecialIds, message: MessageLike) -> list[int]:
    text = encode_text(tokenizer, message.content)
    match message.role:
        case "system":
            return [ids.system, *text, ids.end]
        case "user":
            return [ids.user, *text, ids.end]
        case "tool":
            return encode_tool_result(tokenizer, message.content)
        case "assistant":
            calls: list[int] = []
            for call in getattr(message, "tool_calls", None) or []:
                function = call["function"]
                calls += _call_ids(tokenizer, ids, function["name"], function["arguments"])
            if calls:
                return [ids.assistant, *text, *calls]
            return [ids.assistant, *text, ids.end]
    raise ValueError(f"unknown role {message.role!r}")


def encode_tool_result(tokenizer: Tokenizer, text: str) -> list[int]:
    """A tool's output with both tags, cut at TOOL_RESULT_TOKENS_MAX."""
    ids = special_ids(tokenizer)
    return [ids.tool_result, *encode_text(tokenizer, text)[:TOOL_RESULT_TOKENS_MAX], ids.tool_result_end]


def encode_completion(tokenizer: Tokenizer, prompt: str) -> list[int]:
    """A raw completion's prompt: the text after `<|bos|>`, no turns."""
    return [special_ids(tokenizer).bos, *encode_text(tokenizer, prompt)]


def arguments_text(arguments: Mapping[str, Any]) -> str:
    """The one spelling of a call's arguments: JSON in the given key order, no escapes for letters of any language."""
    return json.dumps(arguments, ensure_ascii=False)


def _call_ids(tokenizer: Tokenizer, ids: SpecialIds, name: str, arguments: str) -> list[int]:
    return [
        ids.tool_call,
        ids.tool_name,
        *encode_text(tokenizer, name),
        ids.tool_args,
        *encode_text(tokenizer, arguments),
        ids.tool_call_end,
    ]


@dataclass(frozen=True)
class TrainedCall:
    """One call of a training row. `is_faulty`: shown so that the repair can be learned, not learned itself."""

    name: str
    arguments: str
    result: str
    is_faulty: bool = False


def render_example(
    tokenizer: Tokenizer,
    *,
    question: str,
    thought: str,
    calls: Sequence[TrainedCall],
    conclusion: str,
    answer: str,
    tools_allowed: bool = True,
) -> tuple[list[int], list[float]]:
    """(ids, loss weights) of one dialogue; the weight at a position is that of predicting this id.

    1 on what the assistant writes, QUESTION_WEIGHT on the question, 0 on tool results, faulty calls and fixed tags.
    """
    ids = special_ids(tokenizer)
    row = [ids.bos]
    if not tools_allowed:
        row += [ids.system, *encode_text(tokenizer, NO_TOOLS), ids.end]
    weights = [0.0] * len(row)

    def add(new: Sequence[int], weight: float) -> None:
        row.extend(new)
        weights.extend([weight] * len(new))

    add([ids.user], 0.0)
    add(encode_text(tokenizer, question), QUESTION_WEIGHT)
    add([ids.end, ids.assistant], 0.0)
    if thought:
        add([ids.think, *encode_text(tokenizer, thought), ids.think_end], 1.0)
    for call in calls:
        call_ids = _call_ids(tokenizer, ids, call.name, call.arguments)
        add(call_ids, 0.0 if call.is_faulty else 1.0)
        add(encode_tool_result(tokenizer, call.result), 0.0)
        if call.is_faulty:
            add([ids.think, *encode_text(tokenizer, REPAIR_THOUGHT), ids.think_end], 1.0)
    if conclusion:
        add([ids.think, *encode_text(tokenizer, conclusion), ids.think_end], 1.0)
    add([*encode_text(tokenizer, answer), ids.end], 1.0)
    return row, weights


REPAIR_THOUGHT = "That call failed; I repair it."


def render_completion(tokenizer: Tokenizer, *, body: str, answer: str) -> tuple[list[int], list[float]]:
    """A `Solve: …` row: plain text, no turns."""
    prompt = encode_completion(tokenizer, f"{COMPLETION_PREFIX}{body}\n")
    rest = [*encode_text(tokenizer, answer), special_ids(tokenizer).end]
    return prompt + rest, [0.0] + [QUESTION_WEIGHT] * (len(prompt) - 1) + [1.0] * len(rest)


def render_text(tokenizer: Tokenizer, text: str) -> tuple[list[int], list[float]]:
    """A row of plain text, learnt whole."""
    ids = [*encode_completion(tokenizer, text), special_ids(tokenizer).end]
    return ids, [0.0] + [1.0] * (len(ids) - 1)


def render_dialogue(tokenizer: Tokenizer, messages: Sequence[Mapping[str, str]]) -> tuple[list[int], list[float]]:
    """A row of turns: the assistant's are learnt, a user's are read with QUESTION_WEIGHT, all others only read.

    Raises ValueError, KeyError, TypeError: a message without role or content, an unknown role, no assistant's turn.
    """
    ids = special_ids(tokenizer)
    row, weights = [ids.bos], [0.0]
    openers = {"system": ids.system, "user": ids.user, "assistant": ids.assistant}
    text_weights = {"system": 0.0, "user": QUESTION_WEIGHT, "assistant": 1.0}
    for message in messages:
        role, content = message["role"], message["content"]
        if role not in openers or not isinstance(content, str):
            raise ValueError(f"role {role!r} with content of type {type(content).__name__}")
        text = encode_text(tokenizer, content)
        row += [openers[role], *text, ids.end]
        weights += [0.0] + [text_weights[role]] * len(text) + [1.0 if role == "assistant" else 0.0]
    if ids.assistant not in row:
        raise ValueError("no assistant's turn: nothing to learn")
    return row, weights


# The same ids as encode_prompt with tools on, for whoever serves the checkpoint with transformers or vLLM.
# (Those tokenise the rendered text as a whole, so there a user's text is not kept apart from the special tokens.)
CHAT_TEMPLATE = (
    "{{ '<|bos|>' }}"
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'tool' -%}"
    "{{ '<|tool_result|>' + message['content'] + '<|/tool_result|>' }}"
    "{%- elif message['role'] == 'assistant' and message.get('tool_calls') -%}"
    "{{ '<|assistant|>' + (message['content'] or '') }}"
    "{%- for call in message['tool_calls'] -%}"
    "{{ '<|tool_call|><|tool_name|>' + call['function']['name'] + '<|tool_args|>' }}"
    "{%- if call['function']['arguments'] is string -%}"
    "{{ call['function']['arguments'] }}"
    "{%- else -%}"
    "{{ call['function']['arguments'] | tojson }}"
    "{%- endif -%}"
    "{{ '<|/tool_call|>' }}"
    "{%- endfor -%}"
    "{%- else -%}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|assistant|>' }}{%- endif -%}"
)
