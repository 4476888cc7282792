"""What a row says, as texts: what duplicates and contamination are found by, and its tokens for a report.

Normalised text is words in lower case: spacing, punctuation and case do not make two texts different.
"""

import re
from itertools import chain

from tokenizers import Tokenizer

from gpu_node.data.chat_format import encode_text
from gpu_node.data.row_tokens import row_tokens
from gpu_node.protocol.data_rows import DataRow, DialogueRow, Messages, PreferenceRow, ProblemRow, StepRow, TextRow

_WORD = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def row_texts(row: DataRow) -> list[str]:
    """All that was said in the row, each speaker's words apart."""
    match row:
        case ProblemRow():
            calls = chain.from_iterable((call.thought, call.arguments) for call in row.calls)
            return [row.question, row.thought, *calls, row.conclusion, row.answer]
        case DialogueRow():
            return _messages_texts(row.messages)
        case TextRow():
            return [row.text]
        case PreferenceRow():
            return [*_messages_texts(row.prompt), *_messages_texts(row.chosen), *_messages_texts(row.rejected)]
        case StepRow():
            return [row.question, *(step.text for step in row.steps)]


def _messages_texts(messages: Messages) -> list[str]:
    return [
        text
        for message in messages
        for text in (message.thought, message.content, *(call.function.arguments for call in message.tool_calls))
    ]


def num_tokens(tokenizer: Tokenizer, row: DataRow) -> int:
    """As the model reads them; of pairs and labelled steps the texts alone."""
    if isinstance(row, PreferenceRow | StepRow):
        return sum(len(encode_text(tokenizer, text)) for text in row_texts(row))
    return len(row_tokens(tokenizer, row)[0])
