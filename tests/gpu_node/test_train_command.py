"""`python -m gpu_node train`: the documented command lines, what they refuse, and how they go on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gpu_node.model.checkpoint import load_checkpoint
from gpu_node.protocol.job_spec import ROWS_MAX, STEPS_MAX, TrainSpec
from gpu_node.training import machine
from gpu_node.training.command import EXIT_EARLIER, EXIT_REFUSED, _parser, duration_seconds, spec_of, train_command
from gpu_node.training.memory_plan import plan_make
from gpu_node.training.trainer import LAST_FOLDER
from tests.gpu_node.job_node import ROOT, data_folder, tiny_checkpoint
from tests.gpu_node.test_trainer_make import pair

GIB = 2**30
NANO = ["--samples", "40", "--families", "gcd", "--batch-tokens", "512", "--no-wandb"]


def spec(*words: str) -> TrainSpec:
    return spec_of(_parser().parse_args(list(words)))


@pytest.fixture(autouse=True)
def signals_kept() -> object:
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def events_of(folder: Path) -> list[dict]:
    return [json.loads(line)["event"] for line in (folder / "job.ndjson").read_text().splitlines()]


def test_the_documented_lines_mean_what_they_say() -> None:
    large = spec("--model-size", "13b", "--epochs", "3")
    assert (large.model_size, large.epochs, large.num_steps, large.data.num_rows) == ("13b", 3, STEPS_MAX, 2_000)
    assert spec("--model-size", "7b", "--epochs", "3", "--samples", "100000").data.num_rows == 100_000
    small = spec("--model-size", "500m", "--samples", "1000", "--epochs", "1", "--no-wandb")
    assert (small.model_size, small.data.num_rows, small.epochs) == ("500m", 1_000, 1)


def test_length_is_said_once_or_twice(tmp_path: Path) -> None:
    assert spec().epochs == 1
    assert (spec("--time-budget", "25m").epochs, spec("--time-budget", "25m").time_budget_seconds) == (None, 1500)
    assert (spec("--max-steps", "3").num_steps, spec("--max-steps", "3").warmup_steps) == (3, 0)
    both = spec("--max-steps", "300", "--epochs", "2")
    assert (both.num_steps, both.epochs, both.warmup_steps) == (300, 2, 20)
    file = data_folder(tmp_path / "data") / "rows.jsonl"
    assert spec("--data", str(file)).data.num_rows == ROWS_MAX
    assert spec("--data", str(file), "--samples", "5").data.num_rows == 5


@pytest.mark.parametrize(
    "line", [["--model-size", "13b", "--epochs", "3"], ["--model-size", "7b", "--samples", "100000"]]
)
def test_what_cannot_fit_is_refused_before_it_starts(
    line: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine, "memory_available_bytes", lambda: 16 * GIB)
    assert train_command([*line, "--out", str(tmp_path / "run")]) == EXIT_REFUSED
    said = capsys.readouterr().err
    assert f"train: {line[1]} cannot be trained here: memory: needs" in said
    assert "of 16.00 GiB" in said
    assert "take a smaller --model-size" in said
    assert not (tmp_path / "run").exists()


def test_what_would_fit_is_named_by_its_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine, "memory_available_bytes", lambda: 9 * GIB)
    line = ["--model-size", "500m", "--batch-tokens", "65536", "--out", str(tmp_path / "run")]
    assert train_command(line) == EXIT_REFUSED
    said = capsys.readouterr().err
    assert "set --accumulation to" in said
    turns = said.split("set --accumulation to ")[1].split(",")[0].split(";")[0].strip()
    spec = spec_of(_parser().parse_args([*line[:4], "--accumulation", turns, "--recompute"]))
    room = machine.room_make([machine.cpu_device()], tmp_path)
    assert all(check.is_ok for check in plan_make(spec, room).checks if check.name == "memory")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["--lora-rank", "4"], "lora trains an adapter of a checkpoint"),
        (["--max-steps", "0"], "--max-steps: Input should be greater than or equal to 1"),
        (["--row-tokens", "9000"], "a row must fit a step"),
        (["--objective", "distill"], "distill learns from a teacher"),
        (["--parent", "nowhere"], "--parent nowhere: there is no such folder"),
        (["--parent", "."], "--parent . is no checkpoint"),
        (["--data", "nothing.jsonl"], "--data nothing.jsonl: there is no such file"),
        (["--teacher-cache", "x.safetensors"], "name one by --teacher"),
        (["--families", "astrology"], "no family is called 'astrology'"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(
    line: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_command([*line, "--out", str(tmp_path / "run")]) == EXIT_REFUSED
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_command_trains_and_the_same_one_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = [*NANO, "--max-steps", "2", "--out", str(tmp_path / "run")]
    assert train_command(line) == 0
    events = events_of(tmp_path / "run")
    assert [e["step"] for e in events if e["type"] in ("metric", "job.finished")] == [2, 2]
    assert load_checkpoint(tmp_path / "run" / LAST_FOLDER)[1].width == 256
    assert train_command(line) == 0
    assert [e["step"] for e in events_of(tmp_path / "run") if e["type"] == "job.started"] == [0, 2]
    assert train_command([*line, "--seed", "9"]) == EXIT_REFUSED
    assert "holds another training: seed differ" in capsys.readouterr().err


def test_an_adapter_prefers_and_a_teacher_is_asked_once(tmp_path: Path) -> None:
    tiny = tiny_checkpoint(tmp_path / "tiny")
    pairs = data_folder(tmp_path / "pairs", [pair(number) for number in range(20)]) / "rows.jsonl"
    shape = ["--row-tokens", "64", "--batch-tokens", "256", "--max-steps", "2", "--no-wandb", "--parent", str(tiny)]
    line = [*shape, "--objective", "dpo", "--data", str(pairs), "--lora-rank", "4", "--dpo-beta", "0.2"]
    assert train_command([*line, "--out", str(tmp_path / "dpo")]) == 0
    assert load_checkpoint(tmp_path / "dpo" / LAST_FOLDER)[1].width == 128
    described = json.loads((tmp_path / "dpo" / LAST_FOLDER / "adapter" / "adapter_config.json").read_text())
    assert (described["r"], described["base_model_name_or_path"]) == (4, "tiny")
    rows = data_folder(tmp_path / "rows") / "rows.jsonl"
    cache = tmp_path / "teacher.safetensors"
    line = [
        *shape,
        "--objective",
        "distill",
        "--data",
        str(rows),
        "--teacher",
        str(tiny),
        "--teacher-cache",
        str(cache),
    ]
    assert train_command([*line, "--out", str(tmp_path / "first")]) == 0
    made_at = cache.stat().st_mtime_ns
    assert train_command([*line, "--out", str(tmp_path / "second")]) == 0
    assert cache.stat().st_mtime_ns == made_at
    losses = [
        [e["values"]["loss"] for e in events_of(tmp_path / n) if e["type"] == "metric"] for n in ("first", "second")
    ]
    assert losses[0] == losses[1]


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("25m", 1500), ("1.5h", 5400)])
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "25", "-3m", "xm", "infh"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(Exception, match="no duration"):
        duration_seconds(text)


def command(folder: Path, *words: str) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "gpu_node", "train", *words, "--out", str(folder)]
    return subprocess.Popen(line, cwd=ROOT, env={**os.environ}, stderr=subprocess.PIPE, text=True)


@pytest.mark.extra
@pytest.mark.timeout(240)
def test_ctrl_c_keeps_a_last_state_and_the_same_command_goes_on(tmp_path: Path) -> None:
    running = command(tmp_path / "run", *NANO, "--max-steps", "100000")
    deadline = time.monotonic() + 120
    while not any(e["type"] == "metric" for e in _events_so_far(tmp_path / "run")):
        assert time.monotonic() < deadline
        assert running.poll() is None, running.stderr and running.stderr.read()
        time.sleep(0.2)
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == EXIT_EARLIER
    ended = events_of(tmp_path / "run")[-1]
    assert ended["type"] == "job.cancelled"
    assert (tmp_path / "run" / LAST_FOLDER / "trainer_state.json").exists()
    again = command(tmp_path / "run", *NANO, "--max-steps", "100000", "--time-budget", "1s")
    assert again.wait(120) == EXIT_EARLIER  # the budget counts what was spent before
    started = [e["step"] for e in events_of(tmp_path / "run") if e["type"] == "job.started"]
    assert started == [0, ended["step"]]


def _events_so_far(folder: Path) -> list[dict]:
    return events_of(folder) if (folder / "job.ndjson").exists() else []


@pytest.mark.extra
@pytest.mark.timeout(600)
def test_500m_takes_three_steps_on_a_cpu(tmp_path: Path) -> None:
    """The documented line, cut short: 503M parameters in fp32, small rows, and AdamW, since Muon takes minutes."""
    line = ["--model-size", "500m", "--samples", "1000", "--epochs", "1", "--no-wandb"]
    cut = ["--max-steps", "3", "--batch-tokens", "256", "--row-tokens", "128", "--optimizer", "adamw"]
    running = command(tmp_path / "run", *line, *cut)
    assert running.wait(580) == 0, running.stderr and running.stderr.read()
    events = events_of(tmp_path / "run")
    (metric,) = [event for event in events if event["type"] == "metric"]
    assert metric["step"] == 3
    assert events[-1] == {"type": "job.finished", "step": 3, "is_complete": True}
    assert (tmp_path / "run" / LAST_FOLDER / "model.safetensors").stat().st_size > 1.8e9
