"""What a generation may spend, in integer nano-dollars, and what it has spent.

Before each request its worst case is set aside: a token is at least one byte, so the prompt's bytes bound its tokens.
When what is spent and set aside would pass the budget, no request starts. Invariant: spent + set aside <= budget.
Not here: prices as the product charges them (backend/metering); these are what a far end charges us.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

MILLION = 1_000_000
NANO_PER_DOLLAR = 1_000_000_000
# What a chat template wraps around the messages: roles, marks, a default system turn.
TEMPLATE_TOKENS_MAX = 512


@dataclass(frozen=True)
class Price:
    """Nano-dollars per million tokens, as far ends publish them: $3 is 3_000_000_000."""

    prompt_nano_usd_per_million: int
    completion_nano_usd_per_million: int

    def cost_nano_usd(self, *, prompt_tokens: int, completion_tokens: int) -> int:
        """Rounded up."""
        prompt = prompt_tokens * self.prompt_nano_usd_per_million
        completion = completion_tokens * self.completion_nano_usd_per_million
        return -(-(prompt + completion) // MILLION)

    def bound_nano_usd(self, *, prompt_bytes: int, completion_tokens_max: int) -> int:
        return self.cost_nano_usd(
            prompt_tokens=prompt_bytes + TEMPLATE_TOKENS_MAX, completion_tokens=completion_tokens_max
        )


@dataclass
class Budget:
    total_nano_usd: int
    spent_nano_usd: int = 0
    held_nano_usd: int = 0

    def hold(self, bound_nano_usd: int) -> bool:
        """Sets the bound aside; False where that would pass the budget."""
        if self.spent_nano_usd + self.held_nano_usd + bound_nano_usd > self.total_nano_usd:
            return False
        self.held_nano_usd += bound_nano_usd
        return True

    def settle(self, bound_nano_usd: int, cost_nano_usd: int) -> None:
        """What was set aside becomes what it cost. A far end that counts more than the bound is believed: it bills."""
        assert self.held_nano_usd >= bound_nano_usd
        self.held_nano_usd -= bound_nano_usd
        self.spent_nano_usd += cost_nano_usd


def nano_usd_of(dollars: str) -> int:
    """Exact; raises ValueError for what is no amount of dollars, below zero, or finer than a nano-dollar."""
    try:
        nano = Decimal(dollars.removeprefix("$")) * NANO_PER_DOLLAR
    except InvalidOperation as error:
        raise ValueError(f"{dollars!r} is no amount of dollars") from error
    if not nano.is_finite() or nano < 0 or nano != int(nano):
        raise ValueError(f"{dollars!r} is no amount of dollars from 0 up, to the nano-dollar")
    return int(nano)


def dollars_of(nano_usd: int) -> str:
    return f"${Decimal(nano_usd) / NANO_PER_DOLLAR:f}"
