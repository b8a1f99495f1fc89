"""ECS: instances, their roles, disks and network interfaces."""

import re

import msgspec

from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.fields import BadField, Fields
from auditor.collect.alibaba.filling import from_batches, from_lists, nothing_asked
from auditor.collect.alibaba.paging import Numbered, Tokened
from auditor.collect.alibaba.sdk import Request
from auditor.collect.provider import provides
from auditor.facts.cloud.ecs import Disk, Instance, InstanceRole, NetworkInterface
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.volumes import PersistentVolume
from auditor.facts.ref import Layer
from auditor.facts.table import Reason, ReasonKind, Table
from auditor.facts.text import t

_FREE = "Available"
"""The status of a disk or a network interface that is attached to nothing."""
_PRIMARY = "Primary"
_DISK_ID = re.compile(r"d-[a-z0-9-]+")


def ids_text(ids: list[str]) -> str:
    """Return ids as ECS takes them: a JSON array in a text."""
    return msgspec.json.encode(ids).decode()


def instance_ids(nodes: Table[Node]) -> set[str]:
    """Return the instances behind the nodes that are known."""
    return {node.instance_id for node in nodes.known_rows() if node.instance_id}


def vpc_ids(instances: Table[Instance]) -> list[str]:
    """Return the VPCs of the instances that are known; one, as a rule."""
    return sorted({row.vpc_id for row in instances.known_rows() if row.vpc_id})


def vpc_not_said(table: str, instances: Table[Instance], source: str) -> Table[NetworkInterface]:
    """Return the table of what is listed by VPC, for instances that name none."""
    if not instances.known_rows():
        return Table.unavailable(table, *instances.reasons) if instances.gaps else nothing_asked(table)
    text = t("no answer said in which VPC the nodes' instances are")
    return Table.unavailable(table, Reason(source, ReasonKind.MALFORMED, text))


@provides("instances", source="ecs", layer=Layer.CLOUD, permissions=("ecs:DescribeInstances",))
def collect_instances(client: CloudClient, nodes: Table[Node]) -> Table[Instance]:
    """Fill ``instances`` with those behind the nodes."""
    return _instances_by_id(client, "instances", instance_ids(nodes))


def _instances_by_id(client: CloudClient, name: str, ids: set[str]) -> Table[Instance]:
    return from_batches(
        client,
        name,
        ids,
        100,
        lambda ids: Request("ecs", "DescribeInstances", {"InstanceIds": ids_text(ids)}),
        ("Instances", "Instance"),
        Tokened(100),
        _instance,
        lambda fields: fields.required("InstanceId"),
    )


@provides("holder_instances", source="ecs", layer=Layer.CLOUD, permissions=("ecs:DescribeInstances",))
def collect_holder_instances(client: CloudClient, disks: Table[Disk], nodes: Table[Node]) -> Table[Instance]:
    """Fill ``holder_instances`` with those that hold a volume's disk, but are behind no node that is known."""
    holders = {holder for disk in disks.known_rows() for holder in disk.holders}
    return _instances_by_id(client, "holder_instances", holders - instance_ids(nodes))


@provides("instance_roles", source="ecs", layer=Layer.CLOUD, permissions=("ecs:DescribeInstanceRamRole",))
def collect_instance_roles(client: CloudClient, nodes: Table[Node]) -> Table[InstanceRole]:
    """Fill ``instance_roles`` for the nodes' instances: one that the answer leaves out carries no role."""
    return from_batches(
        client,
        "instance_roles",
        instance_ids(nodes),
        50,
        lambda ids: Request("ecs", "DescribeInstanceRamRole", {"InstanceIds": ids_text(ids)}),
        ("InstanceRamRoleSets", "InstanceRamRoleSet"),
        Numbered(50),
        lambda fields: InstanceRole(fields.required("InstanceId"), fields.given("RamRoleName")),
        lambda fields: fields.required("InstanceId"),
        absent=lambda instance_id: InstanceRole(instance_id, ""),
    )


@provides("disks", source="ecs", layer=Layer.CLOUD, permissions=("ecs:DescribeDisks",))
def collect_disks(client: CloudClient, persistent_volumes: Table[PersistentVolume]) -> Table[Disk]:
    """Fill ``disks`` with those of the volumes. A handle that can't be a disk's id is known to name none."""
    handles = {row.disk_id for row in persistent_volumes.known_rows() if row.disk_id is not None}
    ids = {handle for handle in handles if _DISK_ID.fullmatch(handle)}
    return from_batches(
        client,
        "disks",
        ids,
        100,
        lambda batch: Request("ecs", "DescribeDisks", {"DiskIds": ids_text(batch)}),
        ("Disks", "Disk"),
        Tokened(100),
        _disk,
        lambda fields: fields.required("DiskId"),
        also_asked=handles - ids,
    )


