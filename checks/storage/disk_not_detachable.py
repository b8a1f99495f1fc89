"""A disk of a volume can't be detached from its instance.

A subscription disk that is not portable lives and dies with its instance: no API call can detach it. Disks become so
when their instance is converted from pay-as-you-go to subscription, which converts its disks along with it unless
one takes care. From then on the Pod can run on that one node only; when it is moved, drained or its node fails, it
waits for ever. An instance that Alibaba Cloud has locked, for security reasons or for an unpaid bill, holds its disks
just as fast until the lock is lifted.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from auditor.facts.cloud.ecs import Disk, Instance
from auditor.facts.joins.nodes import NodeInstances
from auditor.facts.joins.volumes import DiskHolders, VolumeDisks, VolumeUsers
from auditor.facts.kubernetes.events import Event
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import AttachError, PersistentVolume, VolumeAttachment
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.scheduling import is_gated, matches_node
from auditor.judge.api import (
    Certainty,
    Check,
    Evidence,
    Finding,
    Hop,
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
    broken,
    cloud_ref,
    ok,
    said,
    step,
    t,
)

check = Check(
    severity=Severity.HIGH,
    causes=("S4",),
    since="0.1.0",
    symptoms=("disk-detach-fails",),
    limits=("Events live for about one hour: a detach that failed earlier shows only in its VolumeAttachment or Pod.",),
    links=("https://help.aliyun.com/document_detail/286495.html",),
)

HOLDING_LOCKS = ("security", "financial")
"""The reasons of an instance's lock under which its disks can't be detached."""

REFUSALS = ("disknotportable", "should be pay-as-you-go", "the specified disk is not a portable disk")
"""What the CSI driver and ECS say when they refuse a subscription disk, in lower case."""

OVERDUE = timedelta(minutes=2)
"""How long after its grace period a Pod that is being deleted counts as one that can't let go of its disk."""


def subjects(persistent_volumes: Table[PersistentVolume]) -> Iterable[PersistentVolume]:
    return (volume for volume in persistent_volumes.known_rows() if volume.disk_id is not None)


def judge(
    volume: PersistentVolume,
    volume_disks: VolumeDisks,
    disk_holders: DiskHolders,
    volume_attachments: Table[VolumeAttachment],
    volume_users: VolumeUsers,
    nodes: Table[Node],
    node_instances: NodeInstances,
    events: Table[Event],
    cluster: ClusterIdentity,
    observed_at: datetime,
) -> Iterator[Verdict]:
    disk = volume_disks.of(volume)
    if disk is None:
        yield NotApplicable(t("the disk does not exist"))
        return
    reasons: list[Reason] = []
    nailed = False
    holders: list[Instance] = []
    locked: list[Instance] = []
    try:
        nailed = _is_nailed(disk)
    except NotKnown as gap:
        reasons += gap.reasons
    try:
        holders = disk_holders.of(disk)
        locked = [instance for instance in holders if _locks_of(instance)]
    except NotKnown as gap:
        reasons += gap.reasons
    findings: list[Finding] = []
    if nailed or locked:
        signs = _Signs(volume, disk, observed_at)
        signs.read(volume_attachments, volume_users, nodes, node_instances)
        findings += [_locked(instance, signs) for instance in locked]
        if nailed:
            signs.read_events(events, volume_users)
            try:
                if signs.waits or _is_attached(disk, signs):
                    findings.append(_not_portable(signs, holders, cluster.region))
            except NotKnown as gap:
                reasons += gap.reasons
        reasons += signs.reasons
    yield from findings
    if reasons:
        yield NotEvaluated(tuple(reasons))
    elif not findings:
        yield Passed()


def _is_nailed(disk: Disk) -> bool:
    charge_type = said(disk.charge_type, "ecs", t("the charge type of disk {disk}", disk=disk.id))
    if charge_type != "PrePaid":
        return False
    return not said(disk.portable, "ecs", t("whether disk {disk} is portable", disk=disk.id))


def _locks_of(instance: Instance) -> list[str]:
    what = t("the locks of instance {instance}", instance=instance.id)
    return [lock for lock in said(instance.lock_reasons, "ecs", what) if lock.lower() in HOLDING_LOCKS]


def _is_attached(disk: Disk, signs: "_Signs") -> bool:
    if disk.holders or signs.attached:
        return True
    return said(disk.status, "ecs", t("the status of disk {disk}", disk=disk.id)) != "Available"


