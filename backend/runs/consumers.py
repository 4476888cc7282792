"""`/ws/runs/{id}`: one run's log to one reader, from any `after_seq`, live until it is settled.

The run is looked up with the caller's account: another's looks like none. Not here: the hello that authorises
(core.sockets), starting or stopping runs (HTTP does).
"""

import asyncio

from backend.accounts.services import caller_from_socket
from backend.core.sockets import PING_SECONDS, Hello, HelloConsumer
from backend.core.threads import service_call
from backend.runs.follow import frames_follow
from backend.runs.run_json import run_json
from backend.runs.services import run_get


class RunConsumer(HelloConsumer):
    async def serve(self, hello: Hello) -> None:
        run_id = self.scope["url_route"]["kwargs"]["run_id"]
        caller = await service_call(
            caller_from_socket,
            user=self.scope["user"],
            client_address=self.client_address,
            api_key=hello.api_key or None,
        )
        run = await service_call(run_get, run_id=run_id, account_id=caller.account_id)
        await self.say("run", run=run_json(run))
        await self._send_frames(run_id, hello.after_seq)
        run = await service_call(run_get, run_id=run_id, account_id=caller.account_id)
        await self.say("run", run=run_json(run))

    async def _send_frames(self, run_id: str, after_seq: int) -> None:
        quiet_since = asyncio.get_running_loop().time()
        async for frame in frames_follow(run_id=run_id, after_seq=after_seq):
            now = asyncio.get_running_loop().time()
            if frame is not None:
                # The line is JSON already: spliced in, not parsed and dumped again.
                await self.send(text_data=f'{{"kind":"frame","frame":{frame.line}}}')
                quiet_since = now
            elif now - quiet_since >= PING_SECONDS:
                await self.say("ping")
                quiet_since = now
