"""NAS: file systems with their mount targets, and the rules of permission groups."""

from collections.abc import Iterable, Iterator

from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.fields import BadField, Fields
from auditor.collect.alibaba.filling import complete, from_list, nothing_asked, one_by_one
from auditor.collect.alibaba.nas_scope import class_file_system, class_servers, may_use_nas, servers_in_use
from auditor.collect.alibaba.paging import Numbered, gather
from auditor.collect.alibaba.sdk import Request
from auditor.collect.provider import provides
from auditor.facts.cloud.nas import AccessGroupRules, AccessRule, FileSystem, MountTarget, access_group_key
from auditor.facts.joins.volumes import VolumeMountTargets
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import PersistentVolume, StorageClass
from auditor.facts.ref import Layer
from auditor.facts.table import NotKnown, Table

SCOPE = ("persistent_volumes", "storage_classes", "pods")
"""What names file systems. Where one is not known, the others still do."""


@provides("file_systems", source="nas", layer=Layer.CLOUD, permissions=("nas:DescribeFileSystems",), tolerates=SCOPE)
def collect_file_systems(
    client: CloudClient,
    persistent_volumes: Table[PersistentVolume],
    storage_classes: Table[StorageClass],
    pods: Table[Pod],
) -> Table[FileSystem]:
    """Fill ``file_systems`` with all of the region, if the cluster uses NAS: one list costs less than one by one."""
    if not may_use_nas(persistent_volumes, storage_classes, pods):
        return nothing_asked("file_systems")
    return from_list(
        client,
        "file_systems",
        Request("nas", "DescribeFileSystems", {"FileSystemType": "all"}),
        ("FileSystems", "FileSystem"),
        Numbered(100),
        _file_system,
        lambda fields: fields.required("FileSystemId"),
    )


@provides(
    "nas_access_rules", source="nas", layer=Layer.CLOUD, permissions=("nas:DescribeAccessRules",), tolerates=SCOPE
)
def collect_nas_access_rules(
    client: CloudClient,
    file_systems: Table[FileSystem],
    persistent_volumes: Table[PersistentVolume],
    storage_classes: Table[StorageClass],
    pods: Table[Pod],
) -> Table[AccessGroupRules]:
    """Fill ``nas_access_rules`` for the permission groups of the mount targets that the cluster names.

    A storage class that names a file system may use any of its mount targets.
    """
    groups = {
        access_group_key(*group): group
        for group in (
            *_groups_behind(file_systems, servers_in_use(persistent_volumes, storage_classes, pods)),
            *_groups_of_classes(file_systems, storage_classes),
        )
    }

    def read(key: str) -> AccessGroupRules:
        file_system_type, name = groups[key]
        params = {"AccessGroupName": name, "FileSystemType": file_system_type}
        request = Request("nas", "DescribeAccessRules", params)
        items = complete(gather(client, request, "AccessRules", "AccessRule", Numbered(100)), request)
        return AccessGroupRules(file_system_type, name, [_access_rule(item) for item in items])

    return one_by_one(client, "nas_access_rules", "nas", groups, read, may_be_absent=False)


Group = tuple[str, str]
"""A permission group: the type of its file systems, and its name."""


def _groups_behind(file_systems: Table[FileSystem], servers: Iterable[str]) -> Iterator[Group]:
    targets = VolumeMountTargets(file_systems)
    for server in servers:
        try:
            file_system, target = targets.at(server)
        except NotKnown:
            continue  # its file system is in a gap: whoever asks for it learns that there
        if file_system and target:
            yield from _groups_of(file_system, [target])


def _groups_of_classes(file_systems: Table[FileSystem], storage_classes: Table[StorageClass]) -> Iterator[Group]:
    for storage_class in () if storage_classes.is_unavailable else storage_classes.known_rows():
        named = class_file_system(storage_class)
        if not named or class_servers(storage_class):
            continue
        try:
            file_system = file_systems.get(named)
        except NotKnown:
            continue  # as above
        if file_system:
            yield from _groups_of(file_system, file_system.mount_targets or [])


def _groups_of(file_system: FileSystem, targets: Iterable[MountTarget]) -> Iterator[Group]:
    for target in targets:
        if file_system.type and target.access_group:
            yield file_system.type, target.access_group


def _file_system(fields: Fields) -> FileSystem:
    targets = fields.records("MountTargets", "MountTarget")
    return FileSystem(
        id=fields.required("FileSystemId"),
        type=fields.known("FileSystemType"),
        protocol=fields.known("ProtocolType"),
        status=fields.known("Status"),
        zone=fields.known("ZoneId"),
        mount_targets=None if targets is None else [_mount_target(target) for target in targets],
        metered_bytes=fields.integer("MeteredSize"),
    )


def _mount_target(fields: Fields) -> MountTarget:
    return MountTarget(
        domain=fields.given("MountTargetDomain"),
        status=fields.known("Status"),
        # DescribeMountTargets calls the same field AccessGroup.
        access_group=fields.known("AccessGroupName") or fields.known("AccessGroup"),
        network_type=fields.known("NetworkType"),
        vpc_id=fields.known("VpcId"),
        vswitch_id=fields.known("VswId"),
    )


def _access_rule(fields: Fields) -> AccessRule:
    if not fields.word("SourceCidrIp") and not fields.word("Ipv6SourceCidrIp"):
        raise BadField("SourceCidrIp")
    return AccessRule(
        id=fields.word("AccessRuleId"),
        priority=fields.required_integer("Priority"),
        access=fields.required("RWAccess"),
        cidr=fields.word("SourceCidrIp"),
        cidr6=fields.word("Ipv6SourceCidrIp"),
        user_access=fields.word("UserAccess"),
    )
