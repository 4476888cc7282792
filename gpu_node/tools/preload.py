"""What a zygote imports before its first call, so that no call pays for it.

Where guests cannot read files at all, or not as the uid they get, a module is there only if it was loaded before:
then the whole standard library and the libraries' usual parts are. Starts no thread, runs no solver.
"""

import contextlib
import importlib
import pkgutil
import sys
from collections.abc import Sequence
from types import ModuleType

_TOOLS = ("execute_python", "symbolic_math", "logic_solver")
_LIBRARIES = ("numpy", "sympy", "mpmath", "z3")
_USUAL = ("asyncio", "calendar", "cmath", "csv", "heapq", "statistics", "typing", "uuid", "urllib.request")
_PARTS_OF_LIBRARIES = (
    "numpy.fft", "numpy.linalg", "numpy.polynomial", "numpy.random", "sympy.abc", "sympy.codegen",
    "sympy.physics.units", "sympy.printing.latex", "sympy.tensor", "sympy.vector", "sympy.crypto", "sympy.discrete",
)  # fmt: skip
# SymPy's calls import these as they go; the other packages are drawing, quantum physics and code generators.
_WALKED = (
    "calculus", "combinatorics", "concrete", "functions", "geometry", "integrals", "logic", "matrices", "ntheory",
    "polys", "series", "sets", "simplify", "solvers", "stats",
)  # fmt: skip
_NOT_WALKED = frozenset({"tests", "benchmarks"})
_PARTS_OF_STANDARD = (
    "collections.abc", "concurrent.futures.process", "concurrent.futures.thread", "email.message", "email.mime.text",
    "encodings.ascii", "encodings.cp1252", "encodings.idna", "encodings.latin_1", "encodings.punycode",
    "encodings.utf_16", "encodings.utf_32", "html.parser", "http.client", "http.server", "importlib.metadata",
    "importlib.resources", "json.tool", "logging.config", "logging.handlers", "multiprocessing.pool",
    "multiprocessing.synchronize", "multiprocessing.shared_memory", "multiprocessing.popen_fork", "os.path",
    "unittest.mock", "urllib.parse", "urllib.request", "xml.dom.minidom", "xml.etree.ElementTree", "zoneinfo",
)  # fmt: skip
# They print, open windows or a browser, belong to other systems, or are tests.
_LEFT_OUT = frozenset({"antigravity", "this", "idlelib", "turtle", "turtledemo", "tkinter", "lib2to3", "ensurepip"})


def _import_if_possible(name: str) -> ModuleType | None:
    with contextlib.suppress(ImportError, AttributeError, OSError):  # not of this system
        return importlib.import_module(name)
    return None


def _walk(package: ModuleType) -> None:
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if found.name.rpartition(".")[2] in _NOT_WALKED:
            continue
        module = _import_if_possible(found.name)
        if found.ispkg and module is not None:
            _walk(module)


def preload(*, everything: bool, plugins: Sequence[str] = ()) -> None:
    """`plugins` are modules that the operator installed; one that cannot be imported ends the zygote and says why."""
    for tool in _TOOLS:
        importlib.import_module(f"gpu_node.tools.{tool}")
    for plugin in plugins:
        importlib.import_module(plugin)
    for library in (*_LIBRARIES, *_USUAL):
        importlib.import_module(library)
    # SymPy imports much only when first used: 100 ms that every call would pay.
    importlib.import_module("gpu_node.tools.symbolic_math").symbolic_math("solve", "x^2 - 4")
    # Z3 fills 17 MB for each context: 8 ms. A context that nobody used is like one made in the call.
    importlib.import_module("z3").main_ctx()
    importlib.import_module("gpu_node.tools.logic_solver").context_prepare()
    if not everything:
        return
    sys.path[:] = [folder for folder in sys.path if not folder.endswith("-packages")]
    for name in (*sorted(set(sys.stdlib_module_names) - _LEFT_OUT), *_PARTS_OF_STANDARD, *_PARTS_OF_LIBRARIES):
        _import_if_possible(name)
    for part in _WALKED:
        _walk(importlib.import_module(f"sympy.{part}"))


def usual_call() -> None:
    """What most calls have in common, to learn which memory they write: a program that solves an equation."""
    program = "import sympy as s\nt = s.Symbol('t')\nprint(s.solve(t**2 - 3*t + 2))"
    error = importlib.import_module("gpu_node.tools.execute_python").run_source(program)
    if error:
        raise RuntimeError(error)
