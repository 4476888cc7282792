"""EvalReports: added as a node measured them, compared family by family.

The figures are read once, when a report is added; the node's JSON is kept beside them. Two reports are of the same
problems when families (or suites with their file, mode and samples), seeds, numbers and wordings are the same
(`problems_sha256`): only those are compared.
Not here: measuring (gpu_node.evaluation), single answers (samples.py), what a report allows (promotions.py).
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

from django.db.models import QuerySet

from backend.core.errors import ApplicationError, NotFound
from backend.model_registry.models import EvalReport, ModelVersion
from gpu_node.protocol.intervals import Share, difference_interval
from gpu_node.protocol.job_spec import HELD_OUT_SEED_FIRST, EvalSpec

Column = Literal["with_tools", "held_out", "verified", "held_out_verified", "without_tools"]
COLUMNS: tuple[Column, ...] = ("with_tools", "held_out", "verified", "held_out_verified", "without_tools")


class InvalidReport(ApplicationError):
    code = "invalid_report"


def report_add(
    *,
    version: ModelVersion,
    result: dict[str, Any],
    spec: EvalSpec | None = None,
    baseline: ModelVersion | None = None,
    job_id: str = "",
) -> EvalReport:
    """Keeps a node's report of the version; the same one again changes nothing. `spec` is what was asked of the node;
    None: the command's own defaults.

    Raises:
        InvalidReport: a field is missing or of another shape.
    """
    text = json.dumps(result, sort_keys=True, separators=(",", ":"))
    report, _ = EvalReport.objects.update_or_create(
        model_version=version,
        result_sha256=hashlib.sha256(text.encode()).hexdigest(),
        defaults={"result": result, "baseline": baseline, "job_id": job_id, **_figures(result, spec)},
    )
    return report


def _figures(result: dict[str, Any], spec: EvalSpec | None) -> dict[str, Any]:
    try:
        total = share_of(result["total"]["with_tools"])
        families = sorted(str(row["family"]) for row in result["families"])
        num_problems = max((int(row["n"]) for row in result["families"]), default=0)
        is_held_out_wording = share_of(result["total"]["held_out"]).n > 0
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidReport(f"The evaluation report lacks a field or has another shape: {error!r}.") from error
    if total.n == 0:
        raise InvalidReport("The evaluation report counts no problem with tools: nothing can be judged by it.")
    low, high = total.interval
    asked = {
        "families": families,
        "num_problems": spec.num_problems if spec else num_problems,
        "seed_start": spec.seed_start if spec else HELD_OUT_SEED_FIRST,
        "is_held_out_wording": is_held_out_wording,
    }
    identity = json.dumps(asked | suites_asked(result), sort_keys=True)
    return {
        **asked,
        "problems_sha256": hashlib.sha256(identity.encode()).hexdigest(),
        "verifier": (spec.verifier or "") if spec else "",
        "n": total.n,
        "right": total.right,
        "share": total.value,
        "interval_low": low,
        "interval_high": high,
    }


def suites_asked(result: dict[str, Any]) -> dict[str, Any]:
    """What else makes two reports of suites comparable. Nothing for the families' reports, so that those from before
    there were suites stay comparable."""
    if "mode" not in result:
        return {}
    return {name: result.get(name) for name in ("mode", "num_samples", "data_file")}


def share_of(fields: dict[str, Any]) -> Share:
    """The report's `{"right", "n"}`. Raises KeyError, TypeError, ValueError."""
    return Share(int(fields["right"]), int(fields["n"]))


def reports_newest() -> QuerySet[EvalReport]:
    read = EvalReport.objects.filter(n__gt=0)  # not those from before the figures were read
    return read.select_related("model_version", "baseline").defer("result").order_by("-id")


def report_get(report_id: int) -> EvalReport:
    report = EvalReport.objects.select_related("model_version", "baseline").filter(id=report_id).first()
    if report is None:
        raise NotFound(f"There is no evaluation report {report_id}.", code="report_not_found")
    return report


def reports_on_same_problems(
    *, candidate: ModelVersion, serving: ModelVersion
) -> tuple[EvalReport | None, EvalReport | None]:
    """The newest pair that answered the same problems; else the candidate's newest and None."""
    theirs = {report.problems_sha256: report for report in reversed(reports_newest().filter(model_version=serving))}
    own = list(reports_newest().filter(model_version=candidate))
    for report in own:
        if report.problems_sha256 in theirs:
            return report, theirs[report.problems_sha256]
    return (own[0] if own else None), None


# --- Comparing


@dataclass(frozen=True, kw_only=True)
class Compared:
    """b beside a: the difference is b's share less a's, with its 95 % interval."""

    name: str
    a: Share
    b: Share

    @property
    def difference(self) -> float:
        return self.b.value - self.a.value

    @property
    def difference_interval(self) -> tuple[float, float]:
        return difference_interval(self.a, self.b)

    @property
    def difference_low(self) -> float:
        return self.difference_interval[0]

    @property
    def difference_high(self) -> float:
        return self.difference_interval[1]

    @property
    def verdict(self) -> Literal["better", "worse", "same", "unmeasured"]:
        """ "better" and "worse" only where the interval leaves no other sign."""
        if not self.a.n or not self.b.n:
            return "unmeasured"
        low, high = self.difference_interval
        return "worse" if high < 0 else "better" if low > 0 else "same"


def column_compare(a: EvalReport, b: EvalReport, column: Column) -> Compared:
    shares = [share_of(report.result["total"].get(column, {"right": 0, "n": 0})) for report in (a, b)]
    return Compared(name=column, a=shares[0], b=shares[1])


def families_compare(a: EvalReport, b: EvalReport, column: Column = "with_tools") -> list[Compared]:
    ours, theirs = _family_shares(a, column), _family_shares(b, column)
    none = Share(0, 0)
    names = sorted(ours.keys() | theirs.keys())
    return [Compared(name=name, a=ours.get(name, none), b=theirs.get(name, none)) for name in names]


def _family_shares(report: EvalReport, column: Column) -> dict[str, Share]:
    return {str(row["family"]): share_of(row["details"][column]) for row in report.result["families"]}
