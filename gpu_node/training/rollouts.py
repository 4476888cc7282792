"""Samples of a policy with tools, many rows at once: the raw material of the critic, and of a policy's own evaluation.

Trusted data only: `call_tool` runs in this process, on questions this repository made. Serving is the engine's work
(inference/engine.py); this is the plain batched loop, which needs no scheduler since all rows start and end together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from tokenizers import Tokenizer
from torch import Tensor

from gpu_node.data.chat_format import SpecialIds, encode_tool_result, special_ids
from gpu_node.model.transformer import KVCache, Transformer

# (name, arguments as the model wrote them) -> result text. Must not raise for what the model wrote.
CallTool = Callable[[str, str], str]

CALLS_MAX = 3  # of one sample: a repair or two
NEW_TOKENS_MAX = 320  # of one sample, results included: four times the mean


@dataclass
class Rollout:
    """`ids` is the whole sequence; `is_sampled` marks what the model wrote; `ends` are the places after each step."""

    prompt_tokens: int
    ids: list[int]
    is_sampled: list[bool]
    ends: list[int] = field(default_factory=list)
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    is_finished: bool = False
    forced: deque[int] = field(default_factory=deque)

    def answer_ids(self, ids: SpecialIds) -> list[int]:
        """What follows the last thought or result, without the end."""
        last = max((i for i, t in enumerate(self.ids) if t in (ids.think_end, ids.tool_result_end)), default=None)
        start = self.prompt_tokens if last is None else max(self.prompt_tokens, last + 1)
        return [t for t in self.ids[start:] if t != ids.end]


@torch.no_grad()
def rollouts_sample(
    model: Transformer,
    tokenizer: Tokenizer,
    prompts: Sequence[Sequence[int]],
    *,
    call_tool: CallTool,
    temperature: float,
    seed: int,
) -> list[Rollout]:
    """One sample per prompt; temperature 0 takes the likeliest token. Prompts of like length belong in one call."""
    ids = special_ids(tokenizer)
    rows = [Rollout(len(p), list(p), [False] * len(p)) for p in prompts]
    longest = max(map(len, prompts))
    cache = KVCache(model.config, num_slots=len(rows), max_tokens=longest + NEW_TOKENS_MAX + 1, dtype=torch.float32)
    generator = torch.Generator().manual_seed(seed)
    padded = torch.full((len(rows), longest), ids.pad)
    for i, prompt in enumerate(prompts):
        padded[i, : len(prompt)] = torch.tensor(prompt)
    hidden_BTC = model.hidden(padded, cache=cache)
    last_BC = hidden_BTC[torch.arange(len(rows)), torch.tensor([len(p) - 1 for p in prompts])]
    logits_BV = model.head(last_BC)
    while True:
        for row, token in zip(rows, _choose(logits_BV, ids, temperature, generator), strict=True):
            if not row.is_finished:
                _advance(row, token, tokenizer, ids, call_tool)
        if all(row.is_finished for row in rows):
            return rows
        # Finished rows are fed their last token again: the batch keeps its shape, nobody reads the outcome.
        tokens_B1 = torch.tensor([[row.ids[-1]] for row in rows])
        positions_B1 = torch.tensor([[len(row.ids) - 1] for row in rows])
        logits_BV = model(tokens_B1, cache=cache, positions_BT=positions_B1)[:, -1]


def _choose(logits_BV: Tensor, ids: SpecialIds, temperature: float, generator: torch.Generator) -> list[int]:
    logits_BV[:, list(ids.never_sampled)] = -torch.inf
    if temperature == 0:
        return logits_BV.argmax(-1).tolist()
    shares_BV = torch.softmax(logits_BV.float() / temperature, -1)
    return torch.multinomial(shares_BV, 1, generator=generator)[:, 0].tolist()


def _advance(row: Rollout, sampled: int, tokenizer: Tokenizer, ids: SpecialIds, call_tool: CallTool) -> None:
    is_forced = bool(row.forced)
    token = row.forced.popleft() if is_forced else sampled
    row.ids.append(token)
    row.is_sampled.append(not is_forced)
    if token in (ids.think_end, ids.tool_result_end, ids.end):
        row.ends.append(len(row.ids))
    if token == ids.tool_call_end and not is_forced:
        name, arguments = _call_text(row.ids, tokenizer, ids)
        result = call_tool(name, arguments)
        row.calls.append((name, arguments, result))
        row.forced.extend(encode_tool_result(tokenizer, result))
    has_too_much = len(row.ids) - row.prompt_tokens >= NEW_TOKENS_MAX - len(row.forced)
    row.is_finished = token == ids.end or has_too_much or len(row.calls) > CALLS_MAX


def _call_text(row: list[int], tokenizer: Tokenizer, ids: SpecialIds) -> tuple[str, str]:
    """(name, arguments) of the call that ends the row; empty where the model left a tag out."""
    opened = max((i for i, t in enumerate(row) if t == ids.tool_call), default=0)
    call = row[opened:-1]
    if ids.tool_args not in call:
        return "", ""
    cut = call.index(ids.tool_args)
    name = [t for t in call[:cut] if t not in (ids.tool_call, ids.tool_name)]
    return tokenizer.decode(name).strip(), tokenizer.decode(call[cut + 1 :])
