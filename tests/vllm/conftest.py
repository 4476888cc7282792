"""The cast of vLLM's tests: real servers of `make vllm-cpu`, each used by many tests: a start takes half a minute."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gpu_node.data.tokenizer import tokenizer_load
from gpu_node.inference.engine import TorchEngine
from gpu_node.inference.vllm_backend import VllmBackend
from gpu_node.inference.vllm_server import VllmOptions, VllmProcess
from gpu_node.model.checkpoint import load_checkpoint

NANO = Path(__file__).parents[2] / "gpu_node" / "weights" / "svend-nano"
CONTEXT_TOKENS = 1024
START_SECONDS = 240.0  # on two cores that others use too
# For vLLM's own chat route, which the node does not use.
CHAT_ROUTE = ("--enable-auto-tool-choice", "--tool-call-parser", "hf", "--reasoning-parser", "hf")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.vllm)
        item.add_marker(pytest.mark.timeout(START_SECONDS + 60))


@dataclass(frozen=True, kw_only=True)
class Started:
    process: VllmProcess
    backend: VllmBackend

    def wait(self) -> "Started":
        deadline = time.monotonic() + START_SECONDS
        while not self.process.is_ready():
            assert time.monotonic() < deadline, "vLLM did not start"
            time.sleep(0.1)
        return self


def vllm_start(folder: Path, log_folder: Path, *arguments: str) -> Started:
    options = VllmOptions(log_folder=log_folder, arguments=arguments)
    process = VllmProcess(folder, context_tokens=CONTEXT_TOKENS, options=options, log_name=f"vllm-{folder.name}")
    vocab_size = tokenizer_load(folder).get_vocab_size()
    backend = VllmBackend(process, context_tokens=CONTEXT_TOKENS, vocab_size=vocab_size, vocab_used=vocab_size)
    return Started(process=process, backend=backend)


@pytest.fixture(scope="session")
def nano_starting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    started = vllm_start(NANO, tmp_path_factory.mktemp("vllm"), *CHAT_ROUTE)
    yield started
    started.process.join()


@pytest.fixture
def nano(nano_starting: Started) -> Started:
    return nano_starting.wait()


@pytest.fixture(scope="session")
def torch_engine() -> Iterator[TorchEngine]:
    engine = TorchEngine(load_checkpoint(NANO)[0])
    yield engine
    engine.close()
