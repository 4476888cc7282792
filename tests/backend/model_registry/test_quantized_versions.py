"""A quantised checkpoint is described by its numbers, not by the words that they are packed into."""

import numpy
from safetensors.numpy import save

from backend.model_registry.shipped import config_describe, tensors_describe

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "max_position_embeddings": 1024,
    "vocab_size": 2048,
    "quantization_config": {"config_groups": {"group_0": {"weights": {"num_bits": 4, "group_size": 128}}}},
}


def test_packed_numbers_are_counted_one_by_one() -> None:
    name = "model.layers.0.mlp.up_proj.weight"
    file = save(
        {
            "model.norm.weight": numpy.ones(256, dtype=numpy.float32),
            f"{name}_packed": numpy.zeros((640, 32), dtype=numpy.int32),
            f"{name}_scale": numpy.ones((640, 2), dtype=numpy.float32),
            f"{name}_shape": numpy.array([640, 256]),
        }
    )
    described = tensors_describe(file, packed_bits=config_describe(CONFIG).packed_bits)
    assert (described.num_parameters, described.dtype) == (256 + 640 * 256, "int4")


def test_a_plain_checkpoint_has_nothing_packed() -> None:
    plain = {name: value for name, value in CONFIG.items() if name != "quantization_config"}
    assert config_describe(plain).packed_bits is None
