"""A Pod waits for a disk that is attached to another instance.

A cloud disk is attached to one instance at a time. A Pod that starts on another node waits until the disk is released
there, with "Multi-Attach error" or "is already attached to instance": because another Pod uses it, because a machine
outside the cluster was given it, or because the node it was on has gone or hangs and its attachment was left behind.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from auditor.facts.cloud.ecs import Disk
from auditor.facts.joins.disk_users import DiskUsers
from auditor.facts.joins.nodes import NodeInstances
from auditor.facts.joins.object_events import ObjectEvents
from auditor.facts.joins.volumes import VolumeDisks, VolumeUsers
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import PersistentVolume, VolumeAttachment
from auditor.facts.rules.volume_waiting import STILL_NORMAL, bound_since, waits_for_volumes
from auditor.judge.api import (
    Check,
    Finding,
    NotApplicable,
    NotEvaluated,
    NotKnown,
    Passed,
    Reason,
    Severity,
    Table,
    Verdict,
    said,
    t,
)
from checks.storage._disk_holder_findings import Holder, HolderKind, held_elsewhere, stale_attachment

check = Check(
    severity=Severity.HIGH,
    causes=("S1",),
    since="0.1.0",
    symptoms=("disk-mount-fails",),
    limits=(
        "A Pod that runs, but whose disk was taken away, is not looked at: it does not wait.",
        "Disks that are being attached or detached for less than two minutes are left in peace.",
    ),
    links=("https://help.aliyun.com/document_detail/286495.html",),
)

MULTI_ATTACH = ("multi-attach error", "already attached")


def subjects(persistent_volumes: Table[PersistentVolume]) -> Iterable[PersistentVolume]:
    return (volume for volume in persistent_volumes.known_rows() if volume.disk_id is not None)


def judge(
    volume: PersistentVolume,
    volume_disks: VolumeDisks,
    disk_users: DiskUsers,
    volume_users: VolumeUsers,
    volume_attachments: Table[VolumeAttachment],
    nodes: Table[Node],
    node_instances: NodeInstances,
    object_events: ObjectEvents,
    observed_at: datetime,
) -> Iterator[Verdict]:
    if not volume.is_bound or not volume.claim_key:
        yield NotApplicable(t("no Pod can use the volume: it is not bound to a claim"))
        return
    reasons: list[Reason] = list(volume_users.reasons_for(volume.claim_key))
    findings: list[Finding] = []
    for pod in disk_users.known_of(volume):
        if not waits_for_volumes(pod) or _is_recent(bound_since(pod), observed_at):
            continue
        asked = _Asked(volume, pod, disk_users, volume_attachments, nodes, node_instances, object_events, observed_at)
        try:
            finding = asked.judge(volume_disks, reasons)
        except NotKnown as gap:
            reasons += gap.reasons
            continue
        findings += [finding] if finding else []
    yield from findings
    if reasons:
        yield NotEvaluated(tuple(reasons))
    elif not findings:
        yield Passed()


def _is_recent(moment: datetime | None, observed_at: datetime) -> bool:
    return moment is not None and observed_at - moment < STILL_NORMAL


class _Asked:
    """What is asked about one Pod that waits with a disk volume."""

    def __init__(
        self,
        volume: PersistentVolume,
        pod: Pod,
        users: DiskUsers,
        attachments: Table[VolumeAttachment],
        nodes: Table[Node],
        node_instances: NodeInstances,
        events: ObjectEvents,
        observed_at: datetime,
    ) -> None:
        """Take the Pod, the volume, and where to look."""
        self.volume = volume
        self.pod = pod
        self.users = users
        self.attachments = attachments
        self.nodes = nodes
        self.node_instances = node_instances
        self.events = events
        self.observed_at = observed_at

    def judge(self, volume_disks: VolumeDisks, reasons: list[Reason]) -> Finding | None:
        """Return what keeps the disk from the Pod's node. Raises NotKnown where that is not decided."""
        node = self.nodes.get(self.pod.node_name)
        if node is None or node.is_virtual or node.instance_id is None:
            return None
        disk = volume_disks.of(self.volume)
        if disk is None or node.instance_id in disk.holders:
            return None
        if not disk.holders:
            return self._judge_free(disk, node, reasons)
        if said(disk.multi_attach, "ecs", t("whether disk {disk} can be attached several times", disk=disk.id)):
            return None
        wishes = self._wishes()
        if self._is_in_progress(wishes, node):
            return None
        holders = [self._holder(instance, wishes) for instance in disk.holders]
        holders.sort(key=lambda holder: (list(HolderKind).index(holder.kind), holder.instance_id))
        return held_elsewhere(self.volume, disk, self.pod, node, holders, self._event())

    def _judge_free(self, disk: Disk, node: Node, reasons: list[Reason]) -> Finding | None:
        """Judge a disk that no instance holds: an attachment that is left over can still keep it from the node."""
        status = said(disk.status, "ecs", t("the status of disk {disk}", disk=disk.id))
        if status == "In_use":
            said(None, "ecs", t("to which instance disk {disk} is attached", disk=disk.id))
        if status != "Available" or disk.multi_attach:
            return None
        left = [
            wish
            for wish in self._wishes()
            if wish.spec.node_name != node.name
            and wish.status.attached
            and not _is_recent(wish.metadata.deletion_timestamp, self.observed_at)
        ]
        left = [wish for wish in left if not self._pods_on(wish.spec.node_name)]
        if not left:
            return None
        if self.users.reasons:
            raise NotKnown(*self.users.reasons)
        event = self._event()
        if not event:
            reasons += self.events.reasons
            return None
        return stale_attachment(self.volume, disk, self.pod, node, left[0], event)

    def _wishes(self) -> Sequence[VolumeAttachment]:
        """Return the attachments of this volume, and of others with the same disk. Raises NotKnown."""
        names = dict.fromkeys([self.volume.name, *(row.name for row in self._twins())])
        return [
            wish for name in names for wish in self.attachments.where("volume_name", lambda row: row.volume_name, name)
        ]

    def _twins(self) -> Sequence[PersistentVolume]:
        try:
            return self.users.volumes_of(self.volume.disk_id or "")
        except NotKnown:
            # They tell no more than who holds the disk.
            return ()

    def _is_in_progress(self, wishes: Sequence[VolumeAttachment], node: Node) -> bool:
        """Tell whether the disk has begun to move only now: to this node, or away from where it is."""
        moments = [wish.metadata.creation_timestamp for wish in wishes if wish.spec.node_name == node.name]
        moments += [wish.metadata.deletion_timestamp for wish in wishes if wish.spec.node_name != node.name]
        return any(_is_recent(moment, self.observed_at) for moment in moments)

    def _holder(self, instance_id: str, wishes: Sequence[VolumeAttachment]) -> Holder:
        try:
            node = self.node_instances.node_of(instance_id)
        except NotKnown:
            return Holder(instance_id, HolderKind.UNKNOWN)
        if node is None:
            left = next((wish for wish in wishes if self.nodes.get(wish.spec.node_name) is None), None)
            return Holder(instance_id, HolderKind.OUTSIDE, attachment=left)
        pods = self._pods_on(node.name)
        if pods:
            return Holder(instance_id, HolderKind.POD, node, pods)
        if self.users.reasons:
            # A Pod that was not read may use the disk there.
            return Holder(instance_id, HolderKind.UNKNOWN, node)
        stale = next((wish for wish in wishes if wish.spec.node_name == node.name), None)
        return Holder(instance_id, HolderKind.ATTACHMENT if stale else HolderKind.NODE, node, (), stale)

    def _pods_on(self, node_name: str) -> list[Pod]:
        found = {
            pod.key: pod
            for pod in self.users.known_of_disk(self.volume.disk_id or "")
            if pod.node_name == node_name and pod.key != self.pod.key
        }
        return [found[key] for key in sorted(found)]

    def _event(self) -> str:
        event = self.events.saying(self.pod.ref, *MULTI_ATTACH)
        return event.message if event else ""
