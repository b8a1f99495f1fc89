"""Events ↔ the moment against which their age is measured."""

from datetime import datetime, timedelta
from functools import cached_property

from auditor.facts.kubernetes.events import Event
from auditor.facts.table import Table

KEPT_FOR = timedelta(hours=1, minutes=5)
"""How long events live (``--event-ttl`` of the API server, an hour by default), and the time of the collection."""


class EventClock:
    """Events ↔ now, by the clock of those who report them.

    The API server forgets events after an hour. So where the newest of all is older than that, it is the clocks that
    differ, and ages are measured against that one.
    """

    def __init__(self, events: Table[Event], observed_at: datetime) -> None:
        """Take the events and the moment of the landscape."""
        self._events = events
        self._observed_at = observed_at

    @cached_property
    def now(self) -> datetime:
        """The moment of the landscape; that of the newest event where the clocks differ."""
        rows = () if self._events.is_unavailable else self._events.known_rows()
        newest = max((row.seen_at for row in rows if row.seen_at is not None), default=self._observed_at)
        return newest if self._observed_at - newest > KEPT_FOR else self._observed_at

    def since(self, event: Event) -> timedelta:
        """Return how long ago an event was last seen; no time at all, if it does not say."""
        return timedelta(0) if event.seen_at is None else self.now - event.seen_at
