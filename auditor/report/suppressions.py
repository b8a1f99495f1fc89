"""The suppressions of a run as display data: those that somebody has to look at come first."""

from collections.abc import Mapping

from auditor.facts.ref import Ref
from auditor.facts.text import Text, t
from auditor.judge.outcome import Outcome, SuppressionState, SuppressionStatus
from auditor.report.clean import one_line
from auditor.report.model import ObjectView, SuppressionStateView, listing
from auditor.report.speaker import Speaker

_OBJECTS = 5
_FOLDED = 15

WORDS: dict[SuppressionStatus, Text] = {
    SuppressionStatus.EXPIRED: t("expired"),
    SuppressionStatus.EXPIRING: t("expires soon"),
    SuppressionStatus.IGNORED: t("ignored"),
    SuppressionStatus.UNUSED: t("unused"),
    SuppressionStatus.ACTIVE: t("active"),
}
"""In the order in which they are shown."""


def suppression_views(outcome: Outcome, speaker: Speaker) -> tuple[SuppressionStateView, ...]:
    """Return what became of the suppressions of a run."""
    subjects = {finding.fingerprint: finding.subject for finding in outcome.findings}
    order = list(WORDS)
    states = sorted(outcome.suppressions, key=lambda state: order.index(state.status))
    return tuple(_view(state, subjects, speaker) for state in states)


def _view(state: SuppressionState, subjects: Mapping[str, Ref], speaker: Speaker) -> SuppressionStateView:
    matched = [speaker.object(subjects[one]) for one in state.fingerprints if one in subjects]
    return SuppressionStateView(
        status=speaker.word(WORDS, state.status),
        check=one_line(state.check),
        place=_place(state, speaker),
        reason=one_line(state.reason),
        owner=one_line(state.owner),
        expires=state.expires.isoformat() if state.expires else "",
        findings=state.findings,
        matched=listing(matched, shown=_OBJECTS, folded=_FOLDED),
        note=_note(state, matched, speaker),
    )


def _place(state: SuppressionState, speaker: Speaker) -> str:
    if not state.objects:
        return speaker.say(t("objects {pattern}, by the configuration", pattern=state.subject))
    names = [speaker.object(ref).label for ref in state.annotated[:_OBJECTS]]
    if state.objects > len(names):
        return speaker.say(
            t("annotation on {objects} and {count} more", objects=names, count=state.objects - len(names))
        )
    return speaker.say(t("annotation on {objects}", objects=names))


def _note(state: SuppressionState, matched: list[ObjectView], speaker: Speaker) -> str:
    """Say what is to be known beside the word for the status; empty if nothing is."""
    if state.problem is not None:
        return speaker.say(state.problem)
    if state.status is SuppressionStatus.EXPIRED and state.findings:
        names = [one.label for one in matched[:_OBJECTS]]
        more = state.findings - len(names)
        if more:
            return speaker.say(t("It would match {objects} and {count} more.", objects=names, count=more))
        return speaker.say(t("It would match {objects}.", objects=names))
    if not state.findings and not state.evaluated:
        return speaker.say(t("It matched nothing so far: not everything that it may match was looked at."))
    if not state.findings:
        return speaker.say(t("It matched nothing, and everything that it may match was looked at."))
    return ""
