"""The operator's day in a real Chromium on a fresh product: train, watch, stop, go on, measure, promote, roll back.

Real everything: the node trains nano models on the CPU. What each page looks like in other states is
/dev/components' (test_accessibility.py looks at it); how jobs survive kills is tests/chaos.
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, StorageState, expect

from tests.e2e.product import Product

pytestmark = [pytest.mark.e2e, pytest.mark.model, pytest.mark.extra, pytest.mark.timeout(1500)]

PAGE_MS = 30_000  # a page and its first answers, on a machine that trains meanwhile
PLACED_MS = 180_000  # from the queue to the first step: a process imports torch and draws its rows
ENDED_MS = 300_000
STEP_SHOWN_SECONDS = 3.0
STEPS_WATCHED = 5
# Measured alike, so that the two can be compared; few, so that it takes seconds.
FAMILIES = "gcd, powers, factorial"
PROBLEMS = "8"
# Small steps on few rows: what is shown is the machinery, and a step should take less than a second.
SMALL = {"num_rows": "100", "batch_tokens": "1024"}
QUESTION = "What is the derivative of x^3 + 2x?"
ANSWER_MS = 60_000
LISTS_LOADED_MS = 2_000
PAGES = {
    "jobs": "jobs",
    "launch": "jobs/new?kind=train",
    "registry": "models",
    "promote": "promote?alias=svend-latest&version=svend-nano",
    "nodes": "nodes",
}


@pytest.fixture
def operator(browser: Browser, product: Product, operator_state: StorageState) -> Iterator[Page]:
    """A page of the signed-in operator; a script error on it fails the test."""
    viewport = {"width": 1280, "height": 900}
    context = browser.new_context(base_url=product.url, storage_state=operator_state, viewport=viewport)  # type: ignore[arg-type]
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert not errors, errors


def test_an_operator_trains_measures_promotes_and_rolls_back(operator: Page) -> None:
    page = operator
    page.goto("/admin/jobs")
    expect(page.get_by_text("No jobs yet.", exact=False)).to_be_visible(timeout=PAGE_MS)

    # A short real training from random weights: its curve moves with each step.
    _launch(page, name="worse", num_steps="600", checkpoint_steps="10", warmup_steps="5", **SMALL)
    _state_shown(page, "Running", PLACED_MS)
    expect(page.get_by_role("figure", name="Loss", exact=True)).to_be_visible(timeout=PLACED_MS)
    _each_step_is_seen(page)

    # Stopped with a checkpoint, then queued again: it goes on from there.
    expect(page.get_by_text("stored", exact=False).first).to_be_visible(timeout=PLACED_MS)
    page.get_by_role("button", name="Stop, keep checkpoint").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop, keep checkpoint").click()
    _state_shown(page, "Cancelled", PLACED_MS)
    stopped_at = _job(page)["step"]
    page.get_by_role("button", name="Queue again").click()
    _state_shown(page, "Running", PLACED_MS)
    _wait(lambda: _job(page)["step"] > stopped_at, ENDED_MS, "it did not go on")
    resumed_from = _job(page)["attempts"][-1]["resumed_from_step"]
    assert resumed_from is not None
    assert 0 < resumed_from <= stopped_at
    page.get_by_role("button", name="Stop, keep checkpoint").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop, keep checkpoint").click()
    _state_shown(page, "Cancelled", PLACED_MS)
    _register(page, "svend-worse")

    # A hair's breadth of further training of what is served: no worse than it.
    _launch(
        page,
        name="better",
        parent="svend-nano",
        num_steps="4",
        checkpoint_steps="4",
        warmup_steps="1",
        muon_learning_rate="1e-6",
        adamw_learning_rate="1e-6",
        **SMALL,
    )
    _state_shown(page, "Succeeded", ENDED_MS)
    _register(page, "svend-better")
    for version in ("svend-nano", "svend-worse", "svend-better"):
        _evaluate(page, version)

    # Red for the worse one, with the reason; green for the other.
    page.goto("/admin/promote?alias=svend-latest&version=svend-worse")
    gates = page.get_by_role("list", name="Gates")
    expect(gates.get_by_text("Clearly worse", exact=False).first).to_be_visible(timeout=PAGE_MS)
    page.get_by_label("Reason").fill("to see it refused")
    expect(page.get_by_role("button", name="Promote svend-worse to svend-latest")).to_be_disabled(timeout=PAGE_MS)
    # Answer by answer: what the worse one got wrong, and how it came to that.
    page.get_by_role("link", name="Compare the two reports").click()
    page.get_by_text("Candidate wrong", exact=True).click()
    page.get_by_role("region", name="svend-worse").first.get_by_role("button", name="How it came to it").click()
    expect(page.get_by_label("Reasoning, step by step")).to_be_visible(timeout=PAGE_MS)
    refused = _api(page, "POST", "/api/promotions", {"alias": "svend-latest", "model": "svend-worse", "reason": "no"})
    assert refused.status >= 400  # the page is not what guards it

    page.goto("/admin/promote?alias=svend-latest&version=svend-better")
    page.get_by_label("Reason").fill("trained a little further, no worse")
    page.get_by_role("button", name="Promote svend-better to svend-latest").click()
    expect(page.get_by_role("button", name="Roll back to svend-nano")).to_be_visible(timeout=ENDED_MS)
    assert _asked_model(page) == "svend-better"

    page.goto("/admin/promote?alias=svend-latest")
    page.get_by_role("button", name="Roll back to svend-nano").click()
    history = page.get_by_role("region", name="History")
    expect(history.get_by_text("rolled back", exact=False).first).to_be_visible(timeout=ENDED_MS)
    assert _asked_model(page) == "svend-nano"


def test_a_reload_of_the_job_page_shows_the_whole_log(operator: Page) -> None:
    page = operator
    _launch(page, name="short", num_steps="12", checkpoint_steps="6", warmup_steps="1", **SMALL)
    _state_shown(page, "Succeeded", ENDED_MS)
    page.reload()
    _state_shown(page, "Succeeded", PLACED_MS)
    page.get_by_role("button", name="As a table").click()
    table = page.get_by_role("region", name="As a table")
    steps = [int(cell.replace(",", "")) for cell in table.locator("tbody td:first-child").all_inner_texts()]
    metrics = page.request.get(f"/api/jobs/{_job_id(page)}/metrics").json()
    assert steps == metrics["steps"]


def test_an_operator_uploads_rows_and_lets_a_job_start_by_itself(operator: Page) -> None:
    """A bad line is named before anything is sent; the right file is chosen in the form, seen as the model reads it,
    and trained on by a schedule."""
    page = operator
    page.goto("/admin/jobs/new?kind=train")
    page.get_by_label("Source", exact=True).select_option("file")
    page.get_by_role("button", name="Upload a file").click()
    dialog = page.get_by_role("dialog", name="Upload a file")
    _choose(dialog, "rows.jsonl", '{"question": "1 + 1?", "answer": "2"}\n{"question": "2 + 2?"}\n')
    expect(dialog.get_by_role("alert").get_by_text("Line 2")).to_be_visible(timeout=PAGE_MS)
    assert page.request.get("/api/artifacts").json() == []
    _choose(dialog, "rows.jsonl", "".join(f'{{"question": "{n} + 1?", "answer": "{n + 1}"}}\n' for n in range(30)))
    expect(dialog.get_by_text("question, answer", exact=True)).to_be_visible(timeout=PAGE_MS)
    dialog.get_by_role("button", name="Store 30 rows").click()
    dialog.get_by_role("button", name="Use it in this job").click(timeout=PAGE_MS)
    expect(page.get_by_label("Num rows", exact=True)).to_have_value("30", timeout=PAGE_MS)
    sample = page.get_by_role("region", name="The data as the model sees it")
    expect(sample.get_by_text("0 + 1?", exact=False)).to_be_visible(timeout=PLACED_MS)
    (file,) = page.request.get("/api/artifacts").json()
    assert (file["num_rows"], file["columns"]) == (30, ["question", "answer"])

    page.get_by_role("button", name="Repeat…").click()
    dialog = page.get_by_role("dialog", name="Start this job again and again")
    dialog.get_by_label("Name").fill("weekly")
    dialog.get_by_label("Unit").select_option("week")
    dialog.get_by_label("First start").fill("2037-01-01T02:00")
    dialog.get_by_role("button", name="Make the schedule").click()
    row = page.get_by_role("row", name="weekly")
    expect(row.get_by_text("Jan 1, 2037", exact=False)).to_be_visible(timeout=PAGE_MS)
    row.get_by_role("button", name="Pause weekly").click()
    expect(row.get_by_text("Paused")).to_be_visible(timeout=PAGE_MS)

    # What a schedule trains on is not deleted under it; the schedule first, then the file.
    page.goto("/admin/files")
    page.get_by_role("button", name="Delete rows.jsonl").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Delete").click()
    expect(dialog.get_by_role("alert").get_by_text("delete the schedule first", exact=False)).to_be_visible()
    page.goto("/admin/schedules")
    page.get_by_role("button", name="Delete weekly").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No schedules yet.", exact=False)).to_be_visible(timeout=PAGE_MS)


def test_an_operator_says_what_a_node_costs_and_is_for(operator: Page) -> None:
    page = operator
    page.goto("/admin/nodes")
    page.get_by_role("article").first.get_by_role("heading").get_by_role("link").click()
    page.get_by_label("Price per hour").fill("2.5")
    page.get_by_label("Role", exact=True).select_option("serve")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").get_by_text("Saved.")).to_be_visible(timeout=PAGE_MS)
    expect(page.get_by_text("$2.50 an hour")).to_be_visible(timeout=PAGE_MS)
    (node,) = page.request.get("/api/nodes").json()
    assert (node["price_nano_usd_per_hour"], node["role"]) == (2_500_000_000, "serve")
    page.get_by_label("Price per hour").fill("0")
    page.get_by_label("Role", exact=True).select_option("both")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("$2.50 an hour")).to_have_count(0, timeout=PAGE_MS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_of_the_operators_fits_and_has_its_picture(
    browser: Browser, product: Product, operator_state: StorageState, screenshots: Path, scheme: str, width: int
) -> None:
    """Nothing is wider than the screen; the pictures are for people (var/screenshots)."""
    context = browser.new_context(
        base_url=product.url,
        storage_state=operator_state,
        color_scheme=scheme,  # type: ignore[arg-type]
        viewport={"width": width, "height": 900},
    )
    page = context.new_page()
    jobs = page.request.get("/api/jobs?kind=train").json()["results"]
    reports = page.request.get("/api/reports").json()
    compared = f"?a={reports[-1]['id']}&b={reports[0]['id']}" if reports else ""
    pages = {name: f"/admin/{path}" for name, path in PAGES.items()}
    if jobs:
        pages["job"] = f"/admin/jobs/{jobs[0]['id']}"
    pages["compare"] = f"/admin/compare{compared}"
    for name, path in pages.items():
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=PAGE_MS)
        page.wait_for_timeout(LISTS_LOADED_MS)  # live pages are never idle
        page.screenshot(path=screenshots / f"admin-{name}-{scheme}-{width}.png", full_page=True)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{path} at {width} px is {wide} px too wide"
    context.close()


def test_a_wrong_setting_is_named_beside_its_field(operator: Page) -> None:
    page = operator
    page.goto("/admin/jobs/new?kind=train")
    page.get_by_label("Num steps").fill("many")
    expect(page.get_by_role("alert").get_by_text("Write a number.")).to_be_visible(timeout=PAGE_MS)
    expect(page.get_by_role("button", name="Launch")).to_be_disabled(timeout=PAGE_MS)


def test_only_staff_sees_the_operators_pages(page: Page) -> None:
    page.goto("/admin/jobs")
    expect(page.get_by_role("heading", name="For the operator")).to_be_visible(timeout=PAGE_MS)
    assert page.request.get("/api/jobs").status in (401, 403)
    expect(page.get_by_role("link", name="Jobs", exact=True)).to_have_count(0)


# --- What an operator does


def _launch(page: Page, **settings: str) -> None:
    """The form's fields by their labels; "All settings" shows those that are not among the important ones."""
    page.goto("/admin/jobs/new?kind=train")
    page.get_by_role("button", name="All settings").click()
    for name, value in settings.items():
        label = name.replace("_", " ").capitalize().replace("Adamw", "AdamW")  # spelt as the form spells it
        page.get_by_label(label, exact=True).fill(value)
    expect(page.get_by_text("From the command line")).to_be_visible(timeout=PLACED_MS)  # the preflight was answered
    expect(page.get_by_role("heading", name="The data as the model sees it")).to_be_visible(timeout=PAGE_MS)
    page.get_by_role("button", name="Launch", exact=True).click()
    page.wait_for_url(re.compile(r"/admin/jobs/job_"))


