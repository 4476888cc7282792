"""What surrounds the API: probes, the web UI's shell, headers on everything, errors in one shape."""

import asyncio
import logging
from pathlib import Path

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core import mail
from django.core.mail import get_connection
from django.test import AsyncClient, Client

from backend.core.errors import ApplicationError, answers_errors
from backend.core.logs import KeysHidden
from backend.core.queue import TASK_NODES_PROBE, enqueue
from backend.core.threads import service_call

WAIT_SECONDS = 10.0  # for what comes at once, unless others compute here too


def test_every_answer_has_a_request_id(client: Client) -> None:
    assert client.get("/healthz")["x-request-id"].startswith("req_")
    assert client.get("/healthz", headers={"x-request-id": "mine-1"})["x-request-id"] == "mine-1"
    assert client.get("/healthz", headers={"x-request-id": "a\tb" * 90})["x-request-id"].startswith("req_")


@pytest.mark.django_db
def test_ready_means_its_services_answer(client: Client, settings) -> None:
    assert client.get("/readyz").json() == {"status": "ok", "failing": {}}
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}}
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "valkey" in answer.json()["failing"]


@pytest.mark.parametrize("path", ["/v1/embeddings", "/api/none", "/v1/"])
def test_an_unknown_api_path_is_a_json_404(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_missing_web_ui_says_so(client: Client, settings, tmp_path: Path) -> None:
    settings.FRONTEND_DIST = tmp_path
    assert b"being built" in client.get("/usage").content


def test_any_page_path_serves_the_web_ui_under_a_strict_policy(client: Client, settings, tmp_path: Path) -> None:
    settings.FRONTEND_DIST = tmp_path
    (tmp_path / "index.html").write_text("<html>svend</html>")
    answer = client.get("/ask/run_1")
    assert answer.content == b"<html>svend</html>"
    policy = answer["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe-eval" not in policy
    assert answer["x-frame-options"] == "DENY"
    assert answer["x-content-type-options"] == "nosniff"
    assert "csrftoken" in answer.cookies


def test_assets_built_after_the_start_are_served_for_ever(client: Client, settings, tmp_path: Path) -> None:
    settings.FRONTEND_DIST = tmp_path
    assert client.get("/assets/app-1a2b3c4d.js").status_code == 404
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "app-1a2b3c4d.js").write_text("let svend")
    (tmp_path / "favicon.svg").write_text("<svg/>")
    answer = client.get("/assets/app-1a2b3c4d.js")
    assert b"".join(answer) == b"let svend"
    assert "immutable" in answer["cache-control"]
    assert answer["content-type"].startswith("text/javascript")
    assert "immutable" not in client.get("/favicon.svg")["cache-control"]


@pytest.mark.parametrize("path", ["/assets/../secret.txt", "/assets/%2e%2e/secret.txt", "/..%2fsecret.txt", "/a%00.js"])
def test_nothing_outside_the_web_ui_is_served(client: Client, settings, tmp_path: Path, path: str) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "secret.txt").write_text("hidden words")
    settings.FRONTEND_DIST = tmp_path / "dist"
    answer = client.get(path)
    assert b"hidden words" not in (b"".join(answer) if answer.streaming else answer.content)


def test_the_docs_load_nothing_from_elsewhere(client: Client) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assert b"http://" not in page.content
    assert b"https://" not in page.content
    assert client.get("/api/schema").status_code == 200
    assert client.get("/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js").status_code == 200


def test_metrics_are_for_inside_only(client: Client) -> None:
    assert b"django_http" in client.get("/metrics").content
    assert Client(REMOTE_ADDR="8.8.8.8").get("/metrics").status_code == 404


def test_local_mail_is_shown_and_only_locally(client: Client, settings, tmp_path: Path) -> None:
    settings.EMAIL_FILE_PATH = tmp_path / "mail"
    connection = get_connection("backend.core.mail.FileMail")
    mail.send_mail("Your <code>", "ABC-123", "svend@example.org", ["a@example.org"], connection=connection)
    assert b"ABC-123" in client.get("/dev/mail").content
    assert b"<code>" not in client.get("/dev/mail").content.replace(b"&lt;", b"")
    settings.IS_LOCAL = False
    assert client.get("/dev/mail").status_code == 404


def test_a_plain_view_answers_errors_in_the_one_shape() -> None:
    @answers_errors
    async def known(request):
        raise ApplicationError("No.", code="nope", param="x", headers={"retry-after": "1"})

    @answers_errors
    async def unknown(request):
        raise RuntimeError("secret detail")

    answer = asyncio.run(known(None))
    assert (answer.status_code, answer["retry-after"]) == (400, "1")
    answer = asyncio.run(unknown(None))
    assert answer.status_code == 500
    assert b"secret" not in answer.content


