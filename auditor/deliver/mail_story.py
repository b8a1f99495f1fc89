"""What a mail tells: the same story for its plain text and for its HTML, as clean display data."""

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.deliver.message import Kind, Message
from auditor.deliver.wording import changes, finding_line, headline, how_it_went, severity_counts
from auditor.facts.text import Text, t
from auditor.judge.outcome import Lifecycle
from auditor.judge.verdicts import Severity
from auditor.report.model import Count, FindingView, GapView
from auditor.report.speaker import Speaker
from auditor.report.words import SEVERITIES

_SINGLE = (Kind.FINDING, Kind.RESOLVED)


@dataclass(frozen=True)
class Story:
    """A mail in words of one language.

    Attributes:
        headline: what the subject says as well.
        tone: by what the banner is coloured: the key of a verdict, or ``neutral``.
        banner: the mail in one sentence.
        counts: findings by severity; empty where the mail is about one.
        changes: what changed, in one line; may be empty.
        notes: what else a reader has to know to read the mail rightly.
        findings: worst first.
        gone: a line for each that is gone or no longer reported.
        gone_in_full: the same ones.
        in_full: whether the mail is about one finding, and tells all of it.
        more_words: what follows a list that was cut; it has the place ``{count}``.
        attached: names of files.
        left_out: a sentence for each attachment that there was to be and is not.
    """

    language: str
    headline: str
    tone: str
    banner: str
    cluster: str
    place: str
    observed: str
    trigger: str
    counts: tuple[Count, ...]
    changes: str
    notes: tuple[str, ...]
    findings: tuple[FindingView, ...]
    gone: tuple[str, ...]
    gone_in_full: tuple[FindingView, ...]
    gaps: tuple[GapView, ...]
    in_full: bool
    more_words: str
    link: str
    attached: tuple[str, ...]
    left_out: tuple[str, ...]
    run_id: str
    version: str

    def more(self, count: int) -> str:
        """Return what is said instead of so many that are not listed."""
        return Text(self.more_words, {"count": count}).render()


def tell(message: Message, attached: Sequence[str] = (), left_out: Sequence[str] = ()) -> Story:
    """Return the story of a message."""
    speaker = Speaker(message.language, message.translate)
    view = message.view
    is_single = message.kind in _SINGLE
    tone, banner = _banner(message, speaker)
    return Story(
        language=message.language,
        headline=headline(message),
        tone=tone,
        banner=banner,
        cluster=view.run.cluster,
        place=" · ".join(part for part in (view.run.region, view.run.cluster_id) if part),
        observed=view.run.observed.local,
        trigger=view.run.trigger,
        counts=() if is_single else _counts(message, speaker),
        changes=speaker.translate(", ").join(changes(message)) if message.kind is Kind.REPORT else "",
        notes=() if is_single else tuple(_notes(message, speaker)),
        findings=tuple(message.views[finding.fingerprint] for finding in message.findings),
        gone=tuple(_gone(message, speaker)),
        gone_in_full=tuple(message.views[finding.fingerprint] for finding in message.resolved),
        gaps=() if is_single else view.gaps,
        in_full=is_single,
        more_words=speaker.translate(_more_words(message, attached)),
        link=message.link,
        attached=tuple(attached),
        left_out=tuple(left_out),
        run_id=view.run.id,
        version=view.auditor_version,
    )


def _banner(message: Message, speaker: Speaker) -> tuple[str, str]:
    view = message.view
    changed = changes(message)
    tone = _tone(message)
    match message.kind:
        case Kind.TEST:
            said = t("This is a test of the ACK auditor: nothing has happened.")
            return (
                "neutral",
                f"{speaker.say(said)} {speaker.say(t('What follows is the audit of an invented cluster.'))}",
            )
        case Kind.FINDING | Kind.RESOLVED:
            return tone, speaker.say(_single(message))
        case Kind.BATCH:
            return tone, speaker.say(t("What changed with this run: {changes}.", changes=changed))
        case Kind.DIGEST:
            return tone, speaker.say(t("More changed than is sent in single mails: {changes}.", changes=changed))
        case Kind.SNAPSHOT:
            return tone, speaker.say(t("All that is open now."))
        case Kind.REPORT:
            return view.verdict.key, view.verdict.sentence


def _tone(message: Message) -> str:
    if any(finding.severity is not Severity.INFO for finding in message.findings):
        return "faults"
    return "neutral" if message.findings else "healthy"


def _single(message: Message) -> Text:
    if message.findings:
        is_back = message.findings[0].lifecycle is Lifecycle.REOPENED
        return t("A fault is back that was resolved before.") if is_back else t("A fault was found.")
    how = how_it_went(message, message.resolved[0]) if message.resolved else t("resolved")
    if how == t("resolved"):
        return t("A fault is gone: the audit looked there again, and did not find it.")
    return t("This finding is over for this channel, and still there: {how}.", how=how)


def _counts(message: Message, speaker: Speaker) -> tuple[Count, ...]:
    if message.kind in (Kind.REPORT, Kind.TEST):
        return message.view.severities
    counts = severity_counts(message.findings)
    if not counts:
        return ()
    return tuple(Count(speaker.word(SEVERITIES, severity), counts.get(severity, 0)) for severity in Severity)


def _notes(message: Message, speaker: Speaker) -> list[str]:
    notes = []
    told = {finding.fingerprint for finding in message.findings}
    others = [finding for finding in message.outcome.counting if finding.fingerprint not in told]
    if others and message.kind is Kind.REPORT:
        counts = [
            speaker.say(t("{count} {severity}", count=count, severity=SEVERITIES[severity]))
            for severity, count in severity_counts(others).items()
        ]
        said = speaker.translate(", ").join(counts)
        notes.append(speaker.say(t("Findings that are not routed to this channel: {counts}.", counts=said)))
    if message.outcome.unevaluated:
        count = len(message.outcome.unevaluated)
        notes.append(
            speaker.say(
                t("Findings of earlier runs that could not be looked at, and are not resolved: {count}.", count=count)
            )
        )
    return notes


def _gone(message: Message, speaker: Speaker) -> list[str]:
    return [
        speaker.say(
            t(
                "{how}: {line}",
                how=how_it_went(message, finding),
                line=finding_line(message.views[finding.fingerprint]),
            )
        )
        for finding in message.resolved
    ]


def _more_words(message: Message, attached: Sequence[str]) -> str:
    if attached:
        return t("… and {count} more in the attached report").key
    if message.link:
        return t("… and {count} more on the auditor's site").key
    return t("… and {count} more").key
