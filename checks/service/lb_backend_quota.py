"""A load balancer has no room for more backend servers.

A CLB takes 200 backend entries by default, an NLB 400, over all its server groups together. In the traffic policy
Cluster, every port of every Service puts every node of the cluster on the list, so that eight ports in a cluster of
25 nodes fill a CLB. When it is full, the cloud controller manager can't add the backends of a further Service or
port, and not those of new nodes either: the Service stays pending, or serves with a part of the nodes. A load
balancer that several Services share, possibly from several clusters, fills first.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from auditor.facts.cloud.cs import Cluster
from auditor.facts.cloud.quotas import Quota
from auditor.facts.joins.backend_nodes import BackendNodes
from auditor.facts.joins.load_balancers import BackendGroup, LoadBalancerBackends
from auditor.facts.joins.services import (
    AnyLoadBalancer,
    ServiceEndpoints,
    ServiceLoadBalancers,
    default_load_balancer_name,
    is_nlb_service,
    is_served_by_ccm,
    load_balancer_id,
)
from auditor.facts.kubernetes.events import Event
from auditor.facts.kubernetes.services import Service
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.ccm_backends import stated_mode
from auditor.facts.rules.quota_limits import BACKENDS_PER_CLB, BACKENDS_PER_NLB, Limit, limit_of
from auditor.judge.api import (
    Certainty,
    Check,
    Evidence,
    Finding,
    Hop,
    NotApplicable,
    NotEvaluated,
    NotKnown,
    Passed,
    Reason,
    Ref,
    Severity,
    Step,
    Table,
    Text,
    Verdict,
    broken,
    cloud_ref,
    ok,
    step,
    t,
)
from checks.service._ccm_events import BACKENDS_FULL
from checks.service._needed_backends import NeededBackends
from checks.service._waiting import waits

check = Check(
    severity=Severity.HIGH,
    causes=("V1",),
    since="0.1.0",
    symptoms=("lb-service-pending",),
    limits=(
        "Events live for about one hour: a refusal that is older shows only in the numbers.",
        "Entries of type ECI have a quota of their own on NLB, which is not judged.",
    ),
    links=("https://www.alibabacloud.com/help/en/slb/classic-load-balancer/user-guide/quotas",),
)

WARN_AT_PERCENT = 80
_FAILED, _SUCCEEDED = "SyncLoadBalancerFailed", "EnsuredLoadBalancer"
_SERVICES_IN_TRAIL = 3

T = TypeVar("T")


@dataclass(frozen=True)
class Load:
    """A load balancer, there or to be made, and the Services of this cluster that it serves."""

    ref: Ref
    is_nlb: bool
    balancer: AnyLoadBalancer | None
    services: Sequence[Service]
    unknown: tuple[Reason, ...] = ()


def subjects(services: Table[Service], service_load_balancers: ServiceLoadBalancers) -> Iterable[Load]:
    loads: dict[str, Load] = {}
    for service in services.known_rows():
        if not is_served_by_ccm(service) or service.metadata.deletion_timestamp:
            continue
        is_nlb = is_nlb_service(service)
        try:
            balancer = service_load_balancers.of(service)
        except NotKnown as gap:
            loads[service.key] = Load(service.ref, is_nlb, None, (service,), gap.reasons)
            continue
        if balancer is not None:
            so_far = loads[balancer.id].services if balancer.id in loads else ()
            loads[balancer.id] = Load(balancer.ref, is_nlb, balancer, (*so_far, service))
        elif not load_balancer_id(service):
            ref = cloud_ref("LoadBalancer", "", default_load_balancer_name(service) or service.name)
            loads[service.key] = Load(ref, is_nlb, None, (service,))
    return loads.values()


def judge(
    load: Load,
    load_balancer_backends: LoadBalancerBackends,
    service_endpoints: ServiceEndpoints,
    backend_nodes: BackendNodes,
    events: Table[Event],
    slb_quotas: Table[Quota],
    nlb_quotas: Table[Quota],
    clusters: Table[Cluster],
    cluster: ClusterIdentity,
    observed_at: datetime,
) -> Iterator[Verdict]:
    if load.unknown:
        yield NotEvaluated(load.unknown)
        return
    gaps: list[Reason] = []
    waiting = [service for service in load.services if waits(service, observed_at)]
    refused = _try(lambda: _refusals(load.services, events), gaps) or {}
    if load.balancer is None and not waiting and not refused:
        yield NotApplicable(t("the load balancer is still being made"))
        return
    groups = _try(lambda: load_balancer_backends.of(load.balancer) if load.balancer else [], gaps)
    limit = _try(lambda: _limit(load, slb_quotas, nlb_quotas, cluster), gaps)
    state = _State(load, refused, groups, limit)
    if groups is not None and limit is not None:
        needs = NeededBackends(service_endpoints, backend_nodes, clusters, cluster.cluster_id)
        for service in waiting:
            _weigh(state, service, needs, gaps)
    finding = state.finding()
    if finding:
        yield finding
    if gaps and (finding is None or finding.severity is not Severity.HIGH):
        yield NotEvaluated(tuple(gaps))
    elif finding is None:
        yield Passed()


def _refusals(services: Sequence[Service], events: Table[Event]) -> dict[str, Event]:
    """Return, by Service, the last refusal for want of room, unless the CCM has succeeded since."""
    refusals: dict[str, Event] = {}
    for service in services:
        about = events.where("about", lambda event: event.about, f"Service/{service.key}")
        mine = [event for event in about if event.involved_object.uid in ("", service.metadata.uid)]
        failed = [event for event in mine if event.reason == _FAILED and BACKENDS_FULL.search(event.message)]
        if not failed:
            continue
        last = max(failed, key=_seen)
        is_cured = service.ingress and any(e.reason == _SUCCEEDED and _seen(e) > _seen(last) for e in mine)
        if not is_cured:
            refusals[service.key] = last
    return refusals


def _seen(event: Event) -> float:
    return event.seen_at.timestamp() if event.seen_at else 0.0


def _limit(load: Load, slb_quotas: Table[Quota], nlb_quotas: Table[Quota], cluster: ClusterIdentity) -> Limit:
    if load.is_nlb:
        return limit_of(nlb_quotas, BACKENDS_PER_NLB, cluster.region)
    return limit_of(slb_quotas, BACKENDS_PER_CLB, cluster.region)


class _State:
    """What is known of one load balancer, on the way to its verdict."""

    def __init__(
        self, load: Load, refused: dict[str, Event], groups: Sequence[BackendGroup] | None, limit: Limit | None
    ) -> None:
        self.load = load
        self.refused = refused
        self.groups = groups
        self.limit = limit
        self.needed: dict[str, int] = {}

    @property
    def counts(self) -> dict[str, int]:
        """Entries by group; on NLB without those of type ECI, which have a quota of their own."""
        return {
            group.id: sum(entry.type != "eci" for entry in group.entries) if self.load.is_nlb else group.count
            for group in self.groups or ()
        }

    def finding(self) -> Finding | None:
        """Return the finding, the worst that holds; None if there is room."""
        used, limit = sum(self.counts.values()), self.limit
        if self.groups is None or limit is None:
            return self._refused_finding() if self.refused else None
        over = sorted(key for key, needed in self.needed.items() if used + needed > limit.value)
        if self.refused:
            return self._refused_finding(over)
        values: dict[str, str | int | Text] = {"balancer": self.load.ref.path, "used": used, "limit": limit.text}
        if used > limit.value:
            text = t("load balancer {balancer} holds {used} backend entries; its limit is {limit}")
            return self._finding(text.with_values(values), over or sorted(self.needed))
        if over:
            text = t(
                "load balancer {balancer} has no room for {affected}: {used} entries are used and {needed} more are "
                "needed; the limit is {limit}",
                needed=max(self.needed[key] for key in over),
            )
            return self._finding(text.with_values(values), over)
        if used + sum(self.needed.values()) > limit.value:
            text = t(
                "load balancer {balancer} has no room for all of {affected}: {used} entries are used and {needed} more "
                "are needed together; the limit is {limit}",
                needed=sum(self.needed.values()),
            )
            return self._finding(text.with_values(values), sorted(self.needed), Certainty.LIKELY)
        if used * 100 >= limit.value * WARN_AT_PERCENT:
            text = t("load balancer {balancer} is nearly full: {used} backend entries; its limit is {limit}")
            return self._finding(text.with_values(values), (), Certainty.AT_RISK, Severity.MEDIUM)
        return None

    def _refused_finding(self, over: Sequence[str] = ()) -> Finding:
        event = self.refused[min(self.refused)]
        text = t(
            "the cloud refused further backends of load balancer {balancer} for {affected}: {event}",
            balancer=self.load.ref.path,
            event=event.message,
        )
        return self._finding(text, sorted({*self.refused, *over}), by_event=True)

    def _finding(
        self,
        message: Text,
        services: Sequence[str],
        certainty: Certainty = Certainty.CONFIRMED,
        severity: Severity = Severity.HIGH,
        *,
        by_event: bool = False,
    ) -> Finding:
        rests_on_assumption = self.limit is not None and self.limit.is_assumed and not by_event
        if rests_on_assumption and certainty is Certainty.CONFIRMED:
            certainty = Certainty.LIKELY
        affected = tuple(service.ref for service in self.load.services if service.key in set(services))
        return Finding(
            subject=self.load.ref,
            message=message,
            certainty=certainty,
            severity=severity,
            fault="backend-quota",
            remedy=_remedy(self.load),
            trail=self._trail(affected),
            evidence=self._evidence(),
            affected=affected,
        )

    def _trail(self, affected: Sequence[Ref]) -> tuple[Hop, ...]:
        shown = affected or [service.ref for service in self.load.services]
        hops = [ok(ref, self._said_of(ref)) for ref in shown[:_SERVICES_IN_TRAIL]]
        if self.groups is None or self.limit is None:
            return (*hops, broken(self.load.ref, t("the cloud says that its quota of backend servers is reached")))
        detail = t("{used} entries; limit {limit}", used=sum(self.counts.values()), limit=self.limit.text)
        return (*hops, broken(self.load.ref, detail))

    def _said_of(self, ref: Ref) -> Text:
        if ref.path in self.needed:
            return t("waits; needs {needed} more entries", needed=self.needed[ref.path])
        if ref.path in self.refused:
            return t("its backends were refused")
        return t("is served by it")

    def _evidence(self) -> dict[str, Evidence]:
        evidence: dict[str, Evidence] = {"services": [service.key for service in self.load.services]}
        if self.groups is not None:
            evidence["used"] = sum(self.counts.values())
            evidence["entries_by_group"] = {**self.counts}
        if self.limit is not None:
            evidence["limit"] = self.limit.value
            evidence["limit_assumed"] = self.limit.is_assumed
        if self.needed:
            evidence["needed"] = {**self.needed}
        if self.refused:
            evidence["events"] = {key: event.message for key, event in self.refused.items()}
        return evidence


def _weigh(state: _State, service: Service, needs: NeededBackends, gaps: list[Reason]) -> None:
    """Note what a waiting Service needs; where that is not certain, only if it makes no difference."""
    groups, limit = state.groups or (), state.limit
    answer = _try(lambda: needs.of(service, groups), gaps)
    if answer is None or limit is None:
        return
    least, most, why = answer
    room = limit.value - sum(state.counts.values())
    if why and least <= room < most:
        gaps += why
        return
    state.needed[service.key] = least


def _remedy(load: Load) -> tuple[Step, ...]:
    name = load.ref.id or "<load-balancer-id>"
    product, action = ("nlb", "ListServerGroups") if load.is_nlb else ("slb", "DescribeVServerGroups")
    of_one = () if load.is_nlb else ("--LoadBalancerId", name)
    steps = [
        step(t("Confirm the number of entries, and see which groups hold them"), "aliyun", product, action, *of_one),
        step(
            t(
                "Ask for a higher quota of backend servers per load balancer in Quota Center; traffic is not touched. "
                "The command shows the present quotas"
            ),
            "aliyun",
            "quotas",
            "ListProductQuotas",
            "--ProductCode",
            product,
        ),
    ]
    wide = next((service for service in load.services if not service.is_local and stated_mode(service) is None), None)
    if wide:
        steps.append(
            step(
                t(
                    "Or need fewer entries: with externalTrafficPolicy Local only nodes that host a Pod are entered, "
                    "with backend-type eni (Terway) only the Pods. Local cuts off clients inside the cluster on nodes "
                    "without a Pod"
                ),
                "kubectl",
                "-n",
                wide.namespace,
                "patch",
                "service",
                wide.name,
                "-p",
                '{"spec":{"externalTrafficPolicy":"Local"}}',
            )
        )
    if len(load.services) > 1:
        steps.append(step(t("Or move a Service to a load balancer of its own; its address changes")))
    return tuple(steps)


def _try(ask: Callable[[], T], gaps: list[Reason]) -> T | None:
    try:
        return ask()
    except NotKnown as gap:
        gaps += gap.reasons
        return None
