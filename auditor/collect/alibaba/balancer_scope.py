"""Which load balancers are asked about one by one: those of this cluster.

A list gives all load balancers of the region at once, but their groups and servers cost calls for each, and a
region may hold hundreds that are nothing to the cluster. So a cluster without a Service on CLB (or NLB) costs none
of these calls, and where there is one, only those are asked that its Services use or that carry its tag.
"""

from collections.abc import Iterable, Sequence

from auditor.facts.cloud.cs import Cluster, ClusterResource
from auditor.facts.cloud.nlb import NetworkLoadBalancer
from auditor.facts.cloud.slb import LoadBalancer
from auditor.facts.joins.api_load_balancer import ApiBalancer, ApiServerLoadBalancer
from auditor.facts.joins.services import AnyLoadBalancer, ServiceLoadBalancers, is_nlb_service
from auditor.facts.kubernetes.services import LOAD_BALANCER_ID_LABEL, Service
from auditor.facts.table import NotKnown, Table

CLUSTER_TAG = "ack.aliyun.com"
"""The tag with which ACK marks a load balancer as made for a cluster; its value is the cluster id."""


def services_on(services: Table[Service], *, nlb: bool) -> list[Service]:
    """Return the known Services that have, or ask for, an NLB (or else a CLB); none if no Service is known."""
    if services.is_unavailable:
        return []
    return [service for service in services.known_rows() if service.is_load_balancer and _is_on_nlb(service) is nlb]


def may_use_nlb(services: Table[Service]) -> bool:
    """Tell whether some Service is on an NLB, or may be: a Service that is not known may be."""
    return bool(services.gaps) or bool(services_on(services, nlb=True))


def clb_ids(load_balancers: Table[LoadBalancer], services: Table[Service], cluster_id: str) -> list[str]:
    """Return the CLBs to ask about."""
    users = services_on(services, nlb=False)
    if not users and not services.gaps:
        return []
    join = ServiceLoadBalancers(load_balancers, Table("network_load_balancers"))
    return _in_scope(load_balancers.known_rows(), users, join, cluster_id)


def api_balancers(
    clusters: Table[Cluster],
    load_balancers: Table[LoadBalancer],
    cluster_resources: Table[ClusterResource],
    cluster_id: str,
) -> tuple[ApiBalancer, ...]:
    """Return the API server's load balancers; none if it can't be told which they are.

    Whoever asks for one of them has to tell which it is out of the same tables, and learns there that he can't.
    """
    try:
        return ApiServerLoadBalancer(clusters, load_balancers, cluster_resources).of(cluster_id)
    except NotKnown:
        return ()


def foreign_clb_ids(
    load_balancers: Table[LoadBalancer], services: Table[Service], vpc_id: str, cluster_id: str
) -> list[str]:
    """Return the CLBs outside of the cluster's scope that may hold its nodes: those of its VPC, and of no VPC.

    None if no Service is on CLB: then nobody counts how often a node is attached.
    """
    if not services_on(services, nlb=False) and not services.gaps:
        return []
    own = set(clb_ids(load_balancers, services, cluster_id))
    return sorted(
        balancer.id
        for balancer in load_balancers.known_rows()
        if balancer.vpc_id in ("", vpc_id) and balancer.id not in own
    )


def nlb_ids(network_load_balancers: Table[NetworkLoadBalancer], services: Table[Service], cluster_id: str) -> list[str]:
    """Return the NLBs to ask about."""
    if not may_use_nlb(services):
        return []
    join = ServiceLoadBalancers(Table("load_balancers"), network_load_balancers)
    return _in_scope(network_load_balancers.known_rows(), services_on(services, nlb=True), join, cluster_id)


def _is_on_nlb(service: Service) -> bool:
    named = service.labels.get(LOAD_BALANCER_ID_LABEL) or service.setting("id") or ""
    return is_nlb_service(service) or named.startswith("nlb-")


def _in_scope(
    balancers: Sequence[AnyLoadBalancer], users: Iterable[Service], join: ServiceLoadBalancers, cluster_id: str
) -> list[str]:
    own = {balancer.id: balancer for balancer in balancers if balancer.tags.get(CLUSTER_TAG) == cluster_id}
    for service in users:
        try:
            found = join.of(service)
        except NotKnown:
            continue  # its load balancer is in a gap of the list: whoever asks for it learns that there
        if found is not None:
            own[found.id] = found
    return sorted(own)
