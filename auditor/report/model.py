"""The view model: a report as plain display data, in words of one language, ready for any format.

Every string is clean (:mod:`auditor.report.clean`); a :class:`Word` keeps, beside the word, the fixed key that a
format may style by.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Word:
    """A fixed name: its key, which is part of ``report.json``, and the word for it."""

    key: str
    label: str


@dataclass(frozen=True)
class Moment:
    """A point in time: RFC 3339 in UTC, and as a person reads it, in the time zone of the auditor."""

    utc: str
    local: str


@dataclass(frozen=True)
class Listing(Generic[T]):
    """A list that may be long: what is shown, what is folded away, and how many more there are."""

    shown: tuple[T, ...] = ()
    folded: tuple[T, ...] = ()
    more: int = 0

    @property
    def total(self) -> int:
        """How many there are in all."""
        return len(self.shown) + self.hidden

    @property
    def hidden(self) -> int:
        """How many are not shown at once."""
        return len(self.folded) + self.more


def listing(members: Sequence[T], *, shown: int, folded: int = 0) -> Listing[T]:
    """Make a listing that shows so many and folds away so many more; the others are counted."""
    listed = shown + folded
    return Listing(tuple(members[:shown]), tuple(members[shown:listed]), max(0, len(members) - listed))


@dataclass(frozen=True)
class ObjectView:
    """An object. ``id`` is empty where it says no more than the path."""

    layer: Word
    kind: str
    path: str
    id: str

    @property
    def label(self) -> str:
        """Kind, path and id on one line."""
        name = f"{self.kind} {self.path}"
        return f"{name} ({self.id})" if self.id else name


@dataclass(frozen=True)
class HopView:
    """One hop of a trail."""

    object: ObjectView
    state: Word
    detail: str


@dataclass(frozen=True)
class EvidenceView:
    """One value that was read, as lines."""

    name: str
    lines: Listing[str]


@dataclass(frozen=True)
class StepView:
    """One step of a remedy; ``command`` is empty where there is none."""

    text: str
    command: str


@dataclass(frozen=True)
class SuppressionView:
    """Why a finding does not count; ``annotated`` is the object on which that is written, if it is on one."""

    reason: str
    owner: str
    expires: str
    annotated: ObjectView | None = None


@dataclass(frozen=True)
class SuppressionStateView:
    """One suppression, and what became of it. ``place`` says what it is about, and where it is written."""

    status: Word
    check: str
    place: str
    reason: str
    owner: str
    expires: str
    findings: int
    matched: Listing[ObjectView]
    note: str


@dataclass(frozen=True)
class FindingView:
    """One finding."""

    fingerprint: str
    check: str
    title: str
    severity: Word
    certainty: Word
    lifecycle: Word
    subject: ObjectView
    message: str
    why: tuple[str, ...]
    trail: tuple[HopView, ...]
    evidence: tuple[EvidenceView, ...]
    remedy: tuple[StepView, ...]
    affected: Listing[ObjectView]
    first_seen: Moment | None
    last_seen: Moment | None
    suppression: SuppressionView | None


@dataclass(frozen=True)
class SeverityGroup:
    """The findings of one severity that count."""

    severity: Word
    findings: tuple[FindingView, ...]


@dataclass(frozen=True)
class CheckName:
    """A check's id and its title."""

    id: str
    title: str


@dataclass(frozen=True)
class GapView:
    """One cause for which something could not be looked at, and all that it touches.

    ``checks`` are those with this gap; ``subjects`` the objects that are known to have gone unseen for it. Where
    a whole table is missing nobody knows its objects, and ``subjects`` is empty.
    """

    kind: Word
    source: str
    missing: tuple[str, ...]
    messages: Listing[str]
    checks: tuple[CheckName, ...]
    subjects: Listing[ObjectView]
    advice: str
    command: str


@dataclass(frozen=True)
class CheckView:
    """What one check came to."""

    id: str
    title: str
    severity: Word
    status: Word
    subjects: int
    findings: int
    gaps: int


@dataclass(frozen=True)
class AreaView:
    """The checks of one subject area."""

    name: str
    checks: tuple[CheckView, ...]


@dataclass(frozen=True)
class SourceView:
    """What asking one source brought and cost."""

    source: str
    layer: Word
    state: Word
    items: int
    calls: int
    retries: int
    seconds: str
    reasons: Listing[str]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Count:
    """How many of what."""

    word: Word
    number: int


@dataclass(frozen=True)
class RunView:
    """Which run this is. ``observed`` is when the cluster was looked at: for a saved landscape, long before."""

    id: str
    cluster: str
    cluster_id: str
    region: str
    trigger: str
    observed: Moment
    duration: str


@dataclass(frozen=True)
class Verdict:
    """The report in one sentence. ``key``: ``faults``, ``incomplete``, ``nothing`` or ``healthy``."""

    key: str
    sentence: str


@dataclass(frozen=True)
class UndeliveredView:
    """A message about the cluster that was given up."""

    channel: str
    kind: str
    given_up: Moment
    error: str


@dataclass(frozen=True)
class ReportView:
    """A whole report."""

    language: str
    auditor_version: str
    run: RunView
    verdict: Verdict
    is_complete: bool
    severities: tuple[Count, ...]
    statuses: tuple[Count, ...]
    lifecycles: tuple[Count, ...]
    gaps: tuple[GapView, ...]
    groups: tuple[SeverityGroup, ...]
    suppressed: tuple[FindingView, ...]
    resolved: tuple[FindingView, ...]
    switched_off: tuple[GapView, ...]
    areas: tuple[AreaView, ...]
    collection: tuple[SourceView, ...]
    suppressions: tuple[SuppressionStateView, ...] = ()
    undelivered: tuple[UndeliveredView, ...] = ()
