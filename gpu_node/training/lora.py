"""Low-rank adapters: the trained model's matrices stay frozen, and each learns a difference of small rank beside it.

Hu et al. 2021, arXiv 2106.09685: W x + (alpha / rank) B A x, A drawn, B zero, so that training starts from the model as
it was. Dropout is 0. On disk an adapter has the layout of Hugging Face's PEFT (`adapter_config.json`,
`adapter_model.safetensors`), so that PEFT and vLLM load it on the parent; merged into the weights it is a model like
any other. Not here: which step is saved (trainer.py). Invariant: the model's own tensors keep their names.
Shapes: C_in and C_out of the matrix, R the rank.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from gpu_node.model.transformer import Transformer

ADAPTER_FOLDER = (
    "adapter"  # apart from a merged model's files: transformers would take a folder with both for the parent
)
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
PEFT_PREFIX = "base_model.model."
ADAPTER_SUFFIXES = (".lora_A", ".lora_B")
HEAD = "score"  # a verifier's head is new: it is learnt whole, beside the adapter


@dataclass(frozen=True, kw_only=True)
class LoraConfig:
    """`targets`: names of the blocks' matrices, as checkpoints have them. `parent`: what the adapter belongs to."""

    rank: int
    alpha: float
    targets: tuple[str, ...]
    parent: str = ""

    @property
    def scale(self) -> float:
        return self.alpha / self.rank


class LoraLinear(nn.Linear):
    """A frozen matrix with its adapter; its own weight keeps its name."""

    def __init__(self, linear: nn.Linear, config: LoraConfig, generator: torch.Generator) -> None:
        super().__init__(linear.in_features, linear.out_features, bias=False, device="meta")
        self.weight = linear.weight
        self.scale, self.is_off = config.scale, False
        bound = 1 / math.sqrt(linear.in_features)  # as PEFT draws it
        drawn_RC = torch.empty(config.rank, linear.in_features).uniform_(-bound, bound, generator=generator)
        self.lora_A = nn.Parameter(drawn_RC.to(linear.weight.device))
        self.lora_B = nn.Parameter(torch.zeros(linear.out_features, config.rank, device=linear.weight.device))

    def forward(self, x: Tensor) -> Tensor:
        whole = F.linear(x, self.weight)
        if self.is_off:
            return whole
        return whole + F.linear(F.linear(x, self.lora_A), self.lora_B) * self.scale


def lora_attach(model: Transformer, config: LoraConfig, *, seed: int) -> None:
    """Freezes the model, and gives each target of each block its adapter. A score head stays trainable."""
    model.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for block in model.model.layers:
        for group in list(block.children()):
            for name, child in list(group.named_children()):
                if name in config.targets and isinstance(child, nn.Linear):
                    setattr(group, name, LoraLinear(child, config, generator))
    if model.config.has_score_head:
        model.score.requires_grad_(True)


@contextmanager
def switched_off(model: Transformer) -> Iterator[None]:
    """The model as it is without its adapters; one that has none is left as it is."""
    adapted = [module for module in model.modules() if isinstance(module, LoraLinear)]
    for module in adapted:
        module.is_off = True
    try:
        yield
    finally:
        for module in adapted:
            module.is_off = False


def adapter_of(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Of a model's whole state, what is learnt: its adapters, and the score head where there is one."""
    return {name: t for name, t in state.items() if _is_adapter(name) or name.split(".")[0] == HEAD}


def base_of(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of the same model without adapters."""
    return {name: tensor for name, tensor in state.items() if not _is_adapter(name)}


def merged_one(name: str, tensor: Tensor, learnt: Mapping[str, Tensor], config: LoraConfig) -> Tensor:
    """The base's tensor of this name with its adapter, where it has one: what computes alone what both compute."""
    matrix = name.removesuffix("weight")
    if f"{matrix}lora_A" not in learnt:
        return tensor
    difference_CC = learnt[f"{matrix}lora_B"].float() @ learnt[f"{matrix}lora_A"].float()
    return (tensor.float() + config.scale * difference_CC).to(tensor.dtype)


def _is_adapter(name: str) -> bool:
    return name.endswith(ADAPTER_SUFFIXES)


# On disk


def adapter_write(folder: Path, learnt: Mapping[str, Tensor], config: LoraConfig) -> None:
    """PEFT's layout, in fp32."""
    folder.mkdir(parents=True)
    has_head = any(not _is_adapter(name) for name in learnt)
    described = {
        "peft_type": "LORA",
        "task_type": "SEQ_CLS" if has_head else "CAUSAL_LM",
        "base_model_name_or_path": config.parent,
        "r": config.rank,
        "lora_alpha": config.alpha,
        "lora_dropout": 0.0,
        "target_modules": sorted(config.targets),
        "modules_to_save": [HEAD] if has_head else None,
        "bias": "none",
        "fan_in_fan_out": False,
        "init_lora_weights": True,
        "inference_mode": True,
        "use_rslora": False,
        "use_dora": False,
    }
    (folder / ADAPTER_CONFIG).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    tensors = {_peft_name(name): tensor.detach().float().contiguous().cpu() for name, tensor in learnt.items()}
    save_file(tensors, folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})


def adapter_read(folder: Path) -> dict[str, Tensor]:
    """What `adapter_write` wrote, under the model's own names. Raises FileNotFoundError."""
    stored = load_file(folder / ADAPTER_WEIGHTS)
    return {_own_name(name): tensor for name, tensor in stored.items()}


def _peft_name(name: str) -> str:
    return PEFT_PREFIX + (f"{name}.weight" if _is_adapter(name) else name)


def _own_name(name: str) -> str:
    own = name.removeprefix(PEFT_PREFIX)
    return own.removesuffix(".weight") if ".lora_" in own else own
