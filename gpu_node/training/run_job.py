"""`python -m gpu_node.training.run_job FOLDER`: the process of one job, or one rank of it.

Reads the attempt's order, does it, and writes its job events. However it ends, the last event says so; only a process
that was killed leaves that to its shim. Not here: inputs' transfer, the shim (gpu_node/server/job_shim.py).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import traceback
from pathlib import Path

from gpu_node.protocol.job_spec import EvalSpec, ExportSpec, GenerateSpec, ImportSpec, QuantizeSpec, TrainSpec
from gpu_node.training.attempt_folder import AttemptFolder
from gpu_node.training.job_errors import JobStopped, failure_of
from gpu_node.training.job_fit import refuse_if_too_large
from gpu_node.training.job_frames import JobLog, has_terminal

EXIT_FAILED = 1
NICENESS = 5  # questions of askers go first where a job shares the cores with a served model
PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    attempt = AttemptFolder(Path(arguments[0]).resolve())
    die_with_parent()
    signal.signal(signal.SIGTERM, lambda *_: attempt.control_write("stop"))
    signal.signal(signal.SIGUSR1, lambda *_: attempt.control_write("pause"))
    signal.signal(signal.SIGUSR2, lambda *_: attempt.control_write("run"))
    os.nice(NICENESS)
    log = JobLog(attempt.frames, echo=False)
    try:
        _run(attempt, log)
    except JobStopped:
        log.write("job.cancelled", step=0)
    except Exception as error:
        traceback.print_exc()
        if not has_terminal(attempt.frames):
            log.append(failure_of(error))
        return EXIT_FAILED
    return 0


def _run(attempt: AttemptFolder, log: JobLog) -> None:
    """Each kind is imported only when it is asked for: torch takes seconds."""
    spec = attempt.order.spec
    refuse_if_too_large(attempt, spec)
    match spec:
        case TrainSpec():
            from gpu_node.training.train_job import train_job

            train_job(attempt, spec, log)
        case EvalSpec():
            from gpu_node.training.evaluate_job import evaluate_job

            evaluate_job(attempt, spec, log)
        case GenerateSpec() if spec.endpoint.address:
            from gpu_node.training.generate_job import endpoint_job

            endpoint_job(attempt, spec, log)
        case GenerateSpec():
            from gpu_node.training.artifact_jobs import generate_job

            generate_job(attempt, spec, log)
        case ExportSpec():
            from gpu_node.training.artifact_jobs import export_job

            export_job(attempt, spec, log)
        case QuantizeSpec():
            from gpu_node.training.quantize_job import quantize_job

            quantize_job(attempt, spec, log)
        case ImportSpec():
            from gpu_node.training.import_job import import_job

            import_job(attempt, spec, log)


def die_with_parent() -> None:
    """A job must not go on without its shim: nobody would tell how it ended. The shim calls it before an exec, too."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
