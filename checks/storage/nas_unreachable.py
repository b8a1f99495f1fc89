"""A node can't reach the mount target of a NAS volume.

The kubelet mounts NAS over TCP port 2049 from the node's own address, whatever network plug-in the Pods have. A mount
target is in one VPC: from another it can be reached only where the two are connected. Within the VPC the outbound rules
of the nodes' security groups, and the network ACLs of the vSwitches, have to let the connection pass. Where one does
not, there is no answer at all: the mount hangs until it times out, and the Pod stays in ContainerCreating.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from auditor.facts.cloud.vpc import NetworkAcl, VSwitch
from auditor.facts.joins.nodes import NodeInstances
from auditor.facts.joins.object_events import ObjectEvents
from auditor.facts.joins.volumes import VolumeMountTargets, VolumeUsers
from auditor.facts.joins.vpc_exits import VpcExits
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import PersistentVolume
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.nas_servers import NasServer, place_of, read_server
from auditor.facts.rules.scheduling import first_untolerated, lasting_refusal, lasting_taints, selector_admits
from auditor.facts.rules.security_group import SecurityGroupFilter
from auditor.facts.rules.volume_waiting import waits_for_volumes
from auditor.judge.api import (
    Certainty,
    Check,
    NotApplicable,
    NotEvaluated,
    NotKnown,
    Passed,
    Reason,
    ReasonKind,
    Severity,
    Table,
    Verdict,
    t,
)
from checks.storage._nas_way import Mount, Network, Partly, Refusal
from checks.storage._nas_way_findings import findings, other_region

check = Check(
    severity=Severity.HIGH,
    causes=("S5",),
    since="0.1.0",
    symptoms=("nas-mount-fails", "nas-pod-start-timeout"),
    limits=(
        "No API gives the address of a mount target, so that a rule is judged for the whole range of its vSwitch.",
        "Where routes lead out of the VPC by a peering, CEN or a transit router, another VPC is taken for reachable.",
        "Pods on virtual nodes mount through interfaces of their own, which are not looked at.",
    ),
    links=("https://help.aliyun.com/document_detail/286976.html",),
)

TIMEOUTS = ("connection timed out", "cannot connect to nas host")
"""What ``mount.nfs`` and the driver say when nobody answers, in lower case."""
_VOLUME_NAMED = re.compile(r'volume "([^"]+)"')
"""How the kubelet names the volume that it could not mount."""


def subjects(persistent_volumes: Table[PersistentVolume]) -> Iterable[PersistentVolume]:
    return (volume for volume in persistent_volumes.known_rows() if place_of(volume))


def judge(
    volume: PersistentVolume,
    volume_mount_targets: VolumeMountTargets,
    volume_users: VolumeUsers,
    nodes: Table[Node],
    node_instances: NodeInstances,
    vswitches: Table[VSwitch],
    network_acls: Table[NetworkAcl],
    security_group_filter: SecurityGroupFilter,
    vpc_exits: VpcExits,
    object_events: ObjectEvents,
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
        yield _in_other_region(volume, server, cluster, volume_users, vpc_exits)
        return
    file_system, target = volume_mount_targets.of(volume)
    if file_system is None or target is None:
        yield NotApplicable(t("the mount target does not exist"))
        return
    if (target.network_type or "").lower() == "classic":
        yield NotApplicable(t("the mount target is in the classic network, which has no VPC"))
        return
    mount = Mount(volume, file_system, target, cluster.region)
    network = Network(vswitches, network_acls, security_group_filter, vpc_exits)
    reasons: list[Reason] = []
    refused: list[Refusal] | None = []
    try:
        users = [pod for pod in volume_users.of(volume) if not pod.is_terminating]
        refused = _of_users(mount, network, users, nodes, node_instances, object_events, reasons)
    except NotKnown as gap:
        reasons += gap.reasons
    yield from findings(mount, refused or ())
    if reasons:
        yield NotEvaluated(tuple(reasons))
    elif refused is None:
        yield NotApplicable(t("it is mounted on virtual nodes only"))
    elif not refused:
        yield Passed()


def _in_other_region(
    volume: PersistentVolume, server: NasServer, cluster: ClusterIdentity, users: VolumeUsers, vpc_exits: VpcExits
) -> Verdict:
    """Judge a mount target of another region: its VPC is another one, as no VPC spans two regions."""
    exits = vpc_exits.of()
    if exits:
        message = t(
            "{server} is in region {region}; route {route} leads out of the VPC by {hop}, so it may be reachable",
            server=server.domain,
            region=server.region,
            route=exits[0].destination,
            hop=f"{exits[0].hop.type} {exits[0].hop.id}".strip(),
        )
        raise NotKnown(Reason("vpc", ReasonKind.UNDECIDABLE, message))
    pods = users.known_of_claim(volume.claim_key) if volume.claim_key and volume.is_bound else ()
    return other_region(volume, server, cluster.region, [pod for pod in pods if not pod.is_terminating])


def _of_users(
    mount: Mount,
    network: Network,
    users: Sequence[Pod],
    nodes: Table[Node],
    node_instances: NodeInstances,
    object_events: ObjectEvents,
    reasons: list[Reason],
) -> list[Refusal] | None:
    """Judge the nodes on which Pods use the volume; while there are none, those on which the first may start.

    Returns None if only virtual nodes mount it.
    """
    refused: list[Refusal] = []
    is_in_use = is_on_machine = False
    judged: dict[str, Refusal | None] = {}
    for pod in users:
        try:
            node = nodes.get(pod.node_name) if pod.node_name else None
            if node is None:
                continue
            is_in_use = True
            if node.is_virtual:
                continue
            is_on_machine = True
            if node.name not in judged:
                judged[node.name] = _of_node(mount, network, node, node_instances)
            refusal = judged[node.name]
            refused += [replace(refusal, pod=pod)] if refusal else []
        except Partly as gap:
            if _timed_out(pod, mount.volume, object_events):
                refused.append(_likely(mount, pod, gap))
            else:
                reasons += (*gap.reasons, *(object_events.reasons if waits_for_volumes(pod) else ()))
        except NotKnown as gap:
            is_in_use = is_on_machine = True
            reasons += gap.reasons
    if is_in_use:
        return refused if is_on_machine else None
    return _of_first_start(mount, network, users, nodes, node_instances)


def _timed_out(pod: Pod, volume: PersistentVolume, object_events: ObjectEvents) -> bool:
    """Tell whether a Pod still waits for a volume, and an event says that its mount timed out."""
    if not waits_for_volumes(pod):
        return False
    for event in object_events.about(pod.ref):
        named = _VOLUME_NAMED.findall(event.message)
        if any(words in event.message.lower() for words in TIMEOUTS) and (not named or volume.name in named):
            return True
    return False


def _likely(mount: Mount, pod: Pod, gap: Partly) -> Refusal:
    message = t(
        "{blocker} refuses {refused}, a part of the range that mount target {domain} is in, to {affected}, and a mount "
        "timed out: its address is likely to be in that part",
        blocker=gap.refusal.blocker.path,
        refused=list(gap.refused),
        domain=mount.target.domain,
    )
    return replace(gap.refusal, pod=pod, certainty=Certainty.LIKELY, message=message)


def _of_node(mount: Mount, network: Network, node: Node, node_instances: NodeInstances) -> Refusal | None:
    instance = node_instances.of(node)
    return network.refusals(mount, node, instance) if instance else None


def _of_first_start(
    mount: Mount, network: Network, users: Sequence[Pod], nodes: Table[Node], node_instances: NodeInstances
) -> list[Refusal]:
    """Return all nodes on which the first Pod may start, if every one of them is refused: one that is not is enough."""
    refused: list[Refusal] = []
    reasons: list[Reason] = []
    for node in nodes.all():
        if node.is_virtual or not _may_come(mount.volume, users, node):
            continue
        try:
            found = _of_node(mount, network, node, node_instances)
        except NotKnown as gap:
            reasons += gap.reasons
            continue
        if found is None:
            return []
        refused.append(found)
    if reasons:
        raise NotKnown(*reasons)
    return refused


def _may_come(volume: PersistentVolume, users: Sequence[Pod], node: Node) -> bool:
    """Tell whether a Pod with the volume may be put on a node. While there is no such Pod: one of no demands."""
    affinity = volume.spec.node_affinity.required if volume.spec.node_affinity else None
    if affinity is not None and not selector_admits(affinity, node.labels, node.name):
        return False
    if not users:
        return first_untolerated((), lasting_taints(node)) is None
    return any(lasting_refusal(pod, node) is None for pod in users)
