"""The suite of abuse on the tier `namespaces`."""

import pytest

from tests.gpu_node.abuse.suite import *  # noqa: F403 - its tests and fixtures

TIER = "namespaces"
pytestmark = pytest.mark.asyncio(loop_scope="module")
