"""Sources are read row by row and mixed in one order; what is left out is told; a build that was stopped goes on."""

import gzip
import json
import shlex
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from gpu_node.data.mixing.build import BuildManifest
from gpu_node.data.mixing.command import data_command
from gpu_node.data.mixing.mixture import Mixture, MixtureSpec, Removed
from gpu_node.data.mixing.sources import Source, SourceReader, SourceRefused, records_of, source_parse
from gpu_node.protocol.data_rows import ProblemRow, line_read, row_of
from tests.deploy.pages import ROOT, blocks_of
from tests.gpu_node.layout_rows import ROWS

THIS_FILE = "tests/gpu_node/test_data_mixing.py"

MEASURED = "A gardener plants nine rows of twelve tulips and then digs up every fourth tulip again"


def problems(name: str, count: int) -> list[dict[str, str]]:
    return [{"question": f"{name}: what is {n} + {n}?", "answer": str(2 * n)} for n in range(count)]


def written(path: Path, rows: Iterable[Any]) -> Source:
    text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return Source(name=str(path))


def mixed(spec: MixtureSpec, **cut: int) -> tuple[list[str], list[Removed]]:
    removed: list[Removed] = []
    rows = [mixed.row for mixed in Mixture(spec, on_removed=removed.append).rows(**cut)]
    assert all(isinstance(row, ProblemRow) for row in rows)
    return [row.question for row in rows if isinstance(row, ProblemRow)], removed


# Sources


def test_files_of_each_kind_give_the_same_rows(tmp_path: Path) -> None:
    rows = problems("a", 3)
    written(tmp_path / "a.jsonl", rows)
    written(tmp_path / "b.jsonl.gz", rows)
    (tmp_path / "c.json").write_text(json.dumps(rows, indent=1))
    (tmp_path / "d.json").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "e.json").write_text(json.dumps({"canary": "do not train", "examples": rows}))
    for path in sorted(tmp_path.iterdir()):
        assert [record for _, record in records_of(path)] == rows, path
    assert len(list(SourceReader(Source(name=str(tmp_path))).rows())) == 15


@pytest.mark.extra  # `datasets` takes seconds to import
def test_parquet_and_a_hubs_set_are_streamed(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra `data` is not installed")
    rows = problems("a", 5)
    datasets.disable_progress_bars()
    datasets.Dataset.from_list(rows).to_parquet(tmp_path / "train.parquet")
    for name in (str(tmp_path / "train.parquet"), f"hub:{tmp_path}"):
        placed = list(SourceReader(Source(name=name, rows_max=4)).rows())
        assert [one.row for one in placed] == [row_of(row) for row in rows[:4]]
    assert placed[1].place.endswith(", row 2")
    with pytest.raises(SourceRefused, match="cannot be streamed"):
        list(SourceReader(Source(name=f"hub:{tmp_path}", split="exam")).rows())
    (tmp_path / "broken.parquet").write_bytes(b"PAR0")
    with pytest.raises(SourceRefused, match="broken.parquet cannot be streamed"):
        list(SourceReader(Source(name=str(tmp_path / "broken.parquet"))).rows())


def test_without_the_package_a_hubs_set_names_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(SourceRefused, match=r"pip install 'svend\[data\]'"):
        list(SourceReader(Source(name="hub:somebody/something")).rows())


def test_a_bad_row_is_told_and_the_next_one_read(tmp_path: Path) -> None:
    source = written(
        tmp_path / "a.jsonl",
        [*problems("a", 1), "{", {"question": "?"}, '"' + "x" * 1_100_000 + '"', *problems("b", 1)],
    )
    reader = SourceReader(source)
    assert len(list(reader.rows())) == 2
    assert (reader.num_read, reader.num_refused) == (5, 3)
    assert [refused.place for refused in reader.refused] == [f"a.jsonl, line {n}" for n in (2, 3, 4)]
    reasons = [refused.reason for refused in reader.refused]
    assert [reason[:9] for reason in reasons] == ["no JSON: ", "no column", "over 1048"]


@pytest.mark.parametrize(
    ("rows", "fields", "said"),
    [
        (
            [{"question": "?"}] * 3,
            {"layout": "gsm8k", "refused_max": 2},
            "3 of 3 rows do not parse, the first at a.jsonl, line 1: no gsm8k row",
        ),
        ([{"frage": "?"}], {}, "a.jsonl: no known layout has the columns ['frage']; known are openmathinstruct"),
        ([], {}, "holds no row"),
    ],
)
def test_a_source_that_is_no_data_is_refused_as_a_whole(
    tmp_path: Path, rows: list[Any], fields: Any, said: str
) -> None:
    source = written(tmp_path / "a.jsonl", rows).model_copy(update=fields)
    with pytest.raises(SourceRefused) as refused:
        list(SourceReader(source).rows())
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a.jsonl,layout=alpaca", "no layout 'alpaca'; there are openmathinstruct"),
        ("a.jsonl,weight=0", "weight: Input should be greater than 0"),
        ("a.jsonl,wieght=2", "wieght: Extra inputs"),
        ("", "name"),
    ],
)
def test_a_source_that_is_misspelt_is_told(text: str, said: str) -> None:
    with pytest.raises(ValueError) as refused:
        source_parse(text)
    assert said in str(refused.value)


