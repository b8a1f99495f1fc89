"""The window that events cover."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from auditor.facts.joins import JOINS, EventWindow
from auditor.facts.kubernetes.events import Event
from auditor.facts.table import Gap, NotKnown, Reason, ReasonKind, Table
from auditor.facts.text import t

NOW = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)


def at(minutes: float) -> str:
    return (NOW - timedelta(minutes=minutes)).isoformat()


def event(name: str, written: float | None = None, **fields: Any) -> Event:
    created = {"creationTimestamp": at(written)} if written is not None else {}
    return msgspec.convert({"metadata": {"name": name, "namespace": "shop", **created}, **fields}, Event)


def window(*events: Event, gaps: tuple[Gap, ...] = ()) -> EventWindow:
    return EventWindow(Table("events", events, gaps=gaps), NOW)


def test_it_reaches_from_the_oldest_last_sight_to_the_moment_of_the_landscape() -> None:
    first = event("often-seen", 300, firstTimestamp=at(300), lastTimestamp=at(2))
    seen = window(first, event("oldest", 55, lastTimestamp=at(50)), event("young", 1, eventTime=at(1)))
    assert seen.since == NOW - timedelta(minutes=50)
    assert seen.until == NOW
    assert seen.covers(NOW - timedelta(minutes=50))
    assert seen.covers(NOW)
    assert not seen.covers(NOW - timedelta(minutes=51))
    assert not seen.covers(NOW + timedelta(seconds=1))


def test_an_event_that_came_again_was_seen_then() -> None:
    again = event("series", 90, eventTime=at(90), series={"count": 5, "lastObservedTime": at(10)})
    assert window(again).since == NOW - timedelta(minutes=10)


def test_none_was_seen_before_it_was_written() -> None:
    claims = event("claims", 20, lastTimestamp="2001-01-01T00:00:00Z")
    assert window(claims).since == NOW - timedelta(minutes=20)


def test_the_time_of_writing_counts_where_no_other_is_said() -> None:
    assert window(event("bare", 30)).since == NOW - timedelta(minutes=30)
    assert window(event("timeless")).since is None


def test_without_events_nothing_is_covered() -> None:
    assert window().since is None
    assert not window().covers(NOW)


def test_a_gap_leaves_no_window() -> None:
    gap = Gap(Reason("kubernetes", ReasonKind.TRUNCATED, t("cut")))
    with pytest.raises(NotKnown, match="cut"):
        window(event("one", 5), gaps=(gap,)).covers(NOW)
    with pytest.raises(NotKnown, match="cut"):
        _ = EventWindow(Table.unavailable("events", gap.reason), NOW).since


def test_checks_ask_for_it_by_name() -> None:
    assert JOINS["event_window"] is EventWindow
