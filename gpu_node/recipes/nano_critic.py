"""The critic's data: samples of the policy on trained seeds, each step labelled by whether the answer came out right.

The critic reads what was written so far and says whether it ends well; it is scored at the ends of steps only
(a thought's, a tool result's, the turn's). Samples are drawn hot, since a policy that is nearly always right gives
nothing to tell apart; thresholds and the AUC are measured on samples at the policy's own serving temperatures.
Tools run in the fence: the calls are the model's.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer

from gpu_node.data.chat_format import encode_prompt, special_ids
from gpu_node.data.families.registry import families_load, problem_draw
from gpu_node.data.grading import is_right
from gpu_node.data.packing import Row
from gpu_node.data.problem import Problem, Split
from gpu_node.data.synthetic import solve
from gpu_node.model.transformer import Transformer
from gpu_node.tools.executor import ToolExecutor
from gpu_node.training.rollouts import Rollout, rollouts_sample

BATCH_ROWS = 96  # of one batched sampling: more would wait longer for its slowest row than it gains
TOOL_SECONDS = 4.0  # of one call
SAMPLE_TOKENS_MAX = 512


@dataclass(frozen=True)
class Judged:
    problem: Problem
    rollout: Rollout
    answer: str
    is_right: bool


@dataclass(frozen=True)
class Question:
    role: str
    content: str


class RememberedTools:
    """Runs each different call once, in the fence. The right calls of the problems are known beforehand."""

    def __init__(self, executor: ToolExecutor) -> None:
        self._executor = executor
        self._known: dict[tuple[str, str], asyncio.Future[str]] = {}

    def remember(self, name: str, arguments: str, result: str) -> None:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        future.set_result(result)
        self._known.setdefault((name, arguments), future)

    async def call(self, name: str, arguments: str) -> str:
        key = (name, arguments)
        if key not in self._known:
            self._known[key] = asyncio.ensure_future(self._run(name, arguments))
        return await self._known[key]

    async def _run(self, name: str, arguments: str) -> str:
        outcome = await self._executor.call(name, arguments, timeout_seconds=TOOL_SECONDS)
        if outcome.status == "unavailable":
            raise RuntimeError(f"the critic's data needs the tools: {self._executor.unavailable_reason}")
        return outcome.text


def problems_draw(*, seed_start: int, num: int, phrasings: Split, seed: int) -> list[Problem]:
    """Problems in equal shares by the families' weights, those the tools do not confirm left out."""
    known = {name: family for name, family in families_load().items() if family.is_evaluated}
    rng = random.Random(seed)
    names = rng.choices(list(known), [family.weight for family in known.values()], k=num)
    drawn = (problem_draw(name, seed_start + i, phrasings) for i, name in enumerate(names))
    return [problem for problem in drawn if solve(problem) is not None]


async def policy_sample(
    policy: Transformer,
    tokenizer: Tokenizer,
    problems: Sequence[Problem],
    *,
    num_samples: int,
    temperature: float,
    seed: int,
    report: Callable[[int, int, int], None],
) -> list[Judged]:
    """`num_samples` of each problem. `report` hears (done, all, right so far) after each batch."""
    executor = ToolExecutor()
    await executor.start()
    try:
        tools = RememberedTools(executor)
        for problem in problems:
            solved = solve(problem)
            assert solved is not None
            for call in solved[0]:
                tools.remember(call.name, call.arguments, call.result)
        asked = [(_prompt(tokenizer, problem), problem) for problem in problems for _ in range(num_samples)]
        asked.sort(key=lambda pair: len(pair[0]))  # like lengths together: the batch is padded to its longest
        judged: list[Judged] = []
        for start in range(0, len(asked), BATCH_ROWS):
            batch = asked[start : start + BATCH_ROWS]
            rollouts = await rollouts_sample(
                policy,
                tokenizer,
                [prompt for prompt, _ in batch],
                call_tool=tools.call,
                temperature=temperature,
                seed=seed + start,
            )
            judged += [_judge(tokenizer, problem, r) for (_, problem), r in zip(batch, rollouts, strict=True)]
            report(len(judged), len(asked), sum(j.is_right for j in judged))
        return judged
    finally:
        await executor.close()


def _prompt(tokenizer: Tokenizer, problem: Problem) -> list[int]:
    return encode_prompt(tokenizer, [Question("user", problem.question)], tools_allowed=True)


def _judge(tokenizer: Tokenizer, problem: Problem, rollout: Rollout) -> Judged:
    ids = special_ids(tokenizer)
    answer = tokenizer.decode(rollout.answer_ids(ids)).strip()
    is_complete = rollout.ids[-1] in ids.ends
    return Judged(problem, rollout, answer, is_complete and is_right(problem.answer_kind, problem.answer, answer))


