"""The trend of a cluster as a drawing: a bar for each run, stacked by severity. Plain numbers, for a template."""

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.judge.verdicts import Severity
from auditor.ledger.records import RunRecord

_LEAST_SHARE = 0.5
_GAP = 0.25
"""The share of a bar's room that is left between two bars."""


@dataclass(frozen=True)
class Piece:
    """The part of a bar that stands for one severity, from the top left corner."""

    severity: str
    y: float
    height: float


@dataclass(frozen=True)
class Bar:
    """A run. One that could not look at anything has no pieces, which is not the same as one that found nothing."""

    run_id: str
    x: float
    width: float
    pieces: tuple[Piece, ...]
    is_complete: bool
    is_blind: bool
    total: int

    @property
    def is_clear(self) -> bool:
        """Whether the run looked, and found nothing."""
        return not self.total and not self.is_blind


@dataclass(frozen=True)
class Trend:
    """The bars, and what a reader is told who does not see them."""

    width: float
    height: float
    bars: tuple[Bar, ...]
    runs: tuple[RunRecord, ...]
    first: int
    last: int
    most: int


def trend_of(runs: Sequence[RunRecord], width: float, height: float, room: int) -> Trend:
    """Return the trend of finished runs, the oldest first.

    Args:
        runs: as the ledger has them.
        width: of the drawing; as many bars fit as ``room`` says, and those of a short history are no broader.
        height: of the drawing.
        room: how many bars fit.
    """
    shown = _of_all_checks(runs)[-room:]
    most = max((sum(run.counts.values()) for run in shown), default=0)
    step = width / room
    bars = tuple(_bar(run, number * step, step * (1 - _GAP), height, most) for number, run in enumerate(shown))
    totals = [bar.total for bar in bars if not bar.is_blind]
    return Trend(
        width=width,
        height=height,
        bars=bars,
        runs=tuple(shown),
        first=totals[0] if totals else 0,
        last=totals[-1] if totals else 0,
        most=most,
    )


def _bar(run: RunRecord, x: float, width: float, height: float, most: int) -> Bar:
    pieces = []
    bottom = height
    for severity in reversed(Severity):
        number = run.counts.get(severity.value, 0)
        if number:
            part = height * number / most
            bottom -= part
            pieces.append(Piece(severity.value, round(bottom, 2), round(part, 2)))
    return Bar(
        run_id=run.id,
        x=round(x, 2),
        width=round(width, 2),
        pieces=tuple(pieces),
        is_complete=bool(run.complete),
        is_blind=not run.checks.get("passed") and not run.checks.get("found"),
        total=sum(run.counts.values()),
    )


def _of_all_checks(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """Leave out runs of a few chosen checks: that they found less does not mean that there was less."""
    most = max((sum(run.checks.values()) for run in runs), default=0)
    return [run for run in runs if sum(run.checks.values()) >= _LEAST_SHARE * most]
