"""NAS (product ``nas``): file systems, mount targets and permission groups."""

import copy
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.cloud import recorded
from tests.fakes.cloud.filters import in_region, only
from tests.fakes.cloud.paging import by_number
from tests.fakes.cloud.wire import Json, Parameters, invalid, not_found

STANDARD = "standard"


@dataclass
class NasState:
    """What NAS knows.

    Attributes:
        file_systems: by id, in the form of DescribeFileSystems, mount targets included.
        access_groups: by ``type/name``, in the form of DescribeAccessGroups.
        access_rules: by ``type/name`` of the group, in the form of DescribeAccessRules.
        directory_quotas: by file system id, in the form of DescribeDirQuotas; most have none.
        mounted_clients: by file system id, in the form of DescribeMountedClients.
    """

    file_systems: dict[str, Json] = field(default_factory=dict)
    access_groups: dict[str, Json] = field(default_factory=dict)
    access_rules: dict[str, list[Json]] = field(default_factory=dict)
    directory_quotas: dict[str, list[Json]] = field(default_factory=dict)
    mounted_clients: dict[str, list[Json]] = field(default_factory=dict)

    @classmethod
    def recorded(cls) -> "NasState":
        """Return the recorded state."""
        state = cls()
        for system in recorded.answer("nas/DescribeFileSystems.json")["FileSystems"]["FileSystem"]:
            system_id = system["FileSystemId"]
            state.file_systems[system_id] = system
            clients = recorded.answer(f"nas/DescribeMountedClients.{system_id}.json")
            state.mounted_clients[system_id] = clients["Clients"]["Client"]
        for group in recorded.answer("nas/DescribeAccessGroups.json")["AccessGroups"]["AccessGroup"]:
            key = f"{group['FileSystemType']}/{group['AccessGroupName']}"
            rules = recorded.answer(f"nas/DescribeAccessRules.{group['AccessGroupName']}.json")
            state.access_groups[key] = group
            state.access_rules[key] = rules["AccessRules"]["AccessRule"]
        return state

    def mount_targets(self, file_system_id: str) -> list[Json]:
        """Return the mount targets of a file system, to be edited in place."""
        targets: list[Json] = self.file_systems[file_system_id]["MountTargets"]["MountTarget"]
        return targets

    def add_file_system(self, system_id: str, *, like: str, domain: str, **fields: Any) -> Json:
        """Add a copy of a file system, with one mount target of another name."""
        target = {**self.mount_targets(like)[0], "MountTargetDomain": domain}
        self.file_systems[system_id] = {
            **copy.deepcopy(self.file_systems[like]),
            "FileSystemId": system_id,
            "MountTargets": {"MountTarget": [target]},
            **fields,
        }
        return self.file_systems[system_id]

    def add_directory_quota(self, system_id: str, path: str, files: int, gib: int, **fields: Any) -> Json:
        """Add a quota that counts what all users have below a directory, once the first count has ended."""
        usage = {
            "FileCountReal": files,
            "QuotaType": "Accounting",
            "SizeReal": gib,
            "UserId": "",
            "UserType": "AllUsers",
        }
        quotas = self.directory_quotas.setdefault(system_id, [])
        quota = {"DirInode": "1123", "Path": path, "Status": "Normal", "UserQuotaInfos": [usage], **fields}
        quotas.append(quota)
        return quota

    def add_access_group(self, name: str, file_system_type: str = STANDARD) -> Json:
        """Add a permission group without rules."""
        group: Json = {
            "AccessGroupName": name,
            "AccessGroupType": "Vpc",
            "Description": "",
            "FileSystemType": file_system_type,
            "RegionId": "cn-hangzhou",
        }
        self.access_groups[f"{file_system_type}/{name}"] = group
        self.access_rules[f"{file_system_type}/{name}"] = []
        return group

    def add_rule(self, group: str, cidr: str, file_system_type: str = STANDARD, **fields: Any) -> Json:
        """Add a rule that lets a range read and write, unless the fields say otherwise."""
        rules = self.access_rules[f"{file_system_type}/{group}"]
        rule: Json = {
            "AccessGroupName": group,
            "AccessRuleId": str(len(rules) + 1),
            "FileSystemType": file_system_type,
            "Ipv6SourceCidrIp": "",
            "Priority": 1,
            "RWAccess": "RDWR",
            "RegionId": "cn-hangzhou",
            "SourceCidrIp": cidr,
            "UserAccess": "no_squash",
            **fields,
        }
        rules.append(rule)
        return rule


