"""What symbolic_math and logic_solver answer on other people's problems, each call in the fence as a model's would be.

    python -m tests.benchmarks.bench_tools_answers --data FOLDER [--limit 50] [--seconds 10] [--only scripts]

FOLDER holds `rubi/integrals_verified.jsonl.gz` (integrands of Rubi's test suite) and
`smtlib_z3test/z3test_smt2.jsonl.gz` (regressions of Z3's own). Prints one JSON object: how many of each outcome, the
names of what was wrong, and the milliseconds a call took. An antiderivative counts as solved only when its derivative
equals the integrand at several points, found here and not by the tool; a script only when its verdict is the expected
one. Every row goes to stderr as it comes. `hang` is a call that did not end within its wall limit and a second.
"""

import argparse
import asyncio
import collections
import contextlib
import gzip
import json
import random
import signal
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import sympy

from gpu_node.tools.executor import ToolExecutor

HANG_SECONDS_MAX = 1.0  # after the wall limit
VERIFY_SECONDS_MAX = 60  # of one antiderivative: some fill pages
POINTS_TRIED_MAX, POINTS_NEEDED, DIGITS = 40, 3, 40
STEP = sympy.Rational(1, 10**10)  # of the central difference, whose error is its square
TOLERANCE = 1e-12
CALLS_AT_ONCE = 2
LETTERS = "abcdfghjklmnopqrstuvwyz"  # names that the tool reads as they are

Row = dict[str, Any]


