"""Where the repository's own checkpoints lie."""

from pathlib import Path

WEIGHTS = Path(__file__).resolve().parents[3] / "gpu_node" / "weights"
NANO = WEIGHTS / "svend-nano"
