"""Decides at the node's start whether the fence holds here, by trying to get out of it.

Each way to start a guest is probed with a program that reaches for what it must not have. The first way in which
every probe fails as it should is taken; where none does, the choice is nothing and tools are refused.

A handful of probes against misconfigured kernels and containers, not the abuse suite: that is a test.
"""

import json
import logging
import os
import secrets
import tempfile
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationError

from gpu_node.tools.guest_pool import GuestPool
from gpu_node.tools.sandbox import GUEST_ENVIRONMENT, FenceUnavailable, Identity, identities

PROBE_SECONDS = 30.0  # of the probing program, on a loaded machine
LOOP_SECONDS = 0.3  # of the endless loop: only the kill is of interest
LOOP_LATE_SECONDS = 5.0  # how late the kill may be noticed while the node loads its models

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FenceChoice:
    """The way that holds, or None and why nothing does."""

    identity: Identity | None
    reason: str = ""


class _Findings(BaseModel):
    """What the probe must report, field by field: each is true when the fence held."""

    model_config = ConfigDict(extra="forbid")

    has_no_network: bool
    cannot_fork: bool
    cannot_execute: bool
    cannot_read_host: bool
    has_no_proc: bool
    has_clean_environment: bool
    is_unprivileged: bool
    cannot_write_code: bool
    has_limited_memory: bool


_PROBE = """
import ctypes, json, os, socket, sys
def refused(attempt, *arguments):
    try:
        attempt(*arguments)
    except (OSError, MemoryError):
        return True
    return False
capabilities = (ctypes.c_uint32 * 6)()
header = (ctypes.c_uint32 * 2)(0x20080522, 0)
ctypes.CDLL(None).capget(header, capabilities)
tools = os.path.dirname(sys.modules["gpu_node.tools.errors"].__file__)
print(json.dumps({
    "has_no_network": refused(socket.socket),
    "cannot_fork": refused(os.fork),
    "cannot_execute": refused(os.execv, sys.executable, ["python"]),
    "cannot_read_host": all(refused(os.stat, path) for path in ["/etc/passwd", "/home", PLANTED]),
    "has_no_proc": not os.path.exists("/proc/1") and not os.path.exists("/sys/kernel"),
    "has_clean_environment": set(os.environ) <= ALLOWED,
    "is_unprivileged": os.getuid() not in (0, NODE_UID) and not any(capabilities),
    "cannot_write_code": refused(open, os.path.join(tools, "x.py"), "w") and refused(open, "/x", "w"),
    "has_limited_memory": refused(bytearray, 2 << 30),
}))
"""
# PWD is bwrap's, LC_CTYPE Python's own.
_ENVIRONMENT_NAMES = frozenset({*GUEST_ENVIRONMENT, "LD_LIBRARY_PATH", "PWD", "LC_CTYPE"})


async def fence_choose() -> FenceChoice:
    """Probes the ways in order; never raises for a machine on which none works."""
    reasons: list[str] = []
    for identity in identities():
        reason = await _failure(identity)
        if not reason:
            return FenceChoice(identity=identity)
        logger.warning("the fence does not hold with identity %s: %s", identity, reason)
        reasons.append(f"{identity}: {reason}")
    return FenceChoice(identity=None, reason="; ".join(reasons))


async def _failure(identity: Identity) -> str:
    """Why this way is not taken; empty when it holds."""
    try:
        pool = GuestPool(identity=identity, shelves={"execute_python": 2}, concurrent_calls_max=1)
    except FenceUnavailable as error:
        return str(error)
    try:
        return await _probe(pool) or await _loop_is_killed(pool)
    except FenceUnavailable as error:
        return str(error)
    finally:
        await pool.close()


async def _probe(pool: GuestPool) -> str:
    with tempfile.NamedTemporaryFile(prefix="svend-fence-") as planted:
        planted.write(secrets.token_bytes(16))
        os.fchmod(planted.fileno(), 0o644)
        code = _PROBE.replace("PLANTED", repr(planted.name)).replace("ALLOWED", repr(set(_ENVIRONMENT_NAMES)))
        code = code.replace("NODE_UID", str(os.getuid()))
        request = json.dumps({"arguments": {"code": code}}).encode()
        answer = await pool.call("execute_python", request, timeout_seconds=PROBE_SECONDS)
    try:
        findings = _Findings.model_validate_json(answer.output)
    except ValidationError:
        said = answer.reply.text if answer.reply is not None else "no reply"
        return f"the probe reported nothing usable: {said[:200]}"
    broken = [name for name, holds in findings.model_dump().items() if not holds]
    return f"probes failed: {', '.join(broken)}" if broken else ""


async def _loop_is_killed(pool: GuestPool) -> str:
    request = json.dumps({"arguments": {"code": "while True: pass"}}).encode()
    answer = await pool.call("execute_python", request, timeout_seconds=LOOP_SECONDS)
    return (
        ""
        if answer.is_timeout and answer.wall_ms < 1000 * (LOOP_SECONDS + LOOP_LATE_SECONDS)
        else "an endless loop was not ended"
    )
