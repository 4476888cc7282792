"""The terminal's side of the public API: where the server is, and the run's events as they come.

HTTP and the wire's types only: no Django, no database. What the CLI can do, any program with a key can.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from gpu_node.protocol.frames import Frame, frame_parse

CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 60.0  # the server pings every 15 s; four missed pings mean that nobody is there
RESUMES_MAX = 5  # dropped connections in one run before giving up


class CliError(Exception):
    """Something the user can act on: what, why, and the cure; never a traceback."""


@dataclass(frozen=True)
class Server:
    url: str
    api_key: str | None


def server_find() -> Server:
    """SVEND_URL and SVEND_API_KEY, else the Svend that `make up` started here."""
    url, key = os.environ.get("SVEND_URL"), os.environ.get("SVEND_API_KEY")
    if url:
        return Server(url.rstrip("/"), key)
    found = Path(os.environ.get("SVEND_DATA") or "var") / "first-run.json"
    if not found.exists():
        raise CliError("no Svend found: run `make up` here, or set SVEND_URL and SVEND_API_KEY")
    first_run = json.loads(found.read_text())
    return Server(first_run["url"], key or first_run["api_key"])


def client_make(server: Server) -> httpx.Client:
    headers = {"Authorization": f"Bearer {server.api_key}"} if server.api_key else {}
    timeout = httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
    return httpx.Client(base_url=server.url, headers=headers, timeout=timeout, trust_env=False)


def answer_json(response: httpx.Response) -> Any:
    """The body of a good answer.

    Raises:
        CliError: the server refused; its own message, code and request id are shown.
    """
    if response.is_success:
        return response.json()
    response.read()
    request_id = response.headers.get("x-request-id", "none")
    try:
        error = response.json()["error"]
        raise CliError(f"{error['message']} ({error['code'] or error['type']}, request {request_id})")
    except (ValueError, KeyError, TypeError):
        raise CliError(f"the server answered {response.status_code} (request {request_id})") from None


def get_json(client: httpx.Client, path: str) -> Any:
    try:
        return answer_json(client.get(path))
    except httpx.TransportError as error:
        raise CliError(f"{client.base_url} does not answer ({error}): is it up? `make status` tells") from error


def _sse_payloads(response: httpx.Response) -> Iterator[str]:
    for line in response.iter_lines():
        if line.startswith("data: "):
            payload = line.removeprefix("data: ")
            if payload == "[DONE]":
                return
            yield payload


def run_events(client: httpx.Client, body: dict[str, Any]) -> Iterator[Frame | dict[str, Any]]:
    """The run's frames as they come, then its `reason.run` object; a dropped connection resumes."""
    run_id, last_seq, resumes = None, 0, 0
    while True:
        if run_id is None:
            request = client.build_request("POST", "/v1/reason", json={**body, "stream": True})
        else:
            request = client.build_request("GET", f"/v1/reason/{run_id}/events", params={"after": last_seq})
        try:
            response = client.send(request, stream=True)
            try:
                if not response.is_success:
                    answer_json(response)
                run_id = response.headers.get("x-svend-run-id", run_id)
                for payload in _sse_payloads(response):
                    event = json.loads(payload)
                    if "seq" not in event:
                        yield event
                        return
                    frame = frame_parse(payload)
                    last_seq = frame.seq
                    yield frame
            finally:
                response.close()
        except httpx.TransportError as error:
            if run_id is None or resumes >= RESUMES_MAX:
                raise CliError(f"{client.base_url} does not answer ({error}): is it up? `make status` tells") from error
        resumes += 1
        if resumes > RESUMES_MAX:
            raise CliError(f"the connection was lost {resumes} times; the run goes on: svend run {run_id}")