@dataclass
class _Signs:
    """The signs that somebody waits for the disk to be detached, or failed to detach it."""

    volume: PersistentVolume
    disk: Disk
    observed_at: datetime
    attached: bool = False
    hops: list[Hop] = field(default_factory=list)
    pods: list[Ref] = field(default_factory=list)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    reasons: list[Reason] = field(default_factory=list)

    @property
    def waits(self) -> bool:
        """Whether there is any sign."""
        return bool(self.evidence)

    @property
    def certainty(self) -> Certainty:
        """How sure a fault of the disk is: one that nobody meets yet is a risk."""
        return Certainty.CONFIRMED if self.waits else Certainty.AT_RISK

    @property
    def severity(self) -> Severity:
        """How bad a fault of the disk is."""
        return Severity.HIGH if self.waits else Severity.MEDIUM

    def read(
        self,
        attachments: Table[VolumeAttachment],
        users: VolumeUsers,
        nodes: Table[Node],
        node_instances: NodeInstances,
    ) -> None:
        """Read the attachments, the state of the disk and where its Pods are."""
        if self.disk.status == "Detaching":
            self.evidence["disk_status"] = "Detaching"
        try:
            for row in attachments.where("volume_name", lambda row: row.volume_name, self.volume.name):
                self._read_attachment(row)
        except NotKnown as gap:
            self.reasons += gap.reasons
        try:
            pods = users.of(self.volume)
        except NotKnown as gap:
            self.reasons += gap.reasons
            return
        for pod in pods:
            if pod.is_terminating:
                self._read_deletion(pod)
                continue
            try:
                moved = self._has_moved(pod, nodes, node_instances)
            except NotKnown as gap:
                self.reasons += gap.reasons
                continue
            if moved:
                self._add_waiting(pod, t("waits for the disk on another node"))
            elif pod.node_name:
                self.hops.append(ok(pod.ref, t("uses the volume on node {node}", node=pod.node_name)))

    def read_events(self, events: Table[Event], users: VolumeUsers) -> None:
        """Read the events that say of this disk that it is not portable."""
        try:
            refusals = events.where("says that a disk is not portable", _says_not_portable, True)
            # A Pod of several claims may be refused another disk: then only an event that names this one counts.
            pods = [pod for pod in users.of(self.volume) if len(pod.claim_keys) == 1] if refusals else []
        except NotKnown as gap:
            self.reasons += gap.reasons
            return
        about = {
            f"PersistentVolume//{self.volume.name}",
            f"PersistentVolumeClaim/{self.volume.claim_key}",
            *(f"Pod/{pod.key}" for pod in pods),
        }
        named = re.compile(rf"(?<![\w-])({re.escape(self.disk.id)}|{re.escape(self.volume.name)})(?![\w-])")
        for event in refusals:
            if event.about in about or named.search(event.message):
                self.evidence["event"] = event.message
                return

    def _read_attachment(self, row: VolumeAttachment) -> None:
        self.attached = self.attached or row.status.attached
        error = row.status.detach_error or self._refusal_in(row.status.attach_error)
        if row.metadata.deletion_timestamp is None and error is None:
            return
        self.evidence["attachment"] = row.name
        if error is not None:
            self.evidence["detach_error"] = error.message
            self.hops.append(broken(row.ref, t("the detach failed: {error}", error=error.message)))
        else:
            self.hops.append(broken(row.ref, t("waits to be detached from node {node}", node=row.spec.node_name)))

    @staticmethod
    def _refusal_in(error: AttachError | None) -> AttachError | None:
        """Return the error of an attach that failed because the driver could not take the disk from its holder."""
        return error if error is not None and _is_refusal(error.message) else None

    def _read_deletion(self, pod: Pod) -> None:
        deadline = pod.metadata.deletion_timestamp
        if self.disk.holders and deadline is not None and deadline + OVERDUE < self.observed_at:
            self._add_waiting(pod, t("is being deleted, and was to be gone by {deadline}", deadline=str(deadline)))

    def _add_waiting(self, pod: Pod, why: Text) -> None:
        self.pods.append(pod.ref)
        self.hops.append(ok(pod.ref, why))
        self.evidence["waiting_pods"] = sorted(ref.path for ref in self.pods)

    def _has_moved(self, pod: Pod, nodes: Table[Node], node_instances: NodeInstances) -> bool:
        """Tell whether a Pod is, or can only be, on another machine than those that hold the disk."""
        holders = self.disk.holders
        if not holders:
            return False
        if pod.node_name:
            node = nodes.get(pod.node_name)
            return node is not None and node.instance_id is not None and node.instance_id not in holders
        if not pod.is_unscheduled or is_gated(pod):
            return False
        held_by = [node_instances.node_of(holder) for holder in holders]
        return not any(node is not None and matches_node(pod, node) for node in held_by)


