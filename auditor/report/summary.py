"""The figures of a run, counted once for all formats."""

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import Lifecycle, Outcome, Status
from auditor.judge.verdicts import Severity


def count_severities(outcome: Outcome) -> dict[Severity, int]:
    """Count the findings by severity. Suppressed ones do not count."""
    counts = dict.fromkeys(Severity, 0)
    for finding in outcome.counting:
        counts[finding.severity] += 1
    return counts


def count_statuses(outcome: Outcome) -> dict[Status, int]:
    """Count the checks by status, in the order in which a reader asks."""
    counts = dict.fromkeys((Status.PASSED, Status.FOUND, Status.NOT_EVALUATED, Status.NOT_APPLICABLE), 0)
    for check in outcome.checks:
        counts[check.status] += 1
    return counts


def count_lifecycles(outcome: Outcome) -> dict[str, int]:
    """Count the findings by life: new, open and reopened ones that count, resolved ones, suppressed ones."""
    counts = dict.fromkeys([stage.value for stage in Lifecycle], 0)
    for finding in outcome.counting:
        counts[finding.lifecycle] += 1
    counts["resolved"] = len(outcome.resolved)
    counts["suppressed"] = len(outcome.findings) - len(outcome.counting)
    return counts


def count_checks_with_gaps(outcome: Outcome) -> int:
    """Count the checks that could not look at something, but for what the operator switched off."""
    return sum(any(r.kind is not ReasonKind.SWITCHED_OFF for r in check.reasons) for check in outcome.checks)
