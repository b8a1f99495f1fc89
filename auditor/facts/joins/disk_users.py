"""Disk ↔ the volumes that name it, and the Pods that use them."""

from collections.abc import Iterator, Sequence

from auditor.facts.joins.volumes import VolumeUsers
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import DISK_FLEX_DRIVER, PersistentVolume
from auditor.facts.table import Reason, Table


class DiskUsers:
    """Disk ↔ the volumes that name it as their handle, and the Pods that are known to use it.

    Pods are looked up among those that were read: for who holds or wants a disk, one that is known is enough.
    ``VolumeUsers.reasons_for`` says why others may be missing.
    """

    def __init__(
        self, volume_users: VolumeUsers, pods: Table[Pod], persistent_volumes: Table[PersistentVolume]
    ) -> None:
        """Take the volumes and their users."""
        self._users = volume_users
        self._pods = pods
        self._volumes = persistent_volumes
        self._inline: dict[str, list[Pod]] | None = None

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why a Pod that uses a disk may be missing; empty if all are known."""
        return (*self._pods.reasons, *self._volumes.reasons)

    def volumes_of(self, disk_id: str) -> Sequence[PersistentVolume]:
        """Return all volumes with this handle. Raises NotKnown if any volume may be missing."""
        return self._volumes.where("disk_id", lambda row: row.disk_id, disk_id)

    def known_of(self, volume: PersistentVolume) -> Sequence[Pod]:
        """Return the Pods that are known to use a volume, and have not finished."""
        return self._users.known_of_claim(volume.claim_key) if volume.claim_key and volume.is_bound else ()

    def known_of_disk(self, disk_id: str) -> Iterator[Pod]:
        """Return the Pods that are known to use a disk, by any volume or by a flexVolume of their own."""
        if not self._volumes.is_unavailable:
            for volume in self._volumes.known_where("disk_id", lambda row: row.disk_id, disk_id):
                yield from self.known_of(volume)
        if self._inline is None:
            self._inline = self._index_inline()
        yield from self._inline.get(disk_id, ())

    def _index_inline(self) -> dict[str, list[Pod]]:
        found: dict[str, list[Pod]] = {}
        for pod in () if self._pods.is_unavailable else self._pods.known_rows():
            if pod.is_finished:
                continue
            for volume in pod.volumes:
                if volume.flex and volume.flex.driver == DISK_FLEX_DRIVER:
                    found.setdefault((volume.flex.options or {}).get("volumeId", ""), []).append(pod)
        return found
