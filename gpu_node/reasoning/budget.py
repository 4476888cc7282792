"""What a run may use, and what it has used: tokens, tool calls, seconds.

The counters are counted from ids where they are made and only grow. A budget is per run: branches that were
given up have used it too. Branches at work at the same time each lease tokens before they generate, so that together
they cannot spend more than there is. Not here: money (the node knows none) and the engine's context (the caller's).
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
    num_sharers: int = field(init=False, default=1)  # branches at work, which share what is left
    num_leases: int = field(init=False, default=0)  # open ones
    num_leased: int = field(init=False, default=0)  # tokens set aside by them and not yet made

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
    def tokens_free(self) -> int:
        """What is left and set aside for nobody."""
        return self.tokens_left - self.num_leased

    @property
    def completion_tokens_free(self) -> int:
        return self.completion_tokens_left - self.num_leased

    @property
    def tool_calls_left(self) -> int:
        return self.tool_calls_max - self.num_tool_calls

    @property
    def seconds_left(self) -> float:
        return max(0.0, self.started_at + self.seconds_max - self.clock())

    @property
    def exhausted_reason(self) -> Literal["budget", "length"] | None:
        """Why no token may be generated any more; None while some may."""
        if self.tokens_free <= 0 or self.seconds_left <= 0:
            return "budget"
        return "length" if self.completion_tokens_free <= 0 else None

    def lease(self, *, at_most: int) -> "Lease":
        """An equal share of what is free among the branches without a lease; not 0 tokens while some are free.

        A branch that has used its share up asks again, for its share of what others gave back.
        """
        free = max(0, self.completion_tokens_free)
        num_waiting = max(1, self.num_sharers - self.num_leases)
        num_tokens = min(at_most, max(free // num_waiting, min(1, free)))
        self.num_leases += 1
        self.num_leased += num_tokens
        return Lease(self, num_tokens)

    def count_prompt(self, num_tokens: int) -> None:
        self.num_prompt += num_tokens

    def count_tool_result(self, num_tokens: int) -> None:
        assert num_tokens <= self.tokens_free, "a tool's result is checked against the budget before it is fed"
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


@dataclass(eq=False)
class Lease:
    """Tokens set aside for one branch's next stretch of generation."""

    budget: Budget
    num_left: int

    def count(self, *, num_reasoning: int) -> None:
        """One of them was made."""
        assert self.num_left > 0, "more was made than was set aside"
        self.num_left -= 1
        self.budget.num_leased -= 1
        self.budget.count_generated(1, num_reasoning=num_reasoning)

    def close(self) -> None:
        """Gives back what was not made."""
        self.budget.num_leases -= 1
        self.budget.num_leased -= self.num_left
        self.num_left = 0