def critic_rows(
    judged: Sequence[Judged], tokenizer: Tokenizer, *, seed: int, right_per_wrong: float, altered_share: float
) -> Iterator[Row]:
    """One row a sample, right ones thinned to `right_per_wrong` times the wrong ones; and, for `altered_share` of the
    right ones kept, a second row whose question has another digit than the one the call copied: wrong by construction.
    """
    rng = random.Random(seed)
    wrong = [j for j in judged if not j.is_right]
    right = [j for j in judged if j.is_right]
    rng.shuffle(right)
    right = right[: max(1, int(right_per_wrong * len(wrong)))]
    digits = [id_ for digit in "0123456789" if (id_ := tokenizer.token_to_id(digit)) is not None]
    altered = [row for j in right if rng.random() < altered_share and (row := _altered(j.rollout, digits, rng))]
    rows = [_row(j.rollout, j.is_right) for j in wrong + right if j.rollout.ends] + altered
    rng.shuffle(rows)
    yield from (row for row in rows if len(row.ids) <= SAMPLE_TOKENS_MAX)


def _row(rollout: Rollout, is_right: bool, *, judged_from: int = 0, ids: Sequence[int] | None = None) -> Row:
    """Judged at the ends of steps after `judged_from`; `ids` replaces what the policy read and wrote."""
    num = len(rollout.ids)
    weights, labels = [0.0] * num, [0.0] * num
    for end in rollout.ends:
        if end > judged_from:
            weights[end - 1], labels[end - 1] = 1.0, float(is_right)
    # The last place counts for more: the verdict on an answer is read there.
    weights[rollout.ends[-1] - 1] = 2.0
    return Row(ids=rollout.ids if ids is None else ids, weights=weights, labels=labels, group=f"{is_right}")


def _altered(rollout: Rollout, digits: Sequence[int], rng: random.Random) -> Row | None:
    """Judged only after the first call: the thought before it would still be right."""
    places = [place for place in range(rollout.prompt_tokens) if rollout.ids[place] in digits]
    first_written = rollout.is_sampled.index(True)
    called_at = next((end for end in rollout.ends if not rollout.is_sampled[end - 1]), None)
    if not places or called_at is None or called_at <= first_written:
        return None
    ids = list(rollout.ids)
    place = rng.choice(places)
    ids[place] = rng.choice([digit for digit in digits if digit != ids[place]])
    return _row(rollout, False, judged_from=called_at - 1, ids=ids)


@torch.no_grad()
def answer_scores(critic: Transformer, judged: Sequence[Judged]) -> list[float]:
    """The critic's probability at each sample's last id: what serving reads as the answer's score."""
    order = sorted(range(len(judged)), key=lambda i: len(judged[i].rollout.ids))
    scores = [0.0] * len(judged)
    for start in range(0, len(order), BATCH_ROWS):
        chosen = order[start : start + BATCH_ROWS]
        rows = [judged[i].rollout.ids for i in chosen]
        ids_BT = torch.tensor([row + [0] * (len(rows[-1]) - len(row)) for row in rows])
        scored_BT = torch.sigmoid(critic(ids_BT).float())
        for i, row, score_T in zip(chosen, rows, scored_BT, strict=True):
            scores[i] = float(score_T[len(row) - 1])
    return scores


def auc(scores: Sequence[float], is_right: Sequence[bool]) -> float:
    """How often a right sample scores above a wrong one; ties count half."""
    right = np.sort([s for s, r in zip(scores, is_right, strict=True) if r])
    wrong = np.asarray([s for s, r in zip(scores, is_right, strict=True) if not r])
    if not len(right) or not len(wrong):
        raise ValueError("an AUC needs right and wrong samples")
    below = len(right) - np.searchsorted(right, wrong, side="right")
    tied = np.searchsorted(right, wrong, side="right") - np.searchsorted(right, wrong, side="left")
    return float((below + tied / 2).mean() / len(right))


def thresholds_choose(
    scores: Sequence[float], is_right: Sequence[bool], *, accept_precision: float, reject_precision: float
) -> tuple[float, float]:
    """(accept_above, reject_below): the widest ranges in which the critic is right that often on held-out samples."""
    order = np.argsort(scores)
    ranked, truth = np.asarray(scores)[order], np.asarray(is_right, bool)[order]
    right_above = truth[::-1].cumsum()[::-1] / np.arange(len(truth), 0, -1)
    wrong_below = (~truth).cumsum() / np.arange(1, len(truth) + 1)
    accepted = np.flatnonzero(right_above >= accept_precision)
    rejected = np.flatnonzero(wrong_below >= reject_precision)
    accept_above = float(ranked[accepted[0]]) if len(accepted) else 1.0
    reject_below = float(ranked[rejected[-1]]) if len(rejected) else 0.0
    return accept_above, min(reject_below, accept_above)
