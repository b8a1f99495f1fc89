"""What the known words in the logs of storage drivers mean, and the findings that they make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from auditor.facts.kubernetes.observations import ContainerLog, LogMatch
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.rules.log_patterns import LogPattern
from auditor.judge.api import (
    Certainty,
    Finding,
    Hop,
    Ref,
    Step,
    Text,
    broken,
    step,
    t,
    unknown,
)

SHOWN_LINES = 3
"""How many lines the evidence has."""
SHOWN_OBJECTS = 5
"""How many of the objects that lines name the trail lists."""

CHECKS_OF: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "disk-attached-elsewhere": ("storage/disk-held-by-another-node", "storage/disk-shared-by-several-pods"),
        "disk-in-other-zone": ("storage/disk-in-other-zone",),
        "driver-not-registered": ("storage/volume-driver-mismatch", "storage/volume-driver-unhealthy"),
        "disk-not-found": ("storage/disk-missing",),
        "disk-not-portable": ("storage/disk-not-detachable",),
        "nas-access-denied": ("storage/nas-access-denied",),
        "nas-not-reachable": ("storage/nas-unreachable", "storage/nas-mount-target-missing"),
        "nas-not-found": ("storage/nas-mount-target-missing",),
        "volume-not-created": ("storage/pvc-without-provisioner",),
        "ownership-changed": ("storage/nas-fsgroup-slow-mount",),
        "driver-denied": ("storage/volume-driver-unhealthy",),
    }
)
"""The checks that look for the cause behind a pattern."""

_MEANINGS: Mapping[str, Text] = MappingProxyType(
    {
        "disk-attached-elsewhere": t("a disk is attached to another instance"),
        "disk-in-other-zone": t("a disk and its node are in different zones"),
        "driver-not-registered": t("the driver of a volume is not registered on its node"),
        "disk-not-found": t("a disk does not exist"),
        "disk-not-portable": t("a subscription disk can't be detached"),
        "nas-access-denied": t("a NAS mount target refuses a node"),
        "nas-not-reachable": t("a NAS mount target or its directory can't be reached"),
        "nas-not-found": t("a NAS file system or mount target does not exist"),
        "volume-not-created": t("a volume is not created"),
        "ownership-changed": t("the ownership of many files is changed while a volume is mounted"),
        "disk-count": t("an instance has as many disks as its type takes"),
        "disk-type-or-stock": t("the zone or the instance type has no disks of this type or size"),
        "volume-quota": t("a quota of disks, snapshots or NAS is used up"),
        "driver-denied": t("the driver's role may not call what it needs"),
    }
)
_CURES: Mapping[str, Text] = MappingProxyType(
    {
        "disk-count": t(
            "Spread the Pods with disks over more nodes, or use a larger instance type: how many disks it takes is its "
            "DiskQuantity. Moving a Pod stops it for the time of a restart."
        ),
        "disk-type-or-stock": t(
            "Use a class that names several disk types (such as alicloud-disk-topology-alltype), a size that the type "
            "has, or a zone where it is on sale. The class of a claim can't be changed: make the claim anew."
        ),
        "volume-quota": t(
            "Ask for a higher quota in Quota Center, or delete disks, snapshots and mount targets that nobody uses. "
            "Look twice before you delete: a volume with the policy Retain leaves its disk behind on purpose."
        ),
        "driver-denied": t(
            "Give the role that the line names the missing action: the worker role of the node pool, or the add-on's "
            "own role. See the storage add-on's permissions in ACK's documentation."
        ),
    }
)


@dataclass(frozen=True)
class Said:
    """What a container's log said of one pattern, and what those lines name."""

    pod: Pod
    log: ContainerLog
    pattern: LogPattern
    lines: Sequence[LogMatch]
    named: Sequence[Ref]


def log_error(said: Said) -> Finding:
    """Make the finding that a driver's log says what something is wrong with."""
    newest = said.lines[-1]
    meaning = meaning_of(said.pattern)
    checks = CHECKS_OF.get(said.pattern.id, ())
    return Finding(
        subject=said.pod.ref,
        fault=said.pattern.id,
        certainty=Certainty.CONFIRMED,
        message=t(
            "the log of {component} says: {line} ({meaning})",
            component=said.log.component,
            line=newest.line,
            meaning=meaning,
        ),
        why=t(
            "These words are known: {meaning}. {checks} looks for the cause on both sides.",
            meaning=meaning,
            checks=list(checks),
        )
        if checks
        else t("These words are known: {meaning}. No check of its own looks for this.", meaning=meaning),
        trail=(broken(said.pod.ref, t("{count} such lines within the hour", count=len(said.lines))), *_hops(said)),
        evidence={
            "component": said.log.component,
            "container": said.log.container,
            "node": said.pod.node_name or None,
            "pattern": said.pattern.id,
            "causes": list(said.pattern.causes),
            "checks": list(checks),
            "lines": [line.line for line in said.lines[-SHOWN_LINES:]],
            "last_at": newest.time.isoformat() if newest.time else None,
            "before_a_restart": newest.previous,
            "names": [str(ref) for ref in said.named],
            "log_was_cut": said.log.is_cut,
        },
        remedy=_remedy(said, checks),
        affected=tuple(said.named),
    )


def meaning_of(pattern: LogPattern) -> Text:
    """Return what a pattern means; of one that is not described here, its id."""
    return _MEANINGS.get(pattern.id, t("{pattern}", pattern=pattern.id))


def _hops(said: Said) -> tuple[Hop, ...]:
    return tuple(unknown(ref, t("is named by the line")) for ref in said.named[:SHOWN_OBJECTS])


def _remedy(said: Said, checks: Sequence[str]) -> tuple[Step, ...]:
    read = ("kubectl", "-n", said.pod.namespace, "logs", said.pod.name, "-c", said.log.container, "--since=1h")
    steps = [step(t("Read what stands around the line."), *read)]
    if checks:
        steps.append(
            step(
                t("Look at what {check} finds: it says what to do.", check=checks[0]),
                *("auditor", "run", "--now", "--check", checks[0]),
            )
        )
    if said.pattern.id in _CURES:
        steps.append(step(_CURES[said.pattern.id]))
    if said.log.component == "flexvolume":
        steps.append(
            step(
                t(
                    "Read also the driver's log on the node: the API server can't hand it out. Log on to {node}.",
                    node=said.pod.node_name,
                ),
                *("grep", "-iE", "error|fail", "/var/log/alicloud/", "-r"),
            )
        )
    return tuple(steps)
