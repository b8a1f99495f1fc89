"""What a chat message says, whatever the markup of its receiver, and how it is made to fit.

Everything is clean and on one line. It is not escaped: that is for each receiver's own markup.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from auditor.deliver.message import Kind, Message
from auditor.deliver.plain import cut
from auditor.deliver.wording import finding_line, headline, how_it_went, unmarked
from auditor.facts.text import Text, t
from auditor.judge.outcome import Lifecycle, ReportedFinding
from auditor.judge.verdicts import Severity
from auditor.report.model import GapView
from auditor.report.speaker import Speaker
from auditor.report.words import LIFECYCLES

Made = TypeVar("Made")

MARKS = {
    Severity.CRITICAL: "🔴",
    Severity.HIGH: "🟠",
    Severity.MEDIUM: "🟡",
    Severity.LOW: "🔵",
    Severity.INFO: "⚪",
}
"""What a severity is seen by from afar. Its word always stands beside it."""
GOOD, UNSURE, TEST = "🟢", "⚠️", "🔔"
"""Nothing is open; nothing is known to be open, but not everything was looked at; a test."""

BREAK = "\u200b"
"""A space without width. No text of a cluster has one: there it is written out."""
_ADDRESS = re.compile(r"(?i)(?<=:/)(?=/)|(?<=www)(?=\.)")
_BOUNDS = ((10, 300), (10, 200), (8, 160), (6, 160), (5, 160), (4, 120), (3, 120), (2, 120), (1, 120), (1, 60), (1, 30))
_BOUNDS_OF_ONE = ((8, 1200), (5, 600), (5, 300), (3, 160), (2, 100), (1, 60), (1, 30))
"""So many members of a list, and characters of a text, are tried one after the other until a message fits."""


@dataclass(frozen=True)
class Advice:
    """One step of a remedy. ``command`` is empty where there is none, or where it is too long to be shown whole."""

    text: str
    command: str


@dataclass(frozen=True)
class Point:
    """One finding. ``title`` says its severity as well."""

    mark: str
    title: str
    subject: str
    said: str
    why: str
    steps: tuple[Advice, ...]


@dataclass(frozen=True)
class Section:
    """A heading, and lines under it; the last one may say how many more there are."""

    heading: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Chat:
    """A message.

    Attributes:
        mark: shows the worst severity, or that all is well.
        headline: the cluster, what there is and what changed.
        severity: the worst one that is open; None where none is.
        about: lines about the run as a whole.
        points: the findings, worst first.
        more: says how many more there are; empty where there are none.
        sections: what is over, and what could not be looked at.
        footer: who says so, and of which run. It has ``ACK auditor``, for robots that ask for a keyword.
        link: where the run is shown; empty if nowhere.
        link_text: what the link is called.
        is_good: whether nothing is open and everything was looked at.
    """

    mark: str
    headline: str
    severity: Severity | None
    about: tuple[str, ...]
    points: tuple[Point, ...]
    more: str
    sections: tuple[Section, ...]
    footer: str
    link: str
    link_text: str
    is_good: bool

    @property
    def title(self) -> str:
        """The mark and the headline."""
        return f"{self.mark} {self.headline}"


def fitting(message: Message, make: Callable[[Chat], Made], fits: Callable[[Made], bool]) -> Made:
    """Return a message as a receiver takes it, with as much in it as fits.

    Args:
        message: what is to be said.
        make: puts it into the receiver's form.
        fits: whether the receiver takes what was made. The shortest form is returned whether it does or not.
    """
    is_single = message.kind in (Kind.FINDING, Kind.RESOLVED)
    *wider, narrowest = _BOUNDS_OF_ONE if is_single else _BOUNDS
    for most, longest in wider:
        made = make(tell(message, most, longest))
        if fits(made):
            return made
    return make(tell(message, *narrowest))


def tell(message: Message, most: int, longest: int) -> Chat:
    """Return what a message says, with so many members of each list and characters of each text at most."""
    return _Teller(message, most, longest).tell()


def without_links(text: str) -> str:
    """Return a text in which no program sees an address to make a link of; it looks the same."""
    return _ADDRESS.sub(BREAK, text)


class _Teller:
    def __init__(self, message: Message, most: int, longest: int) -> None:
        self._message = message
        self._most = most
        self._longest = longest
        self._speaker = Speaker(message.language, message.translate)
        self._is_single = message.kind in (Kind.FINDING, Kind.RESOLVED)

    def tell(self) -> Chat:
        message = self._message
        severity = min((one.severity for one in message.findings), key=lambda one: one.rank, default=None)
        is_test = message.kind is Kind.TEST
        shown = () if is_test else message.findings[: self._most]
        return Chat(
            mark=self._mark(severity),
            headline=self._cut(headline(message)),
            severity=severity,
            about=tuple(self._about()),
            points=tuple(self._point(finding) for finding in shown),
            more="" if is_test else self._more(len(message.findings) - len(shown)),
            sections=() if is_test else tuple(self._sections()),
            footer=self._footer(),
            link=message.link,
            link_text=self._say(t("The run on the auditor's site")),
            is_good=severity is None and self._is_sure(),
        )

    def _mark(self, severity: Severity | None) -> str:
        if self._message.kind is Kind.TEST:
            return TEST
        if severity is not None:
            return MARKS[severity]
        return GOOD if self._is_sure() else UNSURE

    def _is_sure(self) -> bool:
        message = self._message
        if message.kind is Kind.RESOLVED:
            return all(how_it_went(message, finding) == t("resolved") for finding in message.resolved)
        return message.kind is Kind.TEST or message.view.verdict.key == "healthy" or message.outcome.is_complete

    def _about(self) -> Iterator[str]:
        match self._message.kind:
            case Kind.TEST:
                yield self._say(t("This is a test of the ACK auditor: nothing has happened."))
            case Kind.REPORT:
                yield self._message.view.verdict.sentence
            case Kind.SNAPSHOT:
                yield self._say(t("All that is open now."))

    def _point(self, finding: ReportedFinding) -> Point:
        view = self._message.views[finding.fingerprint]
        title = t("{severity}: {title}", severity=view.severity.label, title=view.title or view.check)
        if finding.lifecycle is not Lifecycle.OPEN:
            title = t(
                "{severity}, {life}: {title}",
                severity=view.severity.label,
                life=LIFECYCLES[finding.lifecycle],
                title=view.title or view.check,
            )
        steps = view.remedy[: self._most if self._is_single else 1]
        return Point(
            mark=MARKS[finding.severity],
            title=self._cut(self._say(title)),
            subject=self._cut(view.subject.label),
            said=self._cut(unmarked(view.message)),
            why=self._cut(unmarked(view.why[0])) if self._is_single and view.why else "",
            # A command that is cut would do something else.
            steps=tuple(
                Advice(self._cut(unmarked(step.text)), step.command if len(step.command) <= self._longest else "")
                for step in steps
            ),
        )

    def _sections(self) -> Iterator[Section]:
        if self._message.resolved:
            yield Section(self._say(t("What is over")), tuple(self._over()))
        gaps = self._message.view.gaps
        if gaps and not self._is_single:
            lines = [self._cut(self._gap(gap)) for gap in gaps]
            yield Section(self._say(t("What could not be looked at")), tuple(self._listed(lines)))

    def _over(self) -> Iterator[str]:
        message = self._message
        resolved = message.resolved[: self._most]
        for finding in resolved:
            line = finding_line(message.views[finding.fingerprint])
            yield self._cut(self._say(t("{how}: {line}", how=how_it_went(message, finding), line=line)))
        if more := self._more(len(message.resolved) - len(resolved)):
            yield more

    def _gap(self, gap: GapView) -> str:
        checks = [check.title for check in gap.checks]
        if gap.missing:
            return self._say(
                t(
                    "{kind} ({source}): {missing}. Checks: {checks}",
                    kind=gap.kind.label,
                    source=gap.source,
                    missing=list(gap.missing),
                    checks=checks,
                )
            )
        return self._say(
            t("{kind} ({source}). Checks: {checks}", kind=gap.kind.label, source=gap.source, checks=checks)
        )

    def _listed(self, lines: Sequence[str]) -> list[str]:
        more = self._more(len(lines) - self._most)
        return [*lines[: self._most], *([more] if more else [])]

    def _footer(self) -> str:
        run = self._message.view.run
        parts = ("ACK auditor", run.region, run.cluster_id, run.observed.local, run.id)
        return " · ".join(self._cut(part) for part in parts if part)

    def _more(self, count: int) -> str:
        return self._say(t("… and {count} more", count=count)) if count > 0 else ""

    def _cut(self, text: str) -> str:
        return cut(text, self._longest)

    def _say(self, text: Text) -> str:
        return self._speaker.say(text)
