"""The load balancer of the API server carries more than it was bought for.

A Classic Load Balancer drops connections and traffic that go beyond its specification, and an elastic IP address what
goes beyond its bandwidth. In front of the API server that looks like an API server that is now there and now not:
the console reports errors, kubectl waits, kubelets miss their leases and nodes turn NotReady. The usual causes are
clients that list everything over and over, many nodes or operators on a small specification, and kubectl cp or port
forwarding over the public address.
"""

from collections.abc import Iterable, Iterator, Sequence

from auditor.facts.cloud.cms import Metric, metric_key
from auditor.facts.cloud.cs import Cluster
from auditor.facts.cloud.slb import LoadBalancer
from auditor.facts.cloud.vpc import Eip
from auditor.facts.joins.api_load_balancer import ApiBalancer, ApiServerLoadBalancer
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.first_match import unique
from auditor.facts.table import said
from auditor.judge.api import (
    Check,
    NotApplicable,
    NotEvaluated,
    NotKnown,
    Passed,
    Reason,
    ReasonKind,
    Severity,
    Table,
    Verdict,
    t,
)
from checks.network._api_balancer import api_balancers
from checks.network._balancer_load import (
    CEILINGS,
    DIMENSIONS,
    DROPS,
    ELASTIC,
    FROM_PERCENT,
    Load,
    bandwidth_finding,
    overload_finding,
)

check = Check(
    severity=Severity.HIGH,
    causes=("N9", "K3"),
    since="0.1.0",
    symptoms=("console-fails", "kubectl-timeout"),
    limits=(
        "The metrics are those of the last hour, one value a minute: shorter peaks show in the drop counters only.",
        (
            "What goes through the elastic IP address is not counted apart: it is taken to be all that the load "
            "balancer carries, so that a finding about it is likely and not confirmed."
        ),
    ),
    links=("https://www.alibabacloud.com/help/en/slb/classic-load-balancer/product-overview/clb-instance-overview",),
)

TRAFFIC = ("InstanceTrafficRX", "InstanceTrafficTX")
BITS = 1_000_000
"""In one Mbit: the API's bandwidths are in Mbit/s, its traffic is in bit/s."""


def subjects(
    cluster: ClusterIdentity, clusters: Table[Cluster], api_server_load_balancer: ApiServerLoadBalancer
) -> Iterable[ApiBalancer]:
    return api_balancers(cluster, clusters, api_server_load_balancer)


def judge(
    subject: ApiBalancer, load_balancer_metrics: Table[Metric], eips: Table[Eip], cluster: ClusterIdentity
) -> Iterator[Verdict]:
    balancer = subject.balancer
    if balancer is None:
        yield NotApplicable(t("load balancer {id} does not exist", id=subject.id))
        return
    load, reasons = _load(balancer, load_balancer_metrics)
    found = False
    if load.severity is not None:
        found = True
        yield overload_finding(balancer, load, cluster.region)
        if load.is_decided:
            reasons = []  # whatever else could not be read can't make it worse
    try:
        for eip in eips.where("instance", lambda row: row.instance_id, balancer.id):
            verdict = _through(eip, balancer, load_balancer_metrics, cluster.region)
            if verdict is not None:
                found = True
                yield verdict
    except NotKnown as gap:
        reasons += gap.reasons
    if reasons:
        yield NotEvaluated(unique(reasons))
    elif not found:
        yield Passed()


def _points(balancer: LoadBalancer, name: str, metrics: Table[Metric]) -> Metric | None:
    """Return a metric of the last hour; None if nothing was measured. Raises NotKnown."""
    row = said(metrics.get(metric_key(balancer.id, name)), "cms", t("metric {metric}", metric=name))
    return row if row.points and row.highest is not None else None


def _load(balancer: LoadBalancer, metrics: Table[Metric]) -> tuple[Load, list[Reason]]:
    """Return what the load balancer carried, and why that is not known in whole."""
    load = Load()
    reasons: list[Reason] = []
    for name in DROPS:
        try:
            row = _points(balancer, name, metrics)
        except NotKnown as gap:
            reasons += gap.reasons
            continue
        if row is None:
            reasons.append(_unmeasured(balancer, name))
        elif row.highest:
            load.dropped.append(row)
    for name in DIMENSIONS:
        try:
            _add_dimension(load, balancer, name, metrics)
        except NotKnown as gap:
            reasons += gap.reasons
    try:
        _add_bandwidth(load, balancer, metrics)
    except NotKnown as gap:
        reasons += gap.reasons
    return load, reasons


def _add_dimension(load: Load, balancer: LoadBalancer, name: str, metrics: Table[Metric]) -> None:
    """Read how far connections, new connections or requests are towards the specification. Raises NotKnown."""
    used = _points(balancer, f"{name}Utilization", metrics)
    if used is not None:
        load.add(name, used.highest or 0.0, used)
        return
    if balancer.charge_type == ELASTIC or not balancer.spec:
        return  # there is nothing bought that could be used up: the drop counters alone decide
    absolute = _points(balancer, name, metrics)
    if absolute is None:
        if name != "InstanceQps":  # a load balancer with TCP listeners alone counts no requests
            raise NotKnown(_unmeasured(balancer, name))
        return
    ceilings = CEILINGS.get(balancer.spec)
    if ceilings is None:
        message = t("the ceilings of specification {spec} are not known", spec=balancer.spec)
        raise NotKnown(Reason("slb", ReasonKind.UNDECIDABLE, message))
    ceiling = ceilings[DIMENSIONS.index(name)]
    load.add(name, 100 * (absolute.highest or 0.0) / ceiling, absolute, assumed_ceiling=ceiling)


def _add_bandwidth(load: Load, balancer: LoadBalancer, metrics: Table[Metric]) -> None:
    if balancer.internet_charge_type != "paybybandwidth" or balancer.address_type != "internet":
        return
    if not balancer.bandwidth or balancer.bandwidth < 0:
        return
    for name in TRAFFIC:
        row = _points(balancer, name, metrics)
        if row is None:
            raise NotKnown(_unmeasured(balancer, name))
        load.add(name, 100 * (row.highest or 0.0) / (balancer.bandwidth * BITS), row)


def _through(eip: Eip, balancer: LoadBalancer, metrics: Table[Metric], region: str) -> Verdict | None:
    """Compare the traffic with the bandwidth of the EIP; None if it is far enough below. Raises NotKnown."""
    bandwidth = said(eip.bandwidth, "vpc", t("the bandwidth of elastic IP address {id}", id=eip.id))
    if bandwidth <= 0:
        return None
    rows: Sequence[Metric | None] = [_points(balancer, name, metrics) for name in TRAFFIC]
    measured = [row for row in rows if row is not None and row.highest is not None]
    worst = max(measured, key=lambda row: row.highest or 0.0, default=None)
    percent = 100 * (worst.highest or 0.0) / (bandwidth * BITS) if worst else 0.0
    if worst is not None and percent >= FROM_PERCENT:
        return bandwidth_finding(balancer, eip, worst, percent, region)
    if len(measured) < len(rows):
        raise NotKnown(*(_unmeasured(balancer, name) for name, row in zip(TRAFFIC, rows, strict=True) if row is None))
    return None


def _unmeasured(balancer: LoadBalancer, name: str) -> Reason:
    message = t("CloudMonitor has no value of {metric} for {balancer}", metric=name, balancer=balancer.id)
    return Reason("cms", ReasonKind.UNDECIDABLE, message)
