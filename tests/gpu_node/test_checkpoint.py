"""A checkpoint is a Hugging Face folder in both directions: transformers reads ours, we read theirs, same numbers."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    LlamaConfig,
    LlamaForCausalLM,
)

import gpu_node.model.checkpoint as checkpoint
from gpu_node.model.checkpoint import load_checkpoint, save_checkpoint
from gpu_node.model.config import RopeScaling
from tests.gpu_node.test_model import SMALL, random_model

IDS = torch.randint(3, 128, (2, 24), generator=torch.Generator().manual_seed(1))
TOLERANCE = 1e-5
SCALED = dataclasses.replace(SMALL, rope_scaling=RopeScaling(factor=4.0, original_context_tokens=16))


@pytest.mark.parametrize(
    "config", [SMALL, dataclasses.replace(SMALL, is_tied=True), SCALED], ids=["plain", "tied", "scaled"]
)
def test_transformers_gives_our_logits(tmp_path: Path, config) -> None:
    model = random_model(config)
    save_checkpoint(tmp_path / "ours", model, dtype=torch.float32)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "ours", dtype=torch.float32).eval()
    assert type(theirs) is LlamaForCausalLM
    with torch.no_grad():
        assert (theirs(IDS).logits - model(IDS)).abs().max() <= TOLERANCE


def test_transformers_gives_our_scores(tmp_path: Path) -> None:
    critic = random_model(dataclasses.replace(SMALL, has_score_head=True))
    save_checkpoint(tmp_path / "critic", critic, dtype=torch.float32)
    theirs = AutoModelForSequenceClassification.from_pretrained(tmp_path / "critic", dtype=torch.float32).eval()
    assert type(theirs).__name__ == "LlamaForSequenceClassification"
    with torch.no_grad():
        assert (theirs(IDS).logits[:, 0] - critic(IDS)[:, -1]).abs().max() <= TOLERANCE


@pytest.mark.parametrize("is_tied", [False, True])
def test_a_folder_made_by_transformers_loads(tmp_path: Path, is_tied: bool) -> None:
    torch.manual_seed(0)
    theirs = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=128,
            hidden_size=128,
            intermediate_size=256,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            tie_word_embeddings=is_tied,
        )
    ).eval()
    theirs.save_pretrained(tmp_path / "theirs")
    model, config = load_checkpoint(tmp_path / "theirs")
    assert config.is_tied is is_tied
    with torch.no_grad():
        assert (theirs(IDS).logits - model(IDS)).abs().max() <= TOLERANCE


def test_shards_load_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "SHARD_BYTES_MAX", 200_000)
    model = random_model(SMALL)
    save_checkpoint(tmp_path / "sharded", model, dtype=torch.float32)
    assert len(list((tmp_path / "sharded").glob("model-*-of-*.safetensors"))) > 2
    again, config = load_checkpoint(tmp_path / "sharded")
    assert config == dataclasses.replace(SMALL, head_width=SMALL.head_dim)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "sharded", dtype=torch.float32).eval()
    with torch.no_grad():
        assert (theirs(IDS).logits - model(IDS)).abs().max() <= TOLERANCE


def test_generation_ends_at_the_turn_and_at_a_call(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "ours", random_model(SMALL))
    generation = json.loads((tmp_path / "ours" / "generation_config.json").read_text())
    assert generation["eos_token_id"] == [2, 11]


def test_saving_again_replaces_the_folder_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "ours"
    save_checkpoint(target, random_model(SMALL), tokenizer_files={"old.json": "{}"})
    save_checkpoint(target, random_model(SMALL, seed=1))
    assert not (target / "old.json").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["ours"]


def test_nothing_in_a_checkpoint_is_a_pickle(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "ours", random_model(SMALL))
    assert {p.suffix for p in (tmp_path / "ours").iterdir()} == {".json", ".safetensors"}


def test_a_folder_with_a_missing_tensor_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "ours", random_model(dataclasses.replace(SMALL, is_tied=True)))
    config = json.loads((tmp_path / "ours" / "config.json").read_text())
    (tmp_path / "ours" / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": False}))
    with pytest.raises(ValueError, match=r"lm_head\.weight"):
        load_checkpoint(tmp_path / "ours")


@pytest.mark.parametrize("change", [{"model_type": "gpt2"}, {"attention_bias": True}, {"hidden_act": "gelu"}])
def test_what_our_layers_do_not_compute_is_refused(tmp_path: Path, change: dict) -> None:
    save_checkpoint(tmp_path / "ours", random_model(SMALL))
    config = json.loads((tmp_path / "ours" / "config.json").read_text())
    (tmp_path / "ours" / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(ValueError, match=r"our layers|Llama layout"):
        load_checkpoint(tmp_path / "ours")
