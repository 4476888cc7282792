"""What this machine has for a model: its GPUs as the driver names them, or its CPU's memory. No torch.

Not here: what a job needs of it (memory_plan.py).
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

from gpu_node.protocol.node import Device
from gpu_node.training.memory_plan import NodeRoom

DRIVER_SECONDS_MAX = 10.0  # nvidia-smi answers in one; a broken driver hangs


def room_make(devices: list[Device], folder: Path, *, tokens_per_second: float | None = None) -> NodeRoom:
    """What there is for a job now. A GPU is a job's alone; a CPU's memory is shared with all that runs. `folder`: where
    it would write."""
    device = devices[0]
    return NodeRoom(
        device=device.kind,
        num_devices=len(devices),
        memory_bytes=device.memory_bytes if device.kind != "cpu" else memory_available_bytes(),
        disk_bytes=shutil.disk_usage(folder).free,
        tokens_per_second=tokens_per_second,
    )


def devices_find() -> list[Device]:
    """The GPUs that the driver names, or the CPU. Asked without torch: a server without weights starts at once."""
    try:
        query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
        told = subprocess.run(query, capture_output=True, text=True, timeout=DRIVER_SECONDS_MAX, check=True).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return [cpu_device()]
    rows = [line.rsplit(", ", 1) for line in told.splitlines() if ", " in line]
    return [Device(kind="cuda", name=name, memory_bytes=int(mib) * 2**20) for name, mib in rows] or [cpu_device()]


def memory_available_bytes() -> int:
    """Of the machine, as the kernel estimates it without swapping."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    kib = {name: value.split()[0] for name, _, value in (line.partition(":") for line in lines)}
    return int(kib["MemAvailable"]) * 1024


def cpu_device() -> Device:
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    name = f"{platform.machine()}, {os.cpu_count()} cores"
    return Device(kind="cpu", name=name, memory_bytes=memory_bytes)