def test_a_licence_is_claimed_only_where_the_set_is_named(tmp_path: Path) -> None:
    source = written(tmp_path / "a.jsonl", ROWS["metamath"])
    named = source.model_copy(update={"layout": "metamath"})
    for one, said in ((source, "MIT if it is meta-math/MetaMathQA"), (named, "MIT")):
        reader = SourceReader(one)
        assert len(list(reader.rows())) == 1
        assert list(reader.layouts.values()) == [said]


# The mixture


def test_shares_follow_the_weights_and_nothing_comes_twice(tmp_path: Path) -> None:
    heavy = written(tmp_path / "a.jsonl", problems("a", 900)).model_copy(update={"weight": 3.0})
    light = written(tmp_path / "b.jsonl", problems("b", 900))
    questions, _ = mixed(MixtureSpec([heavy, light]), num_rows=800)
    shares = Counter(question[0] for question in questions)
    assert 560 < shares["a"] < 640
    assert len(set(questions)) == 800
    everything, _ = mixed(MixtureSpec([heavy, light]))
    assert len(everything) == 1800


def test_a_seed_gives_one_order_which_can_be_entered_anywhere(tmp_path: Path) -> None:
    sources = [written(tmp_path / f"{name}.jsonl", problems(name, 40)) for name in "abc"]
    whole, _ = mixed(MixtureSpec(sources, seed=7))
    assert mixed(MixtureSpec(sources, seed=7))[0] == whole
    assert mixed(MixtureSpec(sources, seed=7), first=37, num_rows=20)[0] == whole[37:57]
    other, _ = mixed(MixtureSpec(sources, seed=8))
    assert other != whole
    assert sorted(other) == sorted(whole)


def test_the_same_words_are_kept_once(tmp_path: Path) -> None:
    twice = {"question": "A: What is 0 + 0?", "answer": "0."}
    sources = [written(tmp_path / "a.jsonl", [*problems("a", 2), twice])]
    questions, removed = mixed(MixtureSpec(sources))
    assert len(questions) == 2
    assert [(one.place, one.reason) for one in removed] == [("a.jsonl, line 3", "duplicate")]
    assert removed[0].detail.endswith("a.jsonl, line 1")
    assert len(mixed(MixtureSpec(sources, has_duplicates=True))[0]) == 3


def test_nearly_the_same_words_are_kept_once_where_asked(tmp_path: Path) -> None:
    pytest.importorskip("datasketch", reason="the extra `data` is not installed")
    story = " ".join(f"word{n}" for n in range(80))
    rows = [{"question": story, "answer": "1"}, {"question": f"{story} more", "answer": "1"}, *problems("a", 3)]
    sources = [written(tmp_path / "a.jsonl", rows)]
    assert len(mixed(MixtureSpec(sources))[0]) == 5
    _, removed = mixed(MixtureSpec(sources, near_threshold=0.8))
    assert [(one.place, one.reason) for one in removed] == [("a.jsonl, line 2", "near_duplicate")]


