"""advance(run): the run's frames from its node into PostgreSQL and onto the channel, then the settlement.

Idempotent and safe to call by anyone at any time: only the holder of the run's lease works, everybody else goes
home. Called by the request's own task and by the worker's sweep. Frames are released to readers as they come and
copied in batches; the terminal frame is released only after it is settled, so whoever has seen it sees the bill.

Until an attempt's first token nothing of it is released or kept: a node that fails before that loses the run to another
one, under the same id and the next epoch, and no reader notices. After it, a node's silence is met with bounded
retries; past them, or when the node lost the run, the run fails honestly and costs nothing. Not here: which node gets
a run (routing.py), what the frames mean (gpu_node.protocol.projector).
"""

import asyncio
import secrets
import time
from contextlib import aclosing, suppress

import structlog
from django.db import DatabaseError
from structlog.contextvars import bind_contextvars

from backend.core.failpoints import failpoint
from backend.core.threads import service_call
from backend.model_registry.services import ModelNotReady, nodes_for
from backend.nodes.client import NodeAddress, NodeClient, NodeRefused, NodeUnreachable
from backend.nodes.services import node_addresses
from backend.runs.bell import bell_ring
from backend.runs.live import LoggedFrame, advanced_here_begin, advanced_here_end, frame_ring, logged
from backend.runs.models import Run
from backend.runs.routing import affinity_of, node_choose
from backend.runs.services import (
    LEASE_SECONDS,
    Extension,
    run_claim,
    run_extend,
    run_finish,
    run_place,
    run_release,
)
from gpu_node.protocol.frames import Frame, RunFailed, RunFinished, Usage, frame_dump, frame_make
from gpu_node.protocol.run_spec import RunSpec

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 0.25  # a late reader is at most this far behind; fewer, larger transactions would cost freshness
LEASE_RENEW_SECONDS = LEASE_SECONDS / 3
# A node that is silent this long is given up for this run. A small node restarts in about ten seconds.
NODE_LOST_SECONDS = 30.0
RETRY_SECONDS_MIN = 0.2
RETRY_SECONDS_MAX = 2.0

# The node's refusals that may heal by waiting, or elsewhere.
REFUSALS_TO_RETRY = frozenset({"busy", "stopping", "disk_error", "draining"})
REFUSALS_TO_MOVE = REFUSALS_TO_RETRY | {"model_not_loaded", "no_critic"}
# A node's failures, before a run's first token, that another node need not share.
FAILURES_TO_MOVE = frozenset(
    {"node_restarted", "engine_error", "internal_error", "disk_error", "busy", "stopping", "model_not_loaded"}
)
EPOCHS_MAX = 4  # a question that fails on so many nodes fails by itself


class LeaseLost(Exception):
    """Somebody else advances the run now: stop without a word."""


class AttemptFailed(Exception):
    """The node failed the run before its first token: another may do better."""

    def __init__(self, failed: RunFailed) -> None:
        super().__init__(f"{failed.code}: {failed.message}")
        self.failed = failed


_tasks: set[asyncio.Task[None]] = set()


def advance_spawn(run_id: str) -> "asyncio.Task[None]":
    """Advances the run in a task of its own, which outlives the request that started it."""
    advanced_here_begin(run_id)  # now, not when the task begins: the request's reader looks before that
    task = asyncio.create_task(advance(run_id), name=f"advance {run_id}")
    _tasks.add(task)  # asyncio keeps only a weak reference
    task.add_done_callback(_tasks.discard)
    task.add_done_callback(lambda _: advanced_here_end(run_id))
    return task


