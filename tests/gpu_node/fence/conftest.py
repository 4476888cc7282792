"""The machine's best fence, started once for each file of tests, with a secret in the node's environment."""

import os
from collections.abc import AsyncIterator

import pytest_asyncio

from gpu_node.tools.executor import ToolExecutor
from tests.gpu_node.fence.calls import SECRET


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def executor() -> AsyncIterator[ToolExecutor]:
    os.environ["SVEND_PLANTED_SECRET"] = SECRET
    started = ToolExecutor()
    await started.start()
    assert started.fence_tier == "namespaces", started.unavailable_reason
    yield started
    await started.close()
    del os.environ["SVEND_PLANTED_SECRET"]
