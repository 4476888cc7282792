"""The registry's cast: reports as the node writes them, versions, nodes by their last words."""

from typing import Any

from backend.model_registry.models import ModelVersion
from backend.model_registry.reports import report_add
from backend.model_registry.services import model_version_register, snapshot_forget
from backend.nodes.models import Node
from gpu_node.evaluation.benchmarks import FamilyReport, Report
from gpu_node.evaluation.report import report_json
from gpu_node.protocol.intervals import Share
from gpu_node.protocol.job_spec import EvalSpec
from gpu_node.protocol.manifest import Manifest, ManifestFile, Piece
from gpu_node.protocol.node import LoadedModel, NodeInfo

SPEC = EvalSpec(model="any", num_problems=50)
MANIFEST = Manifest(files=[ManifestFile(path="config.json", pieces=[Piece(sha256="a" * 64, num_bytes=3)])])


def result_of(rights: dict[str, int], *, n: int = 50, wrong: dict[str, list[dict[str, str]]] | None = None) -> Any:
    """A node's report: so many right of `n` in each family."""
    families = [
        FamilyReport(
            family=name, with_tools=Share(right, n), verified=Share(right, n), wrong=(wrong or {}).get(name, [])
        )
        for name, right in rights.items()
    ]
    report = Report(families=families, is_verified=False, critic_auc=None, critic_samples=Share(0, 0))
    return report_json(report, model="any", command="python -m gpu_node evaluate", seconds=1.0)


def version_of(name: str, *, rights: dict[str, int] | None = None, **fields: Any) -> ModelVersion:
    version = model_version_register(
        name=name, role="reasoner", context_tokens=8192, num_parameters=1, vocab_size=270, **fields
    )
    if rights:
        report_add(version=version, result=result_of(rights), spec=SPEC)
    return version


def manifest_named(name: str) -> Manifest:
    """Another manifest for each name."""
    return Manifest(files=[ManifestFile(path=f"{name}.json", pieces=[Piece(sha256="a" * 64, num_bytes=3)])])


def info_of(name: str, models: list[str], *, is_draining: bool = False, has_critic: bool = False) -> NodeInfo:
    loaded = [
        LoadedModel(
            version=model,
            role="reasoner",
            backend="scripted",
            num_parameters=0,
            context_tokens=8192,
            vocab_size=270,
            manifest_sha256="0" * 64,
            has_critic=has_critic,
        )
        for model in models
    ]
    return NodeInfo(
        name=name,
        boot_id="boot_1",
        journal_id="jrn_1",
        versions={},
        devices=[],
        fence_tier="none",
        models=loaded,
        running_runs=[],
        runs_max=32,
        is_draining=is_draining,
    )


def node_says(settings: Any, name: str, models: list[str], *, error: str = "", **told: bool) -> Node:
    """A trusted node and its last words."""
    if name not in {entry["name"] for entry in settings.SVEND_NODES}:
        entry = {"name": name, "url": "http://127.0.0.1:1", "secret": ""}
        settings.SVEND_NODES = [*settings.SVEND_NODES, entry]
    info = info_of(name, models, **told).model_dump(mode="json")
    node, _ = Node.objects.update_or_create(
        name=name, defaults={"url": "http://127.0.0.1:1", "info": info, "probe_error": error}
    )
    snapshot_forget()
    return node
