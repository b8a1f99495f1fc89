"""The storage drivers of ACK: which component mounts, and which makes, the volumes of which kind.

Of the two stacks, CSI and the older Flexvolume, a cluster has one ("Storage overview" of the ACK documents, and
github.com/kubernetes-sigs/alibaba-cloud-csi-driver).
"""

from collections.abc import Mapping
from types import MappingProxyType

from auditor.facts.kubernetes.volumes import (
    DISK_CSI_DRIVER,
    DISK_FLEX_DRIVER,
    NAS_CSI_DRIVER,
    NAS_FLEX_DRIVER,
    OSS_CSI_DRIVER,
    PersistentVolume,
)
from auditor.facts.kubernetes.workloads import DaemonSet

NAMESPACE = "kube-system"
CSI_PLUGIN = "csi-plugin"
CSI_PROVISIONER = "csi-provisioner"
FLEXVOLUME = "flexvolume"
DISK_CONTROLLER = "alicloud-disk-controller"
NAS_CONTROLLER = "alicloud-nas-controller"
OSS_FLEX_DRIVER = "alicloud/oss"

CSI_KINDS: Mapping[str, str] = MappingProxyType({DISK_CSI_DRIVER: "disk", NAS_CSI_DRIVER: "nas", OSS_CSI_DRIVER: "oss"})
"""The kind of volume by CSI driver."""
FLEX_KINDS: Mapping[str, str] = MappingProxyType(
    {DISK_FLEX_DRIVER: "disk", NAS_FLEX_DRIVER: "nas", OSS_FLEX_DRIVER: "oss"}
)
"""The kind of volume by Flexvolume driver."""
PROVISIONERS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(CSI_KINDS, CSI_PROVISIONER),
        DISK_FLEX_DRIVER: DISK_CONTROLLER,
        NAS_FLEX_DRIVER: NAS_CONTROLLER,
    }
)
"""The component that makes volumes, by the provisioner that a class names."""


def csi_driver_of(volume: PersistentVolume) -> str:
    """Return the CSI driver of a volume; empty if it has none."""
    return volume.spec.csi.driver if volume.spec.csi else ""


def flex_driver_of(volume: PersistentVolume) -> str:
    """Return the Flexvolume driver of a volume; empty if it has none, or one that is not of ACK."""
    driver = volume.spec.flex.driver if volume.spec.flex else ""
    return driver if driver in FLEX_KINDS else ""


def mounted_kinds(plugin: DaemonSet) -> set[str]:
    """Return the kinds of volumes that ``csi-plugin`` mounts, by its flag ``--driver``; all, if it has none."""
    given = {
        part.strip().removesuffix("plugin.csi.alibabacloud.com")
        for container in plugin.spec.template.spec.containers
        for word in (*(container.args or ()), *(container.command or ()))
        if word.startswith("--driver=")
        for part in word.removeprefix("--driver=").split(",")
    }
    return (given & set(CSI_KINDS.values())) or set(CSI_KINDS.values())
