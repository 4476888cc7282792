"""SMT-LIB 2 scripts for `logic_solver`: an allowlist of commands and options first, then Z3.

Some of Z3's commands and options write files, print without end or lift the limits: those are refused, and options
that only say how Z3 reports on itself are left out. Scripts run in a context of their own with a soft timeout, a limit
on Z3's deterministic steps and one on memory; the fence's kill is the guarantee.
"""

# ruff: noqa: S105 - these signs are the language that is read

import re
from typing import Any

import z3

from gpu_node.tools.errors import ToolInputError

SOLVER_TIMEOUT_MS = 4_000  # soft; below every wall limit, so that "unknown" comes before the kill
SOLVER_RLIMIT = 50_000_000  # Z3's own deterministic steps: the same answer on a slow machine
SOLVER_MEMORY_MB = 512  # below the fence's address space
SMTLIB_CHARACTERS_MAX = 32_000
SMTLIB_COMMANDS_MAX = 1_000
SMTLIB_DEPTH_MAX = 200  # 200,000 nested nots took 481 MB
SMTLIB_CHECKS_MAX = 16
NAMES_MAX = 200  # whose values a model lists
TERMS_MAX = 50_000  # looked through for names

_COMMANDS = frozenset(
    "set-logic set-info declare-const declare-fun declare-sort declare-datatype declare-datatypes define-fun "
    "define-fun-rec define-funs-rec define-const define-sort assert assert-soft check-sat check-sat-assuming "
    "check-sat-using get-model get-value get-unsat-core get-objectives get-info push pop reset reset-assertions "
    "minimize maximize echo exit".split()
)
_CHECKS = ("check-sat", "check-sat-assuming", "check-sat-using")
_OPTION = re.compile(
    r":(?:produce-models|produce-unsat-cores|produce-proofs|print-success|random-seed|global-decls|global-declarations"
    r"|model|model_validate|proof|unsat_core|auto[-_]config|(?:smt|sat|nlsat|rewriter|model|fp|opt|pp|solver|ackermannization)"
    r"(?:\.\w+)+)"
)
# They write files, print without end, start threads or lift a limit.
_OPTION_REFUSED = re.compile("file|log|dump|trace|thread|timeout|rlimit|memory|path|output|display|drat|cancel|profile")
_OPTIONS_LEFT_OUT = frozenset({":trace", ":verbose", ":debug_ref_count", ":stats"})
_SCAN = re.compile(r'"(?:[^"]|"")*"|\|[^|]*\||;[^\n]*|[()]|[^\s()";|]+')


def first_line(error: Exception) -> str:
    text = error.args[0] if error.args else str(error)
    text = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return (text.strip().splitlines() or ["no reason given"])[0][:200]


def script_run(text: str) -> str:
    """What Z3 says to the script; an `unknown` at the end gets its reason."""
    commands, text = script_checked(text)
    if not any(command in _CHECKS for command in commands):
        text += "\n(check-sat)"
    output = _evaluated(text + "\n(get-info :reason-unknown)") if "exit" not in commands else _evaluated(text)
    reason = re.search(r'\(:reason-unknown "(.*)"\)\s*\Z', output)
    shown = " ".join((output[: reason.start()] if reason else output).split()) or "no output"
    if shown.startswith("(error"):
        raise ToolInputError(shown[:300])
    return f"{shown}: {reason[1]}" if reason and shown.endswith("unknown") else shown


def _evaluated(text: str) -> str:
    # For the whole process, which is one call's: a context's own parameters do not reach the solver of a script.
    z3.set_param(memory_max_size=SOLVER_MEMORY_MB, timeout=SOLVER_TIMEOUT_MS, rlimit=SOLVER_RLIMIT)
    context = z3.Context()
    try:
        return str(z3.Z3_eval_smtlib2_string(context.ref(), text))
    except z3.Z3Exception as error:
        return first_line(error)


def script_core(text: str) -> str:
    """Which of the script's assertions contradict each other; their names where they have some."""
    commands, text = script_checked(text)
    if ":named" in text:
        if any(command in _CHECKS or command == "exit" for command in commands):
            text = re.sub(r"\(\s*(?:check-sat|exit)\s*\)", "", text)
        output = " ".join(
            _evaluated(f"(set-option :produce-unsat-cores true)\n{text}\n(check-sat)\n(get-unsat-core)").split()
        )
        if output.startswith("unsat "):
            return f"unsatisfiable, because of {output.removeprefix('unsat ').strip('()')}"
        if output.startswith('(error "'):
            raise ToolInputError(output[:300])
        return "satisfiable: no assertions contradict each other" if output.startswith("sat") else output[:300]
    solver, assertions = _parsed(text)
    solver.set("core.minimize", True)
    context = solver.ctx
    for place, assertion in enumerate(assertions):
        solver.assert_and_track(assertion, z3.Bool(f" {place}", ctx=context))
    verdict = solver.check()
    if verdict == z3.sat:
        return "satisfiable: no assertions contradict each other"
    if verdict != z3.unsat:
        return f"unknown: {solver.reason_unknown()}"
    places = sorted(int(str(label).strip(" |")) for label in solver.unsat_core())
    told = (f"assertion {place + 1} ({' '.join(str(assertions[place].sexpr()).split())[:120]})" for place in places)
    return "unsatisfiable, because of " + "; ".join(told)


