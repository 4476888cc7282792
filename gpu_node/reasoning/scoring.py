"""Asks the critic about ids and words its answer as events. Without a critic, or for a run that is not to be
verified, it says nothing; ids beyond the critic's context get no score either, and the verdict is "abstain".
"""

from dataclasses import dataclass
from typing import Literal

from gpu_node.protocol.frames import Verdict, VerifierScore
from gpu_node.reasoning.verifier import Verifier


@dataclass(frozen=True)
class Scorer:
    """`verifier` is None when the run is not verified, or the node has no critic."""

    verifier: Verifier | None

    @property
    def is_on(self) -> bool:
        return self.verifier is not None

    async def score(self, ids: list[int]) -> float | None:
        if self.verifier is None or len(ids) > self.verifier.critic.context_tokens:
            return None
        [score] = await self.verifier.critic.score([ids])
        return min(1.0, max(0.0, score))

    def verdict(self, score: float | None) -> Verdict:
        if self.verifier is None or score is None:
            return "abstain"
        return self.verifier.thresholds.verdict(score)

    def event(self, score: float, *, target: Literal["step", "tool", "answer"], target_id: int) -> VerifierScore:
        return VerifierScore(target=target, target_id=target_id, score=score, verdict=self.verdict(score))
