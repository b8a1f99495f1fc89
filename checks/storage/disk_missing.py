"""The disk that a volume names does not exist.

A volume names its disk by a handle, and nothing compares the two until a Pod wants the volume: then the disk can't be
attached, and the Pod stays in ContainerCreating with "can't find disk". It happens when a disk was deleted in the
console while its volume was kept, when the name of the disk was written into the volume in place of its id, and when
manifests were copied from a cluster in another region: a disk can be used in its own region only.
"""

import re
from collections.abc import Iterable, Iterator

from auditor.facts.cloud.ecs import Disk
from auditor.facts.joins.disk_users import DiskUsers
from auditor.facts.joins.volumes import VolumeDisks
from auditor.facts.kubernetes.volumes import PersistentVolume
from auditor.facts.landscape import ClusterIdentity
from auditor.judge.api import (
    Check,
    Evidence,
    Finding,
    Hop,
    NotApplicable,
    Passed,
    Severity,
    Step,
    Table,
    Text,
    Verdict,
    broken,
    cloud_ref,
    kubernetes_ref,
    ok,
    step,
    t,
)

check = Check(
    severity=Severity.HIGH,
    causes=("S3",),
    since="0.1.0",
    symptoms=("disk-mount-fails", "pvc-pending"),
    limits=("A disk of another account, or one that the auditor's own policy hides, looks like one that is gone.",),
    links=("https://help.aliyun.com/document_detail/286495.html",),
)

REGION_LABELS = ("topology.diskplugin.csi.alibabacloud.com/region", "topology.kubernetes.io/region")
SHOWN_PODS = 5
"""How many Pods the trail lists."""
_DISK_ID = re.compile(r"d-[a-z0-9-]+")


def subjects(persistent_volumes: Table[PersistentVolume]) -> Iterable[PersistentVolume]:
    return (volume for volume in persistent_volumes.known_rows() if volume.disk_id is not None)


def judge(
    volume: PersistentVolume, volume_disks: VolumeDisks, disk_users: DiskUsers, cluster: ClusterIdentity
) -> Iterator[Verdict]:
    if volume.is_released or (volume.metadata.deletion_timestamp and not volume.is_bound):
        yield NotApplicable(t("the volume is released or being deleted: its disk may be gone"))
        return
    handle = volume.disk_id or ""
    if not _DISK_ID.fullmatch(handle):
        yield _no_disk_id(volume, handle, disk_users, cluster)
        return
    disk = volume_disks.of(volume)
    if disk is None:
        yield _absent(volume, handle, disk_users, cluster)
    elif disk.region and cluster.region and disk.region != cluster.region:
        yield _in_other_region(volume, disk, disk_users, cluster)
    else:
        yield Passed()


def _no_disk_id(volume: PersistentVolume, handle: str, users: DiskUsers, cluster: ClusterIdentity) -> Finding:
    message = (
        t("the volume names {handle} as its disk, which is no disk id: those are of the form d-…", handle=repr(handle))
        if handle
        else t("the volume names no disk: its handle is empty")
    )
    hop = broken(volume.ref, t("its handle is {handle}", handle=repr(handle)))
    return _finding(volume, "no-disk-id", message, (hop,), {"handle": handle}, users, cluster)


def _absent(volume: PersistentVolume, handle: str, users: DiskUsers, cluster: ClusterIdentity) -> Finding:
    named = next((volume.labels[label] for label in REGION_LABELS if label in volume.labels), "")
    elsewhere = named and cluster.region and named != cluster.region
    message = (
        t(
            "disk {disk} does not exist in region {region}: by the volume's label it is in region {named}",
            disk=handle,
            region=cluster.region,
            named=named,
        )
        if elsewhere
        else t("disk {disk} does not exist in region {region}", disk=handle, region=cluster.region or "")
    )
    trail = (
        ok(volume.ref, t("names disk {disk}", disk=handle)),
        broken(cloud_ref("Disk", handle), t("DescribeDisks has no such disk")),
    )
    evidence: dict[str, Evidence] = {"handle": handle, "region": cluster.region, "region_by_label": named or None}
    return _finding(volume, "no-such-disk", message, trail, evidence, users, cluster)


def _in_other_region(volume: PersistentVolume, disk: Disk, users: DiskUsers, cluster: ClusterIdentity) -> Finding:
    message = t(
        "disk {disk} is in region {other}, the cluster in region {region}: it can't be attached",
        disk=disk.id,
        other=disk.region or "",
        region=cluster.region,
    )
    trail = (
        ok(volume.ref, t("names disk {disk}", disk=disk.id)),
        broken(disk.ref, t("is in region {region}", region=disk.region or "")),
    )
    evidence: dict[str, Evidence] = {"handle": disk.id, "region": cluster.region, "disk_region": disk.region}
    return _finding(volume, "in-other-region", message, trail, evidence, users, cluster)


def _finding(
    volume: PersistentVolume,
    fault: str,
    message: Text,
    trail: tuple[Hop, ...],
    evidence: dict[str, Evidence],
    users: DiskUsers,
    cluster: ClusterIdentity,
) -> Finding:
    pods = [pod for pod in users.known_of(volume) if not pod.is_terminating]
    namespace, _, claim = (volume.claim_key or "").partition("/")
    claimed = (ok(kubernetes_ref("PersistentVolumeClaim", claim, namespace)),) if claim else ()
    return Finding(
        subject=volume.ref,
        fault=fault,
        message=message,
        trail=(*(ok(pod.ref, t("uses the volume")) for pod in pods[:SHOWN_PODS]), *claimed, *trail),
        evidence={**evidence, "claim": volume.claim_key, "phase": volume.status.phase, "pods": [p.key for p in pods]},
        remedy=_remedy(volume, cluster.region),
    )


def _looked_for(handle: str, region: str) -> tuple[Step, ...]:
    """Return how to look for the disk that is meant: by its id; what is no id may be its name."""
    if not handle:
        return ()
    disks = ("aliyun", "ecs", "DescribeDisks", "--RegionId", region or "<region>")
    if not _DISK_ID.fullmatch(handle):
        return (step(t("The handle may be the disk's name: look for its id by it."), *disks, "--DiskName", handle),)
    return (
        step(
            t("Look for the disk by its id, also in the other regions and accounts that the team uses."),
            *(*disks, "--DiskIds", f'["{handle}"]'),
        ),
        step(
            t("Look for a snapshot that was taken of it: a snapshot outlives its disk."),
            *("aliyun", "ecs", "DescribeSnapshots", "--RegionId", region or "<region>", "--DiskId", handle),
        ),
    )


def _remedy(volume: PersistentVolume, region: str) -> tuple[Step, ...]:
    return (
        *_looked_for(volume.disk_id or "", region),
        step(t("See what the volume names."), "kubectl", "get", "pv", volume.name, "-o", "yaml"),
        step(
            t(
                "A volume's handle can't be changed. Set the reclaim policy to Retain, stop the workload, delete the "
                "claim and the volume, and make both anew with the id of the right disk, or of one made from the "
                "snapshot in a zone of the cluster's nodes. With any other policy a disk that is found is deleted "
                "with its volume."
            ),
            *("kubectl", "patch", "pv", volume.name, "-p", '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}'),
        ),
        step(
            t(
                "Without disk and snapshot the data is gone: delete the claim, and let the class make a new, empty "
                "disk. The workload must be able to start on one."
            )
        ),
    )
