"""NLB: load balancers, listeners, server groups and their servers."""

from auditor.collect.alibaba.balancer_scope import may_use_nlb, nlb_ids
from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.fields import Fields
from auditor.collect.alibaba.filling import complete, from_list, from_lists, nothing_asked, one_by_one
from auditor.collect.alibaba.paging import Tokened, gather
from auditor.collect.alibaba.sdk import Request
from auditor.collect.provider import provides
from auditor.facts.cloud.nlb import (
    ListenerHealth,
    NetworkLoadBalancer,
    NlbGroupBackends,
    NlbListener,
    NlbServerGroup,
    UnhealthyServer,
)
from auditor.facts.cloud.slb import Backend
from auditor.facts.kubernetes.services import Service
from auditor.facts.ref import Layer
from auditor.facts.table import Table

_ACTIVE = "Active"
_IDS_PER_CALL = 20
"""How many load balancers one call for listeners may name."""


@provides("network_load_balancers", source="nlb", layer=Layer.CLOUD, permissions=("nlb:ListLoadBalancers",))
def collect_network_load_balancers(client: CloudClient, services: Table[Service]) -> Table[NetworkLoadBalancer]:
    """Fill ``network_load_balancers`` with all of the region, if the cluster uses any."""
    # Most clusters use no NLB, and their operators need not grant the right to list them.
    if not may_use_nlb(services):
        return nothing_asked("network_load_balancers")
    return from_list(
        client,
        "network_load_balancers",
        Request("nlb", "ListLoadBalancers"),
        ("LoadBalancers", "LoadBalancer"),
        Tokened(100),
        _load_balancer,
        lambda fields: fields.required("LoadBalancerId"),
    )


@provides("nlb_server_groups", source="nlb", layer=Layer.CLOUD, permissions=("nlb:ListServerGroups",))
def collect_nlb_server_groups(client: CloudClient, services: Table[Service]) -> Table[NlbServerGroup]:
    """Fill ``nlb_server_groups`` with all of the region, if the cluster uses an NLB."""
    if not may_use_nlb(services):
        return nothing_asked("nlb_server_groups")
    return from_list(
        client,
        "nlb_server_groups",
        Request("nlb", "ListServerGroups"),
        ("ServerGroups", "ServerGroup"),
        Tokened(100),
        lambda fields: NlbServerGroup(
            id=fields.required("ServerGroupId"),
            name=fields.given("ServerGroupName"),
            type=fields.word("ServerGroupType"),
            scheduler=fields.known("Scheduler"),
            server_count=fields.integer("ServerCount"),
            # Left out, it would make the group nobody's, and its servers would not be asked for.
            load_balancer_ids=fields.required_texts("RelatedLoadBalancerIds", "RelatedLoadBalancerId"),
        ),
        lambda fields: fields.required("ServerGroupId"),
    )


@provides("nlb_group_backends", source="nlb", layer=Layer.CLOUD, permissions=("nlb:ListServerGroupServers",))
def collect_nlb_group_backends(
    client: CloudClient,
    nlb_server_groups: Table[NlbServerGroup],
    network_load_balancers: Table[NetworkLoadBalancer],
    services: Table[Service],
) -> Table[NlbGroupBackends]:
    """Fill ``nlb_group_backends`` for the groups of the load balancers in scope."""

    def read(group_id: str) -> NlbGroupBackends:
        request = Request("nlb", "ListServerGroupServers", {"ServerGroupId": group_id})
        items = complete(gather(client, request, "Servers", "Server", Tokened(100)), request)
        return NlbGroupBackends(group_id, [_backend(item) for item in items])

    balancers = set(nlb_ids(network_load_balancers, services, client.cluster_id))
    ids = [group.id for group in nlb_server_groups.known_rows() if balancers.intersection(group.load_balancer_ids)]
    return one_by_one(client, "nlb_group_backends", "nlb", ids, read)


