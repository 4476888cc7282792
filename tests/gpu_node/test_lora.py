"""An adapter learns alone, computes what its merged model computes, and lies on disk as PEFT writes it."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from gpu_node.model.checkpoint import load_checkpoint, save_checkpoint
from gpu_node.training.lora import LoraConfig, adapter_of, base_of, lora_attach, merged_one, switched_off
from gpu_node.training.preference import PreferenceLoss
from gpu_node.training.trainer import LAST_FOLDER, Trainer
from tests.gpu_node.objective_cast import CONFIG, counting_pool, pairs_pool, parent, resumes_exactly, trainer_of

LORA = LoraConfig(rank=4, alpha=8.0, targets=("q_proj", "v_proj", "down_proj"), parent="svend-nano")
IDS = torch.arange(3, 30)[None]


def test_an_adapter_begins_as_nothing_and_can_be_switched_off() -> None:
    model, plain = parent(), parent()
    lora_attach(model, LORA, seed=1)
    assert torch.equal(model(IDS), plain(IDS))
    with torch.no_grad():
        model.model.layers[0].self_attn.q_proj.lora_B.normal_()
    assert not torch.allclose(model(IDS), plain(IDS))
    with switched_off(model):
        assert torch.equal(model(IDS), plain(IDS))


def test_only_the_adapter_is_trained_and_has_state(tmp_path: Path) -> None:
    trainer = trainer_of(tmp_path, counting_pool(), objective="language", lora=LORA, num_steps=12)
    before = {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}
    first = trainer.step().item()
    for _ in range(10):
        trainer.step()
    assert trainer.step().item() < first
    changed = {name for name, tensor in trainer.model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == set(adapter_of(before))
    assert len(changed) == 2 * 3 * CONFIG.num_layers
    assert {name.rpartition(":")[0] for name in trainer.optimisers.state()} == changed


@pytest.mark.parametrize("objective", ["language", "score", "preference"])
def test_an_adapter_resumes_exactly_and_ends_as_a_model(tmp_path: Path, objective: str) -> None:
    pool = pairs_pool() if objective == "preference" else counting_pool()

    def make(folder: Path) -> Trainer:
        loss = None
        if objective == "preference":
            loss = PreferenceLoss(pool, beta=0.3, batch_tokens=256, is_autocast=False)
        return trainer_of(folder, pool, objective=objective, lora=LORA, loss=loss)

    trainer = resumes_exactly(make, tmp_path).model.eval()
    whole, _ = load_checkpoint(tmp_path / "stopped" / LAST_FOLDER)
    plain = parent(has_score_head=objective == "score")
    with torch.no_grad():
        assert torch.allclose(whole(IDS), trainer(IDS), atol=1e-5)
        assert not torch.allclose(whole(IDS), plain(IDS), atol=1e-3)


def test_a_checkpoint_on_the_way_holds_the_adapter_alone_in_pefts_layout(tmp_path: Path) -> None:
    trainer = trainer_of(tmp_path, counting_pool(), objective="language", lora=LORA)
    trainer.step()
    trainer.save()
    names = {path.relative_to(tmp_path / LAST_FOLDER).as_posix() for path in (tmp_path / LAST_FOLDER).rglob("*.*")}
    assert names == {
        "adapter/adapter_config.json",
        "adapter/adapter_model.safetensors",
        "optimiser-00000-000.safetensors",
        "optimiser.index.json",
        "trainer_state.json",
    }
    described = json.loads((tmp_path / LAST_FOLDER / "adapter" / "adapter_config.json").read_text())
    assert (described["peft_type"], described["task_type"], described["r"]) == ("LORA", "CAUSAL_LM", 4)
    assert described["target_modules"] == ["down_proj", "q_proj", "v_proj"]
    assert described["base_model_name_or_path"] == "svend-nano"
    stored = load_file(tmp_path / LAST_FOLDER / "adapter" / "adapter_model.safetensors")
    shapes = {name: tuple(tensor.shape) for name, tensor in stored.items() if ".layers.1." in name}
    layer = "base_model.model.model.layers.1"
    assert shapes == {
        f"{layer}.self_attn.q_proj.lora_A.weight": (4, 32),
        f"{layer}.self_attn.q_proj.lora_B.weight": (32, 4),
        f"{layer}.self_attn.v_proj.lora_A.weight": (4, 32),
        f"{layer}.self_attn.v_proj.lora_B.weight": (16, 4),
        f"{layer}.mlp.down_proj.lora_A.weight": (4, 64),
        f"{layer}.mlp.down_proj.lora_B.weight": (32, 4),
    }


def test_a_verifiers_head_is_learnt_beside_its_adapter(tmp_path: Path) -> None:
    trainer = trainer_of(tmp_path, counting_pool(), objective="score", lora=LORA)
    assert trainer.train()
    adapter = tmp_path / LAST_FOLDER / "adapter"
    assert json.loads((adapter / "adapter_config.json").read_text())["modules_to_save"] == ["score"]
    head = load_file(adapter / "adapter_model.safetensors")["base_model.model.score.weight"]
    assert head.shape == (1, 32)
    assert torch.equal(head, trainer.model.score.weight)


def test_merging_changes_only_the_targets() -> None:
    model = parent()
    lora_attach(model, LORA, seed=1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora" in name:
                parameter.normal_(0, 0.1)
    plain, state = parent().state_dict(), model.state_dict()
    whole = {name: merged_one(name, tensor, state, LORA) for name, tensor in base_of(state).items()}
    assert whole.keys() == plain.keys()
    changed = {name for name in plain if not torch.equal(whole[name], plain[name])}
    assert {name.split(".")[-2] for name in changed} == set(LORA.targets)
    again = parent()
    again.load_state_dict(whole)
    assert torch.allclose(again(IDS), model(IDS), atol=1e-5)


@pytest.mark.extra
@pytest.mark.parametrize("objective", ["language", "score"])
def test_peft_computes_the_same_with_our_adapter(tmp_path: Path, objective: str) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    base = parent(has_score_head=objective == "score")
    save_checkpoint(tmp_path / "base", base, dtype=torch.float32)
    trainer = trainer_of(tmp_path / "run", counting_pool(), objective=objective, lora=LORA, model=base)
    assert trainer.train()
    theirs = AutoModelForSequenceClassification if objective == "score" else AutoModelForCausalLM
    adapter = tmp_path / "run" / LAST_FOLDER / "adapter"
    loaded = PeftModel.from_pretrained(theirs.from_pretrained(tmp_path / "base", dtype=torch.float32), str(adapter))
    ours = trainer.model.eval()(IDS)
    ours = ours[:, -1:] if objective == "score" else ours
    assert torch.allclose(loaded.eval()(IDS).logits, ours, atol=1e-5)
    merged = theirs.from_pretrained(tmp_path / "run" / LAST_FOLDER, dtype=torch.float32)
    assert torch.allclose(merged(IDS).logits, ours, atol=1e-5)
    loaded.save_pretrained(tmp_path / "again")
    names = [load_file(folder / "adapter_model.safetensors").keys() for folder in (adapter, tmp_path / "again")]
    assert names[0] == names[1]
