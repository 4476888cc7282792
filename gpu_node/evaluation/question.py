"""One question of a suite: what is asked, with which of the asker's tools, and who grades the answer."""

import hashlib
from dataclasses import dataclass

from gpu_node.evaluation.graders import Grader
from gpu_node.protocol.run_spec import ClientTool


@dataclass(frozen=True)
class Question:
    """`item` is its place in the data, for whoever looks it up: a file's line, or a generator's name and seed."""

    suite: str
    item: str
    text: str
    grader: Grader
    part: str = ""  # the task, topic or category within the suite
    client_tools: tuple[ClientTool, ...] = ()
    seed: int | None = None  # where a generator drew it

    @property
    def sampling_seed(self) -> int:
        """The same question is always asked with the same seeds."""
        return int.from_bytes(hashlib.sha256(self.text.encode()).digest()[:6])
