"""A tiny transformer with random weights that says varied things, and the slow way to continue ids with it."""

import torch

from gpu_node.inference.backend import SamplingParams, Sequence
from gpu_node.model.config import ModelConfig
from gpu_node.model.transformer import Transformer

CONFIG = ModelConfig(
    vocab_size=270,
    width=64,
    num_layers=3,
    num_heads=4,
    num_kv_heads=2,
    mlp_width=128,
    context_tokens=512,
    rope_theta=10_000.0,
    is_tied=True,
)
NOTHING: frozenset[int] = frozenset()


def tiny_model(*, seed: int = 1, config: ModelConfig = CONFIG) -> Transformer:
    """All weights random, residual outputs too: fresh zeros there would make each token depend on the last alone."""
    torch.manual_seed(seed)
    model = Transformer(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2:
                parameter.normal_(0.0, 0.3 if "embed" in name else 1.5 * parameter.shape[1] ** -0.5)
    return model.eval()


@torch.inference_mode()
def greedy_slowly(model: Transformer, ids: list[int], *, num_new: int) -> list[int]:
    """One full forward pass a token, no cache: what the engine must agree with."""
    ids = list(ids)
    for _ in range(num_new):
        ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
    return ids[-num_new:]


async def generated(sequence: Sequence, *, num_new: int, stop_ids: frozenset[int] = NOTHING) -> list[int]:
    return [i async for chunk in sequence.generate(stop_ids=stop_ids, max_new_tokens=num_new) for i in chunk]


def greedy(seed: int = 0, forbidden: frozenset[int] = NOTHING) -> SamplingParams:
    return SamplingParams(seed=seed, forbidden_ids=forbidden)
