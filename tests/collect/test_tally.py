"""What clients note of their calls."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditor.collect.kubernetes.client import open_client
from auditor.collect.kubernetes.failures import CallFailed
from auditor.collect.tally import Tally, Use, seconds_ahead
from auditor.facts.table import Reason, ReasonKind
from auditor.facts.text import t
from tests.collect.alibaba.kit import CLUSTER, DISKS, client_of, failure, make_client
from tests.fakes.cloud import ApiError, FakeCloud
from tests.fakes.kubernetes import FakeKubernetes

NOW = datetime(2026, 11, 23, 8, 0, 0, tzinfo=UTC)
DENIED = Reason("ecs", ReasonKind.FORBIDDEN, t("no"), ("ecs:DescribeDisks",))
BUSY = Reason("ecs", ReasonKind.THROTTLED, t("busy"))


@pytest.fixture
def cloud() -> FakeCloud:
    return FakeCloud.recorded()


def test_uses_are_told_apart_by_their_end() -> None:
    tally = Tally()
    tally.note("ecs:DescribeDisks")
    tally.note("ecs:DescribeDisks", DENIED)
    tally.note("ecs:DescribeDisks", BUSY)
    use = tally.of("ecs:DescribeDisks")
    assert use == Use(answered=1, denied=1, failed=1, failure=BUSY)
    assert use.asked == 3
    assert tally.of("ecs:DescribeInstances") == Use()


def test_the_denial_of_another_permission_tells_nothing() -> None:
    tally = Tally()
    tally.note("ecs:DescribeInstances", DENIED)
    assert tally.of("ecs:DescribeInstances") == Use(failed=1, failure=DENIED)


@pytest.mark.parametrize(
    ("date", "ahead"),
    [
        ("Mon, 23 Nov 2026 08:00:00 GMT", 0),
        ("Mon, 23 Nov 2026 08:20:00 GMT", 1200),
        ("Mon, 23 Nov 2026 07:59:00 GMT", -60),
        ("", None),
        ("yesterday", None),
        ("Mon, 23 Nov 2026 08:00:00 -0000", None),
        ("Mon, 99 Nov 2026 08:00:00 GMT", None),
    ],
)
def test_the_difference_of_the_clocks(date: str, ahead: float | None) -> None:
    assert seconds_ahead(date, NOW) == ahead


def test_a_repeated_call_counts_once_by_its_end(cloud: FakeCloud) -> None:
    cloud.throttle("ecs:DescribeDisks", times=2)
    with client_of(cloud) as client:
        client.call(DISKS)
        assert client.use("ecs:DescribeDisks") == Use(answered=1)
        cloud.deny("ecs:DescribeDisks")
        denial = failure(client)
        assert client.use("ecs:DescribeDisks") == Use(answered=1, denied=1, failure=denial.reason)
        assert client.use("cs:DescribeClusterDetail") == Use()


def test_not_found_is_an_answer_and_not_opened_is_none(cloud: FakeCloud) -> None:
    cloud.fail_with("cs:DescribeClusterDetail", ApiError("ErrorClusterNotFound", "no", 404), times=1)
    with client_of(cloud) as client:
        failure(client, CLUSTER)
        assert client.use("cs:DescribeClusterDetail") == Use(answered=1)
        cloud.fail_with("ecs:DescribeDisks", ApiError("OperationDenied.ServiceNotOpen", "no", 403), times=1)
        failure(client, DISKS)
        assert client.use("ecs:DescribeDisks") == Use()


def test_the_clouds_clock_is_read_from_its_answers(cloud: FakeCloud) -> None:
    with cloud.serve() as base_url:
        client = make_client(endpoint=base_url)
        untold = client.seconds_ahead
        client.call(DISKS)
        told = client.seconds_ahead
        client.close()
    assert untold is None
    assert told is not None
    assert abs(told) < 3600, "one clock, read twice"


def test_the_cluster_is_noted_too(tmp_path: Path) -> None:
    with FakeKubernetes.recorded() as cluster:
        cluster.deny("list pods")
        with open_client(kubeconfig=cluster.write_kubeconfig(tmp_path / "kubeconfig")) as client:
            client.get("/api/v1/nodes", permission="list nodes")
            for path, permission in (("/api/v1/pods", "list pods"), ("/apis/none/v1/things", "list things.none")):
                with pytest.raises(CallFailed):
                    client.get(path, permission=permission)
            assert client.use("list nodes") == Use(answered=1)
            assert client.use("list pods").denied == 1
            assert client.use("list things.none") == Use(answered=1), "not found: whoever may not ask is told so first"
            assert client.seconds_ahead is not None
