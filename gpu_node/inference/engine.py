"""The torch engine: continuous batching over slots of one KV cache, in one background thread.

Each step computes the due prompt chunks one by one, then one token for the whole batch. Sequences enter and leave
between steps. One that is not generating (its asker runs a tool) has its state parked outside of the batch, where it
is never written to: forks of a sequence share it. It computes where the model lies, in the model's number format.
Not here: paging, finding shared prefixes, several devices.
Invariants: only the thread touches torch and the scheduler; only the asker's event loop touches inboxes; a failed
step fails the sequences that were in it, nothing else.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import torch

from gpu_node.inference.backend import ContextExceeded, EngineBusy, EngineFailed, SamplingParams
from gpu_node.inference.kv_cache import SlotCache
from gpu_node.inference.sampler import Forbidden, sample
from gpu_node.inference.scheduler import Prefill, Scheduler, SequenceState
from gpu_node.model.transformer import Transformer

SLOTS_MAX = 16  # sequences computed together; on 2 cores more slots add latency and no tokens a second
SEQUENCES_MAX = 512  # open at once: running, waiting and parked; 32 runs (the node's) of 16 branches each
CLOSE_SECONDS = 5.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Start:
    sequence: "EngineSequence"
    stop_ids: frozenset[int]
    max_new_tokens: int  # 0: only compute what is pending, up to the last id


@dataclass(frozen=True, slots=True)
class _Drop:
    sequence: "EngineSequence"


class _Close:
    pass


@dataclass(frozen=True, slots=True)
class _Output:
    """What one step says to one sequence."""

    sequence: "EngineSequence"
    ids: tuple[int, ...] = ()
    is_done: bool = False
    error: str | None = None


# What a step gave to a sequence: its next id; None where it was only computed; negative where logits were not finite.
_Next = tuple[SequenceState, int | None]


class TorchEngine:
    name = "torch"

    def __init__(
        self,
        model: Transformer,
        *,
        vocab_used: int | None = None,
        slots_max: int = SLOTS_MAX,
        sequences_max: int = SEQUENCES_MAX,
    ) -> None:
        config = model.config
        self.context_tokens = config.context_tokens
        self.num_generated = 0  # ids made, for whoever compares counters
        self.num_open = 0
        self._model = model.eval()
        self._device = next(model.parameters()).device
        self._sequences_max = sequences_max
        self._scheduler = Scheduler(slots_max=slots_max)
        dtype = next(model.parameters()).dtype
        self._cache = SlotCache(config, num_slots=slots_max, dtype=dtype, device=self._device)
        num_used = vocab_used or config.vocab_size
        self._forbidden = Forbidden(vocab_size=config.vocab_size, num_used=num_used, device=self._device)
        self._owners: dict[SequenceState, EngineSequence] = {}
        self._commands: queue.SimpleQueue[_Start | _Drop | _Close] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    @property
    def is_healthy(self) -> bool:
        return self._thread.is_alive()

    def open(self, prompt_ids: list[int], sampling: SamplingParams) -> "EngineSequence":
        if not prompt_ids or len(prompt_ids) >= self.context_tokens:
            raise ContextExceeded(f"the prompt has {len(prompt_ids)} tokens; the context is {self.context_tokens}")
        return self.adopt(SequenceState(ids=list(prompt_ids), sampling=sampling))

    def adopt(self, state: SequenceState) -> "EngineSequence":
        """Raises EngineBusy."""
        if self.num_open >= self._sequences_max:
            raise EngineBusy(f"the engine has {self.num_open} open sequences")
        self.num_open += 1
        return EngineSequence(self, state)

    def close(self) -> None:
        """Ends the thread; what is running fails."""
        self._commands.put(_Close())
        self._thread.join(timeout=CLOSE_SECONDS)

    def command(self, command: _Start | _Drop) -> None:
        self._commands.put(command)

    # The thread

    def _run(self) -> None:
        with torch.inference_mode():
            while self._take_commands():
                if self._scheduler.has_work:
                    self._deliver(self._step())
        self._deliver([_Output(owner, is_done=True, error="the engine is closing") for owner in self._owners.values()])

    def _take_commands(self) -> bool:
        """Takes what was asked since the last step; waits when there is nothing to compute. False: the end."""
        is_blocking = not self._scheduler.has_work
        while True:
            try:
                command = self._commands.get(block=is_blocking)
            except queue.Empty:
                return True
            is_blocking = False
            match command:
                case _Start():
                    state = command.sequence.state
                    state.stop_ids, state.num_new_left = command.stop_ids, command.max_new_tokens
                    state.is_only_computed = command.max_new_tokens == 0
                    self._owners[state] = command.sequence
                    self._scheduler.add(state)
                case _Drop():
                    self._leave(command.sequence.state, is_kept=False)
                    command.sequence.state.parked = None
                case _Close():
                    return False

    def _step(self) -> list[_Output]:
        try:
            for slot, sequence in self._scheduler.admit():
                if sequence.parked is not None:
                    self._cache.unpark(slot, sequence.parked)
                    sequence.parked = None
            first_ids = [pair for chunk in self._scheduler.prefills() for pair in self._prefill(chunk)]
            outputs = [self._advance(*pair) for pair in first_ids]  # may move slots: no chunk is open any more
            return outputs + [self._advance(*pair) for pair in self._decode()]
        except Exception as error:
            logger.exception("a step of the engine failed")
            return self._fail_all(f"{type(error).__name__}: {error}")

    def _prefill(self, chunk: Prefill) -> list[_Next]:
        """The next id where the last pending one was computed; None where that one is left to the forks."""
        sequence, end = chunk.sequence, chunk.start + chunk.num_tokens
        self._cache.prefill(chunk.slot, start=chunk.start, num_tokens=chunk.num_tokens)
        ids_1T = torch.tensor([sequence.ids[chunk.start : end]], device=self._device)
        positions_1T = torch.arange(chunk.start, end, device=self._device)[None]
        hidden_1TC = self._model.hidden(ids_1T, cache=self._cache, positions_BT=positions_1T)
        sequence.num_cached = end
        if sequence.is_only_computed and sequence.num_due == 0:
            return [(sequence, None)]
        if not chunk.is_last:
            return []
        return self._sample([sequence], self._model.head(hidden_1TC[:, -1]))

    def _decode(self) -> list[_Next]:
        """One token for every slot. A slot whose prompt is not computed yet rides along; its row is dropped."""
        running = self._scheduler.running
        due = [slot for slot, sequence in enumerate(running) if sequence.num_pending == 1]
        if not due:
            return []
        lengths = [sequence.num_cached for sequence in running]
        self._cache.decode(lengths)
        ids_B1 = torch.tensor([[sequence.ids[sequence.num_cached]] for sequence in running], device=self._device)
        positions_B1 = torch.tensor(lengths, device=self._device)[:, None]
        hidden_B1C = self._model.hidden(ids_B1, cache=self._cache, positions_BT=positions_B1)
        logits_BV = self._model.head(hidden_B1C[:, 0])
        for slot in due:
            running[slot].num_cached += 1
        if len(due) < len(running):
            logits_BV = logits_BV[due]
        return self._sample([running[slot] for slot in due], logits_BV)

    def _sample(self, sequences: list[SequenceState], logits_BV: torch.Tensor) -> list[_Next]:
        forbidden_BV = self._forbidden.rows([sequence.sampling.forbidden_ids for sequence in sequences])
        uniforms = [sequence.rng.random() if sequence.sampling.temperature > 0 else 0.0 for sequence in sequences]
        ids = sample(logits_BV, forbidden_BV, [sequence.sampling for sequence in sequences], uniforms)
        return list(zip(sequences, ids, strict=True))

    def _advance(self, sequence: SequenceState, token_id: int | None) -> _Output:
        owner = self._owners[sequence]
        if token_id is None:
            self._leave(sequence, is_kept=True)
            return _Output(owner, is_done=True)
        if token_id < 0:
            self._cache.wipe(self._scheduler.running.index(sequence))
            self._leave(sequence, is_kept=False)
            return _Output(owner, is_done=True, error="the model gave no finite logits")
        sequence.ids.append(token_id)
        sequence.num_new_left -= 1
        self.num_generated += 1
        is_done = token_id in sequence.stop_ids or sequence.num_new_left <= 0
        if is_done:
            self._leave(sequence, is_kept=True)
        return _Output(owner, (token_id,), is_done)

    def _leave(self, sequence: SequenceState, *, is_kept: bool) -> None:
        """Takes a sequence out of the batch; keeps what was computed if it may go on."""
        self._owners.pop(sequence, None)
        left = self._scheduler.leave(sequence)
        if left is None:
            return
        if is_kept:
            sequence.parked = self._cache.park(left.slot, num_tokens=sequence.num_cached)
        if left.moved_from is not None:
            moved = self._scheduler.running[left.slot]
            self._cache.move(left.moved_from, left.slot, num_tokens=moved.num_cached)

    def _fail_all(self, message: str) -> list[_Output]:
        failed = list(self._scheduler.running)
        outputs = [_Output(self._owners[sequence], is_done=True, error=message) for sequence in failed]
        for sequence in failed:
            self._leave(sequence, is_kept=False)
        return outputs

    def _deliver(self, outputs: list[_Output]) -> None:
        """Hands a step's ids over, one wake-up for each event loop, not for each sequence."""
        loops = {output.sequence.loop for output in outputs if output.sequence.loop is not None}
        for loop in loops:
            batch = [output for output in outputs if output.sequence.loop is loop]
            try:
                loop.call_soon_threadsafe(_receive, batch)
            except RuntimeError:  # that loop has ended, and its askers with it
                for output in batch:
                    self._leave(output.sequence.state, is_kept=False)


