"""Is a reply worth learning? Its answer is compared by value, its program is run in the fence with the seed's tests.

A verdict always says why; rejected replies are kept with it. Not here: judging the reasoning.
"""

import re
import secrets
from dataclasses import dataclass

from gpu_node.data.chat_format import arguments_text
from gpu_node.data.generation.endpoints import Reply
from gpu_node.data.generation.seeds import Seed, Template
from gpu_node.data.grading import is_right
from gpu_node.data.problem import AnswerKind
from gpu_node.protocol.data_rows import ProblemRow
from gpu_node.tools.executor import ToolExecutor

PROGRAM_SECONDS_MAX = 30.0  # of a program with its tests
SHOWN_CHARACTERS_MAX = 300  # of a tool's complaint in a reason
KINDS_TRIED: tuple[AnswerKind, ...] = ("number", "expression", "text")

_PROGRAM = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)```", re.DOTALL)


class ToolsUnavailable(RuntimeError):
    """Programs cannot be checked here: no fence holds on this machine."""


@dataclass(frozen=True)
class Verdict:
    is_accepted: bool
    reason: str
    row: ProblemRow | None  # what would be learnt; None where there is no answer in the reply


async def reply_check(seed: Seed, template: Template, reply: Reply, tools: ToolExecutor | None) -> Verdict:
    """Raises ToolsUnavailable."""
    row = _row(seed, template, reply)
    if row is None:
        mark = f" after {template.answer_mark!r}" if template.answer_mark else ""
        return Verdict(False, f"no answer{mark}", None)
    if reply.is_cut:
        return Verdict(False, "cut at the limit of its tokens", row)
    if seed.tests:
        return await _program_check(seed, reply, row, tools)
    assert seed.answer is not None
    kinds = (seed.answer_kind,) if seed.answer_kind else KINDS_TRIED
    if any(is_right(kind, seed.answer, row.answer) for kind in kinds):
        return Verdict(True, "equal by value", row)
    return Verdict(False, f"answers {row.answer[:SHOWN_CHARACTERS_MAX]!r}, not {seed.answer!r}", row)


def _row(seed: Seed, template: Template, reply: Reply) -> ProblemRow | None:
    thought, answer = reply.reasoning, reply.text
    if template.answer_mark:
        said, found, answer = reply.text.rpartition(template.answer_mark)
        if not found:
            return None
        thought = "\n".join(part for part in (reply.reasoning.strip(), said.strip()) if part)
        answer = answer.strip().strip("*").strip()
    if not answer.strip():
        return None
    return ProblemRow(question=seed.question, thought=thought.strip(), answer=answer.strip(), family="generated")


async def _program_check(seed: Seed, reply: Reply, row: ProblemRow, tools: ToolExecutor | None) -> Verdict:
    programs = _PROGRAM.findall(reply.text)
    if not programs:
        return Verdict(False, "no program in a ``` block", row)
    if tools is None or tools.fence_tier == "none":
        raise ToolsUnavailable("programs are checked in the fence, and none holds on this machine")
    # A program that ends early does not get to say this.
    passed = f"passed {secrets.token_hex(8)}"
    code = "\n".join([seed.setup, max(programs, key=len), *seed.tests, f"print({passed!r})"])
    outcome = await tools.call("execute_python", arguments_text({"code": code}), timeout_seconds=PROGRAM_SECONDS_MAX)
    if outcome.status == "ok" and outcome.text.rstrip().endswith(passed):
        return Verdict(True, f"passes {len(seed.tests)} tests", row)
    said = outcome.text.strip().rpartition("\n")[2][:SHOWN_CHARACTERS_MAX]
    return Verdict(False, f"fails its tests: {said or outcome.status}", row)
