"""What a model may write as arguments, thrown at the decoder and every parser: nothing but `ToolInputError` comes out.

    python -m tests.gpu_node.fuzz_tools [-runs=1000000]

Guided by coverage where `atheris` is installed, by seeded mutation of the fragments below where it is not. Nothing is
run: SymPy and Z3 are reached only as far as the parsers build. `test_tools_fuzz` takes the same targets.
"""

import inspect
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType, ModuleType

from gpu_node.tools import (
    logic_grammar,
    logic_smtlib,
    maths_equations,
    maths_grammar,
    maths_lexer,
    maths_statistics,
    maths_units,
    registry,
)
from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.maths_call import Call
from gpu_node.tools.registry import TOOLS, arguments_parse

RUNS_DEFAULT = 1_000_000
RUNS_BETWEEN_REPORTS = 10_000
UNIT_SECONDS_MAX = 60  # of one input on a loaded machine: the fence ends a call long before
PIECES_MAX = 12  # of one mutated input
SENTINEL = "svend-sentinel"
CORPUS = Path(tempfile.gettempdir()) / "svend-fuzz-corpus"  # kept, so that the next run begins where this one ended

FRAGMENTS = (
    f"__import__('os').system('{SENTINEL}')", f"os.system('{SENTINEL}')", "eval(", "exec(", "lambda x: x", "x.__class__",
    "().__class__.__bases__", "[x for x in y]", "f'{x}'", "x[0]", "x := 1", "import os", "`id`", "$(id)", "{}", "{x}",
    "x", "y_1", "sin", "sin^2 x", "sqrt(", "log(x, 2)", "root(8, 3)", "|x|", "5!", "!!", "^", "**", "9^9^9", "2^1000000",
    "1e1000000000", "0.1", ".5", "1,000", "½", "²", "π", "∞", "√", "≤", "≠", "->", "<->", "=", "==", "<", ">=", "!=", ",",
    ";", "(", ")", "((((", "[[1,2],[3,4]]", "[", "]", "det ", "inv", "'", '"', "\\", "\0", "\ud800", "\u202e", "\n", " ",
    "and", "or", "not", "xor", "implies", "if ", " then ", "Ann", "p", "q", "distinct(", "all different", "1 <= A <= 4",
    "factorial(10^9)", "gcd(", "oo - oo", "zoo", "nan", "1/0", "S(", "Symbol('x')", "E", "I", "i", "e^",
)  # fmt: skip
EQUATION_FRAGMENTS = (
    "y'", "y''", "y'''''", "y'(x)", "y(x)", "y(0)", "dy/dx", "d^2y/dx^2", "d2y/dt2", "d^9y/dx^3", "y", "x", "t", " = ", "+",
    "-", "*", "/", "^", "(", ")", ",", "sin(", "e^x", "2", "0.5", "'", "\u2019", "''", "C1", "y_diff1", "_diff", "d/dx", "i", "e",
    f"__import__('os').system('{SENTINEL}')", "[", "]", "<", "!", "\\", "\0", "\ud800", " ", "9^9^9",
)  # fmt: skip
UNIT_FRAGMENTS = (
    "5", "km", "m", "/", "s", "h", "^2", " per ", "hour", "kWh", "MJ", "in", "inch", "°C", "deg", "F", "K", "µm", "um", "GiB",
    "(", ")", "*", "+", "-", "1e9", "1e999", "x", "e", "i", "mph", "[", "1, 2", "= ", "os.system(", "\0", "\ud800", " ", "²",
)  # fmt: skip
SCRIPT_FRAGMENTS = (
    "(declare-const x Int)", "(assert (> x 1))", "(check-sat)", "(get-model)", "(set-option :smt.mbqi true)",
    "(set-option :trace true)", "(set-option :trace_file_name \"x\")", "(set-option :smt.threads 9)", "(include \"/etc/passwd\")",
    "(set-option :regular-output-channel \"x\")", "(check-sat-using smt)", "(", ")", "((", "))", ";", "\n", '"', "|", "| )",
    "(exit)", "x", ":", "(echo \"(\")", "(set-option", " :timeout 0)", "(help)", "\0", "\ud800", "(push 9999999999)",
)  # fmt: skip
JSON_FRAGMENTS = (
    '{"code": "', '"}', '{"operation": "solve", "expression": "x"}', '{"constraints": ["p"]}', "[", "]", "{", "}", ",",
    ":", '"', "\\", "\\u0000", "\\ud800", "NaN", "-Infinity", "1e999", "9" * 50, "null", "true", '"code"', "print(1)",
    '{"a": 1, "a": 2}', "[" * 20, '{"a":' * 20, "\0", "\ud800", "'", "//", "/*", " ", "\n", '"task": "prove"', "{}",
)  # fmt: skip


