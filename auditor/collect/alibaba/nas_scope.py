"""Which file systems of NAS the cluster names: by its volumes, by its storage classes, and by its Pods themselves."""

from collections.abc import Iterator

from auditor.facts.kubernetes.pods import Pod, Volume
from auditor.facts.kubernetes.volumes import NAS_CSI_DRIVER, NAS_FLEX_DRIVER, PersistentVolume, StorageClass
from auditor.facts.table import Table

PROVISIONERS = (NAS_CSI_DRIVER, NAS_FLEX_DRIVER)
"""Who makes volumes on NAS: the CSI driver, and ``alicloud-nas-controller`` for flexVolume."""
DOMAIN = ".aliyuncs.com"
"""How the names of mount targets end. An NFS server of another name is somebody's own."""


def may_use_nas(
    persistent_volumes: Table[PersistentVolume], storage_classes: Table[StorageClass], pods: Table[Pod]
) -> bool:
    """Tell whether the cluster has a volume on NAS, or may have one: what is not known may be one."""
    if persistent_volumes.gaps or storage_classes.gaps or pods.gaps:
        return True
    return (
        any(volume.nas_server is not None for volume in persistent_volumes.known_rows())
        or any(class_servers(row) or class_file_system(row) for row in storage_classes.known_rows())
        or any(True for pod in pods.known_rows() for _ in pod_servers(pod))
    )


def servers_in_use(
    persistent_volumes: Table[PersistentVolume], storage_classes: Table[StorageClass], pods: Table[Pod]
) -> set[str]:
    """Return the mount-target domains that known objects name; a table may be unavailable."""
    servers: set[str] = set()
    if not persistent_volumes.is_unavailable:
        servers |= {volume.nas_server for volume in persistent_volumes.known_rows() if volume.nas_server}
    if not storage_classes.is_unavailable:
        servers |= {server for row in storage_classes.known_rows() for server in class_servers(row)}
    if not pods.is_unavailable:
        servers |= {server for pod in pods.known_rows() for server in pod_servers(pod)}
    return servers


def class_servers(storage_class: StorageClass) -> list[str]:
    """Return the mount-target domains of a class: ``domain:/path``, several with commas, of which each is used."""
    entries = _parameters(storage_class).get("server", "").split(",")
    return [domain for entry in entries if (domain := entry.partition(":")[0].strip())]


def class_file_system(storage_class: StorageClass) -> str:
    """Return the id of the file system that a class names without a mount target; empty if it names none."""
    return _parameters(storage_class).get("fileSystemId", "").strip()


def pod_servers(pod: Pod) -> Iterator[str]:
    """Yield the mount-target domains that the volumes of a Pod name by themselves, unless the Pod has finished."""
    for volume in () if pod.is_finished else pod.volumes:
        server = _volume_server(volume)
        if server:
            yield server


def _parameters(storage_class: StorageClass) -> dict[str, str]:
    return (storage_class.parameters or {}) if storage_class.provisioner in PROVISIONERS else {}


def _volume_server(volume: Volume) -> str:
    if volume.csi and volume.csi.driver == NAS_CSI_DRIVER:
        return (volume.csi.volume_attributes or {}).get("server", "").strip()
    if volume.flex and volume.flex.driver == NAS_FLEX_DRIVER:
        return (volume.flex.options or {}).get("server", "").strip()
    if volume.nfs and volume.nfs.server.lower().endswith(DOMAIN):
        return volume.nfs.server
    return ""