def script_models(text: str, models: int) -> str:
    """Up to so many models of the script's assertions, by the values of its constants."""
    _, text = script_checked(text)
    solver, assertions = _parsed(text)
    solver.add(*assertions)
    constants = _constants(assertions)
    if not constants:
        raise ToolInputError("the script has no constants to list values of")
    found: list[str] = []
    while len(found) <= models:
        verdict = solver.check()
        if verdict == z3.unknown:
            return "\n".join([f"unknown after {len(found)} models: {solver.reason_unknown()}", *found])
        if verdict == z3.unsat:
            return (
                "\n".join([f"{len(found)} model{'s' if len(found) > 1 else ''}:", *found]) if found else "unsatisfiable"
            )
        if len(found) == models:
            break
        model = solver.model()
        values = [(constant, model.eval(constant, model_completion=True)) for constant in constants]
        found.append(", ".join(f"{constant} = {value.sexpr()}" for constant, value in values))
        solver.add(z3.Or(*(constant != value for constant, value in values)))
    return "\n".join([f"{len(found)} models, and there are more:", *found])


def _parsed(text: str) -> tuple[Any, list[Any]]:
    z3.set_param("memory_max_size", SOLVER_MEMORY_MB)
    context = z3.Context()
    solver = z3.Solver(ctx=context)
    solver.set(timeout=SOLVER_TIMEOUT_MS, rlimit=SOLVER_RLIMIT, random_seed=0)
    try:
        assertions = list(z3.parse_smt2_string(text, ctx=context))
    except z3.Z3Exception as error:
        raise ToolInputError(first_line(error)) from error
    if not assertions:
        raise ToolInputError("the script asserts nothing")
    return solver, assertions


def _constants(assertions: list[Any]) -> list[Any]:
    """The uninterpreted constants, in order of first appearance."""
    found: dict[str, Any] = {}
    seen: set[int] = set()
    pending = list(reversed(assertions))
    while pending:
        term = pending.pop()
        if term.get_id() in seen:
            continue
        seen.add(term.get_id())
        if len(seen) > TERMS_MAX or len(found) > NAMES_MAX:
            raise ToolInputError(f"the script has more than {NAMES_MAX} names or {TERMS_MAX} terms")
        if z3.is_const(term) and term.decl().kind() == z3.Z3_OP_UNINTERPRETED:
            found.setdefault(str(term), term)
        pending.extend(reversed(term.children()))
    return list(found.values())


def script_checked(text: str) -> tuple[list[str], str]:
    """The script's command names, all of them allowed, and the script without options that only report.

    Raises:
        ToolInputError: too long, too deep, unbalanced, or a command or option outside the allowlist.
    """
    if len(text) > SMTLIB_CHARACTERS_MAX:
        raise ToolInputError(f"the script has more than {SMTLIB_CHARACTERS_MAX} characters")
    commands: list[str] = []
    kept: list[str] = []
    start = kept_to = depth = 0
    previous = ""
    is_left_out = False
    for match in _SCAN.finditer(text):
        token = match.group()
        if token.startswith(";"):
            continue
        if token == "(":
            start = match.start() if depth == 0 else start
            depth += 1
        elif token == ")":
            depth -= 1
        elif depth == 0:
            raise ToolInputError(f"{token[:40]!r} stands outside all brackets: a script is a list of (commands)")
        elif depth == 1 and previous == "(":
            commands.append(token)
        elif depth == 1 and previous == "set-option":
            is_left_out = token in _OPTIONS_LEFT_OUT or _check_option(token)
        if not 0 <= depth <= SMTLIB_DEPTH_MAX:
            raise ToolInputError("a bracket is missing" if depth < 0 else f"nested deeper than {SMTLIB_DEPTH_MAX}")
        if depth == 0 and is_left_out:
            kept.append(text[kept_to:start])
            kept_to, is_left_out = match.end(), False
        previous = token
    if depth:
        raise ToolInputError("a closing bracket is missing")
    _check_commands(commands)
    return commands, "".join([*kept, text[kept_to:]])


def _check_option(option: str) -> bool:
    if not _OPTION.fullmatch(option) or _OPTION_REFUSED.search(option):
        raise ToolInputError(f"the option {option[:40]!r} is not allowed")
    return False


def _check_commands(commands: list[str]) -> None:
    for command in commands:
        if command not in _COMMANDS and command != "set-option":
            raise ToolInputError(f"the command {command[:40]!r} is not allowed")
    if len(commands) > SMTLIB_COMMANDS_MAX or not commands:
        raise ToolInputError(f"a script has 1 to {SMTLIB_COMMANDS_MAX} commands")
    if sum(command in _CHECKS for command in commands) > SMTLIB_CHECKS_MAX:
        raise ToolInputError(f"a script checks at most {SMTLIB_CHECKS_MAX} times")
