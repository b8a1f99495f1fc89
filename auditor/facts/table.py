"""Fact tables: what one API call family said, and, as plainly, what it did not say.

A table is *known*, *partial* (rows are missing, and the gaps say which and why) or *unavailable*. There is no
empty default: whoever asks for a row that a gap may hide gets :class:`NotKnown`, never ``None``.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

import msgspec

from auditor.facts.text import Text, t


class ReasonKind(StrEnum):
    """Why something is not known. The values are part of ``report.json``."""

    FORBIDDEN = "forbidden"
    THROTTLED = "throttled"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    MALFORMED = "malformed"
    TRUNCATED = "truncated"
    ERROR = "error"
    UNSUPPORTED = "unsupported"
    UNDECIDABLE = "undecidable"
    SWITCHED_OFF = "switched_off"

    @classmethod
    def _missing_(cls, value: object) -> "ReasonKind | None":
        """Take a kind that only a later version knows, from its landscape file, for one that this can't class."""
        return cls.UNSUPPORTED if isinstance(value, str) else None


class Reason(msgspec.Struct, frozen=True):
    """Why something is not known.

    ``source`` is the API that was asked (``ecs``, ``kubernetes``); ``missing`` lists the permissions to grant
    (``ecs:DescribeDisks``, ``list pods``), and is empty where no permission is the cause.
    """

    source: str
    kind: ReasonKind
    message: Text
    missing: tuple[str, ...] = ()


class Gap(msgspec.Struct, frozen=True):
    """Rows of a table that are not known: those with the given keys, or, with ``keys`` None, any further row."""

    reason: Reason
    keys: frozenset[str] | None = None

    def hides(self, key: str) -> bool:
        """Tell whether the row with this key may be among the unknown ones."""
        return self.keys is None or key in self.keys


class NotKnown(Exception):  # noqa: N818 - a state of knowledge, not an error
    """A fact was asked for that is not known. Carries why."""

    def __init__(self, *reasons: Reason) -> None:
        """Take one reason or several."""
        super().__init__("; ".join(str(reason.message) for reason in reasons))
        self.reasons = reasons


class State(StrEnum):
    """How much of a table is known. The values are part of ``report.json``."""

    KNOWN = "known"
    PARTIAL = "partial"
    UNAVAILABLE = "unavailable"


class Row(Protocol):
    """What every row of a table has: a key that is unique in its table."""

    @property
    def key(self) -> str:
        """The identity of the row in its table."""


R = TypeVar("R", bound=Row)


class Table(Generic[R]):
    """The rows of one family of objects, with the gaps in what is known of it."""

    def __init__(
        self,
        name: str,
        rows: Iterable[R] = (),
        *,
        gaps: Iterable[Gap] = (),
        asked: Iterable[str] | None = None,
        unavailable: bool = False,
    ) -> None:
        """Make a table.

        Args:
            name: the name by which checks ask for it.
            rows: what was read.
            gaps: what was not, and why.
            asked: the keys that were asked for one by one; None when the whole family was listed. A key that
                was not asked for is not known, even in a table without gaps.
            unavailable: nothing at all could be read; needs a gap.
        """
        self.name = name
        self.gaps = tuple(gaps)
        self.asked = None if asked is None else frozenset(asked)
        self.is_unavailable = unavailable
        self._rows = list(rows)
        self._by_key: dict[str, R] | None = None
        self._groups: dict[str, dict[object, list[R]]] = {}

    @classmethod
    def unavailable(cls, name: str, *reasons: Reason) -> "Table[R]":
        """Make a table of which nothing is known."""
        return cls(name, gaps=[Gap(reason) for reason in reasons], unavailable=True)

    @property
    def state(self) -> State:
        """How much is known."""
        if self.is_unavailable:
            return State.UNAVAILABLE
        return State.PARTIAL if self.gaps else State.KNOWN

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why rows are missing; empty for a known table."""
        return tuple(gap.reason for gap in self.gaps)

    def __len__(self) -> int:
        """Return the number of rows that were read."""
        return len(self._rows)

    def all(self) -> Sequence[R]:
        """Return every row. Raises NotKnown if any row may be missing: use it to say that something is absent.

        In a table that was filled key by key these are the rows of the keys that were asked for, and no more.
        """
        if self.gaps:
            raise NotKnown(*self.reasons)
        return self._rows

    def known_rows(self) -> Sequence[R]:
        """Return the rows that were read, though others may be missing.

        For ``subjects`` of a check, whose tables' gaps the engine reports by itself, and for a search that
        ends with the first hit. Raises NotKnown if the table is unavailable.
        """
        if self.is_unavailable:
            raise NotKnown(*self.reasons)
        return self._rows

    def get(self, key: str) -> R | None:
        """Return the row with this key, or None if there is none. Raises NotKnown if a gap may hide it."""
        if self._by_key is None:
            self._by_key = {row.key: row for row in self._rows}
        row = self._by_key.get(key)
        if row is None:
            self._ensure_covered(key)
        return row

    def where(self, index: str, by: Callable[[R], object], value: object) -> Sequence[R]:
        """Return all rows with ``by(row) == value``, through an index that is built once under the name given.

        Raises NotKnown if any row may be missing.
        """
        if self.gaps:
            raise NotKnown(*self.reasons)
        return self.known_where(index, by, value)

    def known_where(self, index: str, by: Callable[[R], object], value: object) -> Sequence[R]:
        """Return the rows that were read with ``by(row) == value``, though others may be missing."""
        rows = self.known_rows()
        if index not in self._groups:
            groups: dict[object, list[R]] = {}
            for row in rows:
                groups.setdefault(by(row), []).append(row)
            self._groups[index] = groups
        return self._groups[index].get(value, [])

    def __iter__(self) -> Iterator[R]:
        """Iterate as :meth:`all` does, so that a loop can't overlook a gap."""
        return iter(self.all())

    def _ensure_covered(self, key: str) -> None:
        hiding = [gap.reason for gap in self.gaps if gap.hides(key)]
        if hiding:
            raise NotKnown(*hiding)
        if self.asked is not None and key not in self.asked:
            raise NotKnown(
                Reason(
                    self.name,
                    ReasonKind.ERROR,
                    t("{table} were not asked for {key}", table=self.name, key=key),
                )
            )


V = TypeVar("V")


def said(value: V | None, source: str, what: Text) -> V:
    """Return a value that an answer should have had. Raises NotKnown (malformed) if it was left out.

    ``what`` names the value and its object: ``t("the zone of disk {disk}", disk=disk.id)``.
    """
    if value is None:
        raise NotKnown(Reason(source, ReasonKind.MALFORMED, t("the answer did not say: {what}", what=what)))
    return value
