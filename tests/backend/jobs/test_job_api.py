"""/api/jobs, /api/schedules and /api/nodes, as an operator's key asks them."""

import hashlib
import json
import urllib.request
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from backend.accounts.models import Account, User
from backend.accounts.services import api_key_create
from backend.core.artifacts import piece_store
from backend.jobs import checkpoints
from backend.jobs.models import Job, Metric, Schedule
from backend.jobs.schedules import schedules_due
from backend.jobs.services import job_cancel
from backend.metering.models import UsageRecord
from backend.nodes.fleet import node_change
from backend.nodes.models import Node
from backend.nodes.services import nodes_probe
from backend.runs.models import Run
from gpu_node.protocol import job_frames as wire
from gpu_node.protocol.manifest import Manifest, ManifestFile, Piece
from tests.backend.jobs.conftest import STARTED, follow, fresh, place, status, tick
from tests.backend.jobs.real_nodes import spec_stored
from tests.backend.jobs.wire_node import manifest_of

pytestmark = pytest.mark.django_db(transaction=True)


class Api:
    def __init__(self, raw: str) -> None:
        self.client = Client(headers={"authorization": f"Bearer {raw}"})

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        options = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        if body is None and method != "get":
            options = {"data": "{}", "content_type": "application/json"}
        answer = getattr(self.client, method)(path, **options)
        return answer.status_code, json.loads(answer.content) if answer.content else None


@pytest.fixture
def api(account: Account) -> Api:
    return Api(api_key_create(account_id=account.id, name="operator", scopes=["jobs", "admin"])[1])


@pytest.fixture
def launcher(account: Account) -> Api:
    """May launch jobs, may not change the fleet."""
    return Api(api_key_create(account_id=account.id, name="launcher", scopes=["jobs"])[1])


TRAIN = {"kind": "train", "num_steps": 100}


def test_a_job_is_made_listed_read_cancelled_and_cloned(node, launcher) -> None:
    code, job = launcher("post", "/api/jobs", {"id": "job_mine1234", "spec": TRAIN, "priority": 2, "name": "first"})
    assert code == 201
    assert (job["id"], job["status"], job["name"], job["queue_position"]) == ("job_mine1234", "queued", "first", 1)
    assert job["spec"]["batch_tokens"] == 4096  # frozen, complete
    assert launcher("post", "/api/jobs", {"id": "job_mine1234", "spec": TRAIN})[0] == 200
    assert launcher("post", "/api/jobs", {"id": "job_mine1234", "spec": {"kind": "generate"}})[0] == 409
    code, page = launcher("get", "/api/jobs?status=queued,running&limit=1")
    assert [row["id"] for row in page["results"]] == ["job_mine1234"]
    code, job = launcher("post", "/api/jobs/job_mine1234/cancel", {"reason": "a mistake"})
    assert (job["status"], job["status_reason"], job["can"]) == ("cancelled", "a mistake", ["clone", "requeue"])
    code, clone = launcher("post", "/api/jobs/job_mine1234/clone", {"changes": {"seed": 4}})
    assert (code, clone["spec"]["seed"], clone["cloned_from"]) == (201, 4, "job_mine1234")
    code, detail = launcher("get", "/api/jobs/job_mine1234")
    assert [t["to_status"] for t in detail["transitions"]] == ["queued", "cancelled"]


def test_pages_follow_each_other_to_the_end(node, launcher, make_job) -> None:
    made = [make_job().id for _ in range(5)]
    seen, path = [], "/api/jobs?limit=2"
    while path:
        _, page = launcher("get", path)
        seen += [row["id"] for row in page["results"]]
        path = page["next"] and f"/api/jobs?limit=2&cursor={page['next'].replace('+', '%2B')}"
    assert seen == made[::-1]
    assert launcher("get", "/api/jobs?cursor=nonsense")[0] == 400


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("post", "/api/jobs", {"spec": {"kind": "train", "num_steps": -1}}, "invalid_spec"),
        ("post", "/api/jobs", {"spec": TRAIN, "id": "../x"}, "invalid_request"),
        ("post", "/api/jobs", {"spec": TRAIN, "priority": 1000}, "invalid_value"),
        ("post", "/api/jobs", {"spec": TRAIN, "budget_nano_usd": 0}, "invalid_value"),
        ("get", "/api/jobs/job_nothere1", None, "job_not_found"),
        ("post", "/api/jobs/job_nothere1/cancel", None, "job_not_found"),
        ("get", "/api/jobs/job_nothere1/events", None, "job_not_found"),
        ("post", "/api/nodes/nowhere/cordon", None, "node_not_found"),
        ("post", "/api/jobs/plan", {"spec": TRAIN}, "no_node"),
    ],
)
def test_refusals_have_one_clear_sentence(api, method, path, body, code) -> None:
    status_code, answer = api(method, path, body)
    assert 400 <= status_code < 600
    assert answer["error"]["code"] == code
    assert len(answer["error"]["message"]) > 10


