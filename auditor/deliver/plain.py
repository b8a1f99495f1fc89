"""A finding in plain, clean words, for tools that take text and have no markup of their own."""

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.deliver.message import Message
from auditor.facts.ref import Layer
from auditor.judge.outcome import ReportedFinding
from auditor.report.clean import one_line
from auditor.report.speaker import Speaker
from auditor.report.words import HOP_STATES

ELLIPSIS = "…"


@dataclass(frozen=True)
class PlainFinding:
    """What there is to say of a finding. Everything is on one line and clean, but for ``why`` with its paragraphs.

    ``name`` is what the subject is called for ever: a cloud resource is called by its id, as its name can be changed.
    """

    title: str
    subject: str
    name: str
    message: str
    why: str
    remedy: tuple[str, ...]
    trail: tuple[str, ...]


def plain(finding: ReportedFinding, message: Message) -> PlainFinding:
    """Return a finding in plain words, in the language of a message. It need not be one of the message's run."""
    speaker = Speaker(message.language, message.translate)
    subject = finding.subject
    title = next((check.title for check in message.outcome.checks if check.id == finding.check), "")
    return PlainFinding(
        title=one_line(message.translate(title) if title else finding.check),
        subject=speaker.object(subject).label,
        name=one_line(subject.id if subject.layer is Layer.CLOUD and subject.id else subject.name),
        message=speaker.say(finding.message),
        why="\n\n".join(speaker.paragraphs(finding.why)),
        remedy=tuple(
            line
            for step in finding.remedy
            for line in (speaker.say(step.text), f"$ {one_line(step.command)}" if step.command else "")
            if line
        ),
        trail=tuple(
            f"{speaker.object(hop.ref).label}: {speaker.say(hop.detail or HOP_STATES[hop.state])} [{hop.state.value}]"
            for hop in finding.trail
        ),
    )


def cut(text: str, most: int) -> str:
    """Return a text of at most so many characters; that it was cut shows at its end."""
    return text if len(text) <= most else text[: most - len(ELLIPSIS)] + ELLIPSIS


def kept(lines: Sequence[str], most: int) -> list[str]:
    """Return the first lines, and instead of those left out their number."""
    return list(lines) if len(lines) <= most else [*lines[:most], f"{ELLIPSIS} (+{len(lines) - most})"]
