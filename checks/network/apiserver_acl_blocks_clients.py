"""The access control list of the API server's load balancer refuses who needs it.

Listener 6443 may have a white list, which lets only the listed addresses in, or a black list, which keeps them out.
The list holds for the intranet address and for a public one alike. If it refuses 100.104.0.0/16, the console and ACK
itself can't manage the cluster any more; if it refuses the vSwitches of the control plane or of the nodes, kubelets
lose the API server and nodes turn NotReady; if it refuses administrators, kubectl waits until it gives up. It is read
from the cloud alone, so that it can be judged when the cluster can't be reached: that may be why.
"""

from collections.abc import Iterable, Iterator

from auditor.facts.cloud.cs import Cluster, NodePool
from auditor.facts.cloud.slb import AccessControlList, Listener
from auditor.facts.cloud.vpc import VSwitch
from auditor.facts.joins.api_load_balancer import ApiBalancer, ApiServerLoadBalancer
from auditor.facts.joins.api_server import SERVICE, range_of
from auditor.facts.joins.networks import ACK_CONTROL_PLANE, ClusterNetworks
from auditor.facts.joins.nodes import NodeInstances
from auditor.facts.joins.services import ServiceEndpoints
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.access_list import AccessFilter, AccessKind, access_filter
from auditor.facts.rules.addresses import AddressSet
from auditor.facts.rules.first_match import unique
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
    said,
    t,
)
from checks.network._api_acl_findings import Caller, Refusal, empty_finding, refusal_findings
from checks.network._api_balancer import API_PORT, api_balancers, api_listener

check = Check(
    severity=Severity.CRITICAL,
    causes=("N10", "K4"),
    since="0.1.0",
    symptoms=("console-fails", "kubectl-timeout"),
    limits=(
        "Who must be able to reach the API server from outside is known only as far as `client_cidrs` says it.",
        "What a white list without entries does is not predicted: the documentation contradicts itself.",
    ),
    links=("https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/configure-network-acls",),
)


def subjects(
    cluster: ClusterIdentity, clusters: Table[Cluster], api_server_load_balancer: ApiServerLoadBalancer
) -> Iterable[ApiBalancer]:
    return api_balancers(cluster, clusters, api_server_load_balancer)


def judge(
    subject: ApiBalancer,
    listeners: Table[Listener],
    access_control_lists: Table[AccessControlList],
    cluster_networks: ClusterNetworks,
    service_endpoints: ServiceEndpoints,
    nodes: Table[Node],
    node_instances: NodeInstances,
    node_pools: Table[NodePool],
    vswitches: Table[VSwitch],
    cluster: ClusterIdentity,
) -> Iterator[Verdict]:
    balancer = subject.balancer
    listener = api_listener(subject.id, listeners) if balancer else None
    if balancer is None or listener is None:
        yield NotApplicable(t("load balancer {id} has no listener TCP {port}", id=subject.id, port=API_PORT))
        return
    access = access_filter(listener, access_control_lists)
    if access.kind is AccessKind.OFF:
        yield Passed()
        return
    if access.is_unpredictable:
        yield empty_finding(balancer, access, cluster.region)
        return
    family = _Family(access, is_ipv6=":" in balancer.address)
    callers = _Callers(cluster, cluster_networks, service_endpoints, nodes, node_instances, node_pools, vswitches)
    refusals: list[Refusal] = []
    reasons: list[Reason] = []
    for look in (
        _ack(family),
        _clients(cluster, family),
        callers.control_plane(family),
        callers.nodes(family),
        callers.pods(family, balancer.address),
    ):
        try:
            refusals.extend(look)
        except NotKnown as gap:
            reasons += gap.reasons
    findings = list(refusal_findings(balancer, access, refusals, cluster.region))
    yield from findings
    if reasons:
        yield NotEvaluated(unique(reasons))
    elif not findings:
        yield Passed()


class _Family:
    """The access control, asked about the family of addresses that the load balancer has: no other calls it."""

    def __init__(self, access: AccessFilter, *, is_ipv6: bool) -> None:
        self.filter = access
        self.kind = access.kind
        self._is_ipv6 = is_ipv6

    def refused(self, sources: AddressSet) -> AddressSet:
        return self.filter.refused(self.own(sources))

    def own(self, sources: AddressSet) -> AddressSet:
        return sources.ipv6 if self._is_ipv6 else sources.ipv4


