"""The launch form's data: each kind's JSON schema, from the same models that the CLI and the API check by."""

from typing import Any

from gpu_node.protocol.job_spec import (
    DataSpec,
    EvalSpec,
    ExportSpec,
    GenerateSpec,
    ImportSpec,
    JobSpec,
    LoraSpec,
    QuantizeSpec,
    TrainSpec,
)

SPECS = (TrainSpec, EvalSpec, GenerateSpec, ExportSpec, QuantizeSpec, ImportSpec)

PRESETS: tuple[tuple[str, str, JobSpec], ...] = (
    (
        "Quick fine-tuning",
        "Two minutes on a laptop: a nano model on our own problems.",
        TrainSpec(num_steps=100, warmup_steps=10, checkpoint_steps=25),
    ),
    (
        "Fine-tune the served model",
        "A little more training of what svend-latest serves.",
        TrainSpec(parent="svend-nano", num_steps=200, adamw_learning_rate=3e-4, muon_learning_rate=0.002),
    ),
    (
        "Adapt the served model",
        "LoRA: an adapter of svend-nano beside its frozen weights; the last checkpoint is merged.",
        TrainSpec(parent="svend-nano", lora=LoraSpec(rank=16), num_steps=100, warmup_steps=10),
    ),
    (
        "LoRA on GSM8K",
        "An adapter of SmolLM2 on a GSM8K training file: import the model and register it first, then choose the file.",
        TrainSpec(
            parent="smollm2-135m-instruct",
            lora=LoraSpec(rank=16),
            data=DataSpec(source="file", num_rows=7_473),
            num_steps=100,
            warmup_steps=10,
            adamw_learning_rate=3e-4,
        ),
    ),
    (
        "Train a verifier",
        "A critic for svend-nano: it scores reasoning as it is written. Half of its rows are spoilt on purpose.",
        TrainSpec(
            objective="verifier",
            parent="svend-nano",
            num_steps=200,
            adamw_learning_rate=3e-4,
            muon_learning_rate=0.002,
        ),
    ),
    (
        "Pretrain 500m, smoke test",
        "Ten minutes on one GPU: does this machine train at all?",
        TrainSpec(
            objective="pretrain",
            model_size="500m",
            num_steps=200,
            batch_tokens=65_536,
            data=DataSpec(num_rows=100_000, row_tokens_max=2_048),
        ),
    ),
    (
        "Pretrain 7b",
        "Eight GPUs of 80 GB.",
        TrainSpec(
            objective="pretrain",
            model_size="7b",
            num_steps=100_000,
            warmup_steps=2_000,
            batch_tokens=2_097_152,
            checkpoint_steps=500,
            ranks_per_node=8,
            data=DataSpec(num_rows=50_000_000, row_tokens_max=8_192),
        ),
    ),
    ("Evaluate", "Problems at held-out seeds, each family eight times.", EvalSpec(model="svend-nano")),
    (
        "Evaluate on GSM8K",
        "100 word problems of a GSM8K file, with tools. Upload the file, or choose it below.",
        EvalSpec(model="svend-nano", suites=["gsm8k"], num_problems=100),
    ),
    (
        "Quantise INT4",
        "Weights in 4 bits, measured beside bf16: size, speed and what it answers right.",
        QuantizeSpec(model="svend-nano", bits=4),
    ),
    (
        "Import SmolLM2",
        "A small chat model of another maker (135M, Apache-2.0), to serve or to fine-tune.",
        ImportSpec(),
    ),
    ("Generate data", "Problems with their checked calls, as JSON lines.", GenerateSpec()),
)


def spec_schema() -> dict[str, Any]:
    return {
        "kinds": {spec.model_fields["kind"].default: spec.model_json_schema() for spec in SPECS},
        "presets": [
            {
                "name": name,
                "kind": spec.kind,
                "description": description,
                "spec": spec.model_dump(mode="json", exclude_defaults=True) | {"kind": spec.kind},
            }
            for name, description, spec in PRESETS
        ],
    }
