"""Sees when a loss jumps away from where it was: a mark on the curve for a person, not a verdict on the training.

A jump is measured by the last losses' own spread, so that a noisy curve is not marked at every step. Not here: a loss
that is no number (trainer.py stops there), a training that stands still (the job's shim, which can tell).
"""

import statistics
from collections import deque
from dataclasses import dataclass, field

WINDOW = 32  # losses that a new one is held against; before there are so many, a curve still falls steeply
SPREADS_MIN = 8.0  # median absolute deviations above the median: noise of a batch stays well below
SHARE_MIN = 0.1  # of the median: a flat curve's spread is near nothing
STEPS_BETWEEN = 100  # two marks: a jump that lasts is one


@dataclass
class LossWatch:
    _losses: deque[float] = field(init=False, default_factory=lambda: deque(maxlen=WINDOW))
    _marked_step: int | None = field(init=False, default=None)

    def see(self, step: int, loss: float) -> str:
        """What to say of this step's loss; empty: nothing."""
        said = self._jump(loss) if len(self._losses) == WINDOW else ""
        self._losses.append(loss)
        if not said or (self._marked_step is not None and step - self._marked_step < STEPS_BETWEEN):
            return ""
        self._marked_step = step
        return said

    def _jump(self, loss: float) -> str:
        median = statistics.median(self._losses)
        spread = statistics.median(abs(known - median) for known in self._losses)
        if loss - median <= max(SPREADS_MIN * spread, SHARE_MIN * abs(median)):
            return ""
        return f"the loss jumped to {loss:.4g} from about {median:.4g} over the {WINDOW} steps before"
