"""The NAS file system or mount target of a volume is missing or not active.

A volume names the address of a NAS mount target, and nothing compares the two until a Pod mounts it: then the Pod
stays in ContainerCreating. Pods that had mounted it before hang in every read and write, and can't even be ended. It
happens when a file system or a mount target was deleted or switched off in the NAS console while its volumes were kept,
when an address was mistyped, and when a manifest for General-purpose NAS was used for Extreme NAS, whose paths all
begin with /share. A storage class with such an address makes no volume at all.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from auditor.facts.cloud.nas import FileSystem, MountTarget
from auditor.facts.joins.object_events import ObjectEvents
from auditor.facts.joins.volumes import VolumeMountTargets, VolumeUsers
from auditor.facts.joins.vpc_exits import VpcExits
from auditor.facts.kubernetes.events import Event
from auditor.facts.kubernetes.volumes import PersistentVolume, StorageClass
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.nas_servers import (
    CPFS,
    WORKING_TARGET,
    NasServer,
    Place,
    file_system_of_class,
    is_access_point,
    is_extreme,
    place_of,
    places_of_class,
    read_server,
    starts_with_share,
    works,
)
from auditor.facts.rules.volume_waiting import waits_for_volumes
from auditor.judge.api import (
    Certainty,
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
    Text,
    Verdict,
    said,
    t,
)
from checks.storage._nas_missing_findings import (
    Mounted,
    no_directory,
    no_file_system,
    no_mount_target,
    outside_share,
    system_stopped,
    target_inactive,
)

check = Check(
    severity=Severity.HIGH,
    causes=("S6",),
    since="0.1.0",
    symptoms=("nas-mount-fails", "nas-pod-start-timeout"),
    limits=(
        "A file system of another account in the same VPC, or one that the auditor's own policy hides, looks gone.",
        "That a directory is missing on the file system is known only while an event says so.",
        "Mount targets of CPFS protocol services, access points and the file systems behind CNFS are not looked at.",
    ),
    links=("https://help.aliyun.com/document_detail/286976.html",),
)


NO_DIRECTORY = re.compile(r"mount\.nfs: .*no such file or directory", re.IGNORECASE | re.DOTALL)
"""What ``mount.nfs`` says when the server does not have the directory."""
_VOLUME_NAMED = re.compile(r'volume "([^"]+)"')
"""How the kubelet names the volume that it could not mount."""


def subjects(
    persistent_volumes: Table[PersistentVolume], storage_classes: Table[StorageClass]
) -> Iterator[PersistentVolume | StorageClass]:
    if not persistent_volumes.is_unavailable:
        yield from (volume for volume in persistent_volumes.known_rows() if place_of(volume))
    if not storage_classes.is_unavailable:
        yield from (row for row in storage_classes.known_rows() if places_of_class(row) or file_system_of_class(row))


def judge(
    subject: PersistentVolume | StorageClass,
    volume_mount_targets: VolumeMountTargets,
    file_systems: Table[FileSystem],
    volume_users: VolumeUsers,
    vpc_exits: VpcExits,
    object_events: ObjectEvents,
    cluster: ClusterIdentity,
) -> Iterator[Verdict]:
    if isinstance(subject, PersistentVolume) and (
        subject.is_released or (subject.metadata.deletion_timestamp and not subject.is_bound)
    ):
        yield NotApplicable(t("the volume is released or being deleted: its file system may be gone"))
        return
    asked = _Asked(subject, volume_mount_targets, volume_users, vpc_exits, object_events, cluster)
    reasons: list[Reason] = []
    findings: list[Finding] = []
    is_ours = False
    for place in _places(subject):
        if read_server(place.server) is None and not is_access_point(place.server):
            continue
        is_ours = True
        try:
            findings += asked.judge(place, reasons)
        except NotKnown as gap:
            reasons += gap.reasons
    if isinstance(subject, StorageClass) and file_system_of_class(subject):
        is_ours = True
        try:
            findings += _judge_system(asked, subject, file_systems)
        except NotKnown as gap:
            reasons += gap.reasons
    yield from findings
    if reasons:
        yield NotEvaluated(tuple(reasons))
    elif not findings:
        yield Passed() if is_ours else NotApplicable(t("its server is none of Alibaba Cloud's NAS"))


def _places(subject: PersistentVolume | StorageClass) -> Iterable[Place]:
    if isinstance(subject, StorageClass):
        return places_of_class(subject)
    place = place_of(subject)
    return [place] if place else []


@dataclass(frozen=True)
class _Asked:
    """An object that names places on NAS, and what is known of them."""

    subject: PersistentVolume | StorageClass
    targets: VolumeMountTargets
    users: VolumeUsers
    exits: VpcExits
    events: ObjectEvents
    cluster: ClusterIdentity

    def judge(self, place: Place, reasons: list[Reason]) -> list[Finding]:
        """Return the first thing that is wrong with a place, and add why others could not be told.

        Raises NotKnown if nothing could.
        """
        server = read_server(place.server)
        if server is None:
            raise _undecidable(t("{server} is an access point, which is not read", server=place.server))
        if self.cluster.region and server.region != self.cluster.region:
            raise _undecidable(
                t(
                    "{server} is in region {region}, of which no file systems were read",
                    server=server.domain,
                    region=server.region,
                )
            )
        on = self.mounted(place)
        file_system, target = self.targets.at(place.server)
        if file_system is None:
            return [self.absent(on)]
        asks: list[Callable[[], Finding | None]] = [lambda: _judge_status(on, file_system)]
        if target is None:
            asks.append(lambda: _judge_absence(on, file_system, server))
        else:
            asks.append(lambda: _judge_target(on, file_system, target))
            asks.append(lambda: _judge_path(on, file_system, target))
        for ask in asks:
            try:
                found = ask()
            except NotKnown as gap:
                reasons += gap.reasons
                continue
            if found is not None:
                return [found]
        if target is not None:
            return self.judge_directory(on, file_system, target, reasons)
        return []

    def judge_directory(
        self, on: Mounted, file_system: FileSystem, target: MountTarget, reasons: list[Reason]
    ) -> list[Finding]:
        """Return that the server does not have the directory, if an event of a Pod that waits for it says so."""
        waiting = [pod for pod in on.pods if waits_for_volumes(pod)]
        for pod in waiting:
            for event in self.events.about(pod.ref):
                if NO_DIRECTORY.search(event.message) and _is_about(event, on):
                    return [no_directory(on, file_system, target, pod, event.message)]
        if waiting:
            reasons += self.events.reasons
        return []

    def mounted(self, place: Place) -> Mounted:
        """Return the place with whoever uses it."""
        volume = self.subject if isinstance(self.subject, PersistentVolume) else None
        pods = self.users.known_of_claim(volume.claim_key) if volume and volume.claim_key and volume.is_bound else ()
        return Mounted(self.subject, place, tuple(pods), self.cluster.region)

    def absent(self, on: Mounted) -> Finding:
        """Return that the file system does not exist, unless it may be another account's.

        That it can be only where the VPC is connected with others. Then a Pod that waits for the volume makes it
        likely all the same that it is gone.
        """
        try:
            exits = self.exits.of()
        except NotKnown:
            if any(waits_for_volumes(pod) for pod in on.pods):
                return no_file_system(on, Certainty.LIKELY)
            raise
        if not exits:
            return no_file_system(on, Certainty.CONFIRMED)
        if any(waits_for_volumes(pod) for pod in on.pods):
            return no_file_system(on, Certainty.LIKELY)
        message = t(
            "this account has no file system for {server}, but route {route} leads out of the VPC by {hop}: it may be "
            "another account's",
            server=on.place.server,
            route=exits[0].destination,
            hop=f"{exits[0].hop.type} {exits[0].hop.id}".strip(),
        )
        raise _undecidable(message)


def _judge_system(asked: _Asked, storage_class: StorageClass, file_systems: Table[FileSystem]) -> list[Finding]:
    """Judge the file system that a class names by its id."""
    system_id = file_system_of_class(storage_class)
    on = asked.mounted(Place(system_id, None))
    file_system = file_systems.get(system_id)
    if file_system is None:
        # The driver makes mount points on it by the API, and so in its own account alone.
        return [no_file_system(on, Certainty.CONFIRMED)]
    broken = _judge_status(on, file_system)
    if broken is not None:
        return [broken]
    targets = said(file_system.mount_targets, "nas", t("the mount targets of file system {id}", id=file_system.id))
    if any((target.status or "").lower() == WORKING_TARGET for target in targets):
        return []
    if not targets:
        return []  # the driver may be asked to make one
    return [target_inactive(on, file_system, targets[0])] if all(target.status for target in targets) else []


def _judge_status(on: Mounted, file_system: FileSystem) -> Finding | None:
    said(file_system.status or None, "nas", t("the status of file system {id}", id=file_system.id))
    return None if works(file_system) else system_stopped(on, file_system)


def _judge_target(on: Mounted, file_system: FileSystem, target: MountTarget) -> Finding | None:
    status = said(target.status or None, "nas", t("the status of mount target {domain}", domain=target.domain))
    return None if status.lower() == WORKING_TARGET else target_inactive(on, file_system, target)


def _judge_absence(on: Mounted, file_system: FileSystem, server: NasServer) -> Finding | None:
    """Judge that a file system has no mount target of the name. CPFS has some that it does not list."""
    if (file_system.type or server.kind).lower() == CPFS:
        message = t(
            "{server} may be a mount target of a CPFS protocol service, which is not read", server=server.domain
        )
        raise _undecidable(message)
    return no_mount_target(on, file_system)


def _judge_path(on: Mounted, file_system: FileSystem, target: MountTarget) -> Finding | None:
    """Judge the path on Extreme NAS. For a class without a path it is the driver that chooses one."""
    if not is_extreme(file_system, read_server(on.place.server)):
        return None
    path = (on.place.path or "").strip()
    if starts_with_share(path) or (not path and isinstance(on.subject, StorageClass)):
        return None
    return outside_share(on, file_system, target)


def _is_about(event: Event, on: Mounted) -> bool:
    """Tell whether an event of a Pod is about this volume of it, and not about another one."""
    named = _VOLUME_NAMED.findall(event.message)
    return on.subject.name in named or (not named and on.server.lower() in event.message.lower())


def _undecidable(message: Text) -> NotKnown:
    return NotKnown(Reason("nas", ReasonKind.UNDECIDABLE, message))
