"""What a mixture holds, source by source: rows, tokens, licences, and what was left out for which reason.

Tokens are counted by the tokenizer that will read them. Not here: the list of what was left out (build.py writes it).
"""

from pydantic import BaseModel, ConfigDict

from gpu_node.data.mixing.mixture import Mixture


class SourceReport(BaseModel):
    """Every row that was read is kept or counted under its reason; one more may have been drawn where rows were cut."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    layouts: list[str]
    licences: list[str]
    num_read: int
    num_kept: int
    num_tokens: int
    num_refused: int
    num_duplicates: int
    num_near_duplicates: int
    num_contaminated: int
    first_refused: str = ""


class MixtureReport(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: list[SourceReport]
    num_rows: int
    num_tokens: int
    licences: list[str]


class ReportMaker:
    """Counts the rows that are taken from a mixture."""

    def __init__(self, mixture: Mixture) -> None:
        self._mixture = mixture
        self._rows = dict.fromkeys(mixture.tallies, 0)
        self._tokens = dict.fromkeys(mixture.tallies, 0)

    def take(self, source: str, num_tokens: int) -> None:
        self._rows[source] += 1
        self._tokens[source] += num_tokens

    def report(self) -> MixtureReport:
        sources = [self._source(name) for name in self._mixture.tallies]
        return MixtureReport(
            sources=sources,
            num_rows=sum(source.num_kept for source in sources),
            num_tokens=sum(source.num_tokens for source in sources),
            licences=sorted({licence for source in sources for licence in source.licences}),
        )

    def _source(self, name: str) -> SourceReport:
        tally = self._mixture.tallies[name]
        reader = tally.reader
        first = reader.refused[0] if reader.refused else None
        return SourceReport(
            source=name,
            layouts=sorted(reader.layouts),
            licences=sorted(set(reader.layouts.values())),
            num_read=reader.num_read,
            num_kept=self._rows[name],
            num_tokens=self._tokens[name],
            num_refused=reader.num_refused,
            num_duplicates=tally.removed.get("duplicate", 0),
            num_near_duplicates=tally.removed.get("near_duplicate", 0),
            num_contaminated=tally.removed.get("contaminated", 0),
            first_refused=f"{first.place}: {first.reason}" if first else "",
        )


_HEADS = ("source", "layout", "licence", "read", "kept", "tokens", "refused", "duplicates", "near", "contaminated")


def report_table(report: MixtureReport) -> str:
    """For people: a Markdown table, a line a source, and the sums."""
    lines: list[tuple[str, ...]] = [_HEADS, ("---",) * 3 + ("---:",) * 7]
    for one in report.sources:
        counts = (one.num_read, one.num_kept, one.num_tokens, one.num_refused, one.num_duplicates)
        more = (one.num_near_duplicates, one.num_contaminated)
        words = (one.source, ", ".join(one.layouts), ", ".join(one.licences))
        lines.append((*words, *(f"{count:,}" for count in counts + more)))
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{table}\n\n{report.num_rows:,} rows, {report.num_tokens:,} tokens; licences: {', '.join(report.licences)}"
