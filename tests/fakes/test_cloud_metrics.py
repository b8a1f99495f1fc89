"""The metrics that the fake cloud gives: their window, their pages, and what is refused with HTTP 200."""

import json
import time
from typing import Any

import pytest

from tests.fakes.cloud import FakeCloud, sdk

API = "lb-bp1y28udk3bwt0a77lw9h"
GENERAL = {"Namespace": "acs_slb_dashboard", "MetricName": "InstanceMaxConnection", "Period": "60"}


def ask(cloud: FakeCloud, action: str = "DescribeMetricList", **params: Any) -> Any:
    with cloud.in_process():
        return sdk.send(sdk.client(), sdk.rpc("cms", action, **{**GENERAL, **params}))


def points(answer: Any) -> list[Any]:
    found: list[Any] = json.loads(answer["Datapoints"])
    return found


def test_the_window_is_open_on_the_left() -> None:
    minute = int(time.time()) // 60 * 60_000
    answer = ask(
        FakeCloud.recorded(),
        Dimensions=json.dumps([{"instanceId": API}]),
        StartTime=str(minute - 120_000),
        EndTime=str(minute),
    )
    assert [point["timestamp"] for point in points(answer)] == [minute - 60_000, minute]
    assert sorted(points(answer)[0]) == ["Average", "Maximum", "Minimum", "instanceId", "timestamp", "userId"]


def test_a_window_of_yesterday_is_empty() -> None:
    yesterday = int(time.time() * 1000) - 86_400_000
    answer = ask(FakeCloud.recorded(), StartTime=str(yesterday), EndTime=str(yesterday + 3_600_000))
    assert (answer["Success"], answer["Datapoints"]) == (True, "[]")


def test_a_page_holds_so_many_points_of_all_load_balancers() -> None:
    cloud = FakeCloud.recorded()
    first = ask(cloud, Length="200")
    second = ask(cloud, Length="200", NextToken=first["NextToken"])
    assert (len(points(first)), len(points(second))) == (200, 100)
    assert "NextToken" not in second


def test_the_newest_point_of_each_is_the_last() -> None:
    cloud = FakeCloud.recorded()
    cloud.state.cms.set_metric(API, "InstanceMaxConnection", [1, 2, 3])
    newest = {point["instanceId"]: point for point in points(ask(cloud, "DescribeMetricLast"))}
    assert len(newest) == 5
    assert newest[API]["Maximum"] == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Namespace", "acs_ecs_dashboard"),
        ("MetricName", "InstanceMaxConnections"),
        ("Period", "61"),
        ("Length", "1441"),
        ("Dimensions", "lb-1"),
        ("Dimensions", json.dumps([{"instanceId": f"lb-{n}"} for n in range(51)])),
        ("StartTime", "an hour ago"),
        ("StartTime", "99999999999999"),
    ],
)
def test_what_is_not_understood_is_refused_with_http_200(name: str, value: str) -> None:
    answer = ask(FakeCloud.recorded(), **{name: value})
    assert (answer["Success"], answer["Code"]) == (False, "400")
    assert name in answer["Message"]


def test_a_denial_goes_by_the_ram_action() -> None:
    cloud = FakeCloud.recorded()
    cloud.deny("cms:QueryMetricList")
    with pytest.raises(Exception, match="Forbidden"):
        ask(cloud)
    assert points(ask(cloud, "DescribeMetricLast"))
    assert cloud.permissions() == {"cms:QueryMetricList", "cms:QueryMetricLast"}
