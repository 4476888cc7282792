"""The tool `logic_solver`: constraints, puzzles and proofs by Z3, from `logic_grammar` or SMT-LIB 2.

Pure: text in, one short canonical text out. `unknown` is a result with its reason, not an error.

Z3's timeout is soft: it is checked in select places only, so untrusted calls run in the fence, whose kill is the
guarantee. SMT-LIB goes through an allowlist of commands first: some of Z3's own commands write files.

Not covered yet: optimisation in the short form, several models, cores.
"""

# ruff: noqa: S105 - these signs are the language that is read

import re
from typing import Any, Literal

import z3

from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.logic_grammar import CONSTRAINTS_MAX, Reading, Term, read

SOLVER_TIMEOUT_MS = 4_000  # soft; below every wall limit, so that "unknown" comes before the kill
SOLVER_RLIMIT = 50_000_000  # Z3's own deterministic steps: the same answer on a slow machine
SOLVER_MEMORY_MB = 512  # below the fence's address space
SMTLIB_CHARACTERS_MAX = 32_000
SMTLIB_COMMANDS_MAX = 1_000
SMTLIB_DEPTH_MAX = 200  # 200,000 nested nots took 481 MB
SMTLIB_CHECKS_MAX = 16

Task = Literal["check", "prove", "model"]
TASK_HINTS = {
    "solve": "model", "find": "model", "satisfiable": "check", "sat": "check", "valid": "prove", "entails": "prove",
    "proof": "prove", "verify": "prove", "consistent": "check",
}  # fmt: skip

_SMTLIB_COMMANDS = frozenset(
    "set-logic set-info declare-const declare-fun declare-sort declare-datatype declare-datatypes define-fun "
    "define-fun-rec define-const define-sort assert assert-soft check-sat check-sat-assuming get-model get-value "
    "get-unsat-core get-objectives get-info push pop reset reset-assertions minimize maximize echo exit".split()
)
_SMTLIB_OPTIONS = frozenset({":produce-models", ":produce-unsat-cores", ":produce-proofs", ":print-success"})
_SMTLIB_SCAN = re.compile(r'"(?:[^"]|"")*"|\|[^|]*\||;[^\n]*|[()]|[^\s()";|]+')


def logic_solver(
    constraints: list[str] | None = None,
    goal: str = "",
    task: Task = "model",
    smtlib: str = "",
) -> str:
    """Solves logic and number puzzles, checks constraints and proves conclusions.

    Constraints are statements over names: and, or, not, xor, -> (implies), <-> (if and only if), == != < <= > >=,
    + - *, whole numbers, true, false, distinct(a, b, c), count(a, b, c) (how many are true), abs(a - b). Names are
    true-or-false unless used as numbers. Knights and knaves: a name means "is a knight"; "Ann says Bob is a knave"
    is Ann <-> not Bob. Not covered: division, real numbers, quantifiers; SMT-LIB has these.

    Args:
        constraints: the statements that hold.
        goal: the conclusion to prove; otherwise one more statement.
        task: model finds values and says whether they are unique, check says satisfiable or not, prove proves the goal.
        smtlib: an SMT-LIB 2 script, instead of constraints.
    """
    statements = list(constraints or [])
    if smtlib.strip():
        if statements or goal.strip():
            raise ToolInputError("give constraints or smtlib, not both")
        return _run_smtlib(smtlib)
    if task == "prove" and not goal.strip():
        raise ToolInputError("prove needs a goal")
    if goal.strip():
        statements.append(goal)
    if not statements:
        raise ToolInputError("constraints are empty")
    if len(statements) > CONSTRAINTS_MAX:
        raise ToolInputError(f"more than {CONSTRAINTS_MAX} constraints")
    try:
        return _Problem(read(statements)).answer(task)
    except z3.Z3Exception as error:
        return f"unknown: {_first_line(error)}"


def _first_line(error: Exception) -> str:
    text = error.args[0] if error.args else str(error)
    text = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return (text.strip().splitlines() or ["no reason given"])[0][:200]


_contexts_made: list[z3.Context] = []


def context_prepare() -> None:
    """Makes the next problem's context ahead, where its 8 ms are nobody's to wait for."""
    _contexts_made.append(z3.Context())


