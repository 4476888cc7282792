"""Plug-in tools: a function of another package is a tool like ours, in the fence, described to the model."""

import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from gpu_node.inference.scripted import Answer, Call, Script
from gpu_node.protocol.frames import ToolResult
from gpu_node.protocol.run_spec import BUILT_IN_TOOLS, Message, RunSpec
from gpu_node.reasoning.orchestrator import Orchestrator, RunRefused
from gpu_node.tools.executor import ToolExecutor
from gpu_node.tools.plugins import PluginUnusable, tools_all
from tests.gpu_node.scripted_node import MODEL, orchestrator_of

EXAMPLE = Path(__file__).parent / "plugin_example"


@pytest.fixture(autouse=True)
def _found_anew() -> Iterator[None]:
    tools_all.cache_clear()
    yield
    tools_all.cache_clear()
    sys.modules.pop("dice_tool", None)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))


@pytest_asyncio.fixture
async def executor(installed: None) -> AsyncIterator[ToolExecutor]:
    started = ToolExecutor(concurrent_calls_max=1)
    await started.start()
    yield started
    await started.close()


async def test_a_plugin_runs_in_the_fence_and_is_listed_with_its_limits(executor: ToolExecutor) -> None:
    outcome = await executor.call("dice_odds", '{"dice": 2, "total": 7}')
    assert (outcome.status, outcome.text) == ("ok", "1/6")
    refused = await executor.call("dice_odds", '{"dice": 0, "total": 7}')
    assert refused.text == "Error: dice and sides must be at least 1, with at most 100000 outcomes"
    missing = await executor.call("dice_odds", '{"dice": 2}')
    assert missing.text == "Error: the parameter 'total' is missing: dice_odds takes dice, total, sides"
    (listed,) = (tool for tool in executor.descriptions() if tool.source == "plug-in")
    assert (listed.name, listed.fence_tier) == ("dice_odds", executor.fence_tier)
    assert listed.parameters["required"] == ["dice", "total"]


async def test_a_run_may_call_it_where_it_is_allowed_and_the_model_is_told_of_it(executor: ToolExecutor) -> None:
    plays = Script(attempts={"odds of 7": [[Call("dice_odds", '{"dice": 2, "total": 7}'), Answer("1/6")]]})
    orchestrator = orchestrator_of(plays, executor)
    spec = _spec("odds of 7", tools=["dice_odds"])
    results = [event async for event, _ in orchestrator.prepare(spec).events() if isinstance(event, ToolResult)]
    assert [(result.status, result.text) for result in results] == [("ok", "1/6")]
    told, untold = (_prompt(orchestrator, _spec("hello", tools=tools)) for tools in (["dice_odds"], BUILT_IN_TOOLS))
    assert "Gives the exact probability" in told
    assert "Gives the exact probability" not in untold
    assert _prompt(orchestrator, _spec("hello", tools=list(BUILT_IN_TOOLS))) == untold


async def test_an_unknown_tool_is_refused_before_the_run(executor: ToolExecutor) -> None:
    orchestrator = orchestrator_of(Script(attempts={}), executor)
    with pytest.raises(RunRefused, match="this node has no tool 'web_search'") as refused:
        orchestrator.prepare(_spec("hello", tools=["web_search"]))
    assert refused.value.code == "unknown_tool"


@pytest.mark.parametrize(
    ("point", "complaint"),
    [
        ("dice_odds = no_such_module:dice_odds", "No module named 'no_such_module'"),
        ("dice_odds = dice_tool:no_such_function", "no_such_function"),
        ("other_name = dice_tool:dice_odds", "need the same name"),
        ("SUMS_MAX = dice_tool:SUMS_MAX", "dice_tool:SUMS_MAX"),
        ("execute_python = gpu_node.tools.execute_python:execute_python", "the name 'execute_python' is taken"),
    ],
)
def test_a_plugin_that_cannot_be_a_tool_stops_the_start(
    point: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bad_tool-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: bad-tool\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(f"[svend.tools]\n{point}\n")
    (tmp_path / "dice_tool.py").write_text((EXAMPLE / "dice_tool.py").read_text())
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(PluginUnusable, match=complaint):
        tools_all()


def _spec(question: str, *, tools: list[str] | tuple[str, ...]) -> RunSpec:
    messages = [Message(role="user", content=question)]
    return RunSpec(model=MODEL, messages=messages, tools=list(tools), max_total_tokens=4000)


def _prompt(orchestrator: Orchestrator, spec: RunSpec) -> str:
    ids = orchestrator.prepare(spec).prompt_ids
    return str(orchestrator.reasoner.tokenizer.decode(ids, skip_special_tokens=False))


def test_the_pages_example_is_the_tested_one() -> None:
    page = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text()
    assert (EXAMPLE / "dice_tool.py").read_text().partition('"""\n\n')[2] in page
    assert json.dumps("dice_odds") in page
