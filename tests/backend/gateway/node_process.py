"""A real node server process with a written script instead of weights, for the gateway's tests."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
START_TIMEOUT_SECONDS = 60
SECRET = "a-node-secret-for-tests"
MODEL = "svend-nano"

DERIVATIVE = "What is the derivative of x^3 + 2x?"
SLOW = "Think slowly."
LONG = "Say much."
TALE = "Tell a tale."  # five seconds long: to interfere in the middle
SCRIPT: dict[str, Any] = {
    "seconds_per_token": 0.002,
    "answers": {
        DERIVATIVE: [
            [
                {"thought": "Differentiate."},
                {"call": "symbolic_math", "arguments": {"operation": "differentiate", "expression": "x^3 + 2x"}},
                {"thought": "Done."},
                {"answer": "3x² + 2"},
            ]
        ],
        SLOW: [[{"thought": "hm " * 2000}, {"answer": "at last"}]],
        LONG: [[{"thought": "short"}, {"answer": "word " * 30}]],
        TALE: [[{"thought": "short"}, {"answer": "word " * 500}]],
        "Solve: 2x = 8": [[{"answer": " x = 4"}]],
    },
    "otherwise": [[{"thought": "Easy."}, {"answer": "42"}]],
}


class NodeProcess:
    """Starts on a free port first, then always on that one, with its state folder kept."""

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "local",
        model: str = MODEL,
        script: dict[str, Any] = SCRIPT,
        source: list[str] | None = None,
    ) -> None:
        """`source` stands for the script where a node shall serve a checkpoint."""
        self.name = name
        self.model = model
        self.folder = folder
        self.port = 0
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "script.json").write_text(json.dumps(script))
        self._source = source or ["--script", str(folder / "script.json")]
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def setting(self) -> dict[str, str]:
        return {"name": self.name, "url": self.url, "secret": SECRET}

    def start(self) -> None:
        command = [sys.executable, "-m", "gpu_node", "serve", *self._source]
        command += ["--model-name", self.model, "--name", self.name, "--port", str(self.port), "--host", "127.0.0.1"]
        command += ["--state-dir", str(self.folder / "state"), "--secret-env", "SVEND_NODE_SECRET"]
        log = (self.folder / "node.log").open("a")
        self._process = subprocess.Popen(
            command,
            cwd=os.environ.get("SVEND_TEST_NODE_CWD", ROOT),
            env={**os.environ, "SVEND_NODE_SECRET": SECRET},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        timer = threading.Timer(START_TIMEOUT_SECONDS, self._process.kill)
        timer.start()
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        timer.cancel()
        found = re.search(r"http://[^:]+:(\d+)", line)
        assert found, f"the node did not start: {line!r}\n{(self.folder / 'node.log').read_text()[-2000:]}"
        self.port = int(found[1])

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
