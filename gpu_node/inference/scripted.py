"""An InferenceBackend that plays written answers: the real face without weights, for tests and for trying a client.

A script maps a question (or a raw completion's prompt) to attempts; each branch of a run plays the next attempt that
begins with what was played of it so far, from the first one again when they run out. An unknown question plays
`otherwise`. Not here: sampling; temperature, seed and forbidden ids change nothing. Invariant: what it plays are ids
like a model's, so everything above counts, parses and stops as it does with weights.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from gpu_node.data.chat_format import SVEND, Dialect, SpecialIds, encode_text, special_ids
from gpu_node.inference.backend import ContextExceeded, EngineBusy, SamplingParams

CONTEXT_TOKENS = 8192  # bytes, with the byte tokenizer: roomy for scripts, small enough to test the bound
SEQUENCES_MAX = 256


@dataclass(frozen=True)
class Thought:
    text: str


@dataclass(frozen=True)
class Call:
    """A tool call; `arguments` is the text between the marks, so that broken JSON can be played too."""

    name: str
    arguments: str


@dataclass(frozen=True)
class Answer:
    """Text and the turn's end. Without `is_ended` the answer runs into the next part."""

    text: str
    is_ended: bool = True


ScriptPart = Thought | Call | Answer
Attempt = list[ScriptPart]
NOT_SCRIPTED: list[Attempt] = [[Answer("I have no script for this question.")]]


@dataclass(frozen=True, kw_only=True)
class Script:
    attempts: Mapping[str, list[Attempt]]
    otherwise: list[Attempt] = field(default_factory=lambda: NOT_SCRIPTED)
    seconds_per_token: float = 0.0  # how slow the model pretends to be
    scores: Mapping[str, float] | None = None  # the critic's, by a sequence's ending; None: there is no critic


def script_load(path: Path) -> Script:
    """Reads `{"answers": {question: [[{"thought"} | {"call", "arguments"} | {"answer"}]]}, "seconds_per_token"}`, and
    `"scores": {ending: score}` of a critic."""
    fields = json.loads(path.read_text(encoding="utf-8"))
    attempts = {question: [_parts(rows) for rows in tries] for question, tries in fields["answers"].items()}
    otherwise = [_parts(rows) for rows in fields["otherwise"]] if "otherwise" in fields else NOT_SCRIPTED
    seconds = float(fields.get("seconds_per_token", 0.0))
    scores = fields.get("scores")
    return Script(attempts=attempts, otherwise=otherwise, seconds_per_token=seconds, scores=scores)


def _parts(rows: list[dict[str, Any]]) -> Attempt:
    return [_part(row) for row in rows]


def _part(row: dict[str, Any]) -> ScriptPart:
    match row:
        case {"thought": text}:
            return Thought(text)
        case {"call": name, "arguments": arguments}:
            return Call(name, arguments if isinstance(arguments, str) else json.dumps(arguments))
        case {"answer": text}:
            return Answer(text)
    raise ValueError(f"a script's part is a thought, a call or an answer, not {row!r}")


