"""Questions with a worked answer: the mathematics and instruction sets become problems of ours.

Reasoning goes into `thought`, what the asker reads into `answer`. GSM8K's calculator notes become calls of
`symbolic_math`, each really run; a note that does not evaluate to what it says stays out, its words stay in.
Sources: the sets' cards; GSM8K's notes: Cobbe et al. 2021, "Training Verifiers to Solve Math Word Problems".
"""

import re

from pydantic import Field

from gpu_node.data.chat_format import arguments_text
from gpu_node.data.exact_value import exact_value
from gpu_node.data.grading import number_of
from gpu_node.data.problem import Call
from gpu_node.data.tool_results import tool_result
from gpu_node.protocol.data_rows import BadLine, ProblemRow, RowCall, RowPart, Text, TextOrNull

CURE = "repair the row or leave it out"
NOTE_CHARACTERS_MAX = 80  # of a calculator note; GSM8K's longest is below

_NOTE = re.compile(r"<<([^<>=]+)=([^<>=]+)>>")
_CALCULATED = re.compile(r"[\d.+\-*/() ]+")  # no powers: what is run here is not ours, and must end


class OpenMathRow(RowPart):
    problem: Text
    generated_solution: Text
    expected_answer: Text


def open_math(row: OpenMathRow) -> ProblemRow:
    return ProblemRow(question=row.problem, thought=row.generated_solution, answer=row.expected_answer)


class MetaMathRow(RowPart):
    query: Text
    response: Text


def meta_math(row: MetaMathRow) -> ProblemRow:
    """A response ends in `The answer is: X`, before it sometimes a line `#### X`."""
    thought, found, answer = row.response.rpartition("The answer is:")
    if not found or not answer.strip():
        raise BadLine("the response does not end in 'The answer is: …'", CURE)
    thought = re.sub(r"\n#### [^\n]*\s*$", "", thought.rstrip())
    return ProblemRow(question=row.query, thought=thought.strip(), answer=answer.strip())


class MathRow(RowPart):
    problem: Text
    solution: Text
    answer: Text


def math(row: MathRow) -> ProblemRow:
    return ProblemRow(question=row.problem, thought=row.solution, answer=row.answer)


class InstructionRow(RowPart):
    instruction: Text
    input: TextOrNull = ""
    output: Text


def instruction(row: InstructionRow) -> ProblemRow:
    question = f"{row.instruction}\n\n{row.input}" if row.input.strip() else row.instruction
    return ProblemRow(question=question, answer=row.output)


class CotRow(RowPart):
    source: Text
    target: Text
    rationale: Text


def chain_of_thought(row: CotRow) -> ProblemRow:
    return ProblemRow(question=row.source, thought=row.rationale, answer=row.target)


class CamelRow(RowPart):
    message_1: Text
    message_2: Text
    topic: TextOrNull = Field(default="", alias="topic;")  # the semicolon is in the column's name


def camel(row: CamelRow) -> ProblemRow:
    return ProblemRow(question=row.message_1, answer=row.message_2, family=row.topic)


class Gsm8kRow(RowPart):
    question: Text
    answer: Text


def gsm8k(row: Gsm8kRow) -> ProblemRow:
    worked, found, answer = row.answer.rpartition("####")
    if not found or not answer.strip():
        raise BadLine("the answer does not end in '#### …'", CURE)
    calls: list[RowCall] = []
    said, place = "", 0
    for note in _NOTE.finditer(worked):
        said += worked[place : note.start()]
        place = note.end()
        result = _calculated(note[1], note[2])
        if result is None:
            continue
        arguments = arguments_text({"operation": "evaluate", "expression": note[1].strip()})
        calls.append(RowCall(name="symbolic_math", arguments=arguments, result=result, thought=said.strip()))
        said = ""
    said += worked[place:]
    thought, conclusion = ("", said.strip()) if calls else (said.strip(), "")
    answer = answer.strip().replace(",", "")
    return ProblemRow(question=row.question, thought=thought, calls=tuple(calls), conclusion=conclusion, answer=answer)


def _calculated(expression: str, value: str) -> str | None:
    """What the tool returns, or None where that is not what the note says."""
    is_plain = _CALCULATED.fullmatch(expression) and "**" not in expression.replace(" ", "")
    if not is_plain or len(expression) > NOTE_CHARACTERS_MAX:
        return None
    try:
        is_true = exact_value(expression) == number_of(value)
    except (ValueError, ZeroDivisionError):
        return None
    is_error, result = tool_result(Call("symbolic_math", {"operation": "evaluate", "expression": expression.strip()}))
    return result if is_true and not is_error else None
