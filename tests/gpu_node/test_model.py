"""The layers compute what they claim: parameter counts, causality, and a cache that changes nothing."""

import dataclasses

import pytest
import torch

from gpu_node.model.config import PRESETS, WIDTH_MULTIPLE, ModelConfig, RopeScaling
from gpu_node.model.layers import rope_frequencies
from gpu_node.model.transformer import KVCache, Transformer, initialise

NAMED_SIZES = {"500m": 0.5e9, "1b": 1e9, "3b": 3e9, "7b": 7e9, "13b": 13e9}
SMALL = ModelConfig(
    vocab_size=128, width=128, num_layers=2, num_heads=4, num_kv_heads=2, mlp_width=256, context_tokens=64
)


def random_model(config: ModelConfig, seed: int = 0) -> Transformer:
    """Every weight random: a zero residual output would hide mistakes in the layer before it."""
    model = Transformer(config)
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1, generator=generator)
    return model.eval()


@pytest.mark.parametrize("name", NAMED_SIZES)
def test_a_preset_has_the_parameters_its_name_says(name: str) -> None:
    with torch.device("meta"):
        model = Transformer(PRESETS[name])
    assert model.num_parameters == pytest.approx(NAMED_SIZES[name], rel=0.10)


@pytest.mark.parametrize("name", PRESETS)
def test_widths_fit_the_integer_kernels(name: str) -> None:
    config = PRESETS[name]
    for width in (config.width, config.mlp_width, config.vocab_size, config.num_kv_heads * config.head_dim):
        assert width % WIDTH_MULTIPLE == 0


def test_reasoner_and_critic_of_the_nano_preset_ship_under_40_mb() -> None:
    with torch.device("meta"):
        reasoner = Transformer(PRESETS["nano"])
        critic = Transformer(dataclasses.replace(PRESETS["nano"], has_score_head=True))
    assert 2 * (reasoner.num_parameters + critic.num_parameters) < 40e6


def test_a_token_never_sees_what_comes_after_it() -> None:
    model = random_model(SMALL)
    ids = torch.arange(20)[None] % 128
    changed = ids.clone()
    changed[0, 12:] = 99
    with torch.no_grad():
        assert torch.equal(model(ids)[0, :12], model(changed)[0, :12])


def test_a_fresh_model_starts_as_the_identity_of_its_embeddings() -> None:
    model = Transformer(SMALL)
    initialise(model, seed=0)
    ids = torch.arange(10)[None]
    with torch.no_grad():
        assert torch.allclose(model.hidden(ids), model.model.norm(model.model.embed_tokens(ids)))


def test_the_cache_gives_the_logits_of_the_whole_row() -> None:
    """Two rows of different length in swapped slots, prefilled with right padding, then fed token by token."""
    model = random_model(SMALL)
    rows = [torch.randint(0, 128, (n,), generator=torch.Generator().manual_seed(n)) for n in (13, 9)]
    cache = KVCache(SMALL, num_slots=3, max_tokens=32, dtype=torch.float32)
    slots = torch.tensor([2, 0])
    padded = torch.zeros(2, 8, dtype=torch.long)
    padded[0], padded[1, :5] = rows[0][:8], rows[1][:5]
    with torch.no_grad():
        model(padded, cache=cache, positions_BT=torch.arange(8).expand(2, 8), slots_B=slots)
        lengths = torch.tensor([8, 5])
        for _ in range(4):
            following = torch.stack([row[n] for row, n in zip(rows, lengths, strict=True)])[:, None]
            step = model(following, cache=cache, positions_BT=lengths[:, None], slots_B=slots)
            for i, row in enumerate(rows):
                whole = model(row[None, : lengths[i] + 1])
                torch.testing.assert_close(step[i, 0], whole[0, -1], atol=1e-5, rtol=1e-5)
            lengths += 1


def test_a_position_beyond_the_cache_is_refused() -> None:
    cache = KVCache(SMALL, num_slots=1, max_tokens=4, dtype=torch.float32)
    with pytest.raises(ValueError, match="beyond the cache"):
        cache.select(torch.tensor([0]), torch.tensor([[4]]))


def test_scaling_slows_low_frequencies_only() -> None:
    plain = rope_frequencies(64, 500_000.0, None)
    scaled = rope_frequencies(64, 500_000.0, RopeScaling(factor=4.0))
    assert torch.equal(plain[:8], scaled[:8])
    torch.testing.assert_close(scaled[-1], plain[-1] / 4)


def test_heads_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="num_kv_heads=3"):
        dataclasses.replace(SMALL, num_kv_heads=3)
