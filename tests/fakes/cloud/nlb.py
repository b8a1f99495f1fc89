"""NLB (product ``nlb``): network load balancers, listeners and server groups. Its lists are flat."""

from dataclasses import dataclass, field
from typing import Any

from tests.fakes.cloud import recorded
from tests.fakes.cloud.filters import among, in_region, only, tagged
from tests.fakes.cloud.paging import Page, by_token
from tests.fakes.cloud.wire import Json, Parameters, not_found

MOST = 20
"""How many ids one call may name."""


@dataclass
class NlbState:
    """What NLB knows, each family by id, in the form of its list operation.

    Attributes:
        load_balancers: by id.
        listeners: by id.
        server_groups: by id.
        servers: by group id.
        health: the servers that are not healthy and why, as reason codes, by (group id, server id).
    """

    load_balancers: dict[str, Json] = field(default_factory=dict)
    listeners: dict[str, Json] = field(default_factory=dict)
    server_groups: dict[str, Json] = field(default_factory=dict)
    servers: dict[str, list[Json]] = field(default_factory=dict)
    health: dict[tuple[str, str], str] = field(default_factory=dict)

    @classmethod
    def recorded(cls) -> "NlbState":
        """Return the recorded state."""
        listed = recorded.answer("nlb/ListLoadBalancers.json")["LoadBalancers"]
        return cls(load_balancers={balancer["LoadBalancerId"]: balancer for balancer in listed})

    def add_load_balancer(self, balancer_id: str, **fields: Any) -> Json:
        """Add an active intranet load balancer, unless the fields say otherwise."""
        balancer: Json = {
            "AddressIpVersion": "ipv4",
            "AddressType": "Intranet",
            "CrossZoneEnabled": True,
            "DNSName": f"{balancer_id}.cn-hangzhou.nlb.aliyuncsslb.com",
            "LoadBalancerBusinessStatus": "Normal",
            "LoadBalancerId": balancer_id,
            "LoadBalancerName": balancer_id,
            "LoadBalancerStatus": "Active",
            "LoadBalancerType": "Network",
            "OperationLocks": [],
            "RegionId": "cn-hangzhou",
            "SecurityGroupIds": [],
            "Tags": [],
            "VpcId": "",
            "ZoneMappings": [],
            **fields,
        }
        self.load_balancers[balancer_id] = balancer
        return balancer

    def add_server_group(self, group_id: str, balancer_ids: list[str], servers: list[Json], **fields: Any) -> Json:
        """Add a server group with its servers; each needs only a ``ServerId``."""
        group: Json = {
            "HealthCheck": {"HealthCheckEnabled": True, "HealthCheckConnectPort": 0},
            "PreserveClientIpEnabled": True,
            "RegionId": "cn-hangzhou",
            "RelatedLoadBalancerIds": balancer_ids,
            "Scheduler": "Wrr",
            "ServerGroupId": group_id,
            "ServerGroupName": group_id,
            "ServerGroupStatus": "Available",
            "ServerGroupType": "Instance",
            "Tags": [],
            "VpcId": "",
            **fields,
        }
        self.server_groups[group_id] = group
        self.set_servers(group_id, servers)
        return group

    def set_servers(self, group_id: str, servers: list[Json]) -> None:
        """Replace the servers of a group; each needs only a ``ServerId``."""
        general = {"Description": "", "Port": 80, "ServerGroupId": group_id, "ServerIp": "", "ServerType": "Ecs"}
        state = {"Status": "Available", "Weight": 100, "ZoneId": ""}
        self.servers[group_id] = [{**general, **state, **server} for server in servers]

    def add_address(self, balancer_id: str, zone_id: str, private: str, public: str = "") -> None:
        """Give a load balancer its addresses in one zone."""
        address = {"PrivateIPv4Address": private, "PrivateIPv4HcStatus": "Healthy"}
        if public:
            address["PublicIPv4Address"] = public
        zone = {"ZoneId": zone_id, "VSwitchId": "", "Status": "Active", "LoadBalancerAddresses": [address]}
        self.load_balancers[balancer_id]["ZoneMappings"].append(zone)

    def add_listener(self, balancer_id: str, port: int, protocol: str, group_id: str, **fields: Any) -> Json:
        """Add a running listener; its protocol is ``TCP``, ``UDP`` or ``TCPSSL``."""
        listener_id = f"lsn-{balancer_id.removeprefix('nlb-')}@{port}"
        self.listeners[listener_id] = {
            "ListenerDescription": "",
            "ListenerId": listener_id,
            "ListenerPort": port,
            "ListenerProtocol": protocol,
            "ListenerStatus": "Running",
            "LoadBalancerId": balancer_id,
            "RegionId": "cn-hangzhou",
            "ServerGroupId": group_id,
            **fields,
        }
        return self.listeners[listener_id]


