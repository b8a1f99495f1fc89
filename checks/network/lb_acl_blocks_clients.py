"""A listener of a Service's load balancer refuses who needs it.

A listener of a Classic Load Balancer may have a white list, which lets only the listed addresses in, or a black list,
which keeps them out; a Network Load Balancer has security groups for it. Who is refused waits until it gives up, and
nothing in the cluster shows why: endpoints and health checks are well. It is usual that a list holds the addresses of
an office and forgets the cluster's own nodes and Pods, which then fail where they call the load balancer. Lists that
are set by annotation and then changed in the console drift apart, until the next change of the Service undoes one.
"""

from collections.abc import Iterable, Iterator

from auditor.facts.cloud.nlb import NetworkLoadBalancer
from auditor.facts.cloud.slb import AccessControlList, Listener, LoadBalancer
from auditor.facts.joins.access_refusals import AccessRefusals, Refused
from auditor.facts.joins.services import ServiceLoadBalancers, ServicePaths, is_served_by_ccm
from auditor.facts.kubernetes.services import Service
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.access_list import AccessKind, access_filter
from auditor.facts.rules.addresses import AddressSet
from auditor.facts.rules.first_match import unique
from auditor.facts.rules.security_group import Peer
from auditor.judge.api import (
    Check,
    Finding,
    NotApplicable,
    NotEvaluated,
    NotKnown,
    Passed,
    Reason,
    Severity,
    Table,
    Verdict,
    said,
    t,
)
from checks.network._lb_access_findings import (
    Blocked,
    Drift,
    Empty,
    drift_finding,
    drift_of,
    empty_finding,
    refused_finding,
)

check = Check(
    severity=Severity.HIGH,
    causes=("N2",),
    since="0.1.0",
    symptoms=("slb-unreachable",),
    limits=(
        "Who must reach a load balancer from outside is known only as far as `client_cidrs` says it.",
        (
            "Where kube-proxy takes a published address as the Service's own, calls from nodes and Pods don't reach "
            "the list; they do with a host name only, from other clusters' Pods in the same ranges, and where the "
            "address is called by name from outside."
        ),
        "Of an address on the Internet the list sees the NAT gateway that nodes and Pods go out by; see its address.",
        "ALB is judged with its Ingresses, the listener of the API server by network/apiserver-acl-blocks-clients.",
    ),
    links=("https://www.alibabacloud.com/help/en/slb/classic-load-balancer/user-guide/access-control-overview",),
)


def subjects(services: Table[Service]) -> Iterable[Service]:
    return [
        service
        for service in services.known_rows()
        if is_served_by_ccm(service) and service.metadata.deletion_timestamp is None
    ]


def judge(
    service: Service,
    service_load_balancers: ServiceLoadBalancers,
    service_paths: ServicePaths,
    access_control_lists: Table[AccessControlList],
    access_refusals: AccessRefusals,
    cluster: ClusterIdentity,
) -> Iterator[Verdict]:
    balancer = service_load_balancers.of(service)
    if balancer is None:
        yield NotApplicable(t("Service {service} has no load balancer", service=service.key))
        return
    clients = AddressSet.of(*cluster.client_cidrs)
    looks = (
        _by_groups(service, balancer, access_refusals, clients.ipv4)
        if isinstance(balancer, NetworkLoadBalancer)
        else _by_lists(service, balancer, service_paths, access_control_lists, access_refusals, clients)
    )
    found: list[Finding] = []
    blocked: list[Blocked] = []
    empty: list[Empty] = []
    drifts: list[Drift] = []
    reasons: list[Reason] = []
    for told in looks:
        match told:
            case Blocked():
                blocked.append(told)
            case Empty():
                empty.append(told)
            case Drift():
                drifts.append(told)
            case _:
                reasons += told
    if blocked:
        found.append(refused_finding(service, balancer, blocked, cluster.region))
    if empty:
        found.append(empty_finding(service, balancer, empty, cluster.region))
    if drifts:
        found.append(drift_finding(service, balancer, drifts, cluster.region))
    yield from found
    if reasons:
        yield NotEvaluated(unique(reasons))
    elif not found:
        yield Passed()


Told = Blocked | Empty | Drift | tuple[Reason, ...]


def _by_lists(
    service: Service,
    balancer: LoadBalancer,
    paths: ServicePaths,
    lists: Table[AccessControlList],
    refusals: AccessRefusals,
    clients: AddressSet,
) -> Iterator[Told]:
    for port in service.ports:
        try:
            listener = paths.listener_of(port, balancer)
            if listener is None:
                continue  # other checks tell of that
            drift = drift_of(service, listener)
            if drift:
                yield Drift(listener, drift)
            yield from _by_list(balancer, listener, lists, refusals, clients)
        except NotKnown as gap:
            yield gap.reasons


def _by_list(
    balancer: LoadBalancer,
    listener: Listener,
    lists: Table[AccessControlList],
    refusals: AccessRefusals,
    clients: AddressSet,
) -> Iterator[Told]:
    access = access_filter(listener, lists)
    if access.kind is AccessKind.OFF:
        return
    if access.is_unpredictable:
        yield Empty(listener, access.list_ids)
        return
    is_ipv6 = ":" in balancer.address
    refused = refusals.by_list(access, ipv6=is_ipv6)
    by = f"{access.kind} {', '.join(access.list_ids)}".strip()
    blocked = Blocked(
        listener.port, listener.protocol, by, list(access.list_ids), is_black=access.kind is AccessKind.BLACK
    )
    yield from _told(blocked, refused, access.refused(clients.ipv6 if is_ipv6 else clients.ipv4))


def _by_groups(
    service: Service, balancer: NetworkLoadBalancer, refusals: AccessRefusals, clients: AddressSet
) -> Iterator[Told]:
    what = t("the security groups of load balancer {id}", id=balancer.id)
    groups = said(balancer.security_group_ids, "nlb", what)
    if not groups:
        return  # without a security group it lets everybody in
    for port in service.ports:
        protocol = port.protocol.lower()
        try:
            refused = refusals.by_groups(groups, protocol, port.port)
            from_outside = AddressSet()
            if clients:
                answer = refusals.answer(groups, protocol, port.port, Peer(clients, frozenset()))
                from_outside = answer.refused_peers
                yield answer.reasons
        except NotKnown as gap:
            yield gap.reasons
            continue
        yield from _told(Blocked(port.port, protocol, ", ".join(groups), sorted(groups)), refused, from_outside)


def _told(blocked: Blocked, refused: Refused, clients: AddressSet) -> Iterator[Told]:
    if refused.nodes or refused.pods or clients:
        yield blocked.of(refused.nodes, refused.pods, clients)
    yield refused.reasons