@provides("network_interfaces", source="ecs", layer=Layer.CLOUD, permissions=("ecs:DescribeNetworkInterfaces",))
def collect_network_interfaces(client: CloudClient, instances: Table[Instance]) -> Table[NetworkInterface]:
    """Fill ``network_interfaces`` with all of the VPC: a node's own, those of Pods, and those of others."""
    vpcs = vpc_ids(instances)
    if not vpcs:
        return vpc_not_said("network_interfaces", instances, "ecs")
    return from_lists(
        client,
        "network_interfaces",
        [Request("ecs", "DescribeNetworkInterfaces", {"VpcId": vpc}) for vpc in vpcs],
        ("NetworkInterfaceSets", "NetworkInterfaceSet"),
        Tokened(500),
        _network_interface,
        lambda fields: fields.required("NetworkInterfaceId"),
    )


def _instance(fields: Fields) -> Instance:
    vpc = fields.child("VpcAttributes")
    interfaces = fields.records("NetworkInterfaces", "NetworkInterface")
    return Instance(
        id=fields.required("InstanceId"),
        name=fields.word("InstanceName"),
        status=fields.known("Status"),
        zone=fields.known("ZoneId"),
        type=fields.known("InstanceType"),
        charge_type=fields.known("InstanceChargeType"),
        vpc_id=vpc.known("VpcId"),
        vswitch_id=vpc.known("VSwitchId"),
        private_ips=_private_ips(vpc, interfaces or []) if "VpcAttributes" in fields else [],
        security_group_ids=fields.texts("SecurityGroupIds", "SecurityGroupId"),
        network_interface_ids=None
        if interfaces is None
        else [interface.required("NetworkInterfaceId") for interface in interfaces],
        lock_reasons=_lock_reasons(fields, "LockReason"),
        http_tokens=fields.child("MetadataOptions").known("HttpTokens"),
    )


def _private_ips(vpc: Fields, interfaces: list[Fields]) -> list[str]:
    """Return the addresses of an instance in its VPC; where they are left out, that of its primary interface."""
    addresses = vpc.texts("PrivateIpAddress", "IpAddress")
    if addresses is not None:
        return addresses
    primary = [ip for one in interfaces if one.word("Type") == _PRIMARY and (ip := one.word("PrimaryIpAddress"))]
    if not primary:
        raise BadField("PrivateIpAddress")
    return primary


def _lock_reasons(fields: Fields, inner: str) -> list[str] | None:
    locks = fields.records("OperationLocks", inner)
    return None if locks is None else [lock.given("LockReason") for lock in locks]


def _disk(fields: Fields) -> Disk:
    zones = fields.child("Placement").word("ZoneIds")
    return Disk(
        id=fields.required("DiskId"),
        name=fields.word("DiskName"),
        zone=fields.known("ZoneId"),
        zones=[zone.strip() for zone in zones.split(",") if zone.strip()],
        region=fields.known("RegionId"),
        status=fields.known("Status"),
        type=fields.known("Type"),
        category=fields.known("Category"),
        instance_id=fields.word("InstanceId"),
        attached_to=_attached_to(fields),
        charge_type=fields.known("DiskChargeType"),
        portable=fields.flag("Portable"),
        multi_attach=_multi_attach(fields),
        lock_reasons=_lock_reasons(fields, "OperationLock") or [],
        size_gib=fields.integer("Size"),
    )


def _attached_to(fields: Fields) -> list[str]:
    """Return the instances that the attachments of a disk name. The list may be left out where one field says enough.

    That of a single holder is empty where there is none, and where several share the disk.
    """
    attachments = fields.records("Attachments", "Attachment")
    if attachments is None and "InstanceId" not in fields and fields.word("Status") != _FREE:
        raise BadField("Attachments")  # the answer does not say by whom it is held, or that it is by nobody
    named = [held for one in attachments or [] if (held := one.word("InstanceId"))]
    if len(named) < len(attachments or []) and not (len(attachments or []) == 1 and fields.word("InstanceId")):
        raise BadField("Attachments")  # somebody else holds it, too, and is not named
    return named


def _multi_attach(fields: Fields) -> bool | None:
    value = fields.word("MultiAttach").lower()
    if value in ("", "enabled", "disabled"):
        return value == "enabled" if value else None
    raise BadField("MultiAttach")


def _network_interface(fields: Fields) -> NetworkInterface:
    addresses = fields.required_records("PrivateIpSets", "PrivateIpSet")
    return NetworkInterface(
        id=fields.required("NetworkInterfaceId"),
        type=fields.known("Type"),
        instance_id=_holder(fields),
        primary_ip=fields.word("PrivateIpAddress"),
        private_ips=[ip for address in addresses if (ip := address.word("PrivateIpAddress"))],
        security_group_ids=fields.texts("SecurityGroupIds", "SecurityGroupId"),
        vswitch_id=fields.known("VSwitchId"),
        vpc_id=fields.known("VpcId"),
        zone=fields.known("ZoneId"),
        service_managed=fields.flag("ServiceManaged"),
    )


def _holder(fields: Fields) -> str:
    """Return the instance that an interface is attached to; empty for one that is free, or is a cloud service's."""
    if fields.word("Status") == _FREE:
        return fields.word("InstanceId")
    held = fields.word("InstanceId") or fields.child("Attachment").word("InstanceId")
    return held if held or fields.flag("ServiceManaged") else fields.given("InstanceId")