def rows_of(path: Path, limit: int | None) -> list[Row]:
    with gzip.open(path, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    random.Random(0).shuffle(rows)  # so that the first rows are a fair sample of all
    return rows[:limit]


# ---------------------------------------------------------------- integrals


def integrand_of(row: Row) -> tuple[Any, sympy.Symbol]:
    """The integrand with one-letter names, so that the tool reads no product or constant in them."""
    names = {symbol: sympy.Symbol(symbol) for symbol in set(row["integrand_sympy"]) if symbol.isalpha()}
    names = {name: symbol for name, symbol in names.items() if name not in "IE"}
    integrand = sympy.parse_expr(row["integrand_sympy"], local_dict=names)
    variable = sympy.Symbol(row["var"])
    free = iter([letter for letter in LETTERS if sympy.Symbol(letter) not in integrand.free_symbols | {variable}])
    odd = sorted((s for s in integrand.free_symbols | {variable} if s.name not in LETTERS + "x"), key=str)
    renamed = {symbol: sympy.Symbol(next(free)) for symbol in odd}
    return integrand.xreplace(renamed), renamed.get(variable, variable)


@contextlib.contextmanager
def alarm(seconds: int) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # a pool of processes has its alarm
        yield
        return

    def ring(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def verdict_of(integrand_text: str, variable_name: str, result_text: str) -> str:
    """`solved`, `wrong`, or `not verified: why`: by central differences at random points, in a process of its own."""
    try:
        with alarm(VERIFY_SECONDS_MAX):
            return _compared(integrand_text, result_text, variable_name)
    except TimeoutError:
        return "not verified"
    except Exception as error:  # of the reading of SymPy's own notation: told, and looked at by a person
        return f"not verified: {type(error).__name__}"


def _compared(integrand_text: str, result_text: str, variable_name: str) -> str:
    generator = random.Random(0)
    names = {symbol.name for symbol in sympy.parse_expr(integrand_text).free_symbols} - {variable_name}
    variable = sympy.Symbol(variable_name)
    num_equal = num_different = 0
    for _ in range(POINTS_TRIED_MAX):
        # Parameters become numbers while the text is read: a sum over the roots of a polynomial is read no other way.
        values = {name: sympy.Rational(generator.randint(20, 300), 100) for name in sorted(names)}
        values |= {variable_name: variable}
        point = sympy.Rational(generator.randint(-300, 300), 101)
        integrand, result = (sympy.parse_expr(text, local_dict=values) for text in (integrand_text, result_text))
        numbers = [
            expression.subs(variable, at).evalf(DIGITS)
            for expression, at in ((integrand, point), (result, point - STEP), (result, point + STEP))
        ]
        if not all(number.is_number and number.is_finite for number in numbers):
            continue
        wanted = complex(numbers[0])
        found = complex(((numbers[2] - numbers[1]) / (2 * STEP)).evalf(20))
        if abs(found) > 1e6 or abs(wanted) > 1e6:
            continue  # a pole, or a branch cut between the two
        is_equal = abs(found - wanted) <= TOLERANCE * max(1.0, abs(wanted))
        num_equal, num_different = num_equal + is_equal, num_different + (not is_equal)
        if num_equal >= POINTS_NEEDED and num_equal > 2 * num_different:
            return "solved"
    return "wrong" if num_different else "not verified"


async def integral_outcome(executor: ToolExecutor, pool: Executor, row: Row, seconds: float) -> Row:
    integrand, variable = integrand_of(row)
    arguments = {"operation": "integrate", "expression": str(integrand), "variable": variable.name}
    called = await call(executor, "symbolic_math", arguments, seconds)
    if called["outcome"] == "ok":
        verifying = asyncio.get_running_loop().run_in_executor(
            pool, verdict_of, str(integrand), variable.name, called["text"]
        )
        called["outcome"] = await verifying
    return {"name": row["integrand_sympy"], **called}


# ---------------------------------------------------------------- scripts


async def script_outcome(executor: ToolExecutor, row: Row, seconds: float) -> Row:
    called = await call(executor, "logic_solver", {"smtlib": row["smt2"]}, seconds)
    if called["outcome"] == "ok":
        verdicts = [word for word in called["text"].split() if word in ("sat", "unsat", "unknown")]
        if row["expected"] in verdicts[-1:]:
            called["outcome"] = "solved"
        else:
            called["outcome"] = "unknown" if not verdicts or "unknown" in called["text"] else "wrong"
    return {"name": row["name"], **called}


# ---------------------------------------------------------------- both


async def call(executor: ToolExecutor, tool: str, arguments: Row, seconds: float) -> Row:
    started = time.perf_counter()
    outcome = await executor.call(tool, json.dumps(arguments), timeout_seconds=seconds)
    wall_seconds = time.perf_counter() - started
    is_hang = wall_seconds > seconds + HANG_SECONDS_MAX or not outcome.text
    named = {"ok": "ok", "error": "unsolved, with its reason", "timeout": "timeout, said so"}
    kind = "hang" if is_hang else named.get(outcome.status, f"{outcome.status}, said so")
    return {"outcome": kind, "text": outcome.text, "wall_ms": round(wall_seconds * 1000, 1)}


def table(outcomes: list[Row]) -> Row:
    if not outcomes:
        return {"rows": 0}
    taken = sorted(outcome["wall_ms"] for outcome in outcomes)
    return {
        "rows": len(outcomes),
        **collections.Counter(outcome["outcome"] for outcome in outcomes),
        "p50_ms": round(statistics.median(taken), 1),
        "p95_ms": taken[int(0.95 * (len(taken) - 1))],
        "to look at": [
            {**outcome, "text": outcome["text"][:300]}
            for outcome in outcomes
            if outcome["outcome"].startswith(("wrong", "hang", "not verified", "killed"))
        ],
        "reasons": dict(
            collections.Counter(o["text"][:90] for o in outcomes if o["outcome"].startswith("unsolved")).most_common(12)
        ),
    }


async def measured(data: Path, limit: int | None, seconds: float, only: str) -> Row:
    executor = ToolExecutor(concurrent_calls_max=CALLS_AT_ONCE)
    await executor.start()
    at_once = asyncio.Semaphore(CALLS_AT_ONCE)

    async def limited(work: Any) -> Row:
        async with at_once:
            outcome: Row = await work
        sys.stderr.write(json.dumps(outcome) + "\n")
        sys.stderr.flush()
        return outcome

    integrals = rows_of(data / "rubi/integrals_verified.jsonl.gz", limit) if only != "scripts" else []
    scripts = rows_of(data / "smtlib_z3test/z3test_smt2.jsonl.gz", limit) if only != "integrals" else []
    try:
        with ProcessPoolExecutor(max_workers=CALLS_AT_ONCE) as pool:
            solved = await asyncio.gather(
                *(limited(integral_outcome(executor, pool, row, seconds)) for row in integrals)
            )
        checked = await asyncio.gather(*(limited(script_outcome(executor, row, seconds)) for row in scripts))
    finally:
        await executor.close()
    return {"seconds": seconds, "integrals": table(solved), "scripts": table(checked)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="the folder that holds rubi/ and smtlib_z3test/")
    parser.add_argument("--limit", type=int, default=None, help="rows of each, default all")
    parser.add_argument("--seconds", type=float, default=10.0, help="wall limit of a call")
    parser.add_argument("--only", choices=["integrals", "scripts"], default="", help="one of the two")
    options = parser.parse_args()
    if options.data is None:
        print(json.dumps({"skipped": "give --data FOLDER"}))
        return
    print(json.dumps(asyncio.run(measured(options.data, options.limit, options.seconds, options.only)), indent=1))


if __name__ == "__main__":
    main()
