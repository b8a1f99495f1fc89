"""Makers of rows for the tests of storage drivers."""

from typing import Any

import msgspec

from auditor.facts.cloud.cs import Addon
from auditor.facts.kubernetes.extensions import CsiNode
from auditor.facts.kubernetes.observations import ContainerLog, LogMatch
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import StorageClass, VolumeAttachment
from auditor.facts.kubernetes.workloads import DaemonSet, Deployment, StatefulSet
from tests.checks import kit, make

DISK, NAS, OSS = (f"{kind}plugin.csi.alibabacloud.com" for kind in ("disk", "nas", "oss"))
LONG_AGO = "2026-11-23T06:00:00Z"
SYSTEM = "kube-system"


def csi_node(name: str, *drivers: str) -> CsiNode:
    rows = [{"name": driver, "nodeID": f"i-{name}"} for driver in drivers or (DISK, NAS, OSS)]
    return msgspec.convert({"metadata": {"name": name}, "spec": {"drivers": rows}}, CsiNode)


def daemonset(name: str, desired: int = 1, ready: int | None = None) -> DaemonSet:
    data = {
        "metadata": {"name": name, "namespace": SYSTEM},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": {"metadata": {"labels": {"app": name}}}},
        "status": {"desiredNumberScheduled": desired, "numberReady": desired if ready is None else ready},
    }
    return msgspec.convert(data, DaemonSet)


def deployment(name: str, namespace: str = SYSTEM, *, claim: str = "", **spec: Any) -> Deployment:
    return msgspec.convert(_workload(name, namespace, claim, spec), Deployment)


def statefulset(name: str, namespace: str, *, claim: str = "", **spec: Any) -> StatefulSet:
    return msgspec.convert(_workload(name, namespace, claim, spec), StatefulSet)


def _workload(name: str, namespace: str, claim: str, spec: dict[str, Any]) -> dict[str, Any]:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}] if claim else []
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [], "volumes": volumes}}
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template, **spec},
    }


def driver_pod(component: str, node: str = "n1", *, ready: bool = True, **status: Any) -> Pod:
    conditions = [{"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": LONG_AGO}]
    return make.pod(
        f"{SYSTEM}/{component}-{node}",
        node,
        labels={"app": component},
        ready=ready,
        spec={"containers": [{"name": component}]},
        status={"conditions": conditions, **status},
        creationTimestamp=LONG_AGO,
    )


def storage_class(name: str, provisioner: str = DISK, **more: Any) -> StorageClass:
    return msgspec.convert({"metadata": {"name": name}, "provisioner": provisioner, **more}, StorageClass)


def attachment(volume: str, node: str, *, created: str = LONG_AGO, deleted: str = "") -> VolumeAttachment:
    data = {
        "metadata": {
            "name": f"csi-{volume}-{node}",
            "creationTimestamp": created,
            **({"deletionTimestamp": deleted} if deleted else {}),
        },
        "spec": {"attacher": DISK, "nodeName": node, "source": {"persistentVolumeName": volume}},
        "status": {"attached": True},
    }
    return msgspec.convert(data, VolumeAttachment)


def log(component: str, *lines: tuple[str, str], node: str = "n1") -> ContainerLog:
    """Make what was read of a driver's log; lines are a pattern and its text."""
    matches = [LogMatch(pattern, text, kit.OBSERVED_AT) for pattern, text in lines]
    name = f"{SYSTEM}/{component}-{node}"
    return ContainerLog(name, component, component, matches, lines=len(lines), last_at=kit.OBSERVED_AT)


def addons(*names: str) -> list[Addon]:
    return [Addon(name, "v1.30.1", "active") for name in names]
