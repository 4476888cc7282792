"""An InferenceBackend over a vLLM server, token ids in and token ids out.

A stretch of generation is one streamed `POST /v1/completions`; what was forced in between (a tool's result) goes with
the longer prompt of the next one, which vLLM's prefix cache has mostly computed already. Leaving a stretch closes its
connection, on which vLLM aborts the request. Not here: text (vLLM's parsers see text and lose ids), the server's
process (vllm_server.py). Invariants: every id handed over was counted by vLLM too, else the sequence fails; no
forbidden id is ever handed over.
"""

import json
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Protocol

import aiohttp

from gpu_node.inference.backend import (
    TEMPERATURE_MIN,
    ContextExceeded,
    EngineBusy,
    EngineFailed,
    SamplingParams,
)

SEQUENCES_MAX = 128  # open at once; vLLM queues those that it has no room for
CONNECT_SECONDS_MAX = 5.0
SILENCE_SECONDS_MAX = 120.0  # between two chunks: a long prompt behind others' prompts on a busy server
LINE_BYTES_MAX = 2 * 2**20  # the first chunk repeats the prompt's ids: 32K of them are a quarter of this
REFUSAL_CHARACTERS_MAX = 500  # of vLLM's own words in an error
# What vLLM takes off a logit at most: an id with it is not sampled unless all others lie further down. That it was
# not sampled is checked all the same. (Its strict mask, `allowed_token_ids`, is a list of the whole vocabulary.)
BIAS_FORBIDDEN = -100.0
SEED_BITS = 63


class VllmFarEnd(Protocol):
    """`vllm_server.VllmProcess` or `AttachedVllm`, as far as a request needs it."""

    @property
    def url(self) -> str: ...
    @property
    def api_key(self) -> str: ...
    @property
    def model_name(self) -> str: ...
    @property
    def is_healthy(self) -> bool: ...


class VllmBackend:
    name = "vllm"

    def __init__(
        self,
        server: VllmFarEnd,
        *,
        context_tokens: int,
        vocab_size: int,
        vocab_used: int,
        sequences_max: int = SEQUENCES_MAX,
    ) -> None:
        self.context_tokens = context_tokens
        self.num_generated = 0  # ids handed over, for whoever compares counters
        self.num_open = 0
        self._server = server
        self._sequences_max = sequences_max
        self._unused_ids = frozenset(range(vocab_used, vocab_size))  # they pad the weights and have no text

    def open(self, prompt_ids: list[int], sampling: SamplingParams) -> "VllmSequence":
        if not prompt_ids or len(prompt_ids) >= self.context_tokens:
            raise ContextExceeded(f"the prompt has {len(prompt_ids)} tokens; the context is {self.context_tokens}")
        if self.num_open >= self._sequences_max:
            raise EngineBusy(f"the engine has {self.num_open} open sequences")
        if not self._server.is_healthy:
            raise EngineBusy("vLLM is starting again")
        self.num_open += 1
        return VllmSequence(self, list(prompt_ids), sampling, forbidden_ids=self._unused_ids | sampling.forbidden_ids)

    async def stretch(self, body: dict[str, Any]) -> AsyncGenerator[list[int], None]:
        """The ids of one completion, as they come. Raises EngineFailed, EngineBusy."""
        headers = {"Authorization": f"Bearer {self._server.api_key}"} if self._server.api_key else {}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS_MAX, sock_read=SILENCE_SECONDS_MAX)
        ended = _Ended()
        try:
            # A session a stretch: leaving it closes the connection, and that is what vLLM takes as "stop".
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=headers, read_bufsize=LINE_BYTES_MAX) as session,
                session.post(
                    f"{self._server.url}/v1/completions", json={"model": self._server.model_name, **body}
                ) as response,
            ):
                if response.status != 200:
                    raise await _refused(response)
                async for line in response.content:
                    if ids := ended.read(line):
                        self.num_generated += len(ids)
                        yield ids
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise EngineFailed(f"vLLM broke off: {type(error).__name__}: {error}") from error
        ended.check()


