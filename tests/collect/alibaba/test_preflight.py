"""The preflight and the table of the cluster share one call."""

from auditor.collect.alibaba.pacing import Backoff
from auditor.collect.alibaba.sts import preflight
from auditor.facts.table import ReasonKind, State
from tests.collect.alibaba.kit import client_of, fill_one
from tests.fakes.cloud import FakeCloud


def test_the_cluster_is_asked_for_once_by_preflight_and_table(cloud: FakeCloud) -> None:
    with client_of(cloud) as client:
        assert preflight(client) is None
        assert fill_one(client, "clusters").state is State.KNOWN
        assert cloud.actions() == ["sts:GetCallerIdentity", "cs:DescribeClusterDetail"]
        cloud.state.cs.clusters[client.cluster_id]["state"] = "updating"
        (later,) = fill_one(client, "clusters").all()
    assert later.state == "updating", "what was kept serves one call"


def test_a_denied_cluster_is_asked_for_once_too(cloud: FakeCloud) -> None:
    cloud.deny("cs:DescribeClusterDetail")
    with client_of(cloud) as client:
        assert preflight(client) is None
        clusters = fill_one(client, "clusters")
    assert [reason.missing for reason in clusters.reasons] == [("cs:DescribeClusterDetail",)]
    assert cloud.actions().count("cs:DescribeClusterDetail") == 1


def test_trouble_that_passes_is_not_kept_for_the_table(cloud: FakeCloud) -> None:
    trouble = cloud.fail("cs:DescribeClusterDetail", 503, {"code": "ServiceUnavailable", "message": "later"})
    with client_of(cloud) as client:
        assert preflight(client) is None
        cloud.faults.remove(trouble)
        assert fill_one(client, "clusters").state is State.KNOWN


def test_where_nothing_answers_the_cluster_is_asked_for_once(cloud: FakeCloud) -> None:
    cloud.cut("sts:*")
    cloud.cut("cs:*")
    with client_of(cloud, backoff=Backoff(first=0.001, longest=0.002, attempts=1)) as client:
        reason = preflight(client)
    assert reason is not None
    assert (reason.source, reason.kind) == ("sts", ReasonKind.UNREACHABLE)
    assert cloud.actions() == ["sts:GetCallerIdentity", "cs:DescribeClusterDetail"]
