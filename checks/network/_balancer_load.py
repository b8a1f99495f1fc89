"""What a load balancer carried, against what it was bought for, and the findings on it."""

from dataclasses import dataclass, field
from types import MappingProxyType

from auditor.facts.cloud.cms import Metric
from auditor.facts.cloud.slb import LoadBalancer
from auditor.facts.cloud.vpc import Eip
from auditor.judge.api import Certainty, Evidence, Finding, Severity, Step, broken, ok, step, t
from checks.network._api_balancer import look_at

DROPS = (
    "InstanceDropConnection",
    "InstanceDropPacketRX",
    "InstanceDropPacketTX",
    "InstanceDropTrafficRX",
    "InstanceDropTrafficTX",
)
"""What was dropped for being beyond the specification."""
DIMENSIONS = ("InstanceMaxConnection", "InstanceNewConnection", "InstanceQps")
"""What a specification bounds; each has a metric of the same name in per cent, with ``Utilization`` behind it."""
CEILINGS = MappingProxyType(
    {
        "slb.s1.small": (5_000, 3_000, 1_000),
        "slb.s2.small": (50_000, 5_000, 5_000),
        "slb.s2.medium": (100_000, 10_000, 10_000),
        "slb.s3.small": (200_000, 20_000, 20_000),
        "slb.s3.medium": (500_000, 50_000, 30_000),
        "slb.s3.large": (1_000_000, 100_000, 50_000),
    }
)
"""Connections, new connections per second and requests per second of the guaranteed-performance specifications (the
documentation of Classic Load Balancer, "Guaranteed-performance instances"). No API says them: they are assumed."""
ELASTIC = "PayByCLCU"
"""Paid by what is used: it has no specification that could be used up."""
FROM_PERCENT = 80.0
HIGH_PERCENT = 90.0


@dataclass
class Load:
    """What was dropped, and how far each bound is used up, in per cent.

    ``percents`` holds the bounds from 80 per cent; ``read`` every value that was read.
    """

    dropped: list[Metric] = field(default_factory=list)
    percents: dict[str, float] = field(default_factory=dict)
    read: dict[str, Evidence] = field(default_factory=dict)
    peak_at: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, percent: float, metric: Metric, *, assumed_ceiling: int | None = None) -> None:
        """Take one bound. ``assumed_ceiling`` is what the load was compared with where no API says it."""
        self.read[f"{name}_percent"] = round(percent, 1)
        if assumed_ceiling is not None:
            self.read[name] = metric.highest
            self.read[f"{name}_ceiling_assumed"] = assumed_ceiling
        if percent >= FROM_PERCENT:
            self.percents[name] = percent
            self.peak_at[name] = metric.highest_at.isoformat() if metric.highest_at else ""

    @property
    def severity(self) -> Severity | None:
        """How bad it is; None if nothing was dropped and no bound is near."""
        if self.dropped or any(percent >= HIGH_PERCENT for percent in self.percents.values()):
            return Severity.HIGH
        return Severity.MEDIUM if self.percents else None

    @property
    def certainty(self) -> Certainty:
        """Confirmed where something was dropped; else it is about to be, or may be."""
        if self.dropped:
            return Certainty.CONFIRMED
        return Certainty.LIKELY if self.severity is Severity.HIGH else Certainty.AT_RISK

    @property
    def is_decided(self) -> bool:
        """Whether nothing else could make it worse or surer."""
        return bool(self.dropped)


