"""What a job's process finds of its inputs on disk, and the tokenizer that ships with the node. No torch.

Not here: fetching and verifying them (gpu_node/server/transfer.py).
"""

from pathlib import Path

from gpu_node.training.attempt_folder import AttemptFolder
from gpu_node.training.job_errors import JobRefused

ROWS_FILE = "rows.jsonl"  # what a job that makes rows calls them
MIXTURE_ROLE = "data_"
SHIPPED_TOKENIZER = Path(__file__).resolve().parents[1] / "weights" / "svend-nano"


def input_folder(attempt: AttemptFolder, role: str) -> Path | None:
    """The role's folder; None when the order has no such input."""
    if role not in attempt.order.inputs:
        return None
    folder = attempt.input(role)
    if folder is None:
        raise JobRefused("bad_input", f"the input {role!r} was not fetched")
    return folder


def input_required(attempt: AttemptFolder, role: str) -> Path:
    folder = input_folder(attempt, role)
    if folder is None:
        raise JobRefused("bad_input", f"the order has no input {role!r}")
    return folder


def data_file(attempt: AttemptFolder) -> Path:
    """The file of the input "data"; of a mixture the folder that holds "data_0", "data_1", …"""
    roles = [role for role in attempt.order.inputs if role.startswith(MIXTURE_ROLE)]
    if not roles:
        return rows_file(input_required(attempt, "data"))
    for role in roles:
        input_required(attempt, role)
    return attempt.inputs


def rows_file(folder: Path) -> Path:
    """An input's one file, or its rows.jsonl: what a `generate` job makes has a journal beside it."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    rows = [path for path in files if path.name == ROWS_FILE] if len(files) > 1 else files
    if len(rows) != 1:
        raise JobRefused("bad_input", f"the input {folder.name!r} has {len(files)} files, not one")
    return rows[0]


def shipped_tokenizer_folder() -> Path:
    if not (SHIPPED_TOKENIZER / "tokenizer.json").exists():
        raise JobRefused("bad_input", "this node has no tokenizer of its own", cure="start from a parent checkpoint")
    return SHIPPED_TOKENIZER
