"""Whether a job's model fits the memory of this machine, looked at once more when its inputs lie here.

A plan that was made before knew a preset's shape or a version's; what was fetched is what will be read. No torch. Not
here: the arithmetic (memory_parts.py), what else stops a job (memory_plan.py).
"""

from __future__ import annotations

import json
from dataclasses import replace

from gpu_node.model.config import ModelConfig, config_from_hf
from gpu_node.protocol.job_spec import JobSpec
from gpu_node.training.attempt_folder import AttemptFolder
from gpu_node.training.job_errors import JobRefused
from gpu_node.training.job_inputs import input_folder
from gpu_node.training.machine import devices_find, room_make
from gpu_node.training.memory_plan import plan_make

ROLES = ("parent", "model")  # of the input whose shape decides


def refuse_if_too_large(attempt: AttemptFolder, spec: JobSpec) -> None:
    """Raises JobRefused. What others use of the memory at this moment says nothing against a job."""
    config = _config(attempt)
    if config is None:
        return
    devices = devices_find()
    room = replace(room_make(devices, attempt.path), memory_bytes=devices[0].memory_bytes)
    for check in plan_make(spec, room, config).checks:
        if check.name == "memory" and not check.is_ok:
            raise JobRefused("out_of_memory", check.message, cure=check.cure)


def _config(attempt: AttemptFolder) -> ModelConfig | None:
    """None: there is no such input, or it is no checkpoint of ours, which whoever reads it says better."""
    for role in ROLES:
        folder = input_folder(attempt, role)
        if folder is not None:
            try:
                return config_from_hf(json.loads((folder / "config.json").read_text(encoding="utf-8")))
            except (OSError, KeyError, TypeError, ValueError):
                return None
    return None
