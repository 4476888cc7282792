"""Forty questions in a newcomer's own wording, never trained on: what carries over to the shipped model."""

import json
from pathlib import Path

import pytest

from gpu_node.data.families.registry import families_load, problem_draw
from gpu_node.data.grading import is_right
from gpu_node.data.problem import Problem
from gpu_node.evaluation.benchmarks import ask
from gpu_node.tools.registry import TOOLS

QUESTIONS = [
    json.loads(line)
    for line in (Path(__file__).parent / "newcomer_questions.jsonl").read_text(encoding="utf-8").splitlines()
]
WEIGHTS = Path(__file__).parents[2] / "gpu_node" / "weights"
RIGHT_MIN = 30  # of 40: the wordings are none of ours, and the model is small


def test_the_puzzles_have_the_one_solution_that_is_expected() -> None:
    for row in QUESTIONS:
        if row["kind"] == "knights":
            found = TOOLS["logic_solver"].function(constraints=row["constraints"])
            assert found.endswith("(unique)"), (row["question"], found)
            for part in row["answer"].replace(" and ", ", ").split(", "):
                name, kind = part.split(" is a ")
                assert f"{name} = {str(kind in ('knight', 'truth-teller')).lower()}" in found, (row["question"], found)


def test_the_questions_are_none_that_training_draws() -> None:
    known = {row["question"].casefold() for row in QUESTIONS}
    families = [name for name in families_load() if name.startswith(("knights", "ordering", "word_", "sort", "count"))]
    assert not known & {problem_draw(name, seed).question.casefold() for name in families for seed in range(50)}


@pytest.mark.model
@pytest.mark.extra
async def test_a_newcomers_own_wording_often_works() -> None:
    from gpu_node.evaluation.loading import policy_load

    policy = policy_load(WEIGHTS / "svend-nano", WEIGHTS / "svend-verifier-nano")
    await policy.tools.start()
    try:
        wrong = []
        for row in QUESTIONS:
            asked = Problem(
                family=row["kind"], question=row["question"], thought="", calls=(), conclusion="",
                answer=row["answer"], answer_kind=row["grade"],
            )  # fmt: skip
            outcome = await ask(policy.orchestrator, asked, tools=True, verify=True)
            if not is_right(row["grade"], row["answer"], outcome.answer):
                wrong.append(f"{row['question']} -> {outcome.answer!r}, not {row['answer']!r}")
        assert len(QUESTIONS) - len(wrong) >= RIGHT_MIN, "\n".join(wrong)
    finally:
        await policy.tools.close()
        policy.engine.close()
