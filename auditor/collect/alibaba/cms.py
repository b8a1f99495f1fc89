"""CloudMonitor: what the load balancers had to carry in the last hour."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from auditor.collect.alibaba.balancer_scope import api_balancers, clb_ids
from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.failures import malformed
from auditor.collect.alibaba.fields import BadField, Fields
from auditor.collect.alibaba.filling import by_keys
from auditor.collect.alibaba.paging import Listing, Tokened, gather
from auditor.collect.alibaba.sdk import Request
from auditor.collect.provider import provides
from auditor.facts.cloud.cms import Metric, metric_key
from auditor.facts.cloud.cs import Cluster, ClusterResource
from auditor.facts.cloud.slb import LoadBalancer
from auditor.facts.kubernetes.services import Service
from auditor.facts.ref import Layer
from auditor.facts.table import Gap, Table

METRICS = (
    "InstanceActiveConnection",
    "InstanceDropConnection",
    "InstanceDropPacketRX",
    "InstanceDropPacketTX",
    "InstanceDropTrafficRX",
    "InstanceDropTrafficTX",
    "InstanceMaxConnection",
    "InstanceMaxConnectionUtilization",
    "InstanceNewConnection",
    "InstanceNewConnectionUtilization",
    "InstanceQps",
    "InstanceQpsUtilization",
    "InstanceTrafficRX",
    "InstanceTrafficTX",
)
"""The metrics of a CLB that are read; those without a port in their dimensions are of the whole instance."""

OF_SERVICES = ("InstanceMaxConnection", "InstanceNewConnection")
"""Those that are read of the load balancers of Services: whether their connections are long ones."""

_WINDOW = timedelta(hours=1)
_PERIOD_SECONDS = 60
"""The only period of these metrics."""
_PAGE = Tokened(1440, "Length")
"""The pages of points: of all load balancers that are named together."""
_BALANCERS_PER_CALL = 23
"""How many have an hour's points, of which there may be 61, in one page. ``Dimensions`` may name 50."""


@provides(
    "load_balancer_metrics",
    source="cms",
    layer=Layer.CLOUD,
    permissions=("cms:QueryMetricList",),
    tolerates=("services", "clusters", "cluster_resources"),
)
def collect_load_balancer_metrics(
    client: CloudClient,
    load_balancers: Table[LoadBalancer],
    services: Table[Service],
    clusters: Table[Cluster],
    cluster_resources: Table[ClusterResource],
) -> Table[Metric]:
    """Fill ``load_balancer_metrics`` with the last hour: all of the API server's, some of those of Services.

    A load balancer without points has a row that says so: nothing was measured, which is not that nothing was
    carried. The points of a call that failed on its way are of no use: the highest may be among those that miss.
    """
    api = api_balancers(clusters, load_balancers, cluster_resources, client.cluster_id)
    existing = {one.id for one in api if one.balancer}
    with_services = existing.union(clb_ids(load_balancers, services, client.cluster_id))
    wanted = {metric: sorted(with_services if metric in OF_SERVICES else existing) for metric in METRICS}
    now = datetime.now(UTC)
    parts = [
        _Part(metric, ids[start : start + _BALANCERS_PER_CALL], now)
        for metric, ids in wanted.items()
        for start in range(0, len(ids), _BALANCERS_PER_CALL)
    ]
    rows: list[Metric] = []
    gaps: list[Gap] = []
    for part_rows, part_gaps in client.each(lambda part: part.read(client), parts):
        rows += part_rows
        gaps += part_gaps
    asked = [metric_key(balancer_id, metric) for metric, ids in wanted.items() for balancer_id in ids]
    return by_keys("load_balancer_metrics", asked, rows, gaps)


@dataclass(frozen=True)
class _Point:
    at: datetime
    highest: float
    average: float


@dataclass(frozen=True)
class _Part:
    """One metric of some load balancers."""

    metric: str
    ids: Sequence[str]
    now: datetime

    def read(self, client: CloudClient) -> tuple[list[Metric], list[Gap]]:
        request = Request("cms", "DescribeMetricList", self._params(), granted_by="QueryMetricList")
        listing = gather(_Readable(client), request, "Datapoints", "", _PAGE)
        if listing.reasons:
            return [], [Gap(reason, self._keys(self.ids)) for reason in listing.reasons]
        points, spoilt = self._points(listing, request)
        rows = [_metric(one, self.metric, points[one].values()) for one in self.ids if one in points]
        return rows, spoilt

    def _params(self) -> dict[str, str]:
        return {
            "Namespace": "acs_slb_dashboard",
            "MetricName": self.metric,
            "Dimensions": msgspec.json.encode([{"instanceId": one} for one in self.ids]).decode(),
            "StartTime": _milliseconds(self.now - _WINDOW),
            "EndTime": _milliseconds(self.now),
            "Period": str(_PERIOD_SECONDS),
        }

    def _points(self, listing: Listing, request: Request) -> tuple[dict[str, dict[datetime, _Point]], list[Gap]]:
        """Return the points of each load balancer by their time, but of those that a spoilt point hides."""
        points: dict[str, dict[datetime, _Point]] = {one: {} for one in self.ids}
        gaps: list[Gap] = []
        for item in listing.items:
            whose: Iterable[str] = self.ids
            try:
                fields = Fields(item, "Datapoints")
                whose = (fields.required("instanceId"),)
                point = _point(fields)
            except BadField as bad:
                reason = malformed(request.product, request.permission, bad.name).reason
                gaps.append(Gap(reason, self._keys(whose)))
                for one in whose:
                    points.pop(one, None)
            else:
                points.get(whose[0], {})[point.at] = point
        return points, gaps

    def _keys(self, ids: Iterable[str]) -> frozenset[str]:
        return frozenset(metric_key(one, self.metric) for one in ids)


@dataclass(frozen=True)
class _Readable:
    """The client, with the points of its answers as a list: they come as a text that holds one, or as an empty one."""

    client: CloudClient

    def call(self, request: Request) -> dict[str, Any]:
        answer = dict(self.client.call(request))
        written = answer.get("Datapoints")
        if isinstance(written, str):
            try:
                answer["Datapoints"] = msgspec.json.decode(written) if written else []
            except (msgspec.DecodeError, RecursionError):
                raise malformed(request.product, request.permission, "Datapoints") from None
        return answer


def _point(fields: Fields) -> _Point:
    highest, average = fields.number("Maximum"), fields.number("Average")
    highest = average if highest is None else highest
    average = highest if average is None else average
    if highest is None or average is None:
        raise BadField("Average")
    try:
        at = datetime.fromtimestamp(fields.required_integer("timestamp") / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise BadField("timestamp") from None
    return _Point(at, highest, average)


def _metric(balancer_id: str, name: str, points: Iterable[_Point]) -> Metric:
    in_order = sorted(points, key=lambda point: point.at)
    if not in_order:
        return Metric(balancer_id, name)
    peak = max(in_order, key=lambda point: point.highest)
    return Metric(
        resource_id=balancer_id,
        name=name,
        points=len(in_order),
        highest=peak.highest,
        latest=in_order[-1].average,
        mean=sum(point.average for point in in_order) / len(in_order),
        first_at=in_order[0].at,
        last_at=in_order[-1].at,
        highest_at=peak.at,
    )


def _milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))
