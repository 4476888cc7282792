"""The chat format: the only file that spells special tokens, for training, serving and the Hugging Face chat template.

Two dialects of turns: Svend's own, and ChatML as imported models know it; `special_ids` tells from the tokenizer which
one holds. The tags of thoughts, calls and results are the same in both.
Invariant: text that someone else wrote (a question, a tool's output, an argument) never becomes a special token. It is
encoded alone, with special tokens off, and joined to the format as ids, never as text.
Not here: parsing what the model wrote (reasoning/tool_call_parser.py works on ids).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tokenizers import AddedToken, Tokenizer

from gpu_node.protocol.data_rows import RowMessage

Role = Literal["system", "user", "assistant"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant")

TAGS = (
    "<|think|>",
    "<|/think|>",
    "<|tool_call|>",
    "<|tool_name|>",
    "<|tool_args|>",
    "<|/tool_call|>",
    "<|tool_result|>",
    "<|/tool_result|>",
)


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How turns are written: `opener`, then `head` and the text as one piece of text, then `end`, then `tail`.

    `start` stands once before the first turn; `text_end` ends a plain text; {role} is the turn's role.
    """

    name: Literal["svend", "chatml"]
    pad: str
    bos: str
    start: str
    opener: str
    head: str
    end: str
    tail: str
    text_end: str

    @property
    def tokens(self) -> tuple[str, ...]:
        """What a tokenizer must know; in this order they are the first ids of a tokenizer of our own."""
        openers = (self.opener.format(role=role) for role in ROLES)
        known = (self.pad, self.bos, self.end, *openers) if self is SVEND else (self.opener, self.end)
        return (*known, *TAGS)


SVEND = Dialect(
    name="svend",
    pad="<|pad|>",
    bos="<|bos|>",
    start="<|bos|>",
    opener="<|{role}|>",
    head="",
    end="<|end|>",
    tail="",
    text_end="<|end|>",
)
# ChatML as SmolLM2 and Qwen write it; `<|endoftext|>` ends a document there, where the tokenizer has it.
CHATML = Dialect(
    name="chatml",
    pad="<|endoftext|>",
    bos="<|im_start|>",
    start="",
    opener="<|im_start|>",
    head="{role}\n",
    end="<|im_end|>",
    tail="\n",
    text_end="<|endoftext|>",
)
SPECIAL_TOKENS = SVEND.tokens
TOOL_RESULT_TOKENS_MAX = 192  # a result above this would push the question out of a small model's context
NO_TOOLS = "no tools"  # the system turn of a run of Svend's own models that may not call tools
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


@dataclass(frozen=True, kw_only=True)
class SpecialIds:
    """A tokenizer's dialect as ids. `openers` and `heads` by role; `tail` follows `end`."""

    dialect: Dialect
    pad: int
    bos: int
    start: tuple[int, ...]
    openers: Mapping[str, int]
    heads: Mapping[str, tuple[int, ...]]
    end: int
    tail: tuple[int, ...]
    text_end: int
    think: int
    think_end: int
    tool_call: int
    tool_name: int
    tool_args: int
    tool_call_end: int
    tool_result: int
    tool_result_end: int

    @property
    def ends(self) -> frozenset[int]:
        """What ends a turn or a text."""
        return frozenset({self.end, self.text_end})

    @property
    def eos(self) -> tuple[int, ...]:
        """What ends generation: a turn's or text's end, and the end of a call (vLLM runs on past it otherwise)."""
        return tuple(dict.fromkeys((self.end, self.tool_call_end, self.text_end)))

    @property
    def tags(self) -> tuple[int, ...]:
        """Of thoughts, calls and results."""
        return (*self.call_tags, self.think, self.think_end, self.tool_result, self.tool_result_end)

    @property
    def call_tags(self) -> tuple[int, ...]:
        return (self.tool_call, self.tool_name, self.tool_args, self.tool_call_end)

    @property
    def markup(self) -> frozenset[int]:
        """Every id that is format, not text."""
        return frozenset({self.pad, self.bos, *self.start, *self.openers.values(), *self.ends, *self.tags})

    @property
    def never_sampled(self) -> tuple[int, ...]:
        """A model that could write these could forge a tool's result or another speaker's turn."""
        forged = {self.pad, self.bos, *self.openers.values(), self.tool_result, self.tool_result_end}
        return tuple(sorted(forged - self.ends))

    def opening(self, role: Role) -> list[int]:
        """What stands before a turn's text."""
        return [self.openers[role], *self.heads[role]]

    def turn_starts(self, row: Sequence[int], role: Role) -> list[int]:
        """The places in a row where a turn of this role has its first id of text."""
        opening = self.opening(role)
        size = len(opening)
        places = [place for place, id_ in enumerate(row) if id_ == opening[0]]
        return [place + size for place in places if list(row[place : place + size]) == opening]


