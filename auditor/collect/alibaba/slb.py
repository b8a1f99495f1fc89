"""CLB, which the API calls SLB: load balancers, listeners, server groups and their servers."""

from auditor.collect.alibaba.balancer_scope import clb_ids
from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.fields import BadField, Fields
from auditor.collect.alibaba.filling import from_list, one_by_one
from auditor.collect.alibaba.paging import Numbered, Tokened
from auditor.collect.alibaba.sdk import Request
from auditor.collect.alibaba.slb_reading import (
    read_default_backends,
    read_group_backends,
    read_master_slave_groups,
    read_server_groups,
)
from auditor.collect.provider import provides
from auditor.facts.cloud.slb import (
    DefaultBackends,
    GroupBackends,
    Listener,
    LoadBalancer,
    LoadBalancerMasterSlaveGroups,
    LoadBalancerServerGroups,
)
from auditor.facts.kubernetes.services import Service
from auditor.facts.ref import Layer
from auditor.facts.table import Table

_CHARGE_TYPES = {"3": "paybybandwidth", "4": "paybytraffic"}
"""The figures of ``InternetChargeType`` in the list of load balancers; other operations write the words."""
_CONFIGS = {
    "tcp": "TCPListenerConfig",
    "udp": "UDPListenerConfig",
    "http": "HTTPListenerConfig",
    "https": "HTTPSListenerConfig",
}
"""The part of a listener that only its protocol has."""


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
        return read_server_groups(client, Request("slb", "DescribeVServerGroups", params), balancer_id)

    ids = clb_ids(load_balancers, services, client.cluster_id)
    return one_by_one(client, "server_groups", "slb", ids, read)


@provides("group_backends", source="slb", layer=Layer.CLOUD, permissions=("slb:DescribeVServerGroupAttribute",))
def collect_group_backends(client: CloudClient, server_groups: Table[LoadBalancerServerGroups]) -> Table[GroupBackends]:
    """Fill ``group_backends`` for all known server groups."""

    def read(group_id: str) -> GroupBackends:
        request = Request("slb", "DescribeVServerGroupAttribute", {"VServerGroupId": group_id})
        return read_group_backends(client, request, group_id)

    ids = {group.id for row in server_groups.known_rows() for group in row.groups}
    return one_by_one(client, "group_backends", "slb", ids, read)


@provides("master_slave_groups", source="slb", layer=Layer.CLOUD, permissions=("slb:DescribeMasterSlaveServerGroups",))
def collect_master_slave_groups(
    client: CloudClient, load_balancers: Table[LoadBalancer], services: Table[Service]
) -> Table[LoadBalancerMasterSlaveGroups]:
    """Fill ``master_slave_groups`` for the load balancers in scope."""

    def read(balancer_id: str) -> LoadBalancerMasterSlaveGroups:
        request = Request("slb", "DescribeMasterSlaveServerGroups", {"LoadBalancerId": balancer_id})
        return read_master_slave_groups(client, request, balancer_id)

    ids = clb_ids(load_balancers, services, client.cluster_id)
    return one_by_one(client, "master_slave_groups", "slb", ids, read)


@provides("default_backends", source="slb", layer=Layer.CLOUD, permissions=("slb:DescribeLoadBalancerAttribute",))
def collect_default_backends(
    client: CloudClient, load_balancers: Table[LoadBalancer], services: Table[Service]
) -> Table[DefaultBackends]:
    """Fill ``default_backends`` for the load balancers in scope."""

    def read(balancer_id: str) -> DefaultBackends:
        request = Request("slb", "DescribeLoadBalancerAttribute", {"LoadBalancerId": balancer_id})
        return read_default_backends(client, request, balancer_id)

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
        tags_are_said="Tags" in fields,
        bandwidth=fields.integer("Bandwidth"),
        internet_charge_type=_internet_charge_type(fields),
        vswitch_id=fields.word("VSwitchId"),
    )


def _listener_key(fields: Fields) -> str:
    port = fields.required_integer("ListenerPort")
    return f"{fields.required('LoadBalancerId')}/{port}/{fields.required('ListenerProtocol').lower()}"


def _listener(fields: Fields) -> Listener:
    protocol = fields.required("ListenerProtocol").lower()
    config = fields.child(_CONFIGS[protocol]) if protocol in _CONFIGS else Fields({})
    port = _port(fields.integer("BackendServerPort"))
    group, pair = fields.word("VServerGroupId"), config.word("MasterSlaveServerGroupId")
    if not (group or pair or port or config.word("ListenerForward").lower() == "on"):
        raise BadField("VServerGroupId")  # each listener sends what comes somewhere, or redirects it
    return Listener(
        load_balancer_id=fields.required("LoadBalancerId"),
        port=fields.required_integer("ListenerPort"),
        protocol=protocol,
        status=fields.known("Status"),
        scheduler=fields.known("Scheduler"),
        server_group_id=group,
        acl_status=fields.known("AclStatus"),
        acl_type=fields.known("AclType"),
        acl_ids=_acl_ids(fields),
        persistence_seconds=config.integer("PersistenceTimeout"),
        sticky_session=config.known("StickySession"),
        established_seconds=config.integer("EstablishedTimeout"),
        backend_port=port,
        master_slave_group_id=pair,
        health_check=config.known("HealthCheck"),
        description=fields.word("Description"),
        bandwidth=fields.integer("Bandwidth"),
    )


def _acl_ids(fields: Fields) -> list[str]:
    """Return the access lists of a listener: several, or one that stands by itself; none while access is open."""
    single = fields.word("AclId")
    ids = fields.texts("AclIds", "AclId") or ([single] if single else [])
    if not ids and fields.word("AclStatus").lower() == "on":
        raise BadField("AclIds")
    return ids


def _port(number: int | None) -> int | None:
    """Return the port of the default group; None where the listener uses a group, whose entries have ports."""
    return number if number and number > 0 else None


def _internet_charge_type(fields: Fields) -> str | None:
    """Return how traffic is paid, in words: the list writes a figure, and the word beside it."""
    figure = fields.known("InternetChargeType")
    return fields.known("InternetChargeTypeAlias") or (_CHARGE_TYPES.get(figure, figure) if figure else None)
