"""A disk and the node that is to use it are in different zones.

A cloud disk can be attached only to an instance in its own zone. In a cluster over several zones the volume
therefore has to tell the scheduler where its disk is. Where it does not, or tells the wrong zone, or where no node
of that zone takes the Pod any more, the Pod waits for a disk that can never be attached to its node, or for a node
that does not exist. It usually shows when a Pod is moved: in an upgrade, a drain or a failure of its zone. Regional
disks, which can be attached in several zones, are not concerned.
"""

from collections.abc import Iterator, Sequence

from auditor.facts.cloud.ecs import Disk
from auditor.facts.joins.nodes import NodeInstances
from auditor.facts.joins.volumes import VolumeDisks, VolumeUsers
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import (
    DISK_CSI_DRIVER,
    DISK_FLEX_DRIVER,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
)
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.disk_zones import admits_node, allows_zone, class_zones, makes_regional_disks
from auditor.facts.rules.scheduling import is_gated, lasting_refusal, matches_node
from auditor.judge.api import (
    Check,
    Finding,
    NotApplicable,
    NotEvaluated,
    NotKnown,
    Passed,
    Reason,
    ReasonKind,
    Severity,
    Table,
    Verdict,
    said,
    t,
)
from checks.storage._disk_zone_findings import (
    DiskVolume,
    binds_immediately,
    contradiction,
    disks_apart,
    no_node_in_zone,
    node_elsewhere,
    unpinned,
)

check = Check(
    severity=Severity.HIGH,
    causes=("S2",),
    since="0.1.0",
    symptoms=("disk-mount-fails",),
    limits=(
        "A node that is merely full counts as one that takes the Pod, as do affinity between Pods and spreading.",
        "Regional disks are taken to be attachable wherever their Pods run.",
        "A Pod on a virtual node is not looked at: the node's zone need not be that of the Pod.",
    ),
    links=("https://help.aliyun.com/document_detail/286495.html",),
)

LEGACY_CLASS = "volume.beta.kubernetes.io/storage-class"
SOME_OTHER_ZONE = "?"
DISK_PROVISIONERS = (DISK_CSI_DRIVER, DISK_FLEX_DRIVER)


def subjects(
    persistent_volumes: Table[PersistentVolume], storage_classes: Table[StorageClass]
) -> Iterator[PersistentVolume | StorageClass]:
    # Each table stands for itself: when one can't be read, the subjects of the other are still looked at.
    if not persistent_volumes.is_unavailable:
        yield from (volume for volume in persistent_volumes.known_rows() if volume.disk_id is not None)
    if not storage_classes.is_unavailable:
        yield from (row for row in storage_classes.known_rows() if row.provisioner in DISK_PROVISIONERS)


def judge(
    subject: PersistentVolume | StorageClass,
    volume_disks: VolumeDisks,
    volume_users: VolumeUsers,
    node_instances: NodeInstances,
    nodes: Table[Node],
    persistent_volumes: Table[PersistentVolume],
    persistent_volume_claims: Table[PersistentVolumeClaim],
    cluster: ClusterIdentity,
) -> Iterator[Verdict]:
    if isinstance(subject, StorageClass):
        yield _judge_class(subject, node_instances, persistent_volume_claims)
        return
    if subject.is_released:
        yield NotApplicable(t("the volume is released: no Pod can use it"))
        return
    disk = volume_disks.of(subject)
    if disk is None:
        yield NotApplicable(t("the disk does not exist"))
        return
    if disk.is_regional:
        yield Passed()
        return
    on = DiskVolume(subject, disk, _zone_of(disk), cluster.region)
    findings: list[Finding] = []
    reasons: list[Reason] = []
    users: list[Pod] | None = None
    try:
        users = [pod for pod in volume_users.of(subject) if not pod.is_terminating]
    except NotKnown as gap:
        reasons += gap.reasons
    for pod in users or ():
        try:
            if pod.node_name:
                finding = _judge_scheduled(on, pod, node_instances, nodes)
            elif pod.is_unscheduled and not is_gated(pod):
                finding = _judge_waiting(on, pod, node_instances, volume_disks, persistent_volumes)
            else:
                continue
        except NotKnown as gap:
            reasons += gap.reasons
        else:
            findings += [finding] if finding else []
    if not findings:
        try:
            finding = _judge_volume(on, users, node_instances)
        except NotKnown as gap:
            reasons += gap.reasons
        else:
            findings += [finding] if finding else []
    yield from findings
    if reasons:
        yield NotEvaluated(tuple(reasons))
    elif not findings:
        yield Passed()


def _zone_of(disk: Disk) -> str:
    return said(disk.zone or None, "ecs", t("the zone of disk {disk}", disk=disk.id))


