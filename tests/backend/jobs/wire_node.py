"""A node that speaks the jobs' half of the wire over real HTTP and does what the test says: it trains nothing.

It keeps a journal with positions, refuses older epochs, uploads pieces to the URLs it is given, and can be made to
lie, to hang, to go away and to come back with a fresh disk.
"""

import asyncio
import hashlib
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp
from aiohttp import web
from pydantic import ValidationError

from gpu_node.protocol import job_frames as wire
from gpu_node.protocol.job_spec import JobOrder
from gpu_node.protocol.manifest import Manifest, ManifestFile, Piece, SignedManifest
from gpu_node.protocol.node import NodeInfo
from gpu_node.protocol.plan import Plan, PlanCheck, PlanRequest, Preview, PreviewRow, PreviewToken
from gpu_node.server.gang_door import master_check

SECRET = "a-node-secret-for-tests"


@dataclass
class Taken:
    """An attempt as the node knows it."""

    job_id: str
    epoch: int
    order: JobOrder
    state: str = "running"
    seq: int = 0
    calls: list[str] = field(default_factory=list)
    uploads: list[SignedManifest] = field(default_factory=list)


def manifest_of(files: dict[str, bytes]) -> Manifest:
    return Manifest(
        files=[
            ManifestFile(path=path, pieces=[Piece(sha256=hashlib.sha256(data).hexdigest(), num_bytes=len(data))])
            for path, data in files.items()
        ]
    )


