"""The tool `logic_solver`: constraints, puzzles and proofs by Z3, from `logic_grammar` or SMT-LIB 2.

Pure: text in, one short canonical text out. `unknown` is a result with its reason, not an error.

Z3's timeout is soft: it is checked in select places only, so untrusted calls run in the fence, whose kill is the
guarantee. Scripts are in `logic_smtlib`.

The shipped model learnt the texts of the tasks check, prove and model: what is new is a new task, or a keyword-only
argument. Which constraints contradict each other, and which a proof needed, goes to the trace beside the text.
"""

import time
from collections.abc import Sequence
from typing import Any, Literal

import z3

from gpu_node.tools import attachments
from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.logic_grammar import CONSTRAINTS_MAX, Reading, Term, read
from gpu_node.tools.logic_smtlib import (
    SOLVER_MEMORY_MB,
    SOLVER_RLIMIT,
    SOLVER_TIMEOUT_MS,
    first_line,
    script_core,
    script_models,
    script_run,
)

MODELS_MAX, MODELS_DEFAULT = 100, 10  # of `enumerate`
ENUMERATION_SECONDS_MAX = 6.0  # over all models, below the wall limit: what was found by then is told
CORE_TIMEOUT_MS = 1_000  # of a core that nobody asked for
CORE_AFTER_SECONDS_MAX = 0.5  # of the processor: it is looked for only where the answer itself was quick

Task = Literal["check", "prove", "model"]
# Beyond what the shipped model was trained with: accepted and in the schema, never named in a complaint.
FurtherTask = Literal["core", "enumerate", "optimize"]
TASK_HINTS = {
    "solve": "model", "find": "model", "satisfiable": "check", "sat": "check", "valid": "prove", "entails": "prove",
    "proof": "prove", "verify": "prove", "consistent": "check",
}  # fmt: skip


def logic_solver(
    constraints: list[str] | None = None,
    goal: str = "",
    task: Literal[Task, FurtherTask] = "model",
    smtlib: str = "",
    *,
    models: int = MODELS_DEFAULT,
    minimize: str = "",
    maximize: str = "",
) -> str:
    """Solves logic and number puzzles, checks constraints and proves conclusions.

    Constraints are statements over names: and, or, not, xor, -> (implies), <-> (if and only if), == != < <= > >=,
    + - *, whole numbers, true, false, distinct(a, b, c), count(a, b, c) (how many are true), abs(a - b). Names are
    true-or-false unless used as numbers. Knights and knaves: a name means "is a knight"; "Ann says Bob is a knave"
    is Ann <-> not Bob.

    Covered: one model or up to 100, proofs with a counterexample where there is none, the constraints that contradict
    each other, the least or greatest value of an expression, and SMT-LIB 2 with all of Z3's theories. `unknown` comes
    with its reason: a call has 4 seconds and 512 MB.

    Not covered in constraints, but by SMT-LIB: division, real numbers, quantifiers, bit vectors, strings.

    Args:
        constraints: the statements that hold.
        goal: the conclusion to prove; otherwise one more statement.
        task: model finds values and says whether they are unique, check says satisfiable or not, prove proves the goal.
            core names the constraints that contradict each other, enumerate lists models, optimize finds the best.
        smtlib: an SMT-LIB 2 script, instead of constraints.
        models: how many models to list at most.
        minimize: an expression to make as small as possible.
        maximize: an expression to make as large as possible.
    """
    statements = list(constraints or [])
    if minimize.strip() or maximize.strip():
        task = "optimize" if task == "model" else task
    _check_arguments(task, models, minimize, maximize)
    if smtlib.strip():
        if statements or goal.strip():
            raise ToolInputError("give constraints or smtlib, not both")
        return _run_script(smtlib, task, models)
    if task == "prove" and not goal.strip():
        raise ToolInputError("prove needs a goal")
    if goal.strip():
        statements.append(goal)
    if not statements:
        raise ToolInputError("constraints are empty")
    if len(statements) > CONSTRAINTS_MAX:
        raise ToolInputError(f"more than {CONSTRAINTS_MAX} constraints")
    objective = minimize.strip() or maximize.strip()
    try:
        problem = _Problem(read(statements, objective=objective), statements)
        return problem.answer(task, models=models, is_least=bool(minimize.strip()))
    except z3.Z3Exception as error:
        return f"unknown: {first_line(error)}"


