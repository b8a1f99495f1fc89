"""ALB (product ``alb``): load balancers, listeners, rules, access lists and server groups. Its lists are flat."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.cloud import recorded
from tests.fakes.cloud.filters import among, in_region, only, tagged
from tests.fakes.cloud.paging import Page, by_token
from tests.fakes.cloud.wire import Json, Parameters, not_found

MOST = 20
"""How many ids one call may name."""
MOST_HEALTH = 30
"""The most entries of a page of GetListenerHealthStatus."""


@dataclass
class AlbState:
    """What ALB knows, each family by id, in the form of its list operation.

    Attributes:
        load_balancers: ListLoadBalancers.
        listeners: ListListeners.
        access: the ``AclConfig`` of GetListenerAttribute, by listener id; none for a listener without.
        acls: the entries of access lists, as ListAclEntries gives them.
        rules: ListRules.
        server_groups: ListServerGroups, without the server count and the related load balancers.
        servers: ListServerGroupServers, by group id.
        unhealthy: the ``NonNormalServers`` of GetListenerHealthStatus, by group id.
    """

    load_balancers: dict[str, Json] = field(default_factory=dict)
    listeners: dict[str, Json] = field(default_factory=dict)
    access: dict[str, Json] = field(default_factory=dict)
    acls: dict[str, list[Json]] = field(default_factory=dict)
    rules: dict[str, Json] = field(default_factory=dict)
    server_groups: dict[str, Json] = field(default_factory=dict)
    servers: dict[str, list[Json]] = field(default_factory=dict)
    unhealthy: dict[str, list[Json]] = field(default_factory=dict)

    @classmethod
    def recorded(cls) -> "AlbState":
        """Return the recorded state."""
        listed = recorded.answer("alb/ListLoadBalancers.json")["LoadBalancers"]
        return cls({balancer["LoadBalancerId"]: balancer for balancer in listed})

    def add_load_balancer(self, balancer_id: str, vpc_id: str, **fields: Any) -> Json:
        """Add an active load balancer of the Internet, unless the fields say otherwise."""
        balancer: Json = {
            "AddressAllocatedMode": "Dynamic",
            "AddressIpVersion": "IPv4",
            "AddressType": "Internet",
            "CreateTime": "2026-03-02T01:50:00Z",
            "DNSName": f"{balancer_id}.cn-hangzhou.alb.aliyuncs.com",
            "DeletionProtectionConfig": {"Enabled": False},
            "LoadBalancerBillingConfig": {"PayType": "PostPay"},
            "LoadBalancerBussinessStatus": "Normal",
            "LoadBalancerEdition": "Standard",
            "LoadBalancerId": balancer_id,
            "LoadBalancerName": balancer_id,
            "LoadBalancerOperationLocks": [],
            "LoadBalancerStatus": "Active",
            "ModificationProtectionConfig": {"Status": "NonProtection"},
            "ResourceGroupId": "rg-acfmz3504mqcj9z",
            "SecurityGroupIds": [],
            "Tags": [],
            "VpcId": vpc_id,
            **fields,
        }
        self.load_balancers[balancer_id] = balancer
        return balancer

    def add_listener(
        self,
        balancer_id: str,
        port: int,
        group_id: str,
        protocol: str = "HTTP",
        *,
        listener_id: str = "",
        **fields: Any,
    ) -> Json:
        """Add a running listener that forwards to a group; its id is ``lsn-<balancer>-<port>`` unless given."""
        listener_id = listener_id or f"lsn-{balancer_id.removeprefix('alb-')}-{port}"
        self.listeners[listener_id] = {
            "DefaultActions": [_forward([group_id])],
            "GzipEnabled": True,
            "IdleTimeout": 60,
            "ListenerDescription": "",
            "ListenerId": listener_id,
            "ListenerPort": port,
            "ListenerProtocol": protocol,
            "ListenerStatus": "Running",
            "LoadBalancerId": balancer_id,
            "RequestTimeout": 60,
            "Tags": [],
            **fields,
        }
        return self.listeners[listener_id]

    def add_rule(
        self,
        listener_id: str,
        rule_id: str,
        group_ids: Sequence[str],
        *,
        source_ips: Sequence[str] = (),
        sticky: bool | None = None,
        **fields: Any,
    ) -> Json:
        """Add a rule that forwards all paths, or those of some clients, to groups."""
        conditions: list[Json] = [{"PathConfig": {"Values": ["/"]}, "Type": "Path"}]
        if source_ips:
            conditions.append({"SourceIpConfig": {"Values": list(source_ips)}, "Type": "SourceIp"})
        action = _forward(group_ids, weight=100)
        if sticky is not None:
            action["ForwardGroupConfig"]["ServerGroupStickySession"] = {"Enabled": sticky, "Timeout": 1000}
        self.rules[rule_id] = {
            "Direction": "Request",
            "ListenerId": listener_id,
            "LoadBalancerId": self.listeners[listener_id]["LoadBalancerId"],
            "Priority": len(self.rules) + 1,
            "RuleActions": [{**action, "Order": 1}],
            "RuleConditions": conditions,
            "RuleId": rule_id,
            "RuleName": rule_id,
            "RuleStatus": "Available",
            "Tags": [],
            **fields,
        }
        return self.rules[rule_id]

    def add_acl(
        self, acl_id: str, entries: Iterable[str], *, listener_ids: Iterable[str] = (), acl_type: str = "White"
    ) -> None:
        """Add an access list and bind it to listeners, beside those that they have."""
        self.acls[acl_id] = [{"Description": "", "Entry": entry, "Status": "Available"} for entry in entries]
        for listener_id in listener_ids:
            access = self.access.setdefault(listener_id, {"AclRelations": [], "AclType": acl_type})
            access["AclRelations"].append({"AclId": acl_id, "Status": "Associated"})

    def add_server_group(self, group_id: str, vpc_id: str, servers: Iterable[Json], **fields: Any) -> Json:
        """Add a server group that is checked, with its servers; each needs only a ``ServerId``."""
        group: Json = {
            "ConfigManagedEnabled": False,
            "HealthCheckConfig": {"HealthCheckEnabled": True, "HealthCheckProtocol": "HTTP", "HealthCheckPath": "/"},
            "Protocol": "HTTP",
            "ResourceGroupId": "rg-acfmz3504mqcj9z",
            "Scheduler": "Wrr",
            "ServerGroupId": group_id,
            "ServerGroupName": group_id,
            "ServerGroupStatus": "Available",
            "ServerGroupType": "Instance",
            "StickySessionConfig": {"StickySessionEnabled": False},
            "Tags": [],
            "VpcId": vpc_id,
            **fields,
        }
        self.server_groups[group_id] = group
        self.set_servers(group_id, servers)
        return group

    def set_servers(self, group_id: str, servers: Iterable[Json]) -> None:
        """Replace the servers of a group; each needs only a ``ServerId``."""
        general = {"Description": "", "Port": 80, "RemoteIpEnabled": False, "ServerGroupId": group_id, "ServerIp": ""}
        state = {"ServerType": "Ecs", "Status": "Available", "Weight": 100}
        self.servers[group_id] = [{**general, **state, **server} for server in servers]

    def set_unhealthy(self, group_id: str, server_id: str, reason: str = "CONNECT_TIMEOUT", **fields: Any) -> None:
        """Make a server of a group fail its checks."""
        server = next(server for server in self.servers[group_id] if server["ServerId"] == server_id)
        copied = {key: server[key] for key in ("Port", "ServerId", "ServerIp")}
        found = {**copied, "Reason": {"ReasonCode": reason}, "Status": "Unhealthy", **fields}
        self.unhealthy.setdefault(group_id, []).append(found)


def list_load_balancers(alb: AlbState, params: Parameters) -> Json:
    """Return the load balancers."""
    found = among(
        in_region(alb.load_balancers.values(), params), params.repeated("LoadBalancerIds", MOST), "LoadBalancerId"
    )
    found = among(found, params.repeated("VpcIds", 10), "VpcId")
    found = only(found, params, "DNSName", "AddressType", "LoadBalancerStatus")
    return _paged("LoadBalancers", by_token(_tagged(found, params), params, largest=100, default=20))


def list_listeners(alb: AlbState, params: Parameters) -> Json:
    """Return the listeners, without their access lists."""
    found = among(alb.listeners.values(), params.repeated("LoadBalancerIds", MOST), "LoadBalancerId")
    found = among(found, params.repeated("ListenerIds", MOST), "ListenerId")
    found = only(found, params, "ListenerProtocol")
    return _paged("Listeners", by_token(_tagged(found, params), params, largest=100, default=20))


def get_listener_attribute(alb: AlbState, params: Parameters) -> Json:
    """Return one listener, with its access lists if it has some."""
    listener = _listener(alb, params)
    access = alb.access.get(listener["ListenerId"])
    return {**listener, "CaEnabled": False, **({"AclConfig": access} if access else {})}


def list_acl_entries(alb: AlbState, params: Parameters) -> Json:
    """Return the entries of one access list."""
    acl_id = params.required("AclId")
    if acl_id not in alb.acls:
        raise not_found("ResourceNotFound.Acl", "The specified resource Acl is not found.")
    return _paged("AclEntries", by_token(alb.acls[acl_id], params, largest=100, default=20))


def list_rules(alb: AlbState, params: Parameters) -> Json:
    """Return the rules of one direction; those for requests unless asked otherwise."""
    direction = params.text("Direction", "Request")
    found = [rule for rule in alb.rules.values() if rule["Direction"] == direction]
    found = among(found, params.repeated("LoadBalancerIds", MOST), "LoadBalancerId")
    found = among(found, params.repeated("ListenerIds", MOST), "ListenerId")
    found = among(found, params.repeated("RuleIds", MOST), "RuleId")
    return _paged("Rules", by_token(_tagged(found, params), params, largest=100, default=20))


def list_server_groups(alb: AlbState, params: Parameters) -> Json:
    """Return the server groups, without their servers."""
    found = among(
        in_region(alb.server_groups.values(), params), params.repeated("ServerGroupIds", MOST), "ServerGroupId"
    )
    found = among(found, params.repeated("ServerGroupNames", 10), "ServerGroupName")
    found = only(found, params, "VpcId", "ServerGroupType")
    page = by_token(_tagged(found, params), params, largest=100, default=20)
    return _paged("ServerGroups", page._replace(items=[_derived(alb, group) for group in page.items]))


def list_server_group_servers(alb: AlbState, params: Parameters) -> Json:
    """Return the servers of one group."""
    group_id = params.required("ServerGroupId")
    if group_id not in alb.server_groups:
        raise not_found("ResourceNotFound.ServerGroup", "The specified resource ServerGroup is not found.")
    found = among(alb.servers.get(group_id, []), params.repeated("ServerIds", 40), "ServerId")
    return _paged("Servers", by_token(found, params, largest=100, default=20))


def get_listener_health_status(alb: AlbState, params: Parameters) -> Json:
    """Return what is not healthy behind a listener and, if asked for, behind its rules. No total is announced."""
    listener = _listener(alb, params)
    own: Json = {
        "ListenerId": listener["ListenerId"],
        "ListenerPort": listener["ListenerPort"],
        "ListenerProtocol": listener["ListenerProtocol"],
        "ServerGroupInfos": [_health(alb, group_id) for group_id in _groups_of(listener["DefaultActions"])],
    }
    rules: list[Json] = [
        {
            "RuleId": rule["RuleId"],
            "ServerGroupInfos": [_health(alb, group_id) for group_id in _groups_of(rule["RuleActions"])],
        }
        for rule in alb.rules.values()
        if params.flag("IncludeRule") and rule["ListenerId"] == listener["ListenerId"]
    ]
    page = by_token([own, *rules], params, largest=MOST_HEALTH, default=20)
    return {
        "ListenerHealthStatus": [entry for entry in page.items if "ListenerId" in entry],
        "NextToken": page.token,
        "RuleHealthStatus": [entry for entry in page.items if "RuleId" in entry],
    }


OPERATIONS = {
    "ListLoadBalancers": list_load_balancers,
    "ListListeners": list_listeners,
    "GetListenerAttribute": get_listener_attribute,
    "ListAclEntries": list_acl_entries,
    "ListRules": list_rules,
    "ListServerGroups": list_server_groups,
    "ListServerGroupServers": list_server_group_servers,
    "GetListenerHealthStatus": get_listener_health_status,
}


def _forward(group_ids: Sequence[str], weight: int | None = None) -> Json:
    extra = {} if weight is None else {"Weight": weight}
    tuples = [{"ServerGroupId": group_id, **extra} for group_id in group_ids]
    return {"ForwardGroupConfig": {"ServerGroupTuples": tuples}, "Type": "ForwardGroup"}


def _groups_of(actions: list[Json]) -> list[str]:
    forwards = [action["ForwardGroupConfig"] for action in actions if action["Type"] == "ForwardGroup"]
    return [group["ServerGroupId"] for forward in forwards for group in forward["ServerGroupTuples"]]


def _listener(alb: AlbState, params: Parameters) -> Json:
    listener = alb.listeners.get(params.required("ListenerId"))
    if listener is None:
        raise not_found("ResourceNotFound.Listener", "The specified resource Listener is not found.")
    return listener


def _derived(alb: AlbState, group: Json) -> Json:
    group_id = group["ServerGroupId"]
    users = [
        *((listener["LoadBalancerId"], listener["DefaultActions"]) for listener in alb.listeners.values()),
        *((rule["LoadBalancerId"], rule["RuleActions"]) for rule in alb.rules.values()),
    ]
    balancers = dict.fromkeys(balancer_id for balancer_id, actions in users if group_id in _groups_of(actions))
    return {**group, "RelatedLoadBalancerIds": list(balancers), "ServerCount": len(alb.servers.get(group_id, []))}


def _health(alb: AlbState, group_id: str) -> Json:
    is_checked = alb.server_groups[group_id]["HealthCheckConfig"]["HealthCheckEnabled"]
    return {
        "ActionType": "Forward",
        "HealthCheckEnabled": "on" if is_checked else "off",
        "NonNormalServers": alb.unhealthy.get(group_id, []),
        "ServerCount": len(alb.servers.get(group_id, [])),
        "ServerGroupId": group_id,
    }


def _tagged(found: list[Json], params: Parameters) -> list[Json]:
    return tagged(found, params.pairs("Tag"), "Key", "Value")


def _paged(container: str, page: Page) -> Json:
    return {container: page.items, "MaxResults": page.size, "NextToken": page.token, "TotalCount": page.total}
