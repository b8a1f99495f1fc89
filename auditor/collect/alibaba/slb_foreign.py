"""CLB: the servers of the region's other load balancers, which count towards what one server may be attached to.

The quota "times one server can be attached" (``slb_quota_backendserver_attached_num``) counts the server's entries
in all load balancers of the account: other clusters' and those made by hand, too. Only a load balancer of the
cluster's VPC, or one that is in no VPC, can hold its nodes.
"""

from collections.abc import Callable
from typing import Any

from auditor.collect.alibaba.balancer_scope import foreign_clb_ids
from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.filling import one_by_one
from auditor.collect.alibaba.sdk import Request
from auditor.collect.alibaba.slb_reading import (
    read_default_backends,
    read_group_backends,
    read_master_slave_backends,
    read_master_slave_groups,
    read_server_groups,
)
from auditor.collect.provider import provides
from auditor.facts.cloud.cs import Cluster
from auditor.facts.cloud.slb import (
    DefaultBackends,
    GroupBackends,
    LoadBalancer,
    LoadBalancerMasterSlaveGroups,
    LoadBalancerServerGroups,
    MasterSlaveBackends,
)
from auditor.facts.kubernetes.services import Service
from auditor.facts.ref import Layer
from auditor.facts.table import NotKnown, Table, said
from auditor.facts.text import t


@provides("foreign_server_groups", source="slb", layer=Layer.CLOUD, permissions=("slb:DescribeVServerGroups",))
def collect_foreign_server_groups(
    client: CloudClient, load_balancers: Table[LoadBalancer], services: Table[Service], clusters: Table[Cluster]
) -> Table[LoadBalancerServerGroups]:
    """Fill ``foreign_server_groups`` for the load balancers outside of scope that may hold the cluster's nodes."""

    def read(balancer_id: str) -> LoadBalancerServerGroups:
        request = Request("slb", "DescribeVServerGroups", {"LoadBalancerId": balancer_id})
        return read_server_groups(client, request, balancer_id)

    return _of_foreign(client, "foreign_server_groups", read, load_balancers, services, clusters)


@provides("foreign_group_backends", source="slb", layer=Layer.CLOUD, permissions=("slb:DescribeVServerGroupAttribute",))
def collect_foreign_group_backends(
    client: CloudClient, foreign_server_groups: Table[LoadBalancerServerGroups]
) -> Table[GroupBackends]:
    """Fill ``foreign_group_backends`` for all known groups of those load balancers."""

    def read(group_id: str) -> GroupBackends:
        request = Request("slb", "DescribeVServerGroupAttribute", {"VServerGroupId": group_id})
        return read_group_backends(client, request, group_id)

    ids = {group.id for row in foreign_server_groups.known_rows() for group in row.groups}
    return one_by_one(client, "foreign_group_backends", "slb", ids, read)


@provides(
    "foreign_default_backends", source="slb", layer=Layer.CLOUD, permissions=("slb:DescribeLoadBalancerAttribute",)
)
def collect_foreign_default_backends(
    client: CloudClient, load_balancers: Table[LoadBalancer], services: Table[Service], clusters: Table[Cluster]
) -> Table[DefaultBackends]:
    """Fill ``foreign_default_backends`` for the load balancers outside of scope that may hold the cluster's nodes."""

    def read(balancer_id: str) -> DefaultBackends:
        request = Request("slb", "DescribeLoadBalancerAttribute", {"LoadBalancerId": balancer_id})
        return read_default_backends(client, request, balancer_id)

    return _of_foreign(client, "foreign_default_backends", read, load_balancers, services, clusters)


@provides(
    "foreign_master_slave_groups",
    source="slb",
    layer=Layer.CLOUD,
    permissions=("slb:DescribeMasterSlaveServerGroups",),
)
def collect_foreign_master_slave_groups(
    client: CloudClient, load_balancers: Table[LoadBalancer], services: Table[Service], clusters: Table[Cluster]
) -> Table[LoadBalancerMasterSlaveGroups]:
    """Fill ``foreign_master_slave_groups`` for the load balancers outside of scope that may hold the nodes."""

    def read(balancer_id: str) -> LoadBalancerMasterSlaveGroups:
        request = Request("slb", "DescribeMasterSlaveServerGroups", {"LoadBalancerId": balancer_id})
        return read_master_slave_groups(client, request, balancer_id)

    return _of_foreign(client, "foreign_master_slave_groups", read, load_balancers, services, clusters)


@provides(
    "foreign_master_slave_backends",
    source="slb",
    layer=Layer.CLOUD,
    permissions=("slb:DescribeMasterSlaveServerGroupAttribute",),
)
def collect_foreign_master_slave_backends(
    client: CloudClient, foreign_master_slave_groups: Table[LoadBalancerMasterSlaveGroups]
) -> Table[MasterSlaveBackends]:
    """Fill ``foreign_master_slave_backends`` for all known master-slave groups of those load balancers."""

    def read(group_id: str) -> MasterSlaveBackends:
        params = {"MasterSlaveServerGroupId": group_id}
        request = Request("slb", "DescribeMasterSlaveServerGroupAttribute", params)
        return read_master_slave_backends(client, request, group_id)

    ids = {group.id for row in foreign_master_slave_groups.known_rows() for group in row.groups}
    return one_by_one(client, "foreign_master_slave_backends", "slb", ids, read)


def _of_foreign(
    client: CloudClient,
    name: str,
    read: Callable[[str], Any],
    load_balancers: Table[LoadBalancer],
    services: Table[Service],
    clusters: Table[Cluster],
) -> Table[Any]:
    """Fill a table for each foreign load balancer. One that the list does not show may be foreign: a gap here too."""
    try:
        cluster = clusters.get(client.cluster_id)
        vpc_id = said(cluster.vpc_id if cluster else None, "cs", t("the VPC of cluster {id}", id=client.cluster_id))
    except NotKnown as gap:
        return Table.unavailable(name, *gap.reasons)
    ids = foreign_clb_ids(load_balancers, services, vpc_id, client.cluster_id)
    table = one_by_one(client, name, "slb", ids, read)
    if table.is_unavailable or not load_balancers.gaps:
        return table
    return Table(name, table.known_rows(), gaps=[*table.gaps, *load_balancers.gaps], asked=table.asked)
