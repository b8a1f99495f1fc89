"""CLB, which the API calls SLB: load balancers, listeners, server groups and their servers."""

from auditor.collect.alibaba.balancer_scope import clb_ids
from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.fields import Fields
from auditor.collect.alibaba.filling import complete, from_list, one_by_one
from auditor.collect.alibaba.paging import WHOLE, Numbered, Tokened, gather
from auditor.collect.alibaba.sdk import Request
from auditor.collect.provider import provides
from auditor.facts.cloud.slb import (
    Backend,
    DefaultBackends,
    GroupBackends,
    Listener,
    LoadBalancer,
    LoadBalancerMasterSlaveGroups,
    LoadBalancerServerGroups,
    MasterSlaveGroup,
    ServerGroup,
)
from auditor.facts.kubernetes.services import Service
from auditor.facts.ref import Layer
from auditor.facts.table import Table


@provides("load_balancers", source="slb", layer=Layer.CLOUD, permissions=("slb:DescribeLoadBalancers",))
def collect_load_balancers(client: CloudClient) -> Table[LoadBalancer]:
    """Fill ``load_balancers`` with all of the region: a filter by VPC would miss those of the Internet."""
    return from_list(
        client,
        "load_balancers",
        Request("slb", "DescribeLoadBalancers"),
        ("LoadBalancers", "LoadBalancer"),
        Numbered(100),
        _load_balancer,
        lambda fields: fields.required("LoadBalancerId"),
    )


@provides("listeners", source="slb", layer=Layer.CLOUD, permissions=("slb:DescribeLoadBalancerListeners",))
def collect_listeners(client: CloudClient) -> Table[Listener]:
    """Fill ``listeners`` with all of the region."""
    return from_list(
        client,
        "listeners",
        Request("slb", "DescribeLoadBalancerListeners"),
        ("Listeners", "Listener"),
        Tokened(100),
        _listener,
        _listener_key,
    )


@provides("server_groups", source="slb", layer=Layer.CLOUD, permissions=("slb:DescribeVServerGroups",))
def collect_server_groups(
    client: CloudClient, load_balancers: Table[LoadBalancer], services: Table[Service]
) -> Table[LoadBalancerServerGroups]:
    """Fill ``server_groups`` for the load balancers in scope."""

    def read(balancer_id: str) -> LoadBalancerServerGroups:
        params = {"LoadBalancerId": balancer_id, "IncludeListener": "true", "IncludeRule": "true"}
        request = Request("slb", "DescribeVServerGroups", params)
        items = complete(gather(client, request, "VServerGroups", "VServerGroup", WHOLE), request)
        return LoadBalancerServerGroups(balancer_id, [_server_group(item) for item in items])

    ids = clb_ids(load_balancers, services, client.cluster_id)
    return one_by_one(client, "server_groups", "slb", ids, read)


@provides("group_backends", source="slb", layer=Layer.CLOUD, permissions=("slb:DescribeVServerGroupAttribute",))
def collect_group_backends(client: CloudClient, server_groups: Table[LoadBalancerServerGroups]) -> Table[GroupBackends]:
    """Fill ``group_backends`` for all known server groups."""

    def read(group_id: str) -> GroupBackends:
        fields = Fields(client.call(Request("slb", "DescribeVServerGroupAttribute", {"VServerGroupId": group_id})))
        return GroupBackends(group_id, _backends(fields), fields.word("VServerGroupName"))

    ids = {group.id for row in server_groups.known_rows() for group in row.groups}
    return one_by_one(client, "group_backends", "slb", ids, read)