def _ack(access: _Family) -> Iterator[Refusal]:
    """ACK calls from addresses of its own; which of them, nobody outside knows."""
    needed = AddressSet.of(ACK_CONTROL_PLANE)
    refused = access.refused(needed)
    if refused:
        is_sure = access.kind is AccessKind.WHITE or needed <= refused
        yield Refusal(Caller.ACK, refused, is_sure=is_sure)


def _clients(cluster: ClusterIdentity, access: _Family) -> Iterator[Refusal]:
    refused = access.refused(AddressSet.of(*cluster.client_cidrs))
    if refused:
        yield Refusal(Caller.CLIENTS, refused)


class _Callers:
    """Who else calls the API server: its own control plane, nodes and Pods."""

    def __init__(
        self,
        cluster: ClusterIdentity,
        networks: ClusterNetworks,
        endpoints: ServiceEndpoints,
        nodes: Table[Node],
        node_instances: NodeInstances,
        node_pools: Table[NodePool],
        vswitches: Table[VSwitch],
    ) -> None:
        self._cluster = cluster
        self._networks = networks
        self._endpoints = endpoints
        self._nodes = nodes
        self._instances = node_instances
        self._pools = node_pools
        self._vswitches = vswitches

    def control_plane(self, access: _Family) -> Iterator[Refusal]:
        """Yield what is refused of the control plane's vSwitches. Any address there may be one of its own."""
        needed = self._networks.control_plane_ranges()
        refused = access.refused(needed)
        if not refused:
            return
        if access.kind is AccessKind.WHITE or access.own(needed) <= refused:
            yield Refusal(Caller.CONTROL_PLANE, refused)
            return
        inside = AddressSet()
        for endpoint in self._endpoints.of(SERVICE):
            inside |= AddressSet.of(*endpoint.addresses)
        if refused & inside:
            yield Refusal(Caller.CONTROL_PLANE, refused & inside)
        else:
            yield Refusal(Caller.CONTROL_PLANE, refused, is_in_use=False)

    def nodes(self, access: _Family) -> Iterator[Refusal]:
        """Yield what is refused of the nodes' addresses, or of the vSwitches that further ones get theirs from."""
        reasons: list[Reason] = []
        refused = AddressSet()
        try:
            refused = access.refused(self._networks.node_addresses())
        except NotKnown as gap:
            reasons += gap.reasons
        if refused:
            yield Refusal(Caller.NODES, refused)
            return
        ranges = AddressSet()
        try:
            ranges = self._node_ranges()
        except NotKnown as gap:
            reasons += gap.reasons
        refused = access.refused(ranges)
        if refused and not reasons:
            yield Refusal(Caller.NODES, refused, is_in_use=False)
        elif refused and access.own(ranges) <= refused:
            # Where the nodes' own addresses are not known, they are among these all the same.
            yield Refusal(Caller.NODES, refused)
            return
        if reasons:
            raise NotKnown(*reasons)

    def _node_ranges(self) -> AddressSet:
        """Return the vSwitches of the node pools; of the nodes' machines where no pool is known."""
        ids = {one for pool in self._pools.all() for one in pool.vswitch_ids}
        if not ids:
            ids = {
                instance.vswitch_id
                for node in self._nodes.all()
                if (instance := self._instances.of(node)) and instance.vswitch_id
            }
        ranges = AddressSet()
        for vswitch_id in sorted(ids):
            # A pool may name a vSwitch that was deleted: no node gets an address there.
            if row := self._vswitches.get(vswitch_id):
                ranges |= range_of(row)
        return ranges

    def pods(self, access: _Family, address: str) -> Iterator[Refusal]:
        """Yield what is refused of the Pods.

        They call the addresses of Service ``default/kubernetes``: in older clusters that is the load balancer, in
        newer ones the API servers themselves, so that Pods pass no listener.
        """
        ranges = self._networks.pod_ranges()
        refused = access.refused(ranges)
        if not refused:
            return
        endpoints = [one for endpoint in self._endpoints.of(SERVICE) for one in endpoint.addresses]
        if not endpoints:
            message = t("Service {service} has no endpoint, so nothing tells what Pods call", service=SERVICE)
            raise NotKnown(Reason("kubernetes", ReasonKind.UNDECIDABLE, message))
        goes_through = said(address, "slb", t("the address of the load balancer")) in endpoints
        if not goes_through:
            yield Refusal(Caller.PODS, refused, bypasses=True)
            return
        used = access.refused(self._networks.pod_addresses())
        yield Refusal(Caller.PODS, used or refused, is_in_use=bool(used) or access.own(ranges) <= refused)
