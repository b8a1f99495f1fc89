"""Logs ↔ the time from which their lines say something of now."""

from datetime import datetime, timedelta
from functools import cached_property

from auditor.facts.kubernetes.observations import ContainerLog
from auditor.facts.table import Table

WINDOW = timedelta(hours=1, minutes=5)
"""The hour for which logs are asked, and the time that the collection takes."""


class LogWindow:
    """Logs ↔ the time from which their lines say something of now.

    A kubelet is asked for the last hour, and reckons it by its own clock. So where the newest of all lines is older
    than the hour, it is the clocks that differ, and lines are measured against that one.
    """

    def __init__(self, container_logs: Table[ContainerLog], observed_at: datetime) -> None:
        """Take the logs and the moment of the landscape."""
        self._logs = container_logs
        self._observed_at = observed_at

    def covers(self, moment: datetime | None) -> bool:
        """Tell whether a line is of the last hour. One without a time is what the kubelet took for it."""
        return moment is None or self._now - moment <= WINDOW

    @cached_property
    def _now(self) -> datetime:
        rows = () if self._logs.is_unavailable else self._logs.known_rows()
        newest = max((row.last_at for row in rows if row.last_at is not None), default=self._observed_at)
        return newest if self._observed_at - newest > WINDOW else self._observed_at