class WireNode:
    def __init__(self, name: str, *, jobs_max: int = 1) -> None:
        self.name = name
        self.jobs_max = jobs_max
        self.port = 0
        self.boot_id = uuid4().hex
        self.journal_id = uuid4().hex
        self.journal: list[wire.JobFrame] = []
        self.acked = 0
        self.planned: PlanRequest | None = None
        self.taken: dict[tuple[str, int], Taken] = {}
        self.pieces: dict[str, bytes] = {}  # what it would upload
        self.is_draining = False
        self.refuse_next: tuple[int, str, str] | None = None  # status, code, message
        self.info_changes: dict[str, Any] = {}
        self.is_hanging = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    # --- What a test says

    @property
    def setting(self) -> dict[str, str]:
        return {"name": self.name, "url": f"http://127.0.0.1:{self.port}", "secret": SECRET}

    def emit(self, job_id: str, *events: wire.JobEvent, epoch: int | None = None, node_rank: int = 0) -> None:
        """Writes frames of the job's newest attempt here (or of `epoch`) into the journal."""
        attempt = self.attempt(job_id, epoch)
        for event in events:
            attempt.seq += 1
            self.journal.append(
                wire.JobFrame(
                    position=len(self.journal) + 1,
                    job_id=job_id,
                    epoch=attempt.epoch,
                    node_rank=node_rank,
                    seq=attempt.seq,
                    at_ms=int(time.time() * 1000),
                    event=event,
                )
            )
            if event.type in wire.JOB_TERMINAL_TYPES:
                attempt.state = "over"

    def attempt(self, job_id: str, epoch: int | None = None) -> Taken:
        found = [a for a in self.taken.values() if a.job_id == job_id and (epoch is None or a.epoch == epoch)]
        return max(found, key=lambda attempt: attempt.epoch)

    def has_taken(self, job_id: str) -> bool:
        return any(attempt.job_id == job_id for attempt in self.taken.values())

    def checkpoint(self, files: dict[str, bytes], *, step: int) -> wire.Checkpoint:
        for data in files.values():
            self.pieces[hashlib.sha256(data).hexdigest()] = data
        return wire.Checkpoint(step=step, manifest=manifest_of(files))

    def forget(self) -> None:
        """A fresh disk: another journal, no jobs."""
        self.journal_id, self.journal, self.taken, self.acked = uuid4().hex, [], {}, 0

    def upload(self, job_id: str, step: int, *, epoch: int | None = None, spoil: bool = False) -> list[int]:
        """Puts the pieces it was given URLs for; the HTTP statuses. Then tells that it uploaded."""
        attempt = self.attempt(job_id, epoch)
        signed = attempt.uploads[-1]

        async def put_all() -> list[int]:
            statuses = []
            async with aiohttp.ClientSession() as session:
                for sha256, url in signed.urls.items():
                    data = self.pieces[sha256]
                    data = data[:-1] + b"!" if spoil else data
                    async with session.put(url, data=data) as response:
                        statuses.append(response.status)
            return statuses

        statuses = asyncio.run(put_all())
        self.emit(
            job_id, wire.CheckpointUploaded(step=step, manifest_sha256=signed.manifest.sha256), epoch=attempt.epoch
        )
        return statuses

    # --- The server

    def start(self) -> None:
        is_up = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(is_up,), daemon=True)
        self._thread.start()
        assert is_up.wait(10)

    def stop(self) -> None:
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._loop = self._thread = None

    def _serve(self, is_up: threading.Event) -> None:
        loop = self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.1)
        loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        loop.run_until_complete(site.start())
        self.port = self.port or runner.addresses[0][1]
        is_up.set()
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(runner.cleanup())
            loop.close()

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard], client_max_size=2**26)
        app.add_routes(
            [
                web.get("/info", self._info),
                web.put("/jobs/{id}", self._put),
                web.delete("/jobs/{id}", self._delete),
                web.post("/jobs/{id}/uploads", self._uploads),
                web.post("/jobs/{id}/{verb:pause|resume}", self._wish),
                web.get("/events", self._events),
                web.post("/events/ack", self._ack),
                web.post("/plan", self._plan),
                web.post("/preview", self._preview),
                web.post("/drain", self._drain),
                web.post("/undrain", self._drain),
            ]
        )
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        while self.is_hanging.is_set():
            await asyncio.sleep(0.02)
        if request.headers.get("authorization") != f"Bearer {SECRET}":
            return self._refusal(401, "unauthorized", "no")
        try:
            response: web.StreamResponse = await handler(request)
        except ValidationError as error:
            return self._refusal(400, "bad_spec", str(error))
        return response

    def _refusal(self, status: int, code: str, message: str) -> web.Response:
        return web.json_response({"error": {"code": code, "message": message}}, status=status)

    async def _info(self, request: web.Request) -> web.Response:
        running = [
            wire.RunningJob(job_id=a.job_id, epoch=a.epoch, state="running")
            for a in self.taken.values()
            if a.state != "over"
        ]
        info = NodeInfo(
            name=self.name,
            boot_id=self.boot_id,
            journal_id=self.journal_id,
            versions={"svend": "0.1.0"},
            devices=[],
            fence_tier="none",
            models=[],
            running_runs=[],
            runs_max=0,
            running_jobs=running,
            jobs_max=self.jobs_max,
            is_draining=self.is_draining,
        )
        return web.json_response({**info.model_dump(mode="json"), **self.info_changes})

    async def _put(self, request: web.Request) -> web.Response:
        if self.refuse_next is not None:
            refusal, self.refuse_next = self.refuse_next, None
            return self._refusal(*refusal)
        job_id, epoch = request.match_info["id"], int(request.query["epoch"])
        if any(a.job_id == job_id and a.epoch > epoch for a in self.taken.values()):
            return self._refusal(409, "stale_epoch", "a newer epoch was ordered")
        order = JobOrder.model_validate_json(await request.read())
        self.taken.setdefault((job_id, epoch), Taken(job_id=job_id, epoch=epoch, order=order)).calls.append("put")
        return web.json_response({})

    def _known(self, request: web.Request) -> Taken | None:
        return self.taken.get((request.match_info["id"], int(request.query["epoch"])))

    async def _delete(self, request: web.Request) -> web.Response:
        attempt = self._known(request)
        if attempt is None:
            return self._refusal(404, "unknown_job", "never heard of it")
        attempt.calls.append("cancel")
        attempt.state = "over"
        return web.json_response({})

    async def _wish(self, request: web.Request) -> web.Response:
        attempt = self._known(request)
        if attempt is None:
            return self._refusal(404, "unknown_job", "never heard of it")
        attempt.calls.append(request.match_info["verb"])
        return web.json_response({})

    async def _uploads(self, request: web.Request) -> web.Response:
        attempt = self._known(request)
        if attempt is None:
            return self._refusal(404, "unknown_job", "never heard of it")
        attempt.uploads.append(SignedManifest.model_validate_json(await request.read()))
        return web.json_response({})

    async def _events(self, request: web.Request) -> web.Response:
        after = int(request.query["after"])
        frames = [frame for frame in self.journal if frame.position > after][: wire.EVENTS_PAGE_MAX]
        page = wire.JobFramePage(journal_id=self.journal_id, frames=frames, last_position=len(self.journal))
        return web.Response(text=page.model_dump_json(), content_type="application/json")

    async def _ack(self, request: web.Request) -> web.Response:
        self.acked = (await request.json())["position"]
        return web.json_response({})

    async def _plan(self, request: web.Request) -> web.Response:
        self.planned = asked = PlanRequest.model_validate_json(await request.text())
        met = [await master_check(asked.master_host, asked.master_port)] if asked.master_host else []
        plan = Plan(
            num_parameters=1000,
            memory=[],
            memory_available_bytes=10,
            disk_needed_bytes=1,
            disk_available_bytes=2,
            seconds_estimated=1800.0,
            checks=[PlanCheck(name="disk", is_ok=True, message="enough"), *met],
        )
        return web.Response(text=plan.model_dump_json(), content_type="application/json")

    async def _preview(self, request: web.Request) -> web.Response:
        row = PreviewRow(family="sums", num_tokens=1, tokens=[PreviewToken(text=" 1", weight=0.0)])
        return web.Response(text=Preview(rows=[row]).model_dump_json(), content_type="application/json")

    async def _drain(self, request: web.Request) -> web.Response:
        self.is_draining = request.path == "/drain"
        return web.json_response({})
