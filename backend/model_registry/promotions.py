"""Promotion: may this version answer under that alias, who said so and why, and the way back.

Every gate is told with its reason, green or red; a red blocking gate refuses. A promotion is a record that waits
until a node is ready for its version (`promotions_settle`), so that no request meets an alias without a node; until
then the old version answers. A rollback is a new promotion to the version before. Not here: loading (deployments.py).
"""

from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from backend.core.audit import Area, audit_write
from backend.core.errors import ApplicationError
from backend.metering.services import price_set
from backend.model_registry.deployments import deployments_want, version_is_held, version_loadable_nodes
from backend.model_registry.models import Deployment, EvalReport, ModelVersion, Promotion
from backend.model_registry.reports import (
    Compared,
    column_compare,
    families_compare,
    reports_on_same_problems,
    suites_asked,
)
from backend.model_registry.services import snapshot_forget, version_price

# Fewer problems than this tell two models apart only when one is hopeless.
PROBLEMS_FEW = 100
REASON_CHARS_MIN = 3
REASON_CHARS_MAX = 2000
NAMES_SHOWN_MAX = 5


class PromotionRefused(ApplicationError):
    """A red gate: the message names each."""

    code, status = "promotion_refused", 409


class RollbackRefused(ApplicationError):
    code, status = "rollback_refused", 409


@dataclass(frozen=True, kw_only=True)
class Gate:
    """`message` says what was found, `cure` what to do about it. One that does not block is a warning."""

    name: str
    is_ok: bool
    message: str
    cure: str = ""
    is_blocking: bool = True


@dataclass(frozen=True, kw_only=True)
class Gates:
    alias: str
    version: ModelVersion
    serving: ModelVersion | None
    gates: list[Gate]
    candidate_report: EvalReport | None
    serving_report: EvalReport | None

    @property
    def is_ok(self) -> bool:
        return all(gate.is_ok or not gate.is_blocking for gate in self.gates)


def promotion_effective(alias: str) -> Promotion | None:
    """The promotion that says where the alias points now."""
    effective = Promotion.objects.filter(alias=alias, state=Promotion.State.EFFECTIVE)
    return effective.select_related("model_version", "rollback_version").order_by("-id").first()


def promotions_newest(*, alias: str | None = None) -> QuerySet[Promotion]:
    rows = Promotion.objects.select_related("model_version", "replaces", "rollback_version", "promoted_by")
    return (rows.filter(alias=alias) if alias else rows).order_by("-id")


@dataclass(frozen=True, kw_only=True)
class AliasView:
    alias: str
    model: str | None
    rollback_to: str | None
    waiting: str | None


def aliases_read() -> list[AliasView]:
    """Each alias: what it means, what it would go back to, and what is on its way."""
    views = []
    for alias in Promotion.objects.order_by("alias").values_list("alias", flat=True).distinct():
        current = promotion_effective(alias)
        back = current.rollback_version if current else None
        waiting = promotions_newest(alias=alias).filter(state=Promotion.State.WAITING).first()
        views.append(
            AliasView(
                alias=alias,
                model=current.model_version.name if current else None,
                rollback_to=back.name if back else None,
                waiting=waiting.model_version.name if waiting else None,
            )
        )
    return views


# --- Gates


def promotion_gates(*, alias: str, version: ModelVersion) -> Gates:
    current = promotion_effective(alias)
    serving = current.model_version if current else None
    candidate_report, serving_report = _reports(version, serving)
    gates = [_gate_other(version, serving), _gate_candidate_report(version, candidate_report)]
    if serving is not None and serving != version:
        gates.append(_gate_serving_report(serving, candidate_report, serving_report))
    if candidate_report is not None and serving_report is not None:
        gates += _gates_of_figures(serving_report, candidate_report)
    gates += [_gate_node(version), _gate_price(version, serving)]
    return Gates(
        alias=alias,
        version=version,
        serving=serving,
        gates=gates,
        candidate_report=candidate_report,
        serving_report=serving_report,
    )


