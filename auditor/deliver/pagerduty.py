"""PagerDuty, Events API v2: an alert for each finding, which is resolved when the finding is gone.

An alert is known by its ``dedup_key``, the cluster and the fingerprint of the finding, which are the same in every
run: to trigger it again does not open a second one, and to resolve one that was never triggered does nothing.

What is about many findings at once (a digest, a report, a batch) is one alert of its own, with the run in its key
and the worst severity. It says what there is to look at, and a human closes it: the findings in it are not triggered
one by one, and one of them that goes away does not make the others go.

Sources: PagerDuty's description of the Events API v2 (fields, answers, severities); a summary has at most 1,024
characters, a key 255, an event 512 KB.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from auditor.config.channels import Channel as ChannelSettings
from auditor.config.channels import PagerDuty as PagerDutySettings
from auditor.deliver import http
from auditor.deliver.message import Kind, Message
from auditor.deliver.plain import cut, kept, plain
from auditor.deliver.secrets import reveal
from auditor.facts.text import t
from auditor.judge.outcome import ReportedFinding
from auditor.judge.verdicts import Evidence, Severity
from auditor.report.clean import one_line
from auditor.report.speaker import Speaker, utc
from auditor.report.words import SEVERITIES

SEVERITY_NAMES = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "info",
    Severity.INFO: "info",
}
"""PagerDuty's severities by the auditor's."""
LONGEST_SUMMARY = 1024
LONGEST_KEY = 255
_LONGEST_TEXT = 4000
_LONGEST_STEP = 2000
"""A step may be a command, which is of use only as a whole."""
_LONGEST_VALUE = 500
_STEPS = 20
_VALUES = 25
_LINES = 50
# Together these bounds keep an event below what is taken, even where each character has four bytes.

_Json = dict[str, Any]


class PagerDuty:
    """One integration of a PagerDuty service."""

    def __init__(self, settings: PagerDutySettings) -> None:
        """Take the settings. The routing key is read when something is sent."""
        self._settings = settings

    def send(self, message: Message) -> None:
        """Deliver a message. See :class:`~auditor.deliver.channel.Channel`."""
        routing_key = reveal(self._settings.routing_key, f"channel {self._settings.name!r}: routing_key")
        for event in events(message):
            body = json.dumps({"routing_key": routing_key, **event}, ensure_ascii=False).encode()
            http.post(self._settings, body, {"Content-Type": "application/json"}, secrets=[routing_key])


def open_channel(settings: ChannelSettings) -> PagerDuty:
    """Make the channel."""
    if not isinstance(settings, PagerDutySettings):
        raise TypeError(f"expected the settings of PagerDuty, got {type(settings).__name__}")
    return PagerDuty(settings)


def events(message: Message) -> Iterator[_Json]:
    """Yield the events of a message. There are none where nothing is open: good news wake nobody."""
    match message.kind:
        case Kind.TEST:
            yield _triggered(message, _key(message.key), _test(message))
        case Kind.REPORT | Kind.BATCH | Kind.DIGEST:
            if message.findings:
                yield _triggered(message, _key(_cluster(message), "run", message.outcome.run_id), _run(message))
            if message.kind is Kind.DIGEST:
                yield from (_resolved(finding, message) for finding in message.resolved)
        case Kind.FINDING | Kind.RESOLVED | Kind.SNAPSHOT:
            for finding in message.findings:
                yield _triggered(message, dedup_key(finding, message), _finding(finding, message))
            yield from (_resolved(finding, message) for finding in message.resolved)


def dedup_key(finding: ReportedFinding, message: Message) -> str:
    """Return what the alert of a finding is known by, in every run."""
    return _key(_cluster(message), finding.fingerprint)


def _key(*parts: str) -> str:
    key = one_line("/".join(parts))
    return key if len(key) <= LONGEST_KEY else hashlib.sha256(key.encode()).hexdigest()


def _cluster(message: Message) -> str:
    cluster = message.outcome.cluster
    return cluster.cluster_id or cluster.name


def _resolved(finding: ReportedFinding, message: Message) -> _Json:
    return {"event_action": "resolve", "dedup_key": dedup_key(finding, message)}


def _triggered(message: Message, key: str, payload: _Json) -> _Json:
    cluster = message.outcome.cluster
    event: _Json = {
        "event_action": "trigger",
        "dedup_key": key,
        "client": "ACK auditor",
        "payload": {
            "source": cut(one_line(cluster.name), LONGEST_KEY),
            "group": cut(one_line(cluster.name), LONGEST_KEY),
            "timestamp": utc(message.outcome.observed_at),
            **payload,
            "summary": cut(payload["summary"], LONGEST_SUMMARY),
        },
    }
    if message.link:
        text = t("The run on the auditor's site").render(message.translate)
        event |= {"client_url": message.link, "links": [{"href": message.link, "text": text}]}
    return event


def _finding(finding: ReportedFinding, message: Message) -> _Json:
    words = plain(finding, message)
    return {
        "summary": f"{one_line(message.outcome.cluster.name)}: {words.message}",
        "severity": SEVERITY_NAMES[finding.severity],
        "component": cut(words.subject, LONGEST_KEY),
        "class": cut(one_line(finding.check), LONGEST_KEY),
        "custom_details": {
            **_about_run(message),
            "check": one_line(finding.check),
            "title": words.title,
            "severity": finding.severity.value,
            "certainty": finding.certainty.value,
            "lifecycle": finding.lifecycle.value,
            "fingerprint": finding.fingerprint,
            "first_seen": utc(finding.first_seen or message.outcome.observed_at),
            "message": cut(words.message, _LONGEST_TEXT),
            "why": cut(words.why, _LONGEST_TEXT),
            "remedy": [cut(line, _LONGEST_STEP) for line in kept(words.remedy, _STEPS)],
            "trail": _lines(words.trail),
            "affected": _lines([one_line(str(ref)) for ref in finding.affected]),
            "evidence": _evidence(finding.evidence),
        },
    }


def _run(message: Message) -> _Json:
    speaker = Speaker(message.language, message.translate)
    counts = {
        severity: sum(finding.severity is severity for finding in message.findings)
        for severity in Severity
        if any(finding.severity is severity for finding in message.findings)
    }
    said = [
        speaker.say(t("{count} {severity}", count=count, severity=SEVERITIES[severity]))
        for severity, count in counts.items()
    ]
    return {
        "summary": speaker.say(t("{cluster}: {counts}", cluster=message.outcome.cluster.name, counts=said)),
        "severity": SEVERITY_NAMES[min(counts, key=lambda severity: severity.rank)],
        "class": message.kind.value,
        "custom_details": {
            **_about_run(message),
            "findings": _lines([_line(finding, message) for finding in message.findings]),
            "resolved": _lines([_line(finding, message) for finding in message.resolved]),
        },
    }


def _test(message: Message) -> _Json:
    said = t("This is a test of the ACK auditor: nothing has happened.").render(message.translate)
    return {"summary": said, "severity": "info", "class": "test", "custom_details": _about_run(message)}


def _about_run(message: Message) -> _Json:
    outcome = message.outcome
    return {
        "cluster": one_line(outcome.cluster.name),
        "cluster_id": one_line(outcome.cluster.cluster_id),
        "region": one_line(outcome.cluster.region),
        "run": one_line(outcome.run_id),
    }


def _line(finding: ReportedFinding, message: Message) -> str:
    words = plain(finding, message)
    severity = Speaker(message.language, message.translate).word(SEVERITIES, finding.severity).label
    return f"[{severity}] {words.message} ({words.subject})"


def _lines(lines: tuple[str, ...] | list[str]) -> list[str]:
    return [cut(line, _LONGEST_VALUE) for line in kept(lines, _LINES)]


def _evidence(evidence: Mapping[str, Evidence]) -> dict[str, str]:
    """Return the values that were read, as text. The list of what is affected stands beside them."""
    values = [(name, value) for name, value in evidence.items() if name != "affected"][:_VALUES]
    return {cut(one_line(name), LONGEST_KEY): cut(_written(value), _LONGEST_VALUE) for name, value in values}


def _written(value: Evidence) -> str:
    return one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
