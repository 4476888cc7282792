"""Every page of the operator's in every state: nothing wider than the screen, nothing that axe calls serious.

A product of its own, so that the empty pages are empty; then jobs, files, schedules and reports are really made. Faults
are real answers: each page's own requests carry a key that the server refuses. The pictures (var/screenshots) are for
people. What an operator does on these pages is test_dashboard.py's.
"""

import hashlib
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, StorageState, WebSocketRoute, expect

from tests.e2e.product import Product, product_started
from tests.e2e.test_accessibility import grave_faults

pytestmark = [pytest.mark.e2e, pytest.mark.model, pytest.mark.extra, pytest.mark.timeout(1500)]

PAGE_MS = 30_000
DRAWN_MS = 600  # after the last answer: fonts, canvases, the fade of what appears
ENDED_SECONDS = 300.0
FAMILIES = ["gcd", "powers", "factorial"]
ROWS = [{"question": f"What is {n} + {n}?", "answer": str(2 * n)} for n in range(1, 41)]
LONG_ROW = {"question": "Once more, but slowly: " * 20 + "what is 1 + 1?", "answer": "2"}
BAD_KEY = "Bearer sk-svend-this-is-no-key"
LOOKS = [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)]
TWO_LOOKS = [("light", 1280), ("dark", 390)]

EMPTY_PAGES = {
    "jobs": ("/admin/jobs", "No jobs yet."),
    "schedules": ("/admin/schedules", "No schedules yet."),
    "files": ("/admin/files", "No data files yet."),
    "promotion": ("/admin/promote?alias=svend-latest", "Choose a version: its gates"),
    "comparison": ("/admin/compare", "Choose two reports: their shares"),
}
# Pages without a list of their own fault are asked for something that is not there.
MISSING_PAGES = {
    "live-job": "/admin/jobs/job_nothere12",
    "node": "/admin/nodes/nowhere",
    "comparison": "/admin/compare?a=999998&b=999999",
    "launch-clone": "/admin/jobs/new?clone=job_nothere12",
}
FAULTY_PAGES = {
    "jobs": ("/admin/jobs", "/api/jobs"),
    "schedules": ("/admin/schedules", "/api/schedules"),
    "files": ("/admin/files", "/api/artifacts"),
    "models": ("/admin/models", "/api/models"),
    "promotion": ("/admin/promote", "/api/aliases"),
    "fleet": ("/admin/nodes", "/api/nodes"),
    "launch": ("/admin/jobs/new", "/api/jobs/spec-schema"),
}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with product_started(tmp_path_factory.mktemp("pages")) as started:
        yield started


@pytest.fixture(scope="module")
def operators_state(browser: Browser, own: Product) -> StorageState:
    context = browser.new_context(base_url=own.url)
    context.new_page().goto(own.admin_link)
    state = context.storage_state()
    context.close()
    return state


def test_every_page_in_every_state(
    browser: Browser, own: Product, operators_state: StorageState, screenshots: Path
) -> None:
    walk = Walk(browser, own.url, operators_state, screenshots)
    walk.empty()
    stock = Stock(own).filled()
    walk.full(stock)
    walk.faulty()
    assert not walk.faults, "\n".join(walk.faults)


# --- What there is to see


