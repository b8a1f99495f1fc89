"""ECS (product ``ecs``): instances, disks, instance roles and instance types."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.cloud import recorded
from tests.fakes.cloud.filters import among, in_region, only, tagged
from tests.fakes.cloud.paging import Page, by_number, by_token
from tests.fakes.cloud.wire import Json, Parameters, missing


@dataclass
class EcsState:
    """What ECS knows, each family by id, in the form of its list operation.

    Attributes:
        instances: DescribeInstances.
        disks: DescribeDisks.
        instance_roles: the RAM role that an instance carries, by instance id.
        instance_types: DescribeInstanceTypes, by type.
        security_groups: DescribeSecurityGroups, and ``InnerAccessPolicy`` and ``Permissions`` of
            DescribeSecurityGroupAttribute.
        prefix_lists: DescribePrefixListAttributes.
        port_range_lists: DescribePortRangeListEntries.
        network_interfaces: DescribeNetworkInterfaces.
        stocks: the instance types that are sold in a zone, by zone.
        sold_out: what of it can't be had now: type, zone and way of paying, an empty one for every way.
        data_disks: the zones of DescribeAvailableResource with the disk categories for a type, by type.
        zones: DescribeZones.
        attributes: DescribeAccountAttributes.
        health: the health of an instance that is not well (``Impaired``), by instance id.
        system_events: DescribeInstanceHistoryEvents, by event id.
    """

    instances: dict[str, Json] = field(default_factory=dict)
    disks: dict[str, Json] = field(default_factory=dict)
    instance_roles: dict[str, str] = field(default_factory=dict)
    instance_types: dict[str, Json] = field(default_factory=dict)
    security_groups: dict[str, Json] = field(default_factory=dict)
    prefix_lists: dict[str, Json] = field(default_factory=dict)
    port_range_lists: dict[str, Json] = field(default_factory=dict)
    network_interfaces: dict[str, Json] = field(default_factory=dict)
    stocks: dict[str, list[str]] = field(default_factory=dict)
    sold_out: set[tuple[str, str, str]] = field(default_factory=set)
    data_disks: dict[str, list[Json]] = field(default_factory=dict)
    zones: dict[str, Json] = field(default_factory=dict)
    attributes: list[Json] = field(default_factory=list)
    health: dict[str, str] = field(default_factory=dict)
    system_events: dict[str, Json] = field(default_factory=dict)

    @classmethod
    def recorded(cls) -> "EcsState":
        """Return the recorded state."""
        state = cls()
        for instance in recorded.answer("ecs/DescribeInstances.json")["Instances"]["Instance"]:
            state.instances[instance["InstanceId"]] = instance
        for disk in recorded.answer("ecs/DescribeDisks.json")["Disks"]["Disk"]:
            state.disks[disk["DiskId"]] = disk
        for role in recorded.answer("ecs/DescribeInstanceRamRole.json")["InstanceRamRoleSets"]["InstanceRamRoleSet"]:
            state.instance_roles[role["InstanceId"]] = role["RamRoleName"]
        for kind in recorded.answer("ecs/DescribeInstanceTypes.json")["InstanceTypes"]["InstanceType"]:
            state.instance_types[kind["InstanceTypeId"]] = kind
        for group in recorded.answer("ecs/DescribeSecurityGroups.json")["SecurityGroups"]["SecurityGroup"]:
            state.security_groups[group["SecurityGroupId"]] = group
        for attribute in recorded.answers("ecs", "DescribeSecurityGroupAttribute"):
            group = state.security_groups[attribute["SecurityGroupId"]]
            group |= {key: attribute[key] for key in ("InnerAccessPolicy", "Permissions", "RegionId")}
        for prefix_list in recorded.answers("ecs", "DescribePrefixListAttributes"):
            prefix_list.pop("RequestId")
            state.prefix_lists[prefix_list["PrefixListId"]] = prefix_list
        interfaces = recorded.answer("ecs/DescribeNetworkInterfaces.json")["NetworkInterfaceSets"]
        for interface in interfaces["NetworkInterfaceSet"]:
            state.network_interfaces[interface["NetworkInterfaceId"]] = interface
        for zone in recorded.answer("ecs/DescribeZones.json")["Zones"]["Zone"]:
            state.zones[zone["ZoneId"]] = zone
            state.stocks[zone["ZoneId"]] = list(zone["AvailableInstanceTypes"]["InstanceTypes"])
        for kind in state.instance_types:
            disks = recorded.answer(f"ecs/DescribeAvailableResource.DataDisk.{kind}.json")
            state.data_disks[kind] = disks["AvailableZones"]["AvailableZone"]
        attributes = recorded.answer("ecs/DescribeAccountAttributes.json")["AccountAttributeItems"]
        state.attributes = attributes["AccountAttributeItem"]
        events = recorded.answer("ecs/DescribeInstanceHistoryEvents.json")["InstanceSystemEventSet"]
        state.system_events = {event["EventId"]: event for event in events["InstanceSystemEventType"]}
        return state

    def add_instance_type(self, name: str, *, like: str, zones: Iterable[str] = (), **fields: Any) -> Json:
        """Add a copy of an instance type, on sale in these zones; in all unless given."""
        self.instance_types[name] = {**copy.deepcopy(self.instance_types[like]), "InstanceTypeId": name, **fields}
        for zone in zones or list(self.stocks):
            self.stocks.setdefault(zone, []).append(name)
        return self.instance_types[name]

    def sell_out(self, instance_type: str, zone: str, payment: str = "") -> None:
        """Let a type be sold out in a zone, for one way of paying (``PrePaid``, ``SpotAsPriceGo``) or for every."""
        if instance_type not in self.stocks.setdefault(zone, []):
            self.stocks[zone].append(instance_type)
        self.sold_out.add((instance_type, zone, payment))

    def add_system_event(self, event_id: str, instance_id: str, kind: str, **fields: Any) -> Json:
        """Add an event of the cloud that concerns an instance, one yet to come unless the fields say otherwise."""
        self.system_events[event_id] = {
            "EventCycleStatus": {"Code": 24, "Name": "Scheduled"},
            "EventId": event_id,
            "EventPublishTime": "2026-11-22T22:00:00Z",
            "EventType": {"Code": 1, "Name": kind},
            "ImpactLevel": "100",
            "InstanceId": instance_id,
            "NotBefore": "2026-11-24T00:00:00Z",
            "Reason": "",
            "ResourceType": "instance",
            **fields,
        }
        return self.system_events[event_id]

    def add_instance(self, instance_id: str, *, like: str, private_ip: str, **fields: Any) -> Json:
        """Add a copy of an instance, with a primary network interface and a role of its own."""
        instance = copy.deepcopy(self.instances[like])
        interface_id = instance_id.replace("i-", "eni-", 1)
        instance |= {"InstanceId": instance_id, "HostName": instance_id, **fields}
        instance["VpcAttributes"]["PrivateIpAddress"] = {"IpAddress": [private_ip]}
        summary = instance["NetworkInterfaces"]["NetworkInterface"][0]
        addresses = {"PrivateIpSet": [{"Primary": True, "PrivateIpAddress": private_ip}]}
        source = summary["NetworkInterfaceId"]
        summary |= {"NetworkInterfaceId": interface_id, "PrimaryIpAddress": private_ip, "PrivateIpSets": addresses}
        instance["NetworkInterfaces"] = {"NetworkInterface": [summary]}
        interface = copy.deepcopy(self.network_interfaces[source])
        interface |= {
            "InstanceId": instance_id,
            "NetworkInterfaceId": interface_id,
            "PrivateIpAddress": private_ip,
            "PrivateIpSets": copy.deepcopy(addresses),
        }
        interface["Attachment"] = {**interface["Attachment"], "InstanceId": instance_id}
        self.instances[instance_id] = instance
        self.network_interfaces[interface_id] = interface
        if like in self.instance_roles:
            self.instance_roles[instance_id] = self.instance_roles[like]
        return instance

    def remove_instance(self, instance_id: str) -> None:
        """Remove an instance with its network interfaces, its role, and its attachments to disks."""
        del self.instances[instance_id]
        self.instance_roles.pop(instance_id, None)
        for interface_id in [
            interface["NetworkInterfaceId"]
            for interface in self.network_interfaces.values()
            if interface.get("InstanceId") == instance_id
        ]:
            del self.network_interfaces[interface_id]
        for disk in self.disks.values():
            if disk.get("InstanceId") == instance_id:
                disk |= {"InstanceId": "", "Device": "", "Status": "Available", "Attachments": {"Attachment": []}}

    def add_disk(self, disk_id: str, *, like: str, **fields: Any) -> Json:
        """Add a copy of a disk."""
        self.disks[disk_id] = {**copy.deepcopy(self.disks[like]), "DiskId": disk_id, **fields}
        return self.disks[disk_id]

    def add_security_group(self, group_id: str, **fields: Any) -> Json:
        """Add a basic group without rules, whose members reach each other, unless the fields say otherwise."""
        self.security_groups[group_id] = {
            "CreationTime": "2026-11-22T22:30:00Z",
            "Description": "",
            "InnerAccessPolicy": "Accept",
            "Permissions": {"Permission": []},
            "SecurityGroupId": group_id,
            "SecurityGroupName": group_id,
            "SecurityGroupType": "normal",
            "ServiceManaged": False,
            "Tags": {"Tag": []},
            "VpcId": "",
            **fields,
        }
        return self.security_groups[group_id]

    def rules(self, group_id: str) -> list[Json]:
        """Return the rules of a security group, to be edited in place."""
        permissions: list[Json] = self.security_groups[group_id]["Permissions"]["Permission"]
        return permissions

    def add_rule(self, group_id: str, direction: str, **fields: Any) -> Json:
        """Add a rule to a security group: everything is accepted from nowhere, unless the fields say otherwise."""
        empty = dict.fromkeys(
            (
                "Description",
                "DestCidrIp",
                "DestGroupId",
                "DestGroupName",
                "DestGroupOwnerAccount",
                "DestPrefixListId",
                "DestPrefixListName",
                "Ipv6DestCidrIp",
                "Ipv6SourceCidrIp",
                "SourceCidrIp",
                "SourceGroupId",
                "SourceGroupName",
                "SourceGroupOwnerAccount",
                "SourcePortRange",
                "SourcePrefixListId",
                "SourcePrefixListName",
            ),
            "",
        )
        rule: Json = {
            **empty,
            "CreateTime": "2026-11-22T22:30:00Z",
            "Direction": direction,
            "IpProtocol": "ALL",
            "NicType": "intranet",
            "Policy": "Accept",
            "PortRange": "-1/-1",
            "Priority": "1",
            "SecurityGroupRuleId": f"sgr-{group_id.removeprefix('sg-')}{len(self.rules(group_id)) + 1}",
            **fields,
        }
        self.rules(group_id).append(rule)
        return rule

    def remove_rules(self, group_id: str, direction: str) -> None:
        """Remove all rules of one direction from a security group."""
        kept = [rule for rule in self.rules(group_id) if rule["Direction"] != direction]
        self.security_groups[group_id]["Permissions"] = {"Permission": kept}


def paged(page: Page) -> Json:
    """Return the keys of paging by token; with more than one page the total says nothing, as ECS has it."""
    whole = len(page.items) == page.total
    return {
        "NextToken": page.token,
        "PageNumber": 1,
        "PageSize": page.size,
        "TotalCount": page.total if whole else 0,
    }


def describe_instances(ecs: EcsState, params: Parameters) -> Json:
    """Return the instances; one asked for by id that is not there is left out."""
    found = among(in_region(ecs.instances.values(), params), params.json_list("InstanceIds", 100), "InstanceId")
    found = among(found, params.json_list("PrivateIpAddresses", 100), _private_ips)
    found = only(found, params, "ZoneId", "Status", "InstanceType", "InstanceChargeType", "InstanceName")
    for name in ("VpcId", "VSwitchId"):
        if name in params:
            found = [instance for instance in found if instance["VpcAttributes"][name] == params.text(name)]
    if "SecurityGroupId" in params:
        found = among(found, [params.text("SecurityGroupId")], _security_groups)
    found = tagged(found, params.pairs("Tag"))
    page = by_token(found, params, largest=100, default=10)
    return {"Instances": {"Instance": page.items}, **paged(page)}


def describe_disks(ecs: EcsState, params: Parameters) -> Json:
    """Return the disks; one asked for by id that is not there is left out."""
    found = among(in_region(ecs.disks.values(), params), params.json_list("DiskIds", 100), "DiskId")
    found = only(found, params, "ZoneId", "DiskChargeType", "Status", "Category", "DiskName")
    if params.text("DiskType", "all") != "all":
        found = [disk for disk in found if disk["Type"] == params.text("DiskType")]
    if "InstanceId" in params:
        found = among(found, [params.text("InstanceId")], _holders)
    found = tagged(found, params.pairs("Tag"))
    page = by_token(found, params, largest=500, default=10, smallest=10)
    return {"Disks": {"Disk": page.items}, **paged(page)}


def describe_instance_ram_role(ecs: EcsState, params: Parameters) -> Json:
    """Return the roles that instances carry; an instance without one is left out."""
    asked = params.json_list("InstanceIds", 50)
    if asked is None and "RamRoleName" not in params:
        raise missing("InstanceIds")
    roles: list[Json] = [
        {"InstanceId": instance_id, "RamRoleName": role}
        for instance_id, role in ecs.instance_roles.items()
        if instance_id in ecs.instances and (asked is None or instance_id in asked)
    ]
    page = by_number(only(roles, params, "RamRoleName"), params, largest=50)
    return {
        "InstanceRamRoleSets": {"InstanceRamRoleSet": page.items},
        "RegionId": params.text("RegionId"),
        "TotalCount": page.total,
    }


def describe_instance_types(ecs: EcsState, params: Parameters) -> Json:
    """Return the sizes of instance types."""
    found = among(ecs.instance_types.values(), params.repeated("InstanceTypes", 10), "InstanceTypeId")
    page = by_token(only(found, params, "InstanceTypeFamily"), params, largest=1600, default=1600)
    return {"InstanceTypes": {"InstanceType": page.items}, "NextToken": page.token}


OPERATIONS = {
    "DescribeInstances": describe_instances,
    "DescribeDisks": describe_disks,
    "DescribeInstanceRamRole": describe_instance_ram_role,
    "DescribeInstanceTypes": describe_instance_types,
}


def _private_ips(instance: Json) -> list[str]:
    addresses: list[str] = instance["VpcAttributes"]["PrivateIpAddress"]["IpAddress"]
    return addresses


def _security_groups(instance: Json) -> list[str]:
    groups: list[str] = instance["SecurityGroupIds"]["SecurityGroupId"]
    return groups


def _holders(disk: Json) -> list[str]:
    attachments = disk.get("Attachments", {}).get("Attachment", [])
    return [attachment["InstanceId"] for attachment in attachments] or [disk.get("InstanceId", "")]
