"""The vLLM backend against answers that a whole vLLM never gives, and its watching over a process that misbehaves.

The far end here speaks the few lines of vLLM's protocol that the backend reads; that a real vLLM speaks them so is
what tests/vllm holds.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import gpu_node.inference.vllm_server as vllm_server
from gpu_node.inference.backend import EngineBusy, EngineFailed, SamplingParams
from gpu_node.inference.vllm_backend import VllmBackend
from gpu_node.inference.vllm_server import AttachedVllm, VllmOptions, VllmProcess, vllm_environment, vllm_python
from gpu_node.server.model_shelf import engine_name
from gpu_node.server.serve_command import serve_command
from tests.gpu_node.job_node import tiny_checkpoint
from tests.gpu_node.tiny_model import generated

WAIT_SECONDS = 20.0


@dataclass
class FarEnd:
    """What a request meets; `lines` is the stream that it gets."""

    lines: list[str]
    status: int = 200
    url: str = ""
    api_key: str = "key"
    model_name: str = "svend"
    is_healthy: bool = True
    body: dict[str, Any] | None = None

    async def completions(self, request: web.Request) -> web.StreamResponse:
        assert request.headers["Authorization"] == "Bearer key"
        self.body = await request.json()
        if self.status != 200:
            return web.json_response({"error": {"message": "so it is"}}, status=self.status)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for line in self.lines:
            await response.write(f"data: {line}\n\n".encode())
        return response


@asynccontextmanager
async def served(far_end: FarEnd) -> AsyncIterator[VllmBackend]:
    app = web.Application()
    app.router.add_post("/v1/completions", far_end.completions)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    far_end.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield VllmBackend(far_end, context_tokens=64, vocab_size=32, vocab_used=30)
    await runner.cleanup()


def chunk(*ids: int, finish_reason: str | None = None) -> str:
    return json.dumps({"choices": [{"token_ids": list(ids), "finish_reason": finish_reason}]})


def usage(completion_tokens: int) -> str:
    return json.dumps({"choices": [], "usage": {"completion_tokens": completion_tokens}})


WHOLE = [chunk(5), chunk(6, 7, finish_reason="stop"), usage(3), "[DONE]"]


async def test_ids_come_through_and_the_request_says_all_that_counts() -> None:
    far_end = FarEnd(WHOLE)
    async with served(far_end) as backend:
        params = SamplingParams(temperature=1e-4, seed=3, forbidden_ids=frozenset({9}))
        sequence = backend.open([1, 2], params)
        assert await generated(sequence, num_new=20, stop_ids=frozenset({7})) == [5, 6, 7]
        assert far_end.body is not None
        assert (far_end.body["prompt"], far_end.body["max_tokens"], far_end.body["stop_token_ids"]) == ([1, 2], 20, [7])
        assert far_end.body["temperature"] == 0.0  # as the torch engine takes it
        assert far_end.body["logit_bias"] == {"9": -100.0, "30": -100.0, "31": -100.0}  # 30 and 31 have no text
        first_seed = far_end.body["seed"]
        sequence.extend([8, 8])
        await generated(sequence, num_new=20, stop_ids=frozenset({7}))
        assert far_end.body["prompt"] == [1, 2, 5, 6, 7, 8, 8]
        assert far_end.body["seed"] != first_seed
        sequence.close()
        assert (backend.num_open, backend.num_generated) == (0, 6)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (WHOLE[:1], "ended without its end"),
        (WHOLE[:-1], "ended without its end"),
        ([chunk(5, finish_reason="abort"), usage(1), "[DONE]"], "'abort'"),
        ([chunk(5, finish_reason="length"), usage(2), "[DONE]"], "counted 2 tokens and sent 1"),
        ([chunk(5, 9, finish_reason="length"), usage(2), "[DONE]"], "forbidden id"),
        ([chunk(5, finish_reason="stop"), usage(1), "[DONE]"], "stopped at the id 5, which nobody asked for"),
        (['{"error": {"message": "the engine died"}}'], "the engine died"),
        (["{"], "broke off: JSONDecodeError"),
    ],
)
async def test_what_is_not_whole_fails_the_sequence(lines: list[str], message: str) -> None:
    async with served(FarEnd(lines)) as backend:
        sequence = backend.open([1], SamplingParams(forbidden_ids=frozenset({9})))
        with pytest.raises(EngineFailed, match=message):
            await generated(sequence, num_new=20, stop_ids=frozenset({7}))
        assert backend.num_open == 0


@pytest.mark.parametrize(("status", "kind"), [(429, EngineBusy), (503, EngineBusy), (400, EngineFailed)])
async def test_a_refusal_is_said_in_its_words(status: int, kind: type[Exception]) -> None:
    async with served(FarEnd([], status=status)) as backend:
        with pytest.raises(kind, match="so it is"):
            await generated(backend.open([1], SamplingParams()), num_new=5)


async def test_a_server_that_is_gone_fails_what_asks_and_is_busy_once_that_is_known() -> None:
    far_end = FarEnd(WHOLE)
    async with served(far_end) as backend:
        sequence = backend.open([1], SamplingParams())
    with pytest.raises(EngineFailed, match="broke off"):
        await generated(sequence, num_new=5)
    far_end.is_healthy = False
    with pytest.raises(EngineBusy, match="starting again"):
        backend.open([1], SamplingParams())


# The process


@pytest.fixture
def interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes this the "interpreter that has vLLM": a program that gets vLLM's arguments."""

    def take(text: str) -> None:
        path = tmp_path / "interpreter"
        path.write_text(text)
        path.chmod(0o755)
        monkeypatch.setenv(vllm_server.PYTHON_VARIABLE, str(path))

    monkeypatch.setattr(vllm_server, "PROBE_SECONDS", 0.1)
    monkeypatch.setattr(vllm_server, "BACKOFF_SECONDS", 0.05)
    return take


