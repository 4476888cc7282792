"""Rows that carry labels: what a verifier judges (at the last id, or at the end of each step), and pairs for DPO.

A verifier's row has weight where it is judged and the label there. A pair is one row, so that both answers stay in one
part of a batch: the better sequence, then the worse one, each with its prompt; the labels tell which id is what, and
the row weighs 1, on its first id. Not here: files (job_rows.py), losses. No torch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from gpu_node.data.chat_format import encode_prompt, encode_text, render_dialogue, special_ids
from gpu_node.data.packing import LENGTH_MULTIPLE, Batch, Row
from gpu_node.protocol.data_rows import PreferenceRow, RowMessage, StepRow

# Labels of a pair's ids; 0 is padding. Learnt ids are those that the preferred and the other answer differ by.
CHOSEN_READ, CHOSEN_LEARNT, REJECTED_READ, REJECTED_LEARNT = 1.0, 2.0, 3.0, 4.0


def judged_row(ids: Sequence[int], *, is_right: bool, group: str) -> Row:
    """Judged at its last id alone: an outcome's label."""
    weights = [0.0] * (len(ids) - 1) + [1.0]
    return Row(ids=ids, weights=weights, labels=[float(is_right)] * len(ids), group=group)


def step_ends(ids: Sequence[int], tokenizer: Tokenizer, *, written_from: int) -> list[int]:
    """The places after the prompt where a step ends, as serving scores them: of a thought, a result, the turn."""
    special = special_ids(tokenizer)
    ends = (special.think_end, special.tool_result_end, special.end)
    return [place for place in range(written_from, len(ids)) if ids[place] in ends]


def steps_row(ids: Sequence[int], labels: dict[int, bool], *, group: str) -> Row:
    """Judged at the given places. A score read anywhere is that of all that stands before: a step's and an answer's
    score are the same head at another place, so that the critic that serves needs nothing new."""
    weights, values = [0.0] * len(ids), [0.0] * len(ids)
    for place, is_right in labels.items():
        weights[place], values[place] = 1.0, float(is_right)
    return Row(ids=ids, weights=weights, labels=values, group=group)


def labelled_steps_row(tokenizer: Tokenizer, row: StepRow, *, group: str) -> Row:
    """Each step becomes a thought, judged at its end."""
    special = special_ids(tokenizer)
    ids = encode_prompt(tokenizer, [RowMessage(role="user", content=row.question)], tools_allowed=True)
    labels = {}
    for step in row.steps:
        ids += [special.think, *encode_text(tokenizer, step.text), special.think_end]
        labels[len(ids) - 1] = step.is_right
    return steps_row(ids, labels, group=group)


def pair_row(tokenizer: Tokenizer, row: PreferenceRow, *, group: str) -> Row:
    ids: list[int] = []
    labels: list[float] = []
    num_prompt = len(render_dialogue(tokenizer, row.prompt)[0])
    for answer, read, learnt in (
        (row.chosen, CHOSEN_READ, CHOSEN_LEARNT),
        (row.rejected, REJECTED_READ, REJECTED_LEARNT),
    ):
        own, weights = render_dialogue(tokenizer, [*row.prompt, *answer])
        ids += own
        # What the assistant wrote has the weight 1: only that of the answers, not that of the turns before them.
        labels += [learnt if place >= num_prompt and weights[place] == 1.0 else read for place in range(len(own))]
    return Row(ids=ids, weights=[1.0] + [0.0] * (len(ids) - 1), labels=labels, group=group)


def pairs_unfold(part: Batch) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """(ids, mask of what is learnt) of the part's B pairs as 2B rows: all better ones, then all worse ones."""
    halves = [(read, learnt) for read, learnt in ((CHOSEN_READ, CHOSEN_LEARNT), (REJECTED_READ, REJECTED_LEARNT))]
    where = [np.isin(part.labels_BT, half) for half in halves]
    longest = max(int(own.sum(axis=1).max()) for own in where)
    padded = -(-longest // LENGTH_MULTIPLE) * LENGTH_MULTIPLE
    num = len(part.ids_BT)
    ids, mask = np.zeros((2 * num, padded), np.int64), np.zeros((2 * num, padded), np.float32)
    for side, (own, (_, learnt)) in enumerate(zip(where, halves, strict=True)):
        for pair in range(num):
            row, length = side * num + pair, int(own[pair].sum())
            ids[row, :length] = part.ids_BT[pair, own[pair]]
            mask[row, :length] = part.labels_BT[pair, own[pair]] == learnt
    return ids, mask