def describe_file_systems(nas: NasState, params: Parameters) -> Json:
    """Return the file systems with their mount targets; of one type, unless ``all`` or several are asked for."""
    system_id = params.text("FileSystemId")
    if system_id:
        found = [_file_system(nas, system_id)]
    else:
        types = params.text("FileSystemType", STANDARD).split(",")
        found = [
            system
            for system in in_region(nas.file_systems.values(), params)
            if "all" in types or system["FileSystemType"] in types
        ]
    page = by_number(only(found, params, "VpcId"), params, largest=100)
    return {"FileSystems": {"FileSystem": page.items}, **page.counted()}


def describe_mount_targets(nas: NasState, params: Parameters) -> Json:
    """Return the mount targets of one file system; the group has another key here."""
    system = _file_system(nas, params.required("FileSystemId"))
    targets = [
        {"AccessGroup" if key == "AccessGroupName" else key: value for key, value in target.items()}
        for target in only(system["MountTargets"]["MountTarget"], params, "MountTargetDomain")
    ]
    page = by_number(targets, params, largest=100)
    return {"MountTargets": {"MountTarget": page.items}, **page.counted()}


def describe_access_groups(nas: NasState, params: Parameters) -> Json:
    """Return the permission groups of one type of file system."""
    kind = params.text("FileSystemType", STANDARD)
    if "AccessGroupName" in params:
        _check_group(nas, f"{kind}/{params.text('AccessGroupName')}")
    found = only(
        [group for group in nas.access_groups.values() if group["FileSystemType"] == kind], params, "AccessGroupName"
    )
    page = by_number([_counted(nas, group) for group in found], params, largest=100)
    return {"AccessGroups": {"AccessGroup": page.items}, **page.counted()}


def describe_access_rules(nas: NasState, params: Parameters) -> Json:
    """Return the rules of one permission group."""
    key = f"{params.text('FileSystemType', STANDARD)}/{params.required('AccessGroupName')}"
    _check_group(nas, key)
    page = by_number(nas.access_rules[key], params, largest=100)
    return {"AccessRules": {"AccessRule": page.items}, **page.counted()}


def describe_dir_quotas(nas: NasState, params: Parameters) -> Json:
    """Return the directories of a file system that have a quota, of which only General-purpose NAS has any.

    The list is flat, unlike the others of the product.
    """
    system = _file_system(nas, params.required("FileSystemId"))
    if system["FileSystemType"] != STANDARD:
        raise invalid("FileSystemId")
    found = only(nas.directory_quotas.get(system["FileSystemId"], []), params, "Path")
    page = by_number(found, params, largest=100)
    return {"DirQuotaInfos": page.items, **page.counted()}


def describe_mounted_clients(nas: NasState, params: Parameters) -> Json:
    """Return who has mounted a file system."""
    system = _file_system(nas, params.required("FileSystemId"))
    page = by_number(nas.mounted_clients.get(system["FileSystemId"], []), params, largest=100, default=100)
    return {"Clients": {"Client": page.items}, **page.counted()}


OPERATIONS = {
    "DescribeFileSystems": describe_file_systems,
    "DescribeMountTargets": describe_mount_targets,
    "DescribeAccessGroups": describe_access_groups,
    "DescribeAccessRules": describe_access_rules,
    "DescribeDirQuotas": describe_dir_quotas,
    "DescribeMountedClients": describe_mounted_clients,
}


def _file_system(nas: NasState, system_id: str) -> Json:
    system = nas.file_systems.get(system_id)
    if system is None:
        raise not_found("InvalidFileSystem.NotFound", "The specified file system does not exist.")
    return system


def _check_group(nas: NasState, key: str) -> None:
    if key not in nas.access_groups:
        raise not_found("InvalidAccessGroup.NotFound", "The specified access group does not exist.")


def _counted(nas: NasState, group: Json) -> Json:
    kind, name = group["FileSystemType"], group["AccessGroupName"]
    targets = [
        target
        for system in nas.file_systems.values()
        for target in system["MountTargets"]["MountTarget"]
        if system["FileSystemType"] == kind and target["AccessGroupName"] == name
    ]
    return {**group, "RuleCount": len(nas.access_rules[f"{kind}/{name}"]), "MountTargetCount": len(targets)}
