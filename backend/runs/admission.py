"""Letting a question in: how much it may cost at most, rate limits, then hold and run; and starting its advance.

The same for every door (/v1, /api). The bound follows from what the node can do: an attempt never leaves the
model's context, and a rejected answer is tried again a few times. A search gets as many contexts as it may make
answers: that is its budget, which the node does not pass whatever the tree looks like.
"""

from dataclasses import dataclass

from asgiref.sync import SyncToAsync

from backend.accounts.callers import Caller
from backend.core.failpoints import failpoint
from backend.core.ids import run_id_make
from backend.core.queue import TASK_RUN_ADVANCE, enqueue
from backend.metering.limits import limits_settle, limits_take
from backend.runs.advance import advance_spawn
from backend.runs.models import Run
from backend.runs.services import RunRequest, run_create
from gpu_node.protocol.frames import Search
from gpu_node.protocol.run_spec import TOTAL_TOKENS_MAX

# A verified run may answer this often (the node's RETRIES_MAX and the first).
VERIFIED_ATTEMPTS_MAX = 4
# What the dialogue's own tokens add to the texts: a few a message and a few around them all.
TEMPLATE_TOKENS = 32
TEMPLATE_TOKENS_PER_MESSAGE = 8


def prompt_bound_tokens(*, num_bytes: int, num_messages: int) -> int:
    """At most this many tokens: a byte-level token is at least one byte."""
    return num_bytes + TEMPLATE_TOKENS + TEMPLATE_TOKENS_PER_MESSAGE * num_messages


def run_bound_tokens(
    *,
    prompt_bound: int,
    context_tokens: int,
    max_completion_tokens: int | None,
    has_tools: bool,
    verify: bool = False,
    search: Search | None = None,
) -> int:
    """At most this many tokens may the run use, prompt, tool results and generated together."""
    num_answers = VERIFIED_ATTEMPTS_MAX if verify else 1
    if search is not None and search.is_on:
        num_answers = search.answers_max
    room = min(context_tokens * num_answers, TOTAL_TOKENS_MAX)
    if has_tools or max_completion_tokens is None:
        return room  # tool results may fill whatever the context leaves
    return min(room, min(prompt_bound, context_tokens) + max_completion_tokens)


@dataclass(frozen=True, kw_only=True)
class Admitted:
    run: Run
    is_new: bool  # False: an earlier request with this Idempotency-Key made it
    bound_tokens: int  # what was asked for, before the balance had its say
    limit_headers: dict[str, str]


def run_admit(*, caller: Caller, request: RunRequest, run_id: str | None = None) -> Admitted:
    """Takes from the rate limits, holds the money, makes the run.

    Raises:
        RateLimited, InsufficientFunds, ModelNotPriced, IdempotencyError, NotAuthenticated (a revoked key).
    """
    bound_tokens = request.spec.max_total_tokens
    limit_headers = limits_take(caller, bound_tokens)
    run, is_new = run_create(run_id=run_id or run_id_make(), caller=caller, request=request)
    failpoint("run.committed")
    if not is_new:
        limits_settle(caller, reserved_tokens=bound_tokens, used_tokens=0)
    return Admitted(run=run, is_new=is_new, bound_tokens=bound_tokens, limit_headers=limit_headers)


def advance_begin(run_id: str) -> None:
    """From a synchronous view: advances on the server's event loop, or wakes the worker where there is none."""
    loop = getattr(SyncToAsync.threadlocal, "main_event_loop", None)
    if loop is not None and loop.is_running():
        loop.call_soon_threadsafe(advance_spawn, run_id)
    else:
        enqueue(TASK_RUN_ADVANCE, run_id)
