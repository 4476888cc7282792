"""The house's rules as tests; each failure says what to do. Who may import whom is import-linter's (`make arch`)."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("backend", "worker", "gpu_node")
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70

# Heavy or dangerous libraries: who may import each. A new name here is a decision, not an accident.
IMPORTED_ONLY_BY = {
    "celery": ("worker/", "backend/core/queue.py"),
    "channels": ("backend/core/", "backend/asgi.py"),
    "channels_redis": ("backend/core/",),
    "z3": ("gpu_node/tools/",),
    "sympy": ("gpu_node/tools/", "gpu_node/data/"),
    "boto3": ("backend/core/artifacts_s3.py",),
    "cryptography": ("backend/nodes/secret_box.py",),
    "stripe": ("backend/billing/stripe_client.py",),
    "datasets": ("gpu_node/data/mixing/sources.py",),
    "openai": ("gpu_node/data/generation/endpoints.py", "gpu_node/evaluation/url_asker.py"),
    "anthropic": ("gpu_node/data/generation/endpoints.py",),
    "datasketch": ("gpu_node/data/mixing/duplicates.py",),
    "vllm": (),
    "pickle": (),
    "transformers": (),
    "wandb": ("gpu_node/training/wandb_report.py",),
}
# Calls that run somebody's text or load code with data. The fence's guest is the one place that runs text.
BANNED_CALLS = {
    "eval": (),
    "exec": ("gpu_node/tools/",),
    "torch.load": (),
    "pickle.load": (),
    "yaml.load": (),
    "os.system": (),
    "sympify": (),
    "parse_expr": (),
}


@cache
def _sources(*packages: str) -> tuple[Path, ...]:
    found = (path for package in packages or PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return tuple(path for path in found if "migrations" not in path.parts)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


@cache
def _imports(path: Path) -> frozenset[str]:
    names: set[str] = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
    return frozenset(names)


@cache
def _calls(path: Path) -> tuple[tuple[str, int], ...]:
    nodes = (node for node in ast.walk(_tree(path)) if isinstance(node, ast.Call))
    return tuple((ast.unparse(node.func), node.lineno) for node in nodes)


def test_every_init_is_empty() -> None:
    full = [_name(path) for path in _sources() if path.name == "__init__.py" and path.read_text().strip()]
    assert not full, f"move the code out of {full}: an __init__.py that does something is found by nobody"


def test_every_module_says_what_it_is() -> None:
    silent = [
        _name(path)
        for path in _sources()
        if path.name != "__init__.py" and path.read_text().strip() and not ast.get_docstring(_tree(path))
    ]
    assert not silent, f"give {silent} a module docstring: what it is, what it is not, the invariant"


def test_no_file_holds_more_than_one_idea() -> None:
    long = {_name(path): n for path in _sources() if (n := len(path.read_text().splitlines())) > FILE_LINES_MAX}
    assert not long, f"split {long}: over {FILE_LINES_MAX} lines a file holds more than one idea"


def test_a_function_fits_on_a_screen() -> None:
    long = [
        f"{_name(path)}:{node.lineno} {node.name} ({node.end_lineno - node.lineno + 1})"
        for path in _sources()
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert not long, f"split {long}: over {FUNCTION_LINES_MAX} lines"


@pytest.mark.parametrize("library", sorted(IMPORTED_ONLY_BY))
def test_a_heavy_library_has_few_doors(library: str) -> None:
    doors = IMPORTED_ONLY_BY[library]
    strays = [
        _name(path)
        for path in _sources()
        if any(name == library or name.startswith(library + ".") for name in _imports(path))
        and not _name(path).startswith(doors)
    ]
    assert not strays, f"{strays} import {library!r}; only {doors or 'nobody'} may. Call that door instead"


@pytest.mark.parametrize("banned", sorted(BANNED_CALLS))
def test_nobody_runs_text(banned: str) -> None:
    doors = BANNED_CALLS[banned]
    strays = [
        f"{_name(path)}:{line}"
        for path in _sources()
        for call, line in _calls(path)
        if (call == banned or (call.endswith("." + banned) and banned not in ("eval", "exec")))
        and not (doors and _name(path).startswith(doors))
    ]
    assert not strays, f"{strays} call {banned}: model text runs in the fence only, data is safetensors and JSON"


def test_no_shell() -> None:
    strays = [
        f"{_name(path)}:{node.lineno}"
        for path in _sources()
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.keyword) and node.arg == "shell" and ast.unparse(node.value) == "True"
    ]
    assert not strays, f"{strays} start a shell: pass a list of arguments"


def test_special_tokens_are_spelled_in_one_place() -> None:
    spelled = re.compile(r"<\|/?[a-z_]+\|>")
    strays = [
        _name(path)
        for path in _sources("backend", "worker", "gpu_node")
        if spelled.search(path.read_text()) and _name(path) != "gpu_node/data/chat_format.py"
    ]
    assert not strays, f"{strays} spell a special token: import it from gpu_node.data.chat_format"


# Here a float is a time to wait.
SECONDS_NOT_MONEY = (
    "backend/metering/limits.py",
    "backend/billing/stripe_fake/app.py",
    "backend/billing/stripe_fake/far_end.py",
    "backend/billing/stripe_fake/webhooks.py",
)


def test_no_float_touches_money() -> None:
    strays = []
    for path in _sources("backend/metering", "backend/billing"):
        for node in ast.walk(_tree(path)):
            is_float = isinstance(node, ast.Constant) and isinstance(node.value, float)
            is_division = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
            is_path = is_division and re.search(r"/ '[^']*'$", ast.unparse(node)) is not None
            is_cast = isinstance(node, ast.Call) and ast.unparse(node.func) == "float"
            if (is_float or (is_division and not is_path) or is_cast) and _name(path) not in SECONDS_NOT_MONEY:
                strays.append(f"{_name(path)}:{node.lineno}")
    assert not strays, f"{strays}: money is integer nano-dollars; use // and integers"


@pytest.mark.parametrize(
    "modules",
    [
        "gpu_node.protocol.frames, gpu_node.protocol.run_spec, gpu_node.protocol.node, gpu_node.protocol.projector",
        "gpu_node.tools.executor, gpu_node.tools.registry",
        "gpu_node.data.chat_format, gpu_node.data.tokenizer, gpu_node.data.packing",
        "gpu_node.reasoning.orchestrator, gpu_node.reasoning.tool_call_parser, gpu_node.inference.backend",
    ],
)
def test_light_rooms_load_no_torch(modules: str) -> None:
    script = f"import sys, {modules}; sys.exit('torch' in sys.modules and 'torch was imported')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-1500:]


def test_the_backend_never_loads_torch() -> None:
    script = (
        "import os, sys, django; os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'backend.settings'); django.setup()\n"
        "import backend.urls, backend.asgi, worker.app\n"
        "sys.exit('torch' in sys.modules and 'torch was imported')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-1500:]


def test_the_repository_names_no_machine() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, cwd=ROOT, check=True)
    pattern = re.compile("/wor" + "k/|/ro" + "ot/|files.python" + "hosted|registry.npm" + "js")
    strays = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.is_file() and path.suffix not in (".safetensors", ".png", ".woff2"):
            if pattern.search(path.read_text(errors="replace")):
                strays.append(name)
    assert not strays, f"{strays} name a path of one machine or a registry's host"
