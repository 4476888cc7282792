"""Calls synchronous services from async code on a small pool of threads, and gives connections back.

Django closes a thread's database connection at the end of a request only on the request's own thread. A
service called on another thread would keep one of the pool's connections for ever: `service_call` returns it.
"""

import asyncio
import contextvars
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import connections

P = ParamSpec("P")
R = TypeVar("R")

SERVICE_THREADS_MAX = 8  # below DATABASE_CONNECTIONS_MAX: pages need a few connections too

_executor = ThreadPoolExecutor(max_workers=SERVICE_THREADS_MAX, thread_name_prefix="service")


def _call_and_release(call: Callable[[], R]) -> R:
    try:
        return call()
    finally:
        connections.close_all()  # into the pool, not off


async def service_call(service: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Awaits `service(*args, **kwargs)` on a service thread, with the caller's context (request id)."""
    context = contextvars.copy_context()
    call = functools.partial(context.run, functools.partial(service, *args, **kwargs))
    return await asyncio.get_running_loop().run_in_executor(_executor, _call_and_release, call)
