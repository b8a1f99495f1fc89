"""Persistent volumes, claims, classes and attachments."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

import msgspec

from auditor.facts.kubernetes.meta import AnnotatedMeta, AnnotatedObject, KubernetesObject, Meta
from auditor.facts.kubernetes.pods import NfsSource, NodeSelector
from auditor.facts.ref import Ref, kubernetes_ref

DISK_CSI_DRIVER = "diskplugin.csi.alibabacloud.com"
NAS_CSI_DRIVER = "nasplugin.csi.alibabacloud.com"
OSS_CSI_DRIVER = "ossplugin.csi.alibabacloud.com"
DISK_FLEX_DRIVER = "alicloud/disk"
NAS_FLEX_DRIVER = "alicloud/nas"
DISK_ZONE_KEYS = (
    "topology.diskplugin.csi.alibabacloud.com/zone",
    "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/zone",
)


def reads_only(access_modes: Sequence[str] | None) -> bool:
    """Tell whether access modes leave nothing but reading. Where none is given, they do not say so."""
    return bool(access_modes) and set(access_modes or ()) == {"ReadOnlyMany"}


def _attribute(given: dict[str, str] | None, name: str) -> str:
    """Return what a driver is told under a name; empty if nothing. The NAS drivers take it in any case."""
    if not given:
        return ""
    return given[name] if name in given else next((given[key] for key in given if key.lower() == name), "")


class CsiVolume(msgspec.Struct, rename="camel", frozen=True):
    """A volume that a CSI driver mounts."""

    driver: str
    volume_handle: str = ""
    volume_attributes: dict[str, str] | None = None
    fs_type: str = ""
    read_only: bool = False


class FlexVolume(msgspec.Struct, rename="camel", frozen=True):
    """A volume that a flexVolume driver mounts."""

    driver: str
    options: dict[str, str] | None = None
    fs_type: str = ""
    read_only: bool = False


class ClaimRef(msgspec.Struct, rename="camel", frozen=True):
    """The claim that a volume is bound to."""

    name: str = ""
    namespace: str = ""


class VolumeNodeAffinity(msgspec.Struct, rename="camel", frozen=True):
    """From which nodes a volume can be reached."""

    required: NodeSelector | None = None


class VolumeSpec(msgspec.Struct, rename="camel", frozen=True):
    """What the volume is to be."""

    access_modes: list[str] | None = None
    capacity: dict[str, str] | None = None
    storage_class_name: str = ""
    csi: CsiVolume | None = None
    flex: FlexVolume | None = msgspec.field(default=None, name="flexVolume")
    nfs: NfsSource | None = None
    claim_ref: ClaimRef | None = None
    node_affinity: VolumeNodeAffinity | None = None
    mount_options: list[str] | None = None
    reclaim_policy: str = msgspec.field(default="", name="persistentVolumeReclaimPolicy")


class VolumeStatus(msgspec.Struct, rename="camel", frozen=True):
    """Available, Bound, Released or Failed."""

    phase: str = ""


class PersistentVolume(AnnotatedObject, frozen=True):
    """A persistent volume."""

    KIND: ClassVar[str] = "PersistentVolume"

    metadata: AnnotatedMeta
    spec: VolumeSpec
    status: VolumeStatus = VolumeStatus()

    @property
    def disk_id(self) -> str | None:
        """The handle of a cloud disk; None for a volume of another kind. The handle may be no disk id at all."""
        if self.spec.csi and self.spec.csi.driver == DISK_CSI_DRIVER:
            return self.spec.csi.volume_handle
        if self.spec.flex and self.spec.flex.driver == DISK_FLEX_DRIVER:
            return (self.spec.flex.options or {}).get("volumeId", "")
        return None

    @property
    def nas_server(self) -> str | None:
        """The mount-target domain of a NAS volume, empty if it names none; None for a volume of another kind."""
        if self.spec.csi and self.spec.csi.driver == NAS_CSI_DRIVER:
            return _attribute(self.spec.csi.volume_attributes, "server")
        if self.spec.flex and self.spec.flex.driver == NAS_FLEX_DRIVER:
            return _attribute(self.spec.flex.options, "server")
        if self.spec.nfs and self.spec.nfs.server.endswith(".aliyuncs.com"):
            return self.spec.nfs.server
        return None

    @property
    def claim_key(self) -> str | None:
        """``namespace/name`` of the claim it is bound to, if it is."""
        claim = self.spec.claim_ref
        return f"{claim.namespace}/{claim.name}" if claim and claim.name else None

    @property
    def is_released(self) -> bool:
        """Whether its claim is gone, so that nothing can use it until somebody clears it."""
        return self.status.phase in ("Released", "Failed")

    @property
    def is_bound(self) -> bool:
        """Whether Pods can use it: not before its claim is bound to it, nor after its claim is gone.

        A volume that is only reserved for a claim names that claim too, though another one may be bound to it.
        """
        return not self.is_released and self.status.phase != "Available" and self.claim_key is not None

    @property
    def is_read_only(self) -> bool:
        """Whether the volume can only be read: by its source, its mount options or its access modes."""
        source = self.spec.csi or self.spec.flex or self.spec.nfs
        return (
            bool(source and source.read_only)
            or any("ro" in entry.split(",") for entry in (*(self.spec.mount_options or ()), *self._driver_options))
            or reads_only(self.spec.access_modes)
        )

    @property
    def _driver_options(self) -> list[str]:
        """The mount options in the driver's own parameters, where NAS volumes may have theirs."""
        csi, flex = self.spec.csi, self.spec.flex
        given = (csi and csi.volume_attributes) or (flex and flex.options) or {}
        return [given["options"]] if "options" in given else []

    @property
    def ref(self) -> Ref:
        """The reference that stands in reports, with the disk id where it has one."""
        return kubernetes_ref(self.KIND, self.name, "", self.disk_id or "")


