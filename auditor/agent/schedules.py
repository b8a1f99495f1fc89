"""The schedules of the configuration, kept by APScheduler, and what of them was missed while nothing ran."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.schedulers.background import BackgroundScheduler

from auditor.config import cron
from auditor.config.clusters import Cluster
from auditor.config.cron_trigger import Trigger
from auditor.config.settings import Schedule

SET_BACK = timedelta(hours=3)
"""A clock that is set back by more was wrong before: what is due is reckoned anew. After a smaller step nothing is due
a second time. Cron draws the line there too."""

Fire = Callable[[Schedule], object]

_FIRST_WINDOW = 120.0
"""Seconds before now in which the last time that a schedule was due is looked for first."""

_log = structlog.get_logger("auditor.schedules")


class Schedules:
    """Calls for the audits of each schedule when they are due."""

    def __init__(self, schedules: Iterable[Schedule], fire: Fire) -> None:
        """Take the schedules, and what is called with one that is due."""
        self._schedules = tuple(schedules)
        self._latest: datetime | None = None
        self._scheduler = BackgroundScheduler(timezone="UTC")
        self._scheduler.add_listener(_note, EVENT_JOB_MISSED | EVENT_JOB_ERROR)
        for schedule in self._schedules:
            self._scheduler.add_job(
                fire,
                trigger=trigger_of(schedule, jitter=True),
                args=[schedule],
                id=schedule.name,
                # A machine that slept or a clock that jumped: the runs that were due meanwhile are one.
                coalesce=True,
                misfire_grace_time=schedule.grace_seconds,
                max_instances=1,
            )

    def start(self) -> None:
        """Begin to keep time."""
        self._scheduler.start()

    def stop(self) -> None:
        """Let nothing more be due."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def look_at_clock(self, now: datetime) -> None:
        """Keep to the clock although it was set, or stood still for a machine that slept. To be called often.

        The scheduler sleeps for as long as there was left when it fell asleep, by a clock that nobody sets and that
        does not count sleep.
        """
        if self._latest and now < self._latest - SET_BACK:
            _log.warning("the clock was set back", by=str(self._latest - now))
            for job in self._scheduler.get_jobs():
                job.reschedule(job.trigger)
            self._latest = now
        self._latest = max(self._latest or now, now)
        if self._scheduler.running:
            self._scheduler.wakeup()

    @property
    def is_running(self) -> bool:
        """Whether time is kept."""
        return bool(self._scheduler.running)

    def next_times(self) -> dict[str, datetime]:
        """Return when each schedule is due next, by its name."""
        jobs = {job.id: job for job in self._scheduler.get_jobs()}
        return {name: due for name, job in jobs.items() if (due := getattr(job, "next_run_time", None))}


def trigger_of(schedule: Schedule, *, jitter: bool = False) -> Trigger:
    """Return the trigger of a schedule, in its time zone."""
    trigger = cron.trigger(schedule.cron, schedule.timezone)
    if jitter and schedule.jitter_seconds:
        trigger.spread = schedule.jitter_seconds
    return trigger


def clusters_of(schedule: Schedule, clusters: Iterable[Cluster]) -> list[Cluster]:
    """Return the clusters that a schedule names."""
    return [one for one in clusters if any(fnmatchcase(one.name, pattern) for pattern in schedule.clusters)]


def last_due(schedule: Schedule, now: datetime) -> datetime | None:
    """Return when a schedule was due last, within its grace; None if it was not."""
    window = _FIRST_WINDOW
    while window < schedule.grace_seconds:
        # What is due often was due a moment ago: the whole grace is walked through only where it is due seldom.
        if (found := _last_due(schedule, now, window)) is not None:
            return found
        window *= 8
    return _last_due(schedule, now, schedule.grace_seconds)


def _last_due(schedule: Schedule, now: datetime, seconds: float) -> datetime | None:
    trigger = trigger_of(schedule)
    due: datetime | None = None
    following = trigger.get_next_fire_time(None, now - timedelta(seconds=seconds))
    while following is not None and following <= now:
        due = following.astimezone(UTC)
        # In UTC: where an hour comes twice, a second later by the hands of the clock may be an hour before.
        following = trigger.get_next_fire_time(following, following.astimezone(UTC) + timedelta(seconds=1))
    return due


def missed(
    schedules: Iterable[Schedule],
    clusters: Iterable[Cluster],
    last_begun: Callable[[str, str], datetime | None],
    now: datetime,
) -> Iterator[tuple[Schedule, Cluster]]:
    """Yield what was due within the grace of its schedule, and did not take place.

    ``last_begun`` returns when a run of a cluster by a trigger began last that finished, or None. However often a
    schedule was due, it is caught up once.
    """
    every = list(clusters)
    for schedule in schedules:
        due = last_due(schedule, now)
        if due is None:
            continue
        for cluster in clusters_of(schedule, every):
            begun = last_begun(cluster.name, f"schedule:{schedule.name}")
            if begun is None or begun < due:
                yield schedule, cluster


def _note(event: JobExecutionEvent) -> None:
    if event.exception:
        _log.error("a schedule broke", schedule=event.job_id, error=type(event.exception).__name__)
    else:
        _log.warning("a schedule was missed", schedule=event.job_id, due=str(event.scheduled_run_time))
