"""A storage driver is missing, not ready, or restarts again and again.

The driver's Pod on a node (csi-plugin, or flexvolume in older clusters) mounts the volumes of that node; its controller
(csi-provisioner, or the disk and NAS controllers) makes, attaches, detaches and deletes them. Where one of them fails,
Pods that run go on, so that nobody notices until a Pod is moved: then it hangs in ContainerCreating, and claims stay
Pending. In managed clusters ACK may run the controller outside of the cluster; then its add-on tells that it works.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from auditor.facts.joins.component_health import wanted
from auditor.facts.joins.driver_health import ON_EVERY_NODE, DriverHealth, DriverPods
from auditor.facts.kubernetes.extensions import CsiNode
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.volumes import PersistentVolume, PersistentVolumeClaim, StorageClass
from auditor.facts.kubernetes.workloads import DaemonSet, Deployment
from auditor.facts.rules.storage_drivers import (
    CSI_KINDS,
    CSI_PLUGIN,
    CSI_PROVISIONER,
    DISK_CONTROLLER,
    FLEXVOLUME,
    NAS_CONTROLLER,
    PROVISIONERS,
    csi_driver_of,
)
from auditor.judge.api import (
    Check,
    NotApplicable,
    Passed,
    Severity,
    Table,
    Text,
    Verdict,
    t,
)
from checks.storage._driver_health_findings import (
    Driver,
    all_unready,
    has_status,
    missing,
    ready_by_status,
    ready_pods,
    scaled_down,
    too_few,
    unready,
)

check = Check(
    severity=Severity.HIGH,
    causes=("S8",),
    since="0.1.0",
    symptoms=("disk-mount-fails", "disk-detach-fails", "nas-mount-fails", "pvc-pending"),
    limits=(
        "Pods that became unready within the last two minutes, or whose node is not ready, are left in peace.",
        "Of a controller that ACK runs outside of the cluster only the state of its add-on is known.",
    ),
    links=(
        "https://help.aliyun.com/document_detail/286495.html",
        "https://help.aliyun.com/document_detail/286976.html",
    ),
)

LEGACY_CLASS = "volume.beta.kubernetes.io/storage-class"


@dataclass(frozen=True)
class _Needs:
    """Where to look whether somebody needs a driver."""

    volumes: Table[PersistentVolume]
    claims: Table[PersistentVolumeClaim]
    classes: Table[StorageClass]
    csi_nodes: Table[CsiNode]
    nodes: Table[Node]


def subjects() -> Iterable[Driver]:
    return [Driver(name) for name in (CSI_PLUGIN, CSI_PROVISIONER, FLEXVOLUME, DISK_CONTROLLER, NAS_CONTROLLER)]


def judge(
    driver: Driver,
    driver_health: DriverHealth,
    persistent_volumes: Table[PersistentVolume],
    persistent_volume_claims: Table[PersistentVolumeClaim],
    storage_classes: Table[StorageClass],
    csi_nodes: Table[CsiNode],
    nodes: Table[Node],
) -> Iterator[Verdict]:
    needs = _Needs(persistent_volumes, persistent_volume_claims, storage_classes, csi_nodes, nodes)
    workload = driver_health.workload(driver.name)
    if workload is not None:
        yield from _judge_workload(driver, workload, driver_health, needs)
    else:
        yield _judge_absent(driver, driver_health, needs)


def _judge_absent(driver: Driver, health: DriverHealth, needs: _Needs) -> Verdict:
    """Judge a driver without a workload: is it run outside of the cluster, or not needed, or missing?"""
    addon = health.addon(driver.name)
    if driver.name in ON_EVERY_NODE:
        machines = needs.nodes.known_rows() if addon is not None else ()
        if addon is not None and any(not node.is_virtual for node in machines):
            return missing(driver, t("its add-on is installed ({state})", state=addon.state), addon)
        if addon is not None:
            needs.nodes.all()
            return NotApplicable(t("the cluster has no node that mounts volumes"))
    elif addon is not None:
        if health.runs_outside(driver.name):
            return Passed()
        return missing(driver, t("its add-on is in state {state}", state=addon.state), addon)
    user = _user_of(driver.name, health, needs)
    if user is None:
        return NotApplicable(t("the driver is neither installed nor needed"))
    return missing(driver, user, None)


def _user_of(name: str, health: DriverHealth, needs: _Needs) -> Text | None:
    """Return who needs a driver that is not installed; None if nobody does. Raises NotKnown."""
    if name == FLEXVOLUME:
        return None  # a flexVolume in a cluster of the other stack is a driver used wrongly
    if name in (DISK_CONTROLLER, NAS_CONTROLLER):
        return _claims_of(name, needs) if health.daemonset(FLEXVOLUME) is not None else None
    volumes = _csi_volumes(needs.volumes)
    if health.daemonset(FLEXVOLUME) is not None and health.daemonset(CSI_PLUGIN) is None:
        return None
    if name == CSI_PLUGIN and volumes and _is_registered(volumes, needs.csi_nodes):
        return None  # somebody runs it under another name
    plugin = health.daemonset(CSI_PLUGIN)
    if volumes and ((plugin is not None and wanted(plugin)) or _are_machines(needs.nodes)):
        # Virtual nodes mount their volumes themselves.
        return t("{count} volumes are of its drivers, {volume} among them", count=len(volumes), volume=volumes[0].name)
    needs.volumes.all()
    return _claims_of(name, needs) if name == CSI_PROVISIONER else None


def _csi_volumes(volumes: Table[PersistentVolume]) -> Sequence[PersistentVolume]:
    return [row for row in volumes.known_rows() if csi_driver_of(row) in CSI_KINDS and not row.is_released]


def _is_registered(volumes: Sequence[PersistentVolume], csi_nodes: Table[CsiNode]) -> bool:
    drivers = {csi_driver_of(volume) for volume in volumes}
    if any(driver.name in drivers for node in csi_nodes.known_rows() for driver in node.drivers):
        return True
    csi_nodes.all()
    return False


def _are_machines(nodes: Table[Node]) -> bool:
    """Tell whether the cluster has a node that is not virtual. Raises NotKnown if that can't be told."""
    return any(not node.is_virtual for node in nodes.known_rows()) or any(not node.is_virtual for node in nodes.all())


