"""Several Pods are to use one disk, which only one node can have.

A disk volume works for several Pods as long as they happen to be on one node. A Deployment of two replicas, a rollout
that starts the new Pod before the old one has ended, or two volumes that name one disk put them on two: then a Pod
waits for the disk for ever, or the driver pulls it from under the Pod that has it. For shared data there is NAS; for
data of each Pod's own, a StatefulSet with a claim each.
"""

import re
from collections.abc import Iterator, Sequence
from math import ceil

from auditor.facts.joins.claim_workloads import ClaimWorkloads
from auditor.facts.joins.disk_users import DiskUsers
from auditor.facts.joins.volumes import VolumeDisks, VolumeUsers
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import (
    DISK_CSI_DRIVER,
    DISK_FLEX_DRIVER,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
)
from auditor.facts.kubernetes.workloads import Deployment, StatefulSet
from auditor.facts.rules.node_pinning import is_nailed_to_a_node
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
from checks.storage._disk_sharing_findings import (
    Shared,
    on_several_nodes,
    one_handle,
    read_write_many,
    several_replicas,
    surging_rollout,
)

check = Check(
    severity=Severity.MEDIUM,
    causes=("S1",),
    since="0.1.0",
    symptoms=("disk-mount-fails",),
    limits=(
        "Replicas that an autoscaler may add later are not counted; nor are volumes that Pods name without a claim.",
    ),
    links=("https://help.aliyun.com/document_detail/286495.html",),
)

LEGACY_CLASS = "volume.beta.kubernetes.io/storage-class"
MANY = "ReadWriteMany"
DISK_PROVISIONERS = (DISK_CSI_DRIVER, DISK_FLEX_DRIVER)
DEFAULT_SURGE = "25%"
"""What a Deployment that does not say is rolled out with (Deployment in the Kubernetes API reference)."""
_PERCENT = re.compile(r"(\d+)%")


def subjects(
    persistent_volumes: Table[PersistentVolume], persistent_volume_claims: Table[PersistentVolumeClaim]
) -> Iterator[PersistentVolume | PersistentVolumeClaim]:
    # Each table stands for itself: when one can't be read, the subjects of the other are still looked at.
    if not persistent_volumes.is_unavailable:
        yield from (volume for volume in persistent_volumes.known_rows() if volume.disk_id is not None)
    if not persistent_volume_claims.is_unavailable:
        yield from (claim for claim in persistent_volume_claims.known_rows() if not claim.spec.volume_name)


def judge(
    subject: PersistentVolume | PersistentVolumeClaim,
    storage_classes: Table[StorageClass],
    volume_disks: VolumeDisks,
    volume_users: VolumeUsers,
    disk_users: DiskUsers,
    claim_workloads: ClaimWorkloads,
) -> Iterator[Verdict]:
    if isinstance(subject, PersistentVolume):
        yield from _judge_volume(subject, volume_disks, volume_users, disk_users, claim_workloads)
    else:
        yield from _judge_claim(subject, storage_classes, volume_users, claim_workloads)


def _judge_volume(
    volume: PersistentVolume,
    volume_disks: VolumeDisks,
    volume_users: VolumeUsers,
    disk_users: DiskUsers,
    claim_workloads: ClaimWorkloads,
) -> Iterator[Verdict]:
    if not _is_usable(volume):
        yield NotApplicable(t("the volume is released or being deleted: no Pod can use it"))
        return
    shared = Shared(volume, (volume.claim_key or "") if volume.is_bound else "", volume.spec.access_modes or [])
    findings: list[Finding] = []
    reasons: list[Reason] = []
    if MANY in shared.access_modes:
        findings.append(read_write_many(shared, _driver(volume)))
    elif shared.claim_key:
        try:
            findings += _listed(_sharing(shared, volume_users, claim_workloads, reasons))
        except NotKnown as gap:
            reasons += gap.reasons
    try:
        twins = sorted((row for row in disk_users.volumes_of(volume.disk_id or "") if _is_usable(row)), key=_name)
        if volume.disk_id and len(twins) > 1 and twins[0].name == volume.name:
            findings.append(one_handle(twins))
    except NotKnown as gap:
        reasons += gap.reasons
    if findings:
        try:
            if _is_shareable(volume, volume_disks):
                findings, reasons = [], []
        except NotKnown as gap:
            yield NotEvaluated((*reasons, *gap.reasons))
            return
    yield from _told(findings, reasons)


