"""A volume or a storage class names a driver that its cluster, or its node, does not have.

ACK has two stacks of storage drivers: CSI, and the older Flexvolume. A volume of the one can't be mounted by the other,
a class of the one gets no volumes from the other, and where both are installed they undo each other's work. Manifests
that are carried over from an older cluster, copied volumes and nodes on which the driver did not register end in Pods
that hang in ContainerCreating and claims that stay Pending.
"""

from collections.abc import Iterator, Sequence

from auditor.facts.joins.driver_health import DriverHealth
from auditor.facts.joins.storage_stacks import StorageStacks
from auditor.facts.joins.volumes import VolumeUsers
from auditor.facts.kubernetes.extensions import CsiNode
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import (
    NAS_CSI_DRIVER,
    OSS_CSI_DRIVER,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
)
from auditor.facts.rules.storage_drivers import (
    CSI_KINDS,
    CSI_PLUGIN,
    FLEXVOLUME,
    PROVISIONERS,
    csi_driver_of,
    flex_driver_of,
)
from auditor.facts.rules.volume_waiting import waits_for_volumes
from auditor.judge.api import (
    Check,
    Finding,
    NotApplicable,
    NotEvaluated,
    NotKnown,
    Passed,
    Reason,
    Ref,
    Severity,
    Table,
    Text,
    Verdict,
    t,
)
from checks.storage._driver_mismatch_findings import (
    both_stacks,
    no_flexvolume,
    no_provisioner,
    no_server,
    not_registered,
    plugin_not_ready,
    same_handle,
)

check = Check(
    severity=Severity.HIGH,
    causes=("S3",),
    since="0.1.0",
    symptoms=("disk-mount-fails", "pvc-pending"),
    limits=(
        "Provisioners of other makers are not looked for: nothing in the cluster says for certain who serves them.",
        "Pods on virtual nodes are not looked at: those mount their volumes themselves.",
        "That flexvolume is installed is known by its DaemonSet; drivers that were put on a node by hand are not seen.",
    ),
    links=(
        "https://help.aliyun.com/document_detail/286495.html",
        "https://help.aliyun.com/document_detail/286976.html",
    ),
)

LEGACY_CLASS = "volume.beta.kubernetes.io/storage-class"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
CNFS = "containerNetworkFileSystem"
"""By this, in any case, a NAS volume names a CNFS object, which knows the server (ACK document on CNFS)."""
OWN_HANDLE_DRIVERS = (NAS_CSI_DRIVER, OSS_CSI_DRIVER)
"""Drivers whose static volumes bear handles that people make up."""


def subjects(
    persistent_volumes: Table[PersistentVolume], storage_classes: Table[StorageClass]
) -> Iterator[PersistentVolume | StorageClass]:
    # Each table stands for itself: when one can't be read, the subjects of the other are still looked at.
    if not persistent_volumes.is_unavailable:
        yield from (row for row in persistent_volumes.known_rows() if csi_driver_of(row) or flex_driver_of(row))
    if not storage_classes.is_unavailable:
        yield from (row for row in storage_classes.known_rows() if row.provisioner in PROVISIONERS)


def judge(
    subject: PersistentVolume | StorageClass,
    driver_health: DriverHealth,
    storage_stacks: StorageStacks,
    csi_nodes: Table[CsiNode],
    nodes: Table[Node],
    volume_users: VolumeUsers,
    persistent_volumes: Table[PersistentVolume],
    persistent_volume_claims: Table[PersistentVolumeClaim],
) -> Iterator[Verdict]:
    reasons: list[Reason] = []
    findings: list[Finding] = []
    if isinstance(subject, StorageClass):
        with _noting(reasons):
            findings += _judge_class(subject, driver_health, persistent_volume_claims)
    elif not _is_usable(subject):
        yield NotApplicable(t("the volume is released or being deleted: no Pod can use it"))
        return
    else:
        findings += _judge_volume(subject, driver_health, csi_nodes, nodes, volume_users, reasons)
        with _noting(reasons):
            findings += _judge_handle(subject, persistent_volumes)
    with _noting(reasons):
        overlap = storage_stacks.overlap_told_by(subject.ref)
        findings += [both_stacks(subject.ref, overlap)] if overlap else []
    yield from findings
    if reasons:
        yield NotEvaluated(tuple(reasons))
    elif not findings:
        yield Passed()


class _noting:  # noqa: N801 - reads as a statement
    """Note why a question could not be answered, and go on with the next."""

    def __init__(self, reasons: list[Reason]) -> None:
        """Take the list to add to."""
        self._reasons = reasons

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        """Take what is not known; let everything else through."""
        if isinstance(error, NotKnown):
            self._reasons += error.reasons
            return True
        return False


def _judge_class(row: StorageClass, health: DriverHealth, claims: Table[PersistentVolumeClaim]) -> list[Finding]:
    """Look for a class whose volumes nobody makes. One that is not used counts only if its stack is not there."""
    component = PROVISIONERS[row.provisioner]
    workload = health.workload(component)
    if workload is None:
        if health.runs_outside(component):
            return []
        addon = health.addon(component)
        why = (
            t("its add-on is in state {state}, and there is no Deployment", state=addon.state)
            if addon
            else t("there is no Deployment of this name, nor an add-on")
        )
    else:
        state = health.state(workload)
        if any(pod.is_ready for pod in state.pods) or state.excused:
            return []
        addon = None
        why = t("none of its {count} Pods is ready", count=len(state.pods))
    index, name = "class by spec or annotation", row.name
    used = claims.known_where(index, _class_of, name) or claims.where(index, _class_of, name)
    is_told = workload is not None or addon is not None or row.provisioner in CSI_KINDS
    if is_told and not used:
        return []
    is_told = is_told or _has_flexvolume(health)
    return [no_provisioner(row, component, why, len(used), is_told=is_told)]


