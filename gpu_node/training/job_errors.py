"""Why a job cannot go on, as the wire's causes, each with what a person can do about it.

Not here: who tells it (gpu_node/training/run_job.py, the shim).
"""

import errno

from gpu_node.protocol.job_frames import FailureCause, JobFailed


class JobRefused(ValueError):
    """What was asked cannot be done: the message names the value, `cure` what to change."""

    def __init__(self, cause: FailureCause, message: str, *, cure: str = "") -> None:
        super().__init__(message)
        self.cause: FailureCause = cause
        self.cure = cure


class JobStopped(Exception):
    """Asked to stop before there was anything to keep."""


def bad_data(message: str, cure: str) -> JobRefused:
    return JobRefused("bad_data", message, cure=cure)


def failure_of(error: BaseException) -> JobFailed:
    """The job.failed that tells of any exception."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, JobRefused):
        return JobFailed(cause=error.cause, message=str(error), cure=error.cure)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return JobFailed(cause="disk_full", message=text, cure="free disk space on the node, or use another node")
    if _is_out_of_memory(error):
        cure = "halve batch_tokens, use more ranks, or a smaller model"
        return JobFailed(cause="out_of_memory", message=text, cure=cure)
    if _is_peer_lost(error):
        return JobFailed(cause="peer_lost", message=text, cure="another rank of the gang ended: see its own log")
    return JobFailed(cause="code_error", message=text, cure="the log has the traceback")


def _is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or (
        type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))
    )


# How gloo, NCCL and the store say that the other end is gone; they have no exception types of their own.
_PEER_WORDS = ("closed by peer", "connection reset", "broken pipe", "gloo", "nccl", "store", "socket")


def _is_peer_lost(error: BaseException) -> bool:
    if type(error).__name__ in ("DistNetworkError", "DistBackendError", "DistStoreError"):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _PEER_WORDS)
