"""Stripe's own command line tool as a second client, written by others in another language, on the far end.

It comes from npm (30 MB), so it is fetched for this test alone: `make test-extra`.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator

import pytest

from backend.local.web_ui import node_env, npm_command
from tests.stripe_far_end import FarEnd, far_end_started

pytestmark = [pytest.mark.extra, pytest.mark.timeout(180)]

PACKAGE = "@stripe/cli@1.52.0"
Cli = Callable[..., str]


@pytest.fixture(scope="module")
def far_end() -> Iterator[FarEnd]:
    with far_end_started(webhook_url="http://127.0.0.1:9/nobody") as started:
        yield started


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory, far_end: FarEnd) -> Cli:
    folder = tmp_path_factory.mktemp("stripe-cli")
    install = npm_command("install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), PACKAGE)
    subprocess.run(install, env=node_env(), check=True, capture_output=True, timeout=120)
    program = next((folder / "node_modules" / "@stripe").rglob("bin/stripe"))  # named by the machine's kind
    env = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}

    def run(*arguments: str) -> str:
        given = [str(program), *arguments, "--api-key", far_end.secret_key, "--api-base", far_end.url]
        done = subprocess.run(given, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_the_cli_creates_reads_and_charges(cli: Cli) -> None:
    customer = json.loads(cli("customers", "create", "--email", "ada@example.com", "-d", "metadata[account]=acc_1"))
    assert json.loads(cli("customers", "retrieve", customer["id"]))["metadata"] == {"account": "acc_1"}
    fields = ["-d", "amount=500", "-d", "currency=usd", "-d", "confirm=true", "-d", "payment_method=pm_card_visa"]
    intent = json.loads(cli("post", "/v1/payment_intents", *fields, "-d", f"customer={customer['id']}"))
    assert intent["status"] == "succeeded"
    lines = json.loads(cli("get", "/v1/balance_transactions", "-d", "expand[]=data.source"))
    assert lines["data"][0]["source"]["payment_intent"] == intent["id"]


@pytest.mark.parametrize(
    "event", ["payment_intent.succeeded", "payment_intent.payment_failed", "customer.created", "charge.refunded"]
)
def test_the_cli_s_own_stories_run(cli: Cli, far_end: FarEnd, event: str) -> None:
    assert "Trigger succeeded!" in cli("trigger", event)
    assert any(row["type"] == event for row in far_end.events())
