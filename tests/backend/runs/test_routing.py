"""Which node gets a run: least outstanding tokens, unless its conversation is at home somewhere."""

import pytest

from backend.accounts.models import Account
from backend.runs.models import Run
from backend.runs.routing import OVERLOAD_TOKENS, Affinity, affinity_of, node_rank, tokens_outstanding
from gpu_node.protocol.run_spec import Message, RunSpec
from tests.backend.conftest import MODEL

NODES = ["one", "three", "two"]


def rank(key: str, outstanding: dict[str, int], *, is_continuing: bool, nodes: list[str] = NODES) -> str:
    return node_rank(nodes, outstanding=outstanding, affinity=Affinity(key=key, is_continuing=is_continuing))


def run_of(account: Account, *turns: str, conversation_id: str = "", run_id: str = "run_1") -> tuple[Run, RunSpec]:
    roles = ("user", "assistant")
    messages = [Message(role=roles[place % 2], content=text) for place, text in enumerate(turns)]  # type: ignore[arg-type]
    spec = RunSpec(model=MODEL, messages=messages, max_total_tokens=100)
    return Run(id=run_id, account_id=account.id, conversation_id=conversation_id), spec


def test_least_outstanding_tokens_win() -> None:
    assert rank("run_1", {"one": 900, "two": 100, "three": 400}, is_continuing=False) == "two"
    assert rank("run_1", {"one": 900, "two": 100}, is_continuing=False) == "three"  # nothing is less


def test_runs_spread_over_equal_nodes() -> None:
    chosen = [rank(f"run_{number}", {}, is_continuing=False) for number in range(300)]
    assert all(60 < chosen.count(name) < 140 for name in NODES)


def test_prefix_affinity_keeps_a_conversation_on_its_node() -> None:
    home = rank("conv_1", {}, is_continuing=True)
    busy = {name: 20_000 if name == home else 0 for name in NODES}
    assert rank("conv_1", busy, is_continuing=True) == home
    assert rank("conv_1", busy, is_continuing=False) != home


def test_an_overloaded_home_gives_way() -> None:
    home = rank("conv_1", {}, is_continuing=True)
    assert rank("conv_1", {home: OVERLOAD_TOKENS + 1}, is_continuing=True) != home


def test_a_node_that_goes_takes_only_its_own_conversations_along() -> None:
    keys = [f"conv_{number}" for number in range(200)]
    before = {key: rank(key, {}, is_continuing=True) for key in keys}
    after = {key: rank(key, {}, is_continuing=True, nodes=["one", "two"]) for key in keys}
    assert all(after[key] == home for key, home in before.items() if home != "three")


@pytest.mark.django_db
def test_a_dialogue_that_the_caller_keeps_has_one_key(account: Account, other_account: Account) -> None:
    second = affinity_of(*run_of(account, "hello", "hi", "and now?", run_id="run_2"))
    third = affinity_of(*run_of(account, "hello", "hi", "and now?", "this", "why?", run_id="run_3"))
    theirs = affinity_of(*run_of(other_account, "hello", "hi", "and now?"))
    assert second == third
    assert second.is_continuing
    assert theirs.key != second.key
    assert affinity_of(*run_of(account, "hello")) == Affinity(key="run_1", is_continuing=False)
    assert affinity_of(*run_of(account, "hello", conversation_id="conv_1")).key == "conv_1"


@pytest.mark.django_db
def test_outstanding_is_what_live_runs_may_still_use(account: Account) -> None:
    def make(number: int, node_name: str, status: Run.Status, used: int) -> None:
        Run.objects.create(
            id=f"run_{number}",
            account=account,
            surface=Run.Surface.ASK,
            question="?",
            model=MODEL,
            spec={},
            max_total_tokens=1000,
            price_nano_usd_per_token=1,
            status=status,
            node_name=node_name,
            prompt_tokens=used,
        )

    make(1, "one", Run.Status.RUNNING, 300)
    make(2, "one", Run.Status.QUEUED, 0)
    make(3, "two", Run.Status.FINISHED, 0)
    make(4, "", Run.Status.QUEUED, 0)
    assert tokens_outstanding() == {"one": 1700}
