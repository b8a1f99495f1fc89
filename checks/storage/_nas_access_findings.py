"""The findings on permission groups that refuse clients of a NAS volume."""

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.facts.cloud.nas import AccessGroupRules, AccessRule, FileSystem, MountTarget
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import PersistentVolume
from auditor.facts.rules.nas_access import Decision, describe
from auditor.judge.api import (
    Evidence,
    Finding,
    Hop,
    Ref,
    Step,
    Text,
    broken,
    cloud_ref,
    kubernetes_ref,
    ok,
    step,
    t,
)

SHOWN_RULES = 20
"""How many rules of the group the evidence lists, the strongest first."""

SHOWN_CLIENTS = 5
"""How many clients the trail lists."""


@dataclass(frozen=True)
class Mount:
    """A NAS volume, where it is mounted from, and the group that says who may."""

    volume: PersistentVolume
    file_system: FileSystem
    target: MountTarget
    group: AccessGroupRules
    region: str

    @property
    def evidence(self) -> dict[str, Evidence]:
        """What every finding on the mount rests on."""
        rules = sorted(self.group.rules, key=lambda rule: rule.priority)
        return {
            "mount_target": self.target.domain,
            "file_system": self.file_system.id,
            "file_system_type": self.group.file_system_type,
            "access_group": self.group.name,
            "rules": [describe(rule) for rule in rules[:SHOWN_RULES]],
            "rule_count": len(rules),
        }


@dataclass(frozen=True)
class Client:
    """Who mounts: a node, or a Pod of a virtual node; and the addresses that it may come from."""

    ref: Ref
    addresses: Sequence[str]


@dataclass(frozen=True)
class Refused:
    """A client that may not do what it needs, what the group answers, and the Pod that it mounts for, if any."""

    client: Client
    decision: Decision
    pod: Pod | None = None


def empty_group(mount: Mount, users: Sequence[Pod]) -> Finding:
    """Make the finding that the group has no rule at all, so that it refuses everybody."""
    pods = tuple(pod.ref for pod in users)
    return Finding(
        subject=mount.volume.ref,
        fault="empty-group",
        message=t(
            "permission group {group} of mount target {domain} has no rules: nothing can mount the volume",
            group=mount.group.name,
            domain=mount.target.domain,
        ),
        trail=_trail(mount, users[0] if users else None, (), t("has no rules")),
        evidence=mount.evidence,
        remedy=_remedy(mount, "<range of the nodes>", ()),
        affected=pods,
    )


def by_fault(mount: Mount, refused: Sequence[Refused]) -> list[Finding]:
    """Make the findings on clients that are, or are certain to be, refused: one for mounts and one for writes."""
    denied = [entry for entry in refused if entry.decision.refuses]
    read_only = [entry for entry in refused if not entry.decision.refuses]
    findings = []
    if denied:
        message = t(
            "permission group {group} of mount target {domain} has no rule for {affected}: the mount is refused",
            group=mount.group.name,
            domain=mount.target.domain,
        )
        findings.append(_finding(mount, denied, "denied", message))
    if read_only:
        message = t(
            "permission group {group} of mount target {domain} lets {affected} read only, "
            "but the volume is there to be written",
            group=mount.group.name,
            domain=mount.target.domain,
        )
        findings.append(_finding(mount, read_only, "read-only", message))
    return findings


def _finding(mount: Mount, refused: Sequence[Refused], fault: str, message: Text) -> Finding:
    first = refused[0]
    clients = list({entry.client.ref: entry.client for entry in refused}.values())
    rules = [describe(rule) for rule in first.decision.rules]
    verdict = t("decides by {rules}", rules=rules) if rules else t("has no rule that contains the address")
    return Finding(
        subject=mount.volume.ref,
        fault=fault,
        message=message,
        trail=_trail(mount, first.pod, clients, verdict),
        evidence={
            **mount.evidence,
            "addresses": {client.ref.path: ", ".join(client.addresses) for client in clients},
            "deciding_rules": rules,
            "pods": sorted({entry.pod.key for entry in refused if entry.pod}),
        },
        remedy=_remedy(mount, first.client.addresses[0], first.decision.rules),
        affected=tuple(client.ref for client in clients),
    )


def _trail(mount: Mount, pod: Pod | None, clients: Sequence[Client], verdict: Text) -> tuple[Hop, ...]:
    namespace, _, claim = (mount.volume.claim_key or "").partition("/")
    return (
        *((ok(pod.ref),) if pod else ()),
        *((ok(kubernetes_ref("PersistentVolumeClaim", claim, namespace)),) if claim else ()),
        ok(mount.volume.ref),
        *(
            ok(client.ref, t("comes from {addresses}", addresses=list(client.addresses)))
            for client in clients[:SHOWN_CLIENTS]
        ),
        ok(mount.file_system.ref),
        ok(cloud_ref("MountTarget", mount.target.domain), t("uses group {group}", group=mount.group.name)),
        broken(cloud_ref("AccessGroup", mount.group.name), verdict),
    )


def _remedy(mount: Mount, source: str, deciding: Sequence[AccessRule]) -> tuple[Step, ...]:
    group = (
        *("--RegionId", mount.region),
        *("--AccessGroupName", mount.group.name, "--FileSystemType", mount.group.file_system_type),
    )
    if deciding:
        rule = deciding[0]
        cure = step(
            t(
                "Let the rule that decides write, or put a rule for the nodes before it. Every client that the rule "
                "names may then write to every file system that uses the group."
            ),
            *("aliyun", "nas", "ModifyAccessRule", *group, "--AccessRuleId", rule.id),
            *("--SourceCidrIp", rule.cidr or rule.cidr6, "--RWAccessType", "RDWR", "--Priority", str(rule.priority)),
        )
    else:
        cure = step(
            t(
                "Add a rule for the addresses of the nodes, best for the whole range of their vSwitch. It lets these "
                "addresses into every file system that uses the group."
            ),
            *("aliyun", "nas", "CreateAccessRule", *group, "--SourceCidrIp", source),
            *("--RWAccessType", "RDWR", "--UserAccessType", "no_squash", "--Priority", "1"),
        )
    return (
        step(t("Confirm the rules of the group."), "aliyun", "nas", "DescribeAccessRules", *group),
        cure,
        step(
            t("Pods that wait for the mount try again by themselves; see that it succeeds."),
            *("kubectl", "get", "events", "-A", "--field-selector", "reason=FailedMount"),
        ),
    )
