"""What the shipped model was trained on stays as it was, byte for byte: results and complaints of the families' calls.

`tool_texts_golden.json` holds a digest a family, of the texts of its calls and of the same calls spoilt. A family that
differs means that the model reads something it never saw: make the new ability additive instead. Written anew, only
together with new weights, by `python -m tests.gpu_node.test_tools_trained_texts`.
"""

import hashlib
import json
import random
from pathlib import Path

import pytest

from gpu_node.data.synthetic import _spoilt, families_load, problem_draw
from gpu_node.data.tool_results import tool_result

GOLDEN = Path(__file__).with_name("tool_texts_golden.json")
SEEDS = range(8)


def digest(family: str) -> str:
    texts = []
    for seed in SEEDS:
        for call in problem_draw(family, seed).calls:
            texts += [tool_result(call), tool_result(_spoilt(call, random.Random(seed)))]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]


def test_every_family_is_in_the_golden_file() -> None:
    assert sorted(json.loads(GOLDEN.read_text())) == sorted(families_load())


@pytest.mark.parametrize("family", sorted(json.loads(GOLDEN.read_text()) if GOLDEN.exists() else ()))
def test_the_texts_of_a_family_are_those_it_was_trained_on(family: str) -> None:
    assert digest(family) == json.loads(GOLDEN.read_text())[family]


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps({family: digest(family) for family in sorted(families_load())}, indent=1) + "\n")
