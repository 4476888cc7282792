"""The suite of abuse on the tier `landlock`."""

import pytest

from tests.gpu_node.abuse.suite import *  # noqa: F403 - its tests and fixtures

TIER = "landlock"
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.extra]