class _Problem:
    """One call's constraints in a Z3 context of their own, so that nothing is left behind in the process."""

    def __init__(self, reading: Reading) -> None:
        z3.set_param("memory_max_size", SOLVER_MEMORY_MB)
        self._context = _contexts_made.pop() if _contexts_made else z3.Context()
        make = {"bool": z3.Bool, "int": z3.Int}
        self._names = {name: make[sort](name, ctx=self._context) for name, sort in reading.sorts.items()}
        self._statements = [self._build(term) for term in reading.terms]

    def answer(self, task: Task) -> str:
        match task:
            case "check":
                verdict, _ = self._check(self._statements)
                return {"sat": "satisfiable", "unsat": "unsatisfiable"}.get(verdict, verdict)
            case "prove":
                *premises, goal = self._statements
                return self._prove(premises, goal)
            case "model":
                return self._find()

    def _check(self, statements: list[Any]) -> tuple[str, Any]:
        """`sat`, `unsat` or `unknown: reason`, and the model of `sat`."""
        solver = z3.Solver(ctx=self._context)
        solver.set(timeout=SOLVER_TIMEOUT_MS, rlimit=SOLVER_RLIMIT, random_seed=0)
        solver.add(*statements)
        verdict = solver.check()
        if verdict == z3.sat:
            return "sat", solver.model()
        return ("unsat", None) if verdict == z3.unsat else (f"unknown: {solver.reason_unknown()}", None)

    def _prove(self, premises: list[Any], goal: Any) -> str:
        verdict, model = self._check([*premises, z3.Not(goal)])
        if verdict == "unsat":
            # From a contradiction everything follows: say so, since the premises were likely misread.
            premises_verdict, _ = self._check(premises)
            return "proved" if premises_verdict != "unsat" else "proved, but the constraints contradict each other"
        return f"not proved: counterexample {self._values(model)}" if verdict == "sat" else verdict

    def _find(self) -> str:
        verdict, model = self._check(self._statements)
        if verdict == "unsat":
            return "unsatisfiable"
        if verdict != "sat":
            return verdict
        values = {name: model.eval(variable, model_completion=True) for name, variable in self._names.items()}
        if not values:
            return "satisfiable"
        others = z3.Or(*(self._names[name] != value for name, value in values.items()))
        other_verdict, _ = self._check([*self._statements, others])
        unique = {"sat": " (not unique)", "unsat": " (unique)"}.get(other_verdict, "")
        return self._values(model) + unique

    def _values(self, model: Any) -> str:
        pairs = ((name, model.eval(variable, model_completion=True)) for name, variable in self._names.items())
        return ", ".join(f"{name} = {str(value).lower()}" for name, value in pairs)

    def _build(self, term: Term) -> Any:
        match term.head:
            case "name":
                return self._names[term.value]
            case "number":
                return z3.IntVal(term.value, ctx=self._context)
            case "true" | "false":
                return z3.BoolVal(term.head == "true", ctx=self._context)
        arguments = [self._build(argument) for argument in term.arguments]
        match term.head:
            case "distinct":
                return z3.Distinct(*arguments) if len(arguments) > 1 else z3.BoolVal(True, ctx=self._context)
            case "count":
                one, zero = z3.IntVal(1, ctx=self._context), z3.IntVal(0, ctx=self._context)
                return z3.Sum(*(z3.If(argument, one, zero) for argument in arguments))
            case "abs":
                return z3.If(arguments[0] >= 0, arguments[0], -arguments[0])
            case "not":
                return z3.Not(arguments[0])
            case "negative":
                return -arguments[0]
        return _binary(term.head, *arguments)


def _binary(operator: str, left: Any, right: Any) -> Any:
    match operator:
        case "and":
            return z3.And(left, right)
        case "or":
            return z3.Or(left, right)
        case "xor":
            return z3.Xor(left, right)
        case "->":
            return z3.Implies(left, right)
        case "<->" | "==":
            return left == right
        case "!=":
            return left != right
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case ">=":
            return left >= right
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
    raise AssertionError(f"operator {operator!r} is in the grammar but not built")


# ---------------------------------------------------------------- SMT-LIB 2


def _run_smtlib(text: str) -> str:
    commands = _smtlib_commands(text)
    if not any(command in ("check-sat", "check-sat-assuming") for command in commands):
        text += "\n(check-sat)"
    z3.set_param("memory_max_size", SOLVER_MEMORY_MB)
    context = z3.Context("timeout", SOLVER_TIMEOUT_MS, "rlimit", SOLVER_RLIMIT)
    try:
        output = z3.Z3_eval_smtlib2_string(context.ref(), text)
    except z3.Z3Exception as error:
        output = _first_line(error)
    shown = " ".join(output.split()) or "no output"
    if shown.startswith("(error"):
        raise ToolInputError(shown[:300])
    return shown


def _smtlib_commands(text: str) -> list[str]:
    """The script's command names, all of them allowed.

    Raises:
        ToolInputError: too long, too deep, unbalanced, or a command outside the allowlist.
    """
    if len(text) > SMTLIB_CHARACTERS_MAX:
        raise ToolInputError(f"the script has more than {SMTLIB_CHARACTERS_MAX} characters")
    commands: list[str] = []
    depth = 0
    previous = ""
    for match in _SMTLIB_SCAN.finditer(text):
        token = match.group()
        if token.startswith(";"):
            continue
        if token == "(":
            depth += 1
        elif token == ")":
            depth -= 1
        elif depth == 0:
            raise ToolInputError(f"{token[:40]!r} stands outside all brackets: a script is a list of (commands)")
        elif depth == 1 and previous == "(":
            commands.append(token)
        elif depth == 1 and previous == "set-option" and token not in _SMTLIB_OPTIONS:
            raise ToolInputError(f"the option {token[:40]!r} is not allowed")
        if not 0 <= depth <= SMTLIB_DEPTH_MAX:
            raise ToolInputError("a bracket is missing" if depth < 0 else f"nested deeper than {SMTLIB_DEPTH_MAX}")
        previous = token
    if depth:
        raise ToolInputError("a closing bracket is missing")
    _check_commands(commands)
    return commands


def _check_commands(commands: list[str]) -> None:
    for command in commands:
        if command not in _SMTLIB_COMMANDS and command != "set-option":
            raise ToolInputError(f"the command {command[:40]!r} is not allowed")
    if len(commands) > SMTLIB_COMMANDS_MAX or not commands:
        raise ToolInputError(f"a script has 1 to {SMTLIB_COMMANDS_MAX} commands")
    if sum(command.startswith("check-sat") for command in commands) > SMTLIB_CHECKS_MAX:
        raise ToolInputError(f"a script checks at most {SMTLIB_CHECKS_MAX} times")
