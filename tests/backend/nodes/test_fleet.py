"""Nodes added in the web UI: which URLs are refused, what is kept of a secret, what an operator may do."""

from ipaddress import ip_network
from typing import Any

import pytest

from backend.core.errors import ApplicationError
from backend.nodes import url_guard
from backend.nodes.client import NodeAddress, NodeClient, NodeUnreachable, sessions_close
from backend.nodes.fleet import node_add, node_change, node_remove
from backend.nodes.models import Node
from backend.nodes.secret_box import secret_open, secret_seal
from backend.nodes.services import node_addresses, node_addresses_load, nodes_sync
from backend.nodes.url_guard import GuardedResolver, UrlRefused, url_check

SECRET = "a-secret-of-some-length"


def resolves_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """DNS is somebody else's: this is what it says."""
    found = [(2, 1, 6, "", (address, 443)) for address in addresses]
    monkeypatch.setattr(url_guard.socket, "getaddrinfo", lambda *_, **__: found)


@pytest.mark.parametrize(
    "url",
    [
        "http://node.example",  # not https
        "ftp://node.example",
        "node.example",
        "https://",
        "https://user:password@node.example",
        "https://node.example/path",
        "https://node.example?x=1",
        "https://node.example#x",
        "https://node.example:99999",
        "https://127.0.0.1",
        "https://localhost.",
        "https://10.0.0.1",
        "https://192.168.1.1:8001",
        "https://172.16.0.1",
        "https://100.64.0.1",  # carrier-grade NAT
        "https://169.254.169.254",  # metadata
        "https://[::1]",
        "https://[fe80::1]",
        "https://[fd00:ec2::254]",
        "https://[::ffff:10.0.0.1]",  # mapped
        "https://[::ffff:8.8.8.8]",
        "https://[64:ff9b::a00:1]",  # NAT64 of 10.0.0.1
        "https://[2002:a00:1::]",  # 6to4 of 10.0.0.1
        "https://0.0.0.0",
        "https://224.0.0.1",
        "https://2130706433",  # decimal 127.0.0.1
        "https://0x7f000001",
        "https://0x7f.1",
        "https://127.1",
        "https://0177.0.0.1",
        "https://１２７.0.0.1",  # noqa: RUF001  full-width digits
        "https://node.example%2f@10.0.0.1",
        "https://node_example",
    ],
)
def test_a_url_that_leads_inside_or_is_spelled_oddly_is_refused(url: str, monkeypatch: Any) -> None:
    resolves_to(monkeypatch, "93.184.216.34")  # even if the name looked harmless
    with pytest.raises(UrlRefused):
        url_check(url)


def test_a_public_https_url_is_taken_in_its_plain_form(monkeypatch: Any) -> None:
    resolves_to(monkeypatch, "93.184.216.34")
    assert url_check(" https://Node.Example/ ") == "https://node.example:443"
    assert url_check("https://node.example:8001") == "https://node.example:8001"


@pytest.mark.parametrize("inside", ["10.0.0.1", "127.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fd00::1"])
def test_a_name_is_refused_if_any_of_its_addresses_lies_inside(inside: str, monkeypatch: Any) -> None:
    resolves_to(monkeypatch, "93.184.216.34", inside)
    with pytest.raises(UrlRefused):
        url_check("https://node.example")


def test_an_allowed_network_allows_what_lies_in_it_and_nothing_else(settings: Any, monkeypatch: Any) -> None:
    settings.SVEND_NODE_NETWORKS = [ip_network("10.1.0.0/16"), ip_network("169.254.0.0/16")]
    assert url_check("https://10.1.2.3")
    for refused in ("https://10.2.0.1", "https://8.8.8.8", "https://169.254.169.254"):
        with pytest.raises(UrlRefused):
            url_check(refused)


async def test_a_name_that_changes_its_mind_after_the_check_gains_nothing(monkeypatch: Any) -> None:
    """DNS rebinding: the address is checked again where the connection is made."""
    with pytest.raises(OSError, match="private"):
        await GuardedResolver().resolve("localhost", 443)
    address = NodeAddress(name="n", url="https://localhost:1", secret=SECRET, is_trusted=False)
    with pytest.raises(NodeUnreachable, match="private"):
        await NodeClient(address).info()
    await sessions_close()


# --- Rows


def add(**changes: Any) -> Node:
    fields: dict[str, Any] = {
        "name": "gpu-7",
        "url": "https://93.184.216.34:8001",
        "secret": SECRET,
        "price_nano_usd_per_hour": 2_000_000_000,
        "role": "train",
        "added_by_id": None,
        "added_by_key_id": "",
    }
    return node_add(**{**fields, **changes})


@pytest.mark.django_db
def test_a_secret_is_kept_encrypted_and_used(settings: Any) -> None:
    node = add()
    assert SECRET not in node.secret_encrypted
    address = node_addresses()["gpu-7"]
    assert (address.secret, address.is_trusted) == (SECRET, False)
    assert SECRET not in repr(address)


def test_a_sealed_secret_needs_the_same_secret_key(settings: Any) -> None:
    sealed = secret_seal(SECRET)
    assert secret_open(sealed) == SECRET
    settings.SECRET_KEY = "y" * 60
    with pytest.raises(ApplicationError, match="SVEND_SECRET_KEY"):
        secret_open(sealed)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "GPU 7"}, "small letters"),
        ({"name": "../x"}, "small letters"),
        ({"secret": "short"}, "at least 16"),
        ({"url": "https://10.0.0.1"}, "private"),
    ],
)
def test_a_bad_node_is_refused_with_one_sentence(changes: dict[str, str], said: str) -> None:
    with pytest.raises(ApplicationError, match=said):
        add(**changes)
    assert not Node.objects.exists()


@pytest.mark.django_db
def test_a_name_is_taken_once_and_free_again_after_removal() -> None:
    add()
    with pytest.raises(ApplicationError, match="taken"):
        add()
    node_remove("gpu-7")
    assert "gpu-7" not in node_addresses()
    assert Node.objects.get().secret_encrypted == ""
    assert add().is_enabled


@pytest.mark.django_db
def test_a_node_with_jobs_is_not_removed() -> None:
    add()
    Node.objects.update(info={"running_jobs": [{"job_id": "job_x", "epoch": 1}]})
    with pytest.raises(ApplicationError, match="drain it"):
        node_remove("gpu-7")


@pytest.mark.django_db
def test_nodes_of_the_settings_stay_trusted_and_are_removed_there(settings: Any) -> None:
    settings.SVEND_NODES = [{"name": "here", "url": "http://127.0.0.1:8001", "secret": SECRET}]
    add()
    nodes_sync()
    assert node_addresses()["here"].is_trusted
    assert Node.objects.get(name="gpu-7").is_enabled
    with pytest.raises(ApplicationError, match="SVEND_NODES"):
        node_remove("here")
    settings.SVEND_NODES = []
    nodes_sync()
    assert not Node.objects.get(name="here").is_enabled
    assert set(node_addresses_load()) == {"gpu-7"}


@pytest.mark.django_db
def test_price_cordon_and_drain_are_written() -> None:
    add()
    node = node_change("gpu-7", price_nano_usd_per_hour=5, is_cordoned=True, is_draining=True)
    assert (node.price_nano_usd_per_hour, node.is_cordoned, node.is_draining) == (5, True, True)
