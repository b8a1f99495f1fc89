"""PersistentVolume ↔ disk, ↔ NAS mount target, ↔ the Pods that use it."""

from collections.abc import Iterable, Sequence
from functools import cached_property

from auditor.facts.cloud.ecs import Disk, Instance
from auditor.facts.cloud.nas import FileSystem, MountTarget
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import PersistentVolume
from auditor.facts.table import Reason, Table, said
from auditor.facts.text import t


class VolumeDisks:
    """PersistentVolume ↔ disk, by the volume handle."""

    def __init__(self, disks: Table[Disk]) -> None:
        """Take the disks."""
        self._disks = disks

    def of(self, volume: PersistentVolume) -> Disk | None:
        """Return the disk of a volume; None if the volume is no disk, or the disk does not exist."""
        return self._disks.get(volume.disk_id) if volume.disk_id else None


class DiskHolders:
    """Disk ↔ the instances that hold it, be they nodes or machines outside the cluster."""

    def __init__(self, instances: Table[Instance], holder_instances: Table[Instance]) -> None:
        """Take the nodes' instances, and those that hold disks of the cluster's volumes without being nodes."""
        self._nodes = instances
        self._others = holder_instances

    def of(self, disk: Disk) -> list[Instance]:
        """Return the instances that hold a disk. Raises NotKnown if one of them is not known."""
        found = (self._instance(holder) for holder in disk.holders)
        return [instance for instance in found if instance is not None]

    def _instance(self, instance_id: str) -> Instance | None:
        asked = self._nodes.asked
        is_node = asked is None or instance_id in asked or self._nodes.is_unavailable
        return (self._nodes if is_node else self._others).get(instance_id)


class VolumeMountTargets:
    """PersistentVolume ↔ NAS file system and mount target, by the server name."""

    def __init__(self, file_systems: Table[FileSystem]) -> None:
        """Take the file systems, which carry their mount targets."""
        self._file_systems = file_systems

    def of(self, volume: PersistentVolume) -> tuple[FileSystem | None, MountTarget | None]:
        """Return the file system and the mount target of a NAS volume; None for what does not exist."""
        return self.at(volume.nas_server or "")

    def at(self, server: str) -> tuple[FileSystem | None, MountTarget | None]:
        """Return the file system and the mount target behind a server name, whose case does not matter."""
        server = server.strip().lower()
        found = (self._file_systems.get(id_) for id_ in file_system_ids(server)) if server else ()
        file_system = next((row for row in found if row is not None), None)
        if file_system is None:
            return None, None
        targets = said(file_system.mount_targets, "nas", t("the mount targets of file system {id}", id=file_system.id))
        return file_system, next((target for target in targets if target.domain.lower() == server), None)


def file_system_ids(server: str) -> list[str]:
    """Return the ids that the file system of a mount-target domain may have, the likeliest first.

    General-purpose NAS: the part before the first dash (``31a8e4-x.….nas.aliyuncs.com``). The ids of Extreme NAS
    begin with ``extreme-``, which its domains leave out; those of CPFS with ``cpfs-``, which its domains have too.
    """
    host, _, rest = server.partition(".")
    first, _, second = host.partition("-")
    if first in ("cpfs", "extreme"):
        return [f"{first}-{second.partition('-')[0]}"]
    return [f"extreme-{first}", first] if ".extreme." in rest else [first]


class VolumeUsers:
    """PersistentVolume ↔ the Pods that use its claim."""

    def __init__(self, pods: Table[Pod]) -> None:
        """Index the Pods by claim."""
        self._pods = pods
        self._by_claim: dict[str, list[Pod]] | None = None
        self._known_by_claim: dict[str, list[Pod]] | None = None

    def of(self, volume: PersistentVolume) -> Sequence[Pod]:
        """Return the Pods that use a volume and have not finished.

        A released volume still names its claim, and a reserved one names it already, though another volume may be
        bound to the claim: they have none.
        """
        return self.of_claim(volume.claim_key) if volume.claim_key and volume.is_bound else ()

    def of_claim(self, claim_key: str) -> Sequence[Pod]:
        """Return the Pods that use a claim (``namespace/name``) and have not finished."""
        if self._by_claim is None:
            self._by_claim = _by_claim(self._pods.all())
        return self._by_claim.get(claim_key, ())

    def known_of_claim(self, claim_key: str) -> Sequence[Pod]:
        """Return the Pods that are known to use a claim and have not finished, though others may be missing."""
        if self._pods.is_unavailable:
            return ()
        if self._known_by_claim is None:
            self._known_by_claim = _by_claim(self._pods.known_rows())
        return self._known_by_claim.get(claim_key, ())

    def reasons_for(self, claim_key: str) -> tuple[Reason, ...]:
        """Return why Pods that use a claim may be missing: only those of its namespace can."""
        namespace = claim_key.partition("/")[0]
        return tuple(reason for reason, touched in self._gaps if touched is None or namespace in touched)

    @cached_property
    def _gaps(self) -> list[tuple[Reason, set[str] | None]]:
        """The gaps of the Pods, with the namespaces that they touch; None for all."""
        return [
            (gap.reason, None if gap.keys is None else {key.partition("/")[0] for key in gap.keys})
            for gap in self._pods.gaps
        ]


def _by_claim(pods: Iterable[Pod]) -> dict[str, list[Pod]]:
    found: dict[str, list[Pod]] = {}
    for pod in pods:
        if not pod.is_finished:
            for key in pod.claim_keys:
                found.setdefault(key, []).append(pod)
    return found