class ClaimSpec(msgspec.Struct, rename="camel", frozen=True):
    """What is claimed."""

    access_modes: list[str] | None = None
    storage_class_name: str | None = None
    volume_name: str = ""
    volume_mode: str = "Filesystem"


class ClaimStatus(msgspec.Struct, rename="camel", frozen=True):
    """Pending, Bound or Lost."""

    phase: str = ""


class PersistentVolumeClaim(AnnotatedObject, frozen=True):
    """A claim on a persistent volume."""

    KIND: ClassVar[str] = "PersistentVolumeClaim"

    metadata: AnnotatedMeta
    spec: ClaimSpec
    status: ClaimStatus = ClaimStatus()


class TopologyRequirement(msgspec.Struct, rename="camel", frozen=True):
    """Values that a topology key may have."""

    key: str
    values: list[str] | None = None


class TopologyTerm(msgspec.Struct, rename="camel", frozen=True):
    """Where volumes of a class may be made."""

    match_label_expressions: list[TopologyRequirement] | None = None


class StorageClass(AnnotatedObject, frozen=True):
    """A storage class."""

    KIND: ClassVar[str] = "StorageClass"

    metadata: AnnotatedMeta
    provisioner: str
    parameters: dict[str, str] | None = None
    volume_binding_mode: str = "Immediate"
    allowed_topologies: list[TopologyTerm] | None = None


class VolumeAttachmentSource(msgspec.Struct, rename="camel", frozen=True):
    """What is attached."""

    persistent_volume_name: str | None = None


class VolumeAttachmentSpec(msgspec.Struct, rename="camel", frozen=True):
    """Which volume is to be attached to which node."""

    attacher: str = ""
    node_name: str = ""
    source: VolumeAttachmentSource = VolumeAttachmentSource()


class AttachError(msgspec.Struct, rename="camel", frozen=True):
    """Why the driver could not attach or detach."""

    message: str = ""
    time: datetime | None = None


class VolumeAttachmentStatus(msgspec.Struct, rename="camel", frozen=True):
    """Whether it is attached."""

    attached: bool = False
    attach_error: AttachError | None = None
    detach_error: AttachError | None = None


class VolumeAttachment(KubernetesObject, frozen=True):
    """The wish to have a volume attached to a node, and what became of it."""

    KIND: ClassVar[str] = "VolumeAttachment"

    metadata: Meta
    spec: VolumeAttachmentSpec
    status: VolumeAttachmentStatus = VolumeAttachmentStatus()

    @property
    def volume_name(self) -> str:
        """The name of the persistent volume; empty for an inline volume."""
        return self.spec.source.persistent_volume_name or ""
