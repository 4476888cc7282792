"""Registering what a job made: a committed checkpoint's manifest becomes a ModelVersion with its lineage.

What the weights are is read from the checkpoint's own files in the store (config.json, safetensors headers), never
believed from whoever asks. The same manifest again is the same version, by whatever name. Not here: what the
repository ships (shipped.py), which checkpoints are committed (jobs).
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from backend.core.artifacts import manifest_keep, piece_store
from backend.core.errors import ApplicationError
from backend.model_registry.models import NAME_CHARS_MAX, ModelVersion
from backend.model_registry.services import snapshot_forget
from backend.model_registry.shipped import config_describe, tensors_describe
from gpu_node.protocol.manifest import Manifest, ManifestFile

CONFIG_BYTES_MAX = 1_048_576
CARD_FILE = "model_card.json"
NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]*")
JOB_CHARS_SHOWN = 6  # of a job's id in a derived name: enough to find it, short enough to say


class InvalidCheckpoint(ApplicationError):
    code = "invalid_checkpoint"


class NameTaken(ApplicationError):
    code, status = "name_taken", 409


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """Where the weights come from. `parent` is a ModelVersion's name."""

    job_id: str
    step: int
    data_sha256: str = ""
    code_version: str = ""
    config: dict[str, Any] | None = None
    parent: str | None = None


@transaction.atomic
def version_register(
    *, manifest: Manifest, lineage: Lineage, name: str | None = None, description: str = ""
) -> ModelVersion:
    """The checkpoint as a version: a new one, or the one that these very bytes are already.

    Raises:
        InvalidCheckpoint: the manifest is no checkpoint of ours.
        NameTaken: other weights have the name.
        ApplicationError: the name has other characters than a-z, 0-9, `.`, `_`, `-`.
    """
    known = ModelVersion.objects.filter(manifest_sha256=manifest.sha256, manifest__isnull=False).first()
    if known is not None:
        return known
    parent = ModelVersion.objects.filter(name=lineage.parent).first() if lineage.parent else None
    files = {file.path: file for file in manifest.files}
    if "config.json" not in files and any(path.startswith("adapter/") for path in files):
        raise InvalidCheckpoint("The checkpoint holds a LoRA adapter alone: take the training's last, merged one.")
    if "config.json" not in files:
        raise InvalidCheckpoint("The checkpoint has no config.json: it is no Hugging Face folder.")
    try:
        config = json.loads(_read(files["config.json"]))
        described = config_describe(config)
        heads = [_head(file) for path, file in files.items() if _is_weights(path)]
        tensors = [tensors_describe(head, packed_bits=described.packed_bits) for head in heads]
        card = dict(json.loads(_read(files[CARD_FILE]))) if CARD_FILE in files else {}
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidCheckpoint(f"The checkpoint's files cannot be read: {error!r}.") from error
    if not tensors:
        raise InvalidCheckpoint("The checkpoint has no safetensors file: there are no weights to serve.")
    name = _name_checked(name) if name else _name_derive(lineage, parent, card)
    manifest_keep(manifest)
    version = ModelVersion.objects.create(
        name=name,
        role=described.role,
        description=description,
        context_tokens=described.context_tokens,
        vocab_size=described.vocab_size,
        num_parameters=sum(one.num_parameters for one in tensors),
        dtype=max(tensors, key=lambda one: one.num_parameters).dtype,
        card=card,
        manifest=manifest.model_dump(mode="json"),
        manifest_sha256=manifest.sha256,
        num_bytes=manifest.num_bytes,
        parent=parent,
        job_id=lineage.job_id,
        step=lineage.step,
        data_sha256=lineage.data_sha256,
        code_version=lineage.code_version,
        config=lineage.config or {},
    )
    transaction.on_commit(snapshot_forget)
    return version


def _name_checked(name: str) -> str:
    if len(name) > NAME_CHARS_MAX or not NAME_PATTERN.fullmatch(name):
        message = f"A model's name is at most {NAME_CHARS_MAX} of a-z, 0-9, '.', '_', '-', and not {name!r}."
        raise ApplicationError(message, code="invalid_value", param="name")
    if ModelVersion.objects.filter(name=name).exists():
        raise NameTaken(f"Other weights are named {name!r} already: choose another name.", param="name")
    return name


def _name_derive(lineage: Lineage, parent: ModelVersion | None, card: dict[str, Any]) -> str:
    """`svend-nano-x7k2pq-200`: the family, the job, the step; what was imported keeps its own name. A number behind it
    where that is taken."""
    config = lineage.config or {}
    if config.get("kind") == "import" and card.get("model"):
        return _name_free(re.sub(r"[^a-z0-9._-]+", "-", str(card["model"]).lower()).strip("-._") or "imported")
    family = config.get("model_size")
    base = re.sub(r"-[a-z0-9]{6}-\d+(\.\d+)?$", "", parent.name) if parent else f"svend-{family or 'model'}"
    job = lineage.job_id.rpartition("_")[2][-JOB_CHARS_SHOWN:].lower()
    return _name_free(f"{base}-{job}-{lineage.step}")


def _name_free(name: str) -> str:
    name = name[:NAME_CHARS_MAX]
    taken = set(ModelVersion.objects.filter(name__startswith=name).values_list("name", flat=True))
    numbered = (f"{name}.{number}" for number in range(2, len(taken) + 3))
    return name if name not in taken else next(one for one in numbered if one not in taken)


def _is_weights(path: str) -> bool:
    # The optimiser's state lies beside the weights in a checkpoint that a training resumes from.
    return path.endswith(".safetensors") and "/" not in path and path.startswith("model")


def _read(file: ManifestFile) -> bytes:
    if file.num_bytes > CONFIG_BYTES_MAX:
        raise ValueError(f"{file.path} has {file.num_bytes} bytes")
    return b"".join(piece_store().read(piece.sha256) for piece in file.pieces)


def _head(file: ManifestFile) -> bytes:
    """The file's first piece: a safetensors header lies within it for every model of ours."""
    if not file.pieces:
        raise ValueError(f"{file.path} is empty")
    return piece_store().read(file.pieces[0].sha256)
