"""What a job would need is known before it starts; its rows are shown exactly as the model reads them."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from gpu_node.data.chat_format import CHATML, QUESTION_WEIGHT
from gpu_node.data.problem import HELD_OUT_SEED_FIRST
from gpu_node.inference.scripted import byte_tokenizer
from gpu_node.model.config import PRESETS, config_to_hf
from gpu_node.model.transformer import Transformer
from gpu_node.protocol import job_spec
from gpu_node.protocol.job_frames import JobFailed
from gpu_node.protocol.job_spec import DataSpec, EvalSpec, ExportSpec, JobOrder, JobSpec, QuantizeSpec, TrainSpec
from gpu_node.protocol.manifest import Manifest, ManifestFile, SignedManifest
from gpu_node.protocol.plan import Plan, PlanRequest, Preview, PreviewRequest
from gpu_node.server.plans_api import CONFIG_FILE
from gpu_node.training.attempt_folder import AttemptFolder
from gpu_node.training.job_frames import line_parse
from gpu_node.training.memory_parts import num_parameters
from gpu_node.training.memory_plan import NodeRoom, plan_make
from tests.gpu_node.artifact_server import artifacts_served
from tests.gpu_node.job_node import TINY, data_folder, error_of, tiny_checkpoint
from tests.gpu_node.scripted_node import cast, node_of, served

GIB = 2**30
SMALL = NodeRoom(device="cpu", num_devices=1, memory_bytes=8 * GIB, disk_bytes=100 * GIB)
H100 = NodeRoom(device="cuda", num_devices=8, memory_bytes=80 * GIB, disk_bytes=1000 * GIB, tokens_per_second=1e5)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with served(node_of(cast(), tmp_path)) as url, httpx.AsyncClient(base_url=url, timeout=30) as http:
        yield http


def cure_of(plan: Plan, name: str) -> str:
    (check,) = [check for check in plan.checks if check.name == name]
    assert not check.is_ok, check
    return check.cure


def test_the_wire_and_the_data_agree_on_where_held_out_seeds_start() -> None:
    assert job_spec.HELD_OUT_SEED_FIRST == HELD_OUT_SEED_FIRST


def test_parameters_are_counted_to_the_last_one() -> None:
    assert num_parameters(PRESETS["nano"]) == Transformer(PRESETS["nano"]).num_parameters


def test_a_nano_model_fits_a_laptop_and_13b_does_not() -> None:
    assert plan_make(TrainSpec(), SMALL).is_ok
    large = plan_make(TrainSpec(model_size="13b"), SMALL)
    assert "smaller model_size or more ranks" in cure_of(large, "memory")
    assert large.memory_needed_bytes > 13e9 * 12


def test_a_batch_that_is_too_large_is_told_what_would_fit() -> None:
    spec = TrainSpec(model_size="1b", batch_tokens=262_144)
    cure = cure_of(plan_make(spec, H100), "memory")
    assert cure.startswith("set accumulation_steps to ")
    turns = int(cure.rpartition(" ")[2])
    assert plan_make(spec.model_copy(update={"accumulation_steps": turns}), H100).is_ok
    assert not plan_make(spec.model_copy(update={"accumulation_steps": turns // 2}), H100).is_ok


def test_recomputing_needs_less_memory() -> None:
    spec = TrainSpec(model_size="1b", batch_tokens=65_536)
    needed = [plan_make(spec.model_copy(update={"is_recomputing": is_it}), H100).memory for is_it in (False, True)]
    kept, again = ({part.name: part.num_bytes for part in parts} for parts in needed)
    assert again["activations"] < kept["activations"] / 5
    assert again["weights"] == kept["weights"]


def test_a_turn_must_hold_a_row() -> None:
    with pytest.raises(
        ValueError, match="accumulation_steps 16 leaves 256 tokens a turn, below data.row_tokens_max 512"
    ):
        TrainSpec(batch_tokens=4096, accumulation_steps=16)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"ranks_per_node": 3}, "3 ranks do not divide batch_tokens 4096: set it to 4095 or 4098"),
        ({"weight_dtype": "bfloat16"}, "set optimizer to 'adamw8bit', which rounds stochastically"),
        ({"is_stepping_early": True}, "is_stepping_early needs optimizer 'adamw8bit', not 'muon'"),
        (
            {"is_stepping_early": True, "optimizer": "adamw8bit", "accumulation_steps": 2},
            "accumulation_steps 2 and 1 ranks must both be 1",
        ),
    ],
)
def test_settings_that_exclude_each_other_are_refused_with_the_cure(fields: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TrainSpec(**fields)


def test_ranks_share_the_state() -> None:
    alone = plan_make(TrainSpec(model_size="7b"), H100)
    gang = plan_make(TrainSpec(model_size="7b", ranks_per_node=8), H100)
    assert not alone.is_ok
    assert gang.is_ok
    assert gang.seconds_estimated == pytest.approx(200 * 4096 / 1e5)


def test_unknown_families_and_too_many_ranks_are_named() -> None:
    data = DataSpec(families=["gcd", "astrology"])
    assert "gcd" in cure_of(plan_make(TrainSpec(data=data), SMALL), "data")
    assert "gcd" in cure_of(plan_make(EvalSpec(model="m", families=["astrology"]), SMALL), "data")
    assert cure_of(plan_make(TrainSpec(ranks_per_node=16), H100), "device") == "set ranks_per_node to 8 or less"


async def test_a_plan_over_the_wire(client: httpx.AsyncClient) -> None:
    answer = await client.post("/plan", content=PlanRequest(spec=TrainSpec()).model_dump_json())
    plan = Plan.model_validate(answer.json())
    assert plan.num_parameters == num_parameters(PRESETS["nano"])
    assert plan.memory_available_bytes > 0
    refused = await client.put("/jobs/job_1?epoch=1", json={"spec": TrainSpec(model_size="13b").model_dump()})
    assert error_of(refused) == (422, "does_not_fit")


async def test_a_plan_is_of_the_parents_shape(client: httpx.AsyncClient, tmp_path: Path) -> None:
    spec = TrainSpec(parent="another", data=DataSpec(row_tokens_max=512))
    with artifacts_served() as store:
        parent = store.take(tiny_checkpoint(tmp_path / "parent"))
        asked = PlanRequest(spec=spec, parent=parent)
        plan = Plan.model_validate((await client.post("/plan", content=asked.model_dump_json())).json())
        assert plan.num_parameters == num_parameters(TINY)
        assert cure_of(plan, "data") == f"set data.row_tokens_max to {TINY.context_tokens} or less"
        no_model = store.take(data_folder(tmp_path / "rows"))
        asked = PlanRequest(spec=spec, parent=no_model)
        refused = await client.post("/plan", content=asked.model_dump_json())
        assert error_of(refused) == (422, "bad_input")
        assert "the parent has no config.json" in refused.json()["error"]["message"]


@pytest.mark.parametrize("spec", [EvalSpec(model="m"), QuantizeSpec(model="m"), ExportSpec(model="m")])
def test_a_model_that_is_only_read_is_planned_for_too(spec: JobSpec) -> None:
    plan = plan_make(spec, SMALL, PRESETS["7b"])
    assert plan.num_parameters == num_parameters(PRESETS["7b"])
    assert plan.memory_needed_bytes > 4 * plan.num_parameters
    assert cure_of(plan, "memory") == "m does not fit on this node: take one with more memory"
    assert plan_make(spec, SMALL, PRESETS["nano"]).is_ok
    assert plan_make(spec, SMALL).num_parameters == 0  # nobody has looked at it yet


def test_a_model_that_was_fetched_is_looked_at_before_it_is_read(tmp_path: Path) -> None:
    """By its config.json alone: a job that read the rest would be killed for it, and nobody would know why."""
    attempt = AttemptFolder(tmp_path / "attempt")
    fetched = SignedManifest(
        manifest=Manifest(files=[ManifestFile(path=CONFIG_FILE, pieces=[])]), urls={}, expires_ms=0
    )
    attempt.order_write(JobOrder(spec=EvalSpec(model="m"), inputs={"model": fetched}))
    (folder := attempt.inputs / "model").mkdir(parents=True)
    vast = replace(PRESETS["13b"], num_layers=4_000)
    (folder / CONFIG_FILE).write_text(json.dumps(config_to_hf(vast, dtype="bfloat16")))
    done = subprocess.run([sys.executable, "-m", "gpu_node.training.run_job", attempt.path], capture_output=True)
    last = line_parse(attempt.frames.read_bytes().splitlines()[-1])
    assert done.returncode == 1
    assert last is not None
    assert isinstance(last.event, JobFailed)
    assert (last.event.cause, last.event.cure) == (
        "out_of_memory",
        "m does not fit on this node: take one with more memory",
    )


async def test_a_preview_is_read_by_the_parents_tokenizer(client: httpx.AsyncClient, tmp_path: Path) -> None:
    foreign = tmp_path / "parent"
    foreign.mkdir()
    byte_tokenizer(CHATML).save(str(foreign / "tokenizer.json"))
    with artifacts_served() as store:
        asked = PreviewRequest(data=DataSpec(families=["gcd"]), num_rows=1, parent=store.take(foreign))
        preview = Preview.model_validate((await client.post("/preview", content=asked.model_dump_json())).json())
    assert preview.rows[0].tokens[0].text == "<|im_start|>"


async def test_a_node_says_whether_it_reaches_rank_0(client: httpx.AsyncClient) -> None:
    async def rendezvous(port: int) -> tuple[bool, str]:
        asked = PlanRequest(spec=TrainSpec(num_nodes=2), master_host="127.0.0.1", master_port=port)
        plan = Plan.model_validate((await client.post("/plan", content=asked.model_dump_json())).json())
        (check,) = [check for check in plan.checks if check.name == "rendezvous"]
        return check.is_ok, check.message

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
        assert await rendezvous(port) == (True, f"reaches rank 0's node at 127.0.0.1:{port}")
    said = f"cannot reach rank 0's node at 127.0.0.1:{port}: Connection refused"
    assert await rendezvous(port) == (False, said)


async def test_a_full_disk_refuses_a_job_for_now(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(10 * GIB, 10 * GIB, 1000))
    refused = await client.put("/jobs/job_1?epoch=1", json={"spec": TrainSpec().model_dump()})
    assert error_of(refused) == (503, "disk_full")
    assert (await client.get("/info")).json()["running_jobs"] == []


async def test_a_preview_shows_the_row_with_its_weights(client: httpx.AsyncClient) -> None:
    asked = PreviewRequest(data=DataSpec(families=["gcd"]), num_rows=2)
    preview = Preview.model_validate((await client.post("/preview", content=asked.model_dump_json())).json())
    assert [row.family for row in preview.rows] == ["gcd", "gcd"]
    row = preview.rows[0]
    assert row.num_tokens == len(row.tokens)
    assert row.tokens[1].text == "<|user|>"
    assert {token.weight for token in row.tokens} == {0.0, QUESTION_WEIGHT, 1.0}


async def test_a_preview_of_a_file_names_the_bad_line(client: httpx.AsyncClient, tmp_path: Path) -> None:
    with artifacts_served() as store:
        good = store.take(data_folder(tmp_path / "good"))
        asked = PreviewRequest(data=DataSpec(source="file"), num_rows=3, files=[good])
        rows = (await client.post("/preview", content=asked.model_dump_json())).json()["rows"]
        assert "".join(token["text"] for token in rows[2]["tokens"]).endswith(
            "What is 2 + 1?<|end|><|assistant|>3<|end|>"
        )
        bad = store.take(data_folder(tmp_path / "bad", [{"question": "x", "answer": "y"}, "not json"]))
        refused = await client.post("/preview", content=asked.model_copy(update={"files": [bad]}).model_dump_json())
        assert error_of(refused) == (422, "bad_data")
        assert "rows.jsonl, line 2" in refused.json()["error"]["message"]
