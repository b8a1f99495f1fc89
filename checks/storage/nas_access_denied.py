"""The permission group of a NAS mount target refuses a node.

A NAS mount target lets in only clients that a rule of its permission group names. The client is the node: the kubelet
mounts, with the node's address, whatever address the Pod has. A group that was written for the nodes of its day leaves
out those that came later, in another vSwitch or another zone, and a Pod that is moved there hangs in
ContainerCreating with "access denied by server while mounting". With a rule that is read-only the mount succeeds and
the first write fails.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from auditor.facts.cloud.nas import AccessGroupRules, FileSystem, MountTarget, access_group_key
from auditor.facts.joins.nas import NasGroupNodes, answer_to
from auditor.facts.joins.volumes import VolumeMountTargets, VolumeUsers
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import PersistentVolume, PersistentVolumeClaim, reads_only
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.nas_access import Decision, describe
from auditor.facts.rules.nas_servers import read_server
from auditor.facts.rules.scheduling import first_untolerated, lasting_refusal, lasting_taints, selector_admits
from auditor.judge.api import (
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
    Verdict,
    said,
    t,
)
from checks.storage._nas_access_findings import Client, Mount, Refused, by_fault, empty_group

check = Check(
    severity=Severity.HIGH,
    causes=("S5",),
    since="0.1.0",
    symptoms=("nas-mount-fails", "nas-pod-start-timeout"),
    limits=(
        "Squash rules (root_squash, all_squash) are not judged: the mount succeeds, the rest depends on the user.",
        "Sandboxed containers that mount NAS inside the sandbox come with the Pod's address, not the node's.",
    ),
    links=("https://help.aliyun.com/document_detail/286976.html",),
)

DEFAULT_GROUP = "default_vpc_group_name"
"""The group that NAS makes itself, in lower case: it admits the whole VPC, and can't be changed (NAS documents)."""


def subjects(persistent_volumes: Table[PersistentVolume]) -> Iterable[PersistentVolume]:
    return (volume for volume in persistent_volumes.known_rows() if volume.nas_server is not None)


def judge(
    volume: PersistentVolume,
    volume_mount_targets: VolumeMountTargets,
    nas_access_rules: Table[AccessGroupRules],
    volume_users: VolumeUsers,
    nodes: Table[Node],
    nas_group_nodes: NasGroupNodes,
    persistent_volume_claims: Table[PersistentVolumeClaim],
    cluster: ClusterIdentity,
) -> Iterator[Verdict]:
    if volume.is_released:
        yield NotApplicable(t("the volume is released: no Pod can use it"))
        return
    server = read_server(volume.nas_server or "")
    if server is None:
        yield NotApplicable(t("its server is no mount target of Alibaba Cloud's NAS"))
        return
    if cluster.region and server.region != cluster.region:
        message = t(
            "{server} is in region {region}, of which no file systems were read",
            server=server.domain,
            region=server.region,
        )
        raise NotKnown(Reason("nas", ReasonKind.UNDECIDABLE, message))
    file_system, target = volume_mount_targets.of(volume)
    if file_system is None or target is None:
        yield NotApplicable(t("the mount target does not exist"))
        return
    if (target.network_type or "").lower() == "classic":
        yield NotApplicable(t("the mount target is in the classic network, where nodes have other addresses"))
        return
    mount = Mount(volume, file_system, target, _group_of(file_system, target, nas_access_rules), cluster.region)
    if not mount.group.rules and mount.group.name.lower() == DEFAULT_GROUP:
        yield Passed()
        return
    reasons: list[Reason] = []
    users: list[Pod] | None = None
    try:
        users = [pod for pod in volume_users.of(volume) if not pod.is_terminating]
    except NotKnown as gap:
        reasons += gap.reasons
    findings: list[Finding] = []
    if not mount.group.rules:
        findings.append(empty_group(mount, users or ()))
    elif users is not None:
        asked = _Asked(mount, persistent_volume_claims, nas_group_nodes)
        findings += _judge_users(asked, users, nodes, reasons)
    yield from findings
    if reasons:
        yield NotEvaluated(tuple(reasons))
    elif not findings:
        yield Passed()


def _group_of(file_system: FileSystem, target: MountTarget, groups: Table[AccessGroupRules]) -> AccessGroupRules:
    what = t("the permission group of mount target {domain}", domain=target.domain)
    name = said(target.access_group or None, "nas", what)
    kind = said(file_system.type or None, "nas", t("the type of file system {id}", id=file_system.id))
    group = groups.get(access_group_key(kind, name))
    if group is None:
        message = t("permission group {group} of mount target {domain} was not found", group=name, domain=target.domain)
        raise NotKnown(Reason("nas", ReasonKind.UNDECIDABLE, message))
    return group


