"""The suite of abuse on the tier `chroot`."""

import pytest

from tests.gpu_node.abuse.suite import *  # noqa: F403 - its tests and fixtures

TIER = "chroot"
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.extra]
