"""Verdicts: what a check says of one subject."""

import re
import shlex
from enum import StrEnum

import msgspec

from auditor.facts.ref import Layer, Ref
from auditor.facts.table import Reason, ReasonKind
from auditor.facts.text import Text

_TO_FILL_IN = re.compile(r"<[a-z][a-z0-9 =/-]{0,40}>")
Evidence = str | int | float | bool | None | list[str] | dict[str, int | str]
"""A value that was read and that the verdict rests on."""


class Severity(StrEnum):
    """How bad a finding is. The values are part of ``report.json``."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


class Certainty(StrEnum):
    """How sure a finding is. The values are part of ``report.json``."""

    CONFIRMED = "confirmed"
    LIKELY = "likely"
    AT_RISK = "at_risk"

    @property
    def rank(self) -> int:
        """0 for the surest."""
        return list(Certainty).index(self)


class HopState(StrEnum):
    """What a hop of a trail is like. The values are part of ``report.json``."""

    OK = "ok"
    BROKEN = "broken"
    UNKNOWN = "unknown"


class Hop(msgspec.Struct, frozen=True):
    """One object on the chain that a finding runs along, with the value that was read there."""

    ref: Ref
    state: HopState
    detail: Text | None = None


def ok(ref: Ref, detail: Text | None = None) -> Hop:
    """Make a hop that is in order."""
    return Hop(ref, HopState.OK, detail)


def broken(ref: Ref, detail: Text | None = None) -> Hop:
    """Make the hop at which the chain breaks."""
    return Hop(ref, HopState.BROKEN, detail)


def unknown(ref: Ref, detail: Text | None = None) -> Hop:
    """Make a hop of which nothing certain is known."""
    return Hop(ref, HopState.UNKNOWN, detail)


class Step(msgspec.Struct, frozen=True):
    """One step of a remedy: what to do and, where one is right, the command to do or to confirm it."""

    text: Text
    command: str = ""


def step(text: Text, *command: str) -> Step:
    """Make a step. The words of the command are quoted for a shell, so that no name can smuggle in another.

    A few plain words in angle brackets (``<new-zone>``) are for the reader to fill in and are left as they are.
    """
    words = [word if _TO_FILL_IN.fullmatch(word) else shlex.quote(word) for word in command]
    return Step(text, " ".join(words))


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A fault, or the risk of one, on a subject.

    ``fault`` tells apart several faults that one check finds on one subject; it is part of the fingerprint, so
    it never changes. Findings of one check with the same subject and fault are one: the engine joins what they
    affect, and keeps the worst severity and the surest certainty. In ``message`` and ``why`` the places
    ``{affected}`` and ``{count}`` are filled with the objects affected. ``severity`` None takes the check's.
    """

    subject: Ref
    message: Text
    certainty: Certainty = Certainty.CONFIRMED
    severity: Severity | None = None
    fault: str = ""
    why: Text | None = None
    remedy: tuple[Step, ...] = ()
    trail: tuple[Hop, ...] = ()
    evidence: dict[str, Evidence] = {}
    affected: tuple[Ref, ...] = ()


class Passed(msgspec.Struct, frozen=True):
    """The subject was looked at and is in order."""


class NotApplicable(msgspec.Struct, frozen=True):
    """The rule has nothing to say of the subject."""

    why: Text | None = None


class NotEvaluated(msgspec.Struct, frozen=True):
    """The subject could not be looked at. Raising :class:`~auditor.facts.table.NotKnown` means the same."""

    reasons: tuple[Reason, ...]


Verdict = Finding | Passed | NotApplicable | NotEvaluated


def undecidable(source: str, message: Text) -> NotEvaluated:
    """Say that everything was read, and that it does not decide."""
    return NotEvaluated((Reason(source, ReasonKind.UNDECIDABLE, message),))


__all__ = [
    "Certainty",
    "Evidence",
    "Finding",
    "Hop",
    "HopState",
    "Layer",
    "NotApplicable",
    "NotEvaluated",
    "Passed",
    "Severity",
    "Step",
    "Verdict",
    "broken",
    "ok",
    "step",
    "undecidable",
    "unknown",
]
