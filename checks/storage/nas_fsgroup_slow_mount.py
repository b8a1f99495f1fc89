"""A Pod waits while the owner of every file on its NAS volume is changed.

With ``fsGroup`` in its security context the kubelet gives every file and directory of a volume to that group before
the Pod starts, one after the other. On a disk that is quick; on a NAS file system with millions of files, over the
network, it takes minutes or hours, during which the mount seems to time out and the Pod stays in ContainerCreating
though volume and claim are bound. ACK's NAS driver as it is installed leaves the owners of shared volumes alone:
Flexvolume does not, nor does a driver whose ``fsGroupPolicy`` was set to File.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from auditor.facts.cloud.nas import DirectoryQuotas, FileSystem
from auditor.facts.joins.object_events import ObjectEvents
from auditor.facts.joins.volumes import VolumeMountTargets
from auditor.facts.kubernetes.events import Event
from auditor.facts.kubernetes.extensions import CsiDriver
from auditor.facts.kubernetes.observations import ContainerLog
from auditor.facts.kubernetes.pods import Pod, Volume
from auditor.facts.kubernetes.volumes import (
    NAS_CSI_DRIVER,
    NAS_FLEX_DRIVER,
    CsiVolume,
    PersistentVolume,
    PersistentVolumeClaim,
)
from auditor.facts.rules.log_patterns import FLEXVOLUME
from auditor.facts.rules.nas_servers import place_of
from auditor.facts.rules.volume_waiting import STILL_NORMAL, bound_since, waits_for_volumes
from auditor.judge.api import (
    Certainty,
    Check,
    Evidence,
    Finding,
    NotApplicable,
    NotEvaluated,
    NotKnown,
    Passed,
    Reason,
    Ref,
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
    severity=Severity.MEDIUM,
    causes=("S10",),
    since="0.1.0",
    symptoms=("nas-pod-start-timeout",),
    limits=(
        "How many files a file system has is counted only where a directory quota is set.",
        "Kubernetes says that owners are being changed from version 1.33 on; before, only the kubelet's log does.",
    ),
    links=(
        "https://help.aliyun.com/document_detail/286976.html",
        "https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",
    ),
)

IN_PROGRESS = "VolumePermissionChangeInProgress"
"""The reason of the event with which the kubelet says that it is at it (Kubernetes 1.33 and newer)."""
FAILED = ("FailedMount", "FailedAttachVolume", "FailedMapVolume")
TIMEOUTS = ("timed out waiting for the condition", "context deadline exceeded", "volumepermissionchangeinprogress")
"""What the kubelet says of a mount that takes long, in lower case: anything else is another fault."""
ON_ROOT_MISMATCH = "OnRootMismatch"
BY_TYPE = "ReadWriteOnceWithFSType"
"""The policy of a driver that names none."""
RWO = ("ReadWriteOnce", "ReadWriteOncePod")
SAID_OF_OWNERS = "setting volume ownership"
"""What the kubelet says when it is at it, in lower case."""
OWNERSHIP = "ownership-changed"
"""The known words about it in a driver's log."""


@dataclass(frozen=True)
class Applied:
    """That the owners of a NAS volume's files are changed, and by which rule."""

    volume: PersistentVolume | None
    name: str
    rule: Text
    server: str
    path: str
    evidence: dict[str, Evidence]


def subjects(pods: Table[Pod]) -> Iterable[Pod]:
    return (pod for pod in pods.known_rows() if pod.volumes and _fs_group(pod) is not None and waits_for_volumes(pod))


def judge(
    pod: Pod,
    persistent_volume_claims: Table[PersistentVolumeClaim],
    persistent_volumes: Table[PersistentVolume],
    csi_drivers: Table[CsiDriver],
    object_events: ObjectEvents,
    volume_mount_targets: VolumeMountTargets,
    nas_directory_quotas: Table[DirectoryQuotas],
    container_logs: Table[ContainerLog],
    observed_at: datetime,
) -> Iterator[Verdict]:
    context = pod.spec.security_context
    if context and context.fs_group_change_policy == ON_ROOT_MISMATCH:
        yield NotApplicable(t("owners are changed only where those of the root do not match"))
        return
    reasons: list[Reason] = []
    applied: list[Applied] = []
    for volume in pod.volumes:
        try:
            found = _applied(pod, volume, persistent_volume_claims, persistent_volumes, csi_drivers)
        except NotKnown as gap:
            reasons += gap.reasons
            continue
        applied += [found] if found else []
    if applied:
        event = _in_progress(pod, applied, object_events)
        sizes = _Sizes(volume_mount_targets, nas_directory_quotas)
        said_by_log = _says_so(pod, applied, container_logs)
        if _is_slow(pod, event, said_by_log, object_events, observed_at, reasons):
            sure = event is not None or said_by_log
            yield _finding(pod, applied, event, Certainty.CONFIRMED if sure else Certainty.LIKELY, sizes)
            return
    if reasons:
        yield NotEvaluated(tuple(reasons))
    elif applied:
        yield Passed()
    else:
        yield NotApplicable(t("no owner of a file on NAS is changed for the Pod"))