def _says_not_portable(event: Event) -> bool:
    return _is_refusal(f"{event.reason} {event.message}")


def _is_refusal(text: str) -> bool:
    return any(refusal in text.lower() for refusal in REFUSALS)


def _not_portable(signs: _Signs, holders: Sequence[Instance], region: str) -> Finding:
    disk = signs.disk
    message = (
        t("disk {disk} has to leave its instance, but is a subscription disk that is not portable", disk=disk.id)
        if signs.waits
        else t(
            "disk {disk} is a subscription disk that is not portable: its Pods can run on its instance only",
            disk=disk.id,
        )
    )
    return Finding(
        subject=signs.volume.ref,
        fault="not-portable",
        certainty=signs.certainty,
        severity=signs.severity,
        message=message,
        trail=(
            *signs.hops,
            ok(signs.volume.ref),
            broken(disk.ref, t("DiskChargeType {charge_type}, Portable false", charge_type=disk.charge_type or "")),
            *(ok(cloud_ref("Instance", holder), t("holds the disk")) for holder in disk.holders),
        ),
        evidence={
            "disk": disk.id,
            "charge_type": disk.charge_type,
            "portable": disk.portable,
            "instances": disk.holders,
            "instance_charge_types": sorted({instance.charge_type for instance in holders if instance.charge_type}),
            **signs.evidence,
        },
        remedy=(
            step(
                t("Confirm how the disk is paid for."),
                *("aliyun", "ecs", "DescribeDisks", "--RegionId", disk.region or region or "<region>"),
                *("--DiskIds", f'["{disk.id}"]'),
            ),
            step(
                t(
                    "Convert the disk to pay-as-you-go: it stays attached, and what waits for it is tried again by "
                    "itself. It is billed by the hour from then on; the rest of the subscription is refunded by the "
                    "rules of the account."
                ),
                *("aliyun", "ecs", "ModifyDiskChargeType", "--RegionId", disk.region or region or "<region>"),
                *("--InstanceId", disk.holders[0] if disk.holders else "<instance>"),
                *("--DiskIds", f'["{disk.id}"]', "--DiskChargeType", "PostPaid"),
            ),
            step(
                t(
                    "Until then keep the Pod where the disk is: don't drain, remove or release that node. When "
                    "instances are converted to subscription, leave the disks of volumes out."
                )
            ),
        ),
        affected=tuple(signs.pods),
    )


def _locked(instance: Instance, signs: _Signs) -> Finding:
    locks = _locks_of(instance)
    return Finding(
        subject=signs.volume.ref,
        fault="instance-locked",
        certainty=signs.certainty,
        severity=signs.severity,
        message=t(
            "instance {instance} is locked ({locks}): disk {disk} can't be detached from it",
            instance=instance.id,
            locks=locks,
            disk=signs.disk.id,
        ),
        trail=(
            *signs.hops,
            ok(signs.volume.ref),
            ok(signs.disk.ref, t("is attached to the instance")),
            broken(instance.ref, t("is locked: {locks}", locks=locks)),
        ),
        evidence={
            "disk": signs.disk.id,
            "instance": instance.id,
            "instance_charge_type": instance.charge_type,
            "lock_reasons": locks,
            **signs.evidence,
        },
        remedy=(
            step(
                t("Confirm the lock, and read its message."),
                *("aliyun", "ecs", "DescribeInstances", "--InstanceIds", f'["{instance.id}"]'),
            ),
            step(
                t(
                    "Have the lock lifted: pay the bill (financial), or follow the notice in the Security Center "
                    "console (security). An instance that stays locked is released in the end, with its disks."
                )
            ),
            step(
                t("If the data is needed elsewhere meanwhile, take a snapshot; it holds what was written to the disk."),
                *("aliyun", "ecs", "CreateSnapshot", "--DiskId", signs.disk.id),
            ),
        ),
        affected=tuple(signs.pods),
    )
