"""The critic as the orchestrator sees it: scores of id sequences, and the verdict a score means.

Not here: the model (gpu_node.inference.critic, torch). The thresholds belong to the critic's checkpoint
(`verifier.json`), because a score means nothing without the critic that gave it.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gpu_node.protocol.frames import Verdict


@dataclass(frozen=True, slots=True)
class Thresholds:
    """At or above `accept_above` the critic agrees, at or below `reject_below` it disagrees; between, it abstains."""

    accept_above: float
    reject_below: float

    def __post_init__(self) -> None:
        if not 0 <= self.reject_below <= self.accept_above <= 1:
            raise ValueError(f"thresholds {self!r}: need 0 <= reject_below <= accept_above <= 1")

    def verdict(self, score: float) -> Verdict:
        if score >= self.accept_above:
            return "accept"
        return "reject" if score <= self.reject_below else "abstain"


class Critic(Protocol):
    @property
    def context_tokens(self) -> int: ...

    async def score(self, ids: list[list[int]]) -> list[float]:
        """The probability, for each sequence, that it leads to the right answer. Read at the last id."""
        ...


@dataclass(frozen=True, slots=True)
class Verifier:
    critic: Critic
    thresholds: Thresholds


def thresholds_load(folder: Path) -> Thresholds:
    """Reads `verifier.json`. Raises FileNotFoundError, ValueError with the file's name."""
    path = folder / "verifier.json"
    fields = json.loads(path.read_text(encoding="utf-8"))
    try:
        return Thresholds(accept_above=float(fields["accept_above"]), reject_below=float(fields["reject_below"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: needs accept_above and reject_below as numbers: {error!r}") from error
