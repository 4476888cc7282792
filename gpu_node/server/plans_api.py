"""Before a job starts: what it would need here, and its rows exactly as the model would read them.

Nothing is kept and nothing starts. Not here: the estimates (gpu_node/training/memory_plan.py), the rows
(gpu_node/training/job_rows.py).
"""

import asyncio
import json
import tempfile
from itertools import islice
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tokenizers import Tokenizer

from gpu_node.data.packing import Row
from gpu_node.data.tokenizer import TOKENIZER_FILE, tokenizer_load
from gpu_node.model.config import ModelConfig, config_from_hf
from gpu_node.protocol.manifest import SignedManifest
from gpu_node.protocol.plan import PlanRequest, Preview, PreviewRequest, PreviewRow, PreviewToken
from gpu_node.reasoning.orchestrator import RunRefused
from gpu_node.server.gang_door import master_check
from gpu_node.server.http import MANIFEST_BYTES_MAX, body_parse
from gpu_node.server.node import Node
from gpu_node.server.transfer import TransferFailed, WrongHash, fetch, session_open
from gpu_node.training.job_errors import JobRefused
from gpu_node.training.job_inputs import MIXTURE_ROLE, rows_file, shipped_tokenizer_folder
from gpu_node.training.job_rows import rows_make
from gpu_node.training.memory_plan import plan_make

CONFIG_FILE = "config.json"
PREVIEW_FILE_BYTES_MAX = 64 * 1024 * 1024  # fetched for a look at its first rows; a larger one is looked at by its job

CODES = {"bad_data": "bad_data", "bad_input": "bad_input", "bad_spec": "invalid_spec"}


async def plan(request: Request) -> Response:
    node: Node = request.app.state.node
    asked = await body_parse(request, PlanRequest, bytes_max=MANIFEST_BYTES_MAX)
    parent = None if asked.parent is None else await _config_of(asked.parent)
    made = await asyncio.to_thread(plan_make, asked.spec, node.room(asked.spec), parent)
    if asked.master_host:
        others = [check for check in made.checks if check.name != "rendezvous"]
        reached = await master_check(asked.master_host, asked.master_port)
        made = made.model_copy(update={"checks": [*others, reached]})
    return JSONResponse(made.model_dump(mode="json"))


async def preview(request: Request) -> Response:
    asked = await body_parse(request, PreviewRequest, bytes_max=MANIFEST_BYTES_MAX)
    with tempfile.TemporaryDirectory(prefix="svend-preview-") as name:
        file = await _files_fetch(asked, Path(name))
        tokenizer_folder = shipped_tokenizer_folder()
        if asked.parent is not None:
            tokenizer_folder = await _file_fetch(asked.parent, TOKENIZER_FILE, Path(name) / "parent")
        try:
            rows = await asyncio.to_thread(_rows, asked, file, tokenizer_load(tokenizer_folder))
        except JobRefused as error:
            cure = f"; {error.cure}" if error.cure else ""
            raise RunRefused(CODES.get(error.cause, "invalid_spec"), f"{error}{cure}") from error
    return JSONResponse(Preview(rows=rows).model_dump(mode="json"))


async def _files_fetch(asked: PreviewRequest, folder: Path) -> Path | None:
    """As a job's inputs lie: the one file, or the folder of a mixture's."""
    wanted = {"families": 0, "file": 1, "mixture": len(asked.data.files)}[asked.data.source]
    if len(asked.files) != wanted:
        raise RunRefused("bad_input", f"data.source {asked.data.source!r} reads {wanted} files, not {len(asked.files)}")
    if not wanted:
        return None
    if sum(file.manifest.num_bytes for file in asked.files) > PREVIEW_FILE_BYTES_MAX:
        raise RunRefused("bad_input", f"a preview reads files of at most {PREVIEW_FILE_BYTES_MAX} bytes")
    try:
        async with session_open() as session:
            for place, file in enumerate(asked.files):
                await fetch(session, file, folder / f"{MIXTURE_ROLE}{place}")
    except (TransferFailed, WrongHash) as error:
        raise RunRefused("bad_input", str(error)) from error
    return folder if asked.data.source == "mixture" else folder / f"{MIXTURE_ROLE}0"


async def _config_of(parent: SignedManifest) -> ModelConfig:
    with tempfile.TemporaryDirectory(prefix="svend-plan-") as name:
        folder = await _file_fetch(parent, CONFIG_FILE, Path(name) / "parent")
        try:
            return config_from_hf(json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8")))
        except (KeyError, TypeError, ValueError) as error:
            raise RunRefused("bad_input", f"the parent is no checkpoint of ours: {error}") from error


async def _file_fetch(checkpoint: SignedManifest, path: str, folder: Path) -> Path:
    """The checkpoint's folder with that one file of it."""
    if path not in {file.path for file in checkpoint.manifest.files}:
        raise RunRefused("bad_input", f"the parent has no {path}: it is no checkpoint of ours")
    try:
        async with session_open() as session:
            await fetch(session, checkpoint, folder, wants=lambda one: one == path)
    except (TransferFailed, WrongHash) as error:
        raise RunRefused("bad_input", str(error)) from error
    return folder


def _rows(asked: PreviewRequest, file: Path | None, tokenizer: Tokenizer) -> list[PreviewRow]:
    if file is not None and asked.data.source == "file":
        file = rows_file(file)
    drawn = rows_make(asked.data, objective=asked.objective, tokenizer=tokenizer, file=file)
    return [_shown(row, tokenizer) for row in islice(drawn, asked.num_rows)]


def _shown(row: Row, tokenizer: Tokenizer) -> PreviewRow:
    texts = (tokenizer.decode([token_id], skip_special_tokens=False) for token_id in row.ids)
    tokens = [PreviewToken(text=text, weight=weight) for text, weight in zip(texts, row.weights, strict=True)]
    return PreviewRow(family=row.group, num_tokens=len(row.ids), tokens=tokens)


ROUTES = [
    Route("/plan", plan, methods=["POST"]),
    Route("/preview", preview, methods=["POST"]),
]
