"""Generated rows: asked through real clients, checked by tools, paid within the budget, and never asked twice."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from gpu_node.__main__ import main
from gpu_node.data.generation.budget import Price, dollars_of, nano_usd_of
from gpu_node.data.generation.checks import reply_check
from gpu_node.data.generation.command import generate_command
from gpu_node.data.generation.endpoints import (
    Ask,
    Endpoint,
    EndpointUnusable,
    Reply,
    TryFailed,
    endpoint_make,
)
from gpu_node.data.generation.generate import Generation, GenerationSettings, OtherSettings, Outcome
from gpu_node.data.generation.journal import Journal, JournalBroken
from gpu_node.data.generation.seeds import Seed, seeds_read, template_read
from gpu_node.data.mixing.sources import SourceRefused
from gpu_node.inference.scripted import Answer, Attempt, Script, Thought
from gpu_node.protocol.data_rows import ProblemRow, line_read, row_of
from gpu_node.protocol.node import LoadedModel
from gpu_node.server.node import Node, node_build
from gpu_node.tools.executor import ToolExecutor
from tests.gpu_node.anthropic_far_end import KEY, FarEnd, error, far_end_in_a_thread, far_end_served
from tests.gpu_node.layout_rows import ROWS
from tests.gpu_node.scripted_node import MODEL, TableTools, orchestrator_of, served

NUM_RIGHT, NUM_WRONG = 55, 5
PRICE = Price(3_000_000_000, 15_000_000_000)  # $3 and $15 a million


def settings(**fields: Any) -> GenerationSettings:
    base = GenerationSettings(
        endpoint="far end", model="m", template=template_read("ask"), price=PRICE, budget_nano_usd=10**9
    )
    return replace(base, **{"completion_tokens_max": 256, "temperature": None, **fields})


def sums(count: int) -> list[Seed]:
    return [Seed(question=f"What is {n} + {n}?", answer=str(2 * n)) for n in range(count)]


def attempts() -> dict[str, list[Attempt]]:
    """The first answers are right, the last ones are off by one."""
    says = {n: 2 * n + (n >= NUM_RIGHT) for n in range(NUM_RIGHT + NUM_WRONG)}
    return {f"What is {n} + {n}?": [[Thought(f"{n} twice."), Answer(str(said))]] for n, said in says.items()}


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[tuple[str, Node]]:
    loaded = LoadedModel(
        version=MODEL,
        role="reasoner",
        backend="scripted",
        num_parameters=0,
        context_tokens=8192,
        vocab_size=270,
        manifest_sha256="0" * 64,
    )
    tools = TableTools()
    orchestrator = orchestrator_of(Script(attempts=attempts()), tools)
    node = node_build(name="test", state=tmp_path / "node", orchestrator=orchestrator, models=[loaded], tools=tools)
    async with served(node) as url:
        yield f"{url}/v1", node


async def generated(
    asked: GenerationSettings, seeds: list[Seed], folder: Path, endpoint: Endpoint, **options: Any
) -> Outcome:
    journal = Journal(folder)
    try:
        options = {"tools": None, "wait_seconds_first": 0.001} | options
        return await Generation(asked, endpoint=endpoint, journal=journal, **options).run(seeds)
    finally:
        journal.close()
        await endpoint.close()


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


# Through the product's own API


async def test_our_own_api_gives_checked_rows_and_is_asked_once(node: tuple[str, Node], tmp_path: Path) -> None:
    url, real = node
    asked, seeds, out = settings(endpoint=url, model=MODEL), sums(NUM_RIGHT + NUM_WRONG), tmp_path / "out"

    def endpoint() -> Endpoint:
        return endpoint_make("openai", base_url=url, key=None, model=MODEL)

    first = await generated(asked, seeds[:20], out, endpoint())
    assert (first.num_accepted, first.num_rejected, first.num_left) == (20, 0, 0)
    done = await generated(asked, seeds, out, endpoint())
    assert (done.num_accepted, done.num_rejected, done.num_failed) == (NUM_RIGHT, NUM_WRONG, 0)
    assert done.reasons == {"equal by value": NUM_RIGHT, "answers": NUM_WRONG}
    used = real.store.usage_rows(after=0, limit=1000)
    assert len(used) == len(seeds), "a question was asked twice"
    counted = [
        PRICE.cost_nano_usd(prompt_tokens=row.usage.prompt_tokens, completion_tokens=row.usage.completion_tokens)
        for row in used
    ]
    assert done.spent_nano_usd == sum(counted)
    accepted = [row_of(line_read(line)) for line in (out / "rows.jsonl").read_bytes().splitlines()]
    assert len(accepted) == NUM_RIGHT
    assert ProblemRow(question="What is 7 + 7?", thought="7 twice.", answer="14", family="generated") in accepted
    rejected = rows_of(out / "rejected.jsonl")
    assert len(rejected) == NUM_WRONG
    assert "answers '111', not '110'" in [row["reason"] for row in rejected]


def test_the_command_says_what_became_of_the_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds = tmp_path / "seeds.jsonl"
    seeds.write_text("".join(json.dumps({"question": seed.question, "answer": seed.answer}) + "\n" for seed in sums(3)))
    far_end = FarEnd(answer=lambda asked: "Hm." if "2 + 2" in asked else f"Answer: **{2 * int(asked.split()[2])}**")
    monkeypatch.setenv("TEST_KEY", KEY)
    arguments = ["--provider", "anthropic", "--model", "claude", "--seeds", str(seeds), "--out", str(tmp_path / "out")]
    arguments += ["--budget", "1", "--prompt-price", "3", "--completion-price", "15", "--key-variable", "TEST_KEY"]
    with far_end_in_a_thread(far_end) as url:
        assert main(["generate", "--endpoint", url, *arguments]) == 0
    spent = sum(PRICE.cost_nano_usd(prompt_tokens=20, completion_tokens=n) for n in (13, 13, 3))
    lines = [line.split(" (")[0].strip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "2 accepted"
    assert lines[1:] == [f"{dollars_of(spent)} of $1 spent", "2 equal by value", "1 no answer after"]


# Anthropic's


async def test_anthropics_far_end_is_asked_as_its_client_asks(tmp_path: Path) -> None:
    far_end = FarEnd(
        answer=lambda asked: f"So.\nAnswer: {2 * int(asked.split()[2])}",
        failures=[
            error(429, "rate_limit_error", "slow down", {"retry-after": "0"}),
            error(529, "overloaded_error", "overloaded"),
        ],
    )
    async with far_end_served(far_end) as url:
        endpoint = endpoint_make("anthropic", base_url=url, key=KEY, model="claude")
        asked = settings(template=template_read("solve"), num_concurrent=1)
        done = await generated(asked, sums(3), tmp_path / "out", endpoint)
    assert (done.num_accepted, done.num_failed) == (3, 0)
    assert len(far_end.asked) == 5
    assert far_end.asked[0]["system"].startswith("You solve problems")
    assert {params["max_tokens"] for params in far_end.asked} == {256}
    assert rows_of(tmp_path / "out" / "rows.jsonl")[1]["thought"] == "So."


async def test_a_wrong_key_stops_at_once_and_says_so(tmp_path: Path) -> None:
    far_end = FarEnd(answer=lambda _: "")
    async with far_end_served(far_end) as url:
        endpoint = endpoint_make("anthropic", base_url=url, key="sk-wrong", model="claude")
        with pytest.raises(EndpointUnusable, match="401.*invalid key"):
            await generated(settings(), sums(9), tmp_path / "out", endpoint)
    assert far_end.asked == []


# A far end whose every move is told


@dataclass
class ToldEndpoint:
    """Answers right; `moves` come first: errors to raise or replies to give."""

    moves: list[Exception | Reply] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    seed: int | None = None

    async def ask(self, ask: Ask) -> Reply:
        self.asked.append(ask.user)
        await asyncio.sleep(0)
        if self.moves and isinstance(move := self.moves.pop(0), Exception):
            raise move
        elif self.asked and self.seed is not None:
            rng = random.Random(f"{self.seed} {ask.user}")
            tokens = rng.randint(1, ask.num_bytes), rng.randint(1, ask.completion_tokens_max)
        else:
            tokens = (10, 5)
        return Reply(str(2 * int(ask.user.split()[2])), "", *tokens, is_cut=False)

    async def close(self) -> None: ...


async def test_no_budget_is_passed_and_none_is_left_that_would_do(tmp_path: Path) -> None:
    seeds = sums(16)
    for seed in range(20):
        budget = random.Random(seed).randrange(1, 60_000_000)
        asked = settings(budget_nano_usd=budget, num_concurrent=5)
        done = await generated(asked, seeds, tmp_path / str(seed), ToldEndpoint(seed=seed))
        bound = PRICE.bound_nano_usd(prompt_bytes=len("What is 15 + 15?"), completion_tokens_max=256)
        assert done.spent_nano_usd <= budget
        assert (done.stopped_by == "budget") == (done.num_left > 0)
        assert not done.num_left or budget - done.spent_nano_usd < bound
        costs = [entry.get("cost_nano_usd", 0) for entry in rows_of(tmp_path / str(seed) / "journal.jsonl")]
        assert sum(costs) == done.spent_nano_usd


async def test_a_raised_budget_goes_on_where_the_money_ended(tmp_path: Path) -> None:
    asked, out = settings(budget_nano_usd=5_900_000, num_concurrent=1), tmp_path / "out"
    first = await generated(asked, sums(9), out, ToldEndpoint())
    assert 0 < first.num_accepted < 9
    endpoint = ToldEndpoint()
    done = await generated(replace(asked, budget_nano_usd=10**9), sums(9), out, endpoint)
    assert done.num_accepted == 9
    assert len(endpoint.asked) == 9 - first.num_accepted


async def test_what_may_have_been_billed_counts_and_what_was_not_does_not(tmp_path: Path) -> None:
    moves = [TryFailed("no answer in time", is_billed=True), TryFailed("429", is_billed=False, retry_after_seconds=0)]
    done = await generated(settings(num_concurrent=1), sums(1), tmp_path / "out", ToldEndpoint(moves=list(moves)))
    bound = PRICE.bound_nano_usd(prompt_bytes=len("What is 0 + 0?"), completion_tokens_max=256)
    assert done.num_accepted == 1
    assert done.spent_nano_usd == bound + PRICE.cost_nano_usd(prompt_tokens=10, completion_tokens=5)


async def test_a_far_end_that_is_gone_is_not_asked_for_ever(tmp_path: Path) -> None:
    endpoint = ToldEndpoint(moves=[TryFailed("gone", is_billed=False, retry_after_seconds=0) for _ in range(1000)])
    done = await generated(settings(num_concurrent=2), sums(100), tmp_path / "out", endpoint)
    assert done.stopped_by == "20 questions in a row failed"
    assert done.num_failed < 30
    assert done.num_failed + done.num_left == 100


async def test_a_crash_counts_its_open_question_as_spent_and_asks_it_again(tmp_path: Path) -> None:
    asked, out = settings(num_concurrent=1), tmp_path / "out"
    with pytest.raises(RuntimeError, match="power"):
        await generated(asked, sums(3), out, ToldEndpoint(moves=[RuntimeError("power")]))
    with (out / "journal.jsonl").open("ab") as file:
        file.write(b'{"event": "answered", "key": "cut in the mid')
    bound = PRICE.bound_nano_usd(prompt_bytes=len("What is 0 + 0?"), completion_tokens_max=256)
    done = await generated(asked, sums(3), out, ToldEndpoint())
    assert done.num_accepted == 3
    assert done.spent_nano_usd == bound + 3 * PRICE.cost_nano_usd(prompt_tokens=10, completion_tokens=5)


async def test_the_same_answer_twice_is_kept_once_also_over_a_restart(tmp_path: Path) -> None:
    out = tmp_path / "out"
    await generated(settings(), sums(2), out, ToldEndpoint())
    done = await generated(settings(num_samples=3), sums(2), out, ToldEndpoint())
    assert (done.num_accepted, done.reasons["duplicate"]) == (2, 4)


async def test_another_generation_and_another_process_are_kept_out(tmp_path: Path) -> None:
    out = tmp_path / "out"
    await generated(settings(), sums(1), out, ToldEndpoint())
    with pytest.raises(OtherSettings, match="holds another generation"):
        await generated(settings(model="other"), sums(1), out, ToldEndpoint())
    journal = Journal(out)
    with pytest.raises(JournalBroken, match="another generation writes"):
        Journal(out)
    journal.close()
    lines = (out / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (out / "journal.jsonl").write_bytes(b"".join([lines[0], b"{}\n", *lines[1:]]))
    with pytest.raises(JournalBroken, match="line 2 is no entry"):
        Journal(out)


# Checks


async def checked(
    seed: Seed, text: str, prompt: str = "ask", tools: ToolExecutor | None = None, *, is_cut: bool = False
) -> tuple[bool, str]:
    verdict = await reply_check(seed, template_read(prompt), Reply(text, "", 1, 1, is_cut), tools)
    return verdict.is_accepted, verdict.reason


@pytest.mark.parametrize(
    ("answer", "text", "is_accepted", "reason"),
    [
        ("1/2", "Half.\nAnswer: 0.5", True, "equal by value"),
        ("2*x + 2", "Answer: 2*(x + 1)", True, "equal by value"),
        ("Paris", "Answer: paris.", True, "equal by value"),
        ("3", "Answer: 4", False, "answers '4', not '3'"),
        ("3", "It is 3.", False, "no answer after 'Answer:'"),
    ],
)
async def test_answers_are_equal_by_value(answer: str, text: str, is_accepted: bool, reason: str) -> None:
    assert await checked(Seed(question="?", answer=answer), text, "solve") == (is_accepted, reason)


async def test_an_answer_that_was_cut_is_no_answer() -> None:
    assert await checked(Seed(question="?", answer="3"), "3", is_cut=True) == (False, "cut at the limit of its tokens")


async def test_programs_are_run_in_the_fence_with_the_seeds_tests() -> None:
    seed = Seed(question="Double x.", tests=("assert double(2) == 4", "assert double(-1) == -2"))
    tools = ToolExecutor(concurrent_calls_max=1)
    await tools.start()
    try:
        assert tools.fence_tier != "none"
        programs = {
            "def double(x):\n    return 2 * x": "passes 2 tests",
            "def double(x):\n    return x * x": "fails its tests: AssertionError",
            "import sys\nprint('passed')\nsys.exit(0)": "fails its tests: passed",
        }
        for program, reason in programs.items():
            is_accepted, said = await checked(seed, f"So:\n```python\n{program}\n```", "code", tools)
            assert (is_accepted, said) == (reason.startswith("passes"), reason)
        assert await checked(seed, "def double(x): ...", "code", tools) == (False, "no program in a ``` block")
    finally:
        await tools.close()


# Bad input


def test_seeds_are_questions_with_a_check_each_once(tmp_path: Path) -> None:
    path = tmp_path / "seeds.jsonl"
    mbpp = {"text": "Double x.", "code": "…", "test_list": ["assert double(2) == 4"], "test_setup_code": "import math"}
    rows = [
        *ROWS["gsm8k"],
        mbpp,
        {"question": "What is 1 + 1?", "answer": "2"},
        {"question": "what is 1+1", "answer": "2"},
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    seeds = seeds_read(path)
    assert [(seed.answer, seed.setup) for seed in seeds] == [("9", ""), ("1600", ""), (None, "import math"), ("2", "")]
    path.write_text('{"question": "Why?"}')
    with pytest.raises(SourceRefused, match="line 1: neither `answer` nor `tests`"):
        seeds_read(path)


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"--budget": "0"}, 2, "a budget of 0 buys nothing"),
        ({"--budget": "five"}, 2, "'five' is no amount of dollars"),
        ({"--prompt-price": "-3"}, 2, "'-3' is no amount of dollars"),
        ({"--prompt": "poem"}, 2, "there is no prompt 'poem': name a .toml file, or one of ask, code, solve"),
        ({"--seeds": "nowhere.jsonl"}, 1, "there is no file nowhere.jsonl"),
        ({"--endpoint": "https://far.example/v1", "--key-variable": "NO_SUCH_KEY"}, 1, "far.example needs a key"),
        ({"--endpoint": "http://far.example/v1", "--key-variable": "PATH"}, 1, "would send the key unencrypted"),
        ({"--endpoint": "far.example"}, 1, "'far.example' is no address"),
    ],
)
def test_a_bad_command_says_why(
    tmp_path: Path, changed: dict[str, str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "seeds.jsonl").write_text('{"question": "What is 1 + 1?", "answer": "2"}')
    options = {
        "--endpoint": "http://127.0.0.1:9/v1",
        "--model": "m",
        "--seeds": str(tmp_path / "seeds.jsonl"),
        "--out": str(tmp_path / "out"),
        "--budget": "1",
        "--prompt-price": "3",
        "--completion-price": "15",
    }
    given = generate_command([f"{name}={value}" for name, value in (options | changed).items()])
    assert given == code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_money_is_exact() -> None:
    assert nano_usd_of("0.15") == 150_000_000
    assert dollars_of(150_000_001) == "$0.150000001"
    assert Price(150_000_000, 600_000_000).cost_nano_usd(prompt_tokens=1, completion_tokens=0) == 150
    assert Price(1, 0).cost_nano_usd(prompt_tokens=1, completion_tokens=0) == 1
    with pytest.raises(ValueError, match="to the nano-dollar"):
        nano_usd_of("0.0000000001")