def test_events_metrics_and_log_are_read_by_number(node, running, launcher) -> None:
    for step in range(1, 51):
        node.emit(running.id, wire.Metric(step=step, values={"loss": 1 / step, "learning_rate": 0.1}))
    node.emit(running.id, wire.Log(level="error", text="CUDA is sad"), wire.Log(text="fine"))
    follow()
    _, page = launcher("get", f"/api/jobs/{running.id}/events?after=50&limit=2")
    assert [event["seq"] for event in page["events"]] == [51, 52]
    assert (page["last_seq"], page["is_complete"]) == (53, False)
    _, only = launcher("get", f"/api/jobs/{running.id}/events?types=job.started")
    assert [event["event"]["type"] for event in only["events"]] == ["job.started"]
    _, chart = launcher("get", f"/api/jobs/{running.id}/metrics?names=loss&points_max=9")
    assert chart["num_rows_total"] == 50
    assert len(chart["steps"]) <= 10
    assert {1, 50} <= set(chart["steps"])  # the extremes stay
    assert chart["values"]["loss"][0] == 1.0
    _, log = launcher("get", f"/api/jobs/{running.id}/log?level=warning")
    assert [line["text"] for line in log["lines"]] == ["CUDA is sad"]
    _, found = launcher("get", f"/api/jobs/{running.id}/log?search=FINE")
    assert [line["text"] for line in found["lines"]] == ["fine"]


def test_a_resumed_attempt_replaces_the_curve_it_repeats(node, running, launcher) -> None:
    node.emit(running.id, *[wire.Metric(step=step, values={"loss": 9.0}) for step in (1, 2, 3)])
    follow()
    Metric.objects.create(job=running, epoch=2, seq=900, step=2, values={"loss": 1.0}, at=timezone.now())
    _, chart = launcher("get", f"/api/jobs/{running.id}/metrics")
    assert (chart["steps"], chart["values"]["loss"]) == ([1, 2, 3], [9.0, 1.0, 9.0])


def test_the_form_is_made_of_the_wires_own_schema(launcher) -> None:
    _, schema = launcher("get", "/api/jobs/spec-schema")
    assert set(schema["kinds"]) == {"train", "evaluate", "generate", "export", "quantize", "import"}
    assert schema["kinds"]["train"]["properties"]["num_steps"]["description"] == "Optimiser steps, at most"
    for preset in schema["presets"]:
        from backend.jobs.services import spec_parse

        assert spec_parse(preset["spec"]).kind == preset["kind"]


def test_plan_and_preview_ask_a_node(node, launcher) -> None:
    tick(nodes_probe())
    node_change("gpu-1", price_nano_usd_per_hour=2_000_000_000)
    code, plan = launcher("post", "/api/jobs/plan", {"spec": {**TRAIN, "data": {"num_rows": 5}}})
    assert code == 200, plan
    assert (plan["node_name"], plan["is_ok"], plan["cost_nano_usd_estimated"]) == ("gpu-1", True, 1_000_000_000)
    assert plan["command"] == "svend train --set data.num_rows=5 --set num_steps=100"
    code, preview = launcher("post", "/api/jobs/preview", {"data": {}, "num_rows": 1})
    assert (code, preview["rows"][0]["tokens"][0]["text"]) == (200, " 1")


