"""The tool `execute_python`: runs a program and returns what it printed; its open figures are shown in the trace.

`run_source` executes whatever it is given with no restraint at all. It is safe only inside the fence, or on
programs that this repository wrote itself (the training data). Restricting a Python namespace is no boundary,
so nothing of the kind is tried here.

Variables are kept within a run by running the earlier programs again, silently, before the new one: each call stays a
process of its own that ends with it. Random numbers are then drawn from a fixed seed, so that they come out the same;
what depends on the clock or the system's entropy does not.
"""

import ast
import contextlib
import io
import random
import sys
import traceback
from collections.abc import Sequence
from types import CodeType
from typing import Any

from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.fence_hints import hint_of
from gpu_node.tools.figures import figures_attach

CODE_BYTES_MAX = 65_536  # of one program: more is not written by a model of ours
ERROR_CHARACTERS_MAX = 500  # of the last line of a traceback
KEPT_SEED = 0  # of every program that keeps variables
_FILENAME = "<program>"


def execute_python(code: str, *, keep_variables: bool = False) -> str:
    """Runs a Python 3 program and returns what it printed.

    Covered: print the answer; the value of a last line that is an expression is printed too. The standard library,
    numpy, sympy, mpmath, z3 and matplotlib can be imported; a figure that is left open is shown to the reader of the
    trace. Not covered: network, subprocesses, files outside /tmp, input, other packages. Nothing is kept between calls
    unless keep_variables is set.

    Args:
        code: the program.
        keep_variables: whether to see the variables of earlier programs of this run that were sent with it too.
    """
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        error = run_source(code, keep_variables=keep_variables)
    return joined(output.getvalue(), error)


def joined(output: str, error: str) -> str:
    """What the model reads: the output, then the error's line if there was one."""
    return "\n".join(part for part in (output.strip(), error) if part)


def run_source(code: str, *, keep_variables: bool = False, earlier: Sequence[str] = ()) -> str:
    """Runs a program as `__main__`; returns "" or the last line of its traceback.

    `earlier` are the run's programs whose variables it sees; the node gives them, never the model.

    Raises:
        ToolInputError: the program cannot be run at all.
    """
    try:
        size = len(code.encode())
    except UnicodeEncodeError as error:
        raise ToolInputError("the code holds characters that are not text (lone surrogates)") from error
    if size > CODE_BYTES_MAX:
        raise ToolInputError(f"the code has {size} bytes, more than {CODE_BYTES_MAX}")
    if not code.strip():
        raise ToolInputError("the code is empty")
    try:
        program = _compiled(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        return _last_line(error)
    namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    try:
        if keep_variables:
            _replay(earlier, namespace)
        exec(program, namespace)  # noqa: S102 - the tool's purpose; see the module's docstring
    except SystemExit as error:
        return "" if error.code in (None, 0) else f"SystemExit: {error.code!r}"[:ERROR_CHARACTERS_MAX]
    except BaseException as error:  # KeyboardInterrupt and the like too: all of it is the program's own
        return _last_line(error)
    finally:
        figures_attach()
    return ""


def _replay(earlier: Sequence[str], namespace: dict[str, Any]) -> None:
    """Runs what ran before; what it printed and drew was told then, and so was its error."""
    random.seed(KEPT_SEED)
    if (numpy_random := sys.modules.get("numpy.random")) is not None:
        numpy_random.seed(KEPT_SEED)
    with contextlib.redirect_stdout(io.StringIO()):
        for code in earlier:
            with contextlib.suppress(BaseException):
                exec(_compiled(code), namespace)  # noqa: S102 - as above
    if (pyplot := sys.modules.get("matplotlib.pyplot")) is not None:
        pyplot.close("all")


def _compiled(code: str) -> CodeType:
    """The program, with a last bare expression printed as a notebook would."""
    tree = ast.parse(code, _FILENAME)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr) and not _is_print(last.value):
        show = ast.Name("_show_last", ast.Load())
        imported = ast.parse(f"from {__name__} import show_last as _show_last").body
        tree.body[-1] = ast.Expr(ast.Call(show, [last.value], []))
        # After `from __future__` lines, which must stay first.
        tree.body[-1:-1] = imported
        ast.fix_missing_locations(tree)
    return compile(tree, _FILENAME, "exec", dont_inherit=True)


def _is_print(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "print"


def show_last(value: object) -> None:
    if value is not None:
        sys.stdout.write(f"{value!r}\n")


def _last_line(error: BaseException) -> str:
    try:
        lines = traceback.format_exception_only(error)
    except BaseException:  # the program's own class may fail to print itself
        lines = [type(error).__name__]
    line = (lines[-1].strip() or type(error).__name__)[:ERROR_CHARACTERS_MAX]
    hint = hint_of(error)
    return f"{line} ({hint})" if hint else line
