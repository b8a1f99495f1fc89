"""A claim waits for a provisioner that nobody runs.

A storage class names the provisioner that makes its volumes. If none runs in the cluster, the claim stays Pending with
"waiting for a volume to be created, either by external provisioner … or manually created by system administrator", and
its Pods never start. On ACK it is csi-provisioner that makes disk, NAS and OSS volumes; clusters with the older
Flexvolume need alicloud-disk-controller and alicloud-nas-controller in its place, and clusters before Kubernetes 1.16
were made without the latter.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from auditor.facts.cloud.cs import Cluster
from auditor.facts.joins.object_events import ObjectEvents
from auditor.facts.joins.provisioners import Provisioners, Running
from auditor.facts.joins.volumes import VolumeUsers
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import (
    NAS_CSI_DRIVER,
    NAS_FLEX_DRIVER,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
)
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.volume_waiting import STILL_NORMAL
from auditor.judge.api import (
    Certainty,
    Check,
    NotApplicable,
    NotEvaluated,
    NotKnown,
    Passed,
    Severity,
    Table,
    Verdict,
    t,
)
from checks.storage._provisioner_findings import Waiting, no_class, no_provisioner

check = Check(
    severity=Severity.HIGH,
    causes=("S9",),
    since="0.1.0",
    symptoms=("pvc-pending",),
    limits=(
        "A provisioner that is not ACK's is found by the names of workloads, their images and their flags alone.",
        "A claim that its provisioner has refused to serve is not looked at: its events say why.",
    ),
    links=("https://help.aliyun.com/document_detail/286976.html",),
)

NO_PROVISIONER = "kubernetes.io/no-provisioner"
"""The provisioner of classes whose volumes are made by hand."""
CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
"""What the scheduler writes on a claim when a Pod that uses it has got a node: then the volume is to be made."""
EXTERNAL = "ExternalProvisioning"
TAKEN = "Provisioning"
"""The reason of the event with which a provisioner says that it has taken a claim on."""
_VERSION = re.compile(r"v?(?P<major>\d+)\.(?P<minor>\d+)")
INSTALLED_SINCE = (1, 16)
"""Before this version ACK did not install ``alicloud-nas-controller`` with Flexvolume by itself."""


def subjects(persistent_volume_claims: Table[PersistentVolumeClaim]) -> Iterable[PersistentVolumeClaim]:
    return (claim for claim in persistent_volume_claims.known_rows() if claim.status.phase == "Pending")


def judge(
    claim: PersistentVolumeClaim,
    storage_classes: Table[StorageClass],
    persistent_volumes: Table[PersistentVolume],
    volume_users: VolumeUsers,
    provisioners: Provisioners,
    object_events: ObjectEvents,
    clusters: Table[Cluster],
    cluster: ClusterIdentity,
    observed_at: datetime,
) -> Iterator[Verdict]:
    if claim.metadata.deletion_timestamp is not None:
        yield NotApplicable(t("the claim is being deleted"))
        return
    made = claim.metadata.creation_timestamp
    if made is not None and observed_at - made < STILL_NORMAL:
        yield NotApplicable(t("the claim was made only just now"))
        return
    name = claim.annotations.get(CLASS_ANNOTATION) or claim.spec.storage_class_name
    if claim.spec.volume_name or not name:
        yield NotApplicable(t("the claim waits for a volume that is made by hand"))
        return
    waiting = Waiting(claim, name, tuple(volume_users.known_of_claim(claim.key)), _event(claim, object_events))
    storage_class = storage_classes.get(name)
    if storage_class is None:
        yield _judge_without_class(waiting, persistent_volumes)
        return
    provisioner = storage_class.provisioner
    if provisioner == NO_PROVISIONER:
        yield NotApplicable(t("the volumes of class {name} are made by hand", name=name))
        return
    certainty = _certainty(waiting, storage_class, volume_users)
    if certainty is None:
        yield NotApplicable(t("the claim waits for its first consumer"))
        return
    runner = provisioners.of(provisioner)
    if runner.running in (Running.YES, Running.STARTING):
        yield Passed()
        return
    if runner.running is Running.UNSEEN:
        if any(event.reason == TAKEN for event in object_events.about(claim.ref)):
            yield Passed()
            return
        if object_events.reasons:
            yield NotEvaluated(object_events.reasons)  # one may say that it was taken on
            return
        certainty = Certainty.LIKELY
    flexvolume = provisioner in (NAS_CSI_DRIVER, NAS_FLEX_DRIVER) and _is_flexvolume(provisioners)
    is_old = flexvolume and _is_old(clusters, cluster)
    yield no_provisioner(waiting, storage_class, runner, certainty, is_flexvolume=flexvolume, is_before_default=is_old)


def _event(claim: PersistentVolumeClaim, object_events: ObjectEvents) -> str:
    """Return what the controller said of whom the claim waits for; empty if no event is there."""
    return next((event.message for event in object_events.about(claim.ref) if event.reason == EXTERNAL), "")


def _judge_without_class(waiting: Waiting, persistent_volumes: Table[PersistentVolume]) -> Verdict:
    """Judge a claim whose class does not exist: its name may stand for volumes that are made by hand."""
    same = persistent_volumes.where("class", lambda row: row.spec.storage_class_name, waiting.class_name)
    if any(volume.status.phase == "Available" for volume in same):
        return NotApplicable(t("the claim waits to be bound to a volume that is made by hand"))
    return no_class(waiting, Certainty.LIKELY if same else Certainty.CONFIRMED)


def _certainty(waiting: Waiting, storage_class: StorageClass, volume_users: VolumeUsers) -> Certainty | None:
    """Return how sure it is that the claim waits for the provisioner, and for nothing else; None if it does not yet.

    With WaitForFirstConsumer nobody is asked before a Pod that uses the claim has got a node.
    """
    if storage_class.volume_binding_mode != "WaitForFirstConsumer":
        return Certainty.CONFIRMED
    if SELECTED_NODE in waiting.claim.annotations or waiting.event:
        return Certainty.CONFIRMED
    users: list[Pod] = [pod for pod in volume_users.of_claim(waiting.claim.key) if not pod.is_terminating]
    return Certainty.LIKELY if users else None


def _is_flexvolume(provisioners: Provisioners) -> bool:
    """Tell whether it is a Flexvolume cluster, to say so: where that is not known, it is not said."""
    try:
        return provisioners.is_flexvolume_cluster()
    except NotKnown:
        return False


def _is_old(clusters: Table[Cluster], cluster: ClusterIdentity) -> bool:
    """Tell whether the cluster was made before the controller was installed by default; as above."""
    try:
        row = clusters.get(cluster.cluster_id)
    except NotKnown:
        return False
    found = _VERSION.match((row.initial_version or row.version or "") if row else "")
    return found is not None and (int(found["major"]), int(found["minor"])) < INSTALLED_SINCE
