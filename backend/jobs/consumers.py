"""`/ws/jobs/{id}`: one job's log to an operator, from any `after_seq`, live until the job is over.

Sends the job as it is now, then every event after `after_seq` in order, the job again whenever it changed, and pings.
The channel only rings; events are read from PostgreSQL by `seq`, so a lost ring costs POLL_SECONDS.
Not here: changing jobs (HTTP does).
"""

import asyncio
import time
from typing import Any

from backend.accounts.callers import Caller
from backend.accounts.services import caller_from_socket
from backend.core.errors import NotAllowed
from backend.core.realtime import group_subscribed
from backend.core.sockets import PING_SECONDS, Hello, HelloConsumer
from backend.core.threads import service_call
from backend.jobs.bell import job_group
from backend.jobs.models import ENDED_STATUSES
from backend.jobs.reading import events_after, job_detail

POLL_SECONDS = 1.0  # silence after which the log is read again
EVENTS_PER_READ = 500


def operator_from_socket(**how: Any) -> Caller:
    """Raises NotAuthenticated, NotAllowed."""
    caller = caller_from_socket(**how)
    if not caller.scopes & {"jobs", "admin"}:
        raise NotAllowed("Jobs are the operator's: sign in as staff, or use a key with the scope 'jobs'.")
    return caller


class JobConsumer(HelloConsumer):
    async def serve(self, hello: Hello) -> None:
        await service_call(
            operator_from_socket,
            user=self.scope["user"],
            client_address=self.client_address,
            api_key=hello.api_key or None,
        )
        job_id = self.scope["url_route"]["kwargs"]["job_id"]
        # Listen first, read second: what is rung between the two would else wait for the next poll.
        async with group_subscribed(job_group(job_id)) as rings:
            await self._follow(job_id, hello.after_seq, rings)

    async def _follow(self, job_id: str, seq: int, rings: "asyncio.Queue[dict[str, Any]]") -> None:
        shown: dict[str, Any] = {}
        said_at = time.monotonic()
        while True:
            job = await service_call(job_detail, job_id)  # before its events: an end is seen with the events before it
            if _but_for_the_clock(job) != _but_for_the_clock(shown):
                await self.say("job", job=job)
                shown, said_at = job, time.monotonic()
            while events := await service_call(events_after, job_id, after=seq, limit=EVENTS_PER_READ):
                for event in events:
                    await self.say("event", event=event)
                seq, said_at = events[-1]["seq"], time.monotonic()
            if job["status"] in ENDED_STATUSES:
                return
            if time.monotonic() - said_at >= PING_SECONDS:
                await self.say("ping")
                said_at = time.monotonic()
            await _rung(rings)


def _but_for_the_clock(job: dict[str, Any]) -> dict[str, Any]:
    """What costs more by the second is no change worth a message."""
    attempts = [{**attempt, "cost_nano_usd": 0} for attempt in job.get("attempts", [])]
    return {**job, "spent_nano_usd": 0, "attempts": attempts}


async def _rung(rings: "asyncio.Queue[dict[str, Any]]") -> None:
    try:
        async with asyncio.timeout(POLL_SECONDS):
            await rings.get()
    except TimeoutError:
        return
    while not rings.empty():
        rings.get_nowait()  # one look answers them all
