"""Failpoints: asleep by default, refused when misspelled, and each is really passed somewhere in the code."""

import re
from pathlib import Path

import pytest

from backend.core import failpoints
from backend.core.failpoints import POINTS, failpoint, parsed

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def acted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    acted: list[str] = []
    monkeypatch.setattr(failpoints, "_act", acted.append)
    return acted


def test_nothing_happens_unless_one_is_set(acted: list[str]) -> None:
    failpoint("run.committed")
    assert acted == []


def test_the_nth_passing_of_the_named_point_fires(settings, acted: list[str]) -> None:
    failpoints._times.clear()
    settings.FAILPOINT = "run.final_read:kill9@2"
    for name in ("run.final_read", "run.committed", "run.final_read", "run.final_read"):
        failpoint(name)
    assert acted == ["kill9"]


def test_a_point_armed_in_a_folder_fires_once(settings, tmp_path: Path, acted: list[str]) -> None:
    settings.FAILPOINT = f"in:{tmp_path}"
    (tmp_path / "run.committed").write_text("kill9_postgres")
    for name in ("run.final_read", "run.committed", "run.committed"):
        failpoint(name)
    assert acted == ["kill9_postgres"]


@pytest.mark.parametrize(
    "setting", ["run.nowhere:kill9", "run.committed", "run.committed:shrug", "run.committed:kill9@x"]
)
def test_a_misspelled_setting_is_refused(setting: str) -> None:
    with pytest.raises(ValueError, match="SVEND_FAILPOINT="):
        parsed(setting)


def test_every_point_is_passed_once_in_the_code() -> None:
    passed = [
        name
        for path in (ROOT / "backend").rglob("*.py")
        for name in re.findall(r'failpoint\("([a-z_.]+)"\)', path.read_text())
    ]
    assert sorted(passed) == sorted(POINTS)
    assert len(POINTS) >= 12
