"""A mixture as a folder that a job trains on: shards of rows, what was left out, and a manifest.

    mixture.json         what it is made of; written first, so that another mixture is not mixed into this folder
    rows-00000.jsonl …   the rows, in order; a shard appears as a whole
    removed.jsonl        each row that was left out, with its place and the reason
    manifest.json        each shard's rows and SHA-256, and the report; there once all shards are

A build that was stopped goes on at the first shard that is missing: the rows before it are drawn again, not written.
The same sources and options give the same bytes.
"""

import hashlib
import json
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel, ConfigDict
from tokenizers import Tokenizer

from gpu_node.data.mixing.mixture import Mixture, MixtureSpec, Removed
from gpu_node.data.mixing.report import MixtureReport, ReportMaker
from gpu_node.data.mixing.row_texts import num_tokens
from gpu_node.data.mixing.sources import HUB, SourceRefused, files_of
from gpu_node.protocol.data_rows import row_line

SHARD_ROWS = 100_000  # about 100 MB of ordinary rows
MIXTURE_FILE, REMOVED_FILE, MANIFEST_FILE = "mixture.json", "removed.jsonl", "manifest.json"


class Shard(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    num_rows: int
    sha256: str


class BuildManifest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    mixture: dict[str, Any]
    shards: list[Shard]
    report: MixtureReport


def build(
    spec: MixtureSpec, folder: Path, *, tokenizer: Tokenizer, num_rows: int | None = None, shard_rows: int = SHARD_ROWS
) -> BuildManifest:
    """Raises SourceRefused: a source, or a folder that holds another mixture. What was built so far stays."""
    described = _described(spec, num_rows=num_rows, shard_rows=shard_rows)
    _claim(folder, described)
    with (folder / f".{REMOVED_FILE}.partial").open("w", encoding="utf-8") as file:
        mixture = Mixture(spec, on_removed=lambda removed: _removed_write(file, removed))
        report = ReportMaker(mixture)
        rows = mixture.rows(num_rows=num_rows)
        shards: list[Shard] = []
        while drawn := list(islice(rows, shard_rows)):
            for mixed in drawn:
                report.take(mixed.source, num_tokens(tokenizer, mixed.row))
            text = "".join(row_line(mixed.row) for mixed in drawn)
            shards.append(_shard(folder / f"rows-{len(shards):05}.jsonl", text.encode(), len(drawn)))
    if not shards:
        raise SourceRefused("the mixture holds no row: all were refused, twice there or contaminated")
    Path(file.name).replace(folder / REMOVED_FILE)
    manifest = BuildManifest(mixture=described, shards=shards, report=report.report())
    _write(folder / MANIFEST_FILE, (manifest.model_dump_json(indent=1) + "\n").encode())
    return manifest


def _described(spec: MixtureSpec, **options: int | None) -> dict[str, Any]:
    """With the hashes of the files that lie here; a hub's set has none."""
    sources = []
    for source in spec.sources:
        files = [] if source.name.startswith(HUB) else files_of(Path(source.name))
        hashes = {file.name: _sha256(file) for file in files}
        sources.append(source.model_dump(mode="json") | {"sha256": hashes})
    return {
        "sources": sources,
        "seed": spec.seed,
        "against": {str(file): _sha256(file) for path in spec.against for file in files_of(path)},
        "near_threshold": spec.near_threshold,
        "has_duplicates": spec.has_duplicates,
        **options,
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _claim(folder: Path, described: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / MIXTURE_FILE
    text = json.dumps(described, indent=1, ensure_ascii=False) + "\n"
    if path.exists():
        if path.read_text(encoding="utf-8") != text:
            raise SourceRefused(f"{folder} holds another mixture: name a new folder, or the same sources and options")
    elif any(folder.iterdir()):
        raise SourceRefused(f"{folder} is not empty and holds no mixture: name a new folder")
    else:
        _write(path, text.encode())


def _shard(path: Path, content: bytes, num_rows: int) -> Shard:
    sha256 = hashlib.sha256(content).hexdigest()
    if not path.exists():
        _write(path, content)
    elif _sha256(path) != sha256:
        raise SourceRefused(f"{path} is not what these sources give: name a new folder")
    return Shard(file=path.name, num_rows=num_rows, sha256=sha256)


def _write(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def _removed_write(file: IO[str], removed: Removed) -> None:
    file.write(json.dumps(asdict(removed), ensure_ascii=False) + "\n")
