"""A node that serves by vLLM: started from the command line, killed under a run, loaded and let go over the wire."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gpu_node.protocol.frames import Frame, RunFailed, RunFinished, frame_parse
from gpu_node.protocol.run_spec import Message, RunSpec
from tests.gpu_node.artifact_server import artifacts_served
from tests.gpu_node.job_node import JobNode
from tests.vllm.conftest import NANO, START_SECONDS

QUESTION = "What is the derivative of x^3 + 2x?"
NAME = NANO.name
CONTEXT_TOKENS = 16 * 1024


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model with sixteen times its context: a run of 16,000 tokens cannot be over before it is struck. What
    it says past 1,024 is nonsense."""
    folder = tmp_path_factory.mktemp("patient") / NANO.name
    shutil.copytree(NANO, folder)
    described = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(described | {"max_position_embeddings": CONTEXT_TOKENS}))
    return folder


@pytest.fixture(scope="module")
def node(patient: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobNode]:
    options = ["--model-path", str(patient), "--backend", "vllm"]
    node = JobNode(tmp_path_factory.mktemp("state"), options=options).start()
    yield node
    node.close()
    assert vllm_processes(node) == []  # it ends what it started


def vllm_processes(node: JobNode) -> list[int]:
    """Pids of the servers that this node started: what they write goes to its folder."""
    pids = []
    for path in Path("/proc").glob("[0-9]*/fd/1"):
        try:
            target = os.readlink(path)
        except OSError:
            continue
        if target.startswith(f"{node.state}/vllm-") and "api_server" in _command(path.parents[1]):
            pids.append(int(path.parents[1].name))
    return pids


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_text(errors="replace")
    except OSError:
        return ""


def spec(question: str = QUESTION, **fields: object) -> RunSpec:
    base = {"model": NAME, "messages": [Message(role="user", content=question)], "max_total_tokens": 800}
    return RunSpec.model_validate(base | {"tools": ["symbolic_math"]} | fields)


def put(node: JobNode, run_id: str, spec_: RunSpec) -> None:
    assert node.http.put(f"/runs/{run_id}?epoch=1", content=spec_.model_dump_json()).status_code == 202


def frames(node: JobNode, run_id: str, *, until: Callable[[Frame], bool] = lambda _: False) -> list[Frame]:
    read: list[Frame] = []
    with node.http.stream("GET", f"/runs/{run_id}/events", timeout=60) as answer:
        for line in filter(None, answer.iter_lines()):
            read.append(frame_parse(line))
            if until(read[-1]):
                break
    return read


def wait(is_so: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


AT_ONCE = 2

# No vocabulary's end and no turn's end: it goes on until it is stopped.
LONG = {"kind": "completion", "prompt": "Tell: ", "messages": [], "tools": [], "temperature": 2.0, "seed": 1}
LONG |= {"max_total_tokens": CONTEXT_TOKENS - 100}


def test_the_node_says_that_vllm_computes_and_answers_with_tools(node: JobNode) -> None:
    (model,) = node.info().models
    assert (model.version, model.backend, model.context_tokens) == (NAME, "vllm", CONTEXT_TOKENS)
    put(node, "run_1", spec())
    last = frames(node, "run_1")[-1]
    assert isinstance(last.event, RunFinished)
    assert "3*x**2 + 2" in last.event.answer.replace("^", "**")
    assert last.usage.tool_result_tokens > 0


def long_runs(node: JobNode, name: str) -> list[str]:
    """At work side by side."""
    run_ids = [f"run_{name}_{number}" for number in range(AT_ONCE)]
    for run_id in run_ids:
        put(node, run_id, spec(**LONG))
    for run_id in run_ids:
        frames(node, run_id, until=lambda frame: frame.usage.completion_tokens > 0)
    return run_ids


def test_a_killed_vllm_fails_its_runs_and_comes_back(node: JobNode) -> None:
    (pid,) = vllm_processes(node)
    run_ids = long_runs(node, "killed")
    os.kill(pid, signal.SIGKILL)
    ends = [frames(node, run_id)[-1].event for run_id in run_ids]
    assert [end.code for end in ends if isinstance(end, RunFailed)] == ["engine_error"] * AT_ONCE
    wait(lambda: node.http.get("/healthz").status_code == 503, 10)
    put(node, "run_between", spec())
    assert frames(node, "run_between")[-1].event.code == "busy"  # the gateway asks elsewhere
    wait(lambda: node.http.get("/healthz").status_code == 200, START_SECONDS)
    put(node, "run_after", spec())
    assert isinstance(frames(node, "run_after")[-1].event, RunFinished)
    assert pid not in vllm_processes(node)


def test_cancelled_runs_end_within_a_second(node: JobNode) -> None:
    run_ids = long_runs(node, "cancelled")
    asked_at = time.monotonic()
    for run_id in run_ids:
        node.http.delete(f"/runs/{run_id}")
    ends = [frames(node, run_id)[-1].event for run_id in run_ids]
    assert time.monotonic() - asked_at < 1
    assert [end.finish_reason for end in ends if isinstance(end, RunFinished)] == ["cancelled"] * AT_ONCE


def test_a_critic_is_refused_and_the_torch_engine_may_take_over(node: JobNode, patient: Path) -> None:
    with artifacts_served() as store:
        critic = store.take(NANO.with_name("svend-verifier-nano"))
        refused = node.http.put("/models/critic?backend=vllm", content=critic.model_dump_json())
        assert refused.status_code == 422
        assert "a critic is served by torch" in refused.json()["error"]["message"]
        unknown = node.http.put("/models/critic?backend=tpu", content=critic.model_dump_json())
        assert (unknown.status_code, "torch or vllm" in unknown.text) == (400, True)
        same = store.take(patient).model_dump_json()
        assert node.http.put(f"/models/{NAME}", content=same).json()["state"] == "loaded"  # as it is
        wait(lambda: node.http.put(f"/models/{NAME}?backend=torch", content=same).status_code == 200, 60)
    assert [model.backend for model in node.info().models] == ["torch"]
    put(node, "run_torch", spec())
    assert isinstance(frames(node, "run_torch")[-1].event, RunFinished)
    wait(lambda: vllm_processes(node) == [], 30)
    assert json.loads((node.state / "models" / "loaded.json").read_text())["by_vllm"] == []
