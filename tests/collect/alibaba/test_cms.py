"""CloudMonitor: what the load balancers had to carry in the last hour."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from auditor.collect.alibaba.cms import METRICS, OF_SERVICES
from auditor.collect.alibaba.pacing import Backoff
from auditor.facts.cloud.cms import Metric, metric_key
from auditor.facts.cloud.slb import LoadBalancer
from auditor.facts.table import NotKnown, ReasonKind, State, Table
from tests.checks import make
from tests.checks.kit import denied
from tests.collect.alibaba.kit import CLUSTER_ID, client_of, fill_one
from tests.fakes.cloud import FakeCloud, recorded

IMPATIENT = Backoff(first=1e6, longest=1e6)
"""So long a wait that no repeat is worth it."""
API = "lb-bp1y28udk3bwt0a77lw9h"
WEB = "lb-bp1qivht16qrbpfnz1a1c"
IN_SCOPE = {API, WEB, "lb-bp1gtkt6e00p48o14l325", "lb-bp12p67oqr0hch6oyi1oh", "lb-bp1bhizbam3l7pwunzwwr"}
ACTION = "cms:DescribeMetricList"
DROPS = "InstanceDropConnection"
NEW = "InstanceNewConnection"
NO_RESOURCES: Table[Any] = Table.unavailable("cluster_resources", denied("cs:DescribeClusterResources", "cs"))
NO_SERVICES: Table[Any] = Table.unavailable("services", denied("list services", "kubernetes"))
NO_CLUSTER: Table[Any] = Table.unavailable("clusters", denied("cs:DescribeClusterDetail", "cs"))


def read(cloud: FakeCloud, **given: Table[Any]) -> Table[Any]:
    with client_of(cloud) as client:
        return fill_one(client, "load_balancer_metrics", **{"cluster_resources": NO_RESOURCES, **given})


def metric(cloud: FakeCloud, name: str, balancer_id: str = API) -> Metric:
    row = read(cloud).get(metric_key(balancer_id, name))
    assert isinstance(row, Metric)
    return row


def is_about(name: str) -> Any:
    return lambda params: params["MetricName"] == name


def rewritten(change: Any) -> Any:
    """Return a change of an answer that edits the points within its text."""

    def rewrite(answer: Any) -> None:
        points = json.loads(answer["Datapoints"])
        change(points)
        answer["Datapoints"] = json.dumps(points)

    return rewrite


def test_each_metric_takes_one_call_and_those_of_services_are_few(cloud: FakeCloud) -> None:
    metrics = read(cloud)
    assert metrics.state is State.KNOWN
    wanted = {name: IN_SCOPE if name in OF_SERVICES else {API} for name in METRICS}
    assert {(row.resource_id, row.name) for row in metrics.all()} == {
        (one, name) for name, balancers in wanted.items() for one in balancers
    }
    asked = [call.params for call in cloud.calls if call.name == ACTION]
    assert {params["MetricName"]: params["Dimensions"] for params in asked} == {
        name: json.dumps([{"instanceId": one} for one in sorted(balancers)], separators=(",", ":"))
        for name, balancers in wanted.items()
    }
    assert len(asked) == len(METRICS)
    assert cloud.refused == []


def test_the_last_hour_is_asked_for_by_the_minute(cloud: FakeCloud) -> None:
    before = datetime.now(UTC)
    row = metric(cloud, "InstanceMaxConnection")
    after = datetime.now(UTC)
    params = cloud.calls[-1].params
    end = datetime.fromtimestamp(int(params["EndTime"]) / 1000, UTC)
    assert before - timedelta(milliseconds=1) <= end <= after
    assert int(params["EndTime"]) - int(params["StartTime"]) == 3_600_000
    assert (params["Namespace"], params["Period"], params["Length"]) == ("acs_slb_dashboard", "60", "1440")
    assert row.points == 60
    assert row.first_at is not None
    assert row.last_at is not None
    assert row.last_at - row.first_at == timedelta(minutes=59)
    assert end - timedelta(minutes=1) <= row.last_at <= end


def test_the_recorded_points_are_summed_up(cloud: FakeCloud) -> None:
    answer = recorded.answer("cms/DescribeMetricList.acs_slb_dashboard.InstanceTrafficTX.json")
    points = [point for point in json.loads(answer["Datapoints"]) if point["instanceId"] == API]
    row = metric(cloud, "InstanceTrafficTX")
    assert row.highest == max(point["Maximum"] for point in points)
    assert row.latest == points[-1]["Average"]
    assert row.mean == pytest.approx(sum(point["Average"] for point in points) / len(points))


def test_the_highest_point_is_told_with_its_time(cloud: FakeCloud) -> None:
    values: list[Any] = [1, {"Minimum": 0, "Maximum": 9, "Average": 2}, 3]
    cloud.state.cms.set_metric(API, DROPS, values)
    row = metric(cloud, DROPS)
    assert (row.points, row.highest, row.latest, row.mean) == (3, 9, 3, 2)
    assert row.highest_at is not None
    assert row.last_at is not None
    assert row.last_at - row.highest_at == timedelta(minutes=1)


def test_points_may_lack_a_maximum_or_an_average(cloud: FakeCloud) -> None:
    cloud.state.cms.set_metric(API, DROPS, [{"Average": 4.5}, {"Maximum": 7}])
    row = metric(cloud, DROPS)
    assert (row.highest, row.latest, row.mean) == (7, 7, 5.75)


@pytest.mark.parametrize("none", [[], "", "[]"])
def test_no_points_are_no_zero(cloud: FakeCloud, none: Any) -> None:
    if none == []:
        cloud.state.cms.set_metric(API, DROPS, [])
    else:
        cloud.mutate(ACTION, lambda answer: answer.update(Datapoints=none), when=is_about(DROPS))
    assert metric(cloud, DROPS) == Metric(API, DROPS)


def test_older_points_than_an_hour_are_not_asked_for(cloud: FakeCloud) -> None:
    cloud.state.cms.set_metric(API, DROPS, [1000, *[0] * 60])
    row = metric(cloud, DROPS)
    assert (row.points, row.highest) == (60, 0)


def test_many_load_balancers_are_asked_for_in_batches_whose_points_fit_one_page(cloud: FakeCloud) -> None:
    rows = [LoadBalancer(f"lb-{n:03d}", tags={"ack.aliyun.com": CLUSTER_ID}) for n in range(60)]
    for row in rows:
        cloud.state.cms.set_metric(row.id, NEW, [int(row.id[3:])] * 60)
    with client_of(cloud) as client:
        metrics = fill_one(
            client,
            "load_balancer_metrics",
            load_balancers=Table("load_balancers", rows),
            clusters=NO_CLUSTER,
            cluster_resources=NO_RESOURCES,
        )
    assert metrics.state is State.KNOWN
    assert len(metrics) == 60 * len(OF_SERVICES)
    for n in range(60):
        measured = metrics.get(metric_key(f"lb-{n:03d}", NEW))
        assert measured is not None
        assert (measured.points, measured.highest) == (60, n)
    of_new = [call for call in cloud.calls if call.name == ACTION and call.params["MetricName"] == NEW]
    assert len(of_new) == 3, "23, 23 and 14 of them, 60 points each"


def test_small_pages_change_nothing() -> None:
    cloud = FakeCloud.recorded(page_limit=37)
    row = metric(cloud, "InstanceMaxConnection")
    assert row.points == 60
    assert cloud.actions().count(ACTION) > len(METRICS)


def test_points_that_come_twice_count_once(cloud: FakeCloud) -> None:
    cloud.state.cms.set_metric(API, DROPS, [2, 4])
    cloud.mutate(ACTION, rewritten(lambda points: points.extend(list(points))), when=is_about(DROPS))
    row = metric(cloud, DROPS)
    assert (row.points, row.mean) == (2, 3)


def test_a_denial_names_the_action_that_is_called_otherwise(cloud: FakeCloud) -> None:
    cloud.deny("cms:QueryMetricList")
    metrics = read(cloud)
    assert metrics.state is State.UNAVAILABLE
    assert [(reason.source, reason.kind, reason.missing) for reason in metrics.reasons] == [
        ("cms", ReasonKind.FORBIDDEN, ("cms:QueryMetricList",))
    ]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("400", ReasonKind.ERROR),
        ("403", ReasonKind.FORBIDDEN),
        ("429", ReasonKind.THROTTLED),
        ("Throttling.User", ReasonKind.THROTTLED),
        ("Forbidden.RAM", ReasonKind.FORBIDDEN),
    ],
)
@pytest.mark.parametrize("success", [False, True, None])
def test_a_failure_that_comes_as_a_success_is_one(
    cloud: FakeCloud, code: str, kind: ReasonKind, success: bool | None
) -> None:
    cloud.fail(ACTION, 200, {"Code": code, "Success": success, "Message": "no"}, when=is_about(DROPS))
    with client_of(cloud, backoff=IMPATIENT) as client:
        metrics = fill_one(client, "load_balancer_metrics", cluster_resources=NO_RESOURCES)
    assert metrics.state is State.PARTIAL
    assert len(metrics) == len(IN_SCOPE) * len(OF_SERVICES) + len(METRICS) - len(OF_SERVICES) - 1
    with pytest.raises(NotKnown) as caught:
        metrics.get(metric_key(API, DROPS))
    assert [reason.kind for reason in caught.value.reasons] == [kind]
    if kind is ReasonKind.FORBIDDEN:
        assert caught.value.reasons[0].missing == ("cms:QueryMetricList",)


@pytest.mark.parametrize("code", ["429", "503", "Throttling.User", "ServiceUnavailable"])
def test_a_passing_failure_is_repeated(cloud: FakeCloud, code: str) -> None:
    cloud.fail(ACTION, 200, {"Code": code, "Success": False, "Message": "later"}, times=2, when=is_about(DROPS))
    assert read(cloud).state is State.KNOWN
    assert cloud.actions().count(ACTION) == len(METRICS) + 2


def test_the_recorded_refusal_is_told_in_its_words(cloud: FakeCloud) -> None:
    cloud.fail(ACTION, 200, recorded.answer("errors/cms.success_false.json"))
    metrics = read(cloud)
    assert metrics.state is State.UNAVAILABLE
    assert "Dimensions" in str(metrics.reasons[0].message)


@pytest.mark.parametrize("value", [None, 5, "not json", '{"a": 1}', [1], '["x"]', "{"])
def test_points_of_another_shape_are_not_known(cloud: FakeCloud, value: Any) -> None:
    cloud.mutate(ACTION, lambda answer: answer.update(Datapoints=value), when=is_about(NEW))
    metrics = read(cloud)
    assert metrics.state is State.PARTIAL
    for balancer_id in IN_SCOPE:
        with pytest.raises(NotKnown, match="Datapoints"):
            metrics.get(metric_key(balancer_id, NEW))
    assert metrics.get(metric_key(API, "InstanceQps")) is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timestamp", None),
        ("timestamp", "now"),
        ("timestamp", 10**30),
        ("Maximum", "9"),
        ("Average", True),
    ],
)
def test_a_spoilt_point_hides_its_load_balancer_only(cloud: FakeCloud, name: str, value: Any) -> None:
    def spoil(points: Any) -> None:
        next(point for point in points if point["instanceId"] == API)[name] = value

    cloud.mutate(ACTION, rewritten(spoil), when=is_about(NEW))
    metrics = read(cloud)
    assert metrics.get(metric_key(WEB, NEW)) is not None
    with pytest.raises(NotKnown, match=name):
        metrics.get(metric_key(API, NEW))


def test_a_point_of_nobody_may_be_anybodys(cloud: FakeCloud) -> None:
    cloud.mutate(ACTION, rewritten(lambda points: points[0].pop("instanceId") and None), when=is_about(NEW))
    metrics = read(cloud)
    for balancer_id in IN_SCOPE:
        with pytest.raises(NotKnown, match="instanceId"):
            metrics.get(metric_key(balancer_id, NEW))


def test_a_second_page_that_fails_leaves_nothing_of_the_metric(cloud: FakeCloud) -> None:
    cloud.gateway.page_limit = 200
    cloud.deny(ACTION, when=lambda params: params["MetricName"] == NEW and "NextToken" in params)
    metrics = read(cloud)
    assert metrics.state is State.PARTIAL
    assert not [row for row in metrics.known_rows() if row.name == NEW]
    with pytest.raises(NotKnown):
        metrics.get(metric_key(API, NEW))


def test_pages_that_turn_in_a_circle_are_no_list(cloud: FakeCloud) -> None:
    cloud.mutate(ACTION, lambda answer: answer.update(NextToken="706167653a30"), when=is_about(DROPS))
    with pytest.raises(NotKnown) as caught:
        read(cloud).get(metric_key(API, DROPS))
    assert caught.value.reasons[0].kind is ReasonKind.TRUNCATED


def test_the_api_servers_are_read_though_kubernetes_does_not_answer(cloud: FakeCloud) -> None:
    for balancer in cloud.state.slb.load_balancers.values():
        balancer["Tags"]["Tag"].clear()
    metrics = read(cloud, services=NO_SERVICES)
    assert {row.resource_id for row in metrics.all()} == {API}


def test_those_of_services_are_read_though_the_api_servers_is_not_known(cloud: FakeCloud) -> None:
    cloud.state.slb.load_balancers[API]["Tags"]["Tag"].clear()
    metrics = read(cloud, clusters=NO_CLUSTER)
    assert {row.resource_id for row in metrics.all()} == IN_SCOPE - {API}
    with pytest.raises(NotKnown):
        metrics.get(metric_key(API, NEW))


def test_where_no_load_balancer_is_of_interest_nothing_is_asked(cloud: FakeCloud) -> None:
    services = Table("services", [make.service("shop/inner")])
    metrics = read(cloud, services=services, clusters=NO_CLUSTER)
    assert (metrics.state, metrics.asked) == (State.KNOWN, frozenset())
    assert ACTION not in cloud.actions()
