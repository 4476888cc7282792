"""The evaluation runner on a scripted backend: right and wrong answers are counted where they belong."""

import asyncio
from collections.abc import Collection

from gpu_node.data.families.registry import families_load, problem_draw
from gpu_node.data.problem import HELD_OUT_SEED_FIRST
from gpu_node.evaluation.benchmarks import Report, benchmark, evaluated_families
from gpu_node.evaluation.report import report_json, report_markdown
from gpu_node.inference.scripted import Answer, Call, Script, ScriptedBackend, Thought, byte_tokenizer
from gpu_node.protocol.run_spec import ClientTool
from gpu_node.reasoning.orchestrator import orchestrator_build
from gpu_node.tools.executor import ToolOutcome

NUM = 4


class CountingTools:
    """A caller with the executor's face whose result is always the same."""

    fence_tier = "test"

    def described(self, names: Collection[str]) -> list[ClientTool]:
        return []

    async def call(
        self, name: str, arguments_json: str, *, timeout_seconds: float, programs: list[str] | None = None
    ) -> ToolOutcome:
        return ToolOutcome(status="ok", text="7")


def measured() -> Report:
    own = [problem_draw("gcd", HELD_OUT_SEED_FIRST + place) for place in range(NUM)]
    unseen = [problem_draw("gcd", HELD_OUT_SEED_FIRST + place, "held_out") for place in range(NUM)]
    call = Call("execute_python", '{"code": "print(7)"}')
    attempts = {p.question: [[Thought("gcd"), call, Answer(p.answer)]] for p in own}
    attempts |= {p.question: [[Answer("no idea")]] for p in unseen[1:]}
    attempts[unseen[0].question] = [[Answer(unseen[0].answer)]]
    tokenizer = byte_tokenizer()
    backend = ScriptedBackend(tokenizer, Script(attempts=attempts))
    orchestrator = orchestrator_build(backend, tokenizer, tools=CountingTools(), model="scripted")
    return asyncio.run(
        benchmark(orchestrator, families=["gcd"], num=NUM, num_critic=0, modes=["own", "held_out", "no_tools"])
    )


def test_right_and_wrong_answers_are_counted_apart() -> None:
    report = measured()
    (gcd,) = report.families
    assert (gcd.with_tools.right, gcd.with_tools.n) == (NUM, NUM)
    assert (gcd.held_out.right, gcd.held_out.n) == (1, NUM)
    assert gcd.num_calls == NUM
    assert len(gcd.wrong) == NUM - 1
    assert report.critic_auc is None


def test_the_report_has_a_row_a_family_and_names_the_weak_ones() -> None:
    report = measured()
    table = report_markdown(report, command="python -m gpu_node evaluate")
    assert "| gcd | 100 (51-100, n=4)" in table
    assert "unseen wording only: gcd" in table
    result = report_json(report, model="m", command="c", seconds=1.0)
    assert result["families"][0]["with_tools"] == 1.0
    assert result["families"][0]["interval_low"] < 1.0


def test_curricula_are_not_evaluated() -> None:
    assert "repeat" in families_load()
    assert "repeat" not in evaluated_families()
