"""The words that all channels share: a message in one line, a finding in one line, and a list of them.

Everything that is returned is clean and on one line; what a receiver's markup gives a meaning to its channel escapes.
"""

from collections.abc import Sequence

from auditor.deliver.message import Kind, Message
from auditor.facts.text import Text, t
from auditor.judge.outcome import Lifecycle, ReportedFinding
from auditor.judge.verdicts import Severity
from auditor.report.clean import code_spans
from auditor.report.model import FindingView
from auditor.report.speaker import Speaker
from auditor.report.words import SEVERITIES

_SINGLE = (Kind.FINDING, Kind.RESOLVED)


def headline(message: Message) -> str:
    """Return a message in one line: the cluster, what there is and what changed.

    Such as ``shop-prod: 2 critical, 1 high (3 new, 1 resolved)``. What is counted is what the message is about, so
    what is routed elsewhere is not. That an audit is incomplete is always said, but for single findings.
    """
    speaker = _speaker(message)
    if message.kind is Kind.TEST:
        return speaker.say(t("Test message of the ACK auditor"))
    said = _single(message) if message.kind in _SINGLE and message.all_findings else _counted(message, speaker)
    return speaker.say(t("{cluster}: {said}", cluster=message.outcome.cluster.name, said=said))


def finding_line(view: FindingView) -> str:
    """Return a finding in one line: its severity, what was found, and on what."""
    return f"[{view.severity.label}] {unmarked(view.message)} · {view.subject.label}"


def unmarked(text: str) -> str:
    """Return a text without the double backticks in which code stands, for where code can't be shown as such."""
    return "".join(part for part, _ in code_spans(text))


def lines(message: Message, most: int) -> list[str]:
    """Return what a message is about, a line for each finding, worst first, then what is gone.

    Args:
        message: the message.
        most: so many findings are listed; a further line then says how many more there are.
    """
    speaker = _speaker(message)
    listed = [finding_line(message.views[finding.fingerprint]) for finding in message.findings[:most]]
    for finding in message.resolved[: most - len(listed)]:
        line = finding_line(message.views[finding.fingerprint])
        listed.append(speaker.say(t("{how}: {line}", how=how_it_went(message, finding), line=line)))
    more = len(message.all_findings) - len(listed)
    return [*listed, speaker.say(t("… and {count} more", count=more))] if more else listed


def changes(message: Message) -> list[str]:
    """Return what changed, such as ``3 new`` and ``1 resolved``; nothing of what stayed as it was.

    A report counts what is new in the run. Any other message is about what its channel was not told before, so that
    whatever is not reopened is new to it.
    """
    speaker = _speaker(message)
    is_report = message.kind in (Kind.REPORT, Kind.TEST)
    reopened = sum(finding.lifecycle is Lifecycle.REOPENED for finding in message.findings)
    new = sum(
        finding.lifecycle is Lifecycle.NEW or (finding.lifecycle is Lifecycle.OPEN and not is_report)
        for finding in message.findings
    )
    set_aside = sum(_is_there(message, finding) for finding in message.resolved)
    counted = (
        (0 if message.kind is Kind.SNAPSHOT else new, t("{count} new", count=new)),
        (reopened, t("{count} reopened", count=reopened)),
        (len(message.resolved) - set_aside, t("{count} resolved", count=len(message.resolved) - set_aside)),
        (set_aside, t("{count} no longer reported", count=set_aside)),
    )
    return [speaker.say(text) for count, text in counted if count]


def severity_counts(findings: Sequence[ReportedFinding]) -> dict[Severity, int]:
    """Count findings by severity, worst first; severities that none has are left out."""
    counts = {severity: sum(finding.severity is severity for finding in findings) for severity in Severity}
    return {severity: count for severity, count in counts.items() if count}


def how_it_went(message: Message, finding: ReportedFinding) -> Text:
    """Return the word for a finding of ``message.resolved``: not all of them were seen to be gone.

    What was suppressed since, or is not routed to the channel any more, is over for the channel and still there.
    """
    if not _is_there(message, finding):
        return t("resolved")
    return t("suppressed") if finding.suppression else t("no longer reported here")


def _single(message: Message) -> Text:
    finding = message.all_findings[0]
    view = message.views[finding.fingerprint]
    title, subject = unmarked(view.title or view.check), view.subject.label
    if message.kind is Kind.RESOLVED:
        return t("{how}: {title}: {subject}", how=how_it_went(message, finding), title=title, subject=subject)
    severity = SEVERITIES[finding.severity]
    if finding.lifecycle is Lifecycle.REOPENED:
        return t("{severity}, reopened: {title}: {subject}", severity=severity, title=title, subject=subject)
    return t("{severity}: {title}: {subject}", severity=severity, title=title, subject=subject)


def _counted(message: Message, speaker: Speaker) -> Text | str:
    changed = _joined(changes(message), speaker)
    if not message.findings:
        is_only_change = changed and message.kind is not Kind.REPORT
        said = changed if is_only_change else _with_changes(_nothing(message), changed)
        # A mail program cuts a long subject: that something went unseen must not be what is cut off.
        return said if message.outcome.is_complete else t("audit incomplete, {said}", said=said)
    counts = [
        speaker.say(t("{count} {severity}", count=count, severity=SEVERITIES[severity]))
        for severity, count in severity_counts(message.findings).items()
    ]
    said = _with_changes(_joined(counts, speaker), changed)
    return said if message.outcome.is_complete else t("{said}, audit incomplete", said=said)


def _with_changes(said: Text | str, changed: str) -> Text | str:
    return t("{said} ({changes})", said=said, changes=changed) if changed else said


def _joined(parts: Sequence[str], speaker: Speaker) -> str:
    return speaker.translate(", ").join(parts)


def _nothing(message: Message) -> Text:
    others = sum(finding.severity is not Severity.INFO for finding in message.outcome.counting)
    if others:
        return t("nothing for this channel, other findings: {count}", count=others)
    if message.view.verdict.key == "nothing":
        return t("nothing could be judged")
    if unseen := len(message.outcome.unevaluated):
        return t("nothing new, no longer evaluated: {count}", count=unseen)
    return t("no faults found")


def _is_there(message: Message, finding: ReportedFinding) -> bool:
    return any(finding.fingerprint == one.fingerprint for one in message.outcome.findings)


def _speaker(message: Message) -> Speaker:
    return Speaker(message.language, message.translate)
