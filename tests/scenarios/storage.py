"""What the storage scenarios plant, in the words of the two APIs. Names are those of the recorded cluster."""

from copy import deepcopy
from typing import Any

from tests.scenarios.kit import Scene

Json = dict[str, Any]

PODS = "/api/v1/pods"
NODES = "/api/v1/nodes"
EVENTS = "/api/v1/events"
VOLUMES = "/api/v1/persistentvolumes"
CLAIMS = "/api/v1/persistentvolumeclaims"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
ATTACHMENTS = "/apis/storage.k8s.io/v1/volumeattachments"

MYSQL_0, MYSQL_0_INSTANCE = "d-bp1meuryy17fee8kib4h", "i-bp1vcw8abao0i6uxb1xi"
"""The disk of data/mysql-0, which is also its volume's name; zone h, node 192.168.0.11."""
MYSQL_2 = "d-bp1dgkv4xmy49qfhhlnm"
"""That of data/mysql-2; zone k, node 192.168.2.43."""
BACKUP, BACKUP_DISK, BACKUP_POD = "mysql-backup-disk", "d-bp1v99fhvok0vgeiceda", "mysql-backup-6d699c858-xbjq8"
"""A volume made by hand; zone h, node 192.168.0.12."""
MEDIA, MEDIA_FS = "nas-7777b80d-a6a0-404b-8349-4a29b2d38182", "0c2292a859"
"""Claim shop/media: written on 192.168.1.22 and 192.168.2.43, only read on 192.168.0.41 and 192.168.1.42."""
ARCHIVE, ARCHIVE_FS = "log-archive-nas", "e5bc4e67df"
"""Claim logging/log-archive: written on 192.168.0.11 and 192.168.1.22."""
GROUP = "standard/shop-prod-nodes"
ZONE_KEY = "topology.diskplugin.csi.alibabacloud.com/zone"
LONG_AGO = "2026-11-22T22:33:00Z"


def zone(letter: str) -> str:
    return f"cn-hangzhou-{letter}"


def node(address: str) -> str:
    return f"cn-hangzhou.192.168.{address}"


def disk(scene: Scene, disk_id: str, **fields: Any) -> None:
    """Change fields of a disk; None takes one out of the answers."""
    stored = scene.cloud.state.ecs.disks[disk_id]
    for name, value in fields.items():
        if value is None:
            stored.pop(name)
        else:
            stored[name] = value


def volume(scene: Scene, name: str, **spec: Any) -> None:
    """Change keys of a volume's spec; None takes one out."""
    scene.kubernetes.patch(VOLUMES, name, lambda found: _update(found["spec"], spec))


def volume_phase(scene: Scene, name: str, phase: str) -> None:
    scene.kubernetes.patch(VOLUMES, name, lambda found: found["status"].update(phase=phase))


def flex(driver: str, **options: str) -> Json:
    """Return the source of an old flexVolume, in place of the CSI one."""
    return {"csi": None, "flexVolume": {"driver": driver, "fsType": "ext4", "options": options}}


def in_zones(*letters: str, key: str = ZONE_KEY, operator: str = "In") -> Json:
    """Return the node affinity of a volume."""
    expression = {"key": key, "operator": operator, "values": [zone(letter) for letter in letters]}
    return {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}


def copy(scene: Scene, path: str, like: str, name: str, namespace: str = "") -> Json:
    """Return a copy of an object under another name, to be changed and added."""
    found = scene.kubernetes.objects.get(path, like, namespace)
    assert found is not None, like
    made = deepcopy(found)
    made["metadata"] |= {"name": name, "uid": f"uid-{name}"}
    made["metadata"].pop("resourceVersion")
    return made


def pod(scene: Scene, namespace: str, name: str, **spec: Any) -> None:
    """Change keys of a Pod's spec; None takes one out."""
    scene.kubernetes.patch(PODS, name, lambda found: _update(found["spec"], spec), namespace)


def pending(scene: Scene, namespace: str, name: str, reason: str = "Unschedulable", **spec: Any) -> None:
    """Let a Pod wait for a node."""

    def change(found: Json) -> None:
        _update(found["spec"], {"nodeName": None, **spec})
        condition = {"type": "PodScheduled", "status": "False", "reason": reason}
        condition["message"] = "0/8 nodes are available: 8 node(s) had volume node affinity conflict."
        found["status"] = {"phase": "Pending", "conditions": [condition]}

    scene.kubernetes.patch(PODS, name, change, namespace)


def terminating(scene: Scene, namespace: str, name: str, since: str = LONG_AGO) -> None:
    scene.kubernetes.patch(PODS, name, lambda found: found["metadata"].update(deletionTimestamp=since), namespace)


def nodes_of(scene: Scene, letter: str) -> list[str]:
    found = scene.kubernetes.objects.all(NODES)
    return [row["metadata"]["name"] for row in found if row["metadata"]["labels"].get(ZONE_KEY) == zone(letter)]


def on_nodes(scene: Scene, letter: str, **spec: Any) -> None:
    """Change keys of the spec of all nodes in a zone."""
    for name in nodes_of(scene, letter):
        scene.kubernetes.patch(NODES, name, lambda found: found["spec"].update(spec))


def remove_nodes(scene: Scene, letter: str) -> None:
    for name in nodes_of(scene, letter):
        scene.kubernetes.remove(NODES, name)


def storage_class(scene: Scene, name: str, **fields: Any) -> None:
    made = copy(scene, CLASSES, "alicloud-disk-essd", name)
    scene.kubernetes.add(CLASSES, made | {"volumeBindingMode": "Immediate"} | fields)


def attachment(scene: Scene, volume_name: str, **change: Any) -> None:
    """Change the attachment of a volume: ``deleted=True`` or keys of its status."""
    name = next(
        row["metadata"]["name"]
        for row in scene.kubernetes.objects.all(ATTACHMENTS)
        if row["spec"]["source"]["persistentVolumeName"] == volume_name
    )

    def apply(found: Json) -> None:
        if change.pop("deleted", False):
            found["metadata"]["deletionTimestamp"] = LONG_AGO
        found["status"].update(change)

    scene.kubernetes.patch(ATTACHMENTS, name, apply)


def event(scene: Scene, message: str, kind: str, name: str, namespace: str = "", reason: str = "FailedMount") -> None:
    scene.kubernetes.add(
        EVENTS,
        {
            "metadata": {"name": f"{name}.planted", "namespace": namespace or "default"},
            "involvedObject": {"kind": kind, "name": name, **({"namespace": namespace} if namespace else {})},
            "reason": reason,
            "message": message,
            "type": "Warning",
            "firstTimestamp": None,
            "lastTimestamp": None,
            "eventTime": "2026-11-22T22:34:00.000000Z",
        },
    )


def rules(scene: Scene, *given: tuple[int, str, str]) -> None:
    """Give the nodes' permission group these rules: priority, range, right."""
    scene.cloud.state.nas.access_rules[GROUP].clear()
    for priority, cidr, right in given:
        scene.cloud.state.nas.add_rule("shop-prod-nodes", cidr, Priority=priority, RWAccess=right)


def use_group(scene: Scene, file_system: str, name: str) -> None:
    """Let the mount targets of a file system use another permission group."""
    for target in scene.cloud.state.nas.mount_targets(file_system):
        target["AccessGroupName"] = name


def _update(found: Json, fields: Json) -> None:
    for name, value in fields.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = value
