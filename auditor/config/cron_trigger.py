"""When a cron expression is due, with the days on which clocks are set."""

import random
from datetime import UTC, datetime, timedelta

from apscheduler.triggers.cron import CronTrigger


class Trigger(CronTrigger):  # type: ignore[misc]  # the library has no types
    """As cron does it: what is due at fixed hours is due once where an hour comes twice.

    What is due each hour, or every so many hours, is due in both. A time that a day does not have is due as long
    after midnight as on any other day.

    Attributes:
        spread: how many seconds later it may be due, at random.
    """

    spread: float = 0.0
    repeats: bool = False

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return when it is due next, after it was due before, or, if it never was, from a moment on."""
        due: datetime | None = super().get_next_fire_time(previous_fire_time, now)
        while due is not None and due.fold and not self.repeats:
            # Sums of moments in a time zone go by the hands of the clock, which the hour that comes twice misleads.
            due = super().get_next_fire_time(due, due.astimezone(UTC) + timedelta(seconds=1))
        if due is None or not self.spread:
            return due
        later = timedelta(seconds=random.uniform(0, self.spread))  # noqa: S311 - no secret hangs on it
        return (due.astimezone(UTC) + later).astimezone(due.tzinfo)
