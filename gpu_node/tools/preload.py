"""What a zygote imports before its first call, so that no call pays for it.

Where guests cannot read files at all, or not as the uid they get, a module is there only if it was loaded before:
then the whole standard library and the libraries' usual parts are. Starts no thread, runs no solver.
"""

import contextlib
import importlib
import sys

_TOOLS = ("execute_python", "symbolic_math", "logic_solver")
_LIBRARIES = ("numpy", "sympy", "mpmath", "z3")
_USUAL = ("asyncio", "calendar", "cmath", "csv", "heapq", "statistics", "typing", "uuid", "urllib.request")
_ALL_OF_LIBRARIES = (
    "numpy.fft", "numpy.linalg", "numpy.polynomial", "numpy.random", "numpy.testing", "sympy.abc",
    "sympy.calculus.util", "sympy.codegen", "sympy.combinatorics", "sympy.crypto", "sympy.diffgeom", "sympy.discrete",
    "sympy.geometry", "sympy.integrals", "sympy.liealgebras", "sympy.logic.boolalg", "sympy.matrices",
    "sympy.ntheory.modular", "sympy.physics.mechanics", "sympy.physics.units", "sympy.polys.galoistools",
    "sympy.printing.latex", "sympy.series", "sympy.sets", "sympy.simplify", "sympy.solvers.diophantine",
    "sympy.solvers.inequalities", "sympy.stats", "sympy.tensor", "sympy.vector",
)  # fmt: skip
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


def preload(*, everything: bool) -> None:
    for tool in _TOOLS:
        importlib.import_module(f"gpu_node.tools.{tool}")
    for library in (*_LIBRARIES, *_USUAL):
        importlib.import_module(library)
    # SymPy imports much only when first used: 100 ms that every call would pay.
    importlib.import_module("gpu_node.tools.symbolic_math").symbolic_math("solve", "x^2 - 4")
    if everything:
        sys.path[:] = [folder for folder in sys.path if not folder.endswith("-packages")]
        standard = sorted(set(sys.stdlib_module_names) - _LEFT_OUT)
        for name in (*standard, *_PARTS_OF_STANDARD, *_ALL_OF_LIBRARIES):
            with contextlib.suppress(ImportError, AttributeError, OSError):  # not of this system
                importlib.import_module(name)