def _judge_claim(
    claim: PersistentVolumeClaim,
    storage_classes: Table[StorageClass],
    volume_users: VolumeUsers,
    claim_workloads: ClaimWorkloads,
) -> Iterator[Verdict]:
    """Judge a claim that waits for its volume: only its class can tell that it will be a disk."""
    if claim.metadata.deletion_timestamp is not None:
        yield NotApplicable(t("the claim is being deleted"))
        return
    name = claim.spec.storage_class_name or claim.annotations.get(LEGACY_CLASS, "")
    storage_class = storage_classes.get(name) if name else None
    if storage_class is None or storage_class.provisioner not in DISK_PROVISIONERS:
        yield NotApplicable(t("the claim asks for no disk"))
        return
    if _makes_shareable_disks(storage_class):
        yield Passed()
        return
    shared = Shared(claim, claim.key, claim.spec.access_modes or [])
    findings: list[Finding] = []
    reasons: list[Reason] = []
    if MANY in shared.access_modes:
        findings.append(read_write_many(shared, storage_class.provisioner))
    else:
        try:
            findings += _listed(_sharing(shared, volume_users, claim_workloads, reasons))
        except NotKnown as gap:
            reasons += gap.reasons
    yield from _told(findings, reasons)


def _is_usable(volume: PersistentVolume) -> bool:
    """Tell whether a Pod uses a volume, or can come to use it."""
    return volume.is_bound or not (volume.is_released or volume.metadata.deletion_timestamp)


def _told(findings: Sequence[Finding], reasons: Sequence[Reason]) -> Iterator[Verdict]:
    yield from findings
    if reasons:
        yield NotEvaluated(tuple(reasons))
    elif not findings:
        yield Passed()


def _sharing(
    shared: Shared, users: VolumeUsers, claim_workloads: ClaimWorkloads, reasons: list[Reason]
) -> Finding | None:
    """Return what puts the users of a claim on several nodes. Raises NotKnown where that is not decided."""
    pods = sorted((pod for pod in users.known_of_claim(shared.claim_key) if not pod.is_terminating), key=_name)
    placed = [pod for pod in pods if pod.node_name]
    if len({pod.node_name for pod in placed}) > 1:
        return on_several_nodes(shared, placed)
    gaps = users.reasons_for(shared.claim_key)
    workloads = sorted(claim_workloads.known_of_claim(shared.claim_key), key=_name)
    for workload in workloads:
        if workload.replicas > 1 and not is_nailed_to_a_node(workload):
            if gaps:
                raise NotKnown(*gaps)
            if len(placed) < workload.replicas or len(placed) < len(pods):
                return several_replicas(shared, workload, pods)
    for workload in workloads:
        if isinstance(workload, Deployment) and workload.replicas == 1 and not is_nailed_to_a_node(workload):
            surge, is_assumed = _surge(workload)
            if _is_surging(surge, workload.replicas):
                reasons += gaps
                return surging_rollout(shared, workload, pods, surge, is_assumed=is_assumed)
    reasons += (*gaps, *claim_workloads.reasons_for(shared.claim_key))
    return None


def _surge(workload: Deployment) -> tuple[str, bool]:
    """Return what a rollout may add, as it is said or by Kubernetes' default, and whether it is the default."""
    strategy = workload.spec.strategy
    if strategy is not None and strategy.type == "Recreate":
        return "0", False
    given = strategy.rolling_update.max_surge if strategy and strategy.rolling_update else None
    return (DEFAULT_SURGE, True) if given is None else (str(given), False)


def _is_surging(surge: str, replicas: int) -> bool:
    percent = _PERCENT.fullmatch(surge)
    return ceil(int(percent[1]) * replicas / 100) > 0 if percent else surge.isdecimal() and int(surge) > 0


def _is_shareable(volume: PersistentVolume, volume_disks: VolumeDisks) -> bool:
    """Tell whether the disk may be attached to several instances: then sharing it is what it is for."""
    if _says_multi_attach((volume.spec.csi and volume.spec.csi.volume_attributes) or {}):
        return True
    disk = volume_disks.of(volume)
    if disk is None:
        return False
    return said(disk.multi_attach, "ecs", t("whether disk {disk} can be attached several times", disk=disk.id))


def _makes_shareable_disks(storage_class: StorageClass) -> bool:
    return _says_multi_attach(storage_class.parameters or {})


def _says_multi_attach(parameters: dict[str, str]) -> bool:
    return any(
        key.lower() == "multiattach" and value.lower() in ("true", "enabled") for key, value in parameters.items()
    )


def _driver(volume: PersistentVolume) -> str:
    source = volume.spec.csi or volume.spec.flex
    return source.driver if source else ""


def _listed(finding: Finding | None) -> list[Finding]:
    return [] if finding is None else [finding]


def _name(row: PersistentVolume | Pod | Deployment | StatefulSet) -> str:
    return row.key
