"""What differs between two runs of a cluster. What only one of them looked at is not said to have come or gone."""

from dataclasses import dataclass

from auditor.judge.outcome import CheckResult, Outcome, ReportedFinding
from auditor.judge.verdicts import Severity
from auditor.ledger.lives import switched_off, was_looked_at


@dataclass(frozen=True)
class Difference:
    """What an earlier and a later run differ in.

    Attributes:
        new: findings of the later run only; the earlier one had looked, and there was nothing.
        newly_evaluated: findings of the later run only, where the earlier one had not looked.
        resolved: findings of the earlier run only; the later one looked, and they were gone.
        unevaluated: findings of the earlier run only, where the later one did not look.
        changed: findings of both with another severity, as the later one has them, with the earlier severity.
        same: findings of both that are as they were.
    """

    new: tuple[ReportedFinding, ...]
    newly_evaluated: tuple[ReportedFinding, ...]
    resolved: tuple[ReportedFinding, ...]
    unevaluated: tuple[ReportedFinding, ...]
    changed: tuple[tuple[ReportedFinding, Severity], ...]
    same: tuple[ReportedFinding, ...]


def compare(earlier: Outcome, later: Outcome) -> Difference:
    """Compare two runs of one cluster, suppressed findings included."""
    before = {finding.fingerprint: finding for finding in reversed(earlier.findings)}
    after = {finding.fingerprint: finding for finding in reversed(later.findings)}
    came = [finding for key, finding in after.items() if key not in before][::-1]
    went = [finding for key, finding in before.items() if key not in after][::-1]
    stayed = [(finding, before[key].severity) for key, finding in after.items() if key in before][::-1]
    return Difference(
        new=tuple(finding for finding in came if _looked(earlier, finding, later)),
        newly_evaluated=tuple(finding for finding in came if not _looked(earlier, finding, later)),
        resolved=tuple(finding for finding in went if _looked(later, finding, earlier)),
        unevaluated=tuple(finding for finding in went if not _looked(later, finding, earlier)),
        changed=tuple((finding, severity) for finding, severity in stayed if finding.severity is not severity),
        same=tuple(finding for finding, severity in stayed if finding.severity is severity),
    )


def _looked(run: Outcome, finding: ReportedFinding, seen_by: Outcome) -> bool:
    """Tell whether a run looked where another one found something."""
    result = _result(run, finding.check)
    seen = _result(seen_by, finding.check)
    return result is not None and was_looked_at(finding, switched_off(seen) if seen else (), result)


def _result(outcome: Outcome, check_id: str) -> CheckResult | None:
    return next((result for result in outcome.checks if result.id == check_id), None)
