"""What an audit comes to: the results of its checks and the findings. The report and the ledger read this."""

from datetime import date, datetime
from enum import StrEnum

import msgspec

from auditor.facts.landscape import ClusterIdentity, SourceLog
from auditor.facts.ref import Ref
from auditor.facts.table import Reason, ReasonKind
from auditor.facts.text import Text
from auditor.judge.verdicts import Certainty, Evidence, Hop, Severity, Step


class Status(StrEnum):
    """The status of a check. The values are part of ``report.json``."""

    PASSED = "passed"
    FOUND = "found"
    NOT_EVALUATED = "not_evaluated"
    NOT_APPLICABLE = "not_applicable"


class Lifecycle(StrEnum):
    """Where a finding is in its life. The values are part of ``report.json``."""

    NEW = "new"
    OPEN = "open"
    REOPENED = "reopened"


class Suppression(msgspec.Struct, frozen=True):
    """Why a finding does not count, who says so, and until when; ``annotated`` is the object on which it is said.

    Without one it is said in the configuration.
    """

    reason: str
    owner: str
    expires: date
    annotated: Ref | None = None


class SuppressionStatus(StrEnum):
    """What became of a suppression in a run: the first that holds. The values are part of ``report.json``."""

    IGNORED = "ignored"
    EXPIRED = "expired"
    UNUSED = "unused"
    EXPIRING = "expiring"
    ACTIVE = "active"


class SuppressionState(msgspec.Struct, frozen=True, kw_only=True):
    """One suppression of the configuration, or one that stands on objects, and what became of it in a run.

    Attributes:
        status: as above.
        check: the pattern of check ids; empty if the annotation can't be read.
        subject: the pattern of objects of the configuration; empty for an annotation.
        reason: why the findings are not to count.
        owner: who says so.
        expires: its last day; None if the annotation can't be read.
        findings: how many findings it matches; of one that is expired or ignored, would match.
        fingerprints: of the first of these findings.
        evaluated: whether everything that it may match was looked at, so that what it does not match is not there.
        annotated: the first of the objects on which it stands.
        objects: on how many objects it stands; 0 for the configuration.
        problem: why it is ignored.
    """

    status: SuppressionStatus
    check: str = ""
    subject: str = ""
    reason: str = ""
    owner: str = ""
    expires: date | None = None
    findings: int = 0
    fingerprints: tuple[str, ...] = ()
    evaluated: bool = True
    annotated: tuple[Ref, ...] = ()
    objects: int = 0
    problem: Text | None = None


class ReportedFinding(msgspec.Struct, frozen=True, kw_only=True):
    """A finding of a check, joined over all it affects, with its identity and its life."""

    fingerprint: str
    check: str
    severity: Severity
    certainty: Certainty
    subject: Ref
    message: Text
    why: Text
    remedy: tuple[Step, ...] = ()
    trail: tuple[Hop, ...] = ()
    evidence: dict[str, Evidence] = {}
    affected: tuple[Ref, ...] = ()
    lifecycle: Lifecycle = Lifecycle.NEW
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    suppression: Suppression | None = None


class UnseenSubject(msgspec.Struct, frozen=True):
    """One subject that could not be looked at, and why."""

    subject: Ref
    reasons: tuple[Reason, ...]


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one check came to. ``subjects`` counts those evaluated; ``reasons`` are all gaps, once each.

    ``general`` are those of the reasons that are not of single subjects in ``unseen``: subjects may be missing.
    """

    id: str
    title: str
    severity: Severity
    status: Status
    subjects: int
    findings: int
    reasons: tuple[Reason, ...] = ()
    unseen: tuple[UnseenSubject, ...] = ()
    general: tuple[Reason, ...] = ()


class Changed(msgspec.Struct, frozen=True):
    """A finding that was open before, and is, with another severity or another suppression: as it was before."""

    fingerprint: str
    severity: Severity
    suppressed: bool


class Undelivered(msgspec.Struct, frozen=True):
    """A message about this cluster that was given up: to whom, of which kind, when, and what happened."""

    key: str
    channel: str
    kind: str
    given_up_at: datetime
    error: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One run: one audit of one landscape, which was collected at ``observed_at``.

    What compares it with earlier runs is known once the ledger has recorded it. ``resolved`` are findings that were
    there and are gone, ``unevaluated`` those that were there and could not be looked at, both as last reported;
    ``changed`` tells of findings that are still there what they were like before. ``suppressions`` are all that may
    concern the cluster.
    """

    run_id: str
    cluster: ClusterIdentity
    trigger: str
    observed_at: datetime
    started_at: datetime
    finished_at: datetime
    checks: tuple[CheckResult, ...]
    findings: tuple[ReportedFinding, ...]
    resolved: tuple[ReportedFinding, ...] = ()
    unevaluated: tuple[ReportedFinding, ...] = ()
    changed: tuple[Changed, ...] = ()
    undelivered: tuple[Undelivered, ...] = ()
    collection: tuple[SourceLog, ...] = ()
    suppressions: tuple[SuppressionState, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every check could look at everything, but for what the operator switched off."""
        return not any(
            reason.kind is not ReasonKind.SWITCHED_OFF for result in self.checks for reason in result.reasons
        )

    @property
    def counting(self) -> tuple[ReportedFinding, ...]:
        """The findings that are not suppressed."""
        return tuple(finding for finding in self.findings if finding.suppression is None)
