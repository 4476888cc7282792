"""`seed_models`: what is shipped is registered with its files and its measurements; repeats change nothing."""

import json
from io import StringIO

import pytest
from django.core.management import call_command

from backend.core.artifacts import manifest_read, pieces_lacking
from backend.model_registry.models import EvalReport, ModelVersion, Promotion
from backend.model_registry.reports import report_add
from backend.model_registry.services import LOCAL_ALIASES
from gpu_node.protocol.job_spec import EvalSpec
from tests.backend.model_registry.cast import version_of
from tests.backend.model_registry.shipped_folder import NANO

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _store(tmp_path, settings) -> None:
    settings.SVEND_DATA = tmp_path


def seed() -> str:
    out = StringIO()
    call_command("seed_models", "--no-probe", stdout=out)
    return out.getvalue()


def test_any_node_can_load_what_is_shipped() -> None:
    assert "svend-nano (reasoner)" in seed()
    for version in ModelVersion.objects.all():
        assert version.manifest is not None
        manifest = manifest_read(version.manifest_sha256)
        assert pieces_lacking(manifest) == []
        assert version.num_bytes == manifest.num_bytes > 0
        assert version.dtype


def test_a_second_start_changes_nothing() -> None:
    seed()
    counts = [model.objects.count() for model in (ModelVersion, EvalReport, Promotion)]
    seed()
    assert [model.objects.count() for model in (ModelVersion, EvalReport, Promotion)] == counts
    assert counts[2] == len(LOCAL_ALIASES)


def test_a_job_that_asks_the_same_is_comparable_with_the_card() -> None:
    seed()
    shipped = EvalReport.objects.get(model_version__name="svend-nano")
    card = json.loads((NANO / "model_card.json").read_text())
    spec = EvalSpec(model="m", num_problems=shipped.num_problems, is_held_out_wording=shipped.is_held_out_wording)
    assert report_add(version=version_of("m"), result=card, spec=spec).problems_sha256 == shipped.problems_sha256
