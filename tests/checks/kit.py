"""Helpers for the tests of checks: small landscapes, and running one check over them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from auditor.facts.catalogue import TABLES
from auditor.facts.landscape import ClusterIdentity, Landscape
from auditor.facts.table import Gap, Reason, ReasonKind, Table
from auditor.facts.text import t
from auditor.judge.check import LoadedCheck
from auditor.judge.engine import judge, needed_tables
from auditor.judge.outcome import CheckResult, ReportedFinding, Status
from auditor.judge.registry import load_checks

CLUSTER_ID = "c1cef2604bddf0081a2bc425e1415ce18"
OBSERVED_AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@cache
def check(check_id: str) -> LoadedCheck:
    """Return the check of this id."""
    return next(loaded for loaded in load_checks() if loaded.id == check_id)


def landscape(**tables: Iterable[Any] | Table[Any]) -> Landscape:
    """Make a landscape of these rows, by table. Every other table is known, and empty."""
    unknown = set(tables) - set(TABLES)
    assert not unknown, f"no such tables: {unknown}"
    made = {name: rows if isinstance(rows := tables.get(name, ()), Table) else Table(name, rows) for name in TABLES}
    return Landscape(ClusterIdentity("test", CLUSTER_ID, "cn-hangzhou"), OBSERVED_AT, made)


def denied(action: str, source: str = "test") -> Reason:
    """Make the reason that an API call was denied."""
    return Reason(source, ReasonKind.FORBIDDEN, t("{action} was denied", action=action), (action,))


def without(base: Landscape, table: str, action: str = "test:Action") -> Landscape:
    """Return the landscape with one table taken away."""
    tables = {**base.tables, table: Table.unavailable(table, denied(action))}
    return Landscape(base.cluster, base.observed_at, tables)


def without_rows(base: Landscape, table: str, *keys: str, action: str = "test:Action") -> Landscape:
    """Return the landscape with some rows of one table not known."""
    rows = [row for row in base.table(table).all() if row.key not in keys]
    gap = Gap(denied(action), frozenset(keys))
    return Landscape(base.cluster, base.observed_at, {**base.tables, table: Table(table, rows, gaps=[gap])})


def run(check_id: str, base: Landscape) -> tuple[CheckResult, tuple[ReportedFinding, ...]]:
    """Run one check."""
    results, findings = judge(base, [check(check_id)])
    return results[0], findings


def finds(check_id: str, base: Landscape, *subjects: str) -> tuple[ReportedFinding, ...]:
    """Assert that the check finds something on exactly these subjects (``namespace/name`` or name)."""
    result, findings = run(check_id, base)
    assert sorted({finding.subject.path for finding in findings}) == sorted(subjects), result.reasons
    assert result.status is Status.FOUND
    assert not result.reasons, result.reasons
    return findings


def stays_quiet(check_id: str, base: Landscape, status: Status = Status.PASSED) -> None:
    """Assert that the check looked at something and found nothing (or, as told, that it does not apply)."""
    result, findings = run(check_id, base)
    assert not findings, [str(finding.message) for finding in findings]
    assert not result.reasons, [str(reason.message) for reason in result.reasons]
    assert result.status is status


def is_not_evaluated(check_id: str, base: Landscape, missing: str = "test:Action") -> CheckResult:
    """Assert that the check says *not evaluated*, found nothing and names the missing permission."""
    result, findings = run(check_id, base)
    assert not findings, [str(finding.message) for finding in findings]
    assert result.status is Status.NOT_EVALUATED
    assert any(missing in reason.missing for reason in result.reasons), result.reasons
    return result


def tables_needed(check_id: str) -> set[str]:
    """Return the tables that a check asks for, to take them away in turn."""
    return needed_tables([check(check_id)])
