"""The moment against which the age of events is measured."""

from datetime import UTC, datetime, timedelta

import msgspec

from auditor.facts.joins.event_clock import EventClock
from auditor.facts.kubernetes.events import Event
from auditor.facts.table import Table
from tests.checks import kit

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def clock(*moments: datetime) -> EventClock:
    rows = [
        msgspec.convert({"metadata": {"name": f"e{number}"}, "lastTimestamp": moment.isoformat()}, Event)
        for number, moment in enumerate(moments)
    ]
    return EventClock(Table("events", rows), NOW)


def test_the_moment_of_the_landscape_counts_while_events_are_of_the_last_hour() -> None:
    assert clock(NOW - timedelta(minutes=50), NOW - timedelta(hours=9)).now == NOW
    assert clock().now == NOW


def test_events_that_are_all_older_than_they_live_are_of_another_clock() -> None:
    newest = NOW - timedelta(hours=9)
    assert clock(newest, newest - timedelta(minutes=3)).now == newest


def test_without_events() -> None:
    unread: Table[Event] = Table.unavailable("events", kit.denied("list events"))
    assert EventClock(unread, NOW).now == NOW


def test_an_event_without_a_time_is_of_now() -> None:
    event = msgspec.convert({"metadata": {"name": "e"}}, Event)
    assert clock().since(event) == timedelta(0)