def byte_tokenizer(dialect: Dialect = SVEND) -> Tokenizer:
    """One token a byte, the special tokens first: a tokenizer that needs no training."""
    special = list(dict.fromkeys([*dialect.tokens, dialect.text_end]))
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: index for index, token in enumerate([*special, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return tokenizer


@dataclass(frozen=True, kw_only=True)
class ScriptedCritic:
    """Scores a sequence by the text that it ends in; the longest written ending counts."""

    tokenizer: Tokenizer
    endings: Mapping[str, float]
    otherwise: float = 0.5
    context_tokens: int = CONTEXT_TOKENS

    async def score(self, ids: list[list[int]]) -> list[float]:
        texts = [self.tokenizer.decode(sequence, skip_special_tokens=True) for sequence in ids]
        found = [
            max((ending for ending in self.endings if text.endswith(ending)), key=len, default="") for text in texts
        ]
        return [self.endings.get(ending, self.otherwise) for ending in found]


class ScriptedBackend:
    name = "scripted"

    def __init__(
        self,
        tokenizer: Tokenizer,
        script: Script,
        *,
        context_tokens: int = CONTEXT_TOKENS,
        sequences_max: int = SEQUENCES_MAX,
    ) -> None:
        self.context_tokens = context_tokens
        self.num_generated = 0  # every id handed over: the truth that counters are compared with
        self.num_open = 0
        self._tokenizer = tokenizer
        self._special = special_ids(tokenizer)
        self._script = script
        self._sequences_max = sequences_max
        self._num_begun: dict[tuple[tuple[int, ...], tuple[int, ...]], int] = {}  # by prompt and what was played

    def open(self, prompt_ids: list[int], sampling: SamplingParams) -> "ScriptedSequence":
        if len(prompt_ids) >= self.context_tokens:
            raise ContextExceeded(f"{len(prompt_ids)} tokens; the context is {self.context_tokens}")
        return self.sequence(tuple(prompt_ids), played=[])

    def sequence(self, prompt_ids: tuple[int, ...], *, played: list[int]) -> "ScriptedSequence":
        """Raises EngineBusy."""
        if self.num_open >= self._sequences_max:
            raise EngineBusy(f"{self.num_open} sequences are open")
        self.num_open += 1
        return ScriptedSequence(self, prompt_ids, played, self._script.seconds_per_token)

    def attempt_next(self, prompt_ids: tuple[int, ...], played: tuple[int, ...]) -> list[int]:
        """The ids of the next attempt that begins with `played`."""
        question = _last_turn(self._tokenizer, self._special, list(prompt_ids))
        attempts = [self._ids(attempt) for attempt in self._script.attempts.get(question, self._script.otherwise)]
        begun = [ids for ids in attempts if tuple(ids[: len(played)]) == played]
        number = self._num_begun.get((prompt_ids, played), 0)
        self._num_begun[prompt_ids, played] = number + 1
        return begun[number % len(begun)]

    def _ids(self, attempt: Attempt) -> list[int]:
        ids: list[int] = []
        for part in attempt:
            ids += self._part_ids(part)
        return ids

    def _part_ids(self, part: ScriptPart) -> list[int]:
        special, text = self._special, lambda content: encode_text(self._tokenizer, content)
        match part:
            case Thought():
                return [special.think, *text(part.text), special.think_end]
            case Call():
                name, arguments = text(part.name), text(part.arguments)
                return [
                    special.tool_call,
                    special.tool_name,
                    *name,
                    special.tool_args,
                    *arguments,
                    special.tool_call_end,
                ]
            case Answer():
                return [*text(part.text), *([special.end] if part.is_ended else [])]


class ScriptedSequence:
    def __init__(
        self, backend: ScriptedBackend, prompt_ids: tuple[int, ...], played: list[int], seconds_per_token: float
    ) -> None:
        self._backend = backend
        self._prompt_ids = prompt_ids
        self._played = played
        self._rest: deque[int] | None = None  # of the attempt, which is chosen when it begins to play
        self._seconds_per_token = seconds_per_token
        self._is_closed = False

    async def generate(self, *, stop_ids: frozenset[int], max_new_tokens: int) -> AsyncGenerator[list[int], None]:
        if self._rest is None:
            attempt = self._backend.attempt_next(self._prompt_ids, tuple(self._played))
            self._rest = deque(attempt[len(self._played) :])
        for _ in range(max_new_tokens):
            if not self._rest:
                return
            await asyncio.sleep(self._seconds_per_token)
            token_id = self._rest.popleft()
            self._played.append(token_id)
            self._backend.num_generated += 1
            yield [token_id]
            if token_id in stop_ids:
                return

    async def fork(self, sampling: SamplingParams) -> "ScriptedSequence":
        assert not self._is_closed, "forked after close"
        return self._backend.sequence(self._prompt_ids, played=list(self._played))

    def extend(self, ids: list[int]) -> None:
        assert not self._is_closed, "extended after close"

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._backend.num_open -= 1


def _last_turn(tokenizer: Tokenizer, special: SpecialIds, prompt_ids: list[int]) -> str:
    """The last user turn's text; of a raw completion, the whole prompt."""
    starts = special.turn_starts(prompt_ids, "user")
    if not starts:
        return tokenizer.decode(prompt_ids, skip_special_tokens=True)
    end = prompt_ids.index(special.end, starts[-1])
    return tokenizer.decode(prompt_ids[starts[-1] : end], skip_special_tokens=True)
