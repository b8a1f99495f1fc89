"""Which lines say something of now."""

from datetime import UTC, datetime, timedelta

import pytest

from auditor.facts.joins.log_window import LogWindow
from auditor.facts.kubernetes.observations import ContainerLog
from auditor.facts.table import Table

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("newest", "line", "covered"),
    [
        (NOW, NOW - HOUR, True),
        (NOW, NOW - 2 * HOUR, False),
        (None, NOW - 2 * HOUR, False),
        (None, None, True),
        (NOW + HOUR, NOW - HOUR, True),
        (NOW - 5 * HOUR, NOW - 6 * HOUR, True),
        (NOW - 5 * HOUR, NOW - 7 * HOUR, False),
    ],
    ids=["recent", "old", "old, no other", "without a time", "clock ahead", "clock behind", "old by that clock"],
)
def test_a_line_is_measured_by_the_clock_that_wrote_it(
    newest: datetime | None, line: datetime | None, covered: bool
) -> None:
    log = ContainerLog("kube-system/csi-plugin-1", "csi-plugin", "csi-plugin", last_at=newest)
    assert LogWindow(Table("container_logs", [log]), NOW).covers(line) is covered