def special_ids(tokenizer: Tokenizer) -> SpecialIds:
    """The dialect that the tokenizer knows, as ids. Raises ValueError: it knows none."""
    dialect = dialect_of(tokenizer)
    found = {token: tokenizer.token_to_id(token) for token in dialect.tokens}
    if missing := [token for token, id_ in found.items() if id_ is None]:
        raise ValueError(f"the tokenizer has no {missing}: bring the model in by `python -m gpu_node import` first")
    ids = {token: id_ for token, id_ in found.items() if id_ is not None}
    end = ids[dialect.end]
    text_end = tokenizer.token_to_id(dialect.text_end)
    text_end = end if text_end is None else text_end
    return SpecialIds(
        dialect=dialect,
        pad=ids.get(dialect.pad, text_end),
        bos=ids[dialect.bos],
        start=(ids[dialect.start],) if dialect.start else (),
        openers={role: ids[dialect.opener.format(role=role)] for role in ROLES},
        heads={role: tuple(encode_text(tokenizer, dialect.head.format(role=role))) for role in ROLES},
        end=end,
        tail=tuple(encode_text(tokenizer, dialect.tail)),
        text_end=text_end,
        **dict(zip(_TAG_FIELDS, (ids[tag] for tag in TAGS), strict=True)),
    )


_TAG_FIELDS = (
    "think",
    "think_end",
    "tool_call",
    "tool_name",
    "tool_args",
    "tool_call_end",
    "tool_result",
    "tool_result_end",
)


def dialect_of(tokenizer: Tokenizer) -> Dialect:
    return SVEND if tokenizer.token_to_id(CHATML.opener) is None else CHATML


def tokens_add(tokenizer: Tokenizer) -> list[str]:
    """Gives a foreign tokenizer what its dialect lacks, as single special tokens; a tokenizer without turns gets
    ChatML's. Returns the tokens that are new."""
    is_ours = all(tokenizer.token_to_id(token) is not None for token in SPECIAL_TOKENS)
    dialect = SVEND if is_ours else CHATML
    new = [token for token in dialect.tokens if tokenizer.token_to_id(token) is None]
    # Those it has are named too: marked as special, a user's text can no longer give them.
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in dialect.tokens])
    return new


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
    """The dialogue up to and with the assistant's opening, where generation starts."""
    ids = special_ids(tokenizer)
    prompt = list(ids.start)
    if not tools_allowed and not client_tools:
        prompt += _no_tools(tokenizer, ids)
    prompt += _tool_turns(tokenizer, ids, client_tools)
    for message in messages:
        prompt += _encode_message(tokenizer, ids, message)
    return [*prompt, *ids.opening("assistant")]


def _tool_turns(tokenizer: Tokenizer, ids: SpecialIds, tools: Sequence[ClientToolLike]) -> list[int]:
    turns: list[int] = []
    for tool in tools:
        described = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
        turns += _closed_turn(tokenizer, ids, "system", json.dumps(described))
    return turns


def _no_tools(tokenizer: Tokenizer, ids: SpecialIds) -> list[int]:
    """Svend's own models learnt what this turn means; another's would only be puzzled."""
    return _closed_turn(tokenizer, ids, "system", NO_TOOLS) if ids.dialect is SVEND else []


def _turn(tokenizer: Tokenizer, ids: SpecialIds, role: Role, text: str) -> tuple[list[int], list[int]]:
    """(opening, text). Head and text are encoded as one piece, as transformers does it: a leading blank may join."""
    joined = encode_text(tokenizer, ids.dialect.head.format(role=role) + text)
    cut = len(ids.heads[role])
    return [ids.openers[role], *joined[:cut]], joined[cut:]


def _closed_turn(tokenizer: Tokenizer, ids: SpecialIds, role: Role, text: str) -> list[int]:
    opening, text_ids = _turn(tokenizer, ids, role, text)
    return [*opening, *text_ids, ids.end, *ids.tail]


def _encode_message(tokenizer: Tokenizer, ids: SpecialIds, message: MessageLike) -> list[int]:
    match message.role:
        case "system" | "user":
            return _closed_turn(tokenizer, ids, message.role, message.content)
        case "tool":
            return encode_tool_result(tokenizer, message.content)
        case "assistant":
            calls: list[int] = []
            for call in getattr(message, "tool_calls", None) or []:
                function = call["function"]
                calls += _call_ids(tokenizer, ids, function["name"], function["arguments"])
            if not calls:
                return _closed_turn(tokenizer, ids, "assistant", message.content)
            opening, text = _turn(tokenizer, ids, "assistant", message.content)
            return [*opening, *text, *calls]
    raise ValueError(f"unknown role {message.role!r}")


def encode_tool_result(tokenizer: Tokenizer, text: str) -> list[int]:
    """A tool's output with both tags, cut at TOOL_RESULT_TOKENS_MAX."""
    ids = special_ids(tokenizer)
    return [ids.tool_result, *encode_text(tokenizer, text)[:TOOL_RESULT_TOKENS_MAX], ids.tool_result_end]


