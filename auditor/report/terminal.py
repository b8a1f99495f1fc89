"""The summary that is printed after a run. Nothing of it is read as Rich markup or reaches a terminal as control."""

from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text as Line

from auditor.facts.text import Text, t
from auditor.judge.outcome import Outcome, SuppressionStatus
from auditor.report.clean import one_line
from auditor.report.formats import Report
from auditor.report.model import FindingView, GapView, ReportView, SuppressionStateView

LINES = 100
"""Findings that get a line each; the others are counted."""

_OBJECTS = 3
"""Objects that a gap names; the others are counted."""

_WIDEST_LABEL = 24

_STYLES = {
    "critical": "bold white on red",
    "high": "bold red",
    "medium": "bold yellow",
    "low": "bold blue",
    "info": "dim",
}
_VERDICT_STYLES = {"faults": "bold red", "healthy": "bold green", "incomplete": "bold yellow", "nothing": "bold yellow"}


_Row = tuple[Line, Line]


def print_summary(outcome: Outcome, console: Console, language: str, paths: Sequence[Path] = ()) -> None:
    """Print the run in short: the verdict, the counts, a line for each finding, the gaps, and where the reports are.

    On a terminal, lines are folded to its width; elsewhere one finding stays one line, for ``grep``.
    """
    report = Report(outcome, language)
    view = report.view

    def say(text: Text) -> str:
        return one_line(text.render(report.translate))

    _print_rows(console, say(t("ACK audit")), _head(view))
    if view.groups:
        _print_rows(console, say(t("Findings")), _findings(view, say))
    if view.gaps:
        _print_rows(console, say(t("What could not be looked at")), [_gap(gap, say) for gap in view.gaps])
    if view.switched_off:
        _print_rows(console, say(t("Switched off by choice")), [_gap(gap, say) for gap in view.switched_off])
    if noted := [state for state in view.suppressions if state.status.key != SuppressionStatus.ACTIVE]:
        _print_rows(console, say(t("Suppressions")), _suppressions(noted, say))
    if paths:
        _print_rows(console, say(t("Reports")), [(Line(), Line(one_line(str(path)))) for path in paths])


def _print_rows(console: Console, heading: str, rows: Sequence[_Row]) -> None:
    console.print(_encodable(Line(heading, style="bold underline"), console), highlight=False)
    if console.is_terminal:
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(width=min(_WIDEST_LABEL, max(label.cell_len for label, _ in rows)), overflow="fold")
        grid.add_column(overflow="fold")
        for label, body in rows:
            grid.add_row(_encodable(label, console), _encodable(body, console))
        console.print(grid, highlight=False)
    else:
        for label, body in rows:
            line = Line.assemble(label, " ", body) if label else body
            console.print(_encodable(line, console), soft_wrap=True, highlight=False)
    console.print()


def _head(view: ReportView) -> list[_Row]:
    run = view.run
    where = "  ".join(part for part in (run.region, run.cluster_id, run.observed.local) if part)
    return [
        (Line(), Line.assemble((run.cluster, "bold"), "  ", (where, "dim"))),
        (Line(), Line(view.verdict.sentence, style=_VERDICT_STYLES[view.verdict.key])),
        (Line(), _counts(view)),
    ]


def _counts(view: ReportView) -> Line:
    line = Line()
    for count in view.severities:
        style = _STYLES[count.word.key] if count.number else "dim"
        line.append(f" {count.number} {count.word.label} ", style=style).append(" ")
    return line


def _findings(view: ReportView, say: Callable[[Text], str]) -> list[_Row]:
    findings = [finding for group in view.groups for finding in group.findings]
    rows = [_finding(finding) for finding in findings[:LINES]]
    if len(findings) > LINES:
        more = t("And {count} more, in the reports.", count=len(findings) - LINES)
        rows.append((Line(), Line(say(more), style="italic")))
    return rows


def _finding(finding: FindingView) -> _Row:
    body = Line.assemble(
        (finding.subject.label, "bold"),
        ": ",
        finding.message,
        " ",
        (f"({finding.certainty.label}; {finding.check})", "dim"),
    )
    return Line(finding.severity.label, style=_STYLES[finding.severity.key]), body


def _gap(gap: GapView, say: Callable[[Text], str]) -> _Row:
    """Say in one row why, what to grant, and what it touches."""
    cause = ", ".join(gap.missing) or "; ".join(gap.messages.shown)
    touches = [say(t("touches {checks}", checks=[check.id for check in gap.checks]))]
    if gap.subjects.total:
        objects = [subject.label for subject in gap.subjects.shown[:_OBJECTS]]
        more = gap.subjects.total - len(objects)
        text = t("not judged: {objects}", objects=objects)
        if more:
            text = t("not judged: {objects} and {count} more", objects=objects, count=more)
        touches.append(say(text))
    body = Line.assemble(f"{gap.kind.label}: {cause} ", (f"({'; '.join(touches)})", "dim"))
    return Line(gap.source, style="yellow"), body


def _suppressions(states: Sequence[SuppressionStateView], say: Callable[[Text], str]) -> list[_Row]:
    """Say which suppressions somebody has to look at."""
    rows = [_suppression(state) for state in states[:LINES]]
    if len(states) > LINES:
        more = t("And {count} more, in the reports.", count=len(states) - LINES)
        rows.append((Line(), Line(say(more), style="italic")))
    return rows


def _suppression(state: SuppressionStateView) -> _Row:
    said = ", ".join(part for part in (state.expires, state.owner) if part)
    body = Line.assemble((state.check, "bold"), ", " if state.check else "", state.place)
    if said:
        body.append(f" ({said})", style="dim")
    if state.note:
        body.append(f": {state.note}")
    return Line(state.status.label, style="yellow"), body


def _encodable(line: Line, console: Console) -> Line:
    """Write out what the console's encoding lacks, instead of failing on it."""
    plain = line.plain.encode(console.encoding, "backslashreplace").decode(console.encoding)
    if plain == line.plain:
        return line
    return Line(plain, style=line.style)
