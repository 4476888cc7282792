"""The folder where the worker's children count for Prometheus: emptied before anything that counts is imported.

Files of a former start would be summed with this one's, and a library opens its own as soon as it is imported.
"""

import os
import shutil
from pathlib import Path

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's own variable; only the worker has it set


def metrics_folder_clear() -> None:
    if folder := os.environ.get(FOLDER):
        shutil.rmtree(folder, ignore_errors=True)
        Path(folder).mkdir(parents=True)