def _choose(dialog: Locator, name: str, text: str) -> None:
    """A file by its content, as a person chooses it from disk."""
    chosen = {"name": name, "mimeType": "application/jsonl", "buffer": text.encode()}
    dialog.locator("input[type=file]").set_input_files(chosen)  # type: ignore[arg-type]


def _register(page: Page, name: str) -> None:
    """The newest stored checkpoint of the job on the page, as a version."""
    register = page.get_by_role("button", name="Register").first
    expect(register).to_be_visible(timeout=PLACED_MS)
    register.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_role("button", name="Register").click()
    expect(dialog.get_by_text(f"Registered as {name}.")).to_be_visible(timeout=PAGE_MS)


def _evaluate(page: Page, version: str) -> None:
    page.goto("/admin/models")
    page.get_by_role("link", name=f"Evaluate: {version}", exact=True).click()
    expect(page.get_by_label("Model", exact=True)).to_have_value(version, timeout=PAGE_MS)
    page.get_by_label("Families", exact=True).fill(FAMILIES)
    page.get_by_label("Num problems", exact=True).fill(PROBLEMS)
    page.get_by_role("button", name="Launch", exact=True).click()
    page.wait_for_url(re.compile(r"/admin/jobs/job_"))
    _state_shown(page, "Succeeded", ENDED_MS)
    expect(page.get_by_role("heading", name="Result")).to_be_visible(timeout=PAGE_MS)