def _reports(version: ModelVersion, serving: ModelVersion | None) -> tuple[EvalReport | None, EvalReport | None]:
    if serving is not None:
        return reports_on_same_problems(candidate=version, serving=serving)
    return EvalReport.objects.filter(model_version=version, n__gt=0).order_by("-id").first(), None


def _gate_other(version: ModelVersion, serving: ModelVersion | None) -> Gate:
    if serving == version:
        return Gate(name="version", is_ok=False, message=f"{version.name} is already served under this alias.")
    if version.role != ModelVersion.Role.REASONER:
        return Gate(name="version", is_ok=False, message=f"{version.name} is a {version.role}: it answers no question.")
    what = f"replaces {serving.name}" if serving else "is the alias's first version"
    return Gate(name="version", is_ok=True, message=f"{version.name} {what}.")


def _gate_candidate_report(version: ModelVersion, report: EvalReport | None) -> Gate:
    if report is None:
        cure = f"svend evaluate {version.name}"
        return Gate(name="candidate_report", is_ok=False, message=f"{version.name} was not evaluated.", cure=cure)
    return Gate(name="candidate_report", is_ok=True, message=f"{version.name}: {_figure(report)}.")


def _gate_serving_report(
    serving: ModelVersion, candidate_report: EvalReport | None, serving_report: EvalReport | None
) -> Gate:
    if serving_report is None:
        if candidate_report is None:
            message = f"{serving.name}, which is served, is compared on the problems that the candidate answers."
            return Gate(name="serving_report", is_ok=False, message=message, cure="evaluate the candidate first")
        problems = _problems(candidate_report)
        message = f"{serving.name}, which is served, was not evaluated on the same problems ({problems})."
        return Gate(name="serving_report", is_ok=False, message=message, cure=_evaluate_line(serving, candidate_report))
    return Gate(name="serving_report", is_ok=True, message=f"{serving.name}: {_figure(serving_report)}.")


def _gates_of_figures(serving: EvalReport, candidate: EvalReport) -> list[Gate]:
    gates = [_gate_not_worse(column_compare(serving, candidate, "with_tools"), "not_worse", "with tools")]
    held_out = column_compare(serving, candidate, "held_out")
    if held_out.verdict != "unmeasured":
        gates.append(_gate_not_worse(held_out, "not_worse_held_out", "in wordings that training never saw"))
    worse = [family.name for family in families_compare(serving, candidate) if family.verdict == "worse"]
    shown = ", ".join(worse[:NAMES_SHOWN_MAX]) + (" and more" if len(worse) > NAMES_SHOWN_MAX else "")
    message = f"Clearly worse on {shown}." if worse else "No family is clearly worse."
    gates.append(Gate(name="families", is_ok=not worse, message=message, is_blocking=False))
    enough = candidate.n >= PROBLEMS_FEW
    message = f"{candidate.n} problems" + ("." if enough else f": fewer than {PROBLEMS_FEW} tell little apart.")
    gates.append(
        Gate(name="enough_problems", is_ok=enough, message=message, cure="evaluate on more", is_blocking=False)
    )
    return gates


def _gate_not_worse(compared: Compared, name: str, where: str) -> Gate:
    low, high = compared.difference_interval
    interval = f"{compared.difference:+.1%} (95 % interval {low:+.1%} to {high:+.1%})"
    message = f"Right answers {where}, candidate less served: {interval}."
    if compared.verdict == "worse":
        return Gate(name=name, is_ok=False, message=f"Clearly worse. {message}", cure="train further, or keep what is")
    return Gate(name=name, is_ok=True, message=message)


def _gate_node(version: ModelVersion) -> Gate:
    if version_is_held(version):
        return Gate(name="node", is_ok=True, message="A node is ready for it.")
    nodes = version_loadable_nodes(version)
    if nodes:
        return Gate(name="node", is_ok=True, message=f"It will be loaded on {', '.join(nodes)}.")
    if version.manifest is None:
        cure = "start a node with it: python -m gpu_node serve --model-path …"
        message = "No node holds it, and the store has no files of it."
        return Gate(name="node", is_ok=False, message=message, cure=cure)
    return Gate(name="node", is_ok=False, message="No node is open to load it.", cure="add a node, or undrain one")


