"""NAS: file systems with their mount targets, and the rules of permission groups."""

from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.fields import Fields
from auditor.collect.alibaba.filling import complete, from_list, nothing_asked, one_by_one
from auditor.collect.alibaba.paging import Numbered, gather
from auditor.collect.alibaba.sdk import Request
from auditor.collect.provider import provides
from auditor.facts.cloud.nas import AccessGroupRules, AccessRule, FileSystem, MountTarget, access_group_key
from auditor.facts.joins.volumes import VolumeMountTargets
from auditor.facts.kubernetes.volumes import PersistentVolume
from auditor.facts.ref import Layer
from auditor.facts.table import NotKnown, Table


@provides("file_systems", source="nas", layer=Layer.CLOUD, permissions=("nas:DescribeFileSystems",))
def collect_file_systems(client: CloudClient, persistent_volumes: Table[PersistentVolume]) -> Table[FileSystem]:
    """Fill ``file_systems`` with all of the region, if the cluster has a NAS volume."""
    has_nas = any(volume.nas_server is not None for volume in persistent_volumes.known_rows())
    if not has_nas and not persistent_volumes.gaps:
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


@provides("nas_access_rules", source="nas", layer=Layer.CLOUD, permissions=("nas:DescribeAccessRules",))
def collect_nas_access_rules(
    client: CloudClient, file_systems: Table[FileSystem], persistent_volumes: Table[PersistentVolume]
) -> Table[AccessGroupRules]:
    """Fill ``nas_access_rules`` for the permission groups of the mount targets that volumes use."""
    groups = _groups_in_use(file_systems, persistent_volumes)

    def read(key: str) -> AccessGroupRules:
        file_system_type, name = groups[key]
        params = {"AccessGroupName": name, "FileSystemType": file_system_type}
        request = Request("nas", "DescribeAccessRules", params)
        items = complete(gather(client, request, "AccessRules", "AccessRule", Numbered(100)), request)
        return AccessGroupRules(file_system_type, name, [_access_rule(item) for item in items])

    return one_by_one(client, "nas_access_rules", "nas", groups, read, may_be_absent=False)


def _groups_in_use(
    file_systems: Table[FileSystem], persistent_volumes: Table[PersistentVolume]
) -> dict[str, tuple[str, str]]:
    targets = VolumeMountTargets(file_systems)
    groups = {}
    for volume in persistent_volumes.known_rows():
        if not volume.nas_server:
            continue
        try:
            file_system, target = targets.of(volume)
        except NotKnown:
            continue  # its file system is in a gap: whoever asks for it learns that there
        if file_system and file_system.type and target and target.access_group:
            key = access_group_key(file_system.type, target.access_group)
            groups[key] = (file_system.type, target.access_group)
    return groups


def _file_system(fields: Fields) -> FileSystem:
    targets = fields.records("MountTargets", "MountTarget")
    return FileSystem(
        id=fields.required("FileSystemId"),
        type=fields.known("FileSystemType"),
        protocol=fields.known("ProtocolType"),
        status=fields.known("Status"),
        zone=fields.known("ZoneId"),
        mount_targets=None if targets is None else [_mount_target(target) for target in targets],
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
    return AccessRule(
        id=fields.word("AccessRuleId"),
        priority=fields.required_integer("Priority"),
        access=fields.required("RWAccess"),
        cidr=fields.word("SourceCidrIp"),
        cidr6=fields.word("Ipv6SourceCidrIp"),
        user_access=fields.word("UserAccess"),
    )
