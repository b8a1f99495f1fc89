"""From an outcome and a language to the view model that all formats show."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, tzinfo
from itertools import groupby
from typing import TypeVar

from auditor import __version__
from auditor.facts.landscape import SourceLog
from auditor.facts.text import Text, t
from auditor.judge.outcome import CheckResult, Outcome, ReportedFinding, Suppression
from auditor.judge.verdicts import Evidence, Hop, Severity
from auditor.report.clean import one_line, visible
from auditor.report.gaps import group_gaps
from auditor.report.model import (
    AreaView,
    CheckView,
    Count,
    EvidenceView,
    FindingView,
    HopView,
    ReportView,
    RunView,
    SeverityGroup,
    SourceView,
    StepView,
    SuppressionView,
    UndeliveredView,
    Verdict,
    Word,
    listing,
)
from auditor.report.speaker import Speaker
from auditor.report.summary import count_checks_with_gaps, count_lifecycles, count_severities, count_statuses
from auditor.report.suppressions import suppression_views
from auditor.report.words import AREAS, CERTAINTIES, HOP_STATES, LAYERS, LIFECYCLES, SEVERITIES, STATES, STATUSES

K = TypeVar("K", bound=str)

AFFECTED_SHOWN = 20
AFFECTED_FOLDED = 200
_HOPS_BESIDE = 3
"""How many affected objects beside each other a trail draws."""
_LINES_OF_EVIDENCE = 20
_LONGEST_LINE = 2000
"""Characters of one value; what is longer is cut, and says so. The JSON format has all of it."""

_LIFE_WORDS: dict[str, Text] = {
    **{stage.value: text for stage, text in LIFECYCLES.items()},
    "resolved": t("resolved"),
    "suppressed": t("suppressed"),
}


def make_view(
    outcome: Outcome, language: str, translate: Callable[[str], str], zone: tzinfo | None = None
) -> ReportView:
    """Make the view model.

    Args:
        outcome: the run.
        language: ``en`` or ``zh``.
        translate: maps an English text to that language.
        zone: the time zone of the readable times; None takes that of the machine.
    """
    speaker = Speaker(language, translate, zone)
    titles = {check.id: one_line(translate(check.title)) for check in outcome.checks}
    counting = [_finding(finding, titles, speaker) for finding in outcome.counting]
    gaps, switched_off = group_gaps(outcome.checks, speaker)
    return ReportView(
        language=language,
        auditor_version=__version__,
        run=_run(outcome, speaker),
        verdict=_verdict(outcome, speaker),
        is_complete=outcome.is_complete,
        severities=_counts(count_severities(outcome), SEVERITIES, speaker),
        statuses=_counts(count_statuses(outcome), STATUSES, speaker),
        lifecycles=_counts(count_lifecycles(outcome), _LIFE_WORDS, speaker),
        gaps=tuple(gaps),
        groups=_groups(counting, speaker),
        suppressed=tuple(_finding(f, titles, speaker) for f in outcome.findings if f.suppression),
        resolved=tuple(_finding(f, titles, speaker) for f in outcome.resolved),
        switched_off=tuple(switched_off),
        areas=_areas(outcome.checks, titles, speaker),
        collection=tuple(_source(log, speaker) for log in outcome.collection),
        suppressions=suppression_views(outcome, speaker),
        undelivered=tuple(
            UndeliveredView(
                one_line(one.channel), one_line(one.kind), speaker.moment(one.given_up_at), one_line(one.error)
            )
            for one in outcome.undelivered
        ),
    )


def finding_view(finding: ReportedFinding, titles: Mapping[str, str], speaker: Speaker) -> FindingView:
    """Return one finding as display data. ``titles`` are those of the checks, by id."""
    return _finding(finding, titles, speaker)


def trigger_words(trigger: str, speaker: Speaker) -> str:
    """Return what asked for a run."""
    return _trigger(trigger, speaker)


def _run(outcome: Outcome, speaker: Speaker) -> RunView:
    seconds = (outcome.finished_at - outcome.started_at).total_seconds()
    return RunView(
        id=one_line(outcome.run_id),
        cluster=one_line(outcome.cluster.name),
        cluster_id=one_line(outcome.cluster.cluster_id),
        region=one_line(outcome.cluster.region),
        trigger=_trigger(outcome.trigger, speaker),
        observed=speaker.moment(outcome.observed_at),
        duration=speaker.say(t("{seconds} seconds", seconds=f"{seconds:.1f}")),
    )


def _trigger(trigger: str, speaker: Speaker) -> str:
    kind, _, name = trigger.partition(":")
    match kind:
        case "now":
            return speaker.say(t("on demand"))
        case "schedule":
            return speaker.say(t("schedule {name}", name=name))
        case "landscape":
            return speaker.say(t("saved landscape"))
        case "api":
            return speaker.say(t("API request"))
        case _:
            return one_line(trigger)


def _verdict(outcome: Outcome, speaker: Speaker) -> Verdict:
    key, text = _sentence(outcome, speaker)
    suppressed = len(outcome.findings) - len(outcome.counting)
    if suppressed:
        text = t("{verdict} Suppressed findings: {count}.", verdict=text, count=suppressed)
    return Verdict(key, speaker.say(text))


def _sentence(outcome: Outcome, speaker: Speaker) -> tuple[str, Text]:
    faults = {severity: n for severity, n in count_severities(outcome).items() if n and severity != Severity.INFO}
    gaps = {"checks": count_checks_with_gaps(outcome), "all": len(outcome.checks)}
    if faults:
        counted = [speaker.say(t("{count} {severity}", count=n, severity=SEVERITIES[s])) for s, n in faults.items()]
        if outcome.is_complete:
            return "faults", t(
                "Faults found: {counts}. Everything that was asked for could be looked at.", counts=counted
            )
        return "faults", t(
            "Faults found: {counts}. The audit is incomplete: {checks} of {all} checks could not look at everything.",
            counts=counted,
            **gaps,
        )
    if not any(check.subjects for check in outcome.checks):
        if outcome.is_complete:
            return "nothing", t("Nothing to judge: the cluster has nothing that these checks look at.")
        return "nothing", t("Nothing could be judged: no check could look at what it needs.")
    if outcome.is_complete:
        return "healthy", t("No faults found. Everything that was asked for could be looked at.")
    return "incomplete", t(
        "No faults found in what could be looked at. The audit is incomplete: {checks} of {all} checks could not "
        "look at everything.",
        **gaps,
    )


def _counts(counts: Mapping[K, int], words: Mapping[K, Text], speaker: Speaker) -> tuple[Count, ...]:
    return tuple(Count(speaker.word(words, key), number) for key, number in counts.items())


def _groups(findings: list[FindingView], speaker: Speaker) -> tuple[SeverityGroup, ...]:
    groups = []
    for severity in Severity:
        members = tuple(finding for finding in findings if finding.severity.key == severity)
        if members:
            groups.append(SeverityGroup(speaker.word(SEVERITIES, severity), members))
    return tuple(groups)


def _finding(finding: ReportedFinding, titles: Mapping[str, str], speaker: Speaker) -> FindingView:
    # The engine repeats the affected objects in the evidence; they have a list of their own.
    evidence = {k: v for k, v in finding.evidence.items() if not (k == "affected" and finding.affected)}
    return FindingView(
        fingerprint=finding.fingerprint,
        check=one_line(finding.check),
        title=titles.get(finding.check, ""),
        severity=speaker.word(SEVERITIES, finding.severity),
        certainty=speaker.word(CERTAINTIES, finding.certainty),
        lifecycle=speaker.word(LIFECYCLES, finding.lifecycle),
        subject=speaker.object(finding.subject),
        message=speaker.say(finding.message),
        why=speaker.paragraphs(finding.why),
        trail=tuple(_trail(finding, speaker)),
        evidence=tuple(_evidence(name, value, speaker) for name, value in evidence.items()),
        remedy=tuple(StepView(speaker.say(step.text), one_line(step.command)) for step in finding.remedy),
        affected=listing(
            [speaker.object(ref) for ref in finding.affected], shown=AFFECTED_SHOWN, folded=AFFECTED_FOLDED
        ),
        first_seen=speaker.moment(finding.first_seen) if finding.first_seen else None,
        last_seen=speaker.moment(finding.last_seen) if finding.last_seen else None,
        suppression=_suppression(finding.suppression, speaker),
    )


def _trail(finding: ReportedFinding, speaker: Speaker) -> Iterator[HopView]:
    """Yield the hops. Of many affected objects beside each other the first are drawn, and a count: they have a list."""
    affected = set(finding.affected)
    for _, run in groupby(finding.trail, lambda hop: (hop.ref.kind, hop.state) if hop.ref in affected else hop):
        hops = list(run)
        shown = hops if len(hops) <= _HOPS_BESIDE + 1 else hops[:_HOPS_BESIDE]
        yield from (_hop(hop, speaker) for hop in shown)
        if others := len(hops) - len(shown):
            more = replace(speaker.object(hops[-1].ref), path=speaker.say(t("{count} more", count=others)), id="")
            yield HopView(more, speaker.word(HOP_STATES, hops[-1].state), "")


def _hop(hop: Hop, speaker: Speaker) -> HopView:
    detail = speaker.say(hop.detail) if hop.detail else ""
    return HopView(speaker.object(hop.ref), speaker.word(HOP_STATES, hop.state), detail)


def _suppression(suppression: Suppression | None, speaker: Speaker) -> SuppressionView | None:
    if suppression is None:
        return None
    return SuppressionView(
        one_line(suppression.reason),
        one_line(suppression.owner),
        suppression.expires.isoformat(),
        speaker.object(suppression.annotated) if suppression.annotated else None,
    )


def _evidence(name: str, value: Evidence, speaker: Speaker) -> EvidenceView:
    lines = [_cut(visible(line), speaker) for line in _lines(value, speaker)]
    return EvidenceView(one_line(name), listing(lines, shown=_LINES_OF_EVIDENCE))


def _lines(value: Evidence, speaker: Speaker) -> list[str]:
    match value:
        case None:
            return [speaker.say(t("not said"))]
        case bool():
            return [speaker.translate("yes") if value else speaker.translate("no")]
        case list():
            return value or [speaker.say(t("none"))]
        case dict():
            return [f"{key}: {member}" for key, member in value.items()] or [speaker.say(t("none"))]
        case _:
            return [str(value)]


def _cut(line: str, speaker: Speaker) -> str:
    if len(line) <= _LONGEST_LINE:
        return line
    more = speaker.say(t("({count} more characters)", count=len(line) - _LONGEST_LINE))
    return f"{line[:_LONGEST_LINE]}… {more}"


def _areas(checks: tuple[CheckResult, ...], titles: Mapping[str, str], speaker: Speaker) -> tuple[AreaView, ...]:
    areas: dict[str, list[CheckView]] = {}
    for check in checks:
        areas.setdefault(check.id.split("/", 1)[0], []).append(_check(check, titles[check.id], speaker))
    return tuple(
        AreaView(speaker.say(AREAS[area]) if area in AREAS else one_line(area), tuple(members))
        for area, members in areas.items()
    )


def _check(check: CheckResult, title: str, speaker: Speaker) -> CheckView:
    return CheckView(
        id=one_line(check.id),
        title=title,
        severity=speaker.word(SEVERITIES, check.severity),
        status=speaker.word(STATUSES, check.status),
        subjects=check.subjects,
        findings=check.findings,
        gaps=len(check.reasons),
    )


def _source(log: SourceLog, speaker: Speaker) -> SourceView:
    messages = list(dict.fromkeys(speaker.say(reason.message) for reason in log.reasons))
    return SourceView(
        source=one_line(log.source),
        layer=Word(log.layer.value, speaker.say(LAYERS[log.layer])),
        state=speaker.word(STATES, log.state),
        items=log.items,
        calls=log.calls,
        retries=log.retries,
        seconds=f"{log.seconds:.1f}",
        reasons=listing(messages, shown=_LINES_OF_EVIDENCE),
        notes=tuple(_reach(table.since, speaker) for table in log.tables if table.since),
    )


def _reach(since: datetime, speaker: Speaker) -> str:
    return speaker.say(
        t("The events reach back to {time}; what is older is forgotten.", time=speaker.moment(since).local)
    )
