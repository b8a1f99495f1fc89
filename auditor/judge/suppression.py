"""Suppressions: findings that do not count, by somebody's word and until a day. They stay visible."""

from collections.abc import Iterable, Sequence
from datetime import date
from fnmatch import fnmatchcase

import msgspec

from auditor.judge.outcome import ReportedFinding, Suppression


class SuppressionRule(msgspec.Struct, frozen=True):
    """What is suppressed. ``check`` and ``subject`` are patterns; a subject is ``namespace/name``, a name or an id."""

    check: str
    subject: str
    suppression: Suppression


def suppress(
    findings: Iterable[ReportedFinding], rules: Sequence[SuppressionRule], today: date
) -> tuple[ReportedFinding, ...]:
    """Return the findings, with the first rule that has not expired noted on each that it matches.

    A rule holds through the whole day of its expiry.
    """
    holding = [rule for rule in rules if rule.suppression.expires >= today]
    return tuple(_apply(finding, holding) for finding in findings)


def _apply(finding: ReportedFinding, rules: Sequence[SuppressionRule]) -> ReportedFinding:
    names = [name for name in (finding.subject.path, finding.subject.id) if name]
    for rule in rules:
        if fnmatchcase(finding.check, rule.check) and any(fnmatchcase(name, rule.subject) for name in names):
            return msgspec.structs.replace(finding, suppression=rule.suppression)
    return finding
