"""The chaos tests' stage, on the test's own database."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from tests.chaos.stage import Stage, stage_started


@pytest.fixture
def stage(tmp_path: Path, settings: Any, transactional_db: None) -> Iterator[Stage]:
    settings.SVEND_DATA = tmp_path  # so that what the test stores lies in the product's store
    said = io.StringIO()
    call_command("seed_local", stdout=said)
    with stage_started(tmp_path, operator_key=json.loads(said.getvalue())["operator_key"]) as started:
        yield started
