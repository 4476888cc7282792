"""What every websocket of ours does first: wait for a hello, say who calls, refuse or serve. And pings.

The first message authorises: a cookie's session, an `api_key` in it, or the local account; nothing is sent before.
Not here: what is served (the apps' consumers). Who calls is asked of the app's `caller`, for core knows no accounts.
"""

import asyncio
import json
from typing import Any, ClassVar

from channels.generic.websocket import AsyncWebsocketConsumer
from pydantic import BaseModel, ConfigDict, Field

from backend.core.errors import ApplicationError, NotFound

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


class HelloConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """A subclass writes `serve`, which may raise ApplicationError, and is cancelled when the socket goes."""

    hint: ClassVar[str] = 'Send {"after_seq": 0} first.'
    _task: "asyncio.Task[None] | None" = None

    async def serve(self, hello: Hello) -> None:
        raise NotImplementedError

    async def connect(self) -> None:
        await self.accept()
        self._task = asyncio.create_task(self._close_unless_greeted())

    async def disconnect(self, code: int) -> None:
        if self._task is not None:
            self._task.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self._task is not None and self._task.get_name() == "serve":
            return  # everything after the first message is ignored
        try:
            if len(text_data or "") > MESSAGE_BYTES_MAX:
                raise ValueError("too long")
            hello = Hello.model_validate_json(text_data or "")
        except ValueError:
            return await self.refuse(CLOSE_BAD_MESSAGE, "invalid_message", self.hint)
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.create_task(self._serve(hello), name="serve")

    async def _close_unless_greeted(self) -> None:
        await asyncio.sleep(HELLO_TIMEOUT_SECONDS)
        await self.close(CLOSE_BAD_MESSAGE)

    async def _serve(self, hello: Hello) -> None:
        try:
            await self.serve(hello)
        except NotFound as error:
            return await self.refuse(CLOSE_NOT_FOUND, error.code, error.message)
        except ApplicationError as error:
            return await self.refuse(CLOSE_UNAUTHORIZED, error.code, error.message)
        await self.close()

    @property
    def client_address(self) -> str:
        return str((self.scope.get("client") or [""])[0])

    async def say(self, kind: str, **fields: Any) -> None:
        await self.send(text_data=json.dumps({"kind": kind, **fields}))

    async def refuse(self, close_code: int, code: str | None, message: str) -> None:
        await self.say("error", error={"code": code, "message": message})
        await self.close(close_code)
