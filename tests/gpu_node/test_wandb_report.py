"""W&B hears what a training tells, by its documented calls, when and only when it is asked for."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gpu_node.protocol.job_frames import Alert, Eval, JobCancelled, JobFailed, JobFinished, Log, Metric
from gpu_node.training.command import EXIT_REFUSED, train_command
from gpu_node.training.wandb_report import CONFIGURED_BY, WandbMissing, WandbReporter, reporter_make


class RecordingRun:
    """The calls of wandb.Run that are used, by the signatures its reference gives (wandb 0.31)."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.summary: dict[str, Any] = {}
        self.is_broken = False

    def log(self, data: dict[str, Any], step: int | None = None, commit: bool | None = None) -> None:
        if self.is_broken:
            raise ConnectionError("no route to host")
        assert all(isinstance(key, str) for key in data)
        self.calls.append(("log", (data, step)))

    def alert(self, title: str, text: str, level: str | None = None, wait_duration: float | None = None) -> None:
        self.calls.append(("alert", (title, text)))

    def finish(self, exit_code: int | None = None, quiet: bool | None = None) -> None:
        self.calls.append(("finish", exit_code))


class FarEnd(ModuleType):
    def __init__(self) -> None:
        super().__init__("wandb")
        self.inits: list[dict[str, Any]] = []
        self.run = RecordingRun()

    def init(
        self,
        *,
        project: str | None = None,
        name: str | None = None,
        id: str | None = None,
        resume: str | None = None,
        dir: str | None = None,
        config: dict[str, Any] | None = None,
    ) -> RecordingRun:
        assert resume in ("allow", "must", "never", "auto")
        self.inits.append({"project": project, "name": name, "id": id, "dir": dir, "config": config})
        return self.run


@pytest.fixture
def far_end(monkeypatch: pytest.MonkeyPatch) -> FarEnd:
    made = FarEnd()
    monkeypatch.setitem(sys.modules, "wandb", made)
    return made


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in CONFIGURED_BY:
        monkeypatch.delenv(variable, raising=False)


def reporter(folder: Path, wanted: bool | None) -> WandbReporter | None:
    return reporter_make(wanted, folder=folder, config={"seed": 1}, name="run")


def test_a_training_is_told_as_it_goes(tmp_path: Path, far_end: FarEnd) -> None:
    said = reporter(tmp_path, True)
    assert said is not None
    for event in (
        Log(text="40 rows"),
        Metric(step=10, values={"loss": 2.5, "num_tokens": 100}),
        Eval(step=10, result={"row": 0.25, "family": "gcd", "is_final": True}),
        Alert(kind="spike", step=11, message="the loss jumped"),
        JobFinished(step=20, is_complete=True),
        Metric(step=21, values={"loss": 1.0}),
    ):
        said(event)
    assert far_end.run.calls == [
        ("log", ({"loss": 2.5, "num_tokens": 100.0}, 10)),
        ("log", ({"eval/row": 0.25}, 10)),
        ("alert", ("spike at step 11", "the loss jumped")),
        ("finish", 0),
    ]
    assert far_end.run.summary == {"is_complete": True}


def test_a_failure_ends_the_run_as_one(tmp_path: Path, far_end: FarEnd) -> None:
    for event, code in ((JobFailed(cause="non_finite_loss", message="nan"), 1), (JobCancelled(step=3), 0)):
        said = reporter(tmp_path, True)
        assert said is not None
        said(event)
        assert far_end.run.calls[-1] == ("finish", code)


def test_a_resumed_training_goes_on_in_its_curve(tmp_path: Path, far_end: FarEnd, monkeypatch: Any) -> None:
    reporter(tmp_path, True)
    monkeypatch.setenv("WANDB_PROJECT", "nano")
    reporter(tmp_path, None)
    first, second = far_end.inits
    assert first["id"] == second["id"]
    assert (first["project"], second["project"]) == ("svend", "nano")
    assert first["config"] == {"seed": 1}


def test_it_is_off_unless_asked_for_and_no_means_no(tmp_path: Path, far_end: FarEnd, monkeypatch: Any) -> None:
    assert reporter(tmp_path, None) is None
    monkeypatch.setenv("WANDB_API_KEY", "x")
    assert reporter(tmp_path, False) is None
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert reporter(tmp_path, None) is None
    assert far_end.inits == []
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert reporter(tmp_path, None) is not None


def test_a_missing_package_is_an_error_where_it_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(WandbMissing, match="pip install"):
        reporter(tmp_path, True)
    assert train_command(["--wandb", "--max-steps", "1", "--out", str(tmp_path / "run")]) == EXIT_REFUSED
    assert "the package wandb is not installed" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    monkeypatch.setenv("WANDB_API_KEY", "x")
    assert reporter(tmp_path, None) is None
    assert "WANDB_API_KEY is set, but nothing is reported" in capsys.readouterr().err


def test_a_far_end_that_breaks_does_not_end_the_training(
    tmp_path: Path, far_end: FarEnd, capsys: pytest.CaptureFixture[str]
) -> None:
    said = reporter(tmp_path, True)
    assert said is not None
    far_end.run.is_broken = True
    for step in (1, 2):
        said(Metric(step=step, values={"loss": 1.0}))
    assert capsys.readouterr().err.count("W&B is not told any more: ConnectionError") == 1