def _check_arguments(task: str, models: int, minimize: str, maximize: str) -> None:
    if minimize.strip() and maximize.strip():
        raise ToolInputError("give minimize or maximize, not both")
    has_objective = bool(minimize.strip() or maximize.strip())
    if has_objective != (task == "optimize"):
        raise ToolInputError("optimize needs minimize or maximize, and no other task takes them")
    if not 1 <= models <= MODELS_MAX:
        raise ToolInputError(f"models must be from 1 to {MODELS_MAX}")


def _run_script(text: str, task: str, models: int) -> str:
    match task:
        case "core":
            return script_core(text)
        case "enumerate":
            return script_models(text, models)
        case "optimize":
            raise ToolInputError("a script optimizes by its own (minimize ...) and (get-objectives)")
    return script_run(text)


_contexts_made: list[z3.Context] = []


def context_prepare() -> None:
    """Makes the next problem's context ahead, where its 8 ms are nobody's to wait for."""
    _contexts_made.append(z3.Context())


class _Problem:
    """One call's constraints in a Z3 context of their own, so that nothing is left behind in the process."""

    def __init__(self, reading: Reading, texts: Sequence[str]) -> None:
        z3.set_param("memory_max_size", SOLVER_MEMORY_MB)
        self._context = _contexts_made.pop() if _contexts_made else z3.Context()
        self._texts = texts
        make = {"bool": z3.Bool, "int": z3.Int}
        self._names = {name: make[sort](name, ctx=self._context) for name, sort in reading.sorts.items()}
        self._statements = [self._build(term) for term in reading.terms]
        self._objective = self._build(reading.objective) if reading.objective is not None else None

    def answer(self, task: str, *, models: int, is_least: bool) -> str:
        match task:
            case "prove":
                *premises, goal = self._statements
                return self._prove(premises, goal)
            case "model":
                return self._find()
            case "core":
                return self._contradiction()
            case "enumerate":
                return self._enumerate(models)
            case "optimize":
                return self._optimize(is_least=is_least)
        started = time.process_time()
        verdict, _ = self._check(self._statements)
        if verdict == "unsat":
            self._show_core("Contradiction", self._statements, started)
        return {"sat": "satisfiable", "unsat": "unsatisfiable"}.get(verdict, verdict)

    def _check(self, statements: list[Any]) -> tuple[str, Any]:
        """`sat`, `unsat` or `unknown: reason`, and the model of `sat`."""
        solver = self._solver(SOLVER_TIMEOUT_MS)
        solver.add(*statements)
        verdict = solver.check()
        if verdict == z3.sat:
            return "sat", solver.model()
        return ("unsat", None) if verdict == z3.unsat else (f"unknown: {solver.reason_unknown()}", None)

    def _solver(self, timeout_ms: int) -> Any:
        solver = z3.Solver(ctx=self._context)
        solver.set(timeout=timeout_ms, rlimit=SOLVER_RLIMIT, random_seed=0)
        return solver

    def _prove(self, premises: list[Any], goal: Any) -> str:
        started = time.process_time()
        verdict, model = self._check([*premises, z3.Not(goal)])
        if verdict == "unsat":
            # From a contradiction everything follows: say so, since the premises were likely misread.
            premises_verdict, _ = self._check(premises)
            if premises_verdict == "unsat":
                self._show_core("Contradiction", premises, started)
                return "proved, but the constraints contradict each other"
            self._show_core("Follows from", [*premises, z3.Not(goal)], started)
            return "proved"
        return f"not proved: counterexample {self._values(model)}" if verdict == "sat" else verdict

    def _find(self) -> str:
        started = time.process_time()
        verdict, model = self._check(self._statements)
        if verdict == "unsat":
            self._show_core("Contradiction", self._statements, started)
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

    def _core(self, statements: list[Any], timeout_ms: int) -> tuple[str, list[int]]:
        """The verdict, and for `unsat` the places of statements of which none can be left out."""
        solver = self._solver(timeout_ms)
        solver.set("core.minimize", True)
        labels = [z3.Bool(f" {place}", ctx=self._context) for place in range(len(statements))]
        for label, statement in zip(labels, statements, strict=True):
            solver.assert_and_track(statement, label)
        verdict = solver.check()
        if verdict == z3.unsat:
            return "unsat", sorted(int(str(label).strip(" |")) for label in solver.unsat_core())
        return ("sat", []) if verdict == z3.sat else (f"unknown: {solver.reason_unknown()}", [])

    def _contradiction(self) -> str:
        verdict, places = self._core(self._statements, SOLVER_TIMEOUT_MS)
        if verdict != "unsat":
            return {"sat": "satisfiable: no constraints contradict each other"}.get(verdict, verdict)
        return "unsatisfiable, because of " + "; ".join(map(self._told, places))

    def _told(self, place: int) -> str:
        return f"constraint {place + 1} ({self._texts[place].strip()})"

    def _show_core(self, title: str, statements: list[Any], started: float) -> None:
        """For the trace only: bounded, and not where the answer itself took long."""
        if not attachments.is_wanted() or time.process_time() - started > CORE_AFTER_SECONDS_MAX:
            return
        verdict, places = self._core(statements, CORE_TIMEOUT_MS)
        told = [self._told(place) for place in places if title != "Follows from" or place < len(statements) - 1]
        if verdict == "unsat":
            attachments.attach("text", title, "\n".join(told) or "no constraint is needed: it always holds")

    def _enumerate(self, models: int) -> str:
        if not self._names:
            raise ToolInputError("there is no name to list values of: use check")
        solver = self._solver(SOLVER_TIMEOUT_MS)
        solver.add(*self._statements)
        found: list[str] = []
        end = ""
        deadline = time.monotonic() + ENUMERATION_SECONDS_MAX
        while len(found) <= models:
            verdict = solver.check()
            if verdict != z3.sat:
                end = "" if verdict == z3.unsat else f", then unknown: {solver.reason_unknown()}"
                break
            if len(found) == models or time.monotonic() > deadline:
                end = ", and there are more"
                break
            model = solver.model()
            found.append(self._values(model))
            values = ((variable, model.eval(variable, model_completion=True)) for variable in self._names.values())
            solver.add(z3.Or(*(variable != value for variable, value in values)))
        if not found:
            return end.removeprefix(", then ") or "unsatisfiable"
        count = f"{len(found)} model{'s' if len(found) > 1 else ''}"
        return "\n".join([f"{count}{end}:", *found])

    def _optimize(self, *, is_least: bool) -> str:
        optimizer = z3.Optimize(ctx=self._context)
        optimizer.set(timeout=SOLVER_TIMEOUT_MS, rlimit=SOLVER_RLIMIT)
        optimizer.add(*self._statements)
        handle = optimizer.minimize(self._objective) if is_least else optimizer.maximize(self._objective)
        verdict = optimizer.check()
        if verdict == z3.unsat:
            return "unsatisfiable"
        if verdict != z3.sat:
            return f"unknown: {optimizer.reason_unknown()}"
        best = optimizer.lower(handle) if is_least else optimizer.upper(handle)
        word = "least" if is_least else "greatest"
        if not z3.is_int_value(best):
            return f"unbounded: there is no {word} value"
        values = self._values(optimizer.model())
        return f"{word} value {best}" + (f": {values}" if values else "")

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
