"""The findings on NAS file systems and mount targets that are missing or do not work."""

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.facts.cloud.nas import FileSystem, MountTarget
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import PersistentVolume, StorageClass
from auditor.facts.rules.nas_servers import EXTREME, EXTREME_ROOT, Place, domains
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
)

SHOWN_PODS = 5
"""How many Pods the trail lists."""


@dataclass(frozen=True)
class Mounted:
    """A place on NAS, the object that names it, and the Pods that are known to use it."""

    subject: PersistentVolume | StorageClass
    place: Place
    pods: tuple[Pod, ...]
    region: str

    @property
    def server(self) -> str:
        """The server, as the object writes it."""
        return self.place.server

    @property
    def evidence(self) -> dict[str, Evidence]:
        """What every finding on the place rests on."""
        read: dict[str, Evidence] = {"server": self.place.server, "region": self.region}
        if self.place.path is not None:
            read["path"] = self.place.path
        return read

    @property
    def trail(self) -> tuple[Hop, ...]:
        """The hops that lead to the place."""
        hops = [ok(pod.ref) for pod in self.pods[:SHOWN_PODS]]
        if isinstance(self.subject, PersistentVolume) and self.subject.claim_key:
            namespace, _, claim = self.subject.claim_key.partition("/")
            hops.append(ok(kubernetes_ref("PersistentVolumeClaim", claim, namespace)))
        return (*hops, ok(self.subject.ref, t("names {server}", server=self.place.server)))


def no_file_system(on: Mounted, certainty: Certainty) -> Finding:
    """Make the finding that the file system does not exist."""
    message = t("the file system behind {server} does not exist in {region}", server=on.server, region=on.region)
    detail = t("is among no file systems of this account in {region}", region=on.region)
    return _finding(
        on,
        "file-system-missing",
        message,
        (broken(cloud_ref("FileSystem", on.server), detail),),
        certainty=certainty,
        remedy=(
            step(
                t("Confirm: list the file systems. One in another account or region is not among them."),
                *("aliyun", "nas", "DescribeFileSystems", "--RegionId", on.region, "--FileSystemType", "all"),
            ),
            _repoint(on),
        ),
    )


def system_stopped(on: Mounted, file_system: FileSystem) -> Finding:
    """Make the finding that the file system is in a state in which it can't be mounted."""
    message = t(
        "file system {id} behind {server} is {status}, not Running: it can't be mounted",
        id=file_system.id,
        server=on.server,
        status=file_system.status or "",
    )
    return _finding(
        on,
        "file-system-not-running",
        message,
        (broken(file_system.ref, t("status {status}", status=file_system.status or "")),),
        evidence=_of_system(file_system),
        remedy=(
            _confirm_system(on, file_system),
            step(
                t(
                    "Stopped: pay the overdue bill of the account, or start the file system in the NAS console. "
                    "Pending: wait until it is made. Deleting: its data is lost; restore a backup elsewhere."
                )
            ),
        ),
    )


def no_mount_target(on: Mounted, file_system: FileSystem) -> Finding:
    """Make the finding that the file system has no mount target of this name."""
    have = domains(file_system.mount_targets or ())
    message = (
        t(
            "file system {id} has no mount target {server}; it has {have}",
            id=file_system.id,
            server=on.server,
            have=have,
        )
        if have
        else t("file system {id} has no mount target: {server} does not exist", id=file_system.id, server=on.server)
    )
    create = ("--FileSystemId", file_system.id, "--NetworkType", "Vpc")
    return _finding(
        on,
        "mount-target-missing",
        message,
        (
            ok(file_system.ref, t("status {status}", status=file_system.status or "")),
            broken(cloud_ref("MountTarget", on.server), t("is not among its mount targets")),
        ),
        evidence={**_of_system(file_system), "mount_targets": have},
        remedy=(
            _confirm_target(on, file_system),
            step(
                t(
                    "If the file system has no mount target in the cluster's VPC, make one, in the nodes' vSwitch and "
                    "with a permission group that lets the nodes in. It gets a name of its own: the old one is lost."
                ),
                *("aliyun", "nas", "CreateMountTarget", "--RegionId", on.region, *create),
                *("--AccessGroupName", "<permission-group>", "--VpcId", "<vpc>", "--VSwitchId", "<vswitch>"),
            ),
            _repoint(on),
        ),
    )


def target_inactive(on: Mounted, file_system: FileSystem, target: MountTarget) -> Finding:
    """Make the finding that the mount target is not active."""
    message = t(
        "mount target {domain} is {status}, not Active: mounts time out, and Pods that have it mounted hang",
        domain=target.domain,
        status=target.status or "",
    )
    return _finding(
        on,
        "mount-target-not-active",
        message,
        (
            ok(file_system.ref, t("status {status}", status=file_system.status or "")),
            broken(cloud_ref("MountTarget", target.domain), t("status {status}", status=target.status or "")),
        ),
        evidence={
            **_of_system(file_system),
            "mount_target_status": target.status,
            "access_group": target.access_group,
        },
        remedy=(
            _confirm_target(on, file_system),
            step(
                t(
                    "If it is Inactive, enable it in the NAS console (the file system's Mount Targets), or here. Every "
                    "client that its permission group lets in may mount it again at once; hanging Pods go on by "
                    "themselves. If it is Pending, wait; if it is Deleting, make another one."
                ),
                *("aliyun", "nas", "ModifyMountTarget", "--RegionId", on.region, "--FileSystemId", file_system.id),
                *("--MountTargetDomain", target.domain, "--Status", "Active"),
            ),
        ),
    )


