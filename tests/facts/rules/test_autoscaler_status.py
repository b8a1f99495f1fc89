"""When the cluster autoscaler wrote its status."""

from datetime import UTC, datetime

import pytest

from auditor.facts.rules.autoscaler_status import moment_of, written_at

MOMENT = datetime(2026, 11, 23, 7, 59, 36, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "time: 2026-11-23 07:59:36.650762644 +0000 UTC\nautoscalerStatus: Running\n",
        "Cluster-autoscaler status at 2026-11-23 07:59:36.1 +0000 UTC:\nCluster-wide:\n",
        "time: 2026-11-23T07:59:36Z\n",
    ],
)
def test_the_moment(text: str) -> None:
    assert moment_of(written_at(text)) == MOMENT


@pytest.mark.parametrize("text", ["", "now", "2026-13-41 07:59:36", "2026-11-23"])
def test_no_moment(text: str) -> None:
    assert moment_of(text) is None
