"""`manage.py seed_models`: registers what the repository ships and what the trusted nodes hold. Safe to repeat."""

import asyncio
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from backend.core.artifacts import folder_keep
from backend.model_registry.models import ModelVersion, Promotion
from backend.model_registry.reports import report_add
from backend.model_registry.services import LOCAL_ALIASES, model_promote, model_version_register, snapshot_load
from backend.model_registry.shipped import shipped_models
from backend.nodes.client import sessions_close
from backend.nodes.services import nodes_probe
from gpu_node.protocol.node import NodeInfo

WEIGHTS_FOLDER = Path(__file__).resolve().parents[4] / "gpu_node" / "weights"


async def _probe() -> dict[str, NodeInfo | None]:
    try:
        return await nodes_probe()
    finally:
        await sessions_close()


class Command(BaseCommand):
    help = "Register the shipped models and those the trusted nodes hold; point the local aliases at the first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--weights", type=Path, default=WEIGHTS_FOLDER)
        parser.add_argument("--no-probe", action="store_true", help="do not ask the nodes")

    def handle(self, *args: Any, **options: Any) -> None:
        names = self._register_shipped(options["weights"])
        if not options["no_probe"]:
            names += self._register_loaded()
        if settings.IS_LOCAL:
            self._promote_locally(names)
        registry = snapshot_load()
        for version in registry.versions.values():
            self.stdout.write(f"{version.name} ({version.role}) {' '.join(registry.aliases_of(version.name))}")

    def _register_shipped(self, weights: Path) -> list[str]:
        models = shipped_models(weights)
        for model in models:
            version = model_version_register(
                name=model.name,
                role=model.role,
                context_tokens=model.context_tokens,
                num_parameters=model.num_parameters,
                vocab_size=model.vocab_size,
                manifest=folder_keep(model.folder),  # so that any node can load it, and a job measure it
                dtype=model.dtype,
                card=model.card,
            )
            if model.card and model.role == ModelVersion.Role.REASONER:
                report_add(version=version, result=model.card)
        return [model.name for model in models if model.role == ModelVersion.Role.REASONER]

    def _register_loaded(self) -> list[str]:
        names = []
        for info in asyncio.run(_probe()).values():
            for model in info.models if info else []:
                known = ModelVersion.objects.filter(name=model.version).first()
                if known is None:
                    known = model_version_register(
                        name=model.version,
                        role=model.role,
                        context_tokens=model.context_tokens,
                        num_parameters=model.num_parameters,
                        vocab_size=model.vocab_size,
                        manifest_sha256=model.manifest_sha256,
                    )
                if known.role == ModelVersion.Role.REASONER:
                    names.append(known.name)
        return names

    def _promote_locally(self, names: list[str]) -> None:
        if not names:
            return
        version = ModelVersion.objects.get(name=names[0])
        for alias in LOCAL_ALIASES:
            if not Promotion.objects.filter(alias=alias).exists():
                model_promote(alias=alias, version=version, reason="local mode's default: the first model found")
