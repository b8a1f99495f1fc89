"""CloudMonitor (product ``cms``): the metrics of load balancers, as wholes: none by listener.

Points come as a text that holds a JSON array, and a call that is not understood is refused with HTTP 200.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.fakes.cloud import recorded
from tests.fakes.cloud.paging import by_token
from tests.fakes.cloud.wire import Json, Parameters

NAMESPACE = "acs_slb_dashboard"
STATISTICS = ("Minimum", "Maximum", "Average")
MINUTE = 60_000
MOST_DIMENSIONS = 50
MOST_POINTS = 1440


@dataclass
class CmsState:
    """What CloudMonitor knows.

    Attributes:
        metrics: the names that exist, of metrics that are measured for a load balancer as a whole.
        points: by metric and load balancer: one point for each of the last minutes, the newest last, with its
            ``Minimum``, ``Maximum`` and ``Average``. Their time is that of the call.
        user_id: the account.
    """

    metrics: set[str] = field(default_factory=set)
    points: dict[str, dict[str, list[Json]]] = field(default_factory=dict)
    user_id: str = "1098765432101234"

    @classmethod
    def recorded(cls) -> "CmsState":
        """Return the recorded state."""
        listed = recorded.answer(f"cms/DescribeMetricMetaList.{NAMESPACE}.json")["Resources"]["Resource"]
        state = cls(metrics={metric["MetricName"] for metric in listed if "port" not in metric["Dimensions"]})
        for metric in sorted(state.metrics):
            state.points[metric] = {}
            for point in json.loads(recorded.answer(f"cms/DescribeMetricList.{NAMESPACE}.{metric}.json")["Datapoints"]):
                values = {key: point[key] for key in STATISTICS}
                state.points[metric].setdefault(point["instanceId"], []).append(values)
        return state

    def set_metric(self, balancer_id: str, metric: str, values: Sequence[float | Json]) -> None:
        """Replace a load balancer's points, one for each of the last minutes, the newest last.

        A number stands for all statistics of its point.
        """
        points = [dict(value) if isinstance(value, dict) else dict.fromkeys(STATISTICS, value) for value in values]
        self.metrics.add(metric)
        self.points.setdefault(metric, {})[balancer_id] = points


def describe_metric_list(cms: CmsState, params: Parameters) -> Json:
    """Return the points of a metric in a window, which is open on the left and closed on the right."""
    refusal = _refusal(cms, params)
    if refusal:
        return _refused(refusal)
    start, end = (params.text(name) for name in ("StartTime", "EndTime"))
    end_at = int(end) if end else _now()
    start_at = int(start) if start else end_at - 60 * MINUTE
    if start_at >= end_at or end_at - start_at > 31 * 24 * 60 * MINUTE:
        return _refused("The specified parameter is invalid: StartTime")
    points = [point for point in _points(cms, params, end_at) if start_at < point["timestamp"] <= end_at]
    return _answer(points, params)


def describe_metric_last(cms: CmsState, params: Parameters) -> Json:
    """Return the newest point of each load balancer."""
    refusal = _refusal(cms, params)
    if refusal:
        return _refused(refusal)
    newest = {point["instanceId"]: point for point in _points(cms, params, _now())}
    return _answer(list(newest.values()), params)


OPERATIONS = {"DescribeMetricList": describe_metric_list, "DescribeMetricLast": describe_metric_last}


def _refusal(cms: CmsState, params: Parameters) -> str:
    """Return why a call is refused; empty if it is not."""
    if params.text("Namespace") != NAMESPACE:
        return "The specified parameter is invalid: Namespace"
    if params.text("MetricName") not in cms.metrics:
        return "The specified parameter is invalid: MetricName"
    if params.text("Period", "60") != "60":
        return "The specified parameter is invalid: Period"
    asked = _asked(params)
    if asked is None or len(asked) > MOST_DIMENSIONS:
        return "The specified parameter is invalid: Dimensions"
    for name in ("StartTime", "EndTime"):
        if name in params and not params.text(name).isdecimal():
            return f"The specified parameter is invalid: {name}"
    length = params.text("Length", "1000")
    if not length.isdecimal() or not 1 <= int(length) <= MOST_POINTS:
        return "The specified parameter is invalid: Length"
    return ""


def _asked(params: Parameters) -> list[str] | None:
    """Return the load balancers that were asked for, an empty list for all; None for what can't be read."""
    try:
        dimensions = json.loads(params.text("Dimensions", "[]"))
        return [dimension["instanceId"] for dimension in dimensions]
    except (ValueError, TypeError, KeyError):
        return None


def _points(cms: CmsState, params: Parameters, end_at: int) -> Iterator[Json]:
    asked = _asked(params)
    now = _now()
    # A call that came on its way while a minute ended is answered as in the minute in which it was sent.
    newest = (end_at if now - 2 * MINUTE < end_at <= now else now) // MINUTE * MINUTE
    for balancer_id, values in cms.points.get(params.text("MetricName"), {}).items():
        if asked and balancer_id not in asked:
            continue
        for age, statistics in zip(reversed(range(len(values))), values, strict=True):
            of_whom = {"userId": cms.user_id, "instanceId": balancer_id}
            yield {"timestamp": newest - age * MINUTE, **of_whom, **statistics}


def _answer(points: list[Json], params: Parameters) -> Json:
    page = by_token(points, params, largest=MOST_POINTS, default=1000, size="Length")
    more = {"NextToken": page.token} if page.token else {}
    return {
        "Code": "200",
        "Datapoints": json.dumps(page.items, separators=(",", ":")),
        "Period": "60",
        "Success": True,
        **more,
    }


def _refused(message: str) -> dict[str, Any]:
    return {"Code": "400", "Message": message, "Success": False}


def _now() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)