async def advance(run_id: str, *, seconds_max: float | None = None) -> None:
    """Advances the run to its end, or for `seconds_max`. Never raises for what a node or a bell did."""
    owner = secrets.token_hex(8)
    run = await service_call(run_claim, run_id=run_id, owner=owner)
    if run is None:
        return
    bind_contextvars(request_id=run.request_id, run_id=run_id)  # the asker's, whoever advances it
    advancer = _Advancer(run=run, owner=owner)
    try:
        async with asyncio.timeout(seconds_max):
            await advancer.advance()
    except LeaseLost:
        log.info("run.lease_lost", run_id=run_id)
    except TimeoutError:
        await advancer.release()
    except Exception:
        # The row is the truth: the sweep takes the run up again when the lease is free.
        log.exception("run.advance_failed", run_id=run_id)
        await advancer.release()
    finally:
        advancer.timer_stop()  # cancelled too: nothing may be written by who is no longer at it


async def _stop_there(address: NodeAddress, run_id: str, epoch: int) -> None:
    with suppress(NodeUnreachable, NodeRefused):
        await NodeClient(address).run_cancel(run_id=run_id, epoch=epoch)


class _Advancer:
    """One try at advancing one run, from the claim to the settlement."""

    def __init__(self, *, run: Run, owner: str) -> None:
        self._id = run.id
        self._owner = owner
        self._spec = RunSpec.model_validate(run.spec)
        self._model = run.model
        self._epoch = run.epoch
        self._node_name = run.node_name
        self._affinity = affinity_of(run, self._spec)
        self._avoided: set[str] = set()  # nodes that failed this run, or could not take it
        self._is_attempt_over = False  # the node ended the attempt: the next one needs an epoch of its own
        self._last_seq = run.last_seq  # of the frames taken in, flushed or not
        self._held: list[LoggedFrame] = []  # read, but from before the first token
        self._usage = Usage(
            prompt_tokens=run.prompt_tokens,
            completion_tokens=run.completion_tokens,
            tool_result_tokens=run.tool_result_tokens,
            reasoning_tokens=run.reasoning_tokens,
        )
        self._is_cancel_requested = run.cancel_requested_at is not None
        self._is_cancel_sent = False
        self._unflushed: list[LoggedFrame] = []
        self._flushed_at = time.monotonic()
        self._flush: asyncio.Task[Extension] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def advance(self) -> None:
        lost_at = time.monotonic() + NODE_LOST_SECONDS
        pause = RETRY_SECONDS_MIN
        while True:
            heard_before = self._last_seq
            try:
                if await self._follow():
                    return
                cause, code = "the node's stream ended before the run did", "node_unreachable"
            except AttemptFailed as failure:
                cause, code = str(failure), failure.failed.code
                if not await self._may_begin_anew(code):
                    return await self._fail(code=code, message=failure.failed.message)
                log.warning("run.moved", run_id=self._id, node=self._node_name, cause=cause)
                continue
            except (NodeUnreachable, ModelNotReady) as error:
                cause, code = str(error), "node_unreachable"
            except NodeRefused as refusal:
                cause, code = str(refusal), refusal.code
                if not self._may_heal(refusal):
                    return await self._fail(code=code, message=refusal.message)
            if self._last_seq > heard_before:
                lost_at, pause = time.monotonic() + NODE_LOST_SECONDS, RETRY_SECONDS_MIN
            log.warning("run.node_silent", run_id=self._id, node=self._node_name, cause=cause)
            if time.monotonic() + pause > lost_at:
                return await self._fail(code=code, message=f"The node that answered this was lost: {cause}")
            await self._flush_now()
            await asyncio.sleep(pause)
            pause = min(2 * pause, RETRY_SECONDS_MAX)

    def _may_heal(self, refusal: NodeRefused) -> bool:
        # A node that forgot a run it had begun (a fresh disk) would begin it anew under the same numbers: no.
        is_unstarted = self._last_seq == 0
        return refusal.code in REFUSALS_TO_RETRY or (refusal.code == "unknown_run" and is_unstarted)

    async def _follow(self) -> bool:
        """One attachment to the node: True when the run has ended."""
        if self._last_seq == 0:
            if self._is_cancel_requested and not self._node_name:
                await self._finish_unstarted()
                return True
            await self._start()
        client = self._connected()
        self._held = []  # the stream begins after what was taken in
        await self._cancel_if_asked(client)
        frames = client.run_frames(run_id=self._id, epoch=self._epoch, after_seq=self._last_seq)
        async with aclosing(frames):
            async for received in frames:
                if received is not None and await self._take(*received):
                    return True
                self._flush_if_due()
                await self._cancel_if_asked(client)
        return False

    async def _start(self) -> None:
        """Hands the run to its node; a node that cannot take it loses it to another, under the next epoch."""
        while True:
            if not self._node_name or self._is_attempt_over or self._node_name in self._avoided:
                await self._move()
            try:
                await self._connected().run_put(run_id=self._id, epoch=self._epoch, spec=self._spec)
                failpoint("run.node_accepted")
            except (NodeUnreachable, NodeRefused) as failure:
                if isinstance(failure, NodeRefused) and failure.code not in REFUSALS_TO_MOVE:
                    raise
                if not await self._avoid():
                    raise
                log.warning("run.moved", run_id=self._id, node=self._node_name, cause=str(failure))
            else:
                return

    async def _move(self) -> None:
        """Places the run on the best node that has not failed it. Raises ModelNotReady."""
        tokens = self._spec.max_total_tokens
        excluded = frozenset(self._avoided)
        try:
            node = await node_choose(model=self._model, tokens=tokens, affinity=self._affinity, exclude=excluded)
        except ModelNotReady:
            self._avoided.clear()
            raise
        if self._node_name:
            self._leave(self._node_name, self._epoch)
            self._epoch += 1
        self._node_name, self._is_attempt_over, self._is_cancel_sent = node.name, False, False
        await self._place()

    async def _avoid(self) -> bool:
        """False when no other node could take the run: then nobody is avoided any more."""
        if len(node_addresses()) == 1:
            return False
        self._avoided.add(self._node_name)
        try:
            await nodes_for(self._model, exclude=frozenset(self._avoided))
        except ModelNotReady:
            self._avoided.clear()
            return False
        return True

    async def _may_begin_anew(self, code: str) -> bool:
        if self._epoch >= EPOCHS_MAX:
            return False
        self._is_attempt_over = True
        # Alone, a node that restarted may take the run again; any other failure would come again.
        return await self._avoid() or code == "node_restarted"

    def _leave(self, node_name: str, epoch: int) -> None:
        """Lets the old node stop what it may still be doing; it is not waited for."""
        address = node_addresses().get(node_name)
        if address is not None:
            task = asyncio.create_task(_stop_there(address, self._id, epoch))
            _tasks.add(task)
            task.add_done_callback(_tasks.discard)

    async def _place(self) -> None:
        if not await service_call(
            run_place, run_id=self._id, owner=self._owner, node_name=self._node_name, epoch=self._epoch
        ):
            raise LeaseLost

    def _connected(self) -> NodeClient:
        address = node_addresses().get(self._node_name)
        if address is None:
            raise NodeUnreachable(f"node {self._node_name!r} is no longer in SVEND_NODES")
        return NodeClient(address)

    async def _take(self, frame: Frame, text: str) -> bool:
        """Takes the next frame in; True when it was the last."""
        heard_seq = self._last_seq + len(self._held)
        if frame.seq <= heard_seq:
            return False
        if frame.seq != heard_seq + 1:
            raise NodeUnreachable(f"frame {frame.seq} came after {heard_seq}: a gap in the node's log")
        self._held.append(logged(frame, text))
        if self._last_seq == 0 and not frame.usage.completion_tokens:
            if isinstance(frame.event, RunFailed) and frame.event.code in FAILURES_TO_MOVE:
                raise AttemptFailed(frame.event)
            if not frame.is_terminal:
                return False  # nothing of the answer yet
        held, self._held = self._held, []
        for line in held:
            if await self._take_in(line):
                return True
        return False

    async def _take_in(self, line: LoggedFrame) -> bool:
        frame = line.parse()
        self._last_seq, self._usage = frame.seq, frame.usage
        self._unflushed.append(line)
        if frame.is_terminal:
            await self._finish(line, frame)
            return True
        self._release(line)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._flush_late)
        return False

    def _release(self, line: LoggedFrame) -> None:
        frame_ring(self._id, line)
        bell_ring(self._id, line)

    # --- Writing

    def _flush_late(self) -> None:
        """The timer's: what came in since the last flush is written, whether more comes or not."""
        self._timer = None
        if self._flush is None or self._flush.done():
            self._flush_checked_start()
        else:  # the database is slow: then fewer, larger flushes
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._flush_late)

    def _flush_if_due(self) -> None:
        """Hears what the last flush said, and renews the lease of a quiet run."""
        if self._flush is not None:
            if not self._flush.done():
                return
            self._flush_check(self._flush.result())
        if time.monotonic() - self._flushed_at >= LEASE_RENEW_SECONDS:
            self._flush_start()

    def _flush_checked_start(self) -> None:
        if self._flush is not None:
            if self._flush.exception() is not None or not self._flush.result().is_owned:
                return  # the follower hears of it at the next frame or heartbeat
            self._flush_check(self._flush.result())
        self._flush_start()

    def _flush_start(self) -> None:
        lines, self._unflushed, self._flushed_at = self._unflushed, [], time.monotonic()
        call = service_call(run_extend, run_id=self._id, owner=self._owner, usage=self._usage, lines=lines)
        self._flush = asyncio.ensure_future(call)

    def _flush_check(self, extension: Extension) -> None:
        self._flush = None
        if not extension.is_owned:
            raise LeaseLost
        self._is_cancel_requested |= extension.is_cancel_requested

    async def _flush_now(self) -> None:
        if self._flush is not None:
            self._flush_check(await self._flush)
        self._flush_start()
        assert self._flush is not None
        self._flush_check(await self._flush)

    def timer_stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def release(self) -> None:
        """Gives the lease back, so that the next one need not wait for its end."""
        self.timer_stop()
        if self._flush is not None:
            await asyncio.gather(self._flush, return_exceptions=True)
        try:
            await service_call(run_release, run_id=self._id, owner=self._owner)
        except DatabaseError:
            log.warning("run.release_failed", run_id=self._id)  # it ends by itself in LEASE_SECONDS

    async def _finish(self, line: LoggedFrame, last: Frame) -> None:
        self.timer_stop()
        if self._flush is not None:
            self._flush_check(await self._flush)
        failpoint("run.final_read")
        if not await service_call(run_finish, run_id=self._id, owner=self._owner, last=last, lines=self._unflushed):
            raise LeaseLost
        failpoint("run.settle_committed")
        self._release(line)

    # --- Endings of our own making

    async def _cancel_if_asked(self, client: NodeClient) -> None:
        if self._is_cancel_requested and not self._is_cancel_sent:
            self._is_cancel_sent = True
            await client.run_cancel(run_id=self._id)

    async def _finish_unstarted(self) -> None:
        """Cancelled before any node heard of it."""
        await self._end(RunFinished(finish_reason="cancelled", answer=""))

    async def _fail(self, *, code: str, message: str) -> None:
        log.error("run.failed", run_id=self._id, node=self._node_name, code=code, cause=message)
        await self._end(RunFailed(code=code, message=message))

    async def _end(self, event: RunFailed | RunFinished) -> None:
        """Appends a terminal frame that no node sent, so that every log has an end and every reader one rule."""
        frame = frame_make(
            run_id=self._id,
            epoch=self._epoch,
            seq=self._last_seq + 1,
            at_ms=int(time.time() * 1000),
            usage=self._usage,
            event=event,
        )
        await self._take_in(logged(frame, frame_dump(frame)))