def overload_finding(balancer: LoadBalancer, load: Load, region: str) -> Finding:
    """Make the finding that the load balancer drops, or is near its specification."""
    drops = [f"{row.name} {row.highest:g}" for row in load.dropped]
    near = [f"{name} {percent:.0f} %" for name, percent in sorted(load.percents.items())]
    if drops:
        message = t(
            "the API server's load balancer {id} ({spec}) dropped what it could not carry in the last hour: {drops}",
            id=balancer.id,
            spec=balancer.spec or balancer.charge_type or "",
            drops=drops,
        )
    else:
        message = t(
            "the API server's load balancer {id} ({spec}) is near the bounds of its specification: {near}",
            id=balancer.id,
            spec=balancer.spec or balancer.charge_type or "",
            near=near,
        )
    evidence: dict[str, Evidence] = {
        "spec": balancer.spec,
        "charge_type": balancer.charge_type,
        "dropped": {row.name: f"{row.highest:g}" for row in load.dropped},
        "dropped_at": {row.name: row.highest_at.isoformat() for row in load.dropped if row.highest_at},
        "peak_at": dict(load.peak_at),
        **load.read,
    }
    return Finding(
        subject=balancer.ref,
        fault="overloaded",
        severity=load.severity,
        certainty=load.certainty,
        message=message,
        trail=(broken(balancer.ref, t("in the last hour: {values}", values=[*drops, *near])),),
        evidence=evidence,
        remedy=(
            look_at(region, balancer.id),
            _see_clients(),
            _more_room(balancer),
        ),
    )


def _more_room(balancer: LoadBalancer) -> Step:
    if balancer.charge_type == ELASTIC:
        return step(
            t(
                "It is paid by use and has no specification that could be raised: submit a ticket to SLB, with its id "
                "and the time, to learn which bound of an instance was met, and have that raised. Meanwhile stop the "
                "clients that call most."
            )
        )
    return step(
        t(
            "Buy room: in the SLB console choose a larger specification for the instance, or change it to "
            "pay-by-CLCU. Established connections may break off once while it is changed. Change nothing else "
            "of it: listeners, servers and tags of the API server's load balancer belong to ACK."
        )
    )


def bandwidth_finding(balancer: LoadBalancer, eip: Eip, metric: Metric, percent: float, region: str) -> Finding:
    """Make the finding that what the load balancer carries comes near to the bandwidth of its EIP."""
    mbits = round((metric.highest or 0.0) / 1_000_000, 1)
    return Finding(
        subject=balancer.ref,
        fault="eip-bandwidth",
        severity=Severity.HIGH if percent >= HIGH_PERCENT else Severity.MEDIUM,
        certainty=Certainty.LIKELY,
        message=t(
            "the API server's load balancer {id} carried {mbits} Mbit/s at its peak, {percent} per cent of the "
            "bandwidth of its elastic IP address {address} ({bandwidth} Mbit/s)",
            id=balancer.id,
            mbits=mbits,
            percent=round(percent),
            address=eip.address,
            bandwidth=eip.bandwidth or 0,
        ),
        why=t(
            "What goes beyond the bandwidth of an elastic IP address is dropped: kubectl and the console get slow or "
            "fail from outside, while everything inside of the VPC goes on. Which part of the traffic went through the "
            "address is not measured; clients inside of the VPC use the same load balancer without it."
        ),
        trail=(
            broken(eip.ref, t("bandwidth {bandwidth} Mbit/s", bandwidth=eip.bandwidth or 0)),
            ok(balancer.ref, t("{metric} {mbits} Mbit/s", metric=metric.name, mbits=mbits)),
        ),
        evidence={
            "eip": eip.id,
            "eip_bandwidth_mbits": eip.bandwidth,
            "metric": metric.name,
            "peak_mbits": mbits,
            "peak_at": metric.highest_at.isoformat() if metric.highest_at else None,
            "percent": round(percent, 1),
        },
        remedy=(
            look_at(region, balancer.id),
            step(
                t("Confirm what went through the address itself."),
                *("aliyun", "vpc", "DescribeEipMonitorData", "--RegionId", region, "--AllocationId", eip.id),
                *("--StartTime", "<from>", "--EndTime", "<to>"),
            ),
            _see_clients(),
            step(
                t("Raise its bandwidth: that takes effect at once, breaks no connection, and may cost more."),
                *("aliyun", "vpc", "ModifyEipAddressAttribute", "--RegionId", region, "--AllocationId", eip.id),
                *("--Bandwidth", "<mbit-per-second>"),
            ),
        ),
    )


def _see_clients() -> Step:
    return step(
        t(
            "Find who calls so much: in the ACK console, Operations > Prometheus Monitoring > Control Plane lists the "
            "API server's clients. Lists without a limit that are repeated, and watches that break off, are the usual."
        )
    )