def test_keys_never_reach_the_log() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "key sk-svend-abcdefgh used", (), None)
    KeysHidden().filter(record)
    assert record.msg == "key sk-svend-[hidden] used"
    record.msg = {"event": "used", "key": "sk-svend-abcdefgh"}
    KeysHidden().filter(record)
    assert record.msg["key"] == "sk-svend-[hidden]"


@pytest.mark.django_db(transaction=True)
async def test_service_calls_give_their_connections_back() -> None:
    from backend.accounts.models import Account

    # More calls than the pool has connections: a leak would time out.
    counts = await asyncio.gather(*(service_call(Account.objects.count) for _ in range(40)))
    assert counts == [0] * 40


@pytest.mark.django_db(transaction=True)
async def test_a_restarted_database_costs_no_request() -> None:
    from django.db import connection

    from backend.accounts.models import Account

    def others_end() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                " AND datname = current_database()"
            )

    await asyncio.gather(*(service_call(Account.objects.count) for _ in range(8)))
    await service_call(others_end)
    counts = await asyncio.gather(*(service_call(Account.objects.count) for _ in range(8)))
    assert counts == [0] * 8


def test_a_broker_that_is_down_loses_the_wake_up_only(settings) -> None:
    from backend.core import queue

    queue._celery.cache_clear()
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    try:
        queue._send(TASK_NODES_PROBE, (), "req_of_a_test")
    finally:
        queue._celery.cache_clear()
    with pytest.raises(AssertionError, match="unknown task"):
        enqueue("worker.made_up")


# --- The ASGI router


def _socket_scope(*headers: tuple[bytes, bytes]) -> dict[str, object]:
    return {"type": "websocket", "path": "/ws/none", "headers": list(headers), "client": ("127.0.0.1", 1)}


@pytest.mark.django_db(transaction=True)  # Channels looks after this thread's connection, if it has one
async def test_a_foreign_pages_websocket_is_refused_before_any_consumer() -> None:
    from backend.core.handlers import OriginRouter

    reached: list[object] = []

    async def consumer(scope, receive, send) -> None:
        reached.append(scope["user"])
        await send({"type": "websocket.accept"})

    foreign = (b"host", b"127.0.0.1"), (b"origin", b"https://evil.example")
    socket = ApplicationCommunicator(OriginRouter(consumer), _socket_scope(*foreign))
    await socket.send_input({"type": "websocket.connect"})
    assert (await socket.receive_output(timeout=WAIT_SECONDS))["type"] == "websocket.close"
    assert reached == []

    program = ApplicationCommunicator(OriginRouter(consumer), _socket_scope((b"cookie", b"svend_session=x")))
    await program.send_input({"type": "websocket.connect"})
    assert (await program.receive_output(timeout=WAIT_SECONDS))["type"] == "websocket.accept"
    assert reached == [None]  # its cookie was not read


async def test_the_token_path_runs_the_lean_handler() -> None:
    from backend.core.handlers import V1Handler

    lean = await AsyncClient().get("/v1/nothing")  # the full chain, by the test client
    assert lean.status_code == 404
    scope = {"type": "http", "method": "GET", "path": "/v1/nothing", "query_string": b"", "headers": []}
    call = ApplicationCommunicator(V1Handler(), scope)
    await call.send_input({"type": "http.request", "body": b"", "more_body": False})
    headers = dict((await call.receive_output())["headers"])
    assert b"x-request-id" in headers
    assert headers[b"openai-version"] == b"2020-10-01"


async def _http_answer(headers: list[tuple[bytes, bytes]], chunks: list[bytes]) -> list[dict[str, object]]:
    from backend.core.handlers import HttpRouter

    scope = {"type": "http", "method": "POST", "path": "/v1/none", "query_string": b"", "headers": headers}
    call = ApplicationCommunicator(HttpRouter(), scope)
    for position, chunk in enumerate(chunks):
        more_body = position < len(chunks) - 1
        await call.send_input({"type": "http.request", "body": chunk, "more_body": more_body})
    await call.wait(timeout=20)
    return [call.output_queue.get_nowait() for _ in range(call.output_queue.qsize())]


async def test_a_huge_body_is_refused_in_the_one_shape() -> None:
    body = b"x" * 3_000_000
    start, content = await _http_answer([(b"content-length", str(len(body)).encode())], [body])
    assert start["status"] == 413
    assert b"request_too_large" in content["body"]


async def test_a_huge_body_without_a_length_is_not_kept() -> None:
    assert await _http_answer([], [b"x" * 1_000_000] * 5) == []  # as if its sender had gone
    assert (await _http_answer([], [b"{}"]))[0]["status"] == 404
