"""What the scenarios of storage drivers plant, in the words of the two APIs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.scenarios.kit import Report, Scene
from tests.scenarios.storage import CLAIMS, CLASSES, PODS, VOLUMES, copy, node

Json = dict[str, Any]
Plant = Callable[[Scene], object]

DAEMONSETS = "/apis/apps/v1/daemonsets"
DEPLOYMENTS = "/apis/apps/v1/deployments"
CSI_NODES = "/apis/storage.k8s.io/v1/csinodes"
SYSTEM = "kube-system"
PROVISIONER_PODS = ("csi-provisioner-5d986f6df4-jjg5n", "csi-provisioner-5d986f6df4-p9d95")
NODE_OF_MYSQL_0 = node("0.11")
PLUGIN_OF_MYSQL_0 = "csi-plugin-9xb52"


def audited(check: str, *plants: Plant, probes: tuple[str, ...] = ()) -> Report:
    scene = Scene(probes=probes)
    for plant in plants:
        plant(scene)
    return scene.audit(check)


def ago(**time: float) -> str:
    return (datetime.now(UTC) - timedelta(**time)).strftime("%Y-%m-%dT%H:%M:%SZ")


def no_workload(path: str, name: str) -> Plant:
    """Take a workload of kube-system away, and its Pods with it."""

    def plant(scene: Scene) -> None:
        scene.kubernetes.remove(path, name, SYSTEM)
        for pod in scene.kubernetes.objects.all(PODS):
            meta = pod["metadata"]
            if meta["namespace"] == SYSTEM and meta["name"].startswith(f"{name}-"):
                scene.kubernetes.remove(PODS, meta["name"], SYSTEM)

    return plant


def no_addon(*names: str) -> Plant:
    def plant(scene: Scene) -> None:
        for name in names:
            scene.cloud.state.cs.addons[scene.cloud.state.cs.cluster_id].pop(name, None)

    return plant


def addon(name: str, state: str) -> Plant:
    def plant(scene: Scene) -> None:
        cs = scene.cloud.state.cs
        cs.addons[cs.cluster_id][name] = {"name": name, "state": state, "version": "v1.30.1", "config": "{}"}

    return plant


def crashing(pod: str) -> Plant:
    def change(found: Json) -> None:
        first = found["status"]["containerStatuses"][0]
        first |= {"ready": False, "restartCount": 12}
        first["state"] = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting"}}
        first["lastState"] = {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": ago(minutes=3)}}
        _unready(found)

    return lambda scene: scene.kubernetes.patch(PODS, pod, change, SYSTEM)


def unready(pod: str, since: str = "2026-11-22T22:30:00Z") -> Plant:
    return lambda scene: scene.kubernetes.patch(PODS, pod, lambda found: _unready(found, since), SYSTEM)


def just_unready(pod: str) -> Plant:
    return lambda scene: scene.kubernetes.patch(PODS, pod, lambda found: _unready(found, ago(seconds=30)), SYSTEM)


def _unready(found: Json, since: str = "2026-11-22T22:30:00Z") -> None:
    for condition in found["status"]["conditions"]:
        if condition["type"] in ("Ready", "ContainersReady"):
            condition |= {"status": "False", "lastTransitionTime": since}


def flexvolume(scene: Scene) -> None:
    """Install Flexvolume beside what is there."""
    made = copy(scene, DAEMONSETS, "csi-plugin", "flexvolume", SYSTEM)
    made["spec"]["selector"] = {"matchLabels": {"app": "flexvolume"}}
    made["spec"]["template"]["metadata"]["labels"] = {"app": "flexvolume"}
    made["status"] = {"desiredNumberScheduled": 0, "numberReady": 0}
    scene.kubernetes.add(DAEMONSETS, made)


def starting(scene: Scene, namespace: str, name: str, on: str = "", since: str = "2026-11-22T22:30:00Z") -> None:
    """Let a Pod wait for its volumes on a node."""

    def change(found: Json) -> None:
        if on:
            found["spec"]["nodeName"] = on
        statuses = found["status"].get("containerStatuses", [])
        for status in statuses:
            status |= {"ready": False, "started": False, "state": {"waiting": {"reason": "ContainerCreating"}}}
            status.pop("lastState", None)
        conditions = [
            {"type": "PodScheduled", "status": "True", "lastTransitionTime": since},
            {"type": "Ready", "status": "False", "lastTransitionTime": since},
        ]
        found["status"] = {"phase": "Pending", "conditions": conditions, "containerStatuses": statuses}

    scene.kubernetes.patch(PODS, name, change, namespace)


def twin(scene: Scene, like: str, name: str, **spec: Any) -> None:
    """Add a volume like another one, that nothing has claimed."""
    made = copy(scene, VOLUMES, like, name)
    made["spec"].pop("claimRef", None)
    made["spec"] |= spec
    made["status"] = {"phase": "Available"}
    scene.kubernetes.add(VOLUMES, made)


def claim(scene: Scene, namespace: str, name: str, storage_class: str, *modes: str) -> None:
    """Add a claim that waits for its volume."""
    made = copy(scene, CLAIMS, "data-mysql-0", name, "data")
    made["metadata"]["namespace"] = namespace
    made["spec"] = {"accessModes": list(modes or ("ReadWriteOnce",)), "storageClassName": storage_class}
    made["status"] = {"phase": "Pending"}
    scene.kubernetes.add(CLAIMS, made)


def provisioned_by(provisioner: str, name: str = "legacy") -> Plant:
    def plant(scene: Scene) -> None:
        made = copy(scene, CLASSES, "alicloud-disk-essd", name)
        scene.kubernetes.add(CLASSES, made | {"provisioner": provisioner})

    return plant


def logged(text: str, pod: str = PROVISIONER_PODS[0], container: str = "csi-provisioner") -> Plant:
    """Let a container have this log, written now unless its lines say otherwise."""

    def plant(scene: Scene) -> None:
        scene.kubernetes.container_logs.now = datetime.now(UTC)
        scene.kubernetes.logs[f"{SYSTEM}/{pod}/{container}"] = text

    return plant
