"""`/ws/fleet`: the nodes and the queue to an operator, live: all of it at first, then what changed.

Messages: `{"kind": "fleet", "nodes": […]}`, `{"kind": "job", "job": {…}}` for each job that rang, pings. The rows are
read at each look; a lost ring costs LOOK_SECONDS for nodes, and for jobs a reload of the queue.
"""

import asyncio
import time
from typing import Any

from backend.console.fleet import fleet_read
from backend.core.errors import NotFound
from backend.core.realtime import group_subscribed
from backend.core.sockets import PING_SECONDS, Hello, HelloConsumer
from backend.core.threads import service_call
from backend.jobs.bell import FLEET_GROUP
from backend.jobs.consumers import operator_from_socket
from backend.jobs.reading import job_read

LOOK_SECONDS = 3.0  # nodes are probed each ten seconds
JOBS_PER_LOOK_MAX = 50
GATHER_SECONDS = 0.3  # a job that trains rings twice a second: one message for what came together


class FleetConsumer(HelloConsumer):
    hint = "Send {} first."

    async def serve(self, hello: Hello) -> None:
        await service_call(
            operator_from_socket,
            user=self.scope["user"],
            client_address=self.client_address,
            api_key=hello.api_key or None,
        )
        async with group_subscribed(FLEET_GROUP) as rings:
            await self._follow(rings)

    async def _follow(self, rings: "asyncio.Queue[dict[str, Any]]") -> None:
        shown: list[dict[str, Any]] | None = None
        looked_at = said_at = 0.0
        while True:
            now = time.monotonic()
            if now - looked_at >= LOOK_SECONDS:
                nodes, looked_at = await service_call(fleet_read), now
                if nodes != shown:
                    await self.say("fleet", nodes=nodes)
                    shown, said_at = nodes, now
            for job_id in await _rung(rings):
                try:
                    await self.say("job", job=await service_call(job_read, job_id))
                except NotFound:
                    continue
                said_at = now
            if now - said_at >= PING_SECONDS:
                await self.say("ping")
                said_at = now


async def _rung(rings: "asyncio.Queue[dict[str, Any]]") -> list[str]:
    """The jobs that rang until the next look is due."""
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            job_ids = {(await rings.get())["job_id"]}
    except TimeoutError:
        return []
    await asyncio.sleep(GATHER_SECONDS)
    while not rings.empty() and len(job_ids) < JOBS_PER_LOOK_MAX:
        job_ids.add(rings.get_nowait()["job_id"])
    return sorted(job_ids)
