"""The registry over /api: staff sees lineage, gates, comparisons and the audit; everybody else what is on sale."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from backend.accounts.models import Account, Membership, User
from backend.accounts.services import api_key_create
from backend.core.artifacts import folder_keep
from backend.model_registry.models import Deployment, ModelVersion, Promotion
from backend.model_registry.reports import report_add
from backend.model_registry.versions import InvalidCheckpoint, Lineage, NameTaken, version_register
from tests.backend.model_registry.cast import manifest_named, node_says, result_of, version_of
from tests.backend.model_registry.conftest import ALIAS
from tests.backend.model_registry.shipped_folder import NANO

pytestmark = pytest.mark.django_db

Asking = Callable[..., Any]


@pytest.fixture
def staff(operator: User, account: Account) -> Client:
    Membership.objects.create(user=operator, account=account)
    client = Client()
    client.force_login(operator, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.fixture
def customer(account: Account) -> Client:
    _, raw = api_key_create(account_id=account.id, name="theirs")
    return Client(headers={"authorization": f"Bearer {raw}"})


def post(client: Client, path: str, **body: Any) -> Any:
    return client.post(path, body, content_type="application/json")


STAFF_ONLY = [
    "/api/models/old",
    "/api/models/old/gates",
    "/api/promotions",
    "/api/aliases",
    "/api/reports",
    "/api/reports/1",
    "/api/reports/compare?a=1&b=1",
    "/api/reports/samples?a=1&b=1",
]


@pytest.mark.parametrize("path", STAFF_ONLY)
def test_only_staff_reads_the_registry(served: ModelVersion, customer: Client, path: str) -> None:
    assert customer.get(path).status_code == 403


@pytest.mark.parametrize("path", ["/api/promotions", "/api/promotions/rollback", "/api/models/old/deployments"])
def test_only_staff_changes_the_registry(better: ModelVersion, customer: Client, path: str) -> None:
    body = {"alias": ALIAS, "model": "better", "reason": "mine", "node": "one"}
    assert post(customer, path, **body).status_code == 403
    assert Promotion.objects.count() == 1
    assert not Deployment.objects.exists()


def test_customers_see_what_is_on_sale_without_its_inside(served: ModelVersion, customer: Client) -> None:
    version_of("svend-candidate")
    ModelVersion.objects.filter(name="svend-candidate").update(job_id="job_12345678")
    (model,) = customer.get("/api/models").json()
    assert (model["id"], model["aliases"], model["is_ready"]) == ("old", [ALIAS], True)
    assert "staff" not in model


def test_a_critic_must_be_wherever_the_model_may_answer(served: ModelVersion, customer: Client, settings) -> None:
    def has_critic() -> bool:
        (model,) = customer.get("/api/models").json()
        return model["has_critic"]

    assert not has_critic()
    node_says(settings, "one", ["old"], has_critic=True)
    assert has_critic()
    node_says(settings, "two", ["old"])
    assert not has_critic()


def test_staff_sees_every_version_with_its_evidence(better: ModelVersion, staff: Client) -> None:
    models = {model["id"]: model for model in staff.get("/api/models").json()}
    assert set(models) == {"old", "better"}
    inside = models["better"]["staff"]
    assert inside["ready_nodes"] == ["one"]
    assert inside["reports"][0]["n"] == 100
    assert inside["lineage"]["parent"] is None
    assert staff.get("/api/models/better").json()["staff"] == inside
    assert staff.get("/api/models/none").status_code == 404


def test_promoted_and_rolled_back_over_the_api(better: ModelVersion, operator: User, staff: Client) -> None:
    gates = staff.get(f"/api/models/better/gates?alias={ALIAS}").json()
    assert (gates["is_ok"], gates["serving"]) == (True, "old")
    made = post(staff, "/api/promotions", alias=ALIAS, model="better", reason="clearly better")
    assert made.status_code == 201, made.content
    assert made.json()["state"] == "effective"
    back = post(staff, "/api/promotions/rollback", alias=ALIAS, reason="complaints", expected="better")
    assert back.status_code == 201, back.content
    audit = staff.get("/api/promotions").json()
    told = [(one["model"], one["replaces"], one["promoted_by"], one["reason"], one["is_rollback"]) for one in audit]
    assert told[:2] == [
        ("old", "better", operator.email, "complaints", True),
        ("better", "old", operator.email, "clearly better", False),
    ]
    assert staff.get("/api/aliases").json() == [
        {"alias": ALIAS, "model": "old", "rollback_to": None, "waiting": None},
    ]


def test_a_red_gate_is_a_refusal_with_its_reason(worse: ModelVersion, staff: Client) -> None:
    refused = post(staff, "/api/promotions", alias=ALIAS, model="worse", reason="I like it")
    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "promotion_refused"
    assert "Clearly worse" in refused.json()["error"]["message"]
    (red,) = [gate for gate in staff.get("/api/models/worse/gates").json()["gates"] if gate["name"] == "not_worse"]
    assert (red["is_ok"], red["is_blocking"]) == (False, True)
    assert red["cure"]


def test_a_key_acts_for_the_person_who_made_it(better: ModelVersion, operator: User, account: Account) -> None:
    body = {"alias": ALIAS, "model": "better", "reason": "clearly better"}
    for person, status in ((None, 403), (operator.pk, 201)):
        _, raw = api_key_create(account_id=account.id, name="cli", scopes=["admin"], created_by_id=person)
        made = post(Client(headers={"authorization": f"Bearer {raw}"}), "/api/promotions", **body)
        assert made.status_code == status, made.content
    assert Promotion.objects.latest("id").promoted_by == operator


def test_two_reports_are_compared_family_by_family(worse: ModelVersion, staff: Client) -> None:
    a = staff.get("/api/reports?model=old").json()[0]["id"]
    b = staff.get("/api/reports?model=worse").json()[0]["id"]
    found = staff.get(f"/api/reports/compare?a={a}&b={b}").json()
    assert found["is_same_problems"]
    families = {row["name"]: row for row in found["families"]}
    assert families["algebra"]["verdict"] == "worse"
    assert families["algebra"]["difference"] == pytest.approx(-0.56)
    assert families["algebra"]["difference_high"] < 0
    assert found["totals"][0]["name"] == "with_tools"
    assert staff.get(f"/api/reports/{b}").json()["result"]["total"]["with_tools"]["n"] == 100
    for wrong in ("a=x&b=1", "a=1", f"a={a}&b=999999"):
        assert staff.get(f"/api/reports/compare?{wrong}").status_code in (400, 404)


def test_answers_side_by_side_come_in_pages(worse: ModelVersion, staff: Client) -> None:
    trace = [{"type": "run.finished", "finish_reason": "stop", "answer": "5"}]
    ids = {}
    for name, given in (("old", "4"), ("worse", "5")):
        answer = {"family": "algebra", "mode": "own", "known": "4", "given": given, "is_right": given == "4"}
        problems = [answer | {"question": f"{n} + {4 - n}", "trace": trace} for n in range(12)]
        version = ModelVersion.objects.get(name=name)
        ids[name] = report_add(version=version, result=result_of({"algebra": 48}) | {"problems": problems}).id
    path = f"/api/reports/samples?a={ids['old']}&b={ids['worse']}"
    first, second = (staff.get(f"{path}&limit=8&offset={offset}").json() for offset in (0, 8))
    assert (first["num_found"], first["num_kept"], first["families"]) == (12, 12, ["algebra"])
    assert [len(first["samples"]), len(second["samples"])] == [8, 4]
    assert first["samples"][0]["b"] == {
        "is_right": False,
        "given": "5",
        "num_calls": None,
        "num_tokens": None,
        "trace": trace,
    }
    assert staff.get(f"{path}&show=b_better").json()["num_found"] == 0
    for wrong in ("show=odd", "limit=0", "offset=-1", "limit=51"):
        assert staff.get(f"{path}&{wrong}").status_code == 400


def test_deployments_are_wished_and_taken_back(served: ModelVersion, staff: Client, settings) -> None:
    version_of("new", manifest=manifest_named("new"))
    made = post(staff, "/api/models/new/deployments", node="one")
    assert (made.status_code, made.json()["state"]) == (201, "wanted")
    assert post(staff, "/api/models/new/deployments", node="nowhere").status_code == 409
    assert post(staff, "/api/models/old/deployments", node="one").status_code == 409  # the store has no files of it
    assert staff.delete("/api/models/new/deployments/one").json()["state"] == "unloading"
    assert staff.delete("/api/models/new/deployments/two").status_code == 404


def test_the_only_node_of_what_is_served_keeps_it(served: ModelVersion, staff: Client, settings) -> None:
    Deployment.objects.create(model_version=served, node_name="one", state=Deployment.State.READY)
    assert staff.delete("/api/models/old/deployments/one").status_code == 409
    node_says(settings, "two", ["old"])
    assert staff.delete("/api/models/old/deployments/one").json()["state"] == "unloading"


# --- Registering a checkpoint


@pytest.fixture
def store(tmp_path, settings) -> None:
    settings.SVEND_DATA = tmp_path


@pytest.mark.usefixtures("store")
def test_a_checkpoint_says_itself_what_it_is() -> None:
    manifest = folder_keep(NANO)
    lineage = Lineage(job_id="job_AbCdEf123", step=200, config={"model_size": "nano"}, data_sha256="d" * 64)
    version = version_register(manifest=manifest, lineage=lineage)
    assert version.name == "svend-nano-def123-200"
    assert (version.role, version.manifest_sha256) == ("reasoner", manifest.sha256)
    assert version.num_parameters > 100_000
    assert version.dtype in ("bfloat16", "float32")
    assert version_register(manifest=manifest, lineage=lineage, name="other") == version  # the same bytes


@pytest.mark.usefixtures("store")
def test_what_is_no_checkpoint_is_refused(tmp_path) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()
    (folder / "rows.jsonl").write_text("{}")
    lineage = Lineage(job_id="job_1", step=1)
    with pytest.raises(InvalidCheckpoint, match=r"no config\.json"):
        version_register(manifest=folder_keep(folder), lineage=lineage)
    (folder / "config.json").write_text('{"max_position_embeddings": 8, "vocab_size": 8}')
    with pytest.raises(InvalidCheckpoint, match="no safetensors"):
        version_register(manifest=folder_keep(folder), lineage=lineage)
    (folder / "model.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(InvalidCheckpoint, match="claims"):
        version_register(manifest=folder_keep(folder), lineage=lineage)
    assert not ModelVersion.objects.exists()


@pytest.mark.usefixtures("store")
def test_a_name_belongs_to_its_first_weights() -> None:
    version_of("taken")
    with pytest.raises(NameTaken):
        version_register(manifest=folder_keep(NANO), lineage=Lineage(job_id="job_1", step=1), name="taken")