def _judge_scheduled(on: DiskVolume, pod: Pod, node_instances: NodeInstances, nodes: Table[Node]) -> Finding | None:
    """Compare the zone of the disk with that of the node to which a Pod is bound."""
    node = nodes.get(pod.node_name)
    if node is None or node.is_virtual:
        return None
    node_zone = node_instances.zone_of(node)
    if node_zone is None:
        message = t("node {node} has neither an instance nor a zone label", node=node.name)
        raise NotKnown(Reason("kubernetes", ReasonKind.UNDECIDABLE, message))
    if node_zone == on.zone:
        return None
    return node_elsewhere(on, pod, node, node_instances.of(node), node_zone)


def _judge_waiting(
    on: DiskVolume,
    pod: Pod,
    node_instances: NodeInstances,
    volume_disks: VolumeDisks,
    persistent_volumes: Table[PersistentVolume],
) -> Finding | None:
    """Look for a node in the disk's zone that takes a Pod which waits for one.

    Where no node of any zone takes the Pod, though the disk's zone has nodes, the zone is not what it waits for.
    """
    if on.pins_elsewhere:
        return contradiction(on, pod)
    zones = node_instances.zones()
    here = zones.by_zone.get(on.zone, ())
    if any(matches_node(pod, node) for node in here):
        return _judge_together(on, pod, node_instances, volume_disks, persistent_volumes)
    for node, reasons in zones.unplaced:
        if matches_node(pod, node):
            raise NotKnown(*reasons)
    could = sorted(zone for zone, nodes in zones.by_zone.items() if any(matches_node(pod, node) for node in nodes))
    if zones.unplaced and not could and not here:
        # With a node in the disk's zone it is not the zone that the Pod waits for.
        raise NotKnown(*(reason for _, reasons in zones.unplaced for reason in reasons))
    if could or (zones.by_zone and not here):
        return no_node_in_zone(on, pod, here, could)
    return None


def _judge_together(
    on: DiskVolume,
    pod: Pod,
    node_instances: NodeInstances,
    volume_disks: VolumeDisks,
    persistent_volumes: Table[PersistentVolume],
) -> Finding | None:
    """Compare the zones of all disks of a Pod. The subject of the one finding is the volume with the first name.

    A disk in a zone where no node takes the Pod is left out: that is found on its own volume.
    """
    nodes = node_instances.zones().by_zone
    zones = {on.volume.name: on.zone}
    for claim in pod.claim_keys:
        if claim == on.volume.claim_key:
            continue
        for other in persistent_volumes.where("claim_key", lambda row: row.claim_key, claim):
            disk = volume_disks.of(other) if other.is_bound else None
            if disk is None or disk.is_regional:
                continue
            zone = _zone_of(disk)
            if any(matches_node(pod, node) for node in nodes.get(zone, ())):
                zones[other.name] = zone
    apart = len(set(zones.values())) > 1
    return disks_apart(on, pod, zones) if apart and min(zones) == on.volume.name else None


def _judge_volume(on: DiskVolume, users: Sequence[Pod] | None, node_instances: NodeInstances) -> Finding | None:
    """Judge the volume by what it says itself. ``users`` None: they are not known."""
    if on.pins_elsewhere:
        return contradiction(on, at_risk=not on.volume.is_bound)
    if users is None:
        return None
    zones = node_instances.zones()
    elsewhere = sorted(
        zone
        for zone, nodes in zones.by_zone.items()
        if zone != on.zone
        and allows_zone(on.volume, zone)  # spares most volumes the look at every node
        and any(_lets_onto(on, users, node, zone) for node in nodes)
    )
    if elsewhere:
        return unpinned(on, elsewhere)
    for node, reasons in zones.unplaced:
        if _lets_onto(on, users, node, SOME_OTHER_ZONE):
            raise NotKnown(*reasons)
    return None


def _lets_onto(on: DiskVolume, users: Sequence[Pod], node: Node, zone: str) -> bool:
    """Tell whether a Pod with the volume may be put on a node. While there is no such Pod, any may come."""
    return (
        not node.is_virtual
        and admits_node(on.volume, node, zone)
        and (not users or any(lasting_refusal(pod, node) is None for pod in users))
    )


def _judge_class(
    storage_class: StorageClass, node_instances: NodeInstances, claims: Table[PersistentVolumeClaim]
) -> Verdict:
    """Look for a class whose disks are made before their Pod has a node, in a cluster over several zones."""
    if (
        storage_class.volume_binding_mode == "WaitForFirstConsumer"
        or len(class_zones(storage_class)) == 1
        or makes_regional_disks(storage_class)
    ):
        return Passed()
    zones = node_instances.zones()
    if len(zones.inhabited) < 2:
        unplaced = [reason for _, reasons in zones.unplaced for reason in reasons]
        return NotEvaluated(tuple(unplaced)) if unplaced else Passed()
    index, name = "class by spec or annotation", storage_class.name
    # One claim is enough to say that the class is used; only a complete list can say that it is not.
    used = claims.known_where(index, _class_of, name) or claims.where(index, _class_of, name)
    return binds_immediately(storage_class, zones.inhabited, len(used))


def _class_of(claim: PersistentVolumeClaim) -> str:
    return claim.spec.storage_class_name or claim.annotations.get(LEGACY_CLASS, "")