def _fs_group(pod: Pod) -> int | None:
    return pod.spec.security_context.fs_group if pod.spec.security_context else None


def _applied(
    pod: Pod,
    volume: Volume,
    claims: Table[PersistentVolumeClaim],
    volumes: Table[PersistentVolume],
    drivers: Table[CsiDriver],
) -> Applied | None:
    """Return by which rule the owners on a volume of the Pod are changed; None if they are not.

    Of a volume that is only read nothing is changed, nor of one of the in-tree NFS kind. Raises NotKnown.
    """
    if volume.flex and volume.flex.driver == NAS_FLEX_DRIVER:
        options = volume.flex.options or {}
        if volume.flex.read_only:
            return None
        return Applied(None, volume.name, _BY_FLEX, options.get("server", ""), options.get("path", "/"), {})
    key = _claim_key(pod, volume)
    if key is None or (volume.claim and volume.claim.read_only):
        return None
    claim = claims.get(key)
    if claim is None or claim.status.phase != "Bound" or not claim.spec.volume_name:
        return None
    persistent = volumes.get(claim.spec.volume_name)
    if persistent is None or not persistent.is_bound:
        return None
    spec = persistent.spec
    place = place_of(persistent)
    server, path = (place.server, place.path or "/") if place else ("", "/")
    if spec.flex and spec.flex.driver == NAS_FLEX_DRIVER and not spec.flex.read_only:
        return Applied(persistent, persistent.name, _BY_FLEX, server, path, {"driver": spec.flex.driver})
    if spec.csi and spec.csi.driver == NAS_CSI_DRIVER and not spec.csi.read_only:
        return _applied_by_csi(persistent, spec.csi, server, path, drivers)
    return None


_BY_FLEX = t("Flexvolume always changes them")


def _applied_by_csi(
    volume: PersistentVolume, csi: CsiVolume, server: str, path: str, drivers: Table[CsiDriver]
) -> Applied | None:
    """Return whether the kubelet changes the owners on a CSI volume ("CSIDriver", fsGroupPolicy, of Kubernetes)."""
    driver = drivers.get(csi.driver)
    policy = (driver.spec.fs_group_policy if driver else None) or BY_TYPE
    modes = list(volume.spec.access_modes or ())
    evidence: dict[str, Evidence] = {
        "driver": csi.driver,
        "fs_group_policy": policy,
        "fs_type": csi.fs_type,
        "access_modes": modes,
    }
    if policy == "File":
        return Applied(volume, volume.name, t("fsGroupPolicy File changes them"), server, path, evidence)
    if policy == BY_TYPE and csi.fs_type and any(mode in RWO for mode in modes):
        rule = t(
            "fsGroupPolicy {policy} changes them, for the volume names fsType {type} and is {mode}",
            policy=policy,
            type=csi.fs_type,
            mode=modes,
        )
        return Applied(volume, volume.name, rule, server, path, evidence)
    return None


def _claim_key(pod: Pod, volume: Volume) -> str | None:
    if volume.claim:
        return f"{pod.namespace}/{volume.claim.claim_name}"
    return f"{pod.namespace}/{pod.name}-{volume.name}" if volume.ephemeral else None


def _events(pod: Pod, object_events: ObjectEvents) -> list[Event]:
    """Return the events about a Pod, those about one of the same name that is gone left out."""
    uid = pod.metadata.uid
    return [
        event
        for event in object_events.about(pod.ref)
        if not uid or not event.involved_object.uid or event.involved_object.uid == uid
    ]


def _in_progress(pod: Pod, applied: list[Applied], object_events: ObjectEvents) -> Event | None:
    """Return the newest event that says that the owners on one of these volumes are being changed.

    The kubelet names the directory of the volume, which ends with the volume's name and ``mount``: another volume of
    the Pod may be the one.
    """
    for event in _events(pod, object_events):
        if event.reason != IN_PROGRESS and SAID_OF_OWNERS not in event.message.lower():
            continue
        if "/volumes/" not in event.message or any(f"/{one.name}" in event.message for one in applied):
            return event
    return None


def _is_slow(
    pod: Pod,
    event: Event | None,
    said_by_log: bool,
    object_events: ObjectEvents,
    observed_at: datetime,
    reasons: list[Reason],
) -> bool:
    """Tell whether the Pod waits for longer than a mount takes, and no event names another fault."""
    if event is not None or said_by_log:
        return True
    since = bound_since(pod)
    if since is not None and observed_at - since < STILL_NORMAL:
        return False
    failed = [one for one in _events(pod, object_events) if one.reason in FAILED]
    if any(not any(words in one.message.lower() for words in TIMEOUTS) for one in failed):
        return False
    if object_events.reasons:
        reasons += object_events.reasons  # one of those that are missing may name another fault
        return False
    return True


