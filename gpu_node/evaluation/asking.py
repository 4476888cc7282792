"""One run of one question, read out of its events: the only place where an evaluation listens to a run.

Not here: grading, and many questions at once (suite_run.py, benchmarks.py). Invariant: a run that could not be made is
told in `problem`, never as a wrong answer alone.
"""

from dataclasses import dataclass, field
from typing import Any

from gpu_node.protocol.frames import (
    BudgetFrame,
    ClientToolCall,
    RunFailed,
    RunFinished,
    StepClose,
    StepDelta,
    StepOpen,
    ToolCall,
    ToolResult,
    Usage,
    VerifierScore,
)
from gpu_node.protocol.run_spec import RunSpec
from gpu_node.reasoning.orchestrator import Orchestrator, RunRefused


@dataclass
class Asked:
    """What one run gave. `first_*` is branch 0: the answer of a run without verifier. `problem`: why there is none."""

    answer: str = ""
    first_answer: str = ""
    first_score: float | None = None
    score: float | None = None  # the critic's, of the answer that was given
    client_tool_calls: list[ClientToolCall] = field(default_factory=list)
    num_calls: int = 0
    num_failed_calls: int = 0
    usage: Usage = field(default_factory=Usage)
    problem: str = ""
    trace: list[dict[str, Any]] = field(default_factory=list)  # its run's events, where they were to be kept


async def run_ask(orchestrator: Orchestrator, spec: RunSpec, *, is_traced: bool = False) -> Asked:
    asked = Asked()
    step_branches: dict[int, int] = {}
    first: str | None = None
    try:
        run = orchestrator.prepare(spec)
    except RunRefused as error:
        return Asked(problem=f"{error.code}: {error.message}")
    async for event, usage in run.events():
        asked.usage = usage
        # A step's close says all that its deltas did.
        if is_traced and not isinstance(event, StepDelta | BudgetFrame):
            asked.trace.append(event.model_dump(mode="json"))
        match event:
            case StepOpen(kind="answer"):
                step_branches[event.step_id] = event.branch_id
            case StepClose() if step_branches.get(event.step_id) == 0:
                first = event.text
            case ToolCall():
                asked.num_calls += 1
            case ToolResult():
                asked.num_failed_calls += event.status != "ok"
            case VerifierScore(target="answer") if step_branches.get(event.target_id) == 0:
                asked.first_score = event.score
            case RunFinished():
                asked.answer, asked.score = event.answer, event.score
                asked.client_tool_calls = event.client_tool_calls
            case RunFailed():
                asked.problem, first = f"{event.code}: {event.message}", None
    # Without any answer step, the one branch's answer is the run's.
    asked.first_answer = (first or "") if step_branches else asked.answer
    return asked