def test_a_plan_is_made_by_the_shape_of_the_model_that_is_measured(node, launcher, store_door, tmp_path) -> None:
    tick(nodes_probe())
    spec_stored(tmp_path)
    code, plan = launcher("post", "/api/jobs/plan", {"spec": {"kind": "evaluate", "model": "tiny"}})
    assert code == 200, plan
    assert "config.json" in {file.path for file in node.planned.parent.manifest.files}
    code, refused = launcher("post", "/api/jobs/plan", {"spec": {"kind": "quantize", "model": "nobody"}})
    assert (code, refused["error"]["code"], refused["error"]["param"]) == (400, "input_missing", "spec.model")


def test_an_alert_is_read_by_its_step_and_changes_nothing(node, running, launcher) -> None:
    node.emit(running.id, wire.Metric(step=7, values={"loss": 9.0}))
    node.emit(running.id, wire.Alert(kind="spike", step=7, message="the loss jumped"))
    follow()
    code, page = launcher("get", f"/api/jobs/{running.id}/events?types=alert")
    assert code == 200, page
    (alert,) = [entry["event"] for entry in page["events"]]
    assert (alert["kind"], alert["step"], alert["message"]) == ("spike", 7, "the loss jumped")
    assert (status(running), fresh(running).step) == ("running", 7)


def test_a_plan_of_a_gang_says_whether_its_nodes_reach_each_other(nodes, launcher) -> None:
    def rendezvous(num_nodes: int) -> tuple[bool, str]:
        code, plan = launcher("post", "/api/jobs/plan", {"spec": {**TRAIN, "num_nodes": num_nodes}})
        assert code == 200, plan
        (check,) = [check for check in plan["checks"] if check["name"] == "rendezvous"]
        assert plan["is_ok"] == check["is_ok"]
        return check["is_ok"], check["message"]

    for name in ("gpu-1", "gpu-2"):
        nodes(name)
    tick(nodes_probe())
    assert rendezvous(2) == (True, "gpu-2 can reach gpu-1, which would be rank 0")
    assert rendezvous(4) == (False, "needs 4 nodes at once; 2 take jobs now")
    Node.objects.filter(name="gpu-1").update(url="http://127.0.0.1:1")  # an address that only we can use
    said = "gpu-2 cannot reach rank 0's node at 127.0.0.1:1: Connection refused"
    assert rendezvous(2) == (False, said)


def test_a_data_file_is_stored_in_two_calls_and_stays_until_deleted(store_door, launcher, monkeypatch) -> None:
    data = b'{"question": "1 + 1?", "answer": "2"}\n'
    manifest = manifest_of({"rows.jsonl": data})
    body = {"manifest": manifest.model_dump(mode="json")}
    _, first = launcher("post", "/api/artifacts", body)
    assert (first["is_stored"], first["sha256"]) == (False, manifest.sha256)
    url = first["urls"][hashlib.sha256(data).hexdigest()]
    with urllib.request.urlopen(urllib.request.Request(url, data=data, method="PUT")) as answer:
        assert answer.status == 201
    assert launcher("post", "/api/artifacts", body)[1] == {"sha256": manifest.sha256, "is_stored": True, "urls": {}}
    listed = launcher("get", "/api/artifacts")[1]
    assert [(file["name"], file["num_rows"], file["columns"]) for file in listed] == [
        ("rows.jsonl", 1, ["question", "answer"])
    ]
    spec = {"kind": "train", "data": {"source": "file", "file": manifest.sha256}}
    code, job = launcher("post", "/api/jobs", {"spec": spec})
    assert code == 201
    monkeypatch.setattr(checkpoints, "PIECE_AGE_MIN", checkpoints.timedelta(seconds=-1))
    checkpoints.gc_checkpoints()  # what is old and unnamed goes; the file has a row
    assert launcher("post", "/api/artifacts", body)[1]["is_stored"]
    assert launcher("delete", f"/api/artifacts/{manifest.sha256}")[0] == 409
    launcher("post", f"/api/jobs/{job['id']}/cancel")
    _, schedule = launcher("post", "/api/schedules", {"name": "weekly", "spec": spec, "every_seconds": 3600})
    code, refused = launcher("delete", f"/api/artifacts/{manifest.sha256}")
    assert (code, "'weekly'" in refused["error"]["message"]) == (409, True)
    launcher("delete", f"/api/schedules/{schedule['id']}")
    assert launcher("delete", f"/api/artifacts/{manifest.sha256}")[0] == 204
    assert launcher("post", "/api/artifacts", {"manifest": {"files": [{"path": "../x", "pieces": []}]}})[0] == 400


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"text": "1"}\n\n{"text": "2"\n', "rows.jsonl, line 3: no JSON"),
        (b'{"text": "1"}\n[1]\n', "line 2: a list, no object"),
        (b'{"question": "1 + 1?"}\n', "line 1: no known layout has the columns ['question']; known are openmath"),
        (b'{"text": "1"}\n{"question": "1 + 1?"}\n', "line 2: no column 'answer' (has ['question'])"),
        (b'{"query": "1 + 1?", "response": "2"}\n{"query": "?"}\n', "line 2: no metamath row: it has ['query']"),
        (b'{"question": "1 + 1?", "answer": 2}\n', "line 1: bad answer: Input should be a valid string"),
        (b'{"messages": []}', "line 1: bad messages"),
        (b"[" * 100_000, "line 1: no JSON"),
        (b"\n \n", "holds no row"),
    ],
)
def test_a_data_file_that_does_not_parse_is_refused_with_its_line(settings, tmp_path, launcher, data, words) -> None:
    settings.SVEND_DATA = tmp_path
    piece_store().write(data)
    body = {"manifest": manifest_of({"rows.jsonl": data}).model_dump(mode="json")}
    code, answer = launcher("post", "/api/artifacts", body)
    assert (code, answer["error"]["code"]) == (400, "bad_data")
    assert words in answer["error"]["message"]
    assert launcher("get", "/api/artifacts")[1] == []


