"""Object ↔ the events about it."""

from collections.abc import Sequence
from datetime import UTC, datetime

from auditor.facts.kubernetes.events import Event
from auditor.facts.ref import Ref
from auditor.facts.table import Reason, Table

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class ObjectEvents:
    """Object ↔ the events about it, the newest first.

    Events are evidence and no proof of absence: the API server forgets them after about an hour, so an object without
    an event may have had one. Where the events can't be read there are none, and ``reasons`` say why: a check that
    would have decided otherwise with an event has to say so.
    """

    def __init__(self, events: Table[Event]) -> None:
        """Index the events by the object that they are about."""
        self._events = events

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why events may be missing; empty if all that the API server still has were read."""
        return self._events.reasons

    def about(self, ref: Ref) -> Sequence[Event]:
        """Return the events about an object of the cluster."""
        return self.of(ref.kind, ref.namespace, ref.name)

    def of(self, kind: str, namespace: str, name: str) -> Sequence[Event]:
        """Return the events about an object. One without a namespace has its events in ``default`` or in none."""
        if self._events.is_unavailable:
            return ()
        spellings = [f"{kind}/{namespace}/{name}"] if namespace else [f"{kind}//{name}", f"{kind}/default/{name}"]
        found = [
            event
            for spelling in spellings
            for event in self._events.known_where("about", lambda event: event.about, spelling)
        ]
        return sorted(found, key=lambda event: event.seen_at or _LONG_AGO, reverse=True)

    def saying(self, ref: Ref, *patterns: str, reasons: Sequence[str] = ()) -> Event | None:
        """Return the newest event about an object whose message holds one of the patterns, whatever their case.

        With ``reasons`` an event with one of these reasons counts too.
        """
        wanted = [pattern.lower() for pattern in patterns]
        for event in self.about(ref):
            if event.reason in reasons or any(pattern in event.message.lower() for pattern in wanted):
                return event
        return None
