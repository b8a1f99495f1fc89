"""Decides what is owed to whom after a run: routing, life cycles, quiet hours, and a digest instead of a storm.

A channel is told of a finding once, and once more when it is gone. What it was told is kept in the ledger, and is
not derived from the run before: a run that nobody was told of, a channel that is new in the configuration or whose
filters were changed then loses nothing.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import Literal
from zoneinfo import ZoneInfo

from auditor.config.channels import Alertmanager, Channel, PagerDuty, QuietHours
from auditor.deliver.message import Kind
from auditor.judge.outcome import Lifecycle, Outcome, ReportedFinding
from auditor.ledger.records import Owed

Send = Literal["always", "on-findings", "on-change"]


@dataclass(frozen=True)
class Occasion:
    """Why there was a run. ``reports`` says for each channel that is to get a report of it under which condition."""

    now: datetime
    reports: Mapping[str, Send]


@dataclass(frozen=True)
class _Change:
    """What a channel has not heard yet: findings that are there, and fingerprints that are gone."""

    appeared: tuple[ReportedFinding, ...]
    gone: tuple[str, ...]


def plan(
    outcome: Outcome, channels: Iterable[Channel], told: Mapping[str, Collection[str]], occasion: Occasion
) -> list[Owed]:
    """Return what is owed after a run, in the order in which it is to arrive.

    Args:
        outcome: the run as it is recorded, with the lives of its findings.
        channels: all that are configured.
        told: by the name of a channel the fingerprints of this cluster that it believes to be open.
        occasion: the moment, and who gets a report.
    """
    owed: list[Owed] = []
    for channel in channels:
        if not any(fnmatchcase(outcome.cluster.name, pattern) for pattern in channel.clusters):
            continue
        owed += _for_channel(channel, outcome, frozenset(told.get(channel.name, ())), occasion)
    return owed


def routed(channel: Channel, findings: Iterable[ReportedFinding]) -> tuple[ReportedFinding, ...]:
    """Return those findings that count and that the channel is to hear of, worst first."""
    heard = [
        finding
        for finding in findings
        if finding.suppression is None
        and finding.severity.value in channel.severities
        and any(fnmatchcase(finding.check, pattern) for pattern in channel.checks)
    ]
    return tuple(sorted(heard, key=lambda finding: finding.severity.rank))


def _for_channel(channel: Channel, outcome: Outcome, told: frozenset[str], occasion: Occasion) -> Iterator[Owed]:
    shown = routed(channel, outcome.findings)
    change = _change(shown, outcome, told)
    if isinstance(channel, Alertmanager):
        yield _owed(channel, Kind.SNAPSHOT, shown, change.gone)
    elif channel.content == "report":
        send = occasion.reports.get(channel.name)
        if send and _is_wanted(send, shown, change):
            yield _owed(channel, Kind.REPORT, shown, change.gone)
    else:
        yield from _changes(channel, change, occasion.now)


def _change(shown: Sequence[ReportedFinding], outcome: Outcome, told: frozenset[str]) -> _Change:
    """Compare what is to be shown with what was told.

    What was told and is not in this run was either seen to be gone, or could not be looked at. Only the first is
    over. What is there and is not to be shown any more (suppressed, or routed elsewhere) is over for this channel.
    """
    now_shown = {finding.fingerprint for finding in shown}
    there = {finding.fingerprint for finding in outcome.findings}
    over = {finding.fingerprint for finding in outcome.resolved} | (there - now_shown)
    return _Change(
        appeared=tuple(finding for finding in shown if finding.fingerprint not in told),
        gone=tuple(sorted(told & over)),
    )


def _is_wanted(send: Send, shown: Sequence[ReportedFinding], change: _Change) -> bool:
    match send:
        case "always":
            return True
        case "on-findings":
            return bool(shown)
        case "on-change":
            return bool(change.appeared or change.gone)


def _changes(channel: Channel, change: _Change, now: datetime) -> Iterator[Owed]:
    """Yield what a channel is owed that hears of changes. What its ``lifecycle`` leaves out is noted as told."""
    appeared = [finding for finding in change.appeared if _life(finding) in channel.lifecycle]
    gone = change.gone if "resolved" in channel.lifecycle else ()
    unsaid = [finding for finding in change.appeared if _life(finding) not in channel.lifecycle]
    if unsaid or len(gone) < len(change.gone):
        silent = change.gone if not gone else ()
        yield Owed(
            channel=channel.name,
            kind="",
            fingerprints=tuple(finding.fingerprint for finding in unsaid),
            gone=silent,
        )
    if not appeared and not gone:
        return
    if channel.content == "batch":
        yield _owed(channel, Kind.BATCH, appeared, gone, now)
        return
    yield from _single(channel, appeared, gone, now)


def _single(
    channel: Channel, appeared: Sequence[ReportedFinding], gone: Sequence[str], now: datetime
) -> Iterator[Owed]:
    """Yield a message for each change, and one digest for those above the most that the channel wants."""
    most = channel.max_alerts
    # An incident that was opened has to be closed, however many there are.
    closed = len(gone) if isinstance(channel, PagerDuty) else max(0, min(len(gone), most - len(appeared)))
    for fingerprint in gone[:closed]:
        yield _owed(channel, Kind.RESOLVED, (), (fingerprint,), now)
    for finding in appeared[:most]:
        yield _owed(channel, Kind.FINDING, (finding,), (), now)
    if appeared[most:] or gone[closed:]:
        yield _owed(channel, Kind.DIGEST, appeared[most:], gone[closed:], now)


def _owed(
    channel: Channel,
    kind: Kind,
    findings: Sequence[ReportedFinding],
    gone: Sequence[str],
    now: datetime | None = None,
) -> Owed:
    return Owed(
        channel=channel.name,
        kind=kind.value,
        fingerprints=tuple(finding.fingerprint for finding in findings),
        gone=tuple(gone),
        not_before=_after_quiet_hours(channel.quiet_hours, findings, now) if now else None,
        give_up_after=timedelta(hours=channel.give_up_after_hours),
    )


def _life(finding: ReportedFinding) -> str:
    # For a channel that was not told yet, what is open since long ago is new.
    return "reopened" if finding.lifecycle is Lifecycle.REOPENED else "new"


def _after_quiet_hours(quiet: QuietHours | None, findings: Sequence[ReportedFinding], now: datetime) -> datetime | None:
    if quiet is None or any(finding.severity.value in quiet.but for finding in findings):
        return None
    return end_of_quiet(quiet, now)


def end_of_quiet(quiet: QuietHours, now: datetime) -> datetime | None:
    """Return when the quiet hours end in which a moment lies, or None if it lies in none."""
    local = now.astimezone(ZoneInfo(quiet.timezone))
    start, end = time.fromisoformat(quiet.start), time.fromisoformat(quiet.end)
    clock = local.time().replace(tzinfo=None)
    over_midnight = start > end
    is_quiet = (clock >= start or clock < end) if over_midnight else start <= clock < end
    if not is_quiet:
        return None
    day = local.date() + timedelta(days=1) if over_midnight and clock >= start else local.date()
    return datetime.combine(day, end, tzinfo=local.tzinfo).astimezone(now.tzinfo)