def _asked_model(page: Page) -> str:
    """The version that answers a question asked on the Ask page."""
    page.goto("/")
    page.get_by_label("Question", exact=True).fill(QUESTION)
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.get_by_label("Reasoning, step by step")).to_have_attribute("aria-busy", "false", timeout=ANSWER_MS)
    conversation = re.search(r"/c/([^/?#]+)", page.url)
    assert conversation, page.url
    found: Any = page.request.get(f"/api/conversations/{conversation[1]}").json()
    run = page.request.get(f"/api/runs/{found['runs'][-1]['id']}").json()
    assert run["status"] == "finished", run
    return str(run["model"])


# --- What the page and the API say


def _state_shown(page: Page, word: str, timeout_ms: float) -> None:
    facts = page.get_by_label("State", exact=True)
    expect(facts.get_by_text(word, exact=True)).to_be_visible(timeout=timeout_ms)


def _job_id(page: Page) -> str:
    found = re.search(r"/admin/jobs/(job_[^/?#]+)", page.url)
    assert found, page.url
    return found[1]


def _job(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.request.get(f"/api/jobs/{_job_id(page)}").json()
    return found


def _step_shown(page: Page) -> int:
    words = page.get_by_role("figure", name="Loss", exact=True).locator("figcaption").inner_text()
    found = re.search(r"step ([\d,]+)", words)
    return int(found[1].replace(",", "")) if found else 0


def _each_step_is_seen(page: Page) -> None:
    """Each step that the backend knows is on the page's curve within STEP_SHOWN_SECONDS."""
    seen = 0
    for _ in range(STEPS_WATCHED):
        before = seen
        _wait(lambda before=before: _job(page)["step"] > before, PLACED_MS, "no further step")  # type: ignore[misc]
        step = _job(page)["step"]
        _wait(lambda step=step: _step_shown(page) >= step, STEP_SHOWN_SECONDS * 1000, f"step {step}")  # type: ignore[misc]
        seen = step


def _wait(condition: Any, timeout_ms: float, what: str) -> None:
    deadline = time.monotonic() + timeout_ms / 1000
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def _api(page: Page, method: str, path: str, body: dict[str, Any]) -> Any:
    token = next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "csrftoken")
    return page.request.fetch(path, method=method, data=body, headers={"x-csrftoken": token})