@dataclass
class Stock:
    """Jobs, files, schedules and reports, made by the API as the operator's key may."""

    product: Product
    file: str = ""
    trained: str = ""
    failed: str = ""
    queued: str = ""
    measured: str = ""
    reports: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        key = json.loads((self.product.data / "first-run.json").read_text())["operator_key"]
        headers = {"Authorization": f"Bearer {key}"}
        self.http = httpx.Client(base_url=self.product.url, headers=headers, timeout=60, trust_env=False)

    def filled(self) -> "Stock":
        self.file = self._file("word-problems.jsonl", ROWS)
        small = {"kind": "train", "parent": "svend-nano", "batch_tokens": 1024, "data": {"num_rows": 60}}
        short = {"num_steps": 24, "checkpoint_steps": 12, "warmup_steps": 2, "muon_learning_rate": 0.02}
        self.trained = self._job("fine-tune, round 1", small | short)
        self._ended(self.trained, "succeeded")
        self.http.post(f"/api/jobs/{self.trained}/checkpoints/24/register", json={"name": "svend-next"})
        narrow = {"source": "file", "file": self._file("long-rows.jsonl", [*ROWS[:2], LONG_ROW]), "row_tokens_max": 64}
        self.failed = self._job("rows that are too long", {"kind": "train", "parent": "svend-nano", "data": narrow})
        self._ended(self.failed, "failed")
        for version in ("svend-nano", "svend-next"):
            self.measured = self._evaluation(version)
        newest = {report["model"]: report["id"] for report in reversed(self._get("/api/reports"))}
        self.reports = (newest["svend-nano"], newest["svend-next"])
        self.queued = self._job("for another node", small, node_names=["elsewhere"])
        self._schedules(small)
        made = self.http.post("/api/models/svend-next/deployments", json={"node": self.node})
        assert made.status_code == 201, made.text
        return self

    @property
    def node(self) -> str:
        return str(self._get("/api/nodes")[0]["name"])

    def live(self) -> str:
        """A job that runs now: long enough to be looked at."""
        spec = {"kind": "train", "parent": "svend-nano", "num_steps": 2_000, "batch_tokens": 1024}
        job_id = self._job("live, with a name that is as long as names of jobs tend to become", spec)
        deadline = time.monotonic() + ENDED_SECONDS
        while self._get(f"/api/jobs/{job_id}")["step"] < 15:
            assert time.monotonic() < deadline, self._get(f"/api/jobs/{job_id}")
            time.sleep(0.5)
        return job_id

    def cancelled(self, job_id: str) -> None:
        self.http.post(f"/api/jobs/{job_id}/cancel", json={"reason": "looked at"})

    def _get(self, path: str) -> Any:
        answer = self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _job(self, name: str, spec: dict[str, Any], **terms: Any) -> str:
        made = self.http.post("/api/jobs", json={"name": name, "spec": spec, **terms})
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    def _evaluation(self, version: str) -> str:
        spec = {"kind": "evaluate", "model": version, "families": FAMILIES, "num_problems": 8}
        job_id = self._job(f"measure {version}", spec)
        self._ended(job_id, "succeeded")
        return job_id

    def _ended(self, job_id: str, status: str) -> None:
        deadline = time.monotonic() + ENDED_SECONDS
        while (job := self._get(f"/api/jobs/{job_id}"))["status"] not in ("succeeded", "failed", "cancelled"):
            assert time.monotonic() < deadline, job
            time.sleep(0.5)
        assert job["status"] == status, job

    def _file(self, name: str, rows: list[dict[str, str]]) -> str:
        data = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
        piece = {"sha256": hashlib.sha256(data).hexdigest(), "num_bytes": len(data)}
        body = {"manifest": {"files": [{"path": name, "pieces": [piece]}]}}
        for url in self.http.post("/api/artifacts", json=body).json()["urls"].values():
            httpx.put(url, content=data, trust_env=False).raise_for_status()
        stored = self.http.post("/api/artifacts", json=body).json()
        assert stored["is_stored"], stored
        return str(stored["sha256"])

    def _schedules(self, small: dict[str, Any]) -> None:
        nightly = {"kind": "evaluate", "model": "svend-nano", "families": FAMILIES, "num_problems": 2}
        later = "2037-01-01T02:00:00Z"
        for name, spec, every in (("nightly measure", nightly, 86_400), ("weekly fine-tune", small, 604_800)):
            body = {"name": name, "spec": spec, "every_seconds": every, "first_at": later}
            made = self.http.post("/api/schedules", json=body)
            assert made.status_code == 201, made.text
        self.http.patch(f"/api/schedules/{made.json()['id']}", json={"is_enabled": False})


# --- Looking