@provides("nlb_listeners", source="nlb", layer=Layer.CLOUD, permissions=("nlb:ListListeners",))
def collect_nlb_listeners(
    client: CloudClient, network_load_balancers: Table[NetworkLoadBalancer], services: Table[Service]
) -> Table[NlbListener]:
    """Fill ``nlb_listeners`` with those of the load balancers in scope."""
    ids = nlb_ids(network_load_balancers, services, client.cluster_id)
    if not ids:
        return nothing_asked("nlb_listeners")
    return from_lists(
        client,
        "nlb_listeners",
        [
            Request("nlb", "ListListeners", {"LoadBalancerIdss": ids[start : start + _IDS_PER_CALL]})
            for start in range(0, len(ids), _IDS_PER_CALL)
        ],
        ("Listeners", "Listener"),
        Tokened(100),
        _listener,
        lambda fields: fields.required("ListenerId"),
    )


@provides("nlb_listener_health", source="nlb", layer=Layer.CLOUD, permissions=("nlb:GetListenerHealthStatus",))
def collect_nlb_listener_health(client: CloudClient, nlb_listeners: Table[NlbListener]) -> Table[ListenerHealth]:
    """Fill ``nlb_listener_health`` for all known listeners."""

    def read(listener_id: str) -> ListenerHealth:
        request = Request("nlb", "GetListenerHealthStatus", {"ListenerId": listener_id})
        items = complete(gather(client, request, "ListenerHealthStatus", "", Tokened(100)), request)
        groups = [group for item in items for group in item.required_records("ServerGroupInfos")]
        return ListenerHealth(
            listener_id,
            unhealthy=[server for group in groups if _is_checked(group) for server in _unhealthy(group)],
            unchecked_groups=[group.required("ServerGroupId") for group in groups if not _is_checked(group)],
        )

    return one_by_one(client, "nlb_listener_health", "nlb", [row.id for row in nlb_listeners.known_rows()], read)


def _load_balancer(fields: Fields) -> NetworkLoadBalancer:
    zones = [
        address
        for zone in fields.required_records("ZoneMappings", "ZoneMapping")
        for address in _addresses(zone, is_active=fields.word("LoadBalancerStatus") == _ACTIVE)
    ]
    addresses = (zone.word(name) for name in ("PrivateIPv4Address", "PublicIPv4Address") for zone in zones)
    return NetworkLoadBalancer(
        id=fields.required("LoadBalancerId"),
        name=fields.word("LoadBalancerName"),
        dns_name=fields.given("DNSName"),
        status=fields.known("LoadBalancerStatus"),
        vpc_id=fields.word("VpcId"),
        security_group_ids=fields.texts("SecurityGroupIds", "SecurityGroupId"),
        tags=fields.tags(),
        address_type=fields.known("AddressType"),
        addresses=[address for address in addresses if address],
    )


def _addresses(zone: Fields, *, is_active: bool) -> list[Fields]:
    """Return the addresses in a zone; one that is being made may have none yet."""
    if is_active:
        return zone.required_records("LoadBalancerAddresses", "LoadBalancerAddress")
    return zone.records("LoadBalancerAddresses", "LoadBalancerAddress") or []


def _listener(fields: Fields) -> NlbListener:
    protocol = fields.known("ListenerProtocol")
    return NlbListener(
        id=fields.required("ListenerId"),
        load_balancer_id=fields.required("LoadBalancerId"),
        # A listener for a range of ports has port 0; one for a single port has no range, or an empty one.
        port=fields.integer("ListenerPort") or None,
        protocol=protocol.upper() if protocol else None,
        status=fields.known("ListenerStatus"),
        server_group_id=fields.word("ServerGroupId"),
        first_port=fields.integer("StartPort") or None,
        last_port=fields.integer("EndPort") or None,
    )


def _is_checked(group: Fields) -> bool:
    """Tell whether the servers of a group are checked; the API spells the field so."""
    return group.flag("HeathCheckEnabled") is not False


def _unhealthy(group: Fields) -> list[UnhealthyServer]:
    group_id = group.required("ServerGroupId")
    return [
        UnhealthyServer(
            group_id=group_id,
            server_id=server.word("ServerId"),
            ip=server.word("ServerIp"),
            port=server.integer("Port"),
            status=server.word("Status"),
            reason=server.child("Reason").word("ReasonCode"),
        )
        for server in group.required_records("NonNormalServers")
    ]


def _backend(fields: Fields) -> Backend:
    return Backend(
        server_id=fields.required("ServerId"),
        port=fields.integer("Port"),
        weight=fields.integer("Weight"),
        type=fields.required("ServerType").lower(),
        ip=fields.word("ServerIp"),
    )
