"""A typed row's token ids and loss weights: what an answer-writing model learns from it, exactly as it reads it.

Not here: pairs and labelled steps, whose losses need more than one weight an id (gpu_node/training).
"""

from tokenizers import Tokenizer

from gpu_node.data.chat_format import TrainedCall, render_dialogue, render_example, render_text
from gpu_node.protocol.data_rows import DialogueRow, ProblemRow, TextRow

TaughtRow = ProblemRow | DialogueRow | TextRow


def row_tokens(tokenizer: Tokenizer, row: TaughtRow) -> tuple[list[int], list[float]]:
    """(ids, the loss weight of predicting each)."""
    match row:
        case TextRow():
            return render_text(tokenizer, row.text)
        case DialogueRow():
            return render_dialogue(tokenizer, row.messages, tools=[tool.function for tool in row.tools])
        case ProblemRow():
            return render_example(
                tokenizer,
                question=row.question,
                thought=row.thought,
                calls=[TrainedCall(**call.model_dump()) for call in row.calls],
                conclusion=row.conclusion,
                answer=row.answer,
            )
