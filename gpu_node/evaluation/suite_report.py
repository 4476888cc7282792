"""The figures of a suite's answers, as the JSON that the registry keeps and as a Markdown table.

The JSON has the shape of the families' report (report.py), so that two versions are compared suite by suite and answer
by answer with the same page; what a suite knows beyond it stands in further fields. The column `with_tools` is the
answer as it was asked for, in the report's `mode`: with one sample the run's own, with several the first sample's.
Not here: asking and grading.
"""

from collections.abc import Callable, Sequence
from typing import Any

from gpu_node.evaluation.benchmarks import TEXT_TOLD_MAX
from gpu_node.evaluation.metrics import area_under_curve, best_place, majority_place, pass_at_k
from gpu_node.evaluation.modes import Mode
from gpu_node.evaluation.report import share_json
from gpu_node.evaluation.suite_run import Answered, Sample
from gpu_node.protocol.intervals import Share, wilson_interval

NONE = Share(0, 0)


def suites_json(
    answered: Sequence[Answered],
    *,
    mode: Mode,
    model: str,
    command: str,
    seconds: float,
    num_samples: int = 1,
    weights_sha256: str | None = None,
    data_file: str | None = None,
) -> dict[str, Any]:
    """The report of all suites that were asked in one mode. `data_file`: the uploaded file that one of them read."""
    names = list(dict.fromkeys(one.question.suite for one in answered))
    suites = [suite_json([one for one in answered if one.question.suite == name], mode) for name in names]
    total = share(answered, lambda sample: sample.marks.is_right)
    scored = _scored(answered)
    return {
        "free_questions": None,
        "model": model,
        "weights_sha256": weights_sha256,
        "command": command,
        "seconds": round(seconds, 1),
        "mode": mode.name,
        "num_samples": num_samples,
        "data_file": data_file,
        "is_verified": mode.verify,
        "critic_auc": area_under_curve(scored),
        "critic_samples": {"right": sum(is_right for _, is_right in scored), "n": len(scored)},
        "total": _columns(total, mode),
        "families": suites,
        "problems": [problem_json(one) for one in answered],
    }


def suite_json(answered: Sequence[Answered], mode: Mode) -> dict[str, Any]:
    """One suite's row."""
    first = [one.samples[0] for one in answered]
    samples = [sample for one in answered for sample in one.samples]
    right = share(answered, lambda sample: sample.marks.is_right)
    low, high = right.interval
    calls = sum(sample.asked.num_calls for sample in samples)
    failed = sum(sample.asked.num_failed_calls for sample in samples)
    tokens = sum(sample.num_tokens for sample in samples)
    num_right = sum(sample.marks.is_right for sample in samples)
    return {
        "family": answered[0].question.suite,
        "n": right.n,
        "with_tools": round(right.value, 4),
        "without_tools": round(right.value, 4) if not mode.tools else 0.0,
        "verified": round(right.value, 4) if mode.verify else 0.0,
        "unseen_wording": 0.0,
        "interval_low": round(low, 4),
        "interval_high": round(high, 4),
        "details": _columns(right, mode),
        "strict": share_json(share(answered, lambda sample: sample.marks.strict)),
        "flexible": share_json(share(answered, lambda sample: sample.marks.flexible)),
        "symbolic": share_json(share(answered, lambda sample: sample.marks.symbolic)),
        "of_samples": samples_json(answered),
        "critic_auc": area_under_curve(_scored(answered)),
        "num_problems_not_answered": sum(bool(sample.asked.problem) for sample in first),
        "tool_use": share_json(Share(sum(_is_calling(sample) for sample in samples), len(samples))),
        "tool_validity": share_json(Share(calls - failed, calls)),
        "num_calls": calls,
        "num_failed_calls": failed,
        "completion_tokens": sum(sample.asked.usage.completion_tokens for sample in samples),
        "tokens_per_problem": round(tokens / len(answered), 1),
        "tokens_per_solved": round(tokens / num_right, 1) if num_right else None,
        "wrong": [],
    }


def share(answered: Sequence[Answered], of: Callable[[Sample], bool]) -> Share:
    """Of the first samples."""
    return Share(sum(of(one.samples[0]) for one in answered), len(answered))


def samples_json(answered: Sequence[Answered]) -> dict[str, Any]:
    """pass@k, maj@k and verifier@k for k = 1, 2, 4, … up to the samples that each problem has; each is a mean over
    problems. verifier@k is None where the critic scored none."""
    num_samples = min(len(one.samples) for one in answered)
    figures: dict[str, Any] = {}
    for k in [2**power for power in range(num_samples.bit_length()) if 2**power <= num_samples]:
        passed = [
            pass_at_k(len(one.samples), sum(sample.marks.is_right for sample in one.samples), k) for one in answered
        ]
        figures[f"pass@{k}"] = _mean_json(passed)
        figures[f"maj@{k}"] = _mean_json([_is_right_at(one, _majority(one, k)) for one in answered])
        has_scores = any(sample.asked.score is not None for one in answered for sample in one.samples)
        chosen = [_is_right_at(one, _best(one, k)) for one in answered]
        figures[f"verifier@{k}"] = _mean_json(chosen) if has_scores else None
    return figures


