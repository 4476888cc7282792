"""Samples of a policy with tools, many rows at once: the raw material of the critic, and of a policy's own evaluation.

A row that waits for its tool is fed its last token again, so the batch keeps its shape and nobody waits for it.
Not here: serving (inference/engine.py does that), judging the answers, and where a tool runs: `call_tool` decides.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import torch
from tokenizers import Tokenizer
from torch import Tensor

from gpu_node.data.chat_format import SpecialIds, encode_tool_result, special_ids
from gpu_node.model.transformer import KVCache, Transformer

# (name, arguments as the model wrote them) -> result text. Must not raise for what the model wrote.
CallTool = Callable[[str, str], Awaitable[str]]

CALLS_MAX = 3  # of one sample: a repair or two
NEW_TOKENS_MAX = 260  # of one sample, its results included: three times the mean
ROOM_FOR_RESULT = 200  # a result of the longest kind must still fit into the cache


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
    waits_for: asyncio.Future[str] | None = None

    def answer_ids(self, ids: SpecialIds) -> list[int]:
        """What follows the last thought or result, without the end."""
        last = max((i for i, t in enumerate(self.ids) if t in (ids.think_end, ids.tool_result_end)), default=None)
        start = self.prompt_tokens if last is None else max(self.prompt_tokens, last + 1)
        return [t for t in self.ids[start:] if t not in ids.ends]


async def rollouts_sample(
    model: Transformer,
    tokenizer: Tokenizer,
    prompts: Sequence[Sequence[int]],
    *,
    call_tool: CallTool,
    temperature: float,
    seed: int,
) -> list[Rollout]:
    """One sample per prompt; temperature 0 takes the likeliest token. Prompts of like length belong in one call."""
    # Not as a decorator: around a coroutine it would only cover its creation, and every step would keep its graph.
    with torch.no_grad():
        return await _sample(model, tokenizer, prompts, call_tool=call_tool, temperature=temperature, seed=seed)


async def _sample(
    model: Transformer,
    tokenizer: Tokenizer,
    prompts: Sequence[Sequence[int]],
    *,
    call_tool: CallTool,
    temperature: float,
    seed: int,
) -> list[Rollout]:
    ids = special_ids(tokenizer)
    rows = [Rollout(len(p), list(p), [False] * len(p)) for p in prompts]
    longest = max(map(len, prompts))
    cache = KVCache(
        model.config, num_slots=len(rows), max_tokens=longest + NEW_TOKENS_MAX + ROOM_FOR_RESULT, dtype=torch.float32
    )
    generator = torch.Generator().manual_seed(seed)
    padded = torch.full((len(rows), longest), ids.pad)
    for i, prompt in enumerate(prompts):
        padded[i, : len(prompt)] = torch.tensor(prompt)
    hidden_BTC = model.hidden(padded, cache=cache)
    last_BC = hidden_BTC[torch.arange(len(rows)), torch.tensor([len(p) - 1 for p in prompts])]
    logits_BV = model.head(last_BC)
    active = rows
    while True:
        for row, token in zip(active, _choose(logits_BV, ids, temperature, generator), strict=True):
            if not row.is_finished and not _is_waiting(row, tokenizer):
                _advance(row, token, tokenizer, ids, call_tool)
        live = [row for row in active if not row.is_finished]
        if not live:
            return rows
        if waiting := [row.waits_for for row in live if row.waits_for is not None]:
            # With nobody left to compute for, wait; otherwise only let the tools' own tasks take a turn.
            await (asyncio.wait(waiting) if len(waiting) == len(live) else asyncio.sleep(0))
        if 2 * len(live) <= len(active):
            # Most batches end with a few rows that ramble: those alone are computed on.
            cache.keep(torch.tensor([place for place, row in enumerate(active) if not row.is_finished]))
            active = live
        tokens_B1 = torch.tensor([[row.ids[-1]] for row in active])
        positions_B1 = torch.tensor([[len(row.ids) - 1] for row in active])
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
    if token in ids.ends or token in (ids.think_end, ids.tool_result_end):
        row.ends.append(len(row.ids))
    if token == ids.tool_call_end and not is_forced:
        name, arguments = _call_text(row.ids, tokenizer, ids)
        row.calls.append((name, arguments, ""))
        row.waits_for = asyncio.ensure_future(call_tool(name, arguments))
    has_too_much = not row.forced and len(row.ids) - row.prompt_tokens >= NEW_TOKENS_MAX
    row.is_finished = token in ids.ends or has_too_much or len(row.calls) > CALLS_MAX


def _is_waiting(row: Rollout, tokenizer: Tokenizer) -> bool:
    """Takes the tool's result once it is there."""
    if row.waits_for is None:
        return False
    if not row.waits_for.done():
        return True
    name, arguments, _ = row.calls[-1]
    row.calls[-1] = (name, arguments, row.waits_for.result())
    row.forced.extend(encode_tool_result(tokenizer, row.waits_for.result()))
    row.waits_for = None
    return False


def _call_text(row: list[int], tokenizer: Tokenizer, ids: SpecialIds) -> tuple[str, str]:
    """(name, arguments) of the call that ends the row; empty where the model left a tag out."""
    opened = max((i for i, t in enumerate(row) if t == ids.tool_call), default=0)
    call = row[opened:-1]
    if ids.tool_args not in call:
        return "", ""
    cut = call.index(ids.tool_args)
    name = [t for t in call[:cut] if t not in (ids.tool_call, ids.tool_name)]
    return tokenizer.decode(name).strip(), tokenizer.decode(call[cut + 1 :])
