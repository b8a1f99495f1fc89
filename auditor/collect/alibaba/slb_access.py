"""CLB: access control lists, the health of servers, and the members of master-slave groups."""

from auditor.collect.alibaba.balancer_scope import api_balancers, clb_ids
from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.fields import Fields
from auditor.collect.alibaba.filling import complete, one_by_one
from auditor.collect.alibaba.paging import ENTRY_PAGE, gather
from auditor.collect.alibaba.sdk import Request
from auditor.collect.alibaba.slb_reading import read_master_slave_backends
from auditor.collect.provider import provides
from auditor.facts.cloud.cs import Cluster, ClusterResource
from auditor.facts.cloud.slb import (
    AccessControlList,
    Listener,
    LoadBalancer,
    LoadBalancerHealth,
    LoadBalancerMasterSlaveGroups,
    MasterSlaveBackends,
    ServerHealth,
)
from auditor.facts.joins.api_load_balancer import ApiServerLoadBalancer
from auditor.facts.kubernetes.services import Service
from auditor.facts.ref import Layer
from auditor.facts.table import NotKnown, Table


@provides(
    "access_control_lists",
    source="slb",
    layer=Layer.CLOUD,
    permissions=("slb:DescribeAccessControlListAttribute",),
    tolerates=("services", "clusters", "cluster_resources"),
)
def collect_access_control_lists(
    client: CloudClient,
    listeners: Table[Listener],
    load_balancers: Table[LoadBalancer],
    services: Table[Service],
    clusters: Table[Cluster],
    cluster_resources: Table[ClusterResource],
) -> Table[AccessControlList]:
    """Fill ``access_control_lists`` with those that a listener names, of the balancers in scope and the API server's.

    The latter are read though the Kubernetes API may not answer: that they refuse everybody may be why.
    """

    def read(acl_id: str) -> AccessControlList:
        request = Request("slb", "DescribeAccessControlListAttribute", {"AclId": acl_id})
        listing = gather(client, request, "AclEntrys", "AclEntry", ENTRY_PAGE)
        entries = [item.required("AclEntryIP") for item in complete(listing, request)]
        name = listing.last.word("AclName") if listing.last else ""
        return AccessControlList(acl_id, name, entries)

    api = api_balancers(clusters, load_balancers, cluster_resources, client.cluster_id)
    balancers = {*clb_ids(load_balancers, services, client.cluster_id), *(one.id for one in api)}
    ids = {
        acl_id
        for listener in listeners.known_rows()
        if listener.load_balancer_id in balancers
        for acl_id in listener.acl_ids
    }
    return one_by_one(client, "access_control_lists", "slb", ids, read)


@provides(
    "load_balancer_health",
    source="slb",
    layer=Layer.CLOUD,
    permissions=("slb:DescribeHealthStatus",),
    tolerates=("cluster_resources",),
)
def collect_load_balancer_health(
    client: CloudClient,
    load_balancers: Table[LoadBalancer],
    clusters: Table[Cluster],
    cluster_resources: Table[ClusterResource],
) -> Table[LoadBalancerHealth]:
    """Fill ``load_balancer_health`` for the API server's load balancers only: no check asks for that of others."""

    def read(balancer_id: str) -> LoadBalancerHealth:
        request = Request("slb", "DescribeHealthStatus", {"LoadBalancerId": balancer_id})
        fields = Fields(client.call(request))
        servers = [_server_health(item) for item in fields.required_records("BackendServers", "BackendServer")]
        return LoadBalancerHealth(balancer_id, servers)

    try:
        found = ApiServerLoadBalancer(clusters, load_balancers, cluster_resources).of(client.cluster_id)
    except NotKnown as gap:
        return Table.unavailable("load_balancer_health", *gap.reasons)
    return one_by_one(client, "load_balancer_health", "slb", [one.id for one in found], read)


@provides(
    "master_slave_backends",
    source="slb",
    layer=Layer.CLOUD,
    permissions=("slb:DescribeMasterSlaveServerGroupAttribute",),
)
def collect_master_slave_backends(
    client: CloudClient, master_slave_groups: Table[LoadBalancerMasterSlaveGroups]
) -> Table[MasterSlaveBackends]:
    """Fill ``master_slave_backends`` for all known master-slave groups."""

    def read(group_id: str) -> MasterSlaveBackends:
        params = {"MasterSlaveServerGroupId": group_id}
        request = Request("slb", "DescribeMasterSlaveServerGroupAttribute", params)
        return read_master_slave_backends(client, request, group_id)

    ids = {group.id for row in master_slave_groups.known_rows() for group in row.groups}
    return one_by_one(client, "master_slave_backends", "slb", ids, read)


def _server_health(fields: Fields) -> ServerHealth:
    protocol = fields.known("Protocol")
    return ServerHealth(
        server_id=fields.required("ServerId"),
        listener_port=fields.required_integer("ListenerPort"),
        protocol=protocol.lower() if protocol else None,
        ip=fields.word("ServerIp"),
        port=fields.integer("Port"),
        status=fields.known("ServerHealthStatus"),
    )
