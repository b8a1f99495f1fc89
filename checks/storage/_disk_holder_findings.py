"""The findings of Pods that wait for a disk which another instance holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from auditor.facts.cloud.ecs import Disk
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import PersistentVolume, VolumeAttachment
from auditor.judge.api import (
    Certainty,
    Evidence,
    Finding,
    Hop,
    Step,
    Text,
    broken,
    cloud_ref,
    kubernetes_ref,
    ok,
    step,
    t,
    unknown,
)

SHOWN_HOLDERS = 5
"""How many Pods that hold the disk the trail and the message list."""


class HolderKind(StrEnum):
    """Who holds a disk."""

    POD = "pod"
    ATTACHMENT = "stale attachment"
    OUTSIDE = "machine outside the cluster"
    NODE = "node without a Pod that uses it"
    UNKNOWN = "not known"


@dataclass(frozen=True)
class Holder:
    """An instance that holds the disk, and for whom, as far as it is known.

    ``node`` is the one that runs on the instance, ``pods`` those there that use the disk, ``attachment`` the wish that
    is left over where no Pod does; of a machine outside the cluster, one for a node that is gone.
    """

    instance_id: str
    kind: HolderKind
    node: Node | None = None
    pods: Sequence[Pod] = ()
    attachment: VolumeAttachment | None = None

    @property
    def said(self) -> Text:
        """Who holds it, in words."""
        node = self.node.name if self.node else ""
        match self.kind:
            case HolderKind.POD:
                pods = [pod.key for pod in self.pods]
                return t("Pod {pods} on node {node} ({instance})", pods=pods, node=node, instance=self.instance_id)
            case HolderKind.ATTACHMENT:
                return t(
                    "node {node} ({instance}), where no Pod uses it any more: VolumeAttachment {attachment} is stale",
                    node=node,
                    instance=self.instance_id,
                    attachment=self.attachment.name if self.attachment else "",
                )
            case HolderKind.OUTSIDE if self.attachment:
                return t(
                    "instance {instance}, a machine outside the cluster: perhaps what was node {node}, for which "
                    "VolumeAttachment {attachment} is left over",
                    instance=self.instance_id,
                    node=self.attachment.spec.node_name,
                    attachment=self.attachment.name,
                )
            case HolderKind.OUTSIDE:
                return t("instance {instance}, a machine outside the cluster", instance=self.instance_id)
            case HolderKind.NODE:
                return t(
                    "node {node} ({instance}), where no Pod uses it and no VolumeAttachment wants it",
                    node=node,
                    instance=self.instance_id,
                )
            case HolderKind.UNKNOWN:
                return t("instance {instance}", instance=self.instance_id)

    @property
    def hops(self) -> tuple[Hop, ...]:
        """The way from the disk to who holds it."""
        machine = cloud_ref("Instance", self.instance_id)
        if self.kind is HolderKind.OUTSIDE:
            outside = [broken(machine, t("holds the disk, and is no node of the cluster"))]
            if self.attachment:
                node = self.attachment.spec.node_name
                outside.append(broken(self.attachment.ref, t("is left over: node {node} does not exist", node=node)))
            return tuple(outside)
        found = [broken(machine, t("holds the disk"))]
        if self.node:
            found.append(
                ok(self.node.ref)
                if self.node.is_ready
                else broken(self.node.ref, t("is not Ready: it does not let go of the disk"))
            )
        if self.attachment:
            found.append(broken(self.attachment.ref, t("is left over: no Pod on the node uses the volume")))
        found += [ok(pod.ref, _use(pod)) for pod in self.pods[:SHOWN_HOLDERS]]
        if self.kind is HolderKind.UNKNOWN:
            found.append(unknown(kubernetes_ref("Pod", "?"), t("who uses the disk there is not known")))
        return tuple(found)


def _use(pod: Pod) -> Text:
    deadline = pod.metadata.deletion_timestamp
    if deadline is not None:
        return t("uses the disk, and is to be gone by {deadline}", deadline=deadline.isoformat())
    return t("uses the disk")


def held_elsewhere(
    volume: PersistentVolume, disk: Disk, pod: Pod, node: Node, holders: Sequence[Holder], event: str
) -> Finding:
    """Make the finding that a Pod waits on a node for a disk which other instances hold."""
    first = holders[0]
    evidence: dict[str, Evidence] = {
        "disk": disk.id,
        "disk_status": disk.status,
        "multi_attach": disk.multi_attach,
        "held_by_instances": disk.holders,
        "holder": first.kind.value,
        "holding_pods": sorted({held.key for holder in holders for held in holder.pods}),
        "holding_nodes": sorted({holder.node.name for holder in holders if holder.node}),
        "waiting_pod": pod.key,
        "wanted_on_node": node.name,
        "wanted_on_instance": node.instance_id,
        "stale_attachments": [
            f"{held.name} ({held.spec.node_name})" for holder in holders if (held := holder.attachment) is not None
        ],
        "event": event or None,
    }
    namespace, _, claim = (volume.claim_key or "").partition("/")
    return Finding(
        subject=volume.ref,
        fault="held-elsewhere",
        # While it is being attached or detached, it may be on its way: how long it has been, nothing says.
        certainty=Certainty.CONFIRMED if disk.status == "In_use" else Certainty.LIKELY,
        message=t(
            "Pod {pod} waits on node {node} for disk {disk}, which is attached to {holder}",
            pod=pod.key,
            node=node.name,
            disk=disk.id,
            holder=first.said,
        ),
        why=t(
            "A disk can be attached to one instance at a time. By default the storage driver takes a disk away from "
            "where it is before it attaches it (DISK_FORCE_DETACHED), and only Kubernetes' own check of ReadWriteOnce "
            "volumes guards the present user: where two volumes name one disk, or a machine outside the cluster uses "
            "it, the disk can be pulled from under what runs there. The risk as such is what "
            "storage/disk-shared-by-several-pods reports."
        ),
        trail=(
            ok(pod.ref, t("waits on node {node}", node=node.name)),
            ok(node.ref),
            *((ok(kubernetes_ref("PersistentVolumeClaim", claim, namespace)),) if claim else ()),
            ok(volume.ref),
            broken(
                disk.ref,
                t("status {status}, attached to {instances}", status=disk.status or "", instances=disk.holders),
            ),
            *(hop for holder in holders for hop in holder.hops),
        ),
        evidence=evidence,
        remedy=_remedy(disk, pod, first),
        affected=(pod.ref,),
    )


def stale_attachment(
    volume: PersistentVolume, disk: Disk, pod: Pod, node: Node, attachment: VolumeAttachment, event: str
) -> Finding:
    """Make the finding that Kubernetes takes a free disk for one that is attached elsewhere."""
    return Finding(
        subject=volume.ref,
        fault="stale-attachment",
        certainty=Certainty.LIKELY,
        message=t(
            "Pod {pod} waits on node {node} for disk {disk}: it is attached to nothing, but VolumeAttachment "
            "{attachment} still claims it for node {other}, where no Pod uses it",
            pod=pod.key,
            node=node.name,
            disk=disk.id,
            attachment=attachment.name,
            other=attachment.spec.node_name,
        ),
        trail=(
            ok(pod.ref, t("waits on node {node}", node=node.name)),
            ok(volume.ref),
            ok(disk.ref, t("status {status}", status=disk.status or "")),
            broken(attachment.ref, t("claims it for node {node}", node=attachment.spec.node_name)),
        ),
        evidence={
            "disk": disk.id,
            "disk_status": disk.status,
            "waiting_pod": pod.key,
            "wanted_on_node": node.name,
            "attachment": attachment.name,
            "attachment_node": attachment.spec.node_name,
            "event": event,
        },
        remedy=(_describe(pod), _drop_attachment(attachment)),
        affected=(pod.ref,),
    )


def _describe(pod: Pod) -> Step:
    return step(
        t("Confirm that the Pod waits for the volume."), "kubectl", "-n", pod.namespace, "describe", "pod", pod.name
    )


def _drop_attachment(attachment: VolumeAttachment) -> Step:
    return step(
        t(
            "Delete the stale VolumeAttachment, so that the driver detaches the disk. First make sure that nothing on "
            "the node still writes to it: if the node can't be reached, stop its instance, or the file system may be "
            "damaged."
        ),
        *("kubectl", "delete", "volumeattachment", attachment.name),
    )


def _let_go_of(node: Node | None) -> tuple[Step, ...]:
    """Return how to free what a node holds that does not answer; nothing for one that is Ready."""
    if node is None or node.is_ready:
        return ()
    return (
        step(
            t(
                "Node {node} is not Ready. If it does not come back: stop its instance, make sure that it is stopped, "
                "then mark the node as out of service (Kubernetes 1.26 and later): its Pods are deleted, and their "
                "disks detached. Take the taint away before the node is used again.",
                node=node.name,
            ),
            *("kubectl", "taint", "node", node.name, "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"),
        ),
    )


def _remedy(disk: Disk, pod: Pod, holder: Holder) -> tuple[Step, ...]:
    confirm = step(
        t("Confirm who holds the disk."),
        *("aliyun", "ecs", "DescribeDisks", "--RegionId", disk.region or "<region>", "--DiskIds", f'["{disk.id}"]'),
    )
    cure: tuple[Step, ...]
    match holder.kind:
        case HolderKind.POD:
            held = holder.pods[0]
            cure = (
                step(
                    t(
                        "Decide which of the Pods is to have the disk, and scale the other's workload down. Pods of "
                        "one workload that share a disk need one replica and the strategy Recreate, or a NAS volume."
                    ),
                    *("kubectl", "-n", held.namespace, "get", "pod", held.name),
                    *((pod.name,) if pod.namespace == held.namespace else ()),
                    *("-o", "wide"),
                ),
                step(
                    t(
                        "If the holder is to go, delete it and wait until it has ended: then the disk is detached by "
                        "itself. Don't force its deletion while its node runs: two writers destroy a file system."
                    ),
                    *("kubectl", "-n", held.namespace, "delete", "pod", held.name),
                ),
                *_let_go_of(holder.node),
            )
        case HolderKind.ATTACHMENT if holder.attachment is not None:
            cure = (*_let_go_of(holder.node), _drop_attachment(holder.attachment))
        case HolderKind.OUTSIDE:
            cure = (
                *((_drop_attachment(holder.attachment),) if holder.attachment else ()),
                step(
                    t(
                        "Ask who runs that machine, and what it does with the disk. If it no longer needs it: unmount "
                        "the file system there, then detach the disk. Detached while mounted, it loses what was not "
                        "yet written."
                    ),
                    *("aliyun", "ecs", "DetachDisk", "--InstanceId", holder.instance_id, "--DiskId", disk.id),
                ),
            )
        case _:
            cure = (
                step(
                    t(
                        "Make sure that nothing on that instance has the disk mounted, then detach it. Detached while "
                        "mounted, it loses what was not yet written."
                    ),
                    *("aliyun", "ecs", "DetachDisk", "--InstanceId", holder.instance_id, "--DiskId", disk.id),
                ),
            )
    look = step(
        t("See which attachments the volume has."),
        *("kubectl", "get", "volumeattachment", "-o"),
        "custom-columns=NAME:.metadata.name,PV:.spec.source.persistentVolumeName,NODE:.spec.nodeName",
    )
    return (_describe(pod), confirm, look, *cure)