class _Ended:
    """Reads a stream's lines, and knows in the end whether it was whole."""

    def __init__(self) -> None:
        self.num_ids = 0
        self.finish_reason: str | None = None
        self.completion_tokens: int | None = None
        self.is_done = False

    def read(self, line: bytes) -> list[int]:
        """The new ids of one line of the stream. Raises ValueError: no JSON; EngineFailed: vLLM says so."""
        if not line.startswith(b"data: "):
            return []
        if line.strip() == b"data: [DONE]":
            self.is_done = True
            return []
        chunk = json.loads(line.removeprefix(b"data: "))
        if "error" in chunk:
            raise EngineFailed(f"vLLM: {str(chunk['error'])[:REFUSAL_CHARACTERS_MAX]}")
        if chunk.get("usage"):
            self.completion_tokens = chunk["usage"]["completion_tokens"]
        ids: list[int] = []
        for choice in chunk["choices"]:
            ids += choice["token_ids"] or []
            self.finish_reason = choice["finish_reason"] or self.finish_reason
        self.num_ids += len(ids)
        return ids

    def check(self) -> None:
        """Raises EngineFailed: the stream broke off, or vLLM counted other ids than it sent."""
        if not self.is_done or self.finish_reason not in ("stop", "length"):
            raise EngineFailed(f"vLLM's answer ended without its end (finish_reason {self.finish_reason!r})")
        if self.completion_tokens != self.num_ids:
            raise EngineFailed(f"vLLM counted {self.completion_tokens} tokens and sent {self.num_ids}")


async def _refused(response: aiohttp.ClientResponse) -> RuntimeError:
    text = (await response.text())[:REFUSAL_CHARACTERS_MAX]
    kind = EngineBusy if response.status in (429, 503) else EngineFailed
    return kind(f"vLLM answered {response.status}: {text}")


class VllmSequence:
    """The ids so far; vLLM holds nothing between two stretches but what its prefix cache remembers."""

    def __init__(
        self, backend: VllmBackend, ids: list[int], sampling: SamplingParams, *, forbidden_ids: frozenset[int]
    ) -> None:
        self.ids = ids
        self._backend = backend
        self._sampling = sampling
        self._forbidden_ids = forbidden_ids
        self._is_generating = False
        self._is_closed = False

    async def generate(self, *, stop_ids: frozenset[int], max_new_tokens: int) -> AsyncGenerator[list[int], None]:
        assert not self._is_generating, "the sequence is generating already"
        assert not self._is_closed, "the sequence is closed"
        max_new_tokens = min(max_new_tokens, self._backend.context_tokens - len(self.ids))
        if max_new_tokens <= 0:
            return
        self._is_generating, is_whole = True, False
        num_before = len(self.ids)
        try:
            async with aclosing(self._backend.stretch(self._body(stop_ids, max_new_tokens))) as chunks:
                async for ids in chunks:
                    self._refuse_forbidden(ids)
                    self.ids += ids
                    yield ids
            if len(self.ids) - num_before < max_new_tokens and self.ids[-1] not in stop_ids:
                raise EngineFailed(f"vLLM stopped at the id {self.ids[-1]}, which nobody asked for")
            is_whole = True
        finally:
            self._is_generating = False
            if not is_whole:
                self.close()

    def _body(self, stop_ids: frozenset[int], max_new_tokens: int) -> dict[str, Any]:
        sampling = self._sampling
        # Each stretch draws on: with one seed for all, every stretch would draw the same numbers again.
        seed = random.Random(f"{sampling.seed}:{len(self.ids)}").getrandbits(SEED_BITS)
        return {
            "prompt": self.ids,
            "max_tokens": max_new_tokens,
            "temperature": sampling.temperature if sampling.temperature >= TEMPERATURE_MIN else 0.0,
            "top_p": sampling.top_p,
            # Nothing that the checkpoint's generation_config.json would add.
            "top_k": 0,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "seed": seed,
            "stop_token_ids": sorted(stop_ids),
            "ignore_eos": True,  # only the ids asked for end a stretch
            "skip_special_tokens": False,
            "logit_bias": {str(token_id): BIAS_FORBIDDEN for token_id in sorted(self._forbidden_ids)},
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_token_ids": True,
        }

    def _refuse_forbidden(self, ids: list[int]) -> None:
        if not self._forbidden_ids.isdisjoint(ids):
            raise EngineFailed(f"vLLM sampled a forbidden id in {ids}")

    def extend(self, ids: list[int]) -> None:
        assert not self._is_generating, "extended while generating"
        if len(self.ids) + len(ids) >= self._backend.context_tokens:
            raise ContextExceeded(f"{len(self.ids)} + {len(ids)} tokens; context {self._backend.context_tokens}")
        self.ids += ids

    async def fork(self, sampling: SamplingParams) -> "VllmSequence":
        """Another sequence from the same ids; the prefix cache knows what was computed of them. Raises EngineBusy."""
        assert not self._is_generating, "forked while generating"
        return self._backend.open(self.ids, sampling)

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._backend.num_open -= 1
