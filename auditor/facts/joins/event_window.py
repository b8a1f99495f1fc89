"""Events ↔ the time from which they are."""

from datetime import datetime
from functools import cached_property

from auditor.facts.kubernetes.events import Event
from auditor.facts.table import Table


class EventWindow:
    """Events ↔ the time from which they are: from the oldest one's last sight to the moment of the landscape.

    Events live for about an hour after they were last seen (``--event-ttl`` of the API server, 1 h if nobody set it:
    https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/). So one that is there is
    evidence, but one that is not there proves nothing: what is older than the window may have had one that is gone,
    and what is within it need not have had any, as reporters hold back what they say often. A table of events with
    a gap has no window: raises NotKnown.
    """

    def __init__(self, events: Table[Event], observed_at: datetime) -> None:
        """Take the events and the moment of the landscape."""
        self._events = events
        self.until = observed_at

    @cached_property
    def since(self) -> datetime | None:
        """The oldest last sight; None if there are no events. Raises NotKnown if there may be others.

        Whoever reports an event says when it was seen, and may say anything; when it was written, the API server
        says. So none is taken to have been seen before it was written.
        """
        seen = [moment for event in self._events.all() if (moment := _seen(event)) is not None]
        return min(seen, default=None)

    def covers(self, moment: datetime) -> bool:
        """Tell whether events from this moment could still be there. Raises NotKnown if not all events were read."""
        since = self.since
        return since is not None and since <= moment <= self.until


def _seen(event: Event) -> datetime | None:
    written = event.metadata.creation_timestamp
    if event.seen_at is None or written is None:
        return event.seen_at or written
    return max(event.seen_at, written)
