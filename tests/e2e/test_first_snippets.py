"""The README's first snippets run as printed (the port aside), without a key, on a machine where Svend is up."""

import re
import subprocess
import sys

import pytest

from tests.e2e.product import ROOT, Product

pytestmark = [pytest.mark.e2e, pytest.mark.model]

EXPECTED = {"openai": "3*x**2 + 2", "requests": "es", "completions": "completion_tokens"}


def _snippets() -> dict[str, str]:
    pattern = re.compile(r"<!-- snippet: (\w+) -->\n```python\n(.*?)```", re.DOTALL)
    return dict(pattern.findall((ROOT / "README.md").read_text()))


def test_the_readme_has_the_snippets() -> None:
    assert set(_snippets()) == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_first_snippet_runs_as_printed(product: Product, name: str) -> None:
    code = _snippets()[name].replace("http://127.0.0.1:8000", product.url)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
    assert EXPECTED[name] in done.stdout


def test_the_terminal_client_shows_the_trace(product: Product) -> None:
    command = [sys.executable, "-m", "backend.cli.main", "ask", "What is the derivative of x^3 + 2x?"]
    env = {"SVEND_DATA": str(product.data), "PATH": "/usr/bin:/bin", "NO_COLOR": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, env=env)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Computed with SymPy" in done.stdout
    assert "3*x**2 + 2" in done.stdout
    assert re.search(r"\$0\.\d+ · run_", done.stdout), done.stdout


def test_the_terminal_client_says_what_to_do_when_nobody_answers() -> None:
    env = {"SVEND_URL": "http://127.0.0.1:9", "PATH": "/usr/bin:/bin", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "backend.cli.main", "ask", "hello"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, env=env)
    assert done.returncode == 1
    assert "is it up?" in done.stderr
    assert "Traceback" not in done.stderr
