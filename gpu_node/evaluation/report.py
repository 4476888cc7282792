"""An evaluation as JSON (the model card's table) and as Markdown (the card a person reads)."""

from typing import Any

from gpu_node.evaluation.benchmarks import FamilyReport, FreeReport, Report
from gpu_node.evaluation.intervals import Share

WEAK_BELOW = 0.60  # a family under this share is named in the card
_COLUMNS = ("with_tools", "verified", "held_out", "held_out_verified", "without_tools")


def report_json(
    report: Report,
    *,
    model: str,
    command: str,
    seconds: float,
    weights_sha256: str | None = None,
    free: FreeReport | None = None,
) -> dict[str, Any]:
    asked = {"share": share_json(free.share), "answers": free.answers} if free is not None else None
    return {
        "free_questions": asked,
        "model": model,
        "weights_sha256": weights_sha256,
        "command": command,
        "seconds": round(seconds, 1),
        "is_verified": report.is_verified,
        "critic_auc": report.critic_auc,
        "critic_samples": {"right": report.critic_samples.right, "n": report.critic_samples.n},
        "total": {column: share_json(report.total(column)) for column in _COLUMNS},
        "families": [_family(family) for family in report.families],
    }


def share_json(share: Share) -> dict[str, Any]:
    low, high = share.interval
    return {
        "right": share.right,
        "n": share.n,
        "share": round(share.value, 4),
        "interval_low": round(low, 4),
        "interval_high": round(high, 4),
    }


def _family(report: FamilyReport) -> dict[str, Any]:
    """The flat fields are what the Models page shows; the nested ones say how sure each is."""
    low, high = report.with_tools.interval
    return {
        "family": report.family,
        "n": report.with_tools.n,
        "with_tools": round(report.with_tools.value, 4),
        "without_tools": round(report.without_tools.value, 4),
        "verified": round(report.verified.value, 4),
        "unseen_wording": round(report.held_out.value, 4),
        "interval_low": round(low, 4),
        "interval_high": round(high, 4),
        "details": {column: share_json(getattr(report, column)) for column in _COLUMNS},
        "num_calls": report.num_calls,
        "num_failed_calls": report.num_failed_calls,
        "completion_tokens": report.completion_tokens,
        "wrong": report.wrong,
    }


def report_markdown(report: Report, *, command: str, free: FreeReport | None = None) -> str:
    lines = [
        f"Reproduce: `{command}`",
        "",
        "Share of right answers in %, with 95 % Wilson interval and n; problems from seeds that training never saw.",
        "",
        "| family | with tools | with tools + verifier | unseen wording | unseen wording + verifier | without tools |",
        "|---|---|---|---|---|---|",
    ]
    for family in report.families:
        lines.append(f"| {family.family} | " + " | ".join(_cell(getattr(family, c)) for c in _COLUMNS) + " |")
    lines.append("| **all** | " + " | ".join(_cell(report.total(c)) for c in _COLUMNS) + " |")
    weak = [f.family for f in report.families if f.with_tools.n and f.with_tools.value < WEAK_BELOW]
    unsure = [
        f.family for f in report.families if f.held_out.n and f.held_out.value < WEAK_BELOW and f.family not in weak
    ]
    lines += ["", f"Under {WEAK_BELOW:.0%} with tools: {', '.join(weak) or 'none'}."]
    lines += [f"Under {WEAK_BELOW:.0%} on unseen wording only: {', '.join(unsure) or 'none'}."]
    if report.critic_auc is not None:
        samples = report.critic_samples
        lines += [
            "",
            f"Critic: AUC {report.critic_auc:.3f} on {samples.n} samples of the policy "
            f"at temperature 1 ({samples.right} right) from held-out seeds.",
        ]
    if free is not None:
        lines += ["", f"Free-hand questions of covered kinds, in words of no template: {_cell(free.share)}."]
        lines += [f"- {a['question']!r}: {a['given']!r}, not {a['known']!r}" for a in free.answers if not a["is_right"]]
    return "\n".join(lines) + "\n"


def _cell(share: Share) -> str:
    if not share.n:
        return "–"  # noqa: RUF001 - not measured
    low, high = share.interval
    return f"{share.value * 100:.0f} ({low * 100:.0f}-{high * 100:.0f}, n={share.n})"
