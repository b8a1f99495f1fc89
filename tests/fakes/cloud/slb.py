"""CLB (product ``slb``): load balancers, listeners, server groups and access control lists."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from tests.fakes.cloud.filters import among, in_region, only, tagged
from tests.fakes.cloud.paging import by_number, by_token
from tests.fakes.cloud.slb_state import CONFIGS, SlbState
from tests.fakes.cloud.wire import ApiError, Json, Parameters, missing, not_found

NO_END = {"EndTime": "2999-09-08T16:00:00Z", "EndTimeStamp": 32493801600000}
"""What a load balancer without an end date answers."""


def describe_load_balancers(slb: SlbState, params: Parameters) -> Json:
    """Return the load balancers; one asked for by id that is not there is left out."""
    if ("PageNumber" in params) != ("PageSize" in params):
        raise missing("PageSize" if "PageNumber" in params else "PageNumber")
    found = among(in_region(slb.load_balancers.values(), params), params.comma_list("LoadBalancerId", 10), _id)
    found = only(found, params, "Address", "AddressType", "VpcId", "VSwitchId", "LoadBalancerName", "PayType")
    found = tagged(found, params.pairs("Tag"))
    server = params.text("ServerId")
    if server:
        found = [balancer for balancer in found if server in _servers_of(slb, balancer["LoadBalancerId"])]
    page = by_number(found, params, largest=100)
    return {"LoadBalancers": {"LoadBalancer": page.items}, **page.counted()}


def describe_load_balancer_attribute(slb: SlbState, params: Parameters) -> Json:
    """Return one load balancer with its ports and its default server group."""
    balancer = _balancer(slb, params)
    listeners = _listeners_of(slb, balancer["LoadBalancerId"])
    answer = {key: value for key, value in balancer.items() if key != "InternetChargeTypeAlias"}
    answer["InternetChargeType"] = balancer.get("InternetChargeTypeAlias", balancer.get("InternetChargeType", ""))
    if "CreateTimeStamp" in balancer:
        answer["CreateTime"] = _iso(balancer["CreateTimeStamp"])
    return {
        **NO_END,
        **answer,
        "BackendServers": {"BackendServer": slb.default_servers.get(balancer["LoadBalancerId"], [])},
        "ListenerPorts": {"ListenerPort": [listener["ListenerPort"] for listener in listeners]},
        "ListenerPortsAndProtocal": {
            "ListenerPortAndProtocal": [
                {"ListenerPort": listener["ListenerPort"], "ListenerProtocal": listener["ListenerProtocol"]}
                for listener in listeners
            ]
        },
        "ListenerPortsAndProtocol": {
            "ListenerPortAndProtocol": [
                {key: listener.get(key, "") for key in ("Description", "ListenerPort", "ListenerProtocol")}
                for listener in listeners
            ]
        },
    }


def describe_load_balancer_listeners(slb: SlbState, params: Parameters) -> Json:
    """Return the listeners of all load balancers, or of those asked for."""
    known = {balancer["LoadBalancerId"] for balancer in in_region(slb.load_balancers.values(), params)}
    found = [listener for listener in slb.listeners.values() if listener["LoadBalancerId"] in known]
    found = among(found, params.repeated("LoadBalancerId", 10), "LoadBalancerId")
    found = only(found, params, "ListenerProtocol", "ListenerPort")
    page = by_token(found, params, largest=100, default=20)
    return {"Listeners": page.items, "MaxResults": page.size, "NextToken": page.token, "TotalCount": page.total}


def listener_attribute(protocol: str) -> Callable[[SlbState, Parameters], Json]:
    """Return the operation that describes one listener of a protocol."""

    def describe(slb: SlbState, params: Parameters) -> Json:
        balancer = _balancer(slb, params)
        key = f"{balancer['LoadBalancerId']}/{params.required('ListenerPort')}/{protocol}"
        if key not in slb.listeners:
            raise ApiError("InvalidParameter", "The specified resource does not exist.")
        return _flat(slb.listeners[key], protocol, slb.rules.get(key, []))

    return describe


def describe_vserver_groups(slb: SlbState, params: Parameters) -> Json:
    """Return the VServer groups of one load balancer, all at once."""
    balancer = _balancer(slb, params)
    with_listeners = params.flag("IncludeListener")
    groups = [group for group in slb.vserver_groups.values() if group["LoadBalancerId"] == balancer["LoadBalancerId"]]
    return {"VServerGroups": {"VServerGroup": [_listed_group(slb, group, with_listeners) for group in groups]}}


def describe_vserver_group_attribute(slb: SlbState, params: Parameters) -> Json:
    """Return one VServer group with its servers."""
    group = slb.vserver_groups.get(params.required("VServerGroupId"))
    if group is None:
        raise ApiError("InvalidParameter", "The specified VServerGroupId does not exist.")
    return group


def describe_master_slave_server_groups(slb: SlbState, params: Parameters) -> Json:
    """Return the master-slave groups of one load balancer."""
    balancer = _balancer(slb, params)
    groups = [
        {key: value for key, value in group.items() if key not in ("LoadBalancerId", "MasterSlaveBackendServers")}
        for group in slb.master_slave_groups.values()
        if group["LoadBalancerId"] == balancer["LoadBalancerId"]
    ]
    return {"MasterSlaveServerGroups": {"MasterSlaveServerGroup": groups}}


def describe_master_slave_server_group_attribute(slb: SlbState, params: Parameters) -> Json:
    """Return one master-slave group with its two servers."""
    group = slb.master_slave_groups.get(params.required("MasterSlaveServerGroupId"))
    if group is None:
        raise ApiError("InvalidParameter", "The specified MasterSlaveGroupId does not exist.")
    # This operation alone does not tell the addresses of servers.
    members = [{key: value for key, value in server.items() if key != "ServerIp"} for server in _members(group)]
    return {**group, "MasterSlaveBackendServers": {"MasterSlaveBackendServer": members}}


def describe_health_status(slb: SlbState, params: Parameters) -> Json:
    """Return the health of the servers behind one load balancer, ``unavailable`` where it is not checked."""
    balancer = _balancer(slb, params)
    listeners = only(_listeners_of(slb, balancer["LoadBalancerId"]), params, "ListenerPort", "ListenerProtocol")
    servers = [
        {
            "ListenerPort": listener["ListenerPort"],
            "Port": server["Port"],
            "Protocol": listener["ListenerProtocol"],
            "ServerHealthStatus": _health(slb, listener, server),
            "ServerId": server["ServerId"],
            "ServerIp": server.get("ServerIp", ""),
        }
        for listener in listeners
        for server in _behind(slb, listener)
    ]
    return {"BackendServers": {"BackendServer": servers}}


def describe_access_control_lists(slb: SlbState, params: Parameters) -> Json:
    """Return the access control lists, without their entries."""
    page = by_number(only(slb.acls.values(), params, "AclName"), params, largest=50)
    acls = [{key: value for key, value in acl.items() if key != "AclEntrys"} for acl in page.items]
    return {"Acls": {"Acl": acls}, "Count": len(acls), **page.counted()}


def describe_access_control_list_attribute(slb: SlbState, params: Parameters) -> Json:
    """Return one access control list, a page of its entries, and the listeners that use it."""
    acl = slb.acls.get(params.required("AclId"))
    if acl is None:
        raise ApiError("AclNotExist", "The specified acl does not exist.")
    page = by_number(acl["AclEntrys"]["AclEntry"], params, largest=50, default=50, number="Page")
    related = [
        {
            "AclType": listener.get("AclType", ""),
            "ListenerPort": listener["ListenerPort"],
            "LoadBalancerId": listener["LoadBalancerId"],
            "Protocol": listener["ListenerProtocol"],
        }
        for listener in slb.listeners.values()
        if acl["AclId"] in listener.get("AclIds", [listener.get("AclId")])
    ]
    return {
        **acl,
        "AclEntrys": {"AclEntry": page.items},
        "RelatedListeners": {"RelatedListener": related},
        "TotalAclEntry": page.total,
    }


def describe_rules(slb: SlbState, params: Parameters) -> Json:
    """Return the forwarding rules of one listener."""
    balancer = _balancer(slb, params)
    protocol = params.text("ListenerProtocol", "http")
    key = f"{balancer['LoadBalancerId']}/{params.required('ListenerPort')}/{protocol}"
    return {"Rules": {"Rule": slb.rules.get(key, [])}}


OPERATIONS = {
    "DescribeLoadBalancers": describe_load_balancers,
    "DescribeLoadBalancerAttribute": describe_load_balancer_attribute,
    "DescribeLoadBalancerListeners": describe_load_balancer_listeners,
    "DescribeLoadBalancerTCPListenerAttribute": listener_attribute("tcp"),
    "DescribeLoadBalancerUDPListenerAttribute": listener_attribute("udp"),
    "DescribeLoadBalancerHTTPListenerAttribute": listener_attribute("http"),
    "DescribeLoadBalancerHTTPSListenerAttribute": listener_attribute("https"),
    "DescribeVServerGroups": describe_vserver_groups,
    "DescribeVServerGroupAttribute": describe_vserver_group_attribute,
    "DescribeMasterSlaveServerGroups": describe_master_slave_server_groups,
    "DescribeMasterSlaveServerGroupAttribute": describe_master_slave_server_group_attribute,
    "DescribeHealthStatus": describe_health_status,
    "DescribeAccessControlLists": describe_access_control_lists,
    "DescribeAccessControlListAttribute": describe_access_control_list_attribute,
    "DescribeRules": describe_rules,
}


def _id(balancer: Json) -> list[str]:
    return [balancer["LoadBalancerId"]]


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _balancer(slb: SlbState, params: Parameters) -> Json:
    balancer = slb.load_balancers.get(params.required("LoadBalancerId"))
    if balancer is None:
        raise not_found("InvalidLoadBalancerId.NotFound", "The specified LoadBalancerId does not exist.")
    return balancer


def _listeners_of(slb: SlbState, balancer_id: str) -> list[Json]:
    return [listener for listener in slb.listeners.values() if listener["LoadBalancerId"] == balancer_id]


def _servers_of(slb: SlbState, balancer_id: str) -> set[str]:
    servers = list(slb.default_servers.get(balancer_id, []))
    for group_id, group in slb.vserver_groups.items():
        if group["LoadBalancerId"] == balancer_id:
            servers += slb.backends(group_id)
    for group in slb.master_slave_groups.values():
        if group["LoadBalancerId"] == balancer_id:
            servers += _members(group)
    return {server["ServerId"] for server in servers}


def _members(group: Json) -> list[Json]:
    servers: list[Json] = group["MasterSlaveBackendServers"]["MasterSlaveBackendServer"]
    return servers


def _group_of(listener: Json) -> str:
    """Return the VServer or master-slave group that a listener uses, empty for the default group."""
    config = listener.get(CONFIGS[listener["ListenerProtocol"]], {})
    group_id: str = listener.get("VServerGroupId") or config.get("MasterSlaveServerGroupId", "")
    return group_id


def _behind(slb: SlbState, listener: Json) -> Iterator[Json]:
    group_id = _group_of(listener)
    if group_id in slb.vserver_groups:
        yield from slb.backends(group_id)
    elif group_id in slb.master_slave_groups:
        yield from _members(slb.master_slave_groups[group_id])
    elif not group_id:
        yield from slb.default_servers.get(listener["LoadBalancerId"], [])


def _health(slb: SlbState, listener: Json, server: Json) -> str:
    config = listener.get(CONFIGS[listener["ListenerProtocol"]], {})
    if listener["Status"] != "running" or config.get("HealthCheck") != "on":
        return "unavailable"
    return slb.health.get((_group_of(listener), server["ServerId"]), "normal")


def _listed_group(slb: SlbState, group: Json, with_listeners: bool) -> Json:
    listeners = [
        {"Port": listener["ListenerPort"], "Protocol": listener["ListenerProtocol"]}
        for listener in slb.listeners.values()
        if listener.get("VServerGroupId") == group["VServerGroupId"]
    ]
    return {
        "AssociatedObjects": {"Listeners": {"Listener": listeners if with_listeners else []}, "Rules": {"Rule": []}},
        "CreateTime": f"{group['CreateTime'][:16]}Z",
        "ServerCount": len(slb.backends(group["VServerGroupId"])),
        "Tags": group["Tags"],
        "VServerGroupId": group["VServerGroupId"],
        "VServerGroupName": group["VServerGroupName"],
    }


def _flat(listener: Json, protocol: str, rules: list[Json]) -> Json:
    """Return a listener in the form of its own attribute operation: one level, and other types for some fields."""
    config = dict(listener.get(CONFIGS[protocol], {}))
    answer = {
        key: value for key, value in listener.items() if key not in (CONFIGS[protocol], "ListenerProtocol", "AclIds")
    }
    if "AclIds" in listener:
        answer["AclIds"] = {"AclId": listener["AclIds"]}
    if "ProxyProtocolV2Enabled" in config:
        config["ProxyProtocolV2Enabled"] = config["ProxyProtocolV2Enabled"] == "true"
    if protocol == "tcp":
        config["SynProxy"] = "disable"
    elif protocol == "udp":
        config.pop("ConnectionDrain", None)
    else:
        for name in ("HealthCheckHttpVersion", "HealthCheckType"):
            config.pop(name, None)
        config |= {"Rules": {"Rule": rules}, "SecurityStatus": "off"}
    return {**answer, **config}
