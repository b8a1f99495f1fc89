"""CLB: how the answers about one load balancer or one server group are read.

Every function makes one call, and raises CallFailed or BadField where it brings no facts.
"""

from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.fields import Fields
from auditor.collect.alibaba.filling import complete
from auditor.collect.alibaba.paging import WHOLE, gather
from auditor.collect.alibaba.sdk import Request
from auditor.facts.cloud.slb import (
    Backend,
    DefaultBackends,
    GroupBackends,
    LoadBalancerMasterSlaveGroups,
    LoadBalancerServerGroups,
    MasterSlaveBackends,
    MasterSlaveGroup,
    ServerGroup,
)


def read_server_groups(client: CloudClient, request: Request, balancer_id: str) -> LoadBalancerServerGroups:
    """Return the VServer groups of a load balancer, by DescribeVServerGroups."""
    listing = gather(client, request, "VServerGroups", "VServerGroup", WHOLE)
    return LoadBalancerServerGroups(balancer_id, [_server_group(item) for item in complete(listing, request)])


def read_group_backends(client: CloudClient, request: Request, group_id: str) -> GroupBackends:
    """Return the entries of a VServer group, by DescribeVServerGroupAttribute."""
    fields = Fields(client.call(request))
    return GroupBackends(group_id, _backends(fields), fields.given("VServerGroupName"))


def read_default_backends(client: CloudClient, request: Request, balancer_id: str) -> DefaultBackends:
    """Return the entries of a load balancer's default group, by DescribeLoadBalancerAttribute."""
    return DefaultBackends(balancer_id, _backends(Fields(client.call(request))))


def read_master_slave_groups(client: CloudClient, request: Request, balancer_id: str) -> LoadBalancerMasterSlaveGroups:
    """Return the master-slave groups of a load balancer, by DescribeMasterSlaveServerGroups."""
    listing = gather(client, request, "MasterSlaveServerGroups", "MasterSlaveServerGroup", WHOLE)
    groups = [
        MasterSlaveGroup(item.required("MasterSlaveServerGroupId"), item.word("MasterSlaveServerGroupName"))
        for item in complete(listing, request)
    ]
    return LoadBalancerMasterSlaveGroups(balancer_id, groups)


def read_master_slave_backends(client: CloudClient, request: Request, group_id: str) -> MasterSlaveBackends:
    """Return the two members of a master-slave group, by DescribeMasterSlaveServerGroupAttribute."""
    fields = Fields(client.call(request))
    return MasterSlaveBackends(group_id, _backends(fields, "MasterSlaveBackendServers", "MasterSlaveBackendServer"))


def _server_group(fields: Fields) -> ServerGroup:
    listeners = fields.child("AssociatedObjects").records("Listeners", "Listener") or []
    return ServerGroup(
        id=fields.required("VServerGroupId"),
        name=fields.given("VServerGroupName"),
        server_count=fields.integer("ServerCount"),
        listeners=[f"{item.required_integer('Port')}/{item.word('Protocol').lower()}" for item in listeners],
    )


def _backends(fields: Fields, outer: str = "BackendServers", inner: str = "BackendServer") -> list[Backend]:
    return [
        Backend(
            server_id=item.required("ServerId"),
            port=item.integer("Port"),
            weight=item.integer("Weight"),
            type=item.word("Type").lower(),
            ip=item.word("ServerIp"),
        )
        for item in fields.required_records(outer, inner)
    ]
