"""Tools of MCP servers: listed, called, limited; a server that dies costs only its own tools, and comes back."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gpu_node.tools import mcp_servers
from gpu_node.tools.executor import ToolExecutor
from gpu_node.tools.fence_selftest import FenceChoice
from gpu_node.tools.mcp_servers import McpConfigBad, McpServer, McpServerConfig, mcp_config_read

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = McpServerConfig(
    name="example",
    command=sys.executable,
    args=["-m", "tests.gpu_node.mcp_example"],
    env={"PYTHONPATH": str(ROOT)},
)


async def _no_fence(_calls: int) -> FenceChoice:
    return FenceChoice(pool=None, reason="not asked for here")


@pytest_asyncio.fixture
async def executor() -> AsyncIterator[ToolExecutor]:
    started = ToolExecutor(choose_fence=_no_fence, mcp_servers=[McpServer(EXAMPLE)])
    await started.start()
    yield started
    await started.close()


async def test_its_tools_are_listed_and_called_and_limited(executor: ToolExecutor) -> None:
    listed = {tool.name: tool for tool in executor.descriptions() if tool.source == "mcp"}
    assert set(listed) == {f"example_{name}" for name in ("reverse", "long", "slow", "fail", "die")}
    assert listed["example_reverse"].description == "Reverses a text."
    assert listed["example_reverse"].parameters["required"] == ["text"]
    assert (listed["example_reverse"].server, listed["example_reverse"].fence_tier) == ("example", "")

    reversed_ = await executor.call("example_reverse", '{"text": "Svend"}')
    assert (reversed_.status, reversed_.text) == ("ok", "dnevS")
    long = await executor.call("example_long", '{"characters": 20000}')
    assert (len(long.text), long.is_truncated) == (16_384, True)
    failed = await executor.call("example_fail", "{}")
    assert (failed.status, failed.text) == ("error", "Error: Error executing tool fail")  # no more is told
    slow = await executor.call("example_slow", '{"seconds": 5}', timeout_seconds=0.3)
    assert (slow.status, slow.text) == ("timeout", "Error: stopped after 0.3 seconds")
    for bad in ("not JSON", "[1]", '{"text": NaN}'):
        assert (await executor.call("example_reverse", bad)).status == "error"
    (told,) = executor.described(["example_reverse", "execute_python"])
    assert told.name == "example_reverse"


async def test_a_server_that_dies_is_away_and_comes_back(
    executor: ToolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp_servers, "PAUSE_SECONDS_FIRST", 0.05)
    died = await executor.call("example_die", "{}")
    assert died.status == "unavailable", died
    async with asyncio.timeout(20):
        while (again := await executor.call("example_reverse", '{"text": "ab"}')).status != "ok":
            assert again.status == "unavailable", again
            await asyncio.sleep(0.1)
    assert again.text == "ba"


async def test_a_server_that_does_not_start_costs_nothing_else() -> None:
    config = McpServerConfig(name="gone", command="/no/such/program")
    executor = ToolExecutor(choose_fence=_no_fence, mcp_servers=[McpServer(config)])
    await executor.start()
    assert [tool.name for tool in executor.descriptions() if tool.source == "mcp"] == []
    await executor.close()


@pytest.mark.parametrize(
    ("servers", "complaint"),
    [
        ([{"name": "both", "command": "x", "url": "http://127.0.0.1:1/"}], "one of them"),
        ([{"name": "Bad name", "command": "x"}], "0.name"),
        ([{"name": "a", "command": "x"}, {"name": "a", "command": "y"}], "two servers have one name"),
        ([{"name": f"a{i}", "command": "x"} for i in range(9)], "at most 8"),
        ([{"name": "a", "command": "x", "port": 1}], "0.port"),
    ],
)
def test_a_bad_file_is_refused_with_the_place(servers: list[object], complaint: str, tmp_path: Path) -> None:
    (tmp_path / "servers.json").write_text(json.dumps(servers))
    with pytest.raises(McpConfigBad, match=complaint):
        mcp_config_read(tmp_path / "servers.json")
    with pytest.raises(McpConfigBad, match="No such file"):
        mcp_config_read(tmp_path / "absent.json")
