"""What the pages show, as plain display data in words of one language. Every string in it is clean."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from babel.dates import format_datetime, format_timedelta

from auditor.agent.web.trend import Trend
from auditor.agent.web.words import DELIVERY_STATES, KINDS, LIFE_STATES, LIFECYCLES, RUN_STATES, STANDINGS
from auditor.config.settings import Schedule
from auditor.facts.text import Text, t
from auditor.judge.verdicts import Severity
from auditor.ledger.overview import LifeCount, Sighting
from auditor.ledger.records import Delivery, Life, LifeState, RunRecord, RunState
from auditor.report.clean import one_line
from auditor.report.model import Count, FindingView, ObjectView, Word
from auditor.report.speaker import Speaker, utc
from auditor.report.view import finding_view, trigger_words
from auditor.report.words import SEVERITIES

_SHORT_ID = 8
_LONGEST_ERROR = 600


@dataclass(frozen=True)
class When:
    """A moment: for machines, short for a table, in full, and as seen from now."""

    utc: str
    short: str
    full: str
    ago: str


@dataclass(frozen=True)
class RunRow:
    """A run in a list."""

    id: str
    short_id: str
    url: str
    cluster: str
    cluster_url: str
    trigger: str
    state: Word
    is_complete: bool | None
    started: When
    took: str
    counts: tuple[Count, ...]
    total: int
    new: int
    resolved: int
    error: str


@dataclass(frozen=True)
class ClusterCard:
    """A cluster at a glance. ``standing`` is a key of the words for it, with its sentence."""

    name: str
    url: str
    region: str
    cluster_id: str
    standing: Word
    worst: Word | None
    counts: tuple[Count, ...]
    unevaluated: int
    suppressed: int
    last: RunRow | None
    failed: RunRow | None
    next: When | None
    under_way: "UnderWay | None"
    trend: Trend
    is_configured: bool


@dataclass(frozen=True)
class UnderWay:
    """A run that goes on, or waits."""

    run_id: str
    url: str
    sentence: str


@dataclass(frozen=True)
class FindingRow:
    """A finding in a list."""

    fingerprint: str
    url: str
    cluster: str
    check: str
    severity: Word
    state: Word
    subject: ObjectView
    message: str
    first_seen: When
    last_seen: When


@dataclass(frozen=True)
class LifePage:
    """All that is known of one finding."""

    row: FindingRow
    finding: FindingView
    resolved_at: When | None
    reopened: int
    last_run_url: str
    sightings: tuple["SightingRow", ...]


@dataclass(frozen=True)
class SightingRow:
    """A run that told of a finding."""

    run: RunRow
    lifecycle: Word


@dataclass(frozen=True)
class DeliveryRow:
    """A delivery in a list."""

    key: str
    channel: str
    kind: str
    cluster: str
    run_url: str
    run_short_id: str
    state: Word
    created: When
    due: When
    finished: When | None
    attempts: int
    findings: int
    error: str
    is_dead: bool


@dataclass(frozen=True)
class ScheduleRow:
    """A schedule."""

    name: str
    cron: str
    timezone: str
    clusters: str
    checks: str
    channels: str
    next: When | None


class Teller:
    """Puts records of the ledger into words of one language."""

    def __init__(self, speaker: Speaker, titles: Mapping[str, str], now: datetime | None = None) -> None:
        """Take what says things, the English titles of the checks by id, and the present moment."""
        self.speaker = speaker
        self._titles = {check: one_line(speaker.translate(title)) for check, title in titles.items()}
        self._now = now or datetime.now(UTC)

    def when(self, moment: datetime) -> When:
        """Return a moment as it is shown."""
        local = moment.astimezone()
        ago = format_timedelta(
            moment - self._now, granularity="minute", threshold=1, add_direction=True, locale=self.speaker.language
        )
        return When(
            utc=utc(moment),
            short=str(format_datetime(local, "y-MM-dd HH:mm", locale=self.speaker.language)),
            full=self.speaker.moment(moment).local,
            ago=one_line(str(ago)),
        )

    def run(self, run: RunRecord) -> RunRow:
        """Return a run as it is listed."""
        ended = run.finished_at or (self._now if run.state is RunState.RUNNING else None)
        return RunRow(
            id=one_line(run.id),
            short_id=one_line(run.id[:_SHORT_ID]),
            url=run_url(run.id),
            cluster=one_line(run.cluster),
            cluster_url=cluster_url(run.cluster),
            trigger=trigger_words(run.trigger, self.speaker),
            state=self.speaker.word(RUN_STATES, run.state.value),
            is_complete=run.complete,
            started=self.when(run.started_at),
            took=self.span(ended - run.started_at) if ended else "",
            counts=self.counts(run.counts),
            total=sum(run.counts.values()),
            new=run.lifecycle.get("new", 0) + run.lifecycle.get("reopened", 0),
            resolved=run.lifecycle.get("resolved", 0),
            error=one_line(run.error)[:_LONGEST_ERROR],
        )

    def counts(self, by_severity: Mapping[str, int]) -> tuple[Count, ...]:
        """Return how many findings there are of each severity, the worst first, those with none left out."""
        return tuple(
            Count(self.speaker.word(SEVERITIES, severity), number)
            for severity in Severity
            if (number := by_severity.get(severity.value, 0))
        )

    def span(self, length: timedelta) -> str:
        """Return how long something took."""
        seconds = max(0, round(length.total_seconds()))
        if seconds < 60:
            return self.speaker.say(t("{seconds} s", seconds=seconds))
        if seconds < 3600:
            return self.speaker.say(t("{minutes} min {seconds} s", minutes=seconds // 60, seconds=seconds % 60))
        return self.speaker.say(t("{hours} h {minutes} min", hours=seconds // 3600, minutes=seconds % 3600 // 60))

    def finding(self, life: Life) -> FindingRow:
        """Return a finding as it is listed."""
        return FindingRow(
            fingerprint=one_line(life.fingerprint),
            url=finding_url(life.fingerprint, life.cluster),
            cluster=one_line(life.cluster),
            check=one_line(life.check),
            severity=self.speaker.word(SEVERITIES, life.severity),
            state=self.speaker.word(LIFE_STATES, standing_of(life)),
            subject=self.speaker.object(life.subject),
            message=self.speaker.say(life.finding.message),
            first_seen=self.when(life.first_seen),
            last_seen=self.when(life.last_seen),
        )

    def life(self, life: Life, sightings: Iterable[Sighting]) -> LifePage:
        """Return all that is known of a finding."""
        return LifePage(
            row=self.finding(life),
            finding=finding_view(life.finding, self._titles, self.speaker),
            resolved_at=self.when(life.resolved_at) if life.resolved_at else None,
            reopened=life.reopened,
            last_run_url=run_url(life.run_id),
            sightings=tuple(
                SightingRow(self.run(one.run), self.speaker.word(LIFECYCLES, one.lifecycle)) for one in sightings
            ),
        )

    def delivery(self, delivery: Delivery) -> DeliveryRow:
        """Return a delivery as it is listed."""
        return DeliveryRow(
            key=delivery.key,
            channel=one_line(delivery.channel),
            kind=self.speaker.say(KINDS[delivery.kind]) if delivery.kind in KINDS else one_line(delivery.kind),
            cluster=one_line(delivery.cluster),
            run_url=run_url(delivery.run_id),
            run_short_id=one_line(delivery.run_id[:_SHORT_ID]),
            state=self.speaker.word(DELIVERY_STATES, delivery.state),
            created=self.when(delivery.created_at),
            due=self.when(delivery.due_at),
            finished=self.when(delivery.finished_at) if delivery.finished_at else None,
            attempts=delivery.attempts,
            findings=len(delivery.fingerprints) + len(delivery.gone),
            error=one_line(delivery.last_error)[:_LONGEST_ERROR],
            is_dead=delivery.state == "dead",
        )

    def schedule(self, schedule: Schedule, due: datetime | None) -> ScheduleRow:
        """Return a schedule as it is listed."""
        separator = self.speaker.translate(", ")
        return ScheduleRow(
            name=one_line(schedule.name),
            cron=one_line(schedule.cron),
            timezone=one_line(schedule.timezone),
            clusters=one_line(separator.join(schedule.clusters)),
            checks=one_line(separator.join(schedule.checks)),
            channels=one_line(separator.join(schedule.channels)),
            next=self.when(due) if due else None,
        )

    def under_way(self, run_id: str, run: RunRecord | None) -> UnderWay:
        """Return a run that goes on; without a record it waits."""
        text: Text = t("An audit waits for its turn.")
        if run is not None and run.state is RunState.RUNNING:
            text = t("An audit is under way since {time}.", time=self.span(self._now - run.started_at))
        return UnderWay(one_line(run_id), run_url(run_id), self.speaker.say(text))

    def standing(self, latest: RunRecord | None, counts: Mapping[str, int], unevaluated: int) -> Word:
        """Return how a cluster stands: what is open, and whether everything could be looked at."""
        key = "healthy"
        if any(number for severity, number in counts.items() if severity != Severity.INFO):
            key = "faults"
        elif latest is None:
            key = "never"
        elif not latest.checks.get("passed") and not latest.checks.get("found"):
            key = "nothing"
        elif not latest.complete or unevaluated:
            key = "incomplete"
        return self.speaker.word(STANDINGS, key)


def standing_of(life: Life) -> str:
    """Return the state of a finding as people choose it: one that is suppressed is open, and does not count."""
    return "suppressed" if life.suppressed and life.state is LifeState.OPEN else life.state.value


def open_by_severity(counts: Sequence[LifeCount], cluster: str) -> dict[str, int]:
    """Count the open findings of a cluster that count, by severity."""
    found: dict[str, int] = {}
    for one in counts:
        if one.cluster == cluster and one.state is LifeState.OPEN and not one.suppressed:
            found[one.severity.value] = found.get(one.severity.value, 0) + one.number
    return found


def run_url(run_id: str) -> str:
    """Return where a run is shown."""
    return f"/runs/{quote(run_id, safe='', errors='replace')}"


def cluster_url(name: str) -> str:
    """Return where a cluster is shown."""
    return f"/clusters/{quote(name, safe='', errors='replace')}"


def finding_url(fingerprint: str, cluster: str) -> str:
    """Return where a finding is shown."""
    return (
        f"/findings/{quote(fingerprint, safe='', errors='replace')}?cluster={quote(cluster, safe='', errors='replace')}"
    )