def _gate_price(version: ModelVersion, serving: ModelVersion | None) -> Gate:
    if version_price(version) is not None:
        return Gate(name="price", is_ok=True, message="It has a price.")
    if serving is not None and version_price(serving) is not None:
        return Gate(name="price", is_ok=True, message=f"It takes over the price of {serving.name}.")
    return Gate(name="price", is_ok=False, message="It has no price, so nobody could buy it.", cure="set its price")


def _figure(report: EvalReport) -> str:
    return (
        f"{report.right} of {report.n} right, {report.share:.1%} "
        f"(95 % interval {report.interval_low:.1%} to {report.interval_high:.1%})"
    )


def _problems(report: EvalReport) -> str:
    return f"{len(report.families)} families, {report.num_problems} each from seed {report.seed_start}"


def _evaluate_line(version: ModelVersion, like: EvalReport) -> str:
    """The command that asks the version what the report asked."""
    words = [f"svend evaluate {version.name} --num-problems={like.num_problems} --seed-start={like.seed_start}"]
    words += ["--is-held-out-wording=true"] if like.is_held_out_wording else []
    suites = suites_asked(like.result)
    if not suites:
        return " ".join([*words, f"--families={','.join(like.families)}"])
    words += [f"--suites={','.join(like.families)}", f"--mode={suites['mode']}"]
    words += [f"--num-samples={suites['num_samples']}"]
    return " ".join([*words, *([f"--data.file={suites['data_file']}"] if suites["data_file"] else [])])


# --- Moving an alias


@transaction.atomic
def promote(*, alias: str, version: ModelVersion, promoted_by_id: int, reason: str) -> Promotion:
    """Records the promotion. It takes effect at once where a node is ready, else when one is. The same again while it
    waits or holds returns the first.

    Raises:
        PromotionRefused: a red gate, by name and message.
    """
    reason = _reason_checked(reason)
    _alias_lock(alias)
    newest = promotions_newest(alias=alias).exclude(state=Promotion.State.FAILED).first()
    if newest is not None and newest.model_version_id == version.pk and newest.promoted_by_id == promoted_by_id:
        return newest  # a second click
    found = promotion_gates(alias=alias, version=version)
    if not found.is_ok:
        red = "; ".join(f"{g.name}: {g.message}" for g in found.gates if not g.is_ok and g.is_blocking)
        raise PromotionRefused(f"{version.name} cannot be promoted to {alias}: {red}")
    if found.serving is not None and version_price(version) is None:
        price = version_price(found.serving)
        assert price is not None, "the price gate was green"
        price_set(model=version.name, nano_usd_per_token=price)
    return _promotion_record(
        alias=alias,
        model_version=version,
        replaces=found.serving,
        rollback_version=found.serving,
        promoted_by_id=promoted_by_id,
        reason=reason,
        gates=[asdict(gate) for gate in found.gates],
        candidate_report=found.candidate_report,
        serving_report=found.serving_report,
    )


@transaction.atomic
def rollback(*, alias: str, promoted_by_id: int, reason: str, expected: str | None = None) -> Promotion:
    """Back to the version before. `expected`: the version that the asker sees served; a second click finds another
    and is refused.

    Raises:
        RollbackRefused: nothing was before, the alias moved meanwhile, or no node can hold what was before.
    """
    reason = _reason_checked(reason)
    _alias_lock(alias)
    current = promotion_effective(alias)
    if current is not None and expected is not None and expected != current.model_version.name:
        message = f"{alias} is at {current.model_version.name} now, not at {expected}: look again."
        raise RollbackRefused(message, code="alias_moved")
    target, before = _rollback_target(alias, current)
    node = _gate_node(target)
    if not node.is_ok:
        raise RollbackRefused(f"{target.name}: {node.message}")
    return _promotion_record(
        alias=alias,
        model_version=target,
        replaces=current.model_version if current else None,
        rollback_version=before,
        is_rollback=True,
        promoted_by_id=promoted_by_id,
        reason=reason,
        gates=[asdict(node)],
    )