def _receive(outputs: list[_Output]) -> None:
    for output in outputs:
        output.sequence.receive(output)


class EngineSequence:
    """The asker's side of a sequence. While `generate` runs, `state` belongs to the engine's thread."""

    def __init__(self, engine: TorchEngine, state: SequenceState) -> None:
        self.state = state
        self.loop: asyncio.AbstractEventLoop | None = None
        self._engine = engine
        self._inbox: list[int] = []
        self._is_done = True
        self._error: str | None = None
        self._arrived = asyncio.Event()
        self._is_closed = False

    async def generate(self, *, stop_ids: frozenset[int], max_new_tokens: int) -> AsyncGenerator[list[int], None]:
        max_new_tokens = min(max_new_tokens, self._engine.context_tokens - len(self.state.ids))
        if max_new_tokens > 0:
            async with aclosing(self._computed(stop_ids, max_new_tokens)) as chunks:
                async for ids in chunks:
                    yield ids

    async def fork(self, sampling: SamplingParams) -> "EngineSequence":
        if self.state.num_pending > 1:
            async for _ in self._computed(frozenset(), 0):
                raise AssertionError("an id came of computing only")
        state = SequenceState(ids=list(self.state.ids), sampling=sampling)
        state.num_cached, state.parked = self.state.num_cached, self.state.parked
        return self._engine.adopt(state)

    async def _computed(self, stop_ids: frozenset[int], max_new_tokens: int) -> AsyncGenerator[list[int], None]:
        assert self._is_done, "the sequence is generating already"
        assert not self._is_closed, "the sequence is closed"
        self.loop, self._is_done = asyncio.get_running_loop(), False
        self._engine.command(_Start(self, stop_ids, max_new_tokens))
        try:
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                ids, self._inbox = self._inbox, []
                is_done = self._is_done  # read with the inbox: more may come while the asker works
                if ids:
                    yield ids
                if self._error is not None:
                    raise EngineFailed(self._error)
                if is_done:
                    return
        finally:
            if not self._is_done:
                self.close()

    def receive(self, output: _Output) -> None:
        """Called in the asker's event loop."""
        self._inbox += output.ids
        self._is_done = self._is_done or output.is_done
        self._error = self._error or output.error
        self._arrived.set()

    def extend(self, ids: list[int]) -> None:
        assert self._is_done, "extended while generating"
        if len(self.state.ids) + len(ids) >= self._engine.context_tokens:
            raise ContextExceeded(f"{len(self.state.ids)} + {len(ids)} tokens; context {self._engine.context_tokens}")
        self.state.ids += ids

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._engine.num_open -= 1
            self._engine.command(_Drop(self))
