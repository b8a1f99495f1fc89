"""Runs checks over a landscape: gaps become *not evaluated* per subject, and one broken check stops nothing."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from auditor.facts.cycles import search_held_off
from auditor.facts.landscape import ClusterIdentity, Landscape
from auditor.facts.ref import Ref
from auditor.facts.table import NotKnown, Reason, ReasonKind, Table
from auditor.facts.text import Text, Value, t
from auditor.judge.check import LoadedCheck
from auditor.judge.context import Context, tables_of
from auditor.judge.fingerprint import fingerprint
from auditor.judge.outcome import CheckResult, ReportedFinding, Status, UnseenSubject
from auditor.judge.verdicts import Finding, Hop, NotApplicable, NotEvaluated, Passed, Severity


@dataclass
class _Joined:
    """One fault on one subject, as far as it has been told: the worst telling, and all that it affects."""

    finding: Finding
    affected: dict[Ref, None]

    @classmethod
    def of(cls, finding: Finding) -> "_Joined":
        return cls(finding, dict.fromkeys(finding.affected))

    def add(self, new: Finding) -> None:
        """Take another telling of the same fault: keep the worst severity and the surest certainty."""
        self.affected.update(dict.fromkeys(new.affected))
        base, other = self.finding, new
        if _severity_rank(new) < _severity_rank(base):
            base, other = new, base
        certainty = min(base.certainty, other.certainty, key=lambda certainty: certainty.rank)
        if base is not self.finding or certainty is not base.certainty or other.evidence.keys() - base.evidence.keys():
            evidence = {**other.evidence, **base.evidence}
            self.finding = msgspec.structs.replace(base, certainty=certainty, evidence=evidence)


@dataclass
class _Tally:
    """What one check has said so far."""

    evaluated: int = 0
    findings: dict[tuple[Ref, str], _Joined] = field(default_factory=dict)
    reasons: list[Reason] = field(default_factory=list)
    unseen: list[UnseenSubject] = field(default_factory=list)
    general: list[Reason] = field(default_factory=list)


def needed_tables(checks: Iterable[LoadedCheck]) -> set[str]:
    """Return the tables that these checks ask for: no other needs to be collected."""
    return set().union(*(tables_of(check) for check in checks))


def judge(
    landscape: Landscape,
    checks: Sequence[LoadedCheck],
    on_check: Callable[[LoadedCheck], None] = lambda _check: None,
) -> tuple[tuple[CheckResult, ...], tuple[ReportedFinding, ...]]:
    """Run the checks and return their results and findings, the findings ordered by severity, check and subject.

    ``on_check`` is called before each check, for a progress bar.
    """
    context = Context(landscape)
    results, findings = [], []
    with search_held_off():
        for check in checks:
            on_check(check)
            tally = _run(check, context)
            found = [_report(joined, check, landscape) for joined in tally.findings.values()]
            findings += found
            results.append(_result(check, tally, len(found)))
    findings.sort(key=lambda f: (f.severity.rank, f.certainty.rank, f.check, f.subject.path, f.fingerprint))
    return tuple(results), tuple(findings)


def _run(check: LoadedCheck, context: Context) -> _Tally:
    tally = _Tally()
    try:
        subject_facts = context.facts(check.subject_facts)
        tally.general += _gaps(subject_facts.values())
        subjects = check.subjects(**subject_facts)
        judge_facts = context.facts(check.judge_facts)
        for subject in subjects:
            _judge_subject(check, subject, judge_facts, tally)
    except NotKnown as gap:
        tally.general += gap.reasons
    except Exception as error:  # noqa: BLE001 - one broken check is itself reported and stops no other
        tally.general.append(_broken(check, error))
    return tally


def _judge_subject(check: LoadedCheck, subject: Any, facts: dict[str, Any], tally: _Tally) -> None:
    reasons: list[Reason] = []
    evaluated = False
    try:
        said = check.judge(subject, **facts)
        for verdict in said if not _is_verdict(said) else (said,):
            match verdict:
                case Finding():
                    evaluated = True
                    _join(tally.findings, _with_severity(verdict, check))
                case Passed():
                    evaluated = True
                case NotEvaluated():
                    reasons += verdict.reasons
                case NotApplicable():
                    pass
                case _:
                    raise TypeError(f"a check says verdicts, not {type(verdict).__name__}")
    except NotKnown as gap:
        reasons += gap.reasons
    except Exception as error:  # noqa: BLE001 - as above: this subject is reported, the others go on
        reasons.append(_broken(check, error))
    tally.evaluated += evaluated
    if isinstance(ref := getattr(subject, "ref", None), Ref) and reasons:
        tally.reasons += reasons
        tally.unseen.append(UnseenSubject(ref, tuple(_unique(reasons))))
    else:
        tally.general += reasons


def _is_verdict(said: object) -> bool:
    return isinstance(said, Finding | Passed | NotApplicable | NotEvaluated)


def _gaps(facts: Iterable[Any]) -> list[Reason]:
    """Return why subjects may be missing: what a table of subjects does not contain nobody will judge."""
    return [reason for fact in facts if isinstance(fact, Table) for reason in fact.reasons]


def _join(findings: dict[tuple[Ref, str], _Joined], new: Finding) -> None:
    """Keep one finding per subject and fault, with everything that it affects."""
    identity = (new.subject, new.fault)
    if identity in findings:
        findings[identity].add(new)
    else:
        findings[identity] = _Joined.of(new)


def _with_severity(finding: Finding, check: LoadedCheck) -> Finding:
    return finding if finding.severity else msgspec.structs.replace(finding, severity=check.check.severity)


def _severity_rank(finding: Finding) -> int:
    return finding.severity.rank if finding.severity else len(Severity)


def _report(joined: _Joined, check: LoadedCheck, landscape: Landscape) -> ReportedFinding:
    finding = joined.finding
    names = sorted(ref.path for ref in joined.affected)
    values: dict[str, Value | Text] = {"affected": names, "count": len(names)}
    why = finding.why or t(check.why)
    evidence = {**finding.evidence, "affected": names} if names else finding.evidence
    return ReportedFinding(
        fingerprint=fingerprint(check.id, finding.subject, finding.fault, _identity(landscape.cluster)),
        check=check.id,
        severity=finding.severity or check.check.severity,
        certainty=finding.certainty,
        subject=finding.subject,
        message=finding.message.with_values(values) if names else finding.message,
        why=why.with_values(values) if names else why,
        remedy=finding.remedy,
        trail=_trail(joined),
        evidence=evidence,
        affected=tuple(joined.affected),
        first_seen=landscape.observed_at,
        last_seen=landscape.observed_at,
    )


def _trail(joined: _Joined) -> tuple[Hop, ...]:
    """Return the trail of the telling that was kept, with what the others affect beside what that one affects."""
    trail = joined.finding.trail
    own = set(joined.finding.affected)
    last = max((place for place, hop in enumerate(trail) if hop.ref in own), default=None)
    if last is None:
        return trail
    others = (Hop(ref, trail[last].state) for ref in joined.affected if ref not in own)
    return (*trail[: last + 1], *others, *trail[last + 1 :])


def _identity(cluster: ClusterIdentity) -> str:
    return cluster.cluster_id or cluster.name


def _result(check: LoadedCheck, tally: _Tally, findings: int) -> CheckResult:
    reasons = tuple(_unique([*tally.general, *tally.reasons]))
    if findings:
        status = Status.FOUND
    elif reasons:
        status = Status.NOT_EVALUATED
    else:
        status = Status.PASSED if tally.evaluated else Status.NOT_APPLICABLE
    return CheckResult(
        id=check.id,
        title=check.title,
        severity=check.check.severity,
        status=status,
        subjects=tally.evaluated,
        findings=findings,
        reasons=reasons,
        unseen=tuple(tally.unseen),
        general=tuple(_unique(tally.general)),
    )


def _unique(reasons: Iterable[Reason]) -> list[Reason]:
    return list({(r.source, r.kind, str(r.message), r.missing): r for r in reasons}.values())


def _broken(check: LoadedCheck, error: Exception) -> Reason:
    return Reason(
        check.id,
        ReasonKind.ERROR,
        t("the check itself failed: {error}", error=f"{type(error).__name__}: {error}"),
    )


def now() -> datetime:
    """Return the present moment, in UTC."""
    return datetime.now(UTC)