@provides("master_slave_groups", source="slb", layer=Layer.CLOUD, permissions=("slb:DescribeMasterSlaveServerGroups",))
def collect_master_slave_groups(
    client: CloudClient, load_balancers: Table[LoadBalancer], services: Table[Service]
) -> Table[LoadBalancerMasterSlaveGroups]:
    """Fill ``master_slave_groups`` for the load balancers in scope."""

    def read(balancer_id: str) -> LoadBalancerMasterSlaveGroups:
        request = Request("slb", "DescribeMasterSlaveServerGroups", {"LoadBalancerId": balancer_id})
        listing = gather(client, request, "MasterSlaveServerGroups", "MasterSlaveServerGroup", WHOLE)
        groups = [
            MasterSlaveGroup(item.required("MasterSlaveServerGroupId"), item.word("MasterSlaveServerGroupName"))
            for item in complete(listing, request)
        ]
        return LoadBalancerMasterSlaveGroups(balancer_id, groups)

    ids = clb_ids(load_balancers, services, client.cluster_id)
    return one_by_one(client, "master_slave_groups", "slb", ids, read)


@provides("default_backends", source="slb", layer=Layer.CLOUD, permissions=("slb:DescribeLoadBalancerAttribute",))
def collect_default_backends(
    client: CloudClient, load_balancers: Table[LoadBalancer], services: Table[Service]
) -> Table[DefaultBackends]:
    """Fill ``default_backends`` for the load balancers in scope."""

    def read(balancer_id: str) -> DefaultBackends:
        request = Request("slb", "DescribeLoadBalancerAttribute", {"LoadBalancerId": balancer_id})
        return DefaultBackends(balancer_id, _backends(Fields(client.call(request))))

    ids = clb_ids(load_balancers, services, client.cluster_id)
    return one_by_one(client, "default_backends", "slb", ids, read)


def _load_balancer(fields: Fields) -> LoadBalancer:
    return LoadBalancer(
        id=fields.required("LoadBalancerId"),
        name=fields.word("LoadBalancerName"),
        address=fields.given("Address"),
        address_type=fields.known("AddressType"),
        status=fields.known("LoadBalancerStatus"),
        spec=fields.word("LoadBalancerSpec"),
        charge_type=fields.known("InstanceChargeType"),
        vpc_id=fields.word("VpcId"),
        tags=fields.tags(),
    )


def _listener_key(fields: Fields) -> str:
    port = fields.required_integer("ListenerPort")
    return f"{fields.required('LoadBalancerId')}/{port}/{fields.required('ListenerProtocol').lower()}"


def _listener(fields: Fields) -> Listener:
    acl_id = fields.word("AclId")
    return Listener(
        load_balancer_id=fields.required("LoadBalancerId"),
        port=fields.required_integer("ListenerPort"),
        protocol=fields.required("ListenerProtocol").lower(),
        status=fields.known("Status"),
        scheduler=fields.known("Scheduler"),
        server_group_id=fields.word("VServerGroupId"),
        acl_status=fields.known("AclStatus"),
        acl_type=fields.known("AclType"),
        acl_ids=fields.texts("AclIds", "AclId") or ([acl_id] if acl_id else []),
        persistence_seconds=_of_any(fields, ("TCPListenerConfig", "UDPListenerConfig")),
        sticky_session=fields.child("HTTPListenerConfig").known("StickySession")
        or fields.child("HTTPSListenerConfig").known("StickySession"),
    )


def _of_any(fields: Fields, configs: tuple[str, ...]) -> int | None:
    seconds = (fields.child(config).integer("PersistenceTimeout") for config in configs)
    return next((value for value in seconds if value is not None), None)


def _server_group(fields: Fields) -> ServerGroup:
    listeners = fields.child("AssociatedObjects").records("Listeners", "Listener") or []
    return ServerGroup(
        id=fields.required("VServerGroupId"),
        name=fields.word("VServerGroupName"),
        server_count=fields.integer("ServerCount"),
        listeners=[f"{item.required_integer('Port')}/{item.word('Protocol').lower()}" for item in listeners],
    )


def _backends(fields: Fields) -> list[Backend]:
    return [
        Backend(
            server_id=item.required("ServerId"),
            port=item.integer("Port"),
            weight=item.integer("Weight"),
            type=item.word("Type").lower(),
            ip=item.word("ServerIp"),
        )
        for item in fields.required_records("BackendServers", "BackendServer")
    ]
