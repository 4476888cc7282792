"""INT8 and INT4 folders: the layout is compressed-tensors', the numbers are the same wherever they are loaded."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from gpu_node.model.checkpoint import load_checkpoint, save_checkpoint
from gpu_node.model.quantize import Quantization, pack, quantization_of, quantize_matrix, quantize_state, unpack
from gpu_node.training.quantize_job import quantize_command
from tests.gpu_node.job_node import tiny_checkpoint
from tests.gpu_node.test_model import SMALL, random_model

IDS = torch.randint(3, 128, (2, 24), generator=torch.Generator().manual_seed(1))
TOLERANCE = 1e-5  # of logits in fp32: both multiply the same numbers
FIRST = "model.layers.0.mlp.up_proj.weight"


def quantized(folder: Path, *, bits: int, group_size: int | None = None) -> Path:
    model = random_model(SMALL)
    quantization = quantization_of(model.state_dict(), bits=bits, group_size=group_size)
    weights, _ = quantize_state(model.state_dict(), quantization)
    save_checkpoint(folder, model, dtype=torch.float32, weights=weights, quantization=quantization)
    return folder


@pytest.mark.parametrize("bits", [8, 4])
def test_packing_is_the_librarys(bits: int) -> None:
    from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32, unpack_from_int32

    values = torch.randint(-(2 ** (bits - 1)), 2 ** (bits - 1), (5, 64), dtype=torch.int8)
    packed = pack(values, bits)
    assert torch.equal(packed, pack_to_int32(values, bits))
    assert torch.equal(unpack(packed, bits, 64), values)
    assert torch.equal(unpack_from_int32(packed, bits, torch.Size(values.shape)), values)


@pytest.mark.parametrize(("bits", "group_size"), [(8, 128), (4, 128), (4, 32)])
def test_transformers_gives_our_logits(tmp_path: Path, bits: int, group_size: int) -> None:
    folder = quantized(tmp_path / "small", bits=bits, group_size=group_size)
    ours, _ = load_checkpoint(folder)
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        assert (theirs(IDS).logits - ours(IDS)).abs().max() <= TOLERANCE


@pytest.mark.parametrize(("bits", "error_max"), [(8, 0.008), (4, 0.12)])
def test_the_weights_stay_near(bits: int, error_max: float) -> None:
    state = random_model(SMALL).state_dict()
    _, error = quantize_state(state, Quantization(bits=bits, group_size=128))
    assert 0 < error < error_max


def test_cutting_off_rare_large_weights_is_worth_it() -> None:
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(64, 128, generator=generator)
    values, scales = quantize_matrix(weight, Quantization(bits=4, group_size=128), torch.bfloat16)
    plain = weight.abs().amax(dim=1, keepdim=True) / 7
    error = (values * scales.float() - weight).square().sum()
    assert error < ((weight / plain).round().clamp(-8, 7) * plain - weight).square().sum()


def test_a_row_of_zeros_stays_zero() -> None:
    values, scales = quantize_matrix(torch.zeros(2, 128), Quantization(bits=4, group_size=128), torch.bfloat16)
    assert not values.any()
    assert torch.isfinite(scales).all()


def test_a_scale_for_a_whole_row_is_read_too(tmp_path: Path) -> None:
    """As others write it, with the strategy "channel"."""
    folder = quantized(tmp_path / "small", bits=8, group_size=128)
    config = json.loads((folder / "config.json").read_text())
    weights = config["quantization_config"]["config_groups"]["group_0"]["weights"]
    weights |= {"strategy": "channel", "group_size": None}
    (folder / "config.json").write_text(json.dumps(config))
    tensors = load_file(folder / "model.safetensors")
    for name in tensors:
        if name.endswith("_scale"):
            tensors[name] = tensors[name][:, :1].contiguous()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    load_checkpoint(folder)


def test_the_largest_group_that_fits_is_taken() -> None:
    narrow = dataclasses.replace(SMALL, mlp_width=192)
    state = random_model(narrow).state_dict()
    assert quantization_of(state, bits=4, group_size=None).group_size == 64
    with pytest.raises(ValueError, match=r"group_size 128 does not divide all widths .*192.*: take 64 or 32"):
        quantization_of(state, bits=4, group_size=128)


def test_widths_without_a_group_are_refused_with_a_cure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tiny_checkpoint(tmp_path / "tiny")
    command = ["--model-path", str(folder), "--out", str(tmp_path / "out"), "--bits", "4", "--group-size", "96"]
    assert quantize_command(command) == 2
    assert "take 128 or 64 or 32" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"group_size": 64}, "the group_size in config.json is wrong"),
        ({"num_bits": 8}, "the bits in config.json are wrong"),
        ({"symmetric": False}, "only symmetric integers of 8 or 4 bits"),
        ({"num_bits": 3}, "only symmetric integers of 8 or 4 bits"),
    ],
)
def test_a_file_that_is_not_what_its_config_says_is_refused(tmp_path: Path, change: dict, message: str) -> None:
    folder = quantized(tmp_path / "small", bits=4, group_size=128)
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"]["config_groups"]["group_0"]["weights"] |= change
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=message):
        load_checkpoint(folder)


def test_another_way_of_quantising_is_refused(tmp_path: Path) -> None:
    folder = quantized(tmp_path / "small", bits=4)
    config = json.loads((folder / "config.json").read_text()) | {"quantization_config": {"quant_method": "gptq"}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="'gptq'"):
        load_checkpoint(folder)


def test_packed_weights_without_their_scale_are_refused(tmp_path: Path) -> None:
    folder = quantized(tmp_path / "small", bits=4)
    tensors = load_file(folder / "model.safetensors")
    del tensors[FIRST + "_scale"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="_scale' is missing"):
        load_checkpoint(folder)