def test_a_file_in_a_known_layout_is_stored_and_held_by_the_jobs_that_mix_it(
    node, settings, tmp_path, launcher
) -> None:
    settings.SVEND_DATA = tmp_path
    data = b'{"query": "1 + 1?", "response": "The answer is: 2"}\n'
    piece_store().write(data)
    manifest = manifest_of({"rows.jsonl": data})
    assert launcher("post", "/api/artifacts", {"manifest": manifest.model_dump(mode="json")})[1]["is_stored"]
    rows = {"source": "mixture", "files": [f"{manifest.sha256}@2"]}
    code, job = launcher("post", "/api/jobs", {"spec": TRAIN | {"data": rows}})
    assert code == 201
    assert launcher("delete", f"/api/artifacts/{manifest.sha256}")[0] == 409
    launcher("post", f"/api/jobs/{job['id']}/cancel")
    assert launcher("delete", f"/api/artifacts/{manifest.sha256}")[0] == 204
    unknown = {"source": "mixture", "files": ["0" * 64]}
    code, refused = launcher("post", "/api/jobs", {"spec": TRAIN | {"data": unknown}})
    assert (code, refused["error"]["param"]) == (400, "spec.data.files")


def test_a_line_that_lies_in_two_pieces_is_one_row(settings, tmp_path, launcher) -> None:
    settings.SVEND_DATA = tmp_path
    halves = (b'{"text": "1"}\n{"te', b'xt": "2"}\n{"text": "3", "note": 1}')
    pieces = [Piece(sha256=piece_store().write(half), num_bytes=len(half)) for half in halves]
    manifest = Manifest(files=[ManifestFile(path="rows.jsonl", pieces=pieces)])
    assert launcher("post", "/api/artifacts", {"manifest": manifest.model_dump(mode="json")})[1]["is_stored"]
    (file,) = launcher("get", "/api/artifacts")[1]
    assert (file["num_rows"], file["columns"]) == (3, ["text", "note"])


# --- Schedules


def test_a_schedule_makes_a_job_when_it_is_due_and_one_after_an_outage(node, launcher) -> None:
    code, schedule = launcher("post", "/api/schedules", {"name": "nightly", "spec": TRAIN, "every_seconds": 3600})
    assert code == 201
    assert schedules_due() == 1
    assert schedules_due() == 0
    Schedule.objects.update(next_at=timezone.now() - timezone.timedelta(hours=5, minutes=1))
    assert schedules_due() == 1
    assert Schedule.objects.get().next_at > timezone.now()
    assert Job.objects.filter(schedule_id=schedule["id"], name="nightly").count() == 2
    launcher("patch", f"/api/schedules/{schedule['id']}", {"is_enabled": False})
    Schedule.objects.update(next_at=timezone.now())
    assert schedules_due() == 0
    newest = Job.objects.filter(schedule_id=schedule["id"]).latest("created_at")
    assert launcher("get", "/api/schedules")[1][0]["last_job"]["id"] == newest.id
    assert launcher("delete", f"/api/schedules/{schedule['id']}")[0] == 204
    assert Job.objects.count() == 2


