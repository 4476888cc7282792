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


# What to do about a refusal, by its code.
CURES = {
    "invalid_api_key": "set SVEND_API_KEY to a key that works; the page API keys makes one",
    "missing_scope": "use a key with the scope 'admin' (or 'jobs'), made by a member of staff",
    "permission_denied": "use a key with the scope 'admin' (or 'jobs'), made by a member of staff",
    "person_required": "use a key that a signed-in person made: the audit names them",
    "promotion_refused": "svend gates MODEL shows each gate with its cure",
    "alias_moved": "svend promotions shows who moved it and why",
    "model_not_found": "svend models lists what there is",
    "job_not_found": "svend jobs lists what there is",
    "node_not_found": "svend nodes lists what there is",
    "no_node": "svend nodes shows why none takes jobs",
}


class CliError(Exception):
    """Something the user can act on: what, why, and the cure; never a traceback."""

    def __init__(self, message: str, *, cure: str = "") -> None:
        super().__init__(message)
        self.cure = cure


@dataclass(frozen=True)
class Server:
    url: str
    api_key: str | None


def server_find(*, for_operator: bool = False) -> Server:
    """SVEND_URL and SVEND_API_KEY, else the Svend that `make up` started here, with its operator's key if asked."""
    url, key = os.environ.get("SVEND_URL"), os.environ.get("SVEND_API_KEY")
    if url:
        return Server(url.rstrip("/"), key)
    found = Path(os.environ.get("SVEND_DATA") or "var") / "first-run.json"
    if not found.exists():
        raise CliError("no Svend found", cure="run `make up` here, or set SVEND_URL and SVEND_API_KEY")
    first_run = json.loads(found.read_text())
    own = first_run.get("operator_key") if for_operator else None
    return Server(first_run["url"], key or own or first_run["api_key"])


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
        message = f"{error['message']} ({error['code'] or error['type']}, request {request_id})"
        raise CliError(message, cure=CURES.get(error["code"] or "", ""))
    except (ValueError, KeyError, TypeError):
        raise CliError(f"the server answered {response.status_code} (request {request_id})") from None


def get_json(client: httpx.Client, path: str, **params: Any) -> Any:
    return _asked_json(client, "GET", path, params={name: v for name, v in params.items() if v not in (None, "")})


def post_json(client: httpx.Client, path: str, body: dict[str, Any] | None = None) -> Any:
    return _asked_json(client, "POST", path, json=body if body is not None else {})


def _asked_json(client: httpx.Client, method: str, path: str, **fields: Any) -> Any:
    try:
        return answer_json(client.request(method, path, **fields))
    except httpx.TransportError as error:
        raise _silent(client, error) from error


def _silent(client: httpx.Client, error: httpx.TransportError) -> CliError:
    return CliError(f"{client.base_url} does not answer ({error})", cure="is it up? `make status` tells")


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
                raise _silent(client, error) from error
        resumes += 1
        if resumes > RESUMES_MAX:
            raise CliError(f"the connection was lost {resumes} times", cure=f"the run goes on: svend run {run_id}")
