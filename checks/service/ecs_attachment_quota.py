"""A node's ECS instance is entered in too many server groups.

One ECS instance can be entered in server groups of CLB 50 times by default, over all load balancers of the region,
those of other clusters and those made by hand included; for NLB the limit is 200. In the traffic policy Cluster every
port of every Service enters every node once, so that 50 ports fill every node of the cluster at the same time. From
then on the cloud controller manager can't enter the nodes for a further port: the Service stays pending, or is served
by other nodes alone.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from auditor.facts.cloud.cs import Cluster
from auditor.facts.cloud.quotas import Quota
from auditor.facts.joins.attachments import Attachments, ServerAttachments
from auditor.facts.joins.backend_nodes import BackendNodes
from auditor.facts.joins.load_balancers import LoadBalancerBackends
from auditor.facts.joins.services import ServiceEndpoints, ServiceLoadBalancers, is_nlb_service, is_served_by_ccm
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.services import Service
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.ref import Ref
from auditor.facts.rules.quota_limits import ATTACHMENTS_TO_CLB, ATTACHMENTS_TO_NLB, Limit, limit_of
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
from checks.service._lacking import Lack, Lacking, Lacks
from checks.service._needed_backends import NeededBackends
from checks.service._waiting import waits

check = Check(
    severity=Severity.HIGH,
    causes=("V2",),
    since="0.1.0",
    symptoms=("lb-service-pending",),
    limits=(
        "Every entry counts. Where only the groups of a node are few enough, its finding is no more than likely.",
        "Of NLB only the server groups of the cluster's own load balancers are counted.",
    ),
    links=("https://www.alibabacloud.com/help/en/slb/classic-load-balancer/user-guide/quotas",),
)

WARN_AT_PERCENT = 80
_BALANCERS_IN_TRAIL = 3


@dataclass(frozen=True)
class _Needs:
    """What waiting Services still lack on each instance, by Service; and why that is not certain, or not whole."""

    least: Lacks
    most: Lacks
    undecided: tuple[Reason, ...]
    reasons: tuple[Reason, ...]
    refs: Mapping[str, Ref]


class _Run:
    """What all nodes of one run share: which Services there are, and what the waiting ones still lack."""

    def __init__(self) -> None:
        self.needs: dict[bool, _Needs] = {}


@dataclass(frozen=True)
class Server:
    """A node with an ECS instance behind it."""

    node: Node
    instance_id: str
    run: _Run

    @property
    def ref(self) -> Ref:
        """The reference of the node."""
        return self.node.ref


def subjects(nodes: Table[Node]) -> Iterable[Server]:
    run = _Run()
    return [
        Server(node, node.instance_id, run)
        for node in nodes.known_rows()
        if node.instance_id is not None and not node.is_virtual
    ]


def judge(
    server: Server,
    services: Table[Service],
    service_load_balancers: ServiceLoadBalancers,
    load_balancer_backends: LoadBalancerBackends,
    server_attachments: ServerAttachments,
    service_endpoints: ServiceEndpoints,
    backend_nodes: BackendNodes,
    slb_quotas: Table[Quota],
    nlb_quotas: Table[Quota],
    clusters: Table[Cluster],
    cluster: ClusterIdentity,
    observed_at: datetime,
) -> Iterator[Verdict]:
    looked_at = False
    gaps: list[Reason] = []
    for is_nlb in (False, True):
        if not _is_used(services, is_nlb=is_nlb):
            continue
        looked_at = True
        if is_nlb not in server.run.needs:
            needed = NeededBackends(service_endpoints, backend_nodes, clusters, cluster.cluster_id)
            waiting = _Waiting(needed, service_load_balancers, load_balancer_backends, observed_at)
            server.run.needs[is_nlb] = waiting.needs(services, is_nlb=is_nlb)
        attachments = (server_attachments.on_nlb if is_nlb else server_attachments.on_clb)(server.instance_id)
        needs = server.run.needs[is_nlb]
        try:
            limit = _limit(slb_quotas, nlb_quotas, cluster, is_nlb=is_nlb)
        except NotKnown as gap:
            gaps += (*gap.reasons, *attachments.reasons, *needs.reasons)
            continue
        load = _Load(server, is_nlb, attachments, limit, needs)
        finding = load.finding()
        if finding:
            yield finding
        if finding is None or finding.severity is not Severity.HIGH:
            gaps += load.reasons
    if gaps:
        yield NotEvaluated(tuple(dict.fromkeys(gaps)))
    elif looked_at:
        yield Passed()
    else:
        yield NotApplicable(t("no Service is on a load balancer that the cloud controller manager makes"))


def _is_used(services: Table[Service], *, is_nlb: bool) -> bool:
    """Tell whether some Service is on such a load balancer. One that is not known may be on a CLB."""
    if services.is_unavailable:
        return not is_nlb
    products = services.known_where("on", _product, "nlb" if is_nlb else "clb")
    return bool(products) or (bool(services.gaps) and not is_nlb)


def _product(service: Service) -> str:
    if not is_served_by_ccm(service) or service.metadata.deletion_timestamp:
        return ""
    return "nlb" if is_nlb_service(service) else "clb"


def _limit(slb: Table[Quota], nlb: Table[Quota], cluster: ClusterIdentity, *, is_nlb: bool) -> Limit:
    if is_nlb:
        return limit_of(nlb, ATTACHMENTS_TO_NLB, cluster.region)
    return limit_of(slb, ATTACHMENTS_TO_CLB, cluster.region)


@dataclass(frozen=True)
class _Waiting:
    """How the needs of Services that wait for a load balancer are found."""

    needed: NeededBackends
    balancers: ServiceLoadBalancers
    backends: LoadBalancerBackends
    observed_at: datetime

    def needs(self, services: Table[Service], *, is_nlb: bool) -> _Needs:
        least: list[tuple[str, Lacking]] = []
        most: list[tuple[str, Lacking]] = []
        undecided: list[Reason] = []
        reasons: list[Reason] = [*services.reasons]
        refs: dict[str, Ref] = {}
        known = () if services.is_unavailable else services.known_where("on", _product, "nlb" if is_nlb else "clb")
        for service in known:
            try:
                if not waits(service, self.observed_at):
                    continue
                balancer = self.balancers.of(service)
                groups = self.backends.of(balancer) if balancer else []
                at_least, at_most, why = self.needed.by_backend(service, groups)
            except NotKnown as gap:
                reasons += gap.reasons
                continue
            refs[service.key] = service.ref
            undecided += why
            least.append((service.key, at_least))
            most.append((service.key, at_most))
        return _Needs(Lacks(least), Lacks(most), tuple(dict.fromkeys(undecided)), tuple(dict.fromkeys(reasons)), refs)


@dataclass(frozen=True)
class _Load:
    """How often one server is entered, against its limit."""

    server: Server
    is_nlb: bool
    attachments: Attachments
    limit: Limit
    needs: _Needs

    @property
    def used(self) -> int:
        """How many entries of the server are known."""
        return len(self.attachments.known)

    @property
    def groups(self) -> int:
        """In how many server groups they are."""
        return len({(entry.balancer_id, entry.group_id) for entry in self.attachments.known})

    @property
    def needed(self) -> Lack:
        """What the waiting Services need of it for certain."""
        return self.needs.least.of(self.server.instance_id)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why a verdict below *high* may be too mild."""
        found = [*self.attachments.reasons, *self.needs.reasons]
        at_most = self.needs.most.of(self.server.instance_id)
        if self.needs.undecided and self.used + at_most.total > self.limit.value:
            found += self.needs.undecided
        return tuple(found)

    def finding(self) -> Finding | None:
        """Return the finding, the worst that holds; None if there is room."""
        limit, used, needed = self.limit, self.used, self.needed
        over: list[str] = []
        if used + needed.most > limit.value:
            over = sorted(key for key, number in needed.by_service.items() if used + number > limit.value)
        values: dict[str, str | int | Text] = {
            "node": self.server.node.name,
            "product": "NLB" if self.is_nlb else "CLB",
            "used": used,
            "limit": limit.text,
        }
        if used > limit.value:
            text = t("the instance of node {node} is entered {used} times in {product}; its limit is {limit}")
            return self._finding(text.with_values(values), over or sorted(needed.by_service))
        if over:
            text = t(
                "the instance of node {node} can't be entered for {affected}: it is entered {used} times in server "
                "groups of {product}, more entries needed: {needed}; the limit is {limit}",
                needed=needed.most,
            )
            return self._finding(text.with_values(values), over)
        if used + needed.total > limit.value:
            text = t(
                "the instance of node {node} can't be entered for all of {affected}: it is entered {used} times in "
                "server groups of {product}, more entries needed together: {needed}; the limit is {limit}",
                needed=needed.total,
            )
            return self._finding(text.with_values(values), sorted(needed.by_service), Certainty.LIKELY)
        if used * 100 >= limit.value * WARN_AT_PERCENT:
            text = t(
                "the instance of node {node} is entered {used} times in server groups of {product}; its limit, "
                "{limit}, is near"
            )
            return self._finding(text.with_values(values), (), Certainty.AT_RISK, Severity.MEDIUM)
        return None

    def _finding(
        self,
        message: Text,
        services: Sequence[str],
        certainty: Certainty = Certainty.CONFIRMED,
        severity: Severity = Severity.HIGH,
    ) -> Finding:
        most_needed = self.needed.total if severity is Severity.HIGH else 0
        only_by_entries = severity is Severity.HIGH and self.groups + most_needed <= self.limit.value
        if certainty is Certainty.CONFIRMED and (self.limit.is_assumed or only_by_entries):
            certainty = Certainty.LIKELY
        return Finding(
            subject=self.server.ref,
            message=message,
            certainty=certainty,
            severity=severity,
            fault="nlb-attachments" if self.is_nlb else "clb-attachments",
            remedy=_remedy(self.server.instance_id, self.is_nlb),
            trail=self._trail(services),
            evidence=self._evidence(),
            affected=tuple(self.needs.refs[key] for key in services),
        )

    def _trail(self, services: Sequence[str]) -> tuple[Hop, ...]:
        needed = self.needed.by_service
        waiting = [
            ok(self.needs.refs[key], t("waits; more entries of the node needed: {needed}", needed=needed[key]))
            for key in services
        ]
        counts = Counter(entry.balancer_id for entry in self.attachments.known)
        balancers = [
            ok(cloud_ref("LoadBalancer", balancer), t("holds {used} entries of the instance", used=number))
            for balancer, number in counts.most_common(_BALANCERS_IN_TRAIL)
        ]
        detail = t("{used} entries; limit {limit}", used=self.used, limit=self.limit.text)
        instance = broken(cloud_ref("Instance", self.server.instance_id), detail)
        return (*waiting, *balancers, ok(self.server.ref), instance)

    def _evidence(self) -> dict[str, Evidence]:
        counts = Counter(entry.balancer_id or "-" for entry in self.attachments.known)
        return {
            "instance": self.server.instance_id,
            "used": self.used,
            "groups": self.groups,
            "entries_by_load_balancer": {**counts},
            "limit": self.limit.value,
            "limit_assumed": self.limit.is_assumed,
            "needed": {**self.needed.by_service},
        }


