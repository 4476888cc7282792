"""INT8 and INT4 folders in vLLM: they load by the node's own door, and say what our engine says of them."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import torch

from gpu_node.inference.vllm_server import VllmOptions
from gpu_node.model.checkpoint import load_checkpoint
from gpu_node.server.loading_vllm import served_by_vllm
from gpu_node.server.model_shelf import ServedModel
from gpu_node.training.quantize_job import quantize_command
from tests.gpu_node.scripted_node import TableTools
from tests.vllm.conftest import NANO, START_SECONDS
from tests.vllm.test_backend import prompt, questions

NUM_NEW = 12
# Of log probabilities. INT8 is unpacked and computed in fp32; INT4 is multiplied by vLLM's kernel in bf16, whose
# numbers have 8 bits: a logit of 20 is known to 0.1.
TOLERANCE = {8: 1e-3, 4: 0.25}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, tuple[Path, ServedModel]]]:
    """Both started at once."""
    folder = tmp_path_factory.mktemp("quantized")
    models = {}
    for bits in TOLERANCE:
        small = folder / f"int{bits}"
        options = VllmOptions(log_folder=folder)
        assert quantize_command(["--model-path", str(NANO), "--out", str(small), "--bits", str(bits), "--n", "0"]) == 0
        named = {"version": small.name, "manifest_sha256": "0" * 64}
        models[bits] = small, served_by_vllm(small, tools=TableTools(), options=options, **named)
    yield models
    for _, model in models.values():
        model.close()
    deadline = time.monotonic() + 30
    while list(folder.glob("*-unpacked")):  # made for vLLM, gone with it
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("bits", TOLERANCE)
def test_vllm_gives_our_probabilities(served: dict[int, tuple[Path, ServedModel]], bits: int) -> None:
    folder, model = served[bits]
    deadline = time.monotonic() + START_SECONDS
    while not model.is_ready():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert model.orchestrator is not None
    server = model.orchestrator.reasoner.backend._server
    ours, _ = load_checkpoint(folder)
    headers = {"Authorization": f"Bearer {server.api_key}"}
    worst = 0.0
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as http:
        for question in questions(8):
            ids = prompt(question)
            body = {"model": "svend", "prompt": ids, "max_tokens": NUM_NEW, "temperature": 0, "logprobs": 1}
            body |= {"return_token_ids": True, "ignore_eos": True}
            (choice,) = http.post("/v1/completions", json=body).json()["choices"]
            with torch.inference_mode():
                logits_TV = ours(torch.tensor([ids + choice["token_ids"]]))[0, len(ids) - 1 : -1]
            for row_V, token_id, said in zip(
                logits_TV.log_softmax(-1), choice["token_ids"], choice["logprobs"]["token_logprobs"], strict=True
            ):
                worst = max(worst, abs(float(row_V[token_id]) - said))
    assert worst <= TOLERANCE[bits]
