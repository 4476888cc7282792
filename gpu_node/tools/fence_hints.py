"""One clause for a program that reached for what the fence forbids: what is not there, and what to do instead.

Read from the error that ended the program, on the guest's side; a program may catch its error and gets no hint then.
"""

import errno
from types import TracebackType

IMPORTABLE = "the standard library, numpy, sympy, mpmath, z3 and matplotlib can be imported"
_NO_NETWORK = "there is no network here: work with what the question gives"
_NO_PROGRAMS = "no program or process can be started here: do it in Python"
_NO_FILES = "there are no files but your own in /tmp: put the data into the code"
_NO_INPUT = "there is no input: put the values into the code"
_NO_FIGURES = "figures cannot be drawn on this node"
_REFUSED = frozenset({errno.EPERM, errno.EACCES, errno.EROFS, errno.ENOSYS})
_NETWORK_ERRORS = frozenset({"gaierror", "herror", "URLError", "HTTPError"})
_MODULES = {"socket": _NO_NETWORK, "ssl": _NO_NETWORK}
_MODULES |= dict.fromkeys(("subprocess", "popen_fork", "popen_spawn_posix", "pty", "fork_exec"), _NO_PROGRAMS)


def hint_of(error: BaseException) -> str:
    """ "" where the error says enough."""
    if isinstance(error, ModuleNotFoundError):
        return IMPORTABLE
    if isinstance(error, EOFError) and _is_raised_by_program(error.__traceback__):
        return _NO_INPUT
    if type(error).__name__ in _NETWORK_ERRORS:
        return _NO_NETWORK
    if not isinstance(error, OSError):
        return ""
    if "Matplotlib requires access" in str(error):
        return _NO_FIGURES
    if error.errno in _REFUSED:
        hints = (_MODULES[name] for name in reversed(_modules(error.__traceback__)) if name in _MODULES)
        return next(hints, _NO_FILES if error.filename is not None else _NO_PROGRAMS)
    is_elsewhere = isinstance(error.filename, str) and not error.filename.startswith("/tmp")  # noqa: S108 - the guest's
    return _NO_FILES if error.errno == errno.ENOENT and is_elsewhere else ""


def _modules(trace: TracebackType | None) -> list[str]:
    """File names without `.py`, from the program inwards."""
    names = []
    while trace is not None:
        names.append(trace.tb_frame.f_code.co_filename.rpartition("/")[2].removesuffix(".py"))
        trace = trace.tb_next
    return names


def _is_raised_by_program(trace: TracebackType | None) -> bool:
    """`input()` leaves no frame of its own."""
    return _modules(trace)[-1:] == ["<program>"]
