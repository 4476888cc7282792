"""The job that imports a model: the node's own door to `import_model`, its output a checkpoint like any other job's.

Not here: the command line (import_command.py), what is read and written (import_model.py).
"""

from __future__ import annotations

from pathlib import Path

from gpu_node.protocol.job_spec import IMPORTS_FOLDER, ImportSpec
from gpu_node.training.artifact_jobs import artifact_tell
from gpu_node.training.attempt_folder import AttemptFolder
from gpu_node.training.import_model import DTYPES, import_model
from gpu_node.training.import_sources import source_open
from gpu_node.training.job_errors import JobRefused
from gpu_node.training.job_frames import JobLog
from gpu_node.training.job_inputs import input_required


def import_job(attempt: AttemptFolder, spec: ImportSpec, log: JobLog) -> None:
    log.write("job.started", step=0, num_steps=1, world_size=1, device="cpu")
    try:
        with source_open(_place(attempt, spec)) as source:
            imported = import_model(
                source, attempt.output, name=spec.name, dtype=DTYPES.get(spec.dtype), licence=spec.licence
            )
    except (FileNotFoundError, ValueError) as error:
        message, _, cure = str(error).rpartition("; ")
        raise JobRefused("bad_input", message or cure, cure=cure if message else "") from error
    for warning in imported.warnings:
        log.write("log", level="warning", text=warning)
    log.write("metric", step=1, values={"num_parameters": imported.card["num_parameters"]})
    artifact_tell(attempt, log, step=1)


def _place(attempt: AttemptFolder, spec: ImportSpec) -> str:
    if spec.source == "artifact":
        return str(_single(input_required(attempt, "artifact")))
    if spec.source == "folder":
        assert spec.folder is not None, "the spec's own check"
        # STATE/jobs/ATTEMPT lies beside STATE/imports; the spec's pattern lets no path out of it.
        place = attempt.path.parents[1] / IMPORTS_FOLDER / spec.folder
        if not place.exists():
            raise JobRefused(
                "bad_input", f"this node has no {IMPORTS_FOLDER}/{spec.folder}", cure=f"lay it at {place} on the node"
            )
        return str(place)
    return spec.source


def _single(folder: Path) -> Path:
    """An artifact of one file is that file."""
    files = [path for path in folder.iterdir() if path.is_file()]
    return files[0] if len(files) == 1 and files[0].suffix in (".gguf", ".whl") else folder
