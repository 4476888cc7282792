"""Decides at the node's start whether the fence holds here, by trying to get out of it.

Each way to fence a guest in is probed with a program that reaches for what it must not have, an endless loop and a
call after them. The first way in which every probe fails as it should is taken, with the zygotes that showed it; where
none does, the choice is nothing and tools are refused. `SVEND_FENCE_TIER` allows one tier only, or with `none` no tool.

A handful of probes against misconfigured kernels and containers, not the abuse suite: that is a test.
"""

import json
import logging
import os
import secrets
import tempfile
from dataclasses import dataclass
from typing import get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from gpu_node.tools.fence_pool import FencePool
from gpu_node.tools.sandbox import GUEST_ENVIRONMENT, GVISOR_WAY, FenceUnavailable, FenceWay, Tier, fence_ways

PROBE_SECONDS = 30.0  # of the probing program, on a loaded machine
LOOP_SECONDS = 0.3  # of the endless loop: only the kill is of interest
LOOP_LATE_SECONDS = 5.0  # how late the kill may be noticed while the node loads its models

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FenceChoice:
    """The pool of the way that holds, or None and why nothing does."""

    pool: FencePool | None
    reason: str = ""


class _Findings(BaseModel):
    """What the probe must report, field by field: each is true when the fence held."""

    model_config = ConfigDict(extra="forbid")

    has_no_network: bool
    cannot_fork: bool
    cannot_execute: bool
    cannot_read_host: bool
    cannot_read_processes: bool
    cannot_see_node: bool
    has_clean_environment: bool
    is_unprivileged: bool
    cannot_write_code: bool
    cannot_make_namespaces: bool
    has_no_descriptors: bool
    has_limited_memory: bool


_PROBE = """
import ctypes, json, os, socket, sys
def refused(attempt, *arguments):
    try:
        attempt(*arguments)
    except (OSError, MemoryError):
        return True
    return False
def is_open(descriptor):
    return not refused(os.fstat, descriptor)
capabilities = (ctypes.c_uint32 * 6)()
header = (ctypes.c_uint32 * 2)(0x20080522, 0)
libc = ctypes.CDLL(None)
libc.capget(header, capabilities)
tools = os.path.dirname(sys.modules["gpu_node.tools.errors"].__file__)
print(json.dumps({
    "has_no_network": refused(socket.socket),
    "cannot_fork": refused(os.fork),
    "cannot_execute": refused(os.execv, sys.executable, ["python"]),
    "cannot_read_host": all(refused(open, path) for path in ["/etc/passwd", "/home", PLANTED]),
    "cannot_read_processes": all(refused(open, f"/proc/{pid}/environ") for pid in ["1", "self", NODE_PID]),
    "cannot_see_node": refused(os.kill, NODE_PID, 0),
    "has_clean_environment": set(os.environ) <= ALLOWED,
    "is_unprivileged": os.getuid() != 0 and not any(capabilities),
    "cannot_write_code": refused(open, os.path.join(tools, "x.py"), "w") and refused(open, "/x", "w"),
    "cannot_make_namespaces": libc.unshare(0x10000000) == -1,
    "has_no_descriptors": not any(map(is_open, range(4, 64))),
    "has_limited_memory": refused(bytearray, 2 << 30),
}))
"""
# PWD is bwrap's, LC_CTYPE Python's own.
_ENVIRONMENT_NAMES = frozenset({*GUEST_ENVIRONMENT, "PYTHONPATH", "LD_LIBRARY_PATH", "PWD", "LC_CTYPE"})


def _allowed_ways() -> list[FenceWay]:
    wanted = os.environ.get("SVEND_FENCE_TIER", "")
    if wanted and wanted not in (*get_args(Tier), "none"):
        raise ValueError(f"SVEND_FENCE_TIER is {wanted!r}: use one of {', '.join(get_args(Tier))}, none")
    if wanted == GVISOR_WAY.tier:
        return [GVISOR_WAY]
    return [way for way in fence_ways() if wanted in ("", way.tier)]


async def fence_choose(concurrent_calls_max: int) -> FenceChoice:
    """Probes the ways in order; does not raise for a machine on which none works.

    Raises:
        ValueError: SVEND_FENCE_TIER names no tier.
    """
    reasons: list[str] = []
    for way in _allowed_ways():
        pool = FencePool(way=way, concurrent_calls_max=concurrent_calls_max)
        pool.start()
        reason = await _failure(pool)
        if not reason:
            return FenceChoice(pool=pool)
        await pool.close()
        logger.warning("the fence does not hold by %s: %s", way, reason)
        reasons.append(f"{way}: {reason}")
    return FenceChoice(pool=None, reason="; ".join(reasons) or "no tier is allowed by SVEND_FENCE_TIER")


async def _failure(pool: FencePool) -> str:
    """Why this way is not taken; empty when it holds."""
    try:
        return await _probe(pool) or await _loop_is_killed(pool) or await _nothing_is_left(pool)
    except FenceUnavailable as error:
        return str(error)


async def _probe(pool: FencePool) -> str:
    with tempfile.NamedTemporaryFile(prefix="svend-fence-") as planted:
        planted.write(secrets.token_bytes(16))
        os.fchmod(planted.fileno(), 0o644)
        code = _PROBE.replace("PLANTED", repr(planted.name)).replace("ALLOWED", repr(set(_ENVIRONMENT_NAMES)))
        code = code.replace("NODE_PID", str(os.getpid()))
        request = json.dumps({"arguments": {"code": code}}).encode()
        answer = await pool.call("execute_python", request, timeout_seconds=PROBE_SECONDS)
    try:
        findings = _Findings.model_validate_json(answer.output)
    except ValidationError:
        said = answer.reply.text if answer.reply is not None else f"no reply, exit code {answer.exit_code}"
        return f"the probe reported nothing usable: {said[:200]}"
    broken = [name for name, holds in findings.model_dump().items() if not holds]
    return f"probes failed: {', '.join(broken)}" if broken else ""


async def _loop_is_killed(pool: FencePool) -> str:
    request = json.dumps({"arguments": {"code": "import builtins\nbuiltins.left = 1\nwhile True: pass"}}).encode()
    answer = await pool.call("execute_python", request, timeout_seconds=LOOP_SECONDS)
    return (
        ""
        if answer.is_timeout and answer.wall_ms < 1000 * (LOOP_SECONDS + LOOP_LATE_SECONDS)
        else "an endless loop was not ended"
    )


async def _nothing_is_left(pool: FencePool) -> str:
    request = json.dumps({"arguments": {"code": "import builtins\nprint(hasattr(builtins, 'left'))"}}).encode()
    answer = await pool.call("execute_python", request, timeout_seconds=PROBE_SECONDS)
    return "" if answer.output == b"False\n" else "the call after the loop found what it left, or nothing"