def _claims_of(name: str, needs: _Needs) -> Text | None:
    """Return the claims whose class names a provisioner that the component is. Raises NotKnown."""
    classes = [row.name for row in needs.classes.all() if PROVISIONERS.get(row.provisioner) == name]
    for one in sorted(classes):
        claims = needs.claims.where("class by spec or annotation", _class_of, one)
        if claims:
            return t("claim {claim} is of class {name}, which it serves", claim=claims[0].key, name=one)
    return None


def _class_of(claim: PersistentVolumeClaim) -> str:
    return claim.spec.storage_class_name or claim.annotations.get(LEGACY_CLASS, "")


def _judge_workload(
    driver: Driver, workload: Deployment | DaemonSet, health: DriverHealth, needs: _Needs
) -> Iterator[Verdict]:
    state = health.state(workload)
    number = wanted(workload)
    if not number and not state.pods:
        if isinstance(workload, DaemonSet) and (health.addon(driver.name) is None or not _are_machines(needs.nodes)):
            yield NotApplicable(t("the driver is to run on no node"))
        else:
            yield scaled_down(driver, workload)
        return
    lacking = number - state.settling - (ready_by_status(workload) if has_status(workload) else ready_pods(state))
    if state.troubles and _concerns_all(workload, state):
        yield all_unready(driver, workload, state)
    elif state.troubles:
        for trouble in state.troubles:
            yield unready(driver, workload, trouble, len(state.pods))
    elif lacking > 0:
        yield too_few(driver, workload, number, len(state.pods))
    else:
        yield Passed()


def _concerns_all(workload: Deployment | DaemonSet, state: DriverPods) -> bool:
    """Tell whether it is the workload that is at fault and not one Pod: none works, or most of many don't."""
    if len(state.troubles) + len(state.excused) >= max(len(state.pods), wanted(workload)):
        return len(state.pods) > 1
    return isinstance(workload, DaemonSet) and len(state.troubles) * 2 > len(state.pods)
