"""The tool `execute_python`: runs a program and returns what it printed.

`run_source` executes whatever it is given with no restraint at all. It is safe only inside the fence, or on
programs that this repository wrote itself (the training data). Restricting a Python namespace is no boundary,
so nothing of the kind is tried here.
"""

import ast
import contextlib
import io
import sys
import traceback
from types import CodeType

from gpu_node.tools.errors import ToolInputError

CODE_BYTES_MAX = 65_536  # of one program: more is not written by a model of ours
ERROR_CHARACTERS_MAX = 500  # of the last line of a traceback
_FILENAME = "<program>"


def execute_python(code: str) -> str:
    """Runs a Python 3 program and returns what it printed.

    Print the answer; the value of a last line that is an expression is printed too. The standard library, numpy,
    sympy and z3 can be imported. There is no network, no subprocess, no file outside /tmp, no input, and nothing is
    kept between calls.

    Args:
        code: the program.
    """
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        error = run_source(code)
    return joined(output.getvalue(), error)


def joined(output: str, error: str) -> str:
    """What the model reads: the output, then the error's line if there was one."""
    return "\n".join(part for part in (output.strip(), error) if part)


def run_source(code: str) -> str:
    """Runs a program as `__main__`; returns "" or the last line of its traceback.

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
    namespace: dict[str, object] = {"__name__": "__main__", "__builtins__": __builtins__}
    try:
        exec(program, namespace)  # noqa: S102 - the tool's purpose; see the module's docstring
    except SystemExit as error:
        return "" if error.code in (None, 0) else f"SystemExit: {error.code!r}"[:ERROR_CHARACTERS_MAX]
    except BaseException as error:  # KeyboardInterrupt and the like too: all of it is the program's own
        return _last_line(error)
    return ""


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
    return (lines[-1].strip() or type(error).__name__)[:ERROR_CHARACTERS_MAX]
