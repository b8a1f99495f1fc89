"""Runs made by hand, small and quick to read."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from auditor.facts.landscape import ClusterIdentity
from auditor.facts.ref import Ref, kubernetes_ref
from auditor.facts.table import Reason, ReasonKind
from auditor.facts.text import t
from auditor.judge.fingerprint import fingerprint
from auditor.judge.outcome import CheckResult, Outcome, ReportedFinding, Status, UnseenSubject
from auditor.judge.verdicts import Certainty, Severity
from auditor.ledger.ledger import Ledger
from auditor.ledger.records import Owed
from auditor.ledger.runs import Plan

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SHOP = ClusterIdentity("shop", "c0123", "cn-hangzhou")
DISKS = "storage/disk-in-other-zone"
NODES = "network/node-route-missing"
DENIED = Reason("ecs", ReasonKind.FORBIDDEN, t("{action} was denied", action="DescribeDisks"), ("ecs:DescribeDisks",))
LATE = Reason("ecs", ReasonKind.TIMEOUT, t("no answer within {seconds} seconds", seconds=30))
OFF = Reason("kubernetes", ReasonKind.SWITCHED_OFF, t("the probe {probe} is off", probe="forwarding"))


def volume(name: str) -> Ref:
    return kubernetes_ref("PersistentVolume", name)


def finding(name: str, check: str = DISKS, cluster: ClusterIdentity = SHOP, **more: Any) -> ReportedFinding:
    given: dict[str, Any] = {
        "fingerprint": fingerprint(check, volume(name), "", cluster.cluster_id or cluster.name),
        "check": check,
        "severity": Severity.HIGH,
        "certainty": Certainty.CONFIRMED,
        "subject": volume(name),
        "message": t("volume {name} is elsewhere", name=name),
        "why": t("because"),
    }
    return ReportedFinding(**(given | more))


def result(
    check: str = DISKS,
    found: int = 0,
    reasons: Iterable[Reason] = (),
    unseen: dict[str, Reason] | None = None,
    **more: Any,
) -> CheckResult:
    """Make the result of a check; ``unseen`` are volumes that could not be looked at."""
    subjects = tuple(UnseenSubject(volume(name), (reason,)) for name, reason in (unseen or {}).items())
    gaps = tuple(dict.fromkeys((*reasons, *(reason for subject in subjects for reason in subject.reasons))))
    status = Status.FOUND if found else Status.NOT_EVALUATED if gaps else Status.PASSED
    given: dict[str, Any] = {"severity": Severity.HIGH, "subjects": 9, "reasons": gaps, "unseen": subjects}
    return CheckResult(id=check, title="A title", status=status, findings=found, **(given | more))


def run(
    number: int,
    findings: Sequence[ReportedFinding | str] = (),
    checks: Sequence[CheckResult] | None = None,
    **more: Any,
) -> Outcome:
    """Make the run of a day. Findings are given whole, or by the name of their volume."""
    told = tuple(finding(one) if isinstance(one, str) else one for one in findings)
    moment = NOON + number * DAY
    given: dict[str, Any] = {
        "run_id": f"run-{number:04}",
        "cluster": SHOP,
        "trigger": "schedule:daily",
        "observed_at": moment,
        "started_at": moment,
        "finished_at": moment + timedelta(seconds=20),
        "checks": tuple(checks) if checks is not None else (result(found=len(told)),),
        "findings": told,
    }
    return Outcome(**(given | more))


def owing(*owed: Owed) -> Plan:
    return lambda _outcome, _told: owed


def record(ledger: Ledger, outcome: Outcome, *owed: Owed, give_up_after: timedelta = DAY) -> Outcome:
    return ledger.finish(outcome, owing(*(msgspec.structs.replace(one, give_up_after=give_up_after) for one in owed)))


def names(findings: Iterable[ReportedFinding]) -> list[str]:
    return sorted(one.subject.name for one in findings)
