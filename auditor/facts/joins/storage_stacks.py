"""The two stacks of storage drivers, CSI and Flexvolume ↔ the volumes and classes that each of them serves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auditor.facts.joins.driver_health import DriverHealth
from auditor.facts.kubernetes.volumes import PersistentVolume, StorageClass
from auditor.facts.ref import Ref
from auditor.facts.rules.storage_drivers import (
    CSI_KINDS,
    CSI_PLUGIN,
    FLEX_KINDS,
    FLEXVOLUME,
    PROVISIONERS,
    csi_driver_of,
    flex_driver_of,
    mounted_kinds,
)
from auditor.facts.table import NotKnown, Reason, Table


@dataclass(frozen=True)
class Overlap:
    """A kind of volume that both stacks serve; ``flex`` are the volumes and classes of Flexvolume, by name."""

    kind: str
    flex: Sequence[Ref]
    csi: int


class StorageStacks:
    """The two stacks ↔ what each of them serves."""

    def __init__(
        self,
        driver_health: DriverHealth,
        persistent_volumes: Table[PersistentVolume],
        storage_classes: Table[StorageClass],
    ) -> None:
        """Take the drivers, and what names them."""
        self._health = driver_health
        self._volumes = persistent_volumes
        self._classes = storage_classes
        self._overlaps: Mapping[Ref, Overlap] | None = None
        self._reasons: tuple[Reason, ...] = ()

    def overlap_told_by(self, ref: Ref) -> Overlap | None:
        """Return the overlap of which an object is to tell: one tells of each kind, the first by name.

        Raises NotKnown if a table that it needs has a gap.
        """
        if self._overlaps is None and not self._reasons:
            try:
                self._overlaps = self._find()
            except NotKnown as gap:
                self._reasons = gap.reasons
        if self._overlaps is None:
            raise NotKnown(*self._reasons)
        return self._overlaps.get(ref)

    def _find(self) -> dict[Ref, Overlap]:
        plugin = self._health.daemonset(CSI_PLUGIN)
        if plugin is None or self._health.daemonset(FLEXVOLUME) is None:
            return {}
        served = mounted_kinds(plugin)
        flex: dict[str, list[Ref]] = {}
        csi: dict[str, list[Ref]] = {}
        volumes = sorted((row for row in self._volumes.all() if not row.is_released), key=lambda row: row.name)
        for volume in volumes:
            if flex_driver_of(volume):
                flex.setdefault(FLEX_KINDS[flex_driver_of(volume)], []).append(volume.ref)
            if csi_driver_of(volume) in CSI_KINDS:
                csi.setdefault(CSI_KINDS[csi_driver_of(volume)], []).append(volume.ref)
        for row in sorted(self._classes.all(), key=lambda row: row.name):
            if row.provisioner in FLEX_KINDS and row.provisioner in PROVISIONERS:
                flex.setdefault(FLEX_KINDS[row.provisioner], []).append(row.ref)
            if row.provisioner in CSI_KINDS:
                csi.setdefault(CSI_KINDS[row.provisioner], []).append(row.ref)
        found = {
            refs[0]: Overlap(kind, refs, len(csi.get(kind, ())))
            for kind, refs in sorted(flex.items())
            if kind in served
        }
        if not found and served == set(CSI_KINDS.values()):
            # Nothing names Flexvolume, so nothing says for which kinds it is there: CSI serves them all.
            idle = next((refs[0] for kind in sorted(csi) for refs in (csi[kind],)), None)
            return {idle: Overlap("", (), sum(map(len, csi.values())))} if idle else {}
        return found