def _rollback_target(alias: str, current: Promotion | None) -> tuple[ModelVersion, ModelVersion | None]:
    """Where one click leads, and where the next one would. While a promotion waits, back is where the alias is."""
    if current is not None and Promotion.objects.filter(alias=alias, state=Promotion.State.WAITING).exists():
        return current.model_version, current.rollback_version
    if current is None or current.rollback_version is None:
        raise RollbackRefused(f"{alias} has no version before this one.", code="nothing_to_roll_back")
    target = current.rollback_version
    came_by = Promotion.objects.filter(alias=alias, model_version=target, state=Promotion.State.EFFECTIVE)
    before = came_by.filter(id__lt=current.pk).select_related("rollback_version").order_by("-id").first()
    return target, before.rollback_version if before else None


def _promotion_record(**fields: Any) -> Promotion:
    """Writes the promotion down as waiting, wishes for its nodes, and lets it take effect if one is ready."""
    waiting = Promotion.objects.filter(alias=fields["alias"], state=Promotion.State.WAITING)
    waiting.update(state=Promotion.State.FAILED, error="A newer promotion of this alias came first.")
    promotion = Promotion.objects.create(state=Promotion.State.WAITING, **fields)
    _promotion_audit("promotion.rollback" if promotion.is_rollback else "promotion.ask", promotion)
    deployments_want(version=promotion.model_version, replaces=promotion.replaces)
    promotion_settle(promotion)
    return promotion


def _promotion_audit(action: str, promotion: Promotion) -> None:
    audit_write(
        area=Area.PROMOTIONS,
        action=action,
        target=promotion.alias,
        before={"model": promotion.replaces.name if promotion.replaces else None},
        after={"model": promotion.model_version.name, "promotion_id": promotion.pk, "state": promotion.state},
        reason=promotion.reason,
    )


def _alias_lock(alias: str) -> None:
    """Two promotions of one alias wait for each other until the end of the transaction."""
    list(Promotion.objects.select_for_update().filter(alias=alias).order_by("-id")[:1])


def _reason_checked(reason: str) -> str:
    reason = reason.strip()
    if not REASON_CHARS_MIN <= len(reason) <= REASON_CHARS_MAX:
        message = f"Say why, in {REASON_CHARS_MIN} to {REASON_CHARS_MAX} characters: the audit keeps it."
        raise ApplicationError(message, code="reason_required", param="reason")
    return reason


def promotions_settle() -> int:
    """Moves the aliases whose waiting promotion has a ready node; fails those that no node can load. Returns how many
    ended their wait."""
    waiting = Promotion.objects.filter(state=Promotion.State.WAITING).select_related("model_version")
    return sum(promotion_settle(promotion) for promotion in waiting)


@transaction.atomic
def promotion_settle(promotion: Promotion) -> bool:
    """True when the promotion's wait ended here. The conditional UPDATE lets one of many settlers do it."""
    version = promotion.model_version
    if version_is_held(version):
        changes: dict[str, Any] = {"state": Promotion.State.EFFECTIVE, "effective_at": timezone.now()}
    else:
        wishes = Deployment.objects.filter(model_version=version)
        failed = list(wishes.filter(state=Deployment.State.FAILED))
        if len(failed) < wishes.count() or not failed:
            return False
        reasons = "; ".join(f"{wish.node_name}: {wish.reason}" for wish in failed)
        changes = {"state": Promotion.State.FAILED, "error": f"No node could load {version.name}: {reasons}"}
    waiting = Promotion.objects.filter(id=promotion.pk, state=Promotion.State.WAITING)
    if waiting.update(**changes) == 0:
        return False
    for name, value in changes.items():
        setattr(promotion, name, value)
    _promotion_audit(f"promotion.{promotion.state}", promotion)
    transaction.on_commit(snapshot_forget)
    return True
