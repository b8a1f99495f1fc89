"""What could not be looked at, grouped by cause: one missing permission is one entry, whatever it touches."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from auditor.facts.ref import Ref
from auditor.facts.table import Reason, ReasonKind
from auditor.judge.outcome import CheckResult
from auditor.report.clean import one_line
from auditor.report.model import CheckName, GapView, listing
from auditor.report.speaker import Speaker
from auditor.report.words import ADVICE, REASON_KINDS, command_for

_MESSAGES = 3
_SUBJECTS = 12
_FOLDED = 200

_Cause = tuple[ReasonKind, str, tuple[str, ...]]


@dataclass
class _Gap:
    messages: dict[str, None] = field(default_factory=dict)
    checks: dict[str, CheckResult] = field(default_factory=dict)
    subjects: dict[Ref, None] = field(default_factory=dict)


def group_gaps(checks: Iterable[CheckResult], speaker: Speaker) -> tuple[list[GapView], list[GapView]]:
    """Return the gaps of a run, and apart from them what the operator switched off.

    The gap that touches most checks comes first.
    """
    gaps: dict[_Cause, _Gap] = {}
    for check in checks:
        for reason in check.reasons:
            gap = gaps.setdefault(_cause(reason), _Gap())
            gap.messages[speaker.say(reason.message)] = None
            gap.checks[check.id] = check
        for unseen in check.unseen:
            for reason in unseen.reasons:
                gaps.setdefault(_cause(reason), _Gap()).subjects[unseen.subject] = None
    views = [_view(cause, gap, speaker) for cause, gap in sorted(gaps.items(), key=_order)]
    off = [view for view in views if view.kind.key == ReasonKind.SWITCHED_OFF]
    return [view for view in views if view.kind.key != ReasonKind.SWITCHED_OFF], off


def _cause(reason: Reason) -> _Cause:
    return reason.kind, reason.source, reason.missing


def _order(item: tuple[_Cause, _Gap]) -> tuple[int, int, str, tuple[str, ...]]:
    (kind, source, missing), gap = item
    return -len(gap.checks), list(ReasonKind).index(kind), source, missing


def _view(cause: _Cause, gap: _Gap, speaker: Speaker) -> GapView:
    kind, source, missing = cause
    return GapView(
        kind=speaker.word(REASON_KINDS, kind),
        source=one_line(source),
        missing=tuple(one_line(permission) for permission in missing),
        messages=listing(list(gap.messages), shown=_MESSAGES, folded=_FOLDED),
        checks=tuple(CheckName(check.id, one_line(speaker.translate(check.title))) for check in gap.checks.values()),
        subjects=listing([speaker.object(ref) for ref in gap.subjects], shown=_SUBJECTS, folded=_FOLDED),
        advice=speaker.say(ADVICE[kind]),
        command=command_for(kind, source),
    )