def start(tmp_path: Path) -> VllmProcess:
    return VllmProcess(tmp_path, context_tokens=64, options=VllmOptions(log_folder=tmp_path), log_name="vllm")


def wait(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# Answers probes at the port that is its last argument, for as many seconds as the first line says.
ANSWERS = """#!/usr/bin/env python3
import http.server, os, sys, threading
threading.Timer({seconds}, lambda: os._exit(1)).start()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[-1])), Handler).serve_forever()
"""


def test_one_that_never_answers_is_not_tried_again_and_says_why(tmp_path: Path, interpreter) -> None:
    interpreter(
        "#!/bin/sh\necho 'ERROR 11-26 [core.py:1] ValueError: no such folder'\necho 'leaked 514 functions'\nexit 1"
    )
    process = start(tmp_path)
    with pytest.raises(ValueError, match=r"ended at its start and stays down.*ends: ValueError: no such folder$"):
        wait(process.is_ready)
    assert process.num_starts == 1
    process.join()


def test_one_that_keeps_ending_is_started_again_up_to_a_bound(tmp_path: Path, interpreter, monkeypatch) -> None:
    monkeypatch.setattr(vllm_server, "RESTARTS_MAX", 2)
    interpreter(ANSWERS.format(seconds=1.0))
    process = start(tmp_path)
    wait(process.is_ready)
    assert process.is_healthy

    def has_failed() -> bool:
        try:
            process.is_ready()
        except ValueError as error:
            return "ended 3 times" in str(error)
        return False

    wait(has_failed)
    assert process.num_starts == 3
    assert not process.is_healthy
    process.join()


def test_closing_ends_the_process_and_what_it_started(tmp_path: Path, interpreter) -> None:
    interpreter(ANSWERS.format(seconds=60))
    process = start(tmp_path)
    wait(process.is_ready)
    pid = process.pid
    assert pid is not None
    process.join()
    assert process.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_it_sees_no_secret_of_the_nodes() -> None:
    seen = vllm_environment({"PATH": "/bin", "SVEND_NODE_SECRET": "x", "AWS_SECRET_ACCESS_KEY": "x", "CUDA_HOME": "/c"})
    assert {name for name in seen if "SECRET" in name} == set()
    assert (seen["PATH"], seen["CUDA_HOME"], seen["HF_HUB_OFFLINE"]) == ("/bin", "/c", "1")


def test_its_processes_on_a_cpu_wait_for_each_other_asleep() -> None:
    environment = vllm_environment(os.environ) | {"PYTHONPATH": str(vllm_server.CPU_SITE)}
    script = "import os, sys; print(os.sched_yield.__module__, sys.modules['sitecustomize'].POLL_SECONDS)"
    told = subprocess.check_output([sys.executable, "-c", script], env=environment, text=True)
    assert told.split() == ["sitecustomize", "5e-05"]


# Bad input


def test_an_interpreter_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="SVEND_VLLM_PYTHON='/no/python' is no file"):
        vllm_python({"SVEND_VLLM_PYTHON": "/no/python"})
    monkeypatch.setattr(vllm_server, "BUILT_PYTHON", tmp_path / "none")
    with pytest.raises(ValueError, match="`make vllm-cpu` builds one"):
        vllm_python({})


def test_nothing_at_the_url_is_said() -> None:
    with pytest.raises(ValueError, match=r"no vLLM server answers at http://127\.0\.0\.1:1:"):
        AttachedVllm("http://127.0.0.1:1")
    with pytest.raises(ValueError, match="is no http:// or https:// address"):
        AttachedVllm("127.0.0.1:8000")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--vllm-url", "http://127.0.0.1:1"], "--vllm-url needs --backend vllm"),
        (["--backend", "vllm", "--vllm-url", "http://127.0.0.1:1"], "no vLLM server answers"),
    ],
)
def test_serving_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    folder = tiny_checkpoint(tmp_path / "tiny")
    command = ["--model-path", str(folder), "--state-dir", str(tmp_path / "state"), *options]
    assert serve_command(command) == 2
    assert message in capsys.readouterr().err


def test_an_unknown_backend_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="unknown backend 'tpu': a node serves by torch or vllm"):
        engine_name("tpu")
    with pytest.raises(SystemExit):
        serve_command(["--model-path", "x", "--backend", "tpu"])
