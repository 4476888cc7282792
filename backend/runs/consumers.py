"""`/ws/runs/{id}`: one run's log to one reader, from any `after_seq`, live until it is settled.

The first message authorises: a cookie's session, an `api_key` in it, or the local account; nothing is sent before.
The group's name is the run's id, looked up with the account. Not here: starting or stopping runs (HTTP does).
"""

import asyncio
import json
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from pydantic import BaseModel, ConfigDict, Field

from backend.accounts.callers import Caller
from backend.accounts.services import api_key_authenticate, caller_local, caller_of_user
from backend.core.addresses import address_is_loopback
from backend.core.errors import ApplicationError, NotAuthenticated, NotFound
from backend.core.threads import service_call
from backend.runs.follow import frames_follow
from backend.runs.models import Run
from backend.runs.run_json import run_json
from backend.runs.services import run_get

CLOSE_UNAUTHORIZED = 4401
CLOSE_NOT_FOUND = 4404
CLOSE_BAD_MESSAGE = 4400
HELLO_TIMEOUT_SECONDS = 15.0  # for the first message: a socket that says nothing is closed
PING_SECONDS = 15.0  # proxies close quiet sockets after half a minute or more
MESSAGE_BYTES_MAX = 65_536


class Hello(BaseModel):
    """The client's first message."""

    model_config = ConfigDict(extra="ignore")

    after_seq: int = Field(default=0, ge=0)
    api_key: str = ""


def _caller(*, user: Any, address: str, api_key: str) -> Caller:
    """Raises NotAuthenticated. The router leaves `user` None for programs, whose cookies are not read."""
    if api_key:
        return api_key_authenticate(api_key)
    if user is not None and user.is_authenticated:
        return caller_of_user(user)
    if settings.IS_LOCAL and address_is_loopback(address):
        return caller_local()
    raise NotAuthenticated('Sign in, or send {"api_key": "sk-svend-…"} in the first message.')


class RunConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    _task: "asyncio.Task[None] | None" = None

    async def connect(self) -> None:
        await self.accept()
        self._task = asyncio.create_task(self._close_unless_greeted())

    async def disconnect(self, code: int) -> None:
        if self._task is not None:
            self._task.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self._task is not None and self._task.get_name() == "follow":
            return  # everything after the first message is ignored
        try:
            if len(text_data or "") > MESSAGE_BYTES_MAX:
                raise ValueError("too long")
            hello = Hello.model_validate_json(text_data or "")
        except ValueError:
            return await self._refuse(CLOSE_BAD_MESSAGE, "invalid_message", 'Send {"after_seq": 0} first.')
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.create_task(self._serve(hello), name="follow")

    async def _close_unless_greeted(self) -> None:
        await asyncio.sleep(HELLO_TIMEOUT_SECONDS)
        await self.close(CLOSE_BAD_MESSAGE)

    async def _serve(self, hello: Hello) -> None:
        run_id = self.scope["url_route"]["kwargs"]["run_id"]
        try:
            address = (self.scope.get("client") or [""])[0]
            caller = await service_call(_caller, user=self.scope["user"], address=address, api_key=hello.api_key)
            run = await service_call(run_get, run_id=run_id, account_id=caller.account_id)
        except NotFound as error:
            return await self._refuse(CLOSE_NOT_FOUND, error.code, error.message)
        except ApplicationError as error:
            return await self._refuse(CLOSE_UNAUTHORIZED, error.code, error.message)
        await self._send_run(run)
        await self._send_frames(run_id, hello.after_seq)
        await self._send_run(await service_call(run_get, run_id=run_id, account_id=caller.account_id))
        await self.close()

    async def _send_frames(self, run_id: str, after_seq: int) -> None:
        quiet_since = asyncio.get_running_loop().time()
        async for frame in frames_follow(run_id=run_id, after_seq=after_seq):
            now = asyncio.get_running_loop().time()
            if frame is not None:
                # The line is JSON already: spliced in, not parsed and dumped again.
                await self.send(text_data=f'{{"kind":"frame","frame":{frame.line}}}')
                quiet_since = now
            elif now - quiet_since >= PING_SECONDS:
                await self.send(text_data='{"kind":"ping"}')
                quiet_since = now

    async def _send_run(self, run: Run) -> None:
        await self.send(text_data=json.dumps({"kind": "run", "run": run_json(run)}))

    async def _refuse(self, close_code: int, code: str | None, message: str) -> None:
        error: dict[str, Any] = {"code": code, "message": message}
        await self.send(text_data=json.dumps({"kind": "error", "error": error}))
        await self.close(close_code)
