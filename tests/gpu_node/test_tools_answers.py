"""Answers on problems of our own, in the fence and by the benchmark's eyes: solved and checked, or a clear result."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import pytest_asyncio
import sympy

from gpu_node.tools.executor import ToolExecutor
from tests.benchmarks.bench_tools_answers import Row, integral_outcome, script_outcome, verdict_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECONDS = 60.0

INTEGRALS = ["x*sqrt(2*x + 3)", "exp(-x)*cos(2*x)", "1/(x**2 + 2*x + 5)", "x**2*log(x)", "a/(x*(b + x))", "tan(x)**2"]
SCRIPTS = {
    "(declare-const n Int)(assert (and (> n 1) (< n 3)))(check-sat)": "sat",
    "(declare-const v (_ BitVec 4))(assert (= (bvmul v #x2) #x1))(check-sat)": "unsat",
    "(declare-const s String)(assert (= (str.len s) 3))(assert (str.prefixof \"ab\" s))(check-sat-using smt)": "sat",
    "(declare-fun f (Int) Int)(assert (forall ((x Int)) (> (f x) x)))(assert (< (f 0) 0))(check-sat)": "unsat",
}  # fmt: skip


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def executor() -> AsyncIterator[ToolExecutor]:
    tools = ToolExecutor(concurrent_calls_max=1)
    await tools.start()
    yield tools
    await tools.close()


@pytest.mark.parametrize("integrand", INTEGRALS)
async def test_an_integral_is_solved_and_holds_when_derived(executor: ToolExecutor, integrand: str) -> None:
    with ThreadPoolExecutor(max_workers=1) as pool:
        found = await integral_outcome(executor, pool, {"integrand_sympy": integrand, "var": "x"}, SECONDS)
    assert found["outcome"] == "solved", found


async def test_an_integral_without_a_closed_form_is_a_clear_result(executor: ToolExecutor) -> None:
    with ThreadPoolExecutor(max_workers=1) as pool:
        found = await integral_outcome(executor, pool, {"integrand_sympy": "x**x", "var": "x"}, SECONDS)
    assert (found["outcome"], found["text"]) == (
        "unsolved, with its reason",
        "Error: no closed form of this integral is known",
    )


@pytest.mark.parametrize(("script", "verdict"), SCRIPTS.items())
async def test_a_script_has_the_verdict_that_it_should(executor: ToolExecutor, script: str, verdict: str) -> None:
    row: Row = {"name": "own", "smt2": script, "expected": verdict}
    assert (await script_outcome(executor, row, SECONDS))["outcome"] == "solved"


async def test_the_benchmark_sees_a_wrong_antiderivative() -> None:
    verdicts = [await asyncio.to_thread(verdict_of, "2*x", "x", text) for text in ("x**2 + 7", "x**2*1.001")]
    assert verdicts == ["solved", "wrong"]
    roots = str(sympy.RootSum(sympy.Symbol("t") ** 2 * 8 + 1, sympy.Lambda(sympy.Symbol("t"), sympy.Symbol("t"))))
    assert verdict_of("0*x", "x", roots) == "solved"
