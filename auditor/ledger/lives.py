"""What a run makes of the findings that were known before it. Nothing is resolved that was not looked at."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import msgspec

from auditor.facts.ref import Ref
from auditor.facts.table import Reason, ReasonKind
from auditor.judge.outcome import Changed, CheckResult, Lifecycle, Outcome, ReportedFinding, UnseenSubject
from auditor.ledger.records import Life, LifeState


@dataclass(frozen=True)
class Lived:
    """What a run came to in the light of earlier ones, and the lives that it changed."""

    outcome: Outcome
    lives: tuple[Life, ...]


def live_on(previous: Mapping[str, Life], outcome: Outcome) -> Lived:
    """Return the outcome with the lives of its findings, and the lives after it.

    A finding that is missing is resolved if its check ran and really looked at its subject; it is no longer
    evaluated if the check ran and could not; it is left as it was if the check was not chosen for this run.

    Args:
        previous: the lives of the findings of this cluster, by fingerprint.
        outcome: the run, as the audit made it.
    """
    results = {result.id: result for result in outcome.checks}
    unlooked = {result.id: switched_off(result) for result in outcome.checks}
    present: dict[str, ReportedFinding] = {}
    for finding in outcome.findings:
        present.setdefault(finding.fingerprint, finding)  # they come with the worst first
    lives, findings, changed = [], {}, []
    for fingerprint, finding in present.items():
        before = previous.get(fingerprint)
        after = _seen(before, finding, outcome, unlooked.get(finding.check, ()))
        lives.append(after)
        findings[fingerprint] = after.finding
        if before and before.state is not LifeState.RESOLVED and _is_other(before, after):
            changed.append(Changed(fingerprint, before.severity, before.suppressed))
    resolved, unevaluated = [], []
    for fingerprint, before in previous.items():
        result = results.get(before.check)
        if fingerprint in present or before.state is LifeState.RESOLVED or result is None:
            continue
        if was_looked_at(before.finding, before.unlooked, result):
            lives.append(_replace(before, state=LifeState.RESOLVED, resolved_at=outcome.observed_at))
            resolved.append(before.finding)
        else:
            lives.append(_replace(before, state=LifeState.UNEVALUATED))
            unevaluated.append(before.finding)
    return Lived(
        msgspec.structs.replace(
            outcome,
            # A fingerprint stands in the outcome as often as the audit reported it, each with the one life it has.
            findings=tuple(_with_life(finding, findings[finding.fingerprint]) for finding in outcome.findings),
            resolved=_in_order(resolved),
            unevaluated=_in_order(unevaluated),
            changed=tuple(changed),
        ),
        tuple(lives),
    )


def was_looked_at(finding: ReportedFinding, unlooked: Collection[str], result: CheckResult) -> bool:
    """Tell whether a check really looked at the subject of a finding.

    What the operator had switched off when the finding was last seen is not needed to see it: that it is switched
    off still does not hide that the finding is gone.

    Args:
        finding: as it was last reported.
        unlooked: what was switched off then, by :func:`switched_off`.
        result: what the check of the finding came to, in a run that does not report it.
    """

    def hinder(reasons: Iterable[Reason]) -> bool:
        return any(reason.kind is not ReasonKind.SWITCHED_OFF or _mark(reason) not in unlooked for reason in reasons)

    attributed = {_mark(reason) for unseen in result.unseen for reason in unseen.reasons}
    general = [*result.general, *(reason for reason in result.reasons if _mark(reason) not in attributed)]
    if hinder(general):
        return False
    return not any(_may_be_of(unseen, finding) for unseen in result.unseen if hinder(unseen.reasons))


def switched_off(result: CheckResult) -> tuple[str, ...]:
    """Return marks of what a check did not look at because the operator had switched it off."""
    return tuple(sorted({_mark(reason) for reason in result.reasons if reason.kind is ReasonKind.SWITCHED_OFF}))


def _may_be_of(unseen: UnseenSubject, finding: ReportedFinding) -> bool:
    """Tell whether a finding may have come of judging this subject.

    A check may judge nodes, and find that their security group has a fault: the node stands then among what is
    affected, or on the trail. Where a finding names no object of that kind at all, nothing tells which subject it
    came from, so it may be any.
    """
    named = (finding.subject, *finding.affected, *(hop.ref for hop in finding.trail))
    of_kind = [ref for ref in named if (ref.layer, ref.kind) == (unseen.subject.layer, unseen.subject.kind)]
    return not of_kind or any(_is_same(ref, unseen.subject) for ref in of_kind)


def _is_same(one: Ref, other: Ref) -> bool:
    """Compare as far as both say: a name or an id may be known in one run and not in the other."""
    if one.id and other.id and one.id == other.id:
        return True
    return (one.namespace, one.name) == (other.namespace, other.name)


def _mark(reason: Reason) -> str:
    """Return what stands for a reason when reasons are compared."""
    said = "\0".join((reason.source, reason.kind, str(reason.message), *reason.missing))
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _seen(before: Life | None, finding: ReportedFinding, outcome: Outcome, unlooked: tuple[str, ...]) -> Life:
    moment = outcome.observed_at
    came_back = before is not None and before.state is LifeState.RESOLVED
    first_seen = before.first_seen if before else moment
    stage = Lifecycle.NEW if before is None else Lifecycle.REOPENED if came_back else Lifecycle.OPEN
    lived = msgspec.structs.replace(finding, lifecycle=stage, first_seen=first_seen, last_seen=moment)
    return Life(
        fingerprint=finding.fingerprint,
        cluster=outcome.cluster.name,
        cluster_id=outcome.cluster.cluster_id,
        check=finding.check,
        severity=finding.severity,
        state=LifeState.OPEN,
        suppressed=finding.suppression is not None,
        first_seen=first_seen,
        last_seen=moment,
        reopened=(before.reopened if before else 0) + came_back,
        run_id=outcome.run_id,
        finding=lived,
        unlooked=unlooked,
    )


def _with_life(finding: ReportedFinding, lived: ReportedFinding) -> ReportedFinding:
    return msgspec.structs.replace(
        finding, lifecycle=lived.lifecycle, first_seen=lived.first_seen, last_seen=lived.last_seen
    )


def _is_other(before: Life, after: Life) -> bool:
    return (before.severity, before.suppressed) != (after.severity, after.suppressed)


def _replace(life: Life, **values: object) -> Life:
    return msgspec.structs.replace(life, **values)


def _in_order(findings: list[ReportedFinding]) -> tuple[ReportedFinding, ...]:
    return tuple(
        sorted(findings, key=lambda f: (f.severity.rank, f.certainty.rank, f.check, f.subject.path, f.fingerprint))
    )