def list_load_balancers(nlb: NlbState, params: Parameters) -> Json:
    """Return the load balancers."""
    found = among(
        in_region(nlb.load_balancers.values(), params), params.repeated("LoadBalancerIds", MOST), "LoadBalancerId"
    )
    found = among(found, params.repeated("VpcIds", 10), "VpcId")
    found = only(found, params, "DNSName", "AddressType", "LoadBalancerStatus")
    return _paged("LoadBalancers", by_token(_tagged(found, params), params, largest=100, default=20))


def get_load_balancer_attribute(nlb: NlbState, params: Parameters) -> Json:
    """Return one load balancer; its tags have other keys here."""
    balancer = nlb.load_balancers.get(params.required("LoadBalancerId"))
    if balancer is None:
        raise not_found("ResourceNotFound.loadBalancer", "The specified resource of loadBalancer is not found.")
    tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in balancer["Tags"]]
    return {**balancer, "Tags": tags}


def list_listeners(nlb: NlbState, params: Parameters) -> Json:
    """Return the listeners."""
    found = among(nlb.listeners.values(), params.repeated("LoadBalancerIds", MOST), "LoadBalancerId")
    found = among(found, params.repeated("ListenerIds", MOST), "ListenerId")
    found = only(found, params, "ListenerProtocol")
    return _paged("Listeners", by_token(found, params, largest=100, default=20))


def get_listener_health_status(nlb: NlbState, params: Parameters) -> Json:
    """Return the servers behind one listener that are not healthy, and those that nobody checks."""
    listener = nlb.listeners.get(params.required("ListenerId"))
    if listener is None:
        raise not_found("ResourceNotFound.listener", "The specified resource of listener is not found.")
    status = {
        "ListenerId": listener["ListenerId"],
        "ListenerPort": listener["ListenerPort"],
        "ListenerProtocol": listener["ListenerProtocol"],
        "ServerGroupInfos": [_group_health(nlb, listener["ServerGroupId"])],
    }
    return _paged("ListenerHealthStatus", by_token([status], params, largest=100, default=20))


def list_server_groups(nlb: NlbState, params: Parameters) -> Json:
    """Return the server groups, without their servers."""
    found = among(
        in_region(nlb.server_groups.values(), params), params.repeated("ServerGroupIds", MOST), "ServerGroupId"
    )
    found = among(found, params.repeated("ServerGroupNames", MOST), "ServerGroupName")
    found = only(found, params, "VpcId", "ServerGroupType")
    page = by_token(_tagged(found, params), params, largest=100, default=20)
    groups = [{**group, "ServerCount": len(nlb.servers.get(group["ServerGroupId"], []))} for group in page.items]
    return _paged("ServerGroups", page._replace(items=groups))


def list_server_group_servers(nlb: NlbState, params: Parameters) -> Json:
    """Return the servers of one group."""
    group_id = params.required("ServerGroupId")
    if group_id not in nlb.server_groups:
        raise not_found("ResourceNotFound.serverGroup", "The specified resource of serverGroup is not found.")
    found = among(nlb.servers.get(group_id, []), params.repeated("ServerIds", 40), "ServerId")
    return _paged("Servers", by_token(found, params, largest=100, default=20))


OPERATIONS = {
    "ListLoadBalancers": list_load_balancers,
    "GetLoadBalancerAttribute": get_load_balancer_attribute,
    "ListListeners": list_listeners,
    "GetListenerHealthStatus": get_listener_health_status,
    "ListServerGroups": list_server_groups,
    "ListServerGroupServers": list_server_group_servers,
}


def _group_health(nlb: NlbState, group_id: str) -> Json:
    is_checked = nlb.server_groups[group_id]["HealthCheck"]["HealthCheckEnabled"]
    servers = [
        {
            "ServerId": server["ServerId"],
            "ServerIp": server["ServerIp"],
            "Port": server["Port"],
            "Status": "Unhealthy" if is_checked else "Unavailable",
            "Reason": {"ReasonCode": nlb.health.get((group_id, server["ServerId"]), "")},
        }
        for server in nlb.servers.get(group_id, [])
        if not is_checked or (group_id, server["ServerId"]) in nlb.health
    ]
    return {"ServerGroupId": group_id, "HeathCheckEnabled": is_checked, "NonNormalServers": servers}


def _tagged(found: list[Json], params: Parameters) -> list[Json]:
    return tagged(found, params.pairs("Tag"), "Key", "Value")


def _paged(container: str, page: Page) -> Json:
    return {container: page.items, "MaxResults": page.size, "NextToken": page.token, "TotalCount": page.total}
