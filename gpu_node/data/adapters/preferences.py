"""Pairs of a better and a worse answer (DPO), and answers judged alone (KTO).

A prompt or an answer is a text or a list of messages. Where there is no prompt, it is what both dialogues begin with.
An answer judged alone becomes a dialogue with `is_right`. Sources: TRL's dataset formats; Rafailov et al. 2023 (DPO);
Ethayarajh et al. 2024 (KTO).
"""

from typing import Annotated

from pydantic import BeforeValidator, Field

from gpu_node.data.adapters.dialogues import PartsMessage, ShareGptTurn, parts_read, turn_read
from gpu_node.protocol.data_rows import BadLine, DialogueRow, Messages, PreferenceRow, RowMessage, RowPart

CURE = "repair the row or leave it out"

Prompt = Annotated[Messages, BeforeValidator(lambda given: _said("user", given))]
Answer = Annotated[Messages, BeforeValidator(lambda given: _said("assistant", given))]


def _said(role: str, given: object) -> object:
    return [{"role": role, "content": given}] if isinstance(given, str) else given


class PairRow(RowPart):
    prompt: Prompt | None = None
    chosen: Answer
    rejected: Answer


def pair(row: PairRow) -> PreferenceRow:
    """Some sets repeat the prompt's messages at the head of both dialogues: it is what both begin with."""
    shared = _shared(row.chosen, row.rejected)
    if shared:
        return PreferenceRow(prompt=shared, chosen=row.chosen[len(shared) :], rejected=row.rejected[len(shared) :])
    if row.prompt is None:
        raise BadLine("no prompt, and chosen and rejected begin with nothing in common", CURE)
    return PreferenceRow(prompt=row.prompt, chosen=row.chosen, rejected=row.rejected)


def _shared(one: Messages, other: Messages) -> Messages:
    same = 0
    while same < min(len(one), len(other)) - 1 and one[same] == other[same]:
        same += 1
    return one[:same]


class ShareGptPairRow(RowPart):
    conversations: Annotated[tuple[ShareGptTurn, ...], Field(min_length=1)]
    chosen: ShareGptTurn
    rejected: ShareGptTurn


def sharegpt_pair(row: ShareGptPairRow) -> PreferenceRow:
    return PreferenceRow(
        prompt=tuple(map(turn_read, row.conversations)),
        chosen=(turn_read(row.chosen),),
        rejected=(turn_read(row.rejected),),
    )


class PartsPairRow(RowPart):
    chosen_messages: Annotated[tuple[PartsMessage, ...], Field(min_length=2)]
    rejected_messages: Annotated[tuple[PartsMessage, ...], Field(min_length=2)]


def parts_pair(row: PartsPairRow) -> PreferenceRow:
    chosen, rejected = tuple(map(parts_read, row.chosen_messages)), tuple(map(parts_read, row.rejected_messages))
    return pair(PairRow(chosen=chosen, rejected=rejected))


class JudgedRow(RowPart):
    prompt: Prompt
    completion: Answer
    label: bool


def judged(row: JudgedRow) -> DialogueRow:
    return DialogueRow(messages=(*row.prompt, *row.completion), is_right=row.label)


class JudgedMessagesRow(RowPart):
    messages: tuple[RowMessage, ...]
    label: bool


def judged_messages(row: JudgedMessagesRow) -> DialogueRow:
    return DialogueRow(messages=row.messages, is_right=row.label)