def encode_completion(tokenizer: Tokenizer, prompt: str) -> list[int]:
    """A raw completion's prompt: the text alone, no turns; an empty one begins where a text has ended."""
    ids = special_ids(tokenizer)
    return [*ids.start, *encode_text(tokenizer, prompt)] or [ids.text_end]


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
    """One call of a training row, after its `thought`. `is_faulty`: shown so that the repair can be learned, not
    learned itself."""

    name: str
    arguments: str
    result: str
    is_faulty: bool = False
    thought: str = ""


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
    row = list(ids.start)
    if not tools_allowed:
        row += _no_tools(tokenizer, ids)
    weights = [0.0] * len(row)

    def add(new: Sequence[int], weight: float) -> None:
        row.extend(new)
        weights.extend([weight] * len(new))

    opening, asked = _turn(tokenizer, ids, "user", question)
    add(opening, 0.0)
    add(asked, QUESTION_WEIGHT)
    add([ids.end, *ids.tail, *ids.opening("assistant")], 0.0)
    if thought:
        add([ids.think, *encode_text(tokenizer, thought), ids.think_end], 1.0)
    for call in calls:
        if call.thought:
            add([ids.think, *encode_text(tokenizer, call.thought), ids.think_end], 1.0)
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
    rest = [*encode_text(tokenizer, answer), special_ids(tokenizer).text_end]
    return prompt + rest, [0.0] + [QUESTION_WEIGHT] * (len(prompt) - 1) + [1.0] * len(rest)


def render_text(tokenizer: Tokenizer, text: str) -> tuple[list[int], list[float]]:
    """A row of plain text, learnt whole."""
    ids = [*encode_completion(tokenizer, text), special_ids(tokenizer).text_end]
    return ids, [0.0] + [1.0] * (len(ids) - 1)


def render_dialogue(
    tokenizer: Tokenizer, messages: Sequence[RowMessage], *, tools: Sequence[ClientToolLike] = ()
) -> tuple[list[int], list[float]]:
    """A row of turns, as encode_prompt spells them: the assistant's words and calls are learnt, a user's are read with
    QUESTION_WEIGHT, all others only read."""
    ids = special_ids(tokenizer)
    row = [*ids.start, *_tool_turns(tokenizer, ids, tools)]
    weights = [0.0] * len(row)

    def add(new: Sequence[int], weight: float) -> None:
        row.extend(new)
        weights.extend([weight] * len(new))

    for message in messages:
        if message.role == "tool":
            add(encode_tool_result(tokenizer, message.content), 0.0)
            continue
        opening, text = _turn(tokenizer, ids, message.role, message.content)
        add(opening, 0.0)
        if message.role != "assistant":
            add(text, QUESTION_WEIGHT if message.role == "user" else 0.0)
            add([ids.end, *ids.tail], 0.0)
            continue
        if message.thought:
            add([ids.think, *encode_text(tokenizer, message.thought), ids.think_end], 1.0)
            text = encode_text(tokenizer, message.content)
        add(text, 1.0)
        for call in message.tool_calls:
            add(_call_ids(tokenizer, ids, call.function.name, call.function.arguments), 1.0)
        if not message.tool_calls:
            add([ids.end], 1.0)
            add(ids.tail, 0.0)
    return row, weights


def chat_template(dialect: Dialect) -> str:
    """Gives the ids of encode_prompt with tools on, for whoever serves the checkpoint with transformers or vLLM.

    Those tokenise the rendered text as a whole, so there a user's text is not kept apart from the special tokens.
    """
    turn = (dialect.opener + dialect.head).replace("\n", "\\n")
    close = (dialect.end + dialect.tail).replace("\n", "\\n")
    named, assistant = turn.replace("{role}", "' + message['role'] + '"), turn.format(role="assistant")
    return (
        ("{{ '" + dialect.start + "' }}" if dialect.start else "") + "{%- for message in messages -%}"
        "{%- if message['role'] == 'tool' -%}"
        "{{ '<|tool_result|>' + message['content'] + '<|/tool_result|>' }}"
        "{%- elif message['role'] == 'assistant' and message.get('tool_calls') -%}"
        "{{ '" + assistant + "' + (message['content'] or '') }}"
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
        "{{ '" + named + "' + message['content'] + '" + close + "' }}"
        "{%- endif -%}"
        "{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{ '" + assistant + "' }}{%- endif -%}"
    )


def response_template(dialect: Dialect) -> dict[str, Any]:
    """What the assistant's ids mean to whoever parses them as text: transformers' `parse_response`, and vLLM's own chat
    route with `--tool-call-parser hf`. (The node does not: it reads ids.)"""
    return {
        "version": 1,
        "defaults": {"role": "assistant"},
        "start_anchor": [(dialect.opener + dialect.head).format(role="assistant"), "<|/tool_result|>"],
        "fields": {
            "thinking": {"open": "<|think|>", "close": "<|/think|>"},
            "tool_calls": {
                "open_pattern": r"<\|tool_call\|><\|tool_name\|>(?P<name>[A-Za-z_][\w.]*)<\|tool_args\|>",
                "close": "<|/tool_call|>",
                "content": "json",
                "repeats": True,
                "transform": {"type": "function", "function": {"name": "{name}", "arguments": "{content}"}},
            },
            "content": {"close": [dialect.end]},
        },
    }
