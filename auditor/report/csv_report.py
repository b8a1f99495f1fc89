"""The CSV format: for a spreadsheet. One row for each finding, and one for each cause of a gap.

The names of columns and states are fixed, so that a sheet's filters work in any language. A cell that a
spreadsheet would take for a formula gets a leading apostrophe. The file starts with a byte order mark, without
which Excel reads Chinese as Latin-1.
"""

import csv
import io
from collections.abc import Iterator

from auditor.report.formats import Report
from auditor.report.model import FindingView, GapView, ReportView

COLUMNS = (
    "row",  # finding, suppressed, resolved, not_evaluated or switched_off
    "cluster",
    "region",
    "observed_at",
    "severity",
    "certainty",
    "lifecycle",
    "check",
    "layer",
    "kind",
    "object",
    "id",
    "message",
    "evidence",
    "remedy",
    "affected",
    "first_seen",
    "fingerprint",
    "reason",
    "source",
    "missing",
)

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def render(report: Report) -> bytes:
    """Return the report as CSV in UTF-8."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for row in _rows(report.view):
        writer.writerow([guard(row.get(column, "")) for column in COLUMNS])
    return buffer.getvalue().encode("utf-8-sig")


def guard(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula, not even after it has dropped leading blanks."""
    return f"'{cell}" if cell.startswith(_FORMULA) or cell.lstrip().startswith(_FORMULA) else cell


def _rows(view: ReportView) -> Iterator[dict[str, str]]:
    run = {"cluster": view.run.cluster, "region": view.run.region, "observed_at": view.run.observed.utc}
    for group in view.groups:
        yield from (run | _finding(finding, "finding") for finding in group.findings)
    yield from (run | _finding(finding, "suppressed") for finding in view.suppressed)
    yield from (run | _finding(finding, "resolved") for finding in view.resolved)
    yield from (run | row for gap in view.gaps for row in _gap(gap, "not_evaluated"))
    yield from (run | row for gap in view.switched_off for row in _gap(gap, "switched_off"))


def _finding(finding: FindingView, row: str) -> dict[str, str]:
    affected = [member.label for member in finding.affected.shown + finding.affected.folded]
    if finding.affected.more:
        affected.append(f"+{finding.affected.more}")
    return {
        "row": row,
        "severity": finding.severity.key,
        "certainty": finding.certainty.key,
        "lifecycle": finding.lifecycle.key,
        "check": finding.check,
        "layer": finding.subject.layer.key,
        "kind": finding.subject.kind,
        "object": finding.subject.path,
        "id": finding.subject.id,
        "message": finding.message,
        "evidence": "\n".join(f"{item.name}: {', '.join(item.lines.shown)}" for item in finding.evidence),
        "remedy": "\n".join(f"{step.text} $ {step.command}" if step.command else step.text for step in finding.remedy),
        "affected": "\n".join(affected),
        "first_seen": finding.first_seen.utc if finding.first_seen else "",
        "fingerprint": finding.fingerprint,
        "reason": finding.suppression.reason if finding.suppression else "",
    }


def _gap(gap: GapView, row: str) -> Iterator[dict[str, str]]:
    """Make a row for each check that the gap touches: a filter on the check then finds it."""
    subjects = [subject.label for subject in gap.subjects.shown + gap.subjects.folded]
    if gap.subjects.more:
        subjects.append(f"+{gap.subjects.more}")
    for check in gap.checks:
        yield {
            "row": row,
            "check": check.id,
            "message": "\n".join(gap.messages.shown + gap.messages.folded),
            "affected": "\n".join(subjects),
            "reason": gap.kind.key,
            "source": gap.source,
            "missing": " ".join(gap.missing),
        }
