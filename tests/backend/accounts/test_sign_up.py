"""Sign-up, sign-in, reset and the welcome link over HTTP, as the web UI does them (allauth headless)."""

import json
import re

import pytest
from django.core import mail
from django.test import Client

from backend.accounts.models import Account, Membership, User
from backend.accounts.welcome import welcome_link_make
from backend.metering.services import TRIAL_GRANT_NANO_USD, balance_read, price_set

AUTH = "/_allauth/browser/v1/auth"
PASSWORD = "correct horse battery"

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    """With CSRF checks on, as for a real one; the first page gives it the cookie."""
    client = Client(enforce_csrf_checks=True)
    client.get("/")
    return client


def post(client: Client, path: str, **body: object):
    token = client.cookies["csrftoken"].value
    return client.post(path, json.dumps(body), content_type="application/json", headers={"x-csrftoken": token})


def code_in_mail() -> str:
    found = re.search(r"^\s*([A-Z0-9]{3,}(?:-[A-Z0-9]+)*)\s*$", str(mail.outbox[-1].body), re.MULTILINE)
    assert found, mail.outbox[-1].body
    return found.group(1)


def sign_up(client: Client, email: str = "new@example.org") -> None:
    answer = post(client, f"{AUTH}/signup", email=email, password=PASSWORD)
    assert answer.status_code == 401, answer.content  # pending: verify the address first
    assert [flow["id"] for flow in answer.json()["data"]["flows"] if flow.get("is_pending")] == ["verify_email"]
    answer = post(client, f"{AUTH}/email/verify", key=code_in_mail())
    assert answer.status_code == 200, answer.content


def test_signing_up_makes_an_account_with_one_trial_and_signs_in(browser: Client) -> None:
    price_set(model="default", nano_usd_per_token=3_000)
    sign_up(browser)
    membership = Membership.objects.get(user__email="new@example.org")
    assert balance_read(membership.account_id).available_nano_usd == TRIAL_GRANT_NANO_USD
    me = browser.get("/api/me").json()
    assert me["user"] == {"email": "new@example.org", "is_staff": False}
    assert me["balance_nano_usd"] == TRIAL_GRANT_NANO_USD
    assert me["has_asked"] is False


def test_a_second_sign_up_of_one_address_makes_no_second_account(browser: Client) -> None:
    sign_up(browser)
    stranger = Client(enforce_csrf_checks=True)
    stranger.get("/")
    post(stranger, f"{AUTH}/signup", email="NEW@example.org", password=PASSWORD)
    assert User.objects.count() == Account.objects.count() == 1


def test_sign_out_and_in_again(browser: Client) -> None:
    sign_up(browser)
    token = browser.cookies["csrftoken"].value
    assert browser.delete(f"{AUTH}/session", headers={"x-csrftoken": token}).status_code == 401
    assert browser.get(f"{AUTH}/session").status_code == 401
    assert post(browser, f"{AUTH}/login", email="new@example.org", password="wrong horse").status_code == 400
    assert post(browser, f"{AUTH}/login", email="New@example.org", password=PASSWORD).status_code == 200


def test_a_weak_password_is_refused_with_its_reason(browser: Client) -> None:
    answer = post(browser, f"{AUTH}/signup", email="new@example.org", password="1234")
    assert answer.status_code == 400
    assert {error["param"] for error in answer.json()["errors"]} == {"password"}


def test_a_password_is_reset_by_a_code(browser: Client) -> None:
    sign_up(browser)
    other = Client(enforce_csrf_checks=True)
    other.get("/")
    assert post(other, f"{AUTH}/password/request", email="new@example.org").status_code == 401  # pending
    answer = post(other, f"{AUTH}/password/reset", key=code_in_mail(), password="a brand new horse")
    assert answer.status_code in (200, 401), answer.content
    fresh = Client(enforce_csrf_checks=True)
    fresh.get("/")
    assert post(fresh, f"{AUTH}/login", email="new@example.org", password=PASSWORD).status_code == 400
    assert post(fresh, f"{AUTH}/login", email="new@example.org", password="a brand new horse").status_code == 200


def test_a_post_without_the_csrf_token_is_refused(browser: Client) -> None:
    answer = browser.post(f"{AUTH}/login", json.dumps({}), content_type="application/json")
    assert answer.status_code == 403


def test_the_welcome_link_signs_in_once(alice: User) -> None:
    path = welcome_link_make(user=alice)
    first, second = Client(), Client()
    answer = first.get(path)
    assert (answer.status_code, answer["location"]) == (302, "/")
    assert first.session["_auth_user_id"] == str(alice.pk)
    assert second.get(path).status_code == 404
    assert second.get("/welcome/guessed").status_code == 404