def test_a_row_that_shares_13_words_with_a_measured_set_goes(tmp_path: Path) -> None:
    dev = tmp_path / "dev.jsonl"
    written(
        dev, [{"frage": f"{MEASURED}. How many remain?"}, {"frage": "Which of these eight short words is the last"}]
    )
    spoilt = f"Riddle! {MEASURED.upper()}: count them."
    short = {"question": "which of these eight short words is the LAST?", "answer": "last"}
    part = {"question": " ".join(MEASURED.split()[:12]), "answer": "12 words only"}
    rows = [{"question": spoilt, "answer": "81"}, short, part, *problems("a", 2)]
    sources = [written(tmp_path / "a.jsonl", rows)]
    questions, removed = mixed(MixtureSpec(sources, against=[dev]))
    assert len(questions) == 3
    assert [(one.place, one.reason) for one in removed] == [(f"a.jsonl, line {n}", "contaminated") for n in (1, 2)]
    assert removed[0].detail.startswith("dev.jsonl, line 1: a gardener plants nine rows of twelve tulips")


# The command


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = data_command([str(argument) for argument in arguments])
    return (code, *capsys.readouterr())


def test_a_report_counts_every_row_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dev = tmp_path / "dev.jsonl"
    written(dev, [{"frage": MEASURED}])
    bad = [{"question": MEASURED, "answer": "81"}, problems("a", 1)[0], "{"]
    source = written(tmp_path / "a.jsonl", [*problems("a", 6), *bad])
    code, said, told = run(capsys, "report", f"{source.name},licence=CC0", "--against", dev, "--json")
    assert code == 0
    report = json.loads(said)["sources"][0]
    counts = {
        name: report[name] for name in ("num_read", "num_kept", "num_refused", "num_duplicates", "num_contaminated")
    }
    assert counts == {"num_read": 9, "num_kept": 6, "num_refused": 1, "num_duplicates": 1, "num_contaminated": 1}
    assert (report["licences"], report["layouts"]) == (["CC0"], ["rows"])
    assert 6 * 10 < report["num_tokens"] < 6 * 30
    assert "contaminated" in told


def test_a_preview_shows_what_the_model_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = written(tmp_path / "a.jsonl", ROWS["gsm8k"])
    code, said, _ = run(capsys, "preview", source.name)
    assert code == 0
    call = '<|tool_call|><|tool_name|>symbolic_math<|tool_args|>{"operation": "evaluate", "expression": "4*1.50"}'
    assert f"1.0 '<|think|>The pens cost 4*1.50=$<|/think|>{call}<|/tool_call|>'" in said
    assert "0.0 '<|tool_result|>6<|/tool_result|>'" in said


def test_a_build_that_was_stopped_goes_on_to_the_same_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [written(tmp_path / f"{name}.jsonl", problems(name, 10)).name for name in "ab"]
    out = tmp_path / "out"
    arguments = ("build", *names, "--out", out, "--shard-rows", 8)
    assert run(capsys, *arguments)[0] == 0
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    manifest = BuildManifest.model_validate_json(first["manifest.json"])
    assert [shard.num_rows for shard in manifest.shards] == [8, 8, 4]
    lines = [line for shard in manifest.shards for line in first[shard.file].splitlines()]
    assert len({row_of(line_read(line)) for line in lines}) == 20
    for name in ("manifest.json", "rows-00001.jsonl"):
        (out / name).unlink()
    assert run(capsys, *arguments)[0] == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first
    code, _, told = run(capsys, *arguments, "--seed", 2)
    assert code == 1
    assert "holds another mixture" in told


@pytest.mark.extra  # `datasets` takes seconds to import
def test_the_pages_commands_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra `data` is not installed")
    monkeypatch.chdir(tmp_path)
    for name in ("train.jsonl.gz", "dev.jsonl", "a.jsonl", "b.jsonl"):
        written(Path(name), problems(name, 4))
    datasets.disable_progress_bars()
    datasets.Dataset.from_list(problems("more", 4)).to_parquet("more.parquet")
    blocks = [block.body for block in blocks_of(ROOT / "docs" / "data.md") if block.mark == f"run by: {THIS_FILE}"]
    commands = [line for body in blocks for line in body.splitlines()]
    assert len(commands) == 4
    for command in commands:
        words = shlex.split(command)
        assert words[:4] == ["python", "-m", "gpu_node", "data"]
        code, said, _ = run(capsys, *words[4:])
        assert code == 0
        assert said


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["report", "nowhere.jsonl"], 1, "there is no file nowhere.jsonl"),
        (["report", "a.jsonl", "a.jsonl"], 2, "a.jsonl is named twice"),
        (["report", "a.jsonl,layout=x"], 2, "no layout 'x'"),
    ],
)
def test_a_bad_command_says_why(arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = run(capsys, *arguments)
    assert given[0] == code
    assert said in given[2]
