"""What the ledger hands out, and what it is told to owe. All moments are UTC and aware."""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from auditor.facts.ref import Ref
from auditor.judge.outcome import ReportedFinding
from auditor.judge.verdicts import Severity


class RunState(StrEnum):
    """How far a run came."""

    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A run, without its outcome.

    Attributes:
        complete: whether every check could look at everything; None for a run that did not finish.
        counts: findings that count, by severity.
        checks: checks by status.
        lifecycle: findings that count by lifecycle, and ``resolved`` and ``suppressed`` ones.
        error: why it failed.
    """

    id: str
    cluster: str
    cluster_id: str
    region: str
    trigger: str
    state: RunState
    started_at: datetime
    finished_at: datetime | None = None
    complete: bool | None = None
    counts: dict[str, int] = {}
    checks: dict[str, int] = {}
    lifecycle: dict[str, int] = {}
    error: str = ""


class LifeState(StrEnum):
    """What is known of a finding now. ``unevaluated``: it was there, and can't be looked at any more."""

    OPEN = "open"
    UNEVALUATED = "unevaluated"
    RESOLVED = "resolved"


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """A finding over all runs.

    Attributes:
        suppressed: whether it did not count when it was last seen.
        reopened: how often it came back after it was resolved.
        run_id: the run that saw it last.
        finding: as that run reported it.
        unlooked: what the operator had switched off, of what its check may look at, when it was last seen; as
            marks to compare.
    """

    fingerprint: str
    cluster: str
    cluster_id: str
    check: str
    severity: Severity
    state: LifeState
    suppressed: bool
    first_seen: datetime
    last_seen: datetime
    resolved_at: datetime | None = None
    reopened: int = 0
    run_id: str
    finding: ReportedFinding
    unlooked: tuple[str, ...] = ()

    @property
    def subject(self) -> Ref:
        """The object with the fault."""
        return self.finding.subject


class DeliveryState(StrEnum):
    """How far a delivery came. ``dead``: it was given up, and waits for somebody to look."""

    OWED = "owed"
    DELIVERED = "delivered"
    DEAD = "dead"


class Owed(msgspec.Struct, frozen=True):
    """What is to be delivered. One channel is owed a kind of message on given findings once per run.

    Attributes:
        channel: to whom.
        kind: what kind of message; empty for none, where it is only to be noted that the channel knows.
        fingerprints: the findings that the channel believes to be open from then on.
        not_before: from when it may be sent.
        gone: the findings that the channel believes to be over from then on.
        give_up_after: how long it is tried, from when it may first be sent.
    """

    channel: str
    kind: str
    fingerprints: tuple[str, ...] = ()
    not_before: datetime | None = None
    gone: tuple[str, ...] = ()
    give_up_after: timedelta = timedelta(days=3)


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery. ``key`` is the same at every attempt; ``attempts`` counts those begun, a running one included."""

    key: str
    run_id: str
    cluster: str
    channel: str
    kind: str
    fingerprints: tuple[str, ...]
    state: DeliveryState
    created_at: datetime
    due_at: datetime
    give_up_at: datetime
    attempts: int
    last_error: str
    finished_at: datetime | None
    gone: tuple[str, ...] = ()
