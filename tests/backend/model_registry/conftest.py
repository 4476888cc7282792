"""An operator, a served version `old` with its report, a node that holds it and a better candidate."""

from collections.abc import Iterator

import pytest

from backend.accounts.models import User
from backend.metering.services import price_set
from backend.model_registry.models import ModelVersion
from backend.model_registry.services import model_promote, snapshot_forget
from tests.backend.model_registry.cast import node_says, version_of

ALIAS = "svend-latest"


@pytest.fixture(autouse=True)
def _fresh_snapshot() -> Iterator[None]:
    snapshot_forget()
    yield
    snapshot_forget()


@pytest.fixture
def operator(db: None) -> User:
    return User.objects.create_user("operator@example.org", "correct horse battery", is_staff=True)


@pytest.fixture
def served(db: None, settings) -> ModelVersion:
    """Served under the alias by node `one`, which holds `better` and `worse` too."""
    settings.SVEND_NODES = []
    old = version_of("old", rights={"algebra": 40, "logic": 40})
    price_set(model="old", nano_usd_per_token=3_000)
    model_promote(alias=ALIAS, version=old, reason="the first")
    node_says(settings, "one", ["old", "better", "worse"])
    return old


@pytest.fixture
def better(served: ModelVersion) -> ModelVersion:
    return version_of("better", rights={"algebra": 45, "logic": 47})


@pytest.fixture
def worse(served: ModelVersion) -> ModelVersion:
    return version_of("worse", rights={"algebra": 12, "logic": 30})