def _has_flexvolume(health: DriverHealth) -> bool:
    """Tell whether Flexvolume is known to be installed: then a controller of its own is looked for elsewhere too."""
    try:
        return health.daemonset(FLEXVOLUME) is not None
    except NotKnown:
        return False


def _class_of(claim: PersistentVolumeClaim) -> str:
    return claim.spec.storage_class_name or claim.annotations.get(LEGACY_CLASS, "")


def _judge_volume(
    volume: PersistentVolume,
    health: DriverHealth,
    csi_nodes: Table[CsiNode],
    nodes: Table[Node],
    users: VolumeUsers,
    reasons: list[Reason],
) -> Iterator[Finding]:
    key = volume.claim_key if volume.is_bound else None
    pods = [pod for pod in users.known_of_claim(key) if not pod.is_terminating] if key else []
    if volume.nas_server == "" and not _names_cnfs(volume):
        yield no_server(volume)
    if flex_driver_of(volume):
        with _noting(reasons):
            if health.daemonset(FLEXVOLUME) is None:
                yield no_flexvolume(volume, pods, health.daemonset(CSI_PLUGIN) is not None)
        return
    for pod in pods:
        if not pod.node_name:
            continue
        with _noting(reasons):
            finding = _judge_pod(volume, pod, health, csi_nodes, nodes)
            if finding is not None:
                yield finding
    reasons += users.reasons_for(key) if key else ()


def _names_cnfs(volume: PersistentVolume) -> bool:
    given = (volume.spec.csi and volume.spec.csi.volume_attributes) or {}
    return any(value for key, value in given.items() if key.lower() == CNFS.lower())


def _judge_pod(
    volume: PersistentVolume, pod: Pod, health: DriverHealth, csi_nodes: Table[CsiNode], nodes: Table[Node]
) -> Finding | None:
    """Look for the driver of a volume on the node of a Pod. Raises NotKnown where that is not decided."""
    node = nodes.get(pod.node_name)
    if node is None or node.is_virtual or not node.is_ready:
        return None
    driver = csi_driver_of(volume)
    registered = csi_nodes.get(pod.node_name)
    names = [one.name for one in registered.drivers] if registered else []
    is_registered = driver in names
    if driver not in CSI_KINDS:
        return None if is_registered else not_registered(volume, pod, names, None)
    plugin = _plugin_on(pod, health)
    if plugin.is_starting:
        return None
    if not is_registered:
        return not_registered(volume, pod, names, plugin.trouble)
    if plugin.trouble is not None and (plugin.is_installed or waits_for_volumes(pod)):
        return plugin_not_ready(volume, pod, plugin.trouble, plugin.pod)
    return None


class _Plugin:
    """What csi-plugin is on a node."""

    def __init__(
        self, trouble: Text | None, pod: Ref | None = None, *, is_starting: bool = False, is_installed: bool = True
    ) -> None:
        """Take what is wrong with it, and its Pod."""
        self.trouble = trouble
        self.pod = pod
        self.is_starting = is_starting
        self.is_installed = is_installed


def _plugin_on(pod: Pod, health: DriverHealth) -> _Plugin:
    """Return what csi-plugin is on the node of a Pod. Raises NotKnown."""
    workload = health.daemonset(CSI_PLUGIN)
    if workload is None:
        return _Plugin(t("there is no DaemonSet csi-plugin"), is_installed=False)
    there = sorted(health.on_node(workload, pod.node_name), key=lambda one: one.name)
    staying = [one for one in there if not one.is_terminating]
    if not there:
        return _Plugin(t("the node has no Pod of it"))
    if any(health.is_going(one) for one in there):
        return _Plugin(None, is_starting=True)
    if not staying:
        return _Plugin(t("its Pod is being deleted, and does not end"), there[0].ref)
    troubles = [(one, health.trouble(one)) for one in staying]
    if any(one.is_ready and trouble is None for one, trouble in troubles):
        return _Plugin(None)
    broken_one = next(((one, trouble) for one, trouble in troubles if trouble is not None), None)
    if broken_one is None:
        return _Plugin(None, is_starting=True)
    return _Plugin(broken_one[1], broken_one[0].ref)


def _judge_handle(volume: PersistentVolume, volumes: Table[PersistentVolume]) -> Sequence[Finding]:
    """Look for volumes of one driver with one handle, of which one at least was made by hand."""
    handle = volume.spec.csi.volume_handle if volume.spec.csi else ""
    driver = csi_driver_of(volume)
    if not handle or driver not in OWN_HANDLE_DRIVERS:
        return ()
    found = volumes.where("driver and handle", _identity, (driver, handle))
    twins = sorted((row for row in found if _is_usable(row)), key=lambda row: row.name)
    is_static = any(PROVISIONED_BY not in row.annotations for row in twins)
    return [same_handle(twins)] if len(twins) > 1 and is_static and twins[0].name == volume.name else ()


def _is_usable(row: PersistentVolume) -> bool:
    """Tell whether a Pod uses a volume, or can come to use it."""
    return row.is_bound or not (row.is_released or row.metadata.deletion_timestamp)


def _identity(row: PersistentVolume) -> tuple[str, str]:
    return (row.spec.csi.driver, row.spec.csi.volume_handle) if row.spec.csi else ("", "")
