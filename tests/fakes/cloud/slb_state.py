"""The state of CLB (product ``slb``), and what is awkward to plant by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.cloud import recorded
from tests.fakes.cloud.wire import Json

CONFIGS = {
    "tcp": "TCPListenerConfig",
    "udp": "UDPListenerConfig",
    "http": "HTTPListenerConfig",
    "https": "HTTPSListenerConfig",
}


@dataclass
class SlbState:
    """What CLB knows. All other answers are derived, so that an edit shows in every one of them.

    Attributes:
        load_balancers: by id, in the form of DescribeLoadBalancers.
        default_servers: the default server group, by load balancer id.
        listeners: by ``load balancer/port/protocol``, in the form of DescribeLoadBalancerListeners.
        vserver_groups: by id, in the form of DescribeVServerGroupAttribute.
        master_slave_groups: by id, in the form of DescribeMasterSlaveServerGroupAttribute.
        acls: by id, in the form of DescribeAccessControlListAttribute, without its related listeners.
        rules: the forwarding rules, by listener.
        health: the health of servers other than ``normal``, by (group id, server id).
    """

    load_balancers: dict[str, Json] = field(default_factory=dict)
    default_servers: dict[str, list[Json]] = field(default_factory=dict)
    listeners: dict[str, Json] = field(default_factory=dict)
    vserver_groups: dict[str, Json] = field(default_factory=dict)
    master_slave_groups: dict[str, Json] = field(default_factory=dict)
    acls: dict[str, Json] = field(default_factory=dict)
    rules: dict[str, list[Json]] = field(default_factory=dict)
    health: dict[tuple[str, str], str] = field(default_factory=dict)

    @classmethod
    def recorded(cls) -> "SlbState":
        """Return the recorded state."""
        state = cls()
        for balancer in recorded.answer("slb/DescribeLoadBalancers.json")["LoadBalancers"]["LoadBalancer"]:
            state.load_balancers[balancer["LoadBalancerId"]] = balancer
        for listener in recorded.answer("slb/DescribeLoadBalancerListeners.json")["Listeners"]:
            state.listeners[listener_key(listener)] = listener
        groups = {
            answer.pop("VServerGroupId"): answer for answer in recorded.answers("slb", "DescribeVServerGroupAttribute")
        }
        for balancer_id in state.load_balancers:
            # In the order of the list of groups.
            listed = recorded.answer(f"slb/DescribeVServerGroups.{balancer_id}.json")["VServerGroups"]["VServerGroup"]
            for entry in listed:
                group_id = entry["VServerGroupId"]
                groups[group_id].pop("RequestId")
                state.vserver_groups[group_id] = {"VServerGroupId": group_id, **groups[group_id]}
        for acl in recorded.answers("slb", "DescribeAccessControlListAttribute"):
            for key in ("RequestId", "RelatedListeners", "TotalAclEntry"):
                acl.pop(key)
            state.acls[acl["AclId"]] = acl
        return state

    def set_backends(self, group_id: str, backends: Sequence[Json]) -> None:
        """Replace the servers of a VServer group; each needs only a ``ServerId``."""
        self.vserver_groups[group_id]["BackendServers"] = {"BackendServer": [backend(**entry) for entry in backends]}

    def backends(self, group_id: str) -> list[Json]:
        """Return the servers of a VServer group, to be edited in place."""
        servers: list[Json] = self.vserver_groups[group_id]["BackendServers"]["BackendServer"]
        return servers

    def add_load_balancer(self, balancer_id: str, **fields: Any) -> Json:
        """Add a load balancer: an active intranet one, paid by specification, unless the fields say otherwise."""
        balancer: Json = {
            "Address": "192.168.0.200",
            "AddressIPVersion": "ipv4",
            "AddressType": "intranet",
            "Bandwidth": 5120,
            "CreateTime": "2026-11-22T22:30Z",
            "CreateTimeStamp": 1795386600000,
            "DeleteProtection": "off",
            "InstanceChargeType": "PayBySpec",
            "InternetChargeType": "4",
            "InternetChargeTypeAlias": "paybytraffic",
            "LoadBalancerId": balancer_id,
            "LoadBalancerName": balancer_id,
            "LoadBalancerSpec": "slb.s1.small",
            "LoadBalancerStatus": "active",
            "NetworkType": "vpc",
            "PayType": "PayOnDemand",
            "RegionId": "cn-hangzhou",
            "Tags": {"Tag": []},
            "VSwitchId": "",
            "VpcId": "",
            **fields,
        }
        self.load_balancers[balancer_id] = balancer
        return balancer

    def add_vserver_group(
        self, group_id: str, balancer_id: str, name: str, backends: Sequence[Json], **fields: Any
    ) -> Json:
        """Add a VServer group to a load balancer; each of its servers needs only a ``ServerId``."""
        self.vserver_groups[group_id] = {
            "VServerGroupId": group_id,
            "VServerGroupName": name,
            "LoadBalancerId": balancer_id,
            "CreateTime": "2026-11-22T22:30:00Z",
            "Tags": {"Tag": []},
            **fields,
        }
        self.set_backends(group_id, backends)
        return self.vserver_groups[group_id]

    def add_master_slave_group(
        self, group_id: str, balancer_id: str, name: str, servers: Sequence[Json], **fields: Any
    ) -> Json:
        """Add a master-slave group; the first server is the master."""
        members = [
            {**backend(**entry), "ServerType": "Master" if number == 0 else "Slave"}
            for number, entry in enumerate(servers)
        ]
        self.master_slave_groups[group_id] = {
            "MasterSlaveServerGroupId": group_id,
            "MasterSlaveServerGroupName": name,
            "LoadBalancerId": balancer_id,
            "CreateTime": "2026-11-22T22:30:00Z",
            "MasterSlaveBackendServers": {"MasterSlaveBackendServer": members},
            "Tags": {"Tag": []},
            **fields,
        }
        return self.master_slave_groups[group_id]

    def add_listener(self, balancer_id: str, port: int, protocol: str, group_id: str = "", **fields: Any) -> Json:
        """Add a running listener; ``config`` among the fields adds to the part of its protocol.

        Without a group of either kind it sends what comes to the default group, at its own port.
        """
        config = {"HealthCheck": "on", "HealthCheckConnectPort": 0, **fields.pop("config", {})}
        if protocol == "tcp":
            config = {"PersistenceTimeout": 0, "EstablishedTimeout": 900, "ProxyProtocolV2Enabled": "false", **config}
        if protocol in ("http", "https"):
            config = {"StickySession": "off", **config}
        has_group = group_id or "MasterSlaveServerGroupId" in config
        listener: Json = {
            "AclStatus": "off",
            "BackendServerPort": 0 if has_group else port,
            "Bandwidth": -1,
            "Description": "",
            "ListenerPort": port,
            "ListenerProtocol": protocol,
            "LoadBalancerId": balancer_id,
            "Scheduler": "rr",
            "Status": "running",
            "VServerGroupId": group_id,
            CONFIGS[protocol]: config,
            **fields,
        }
        self.listeners[listener_key(listener)] = listener
        return listener

    def add_acl(self, acl_id: str, name: str, cidrs: Sequence[str], **fields: Any) -> Json:
        """Add an access control list."""
        self.acls[acl_id] = {
            "AclId": acl_id,
            "AclName": name,
            "AddressIPVersion": "ipv4",
            "AclEntrys": {"AclEntry": [{"AclEntryIP": cidr, "AclEntryComment": ""} for cidr in cidrs]},
            **fields,
        }
        return self.acls[acl_id]


def listener_key(listener: Json) -> str:
    """Return ``load balancer/port/protocol``: TCP and UDP may share a port number."""
    return f"{listener['LoadBalancerId']}/{listener['ListenerPort']}/{listener['ListenerProtocol']}"


def backend(**fields: Any) -> Json:
    """Return an entry of a server group: an ECS of weight 100, unless the fields say otherwise."""
    return {"Description": "", "Port": 80, "ServerIp": "", "Type": "ecs", "Weight": 100, **fields}