def outside_share(on: Mounted, file_system: FileSystem, target: MountTarget) -> Finding:
    """Make the finding that a path on Extreme NAS is outside of what is exported.

    Where the object names no path, that the driver then mounts ``/`` is taken from its documents.
    """
    path = (on.place.path or "").strip()
    message = (
        t(
            "path {path} can't be mounted: file system {id} is an Extreme NAS, whose paths begin with {root}",
            path=path,
            id=file_system.id,
            root=EXTREME_ROOT,
        )
        if path
        else t(
            "no path is given, so / is assumed; file system {id} is an Extreme NAS, whose paths begin with {root}",
            id=file_system.id,
            root=EXTREME_ROOT,
        )
    )
    return _finding(
        on,
        "path-outside-share",
        message,
        (
            ok(file_system.ref, t("type {type}", type=file_system.type or "")),
            ok(cloud_ref("MountTarget", target.domain)),
            broken(cloud_ref("Path", path or "/"), t("is not below {root}", root=EXTREME_ROOT)),
        ),
        certainty=Certainty.CONFIRMED if path else Certainty.LIKELY,
        evidence={**_of_system(file_system), "path": path},
        remedy=(
            step(
                t(
                    "Confirm, on any node: the mount is refused without {root}, and succeeds with it.",
                    root=EXTREME_ROOT,
                ),
                *("mount", "-t", "nfs", "-o", "vers=3,nolock,noresvport", f"{target.domain}:{EXTREME_ROOT}", "/mnt"),
            ),
            _repoint(on),
        ),
    )


def no_directory(on: Mounted, file_system: FileSystem, target: MountTarget, pod: Pod, event: str) -> Finding:
    """Make the finding that the file system does not have the directory; ``event`` is what the mount said."""
    path = (on.place.path or "").strip() or "/"
    return _finding(
        on,
        "directory-missing",
        t(
            "file system {id} has no directory {path}: the mount of Pod {pod} ends with No such file or directory",
            id=file_system.id,
            path=path,
            pod=pod.key,
        ),
        (
            ok(file_system.ref, t("status {status}", status=file_system.status or "")),
            ok(cloud_ref("MountTarget", target.domain), t("status {status}", status=target.status or "")),
            broken(cloud_ref("Path", path), t("does not exist")),
        ),
        evidence={**_of_system(file_system), "event": event},
        remedy=(
            step(
                t("Confirm, on any node: mount the root of the file system, and look for the directory."),
                *("mount", "-t", "nfs", "-o", "vers=3,nolock,noresvport", f"{target.domain}:{_root(file_system)}"),
                "/mnt",
            ),
            step(
                t(
                    "Make the directory there, with the owner that the workload needs. The Pod's mount is tried again "
                    "by itself. Look first whether it was only mistyped: an empty directory hides that."
                )
            ),
            _repoint(on),
        ),
    )


def _root(file_system: FileSystem) -> str:
    return EXTREME_ROOT if (file_system.type or "").lower() == EXTREME else "/"


def _finding(
    on: Mounted,
    fault: str,
    message: Text,
    hops: Sequence[Hop],
    *,
    remedy: tuple[Step, ...],
    certainty: Certainty = Certainty.CONFIRMED,
    evidence: dict[str, Evidence] | None = None,
) -> Finding:
    pods = [pod.key for pod in on.pods]
    return Finding(
        subject=on.subject.ref,
        fault=fault,
        message=message,
        certainty=certainty,
        trail=(*on.trail, *hops),
        evidence={**on.evidence, **(evidence or {}), **({"pods": pods[:20], "pod_count": len(pods)} if pods else {})},
        remedy=remedy,
    )


def _of_system(file_system: FileSystem) -> dict[str, Evidence]:
    return {
        "file_system": file_system.id,
        "file_system_type": file_system.type,
        "file_system_status": file_system.status,
    }


def _confirm_system(on: Mounted, file_system: FileSystem) -> Step:
    return step(
        t("Confirm the state of the file system."),
        *("aliyun", "nas", "DescribeFileSystems", "--RegionId", on.region, "--FileSystemId", file_system.id),
    )


def _confirm_target(on: Mounted, file_system: FileSystem) -> Step:
    return step(
        t("Confirm the mount targets of the file system and their states."),
        *("aliyun", "nas", "DescribeMountTargets", "--RegionId", on.region, "--FileSystemId", file_system.id),
    )


def _repoint(on: Mounted) -> Step:
    if isinstance(on.subject, StorageClass):
        return step(
            t(
                "The parameters of a class can't be changed: save it, delete it, and create it anew with the right "
                "address. Volumes that exist keep theirs."
            ),
            *("kubectl", "get", "storageclass", on.subject.name, "-o", "yaml"),
        )
    return step(
        t(
            "The source of a volume can't be changed: make a new volume and claim with the right address and path, and "
            "let the workload use it. See first that the reclaim policy is Retain: with Delete the driver clears the "
            "data when the claim goes."
        ),
        *("kubectl", "get", "pv", on.subject.name, "-o", "yaml"),
    )