def maths_read(text: str) -> None:
    try:
        maths_grammar.read(text)
    except ToolInputError:
        pass


def logic_read(text: str) -> None:
    try:
        logic_grammar.read([text])
    except ToolInputError:
        pass
    try:
        logic_grammar.read(["x > 0"], objective=text)
    except ToolInputError:
        pass


def equations_read(text: str) -> None:
    given = {"variable": "", "order": 0, "lower": "", "upper": ""}
    try:
        maths_equations.Equations(Call(expression=text, at="", **given)).conditions("y(0) = 1")
    except ToolInputError:
        pass
    try:
        maths_equations.Equations(Call(expression="y' = y", at="", **given)).conditions(text)
    except ToolInputError:
        pass


def units_read(text: str) -> None:
    try:
        maths_units.quantity(text)
    except ToolInputError:
        pass
    try:
        maths_statistics.values_of(text)
    except ToolInputError:
        pass


def script_read(text: str) -> None:
    try:
        logic_smtlib.script_checked(text)
    except ToolInputError:
        pass


def arguments_read(text: str) -> None:
    try:
        arguments = arguments_parse(text)
    except ToolInputError:
        return
    for tool in TOOLS.values():
        try:
            tool.arguments_validate(arguments)
        except ToolInputError:
            pass


TARGETS = (
    (maths_read, FRAGMENTS),
    (logic_read, FRAGMENTS),
    (arguments_read, JSON_FRAGMENTS),
    (equations_read, EQUATION_FRAGMENTS),
    (units_read, UNIT_FRAGMENTS),
    (script_read, SCRIPT_FRAGMENTS),
)


@contextmanager
def sentinel_planted() -> Iterator[list[str]]:
    """What `os.system` was asked to run meanwhile: must stay empty."""
    ran: list[str] = []
    system, os.system = os.system, lambda command: ran.append(str(command)) or 0  # type: ignore[assignment, func-returns-value]
    try:
        yield ran
    finally:
        os.system = system


def one_input(data: bytes) -> None:
    """The first byte chooses the target, the rest is its text."""
    if data:
        target, _ = TARGETS[data[0] % len(TARGETS)]
        target(data[1:].decode("utf-8", "surrogateescape"))


def functions_of(*modules: ModuleType) -> Iterator[FunctionType]:
    """Those that the modules define, methods too."""
    for module in modules:
        members = [*vars(module).values()]
        members += [part for member in members if inspect.isclass(member) for part in vars(member).values()]
        for member in members:
            if inspect.isfunction(member) and member.__module__ == module.__name__:
                yield member


def seeds_write(folder: Path) -> None:
    """An input a fragment and target, for the search to begin with; what it finds new is added to them."""
    folder.mkdir(exist_ok=True)
    for target, (_, fragments) in enumerate(TARGETS):
        for number, fragment in enumerate(fragments):
            data = bytes([target]) + fragment.encode("utf-8", "surrogatepass")
            (folder / f"{target}-{number}").write_bytes(data)


def mutated(generator: random.Random) -> None:
    target, fragments = generator.choice(TARGETS)
    pieces = [
        generator.choice(fragments) if generator.random() < 0.8 else chr(generator.randrange(0x3000))
        for _ in range(generator.randint(1, PIECES_MAX))
    ]
    target("".join(pieces))


def main() -> None:
    with sentinel_planted() as ran:
        try:
            import atheris
        except ImportError:
            runs = next((int(a.removeprefix("-runs=")) for a in sys.argv if a.startswith("-runs=")), RUNS_DEFAULT)
            generator = random.Random(0)
            for number in range(1, runs + 1):
                mutated(generator)
                assert not ran, ran
                if number % RUNS_BETWEEN_REPORTS == 0:
                    sys.stdout.write(f"{number} inputs, none of them raised or ran\n")
                    sys.stdout.flush()
            return
        read = (maths_lexer, maths_grammar, maths_equations, maths_statistics, maths_units, logic_grammar, logic_smtlib)
        for function in functions_of(*read, registry):
            atheris.instrument_func(function)
        arguments = sys.argv if any(a.startswith("-runs=") for a in sys.argv) else [*sys.argv, f"-runs={RUNS_DEFAULT}"]

        def checked(data: bytes) -> None:
            one_input(data)
            assert not ran, ran

        seeds_write(CORPUS)
        atheris.Setup([*arguments, f"-timeout={UNIT_SECONDS_MAX}", str(CORPUS)], checked)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
