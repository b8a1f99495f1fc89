"""NAS: what is counted below the directories of a file system that have a quota."""

from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.fields import Fields
from auditor.collect.alibaba.filling import complete, one_by_one
from auditor.collect.alibaba.nas_scope import pod_servers
from auditor.collect.alibaba.paging import Numbered, gather
from auditor.collect.alibaba.sdk import Request
from auditor.collect.provider import provides
from auditor.facts.cloud.nas import DirectoryQuota, DirectoryQuotas, FileSystem
from auditor.facts.joins.volumes import VolumeMountTargets, file_system_ids
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import PersistentVolume
from auditor.facts.ref import Layer
from auditor.facts.table import NotKnown, Table

WITH_QUOTAS = "standard"
"""The one type of file system that has directory quotas: General-purpose NAS."""


@provides("nas_directory_quotas", source="nas", layer=Layer.CLOUD, permissions=("nas:DescribeDirQuotas",))
def collect_nas_directory_quotas(
    client: CloudClient,
    pods: Table[Pod],
    persistent_volumes: Table[PersistentVolume],
    file_systems: Table[FileSystem],
) -> Table[DirectoryQuotas]:
    """Fill ``nas_directory_quotas`` for the file systems that a Pod with an ``fsGroup`` uses."""
    found = _file_systems_of(_servers(pods, persistent_volumes), file_systems)

    def read(system_id: str) -> DirectoryQuotas:
        if found[system_id] not in (WITH_QUOTAS, None):
            return DirectoryQuotas(system_id)
        request = Request("nas", "DescribeDirQuotas", {"FileSystemId": system_id})
        listing = gather(client, request, "DirQuotaInfos", "DirQuotaInfo", Numbered(100))
        return DirectoryQuotas(system_id, [_quota(item) for item in complete(listing, request)])

    return one_by_one(client, "nas_directory_quotas", "nas", found, read)


def _servers(pods: Table[Pod], persistent_volumes: Table[PersistentVolume]) -> set[str]:
    """Return the servers of the volumes of Pods with an ``fsGroup``."""
    servers: set[str] = set()
    claims: set[str] = set()
    for pod in pods.known_rows():
        context = pod.spec.security_context
        if context and context.fs_group is not None and not pod.is_finished:
            claims.update(pod.claim_keys)
            servers.update(pod_servers(pod))
    for volume in persistent_volumes.known_rows():
        if volume.nas_server and volume.is_bound and volume.claim_key in claims:
            servers.add(volume.nas_server)
    return servers


def _file_systems_of(servers: set[str], file_systems: Table[FileSystem]) -> dict[str, str | None]:
    """Return the types of the file systems behind servers, by id; None for a type that is not known."""
    targets = VolumeMountTargets(file_systems)
    found: dict[str, str | None] = {}
    for server in servers:
        try:
            file_system, _ = targets.at(server)
        except NotKnown:
            found.setdefault(file_system_ids(server.strip().lower())[0])
            continue
        if file_system:
            found[file_system.id] = file_system.type
    return found


def _quota(fields: Fields) -> DirectoryQuota:
    users = fields.required_records("UserQuotaInfos")
    # What one user or group has is not what is there; and until the first count has ended, nothing is counted.
    everyone = next((user for user in users if user.word("UserType") == "AllUsers"), None)
    if everyone is None or fields.word("Status") != "Normal":
        return DirectoryQuota(fields.required("Path"))
    return DirectoryQuota(fields.required("Path"), everyone.integer("FileCountReal"), everyone.integer("SizeReal"))