def test_a_schedule_that_can_make_no_job_says_why_and_holds_up_no_other(node, launcher, account: Account) -> None:
    gone = {"kind": "evaluate", "model": "gone"}
    assert launcher("post", "/api/schedules", {"name": "x", "spec": gone, "every_seconds": 3600})[0] == 400
    launcher("post", "/api/schedules", {"name": "good", "spec": TRAIN, "every_seconds": 3600})
    long_due = timezone.now() - timezone.timedelta(hours=1)
    fields = {"account": account, "spec": gone, "every_seconds": 3600, "next_at": long_due}
    bad = Schedule.objects.create(id="sched_gone12345", name="bad", **fields)
    assert schedules_due() == 1
    assert [job.name for job in Job.objects.all()] == ["good"]
    bad.refresh_from_db()
    assert "There is no model 'gone'" in bad.last_error
    assert bad.next_at > timezone.now()


# --- The fleet


def test_the_fleet_shows_cost_beside_the_tokens_sold(node, api, account: Account) -> None:
    tick(nodes_probe())
    run = Run.objects.create(
        id="run_aaaaaaaa",
        account=account,
        surface="ask",
        question="q",
        model="m",
        spec={},
        max_total_tokens=9,
        price_nano_usd_per_token=3000,
        node_name="gpu-1",
    )
    UsageRecord.objects.create(
        run_id=run.id,
        account=account,
        model="m",
        price_nano_usd_per_token=3000,
        prompt_tokens=400,
        completion_tokens=600,
        tool_result_tokens=0,
        reasoning_tokens=0,
        cost_nano_usd=3_000_000,
        is_billable=True,
    )
    api("patch", "/api/nodes/gpu-1", {"price_nano_usd_per_hour": 2_000_000_000})
    _, fleet = api("get", "/api/nodes")
    (shown,) = fleet
    assert (shown["name"], shown["state"], shown["tokens_sold_24h"]) == ("gpu-1", "ready", 1000)
    assert shown["margin_24h_nano_usd"] == 3_000_000 - 48_000_000_000
    assert "secret" not in json.dumps(fleet).lower()


def test_cordon_drain_and_undrain_by_hand(node, api, launcher) -> None:
    tick(nodes_probe())
    assert api("post", "/api/nodes/gpu-1/cordon")[1]["state"] == "cordoned"
    assert api("post", "/api/nodes/gpu-1/uncordon")[1]["state"] == "ready"
    assert api("post", "/api/nodes/gpu-1/drain")[1]["state"] == "draining"
    assert node.is_draining
    api("post", "/api/nodes/gpu-1/undrain")
    assert not node.is_draining
    assert api("post", "/api/nodes/gpu-1/explode")[0] == 404
    assert launcher("post", "/api/nodes/gpu-1/cordon")[0] == 403


def test_a_node_is_added_by_staff_only_and_its_url_is_guarded(api, launcher) -> None:
    body = {"name": "gpu-9", "url": "https://10.0.0.1", "secret": "long-enough-to-be-one"}
    code, answer = api("post", "/api/nodes", body)
    assert (code, answer["error"]["param"]) == (400, "url")
    assert launcher("post", "/api/nodes", body)[0] == 403
    code, lines = api("post", "/api/nodes/start-lines", {"port": 8002})
    assert len(lines["lines"]) == 2
    assert lines["secret"] in lines["lines"][0]
    assert "--port 8002" in lines["lines"][1]


def test_a_staff_session_is_an_operator(alice: User, account: Account, node) -> None:
    client = Client()
    client.force_login(alice)
    assert client.get("/api/jobs").status_code == 403
    User.objects.update(is_staff=True)
    assert client.get("/api/jobs").status_code == 200


def test_an_operator_is_heard_at_once_by_the_node(node, running, launcher) -> None:
    launcher("post", f"/api/jobs/{running.id}/pause")
    assert node.attempt(running.id).calls[-1] == "pause"
    job_cancel(running.id, reason="x")
    assert status(running) == "stopping"
    place()
    node.emit(running.id, STARTED)
