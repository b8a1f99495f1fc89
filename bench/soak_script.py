"""What the audits of a soak come to: findings that appear, stay, vanish, come back, and can't be looked at."""

import os
import random
import threading
import time
import zlib
from collections.abc import Callable
from datetime import UTC, date, datetime

from auditor.agent.audit import identity_of
from auditor.agent.child import Interrupted, Job, NotAudited
from auditor.config.settings import Settings
from auditor.facts.table import Reason, ReasonKind
from auditor.facts.text import t
from auditor.judge.outcome import CheckResult, Outcome, ReportedFinding, Suppression
from auditor.judge.verdicts import Severity
from tests.ledger.make import DENIED, DISKS, LATE, NODES, finding, result

VOLUMES = 16
_SEVERITIES = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.INFO)
_PAUSE = 0.01


def chance(*parts: object) -> int:
    """Return a number below a hundred that is always the same for the same things."""
    return zlib.crc32("/".join(str(part) for part in parts).encode()) % 100


class Script:
    """Stands in for the audits. Whatever begins is said, so that it can be held against the ledger."""

    def __init__(self, say: Callable[[str], None], pause: float = 0.2, away: int = 4) -> None:
        """Take what is called with the id of each run that begins.

        Args:
            say: is called with it.
            pause: the longest that an audit takes, in seconds.
            away: of a hundred, in how many hours the cluster can't be reached.
        """
        self._say = say
        self._pause = pause
        self._away = away
        self._luck = random.Random(os.getpid())

    def __call__(self, job: Job, _settings: Settings, stop: threading.Event) -> Outcome:
        """Audit for a moment, and return what the hour brings."""
        self._say(f"begun {job.run_id}")
        end = time.monotonic() + self._luck.uniform(0, self._pause)
        while time.monotonic() < end:
            if stop.wait(_PAUSE):
                raise Interrupted
        kind, _, number = job.trigger.partition(":")
        hour = int(number) if kind == "run" else int(job.started_at.timestamp() // 3600)
        name = job.cluster.name
        if chance(name, hour, "away") < self._away:
            raise NotAudited([Reason("sts", ReasonKind.FORBIDDEN, t("the key is refused"))])
        checks = [self._checked(job, check, hour) for check in (DISKS, NODES)]
        return Outcome(
            run_id=job.run_id,
            cluster=identity_of(job.cluster),
            trigger=job.trigger,
            observed_at=job.started_at,
            started_at=job.started_at,
            finished_at=datetime.now(UTC),
            checks=tuple(found for found, _ in checks),
            findings=tuple(one for _, findings in checks for one in findings),
        )

    def _checked(self, job: Job, check: str, hour: int) -> tuple[CheckResult, list[ReportedFinding]]:
        name = job.cluster.name
        if chance(name, check, hour, "denied") < 5:
            return result(check, reasons=(LATE,)), []
        findings, unseen = [], {}
        for number in range(VOLUMES):
            lasts = 1 + chance(name, check, number) % 9
            state = chance(name, check, number, hour // lasts)
            if state < 45:
                severity = _SEVERITIES[(number + (hour // 30 if number == 3 else 0)) % len(_SEVERITIES)]
                reason = Suppression("known", "ops", date(2100, 1, 1)) if number == 5 and hour % 40 < 15 else None
                identity = identity_of(job.cluster)
                findings.append(finding(f"v{number}", check, identity, severity=severity, suppression=reason))
            elif state < 55:
                unseen[f"v{number}"] = DENIED
        return result(check, found=len(findings), unseen=unseen), findings
