"""Days of the week as cron counts them, and schedules over changes of the clock."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from auditor.config.cron import days_of_week, trigger

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("field", "days"),
    [
        ("*", "*"),
        ("1", "mon"),
        ("0", "sun"),
        ("7", "sun"),
        ("1-5", "mon,tue,wed,thu,fri"),
        ("5-7", "sun,fri,sat"),
        ("0-7", "sun,mon,tue,wed,thu,fri,sat"),
        ("fri-mon", "sun,mon,fri,sat"),
        ("SAT,sun", "sun,sat"),
        ("mon-fri/2", "mon,wed,fri"),
        ("*/3", "sun,wed,sat"),
        ("3/2", "wed,fri"),
    ],
)
def test_days(field: str, days: str) -> None:
    assert days_of_week(field) == days


@pytest.mark.parametrize("field", ["8", "1-9", "monday", "mon-", "1/0", "", "mon,,tue", "l"])
def test_what_is_no_day(field: str) -> None:
    with pytest.raises(ValueError, match="day"):
        days_of_week(field)


def test_a_number_is_the_day_that_cron_means() -> None:
    due = trigger("0 8 * * 1", "Asia/Shanghai").get_next_fire_time(None, START)
    assert due is not None
    assert due.strftime("%A %H:%M") == "Monday 08:00"


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago"])
@pytest.mark.parametrize(("cron", "a_day"), [("30 2 * * *", {1}), ("0 0 * * *", {1}), ("15 1,2,3 * * *", {2, 3})])
def test_fixed_hours_are_due_once_on_each_day_over_summer_time(zone: str, cron: str, a_day: set[int]) -> None:
    """Also on the days on which an hour does not exist, or comes twice."""
    moments = due_in(cron, zone)
    days = [moment.date() for moment in moments]
    assert {days.count(day) for day in set(days) - {days[0], days[-1]}} <= a_day


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_every_hour_is_every_hour_over_summer_time(zone: str) -> None:
    moments = [moment.astimezone(UTC) for moment in due_in("0 * * * *", zone)]
    assert {later - earlier for earlier, later in pairwise(moments)} == {timedelta(hours=1)}


def due_in(cron: str, zone: str) -> list[datetime]:
    """Return when it is due in a year, as the scheduler asks for it."""
    due, now = trigger(cron, zone), START
    moments: list[datetime] = []
    while now < START + timedelta(days=370):
        following = due.get_next_fire_time(moments[-1] if moments else None, now)
        assert following is not None
        moments.append(following)
        now = following.astimezone(UTC) + timedelta(seconds=1)
    in_utc = [moment.astimezone(UTC) for moment in moments]
    assert all(later > earlier for earlier, later in pairwise(in_utc))
    return [moment.astimezone(ZoneInfo(zone)) for moment in moments]


def test_a_spread_only_delays() -> None:
    due = trigger("0 8 * * *", "Europe/Berlin")
    due.spread = 600
    for _ in range(50):
        following = due.get_next_fire_time(None, START)
        assert following is not None
        assert timedelta() <= following - datetime(2026, 1, 1, 7, tzinfo=UTC) <= timedelta(minutes=10)
