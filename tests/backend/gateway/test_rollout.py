"""A version travels from the store to a real node, which loads it beside what it serves; the alias moves when it is
ready, and nobody who asks meanwhile is refused.
"""

import asyncio
import datetime as dt
from pathlib import Path

import httpx
import pytest

from backend.accounts.models import User
from backend.core.artifacts import FolderStore, folder_keep
from backend.core.threads import service_call
from backend.model_registry import deployments
from backend.model_registry.models import Deployment, ModelVersion, Promotion
from backend.model_registry.promotions import promote, rollback
from backend.model_registry.reports import report_add
from backend.model_registry.rollout import deployment_advance
from backend.model_registry.services import DEFAULT_ALIAS
from backend.model_registry.versions import Lineage, version_register
from backend.nodes.client import NodeClient
from backend.nodes.services import node_addresses
from backend.runs.models import Run
from tests.backend.gateway.node_process import MODEL, NodeProcess
from tests.backend.gateway.runs_checked import all_sound
from tests.backend.model_registry.cast import SPEC, result_of
from tests.backend.model_registry.shipped_folder import NANO

NEXT = "svend-next"
LOAD_SECONDS_MAX = 240  # torch's import on a busy machine

pytestmark = pytest.mark.timeout(2 * LOAD_SECONDS_MAX)


@pytest.fixture
def operator(db: None) -> User:
    return User.objects.create_user("operator@example.org", "correct horse battery")


@pytest.fixture
async def stored(own_node: NodeProcess, server: str, registry: ModelVersion, settings, tmp_path) -> None:
    """The store's door is this test's server."""
    settings.SVEND_DATA, settings.SVEND_ARTIFACTS_URL = tmp_path, server


def candidate_register(serving: ModelVersion) -> ModelVersion:
    version = version_register(manifest=folder_keep(NANO), lineage=Lineage(job_id="job_12345678", step=5), name=NEXT)
    report_add(version=serving, result=result_of({"algebra": 40}), spec=SPEC)
    report_add(version=version, result=result_of({"algebra": 44}), spec=SPEC)
    return version


async def answering(http: httpx.AsyncClient) -> str:
    """The model that answers under the alias."""
    body = {"model": DEFAULT_ALIAS, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 8}
    answer = await http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["model"])


async def ended(promotion: Promotion, http: httpx.AsyncClient | None = None) -> Promotion:
    async with asyncio.timeout(LOAD_SECONDS_MAX):
        while promotion.state == Promotion.State.WAITING:
            if http is not None:
                assert await answering(http) in (MODEL, NEXT)
            await deployment_advance()
            await asyncio.sleep(0.2)
            await service_call(promotion.refresh_from_db)
    return promotion


async def held() -> set[str]:
    info = await NodeClient(node_addresses()["local"]).info()
    return {model.version for model in info.models}


@pytest.mark.usefixtures("stored")
async def test_the_alias_moves_when_a_node_is_ready_and_no_request_fails(
    http: httpx.AsyncClient, registry: ModelVersion, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidate = await service_call(candidate_register, registry)
    move = {"alias": DEFAULT_ALIAS, "promoted_by_id": operator.pk}
    promotion = await service_call(promote, version=candidate, reason="better", **move)  # type: ignore[arg-type]
    assert promotion.state == Promotion.State.WAITING
    assert await answering(http) == MODEL
    assert (await ended(promotion, http)).state == Promotion.State.EFFECTIVE
    assert await held() == {MODEL, NEXT}
    assert await answering(http) == NEXT
    await service_call(rollback, reason="back again", **move)  # type: ignore[arg-type]
    assert await answering(http) == MODEL
    assert await service_call(lambda: set(Run.objects.values_list("status", flat=True))) == {"finished"}
    await deployment_advance()
    assert await held() == {MODEL, NEXT}  # its longest run may still be at it
    monkeypatch.setattr(deployments, "RETIRE_AFTER", dt.timedelta(0))
    await deployment_advance()
    await deployment_advance()
    assert await held() == {MODEL}
    assert not await service_call(Deployment.objects.exists)
    await all_sound()


@pytest.mark.usefixtures("stored")
async def test_a_flipped_byte_is_refused_and_the_old_version_answers_on(
    http: httpx.AsyncClient, registry: ModelVersion, operator: User, tmp_path: Path
) -> None:
    candidate = await service_call(candidate_register, registry)
    assert candidate.manifest is not None
    weights = next(file for file in candidate.manifest["files"] if file["path"] == "model.safetensors")
    path = FolderStore(tmp_path / "artifacts").path(weights["pieces"][0]["sha256"])
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    promotion = await service_call(
        promote, alias=DEFAULT_ALIAS, version=candidate, promoted_by_id=operator.pk, reason="better"
    )
    assert (await ended(promotion)).state == Promotion.State.FAILED
    assert "local:" in promotion.error
    wish = await service_call(Deployment.objects.get)
    assert (wish.state, wish.reason in promotion.error) == (Deployment.State.FAILED, True)
    assert await answering(http) == MODEL
