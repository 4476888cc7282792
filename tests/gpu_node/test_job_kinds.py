"""Jobs other than a reasoner's training: evaluate, generate, export, quantize, verifier."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from gpu_node.model.checkpoint import load_checkpoint
from gpu_node.protocol.frames import run_event_adapter
from gpu_node.protocol.job_frames import Checkpoint, CheckpointUploaded, Eval, JobFailed, Metric
from gpu_node.protocol.job_spec import DataSpec, EvalSpec, ExportSpec, GenerateSpec, LoraSpec, QuantizeSpec
from gpu_node.protocol.manifest import SignedManifest
from tests.gpu_node.artifact_server import Artifacts, artifacts_served
from tests.gpu_node.job_node import JobNode, data_folder, tiny_checkpoint, train_spec

pytestmark = pytest.mark.timeout(300)  # each starts processes that import torch: slow where others compute too


@pytest.fixture(scope="module")
def store() -> Iterator[Artifacts]:
    with artifacts_served() as served:
        yield served


@pytest.fixture(scope="module")
def tiny(store: Artifacts, tmp_path_factory: pytest.TempPathFactory) -> SignedManifest:
    return store.take(tiny_checkpoint(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobNode]:
    node = JobNode(tmp_path_factory.mktemp("state"), jobs_max=2).start()
    yield node
    node.close()


def artifact(node: JobNode, store: Artifacts, job_id: str, folder: Path) -> Path:
    """What the job made, by way of the store."""
    assert node.wait_end(job_id).type == "job.finished", node.events(job_id)
    made = next(event for event in node.events(job_id) if isinstance(event, Checkpoint))
    signed = store.signed(made.manifest, only_missing=True)
    node.http.post(f"/jobs/{job_id}/uploads?epoch=1", content=signed.model_dump_json())
    node.wait(job_id, lambda event: isinstance(event, CheckpointUploaded))
    store.write(made.manifest, folder)
    return folder


def test_an_evaluation_gives_the_report_with_its_problems(node: JobNode, tiny: SignedManifest) -> None:
    spec = EvalSpec(model="tiny", families=["gcd"], num_problems=3, is_held_out_wording=True, seed_start=1_000_000_500)
    node.put("job_eval", spec, {"model": tiny})
    assert node.wait_end("job_eval").type == "job.finished", node.events("job_eval")
    events = node.events("job_eval")
    result = next(event.result for event in events if isinstance(event, Eval))
    (family,) = result["families"]
    assert (family["family"], family["n"]) == ("gcd", 3)
    assert [problem["seed"] for problem in result["problems"][:3]] == [1_000_000_500 + k for k in range(3)]
    assert len(result["problems"]) == 6
    traces = [
        [run_event_adapter.validate_python(event) for event in problem["trace"]] for problem in result["problems"]
    ]
    assert all(trace[-1].type in ("run.finished", "run.failed") for trace in traces)
    assert result["num_traces_left_out"] == 0
    assert [event.step for event in events if isinstance(event, Metric)][-1] == 6


def test_unknown_families_are_a_bad_spec_with_the_known_ones_named(node: JobNode, tiny: SignedManifest) -> None:
    node.put("job_unknown", EvalSpec(model="tiny", families=["astrology"]), {"model": tiny})
    ended = node.wait_end("job_unknown")
    assert isinstance(ended, JobFailed)
    assert ended.cause == "bad_spec"
    assert "gcd" in ended.cure


def test_generated_rows_are_training_rows(
    node: JobNode, store: Artifacts, tiny: SignedManifest, tmp_path: Path
) -> None:
    node.put("job_rows", GenerateSpec(data=DataSpec(families=["gcd"], num_rows=30)))
    rows = artifact(node, store, "job_rows", tmp_path / "rows")
    assert len((rows / "rows.jsonl").read_text().splitlines()) > 20
    data = DataSpec(source="file", row_tokens_max=128)
    spec = train_spec(data=data, num_steps=3, checkpoint_steps=3)
    node.put("job_train", spec, {"parent": tiny, "data": store.take(rows)})
    assert node.wait_end("job_train").type == "job.finished", node.events("job_train")


def test_an_export_has_the_asked_number_format(
    node: JobNode, store: Artifacts, tiny: SignedManifest, tmp_path: Path
) -> None:
    node.put("job_export", ExportSpec(model="tiny", dtype="bfloat16"), {"model": tiny})
    folder = artifact(node, store, "job_export", tmp_path / "export")
    weights = load_file(folder / "model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.bfloat16}
    assert (folder / "tokenizer.json").exists()


def test_quantized_weights_load_and_are_measured_beside_bf16(
    node: JobNode, store: Artifacts, tiny: SignedManifest, tmp_path: Path
) -> None:
    spec = QuantizeSpec(model="tiny", bits=4, families=["gcd"], num_problems=1)
    node.put("job_int4", spec, {"model": tiny})
    folder = artifact(node, store, "job_int4", tmp_path / "int4")
    assert load_file(folder / "model.safetensors")["model.layers.0.mlp.up_proj.weight_packed"].dtype == torch.int32
    store.write(tiny.manifest, tmp_path / "whole")
    whole, quantized = load_checkpoint(tmp_path / "whole")[0], load_checkpoint(folder)[0]
    name = "model.layers.0.mlp.up_proj.weight"
    first, second = whole.state_dict()[name], quantized.state_dict()[name]
    assert (first - second).norm() < 0.12 * first.norm()
    card = json.loads((folder / "model_card.json").read_text())["quantization"]
    assert (card["bits"], card["group_size"]) == (4, 128)
    assert card["int4"]["num_bytes"] < card["bfloat16"]["num_bytes"]
    assert card["int4"]["with_tools"]["n"] == card["bfloat16"]["with_tools"]["n"] == 1


@pytest.mark.extra
def test_a_group_that_does_not_fit_is_a_bad_spec(node: JobNode, tiny: SignedManifest) -> None:
    node.put("job_groups", QuantizeSpec(model="tiny", group_size=96), {"model": tiny})
    ended = node.wait_end("job_groups")
    assert isinstance(ended, JobFailed)
    assert ended.cause == "bad_spec"
    assert "take 128 or 64 or 32" in ended.message


def test_a_verifier_is_trained_from_a_reasoners_body(
    node: JobNode, store: Artifacts, tiny: SignedManifest, tmp_path: Path
) -> None:
    data = DataSpec(families=["gcd"], num_rows=30, row_tokens_max=128)
    spec = train_spec(objective="verifier", data=data, num_steps=3, checkpoint_steps=3)
    node.put("job_critic", spec, {"parent": tiny})
    folder = artifact(node, store, "job_critic", tmp_path / "critic")
    assert load_checkpoint(folder)[1].has_score_head
    assert (folder / "verifier.json").exists()


@pytest.mark.extra
def test_an_adapter_is_distilled_on_a_node_and_ends_as_a_model(
    node: JobNode, store: Artifacts, tiny: SignedManifest, tmp_path: Path
) -> None:
    spec = train_spec(objective="distill", teacher="tiny", lora=LoraSpec(rank=4), num_steps=4, checkpoint_steps=2)
    inputs = {"parent": tiny, "teacher": tiny, "data": store.take(data_folder(tmp_path / "data"))}
    node.put("job_adapter", spec, inputs)
    folder = artifact(node, store, "job_adapter", tmp_path / "first")
    assert {path.name for path in folder.iterdir()} == {
        "adapter",
        "optimiser-00000-000.safetensors",
        "optimiser.index.json",
        "trainer_state.json",
    }
    made = [event for event in node.events("job_adapter") if isinstance(event, Checkpoint)]
    assert [event.step for event in made] == [2, 4]
    paths = {file.path for file in made[1].manifest.files}
    assert {"config.json", "model.safetensors", "tokenizer.json", "adapter/adapter_model.safetensors"} <= paths