@dataclass(frozen=True)
class _Asked:
    """What is asked of the permission group of a mount."""

    mount: Mount
    claims: Table[PersistentVolumeClaim]
    group_nodes: NasGroupNodes

    def refusal(
        self, client: Client, decision: Decision, pods: Sequence[Pod], pod: Pod | None = None
    ) -> Refused | None:
        """Return that the group refuses a client what one of these Pods needs (``pods`` empty: any Pod); or None.

        Raises NotKnown (undecidable) if the rules do not decide it.
        """
        if decision.allows(write=True):
            return None
        write = not decision.refuses and self._is_written(pods)
        if _is_allowed(self.mount, client, decision, write=write):
            return None
        return Refused(client, decision, pod)

    def _is_written(self, pods: Sequence[Pod]) -> bool:
        """Tell whether somebody is to write: neither the volume, nor its claim, nor all Pods may only read."""
        volume = self.mount.volume
        key = volume.claim_key or ""
        if volume.is_read_only or (pods and all(pod.mounts_read_only(key) for pod in pods)):
            return False
        claim = self.claims.get(key) if key else None
        return claim is None or not reads_only(claim.spec.access_modes)


def _judge_users(asked: _Asked, users: Sequence[Pod], nodes: Table[Node], reasons: list[Reason]) -> list[Finding]:
    """Judge the nodes on which Pods use the volume; while there are none, those on which the first may start."""
    refused: list[Refused] = []
    is_in_use = False
    for pod in users:
        try:
            node = nodes.get(pod.node_name) if pod.node_name else None
            if node is None:
                continue
            is_in_use = True
            client, decision = _client(asked.mount, pod, node, asked.group_nodes)
            refused += _listed(asked.refusal(client, decision, [pod], pod))
        except NotKnown as gap:
            is_in_use = True
            reasons += gap.reasons
    if not is_in_use:
        try:
            refused = _judge_first_start(asked, users, nodes)
        except NotKnown as gap:
            reasons += gap.reasons
    return by_fault(asked.mount, refused)


def _judge_first_start(asked: _Asked, users: Sequence[Pod], nodes: Table[Node]) -> list[Refused]:
    """Return all nodes on which the first Pod may start, if the group refuses every one of them.

    One node that is let in is enough: many a group is for a part of the nodes on purpose.
    """
    refused: list[Refused] = []
    reasons: list[Reason] = []
    for node in nodes.all():
        if node.is_virtual or not _may_come(asked.mount.volume, users, node):
            continue
        suited = [pod for pod in users if lasting_refusal(pod, node) is None]
        client = Client(node.ref, node.internal_ips)
        try:
            found = asked.refusal(client, asked.group_nodes.answer(asked.mount.group, node), suited)
        except NotKnown as gap:
            reasons += gap.reasons
            continue
        if found is None:
            return []
        refused.append(found)
    if reasons:
        raise NotKnown(*reasons)
    return refused


def _listed(found: Refused | None) -> list[Refused]:
    return [] if found is None else [found]


def _client(mount: Mount, pod: Pod, node: Node, group_nodes: NasGroupNodes) -> tuple[Client, Decision]:
    """Return who mounts for a Pod, and what the group answers: its node, but on a virtual node the Pod itself."""
    if not node.is_virtual:
        return Client(node.ref, node.internal_ips), group_nodes.answer(mount.group, node)
    own = [entry.ip for entry in pod.status.pod_ips or () if entry.ip] or [ip for ip in (pod.status.pod_ip,) if ip]
    addresses = said(own or None, "kubernetes", t("the address of Pod {pod}", pod=pod.key))
    return Client(pod.ref, addresses), answer_to(mount.group, addresses)


def _is_allowed(mount: Mount, client: Client, decision: Decision, *, write: bool) -> bool:
    """Tell whether a client may do what it needs. Raises NotKnown (undecidable) if the rules do not decide it."""
    allowed = decision.allows(write=write)
    if allowed is None:
        message = t(
            "the rules of permission group {group} do not decide what {addresses} may do: {rules}",
            group=mount.group.name,
            addresses=list(client.addresses),
            rules=[describe(rule) for rule in decision.rules],
        )
        raise NotKnown(Reason("nas", ReasonKind.UNDECIDABLE, message))
    return allowed


def _may_come(volume: PersistentVolume, users: Sequence[Pod], node: Node) -> bool:
    """Tell whether a Pod with the volume may be put on a node. While there is no such Pod: one of no demands."""
    affinity = volume.spec.node_affinity.required if volume.spec.node_affinity else None
    if affinity is not None and not selector_admits(affinity, node.labels, node.name):
        return False
    if not users:
        return first_untolerated((), lasting_taints(node)) is None
    return any(lasting_refusal(pod, node) is None for pod in users)
