"""Solutions whose steps are labelled: PRM800K, Math-Shepherd, TRL's stepwise form, ProcessBench.

A neutral step (PRM800K's 0) counts as right, as in the paper's own scoring. What nobody labelled stays out: PRM800K and
ProcessBench end at the first mistake. Of PRM800K's alternatives at a step only the one that the solution went on with,
or the first mistake, is kept. Sources: Lightman et al. 2023 (arXiv 2305.20050); Wang et al. 2023 (arXiv 2312.08935).
"""

import re
from typing import Literal

from gpu_node.protocol.data_rows import BadLine, LabelledStep, RowPart, StepRow, Text

CURE = "repair the row or leave it out"
STEP_TAG = "\u043a\u0438"  # Math-Shepherd's mark of a step's end, in Cyrillic


class Prm800kCompletion(RowPart):
    text: Text
    rating: Literal[-1, 0, 1] | None = None


class Prm800kHuman(RowPart):
    text: Text


class Prm800kStep(RowPart):
    completions: tuple[Prm800kCompletion, ...] = ()
    human_completion: Prm800kHuman | Text | None = None
    chosen_completion: int | None = None


class Prm800kLabel(RowPart):
    steps: tuple[Prm800kStep, ...]
    finish_reason: str = ""


class Prm800kQuestion(RowPart):
    problem: Text


class Prm800kRow(RowPart):
    question: Prm800kQuestion
    label: Prm800kLabel


UNUSABLE = ("bad_problem", "give_up")


def prm800k(row: Prm800kRow) -> StepRow:
    if row.label.finish_reason in UNUSABLE:
        raise BadLine(f"its labeller ended with {row.label.finish_reason!r}", "leave it out")
    steps: list[LabelledStep] = []
    for step in row.label.steps:
        labelled = _labelled(step)
        if labelled is not None:
            steps.append(labelled)
        if labelled is None or not labelled.is_right:
            break
    return StepRow(question=row.question.problem, steps=tuple(steps))


def _labelled(step: Prm800kStep) -> LabelledStep | None:
    """The step that the solution took; None where it has no label."""
    if step.chosen_completion is not None:
        if not 0 <= step.chosen_completion < len(step.completions):
            raise BadLine(f"chosen_completion {step.chosen_completion} of {len(step.completions)}", CURE)
        taken = step.completions[step.chosen_completion]
        return None if taken.rating is None else LabelledStep(text=taken.text, is_right=taken.rating >= 0)
    if step.human_completion is not None:
        human = step.human_completion
        return LabelledStep(text=human if isinstance(human, str) else human.text, is_right=True)
    mistake = next((completion for completion in step.completions if completion.rating == -1), None)
    return None if mistake is None else LabelledStep(text=mistake.text, is_right=False)


class ShepherdRow(RowPart):
    input: Text
    label: Text


def math_shepherd(row: ShepherdRow) -> StepRow:
    """`input` is the question and `Step k: …` lines, each ended by the tag; `label` has + or - in the tags' places."""
    question, found, solution = row.input.partition("Step 1:")
    if not found or not question.strip():
        raise BadLine("no question before 'Step 1:'", CURE)
    texts = [piece.strip() for piece in (found + solution).split(STEP_TAG)]
    marks = _marks(row.input, row.label)
    if texts[-1] or len(texts) - 1 != len(marks):
        raise BadLine(f"{len(texts) - 1} steps with {len(marks)} labels", CURE)
    steps = zip(texts[:-1], marks, strict=True)
    return StepRow(
        question=question.strip(), steps=tuple(LabelledStep(text=text, is_right=mark == "+") for text, mark in steps)
    )


def _marks(text: str, label: str) -> list[str]:
    """What the label has where the text has tags; the rest must be the same. Raises BadLine."""
    pieces = [re.escape(piece) for piece in text.rstrip().split(STEP_TAG)]
    found = re.fullmatch("([+-])".join(pieces), label.rstrip())
    if found is None:
        raise BadLine("the label is not the input with + or - for each step's tag", CURE)
    return list(found.groups())


class StepwiseRow(RowPart):
    prompt: Text
    completions: tuple[Text, ...]
    labels: tuple[bool, ...]


def stepwise(row: StepwiseRow) -> StepRow:
    if len(row.completions) != len(row.labels):
        raise BadLine(f"{len(row.completions)} completions with {len(row.labels)} labels", CURE)
    pairs = zip(row.completions, row.labels, strict=True)
    return StepRow(
        question=row.prompt, steps=tuple(LabelledStep(text=text, is_right=is_right) for text, is_right in pairs)
    )


class ProcessBenchRow(RowPart):
    problem: Text
    steps: tuple[Text, ...]
    label: int  # the first wrong step from 0; -1: none


def processbench(row: ProcessBenchRow) -> StepRow:
    if not -1 <= row.label < len(row.steps):
        raise BadLine(f"label {row.label} of {len(row.steps)} steps", CURE)
    last = len(row.steps) if row.label == -1 else row.label + 1
    steps = (LabelledStep(text=text, is_right=place != row.label) for place, text in enumerate(row.steps[:last]))
    return StepRow(question=row.problem, steps=tuple(steps))
