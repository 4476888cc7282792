"""What a run may use, and what it has used: tokens, tool calls, seconds.

The counters are counted from ids where they are made and only grow. A budget is per run: branches that were
given up have used it too. Not here: money (the node knows none) and the engine's context (the caller's).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from gpu_node.protocol.frames import BudgetFrame, Usage

TOOL_CALLS_MAX = 12  # per run; a trained trace makes 1-3 calls, each retry as many again
RUN_SECONDS_MAX = 120.0  # longer than any trained trace takes on 2 cores; frees the place of a run that loops


@dataclass
class Budget:
    max_total_tokens: int
    max_completion_tokens: int | None = None
    tool_calls_max: int = TOOL_CALLS_MAX
    seconds_max: float = RUN_SECONDS_MAX
    clock: Callable[[], float] = time.monotonic
    started_at: float = field(init=False)
    num_prompt: int = field(init=False, default=0)
    num_tool_result: int = field(init=False, default=0)
    num_generated: int = field(init=False, default=0)
    num_reasoning: int = field(init=False, default=0)
    num_tool_calls: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.started_at = self.clock()

    @property
    def usage(self) -> Usage:
        return Usage(
            prompt_tokens=self.num_prompt + self.num_tool_result,
            completion_tokens=self.num_generated,
            tool_result_tokens=self.num_tool_result,
            reasoning_tokens=self.num_reasoning,
        )

    @property
    def tokens_left(self) -> int:
        return self.max_total_tokens - self.num_prompt - self.num_tool_result - self.num_generated

    @property
    def completion_tokens_left(self) -> int:
        """How many tokens may still be generated: the smaller of the two limits."""
        if self.max_completion_tokens is None:
            return self.tokens_left
        return min(self.tokens_left, self.max_completion_tokens - self.num_generated)

    @property
    def tool_calls_left(self) -> int:
        return self.tool_calls_max - self.num_tool_calls

    @property
    def seconds_left(self) -> float:
        return max(0.0, self.started_at + self.seconds_max - self.clock())

    @property
    def exhausted_reason(self) -> Literal["budget", "length"] | None:
        """Why no token may be generated any more; None while some may."""
        if self.tokens_left <= 0 or self.seconds_left <= 0:
            return "budget"
        return "length" if self.completion_tokens_left <= 0 else None

    def count_prompt(self, num_tokens: int) -> None:
        self.num_prompt += num_tokens

    def count_tool_result(self, num_tokens: int) -> None:
        assert num_tokens <= self.tokens_left, "a tool's result is checked against the budget before it is fed"
        self.num_tool_result += num_tokens

    def count_generated(self, num_tokens: int, *, num_reasoning: int) -> None:
        assert num_tokens <= self.completion_tokens_left, "the engine was asked for at most what is left"
        self.num_generated += num_tokens
        self.num_reasoning += num_reasoning

    def frame(self) -> BudgetFrame:
        return BudgetFrame(
            max_total_tokens=self.max_total_tokens,
            tokens_left=max(0, self.tokens_left),
            tool_calls_left=max(0, self.tool_calls_left),
            seconds_left=round(self.seconds_left, 3),
        )