def _majority(one: Answered, k: int) -> int | None:
    return majority_place([sample.canonical for sample in one.samples[:k]])


def _best(one: Answered, k: int) -> int | None:
    return best_place([sample.asked.score for sample in one.samples[:k]])


def _is_right_at(one: Answered, place: int | None) -> float:
    """Nothing to choose among is not right, but for a question whose right answer is to do nothing."""
    return float(one.samples[0 if place is None else place].marks.is_right)


def _mean_json(values: Sequence[float]) -> dict[str, Any]:
    mean = sum(values) / len(values)
    low, high = wilson_interval(min(1.0, mean), len(values))
    fields = {"share": mean, "interval_low": low, "interval_high": high}
    return {"n": len(values)} | {name: round(value, 4) for name, value in fields.items()}


def _scored(answered: Sequence[Answered]) -> list[tuple[float, bool]]:
    """The critic's score of each answer that was given, and whether it was right."""
    samples = [sample for one in answered for sample in one.samples]
    return [(sample.asked.score, sample.marks.is_right) for sample in samples if sample.asked.score is not None]


def _is_calling(sample: Sample) -> bool:
    return sample.asked.num_calls > 0 or bool(sample.asked.client_tool_calls)


def _columns(right: Share, mode: Mode) -> dict[str, Any]:
    """The families' columns; what this mode did not measure has no problems."""
    return {
        "with_tools": share_json(right),
        "verified": share_json(right if mode.verify else NONE),
        "held_out": share_json(NONE),
        "held_out_verified": share_json(NONE),
        "without_tools": share_json(NONE if mode.tools else right),
    }


def problem_json(one: Answered) -> dict[str, Any]:
    """A line a problem: what was asked, known and given, how it was judged, what it took, and its run's events."""
    first = one.samples[0]
    return {
        "family": one.question.suite,
        "mode": "own",  # of wording, as the families' problems have it: answers in two modes stand side by side
        "seed": one.question.seed,
        "item": one.question.item,
        "part": one.question.part,
        "question": one.question.text[:TEXT_TOLD_MAX],
        "known": one.question.grader.known[:TEXT_TOLD_MAX],
        "given": (first.asked.problem or first.given)[:TEXT_TOLD_MAX],
        "is_right": first.marks.is_right,
        "is_right_strict": first.marks.strict,
        "is_right_flexible": first.marks.flexible,
        "problem": first.asked.problem,
        "num_tokens": first.num_tokens,
        "num_calls": first.asked.num_calls,
        "num_failed_calls": first.asked.num_failed_calls,
        "score": first.asked.score,
        "samples": [
            {"given": s.given[:TEXT_TOLD_MAX], "is_right": s.marks.is_right, "score": s.asked.score}
            for s in one.samples[1:]
        ],
        "trace": first.asked.trace,
    }


def suites_markdown(result: dict[str, Any]) -> str:
    """A table for people: accuracy as judged, the three marks, what the tools and the tokens did."""
    lines = [
        f"Reproduce: `{result['command']}`",
        "",
        f"Mode {result['mode']}, {result['num_samples']} sample(s) a problem; shares in % with 95 % Wilson interval.",
        "",
        "| suite | n | right | strict | flexible | tool use | calls valid | tokens a problem | tokens a solved one |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for suite in result["families"]:
        cells = [share_cell(suite[name]) for name in ("symbolic", "strict", "flexible", "tool_use", "tool_validity")]
        solved = suite["tokens_per_solved"]
        cells += [f"{suite['tokens_per_problem']:.0f}", "-" if solved is None else f"{solved:.0f}"]
        lines.append(f"| {suite['family']} | {suite['n']} | " + " | ".join(cells) + " |")
    lines += _samples_lines(result["families"]) if result["num_samples"] > 1 else []
    refused = {suite["family"]: suite["num_problems_not_answered"] for suite in result["families"]}
    told = ", ".join(f"{name} {num}" for name, num in refused.items() if num)
    lines += ["", f"Questions that no run could be made of (they count as wrong): {told}."] if told else []
    return "\n".join(lines) + "\n"


def _samples_lines(suites: Sequence[dict[str, Any]]) -> list[str]:
    names = [name for name in suites[0]["of_samples"] if any(suite["of_samples"][name] for suite in suites)]
    lines = ["", "| suite | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for suite in suites:
        cells = [share_cell(suite["of_samples"][name]) for name in names]
        lines.append(f"| {suite['family']} | " + " | ".join(cells) + " |")
    return lines


def share_cell(figure: dict[str, Any] | None) -> str:
    if figure is None or not figure["n"]:
        return "-"
    return f"{figure['share'] * 100:.0f} ({figure['interval_low'] * 100:.0f}-{figure['interval_high'] * 100:.0f})"