@dataclass
class Walk:
    browser: Browser
    url: str
    state: StorageState
    folder: Path

    def __post_init__(self) -> None:
        self.faults: list[str] = []

    def empty(self) -> None:
        for scheme, width in TWO_LOOKS:
            page = self._page(scheme, width)
            for name, (path, words) in EMPTY_PAGES.items():
                page.goto(path)
                expect(page.get_by_text(words, exact=False)).to_be_visible(timeout=PAGE_MS)
                self._look(page, f"{name}-empty", scheme, width)
            page.context.close()

    def full(self, stock: Stock) -> None:
        live = stock.live()
        pages = self._full_pages(stock) | {"live-job": f"/admin/jobs/{live}"}
        for scheme, width in LOOKS:
            page = self._page(scheme, width)
            for name, path in pages.items():
                page.goto(path)
                self._look(page, name, scheme, width)
            self._traces(page, stock, scheme, width)
            self._dialogs(page, scheme, width)
            page.context.close()
        stock.cancelled(live)

    def _full_pages(self, stock: Stock) -> dict[str, str]:
        one, other = stock.reports
        return {
            "launch": "/admin/jobs/new?kind=train",
            "launch-file": f"/admin/jobs/new?kind=train&file={stock.file}",
            "queue": "/admin/jobs",
            "job-failed": f"/admin/jobs/{stock.failed}",
            "job-queued": f"/admin/jobs/{stock.queued}",
            "job-evaluation": f"/admin/jobs/{stock.measured}",
            "models": "/admin/models",
            "promotion": "/admin/promote?alias=svend-latest&version=svend-next",
            "fleet": "/admin/nodes",
            "node": f"/admin/nodes/{stock.node}",
            "schedules": "/admin/schedules",
            "files": "/admin/files",
            "comparison": f"/admin/compare?a={one}&b={other}&show=all",
        }

    def _traces(self, page: Page, stock: Stock, scheme: str, width: int) -> None:
        """How both came to the first answer, side by side."""
        one, other = stock.reports
        page.goto(f"/admin/compare?a={one}&b={other}&show=all")
        buttons = page.get_by_role("button", name="How it came to it")
        expect(buttons.first).to_be_visible(timeout=PAGE_MS)
        for place in (0, 1):
            buttons.nth(place).click()
        expect(page.get_by_role("list", name="Reasoning, step by step")).to_have_count(2)
        self._look(page, "comparison-traces", scheme, width)

    def _dialogs(self, page: Page, scheme: str, width: int) -> None:
        page.goto("/admin/jobs/new?kind=train")
        page.get_by_role("button", name="Repeat…").click()
        self._look(page, "launch-repeat", scheme, width)
        page.goto("/admin/files")
        page.get_by_role("button", name="Upload a file").click()
        with page.expect_file_chooser() as chooser:
            page.get_by_text("Choose a file").click()
        bad = {"name": "rows.jsonl", "mimeType": "application/jsonl", "buffer": b'{"text": "1"}\n{"text": \n'}
        chooser.value.set_files(bad)  # type: ignore[arg-type]
        expect(page.get_by_role("alert").get_by_text("Line 2")).to_be_visible(timeout=PAGE_MS)
        self._look(page, "files-bad-line", scheme, width)
        page.goto("/admin/models")
        page.get_by_role("button", name="Nodes of svend-next").click()
        self._look(page, "models-nodes", scheme, width)
        page.goto("/admin/nodes")
        page.get_by_role("button", name="Add a node").click()
        self._look(page, "fleet-add", scheme, width)

    def faulty(self) -> None:
        for scheme, width in TWO_LOOKS:
            page = self._page(scheme, width)
            for name, path in MISSING_PAGES.items():
                page.goto(path)
                self._fault_shown(page)
                self._look(page, f"{name}-error", scheme, width)
            page.context.close()
            for name, (path, api) in FAULTY_PAGES.items():
                page = self._page(scheme, width)
                page.route(re.compile(rf"{api}(\?|$)"), _refused)
                page.route_web_socket(re.compile("/ws/fleet"), _dropped)  # it would bring what the list could not
                page.goto(path)
                self._fault_shown(page)
                self._look(page, f"{name}-error", scheme, width)
                page.context.close()

    def _fault_shown(self, page: Page) -> None:
        alert = page.get_by_role("alert").first
        expect(alert).to_be_visible(timeout=PAGE_MS)
        expect(alert.get_by_text("Request req_", exact=False)).to_be_visible()
        expect(alert.get_by_role("button", name="Try again")).to_be_visible()

    def _page(self, scheme: str, width: int) -> Page:
        context = self.browser.new_context(
            base_url=self.url,
            storage_state=self.state,
            color_scheme=scheme,  # type: ignore[arg-type]
            viewport={"width": width, "height": 900},
            bypass_csp=True,  # for axe's own script
        )
        page = context.new_page()
        page.on("pageerror", lambda error: self.faults.append(f"{page.url}: {error}"))
        return page

    def _look(self, page: Page, name: str, scheme: str, width: int) -> None:
        expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=PAGE_MS)
        expect(page.get_by_role("status", name="Loading")).to_have_count(0, timeout=PAGE_MS)
        page.wait_for_timeout(DRAWN_MS)
        page.screenshot(path=self.folder / f"admin-{name}-{scheme}-{width}.png", full_page=True)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            self.faults.append(f"{name} at {width} px is {wide} px too wide")
        self.faults += [f"{name}, {scheme}, {width} px: {fault}" for fault in grave_faults(page)]


def _refused(route: Route) -> None:
    """On to the server, with a key that it refuses: its own answer, with its own request id."""
    route.continue_(headers={**route.request.headers, "authorization": BAD_KEY})


def _dropped(socket: WebSocketRoute) -> None:
    socket.close()