def _remedy(instance_id: str, is_nlb: bool) -> tuple[Step, ...]:
    confirm = (
        step(
            t("Confirm the number: the entries of the instance in all server groups of NLB"),
            *("aliyun", "nlb", "ListServerGroupServers", "--ServerIds.1", instance_id),
        )
        if is_nlb
        else step(
            t("Confirm on which load balancers the instance is; then count its entries in their server groups"),
            *("aliyun", "slb", "DescribeLoadBalancers", "--ServerId", instance_id),
        )
    )
    return (
        confirm,
        step(
            t(
                "Apply for a higher quota (Quota Center): the times that one server can be added as a backend. Waiting "
                "Services are tried again by themselves; some accounts can't raise it"
            ),
            *("aliyun", "quotas", "ListProductQuotas", "--ProductCode", "nlb" if is_nlb else "slb"),
        ),
        step(
            t(
                "Or need fewer entries: externalTrafficPolicy Local enters only nodes that host a Pod (and cuts off "
                "clients inside the cluster on other nodes), backend-type eni (Terway) only the Pods; an Ingress in "
                "place of many Services needs two ports in all; the annotation backend-label limits a Service to some "
                "nodes"
            )
        ),
        step(t("Remove the instance from server groups that nobody uses any more, also those of former clusters")),
    )