def _says_so(pod: Pod, applied: list[Applied], container_logs: Table[ContainerLog]) -> bool:
    """Tell whether Flexvolume's log speaks of the owners; the log is read only where a probe is switched on."""
    if container_logs.is_unavailable:
        return False
    names = [*(one.name for one in applied), *((pod.metadata.uid,) if pod.metadata.uid else ())]
    return any(
        match.pattern == OWNERSHIP and any(name in match.line for name in names)
        for log in container_logs.known_where("component", lambda row: row.component, FLEXVOLUME)
        for match in log.matches
    )


@dataclass(frozen=True)
class _Sizes:
    """How much there is on the file systems: shown where it is known."""

    targets: VolumeMountTargets
    quotas: Table[DirectoryQuotas]

    def system(self, one: Applied) -> FileSystem | None:
        try:
            return self.targets.at(one.server)[0] if one.server else None
        except NotKnown:
            return None

    def files(self, one: Applied) -> int | None:
        """Return how many files are below the path, where a quota of this very directory counts them."""
        system = self.system(one)
        try:
            row = self.quotas.get(system.id) if system else None
        except NotKnown:
            return None
        path = one.path.rstrip("/") or "/"
        return next((q.files for q in row.quotas if (q.path.rstrip("/") or "/") == path), None) if row else None


def _finding(pod: Pod, applied: list[Applied], event: Event | None, certainty: Certainty, sizes: _Sizes) -> Finding:
    first = applied[0]
    system = sizes.system(first)
    files = sizes.files(first)
    evidence: dict[str, Evidence] = {
        "fs_group": _fs_group(pod),
        "fs_group_change_policy": (pod.spec.security_context and pod.spec.security_context.fs_group_change_policy)
        or "Always (default)",
        **first.evidence,
        "volumes": [one.name for one in applied],
    }
    since = bound_since(pod)
    if since:
        evidence["waits_since"] = since.isoformat()
    if event:
        evidence["event"] = event.message
    if system:
        evidence |= {"file_system": system.id, "metered_bytes": system.metered_bytes}
    if files is not None:
        evidence["files"] = files
    message = (
        t(
            "the owners of the files on NAS volume {volume} are being changed to fsGroup {group}: the Pod starts "
            "when that is done",
            volume=first.name,
            group=_fs_group(pod) or 0,
        )
        if certainty is Certainty.CONFIRMED
        else t(
            "the Pod has fsGroup {group}, and before it starts every file on NAS volume {volume} gets that owner: "
            "{rule}",
            volume=first.name,
            group=_fs_group(pod) or 0,
            rule=first.rule,
        )
    )
    refs: list[Ref] = [first.volume.ref] if first.volume else []
    namespace, _, claim = ((first.volume.claim_key or "") if first.volume else "").partition("/")
    return Finding(
        subject=pod.ref,
        fault="fsgroup",
        message=message,
        certainty=certainty,
        trail=(
            broken(pod.ref, t("waits for its volumes on node {node}; fsGroup is set", node=pod.node_name)),
            *((ok(kubernetes_ref("PersistentVolumeClaim", claim, namespace)),) if claim else ()),
            *(ok(ref, first.rule) for ref in refs),
            *((ok(kubernetes_ref("CSIDriver", NAS_CSI_DRIVER)),) if "fs_group_policy" in first.evidence else ()),
            *((ok(system.ref, _size(system, files)),) if system else ()),
            *((ok(cloud_ref("MountTarget", first.server)),) if first.server else ()),
        ),
        evidence=evidence,
        remedy=_remedy(pod),
    )


def _size(system: FileSystem, files: int | None) -> Text | None:
    if files is not None:
        return t("{files} files", files=files)
    return t("{gib} GiB", gib=system.metered_bytes // 2**30) if system.metered_bytes is not None else None


def _remedy(pod: Pod) -> tuple[Step, ...]:
    owner = pod.metadata.controller
    return (
        step(
            t("Confirm: volumes are bound, and the kubelet says nothing but that the mount takes long."),
            *("kubectl", "-n", pod.namespace, "describe", "pod", pod.name),
        ),
        step(
            t(
                "Set fsGroupChangePolicy to OnRootMismatch in the security context of {owner}'s template: then the "
                "owners are left alone once those of the volume's root are right. It starts the Pods anew. The first "
                "change still has to end; do not delete the Pod meanwhile, or it begins from the start.",
                owner=owner.name if owner else pod.name,
            )
        ),
        step(
            t(
                "Or take fsGroup out, if the files on NAS may keep their owners: see first that the Pod's user may "
                "read and write them. With CSI, set fsGroupPolicy of the driver back to ReadWriteOnceWithFSType."
            ),
            *("kubectl", "get", "csidriver", NAS_CSI_DRIVER, "-o", "yaml"),
        ),
    )
