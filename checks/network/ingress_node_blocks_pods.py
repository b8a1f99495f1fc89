"""The nodes of the Ingress controller keep Pods out.

Pods that call an Ingress go to the Pods of its controller: under Flannel by their own addresses, which belong to no
security group, so that only a rule for the Pods' range lets them in; under Terway by interfaces with groups of their
own. Where the security groups of the controller's nodes, or the network ACL of their vSwitch, refuse ports 80, 443 or
8443, Pods on other nodes run into a timeout, while clients from outside come in. It happens where a security group of
one's own was given to a node pool, to which ACK adds no rules.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from auditor.facts.cloud.vpc import NetworkAcl, VSwitch
from auditor.facts.joins.ingress_controllers import IngressControllers
from auditor.facts.joins.networks import ClusterNetworks
from auditor.facts.joins.pod_sources import Guard, PodSources
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.workloads import DaemonSet, Deployment
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.ref import Ref
from auditor.facts.rules.addresses import AddressSet
from auditor.facts.rules.first_match import Answer, Outcome, Part, Ports, unique
from auditor.facts.rules.ingress_nginx import NginxController
from auditor.facts.rules.network_acl import Leg, judge_server
from auditor.facts.rules.security_group import Direction, Peer, SecurityGroupFilter, Traffic
from auditor.judge.api import (
    Certainty,
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
from checks.network._ingress_node_findings import Refused, Way, acl_finding, group_finding

check = Check(
    severity=Severity.HIGH,
    causes=("N5",),
    since="0.1.0",
    symptoms=("ingress-unreachable",),
    limits=(
        "Controllers other than ingress-nginx are not looked at; an ALB is no node of the cluster.",
        "What the security groups of the calling Pods let out is not judged here.",
        "Of network ACLs, the answers are followed to the ports that Linux picks by default, 32768 to 60999.",
        (
            "A Pod in the host's network may be called with the address of the caller's node, where the network "
            "plug-in hides that of the Pod: a refusal is then likely, not confirmed."
        ),
    ),
    links=("https://www.alibabacloud.com/help/en/doc-detail/353191.html",),
)

WEB_PORTS = (80, 443, 8443)
"""Requests, and the admission webhook."""
WEB_NAMES = ("http", "https", "webhook")


@dataclass(frozen=True)
class Entry:
    """An Ingress controller that is installed."""

    controller: NginxController

    @property
    def ref(self) -> Ref:
        """Its workload."""
        return self.controller.workload.ref


def subjects(
    deployments: Table[Deployment], daemonsets: Table[DaemonSet], ingress_controllers: IngressControllers
) -> Iterable[Entry]:
    del deployments, daemonsets  # named for their gaps: a controller may be missing from either
    return [Entry(controller) for controller in ingress_controllers.known_nginx()]


def judge(
    entry: Entry,
    ingress_controllers: IngressControllers,
    nodes: Table[Node],
    pod_sources: PodSources,
    cluster_networks: ClusterNetworks,
    security_group_filter: SecurityGroupFilter,
    vswitches: Table[VSwitch],
    network_acls: Table[NetworkAcl],
    cluster: ClusterIdentity,
) -> Iterator[Verdict]:
    ways, gaps = _ways(entry.controller, ingress_controllers, nodes, pod_sources, cluster.region)
    if not ways and not gaps:
        yield NotApplicable(t("no Pod of {workload} is on an ECS instance", workload=str(entry.ref)))
        return
    in_use, unread = _in_use(cluster_networks)
    gaps += unread
    found: list[Finding] = []
    for way in ways:
        is_hidden = way.pod.spec.host_network and not cluster_networks.is_terway()
        for look in (
            _by_groups(way, pod_sources, security_group_filter, in_use, is_hidden=is_hidden),
            _by_acl(way, pod_sources, vswitches, network_acls, in_use),
        ):
            try:
                found.extend(look)
            except NotKnown as gap:
                gaps += gap.reasons
    yield from found
    if gaps:
        yield NotEvaluated(unique(gaps))
    elif not found:
        yield Passed()


def _ways(
    controller: NginxController,
    controllers: IngressControllers,
    nodes: Table[Node],
    sources: PodSources,
    region: str,
) -> tuple[list[Way], list[Reason]]:
    """Return the ways to the Pods of a controller, those alike as one, and why others are not known."""
    alike: dict[tuple[Guard, tuple[int, ...], bool, bool], list[tuple[Pod, Node]]] = {}
    gaps: list[Reason] = []
    for pod in controllers.pods_of(controller):
        if not pod.node_name or not pod.status.pod_ip or pod.is_terminating:
            continue
        try:
            node = nodes.get(pod.node_name)
            if node is None or node.is_virtual or node.instance_id is None:
                continue
            guard = sources.guard_of(pod, node)
        except NotKnown as gap:
            gaps += gap.reasons
            continue
        if guard is not None:
            key = (guard, ports_of(controller, pod), pod.spec.host_network, ":" in pod.status.pod_ip)
            alike.setdefault(key, []).append((pod, node))
    ways = [
        Way(found[0][0], tuple(node for _, node in found), guard, ports, region)
        for (guard, ports, _, _), found in alike.items()
    ]
    return ways, gaps


def ports_of(controller: NginxController, pod: Pod) -> tuple[int, ...]:
    """Return the ports on which a controller takes requests: as its container declares, else as its flags say."""
    flags = (controller.flag(f"{name}-port") for name in ("http", "https"))
    flagged = [int(text) for text in flags if text and text.isdecimal()]
    container = next((one for one in pod.spec.containers if one.name == controller.container.name), None)
    declared = [
        port.container_port
        for port in (container.ports if container else None) or ()
        if port.protocol == "TCP" and (port.name in WEB_NAMES or port.container_port in (*WEB_PORTS, *flagged))
    ]
    return tuple(dict.fromkeys(declared)) or tuple(flagged) or WEB_PORTS[:2]


def _in_use(networks: ClusterNetworks) -> tuple[AddressSet | None, list[Reason]]:
    try:
        return networks.pod_addresses(), []
    except NotKnown as gap:
        return None, list(gap.reasons)


def _by_groups(
    way: Way, sources: PodSources, groups: SecurityGroupFilter, in_use: AddressSet | None, *, is_hidden: bool
) -> Iterator[Finding]:
    """Yield a finding for each group that refuses Pods. Raises NotKnown for what is left open."""
    answers: list[tuple[int, Answer]] = []
    for peer in sources.peers():
        for port in way.ports:
            traffic = Traffic(Direction.INGRESS, "tcp", _of_family(peer, way), Ports.one(port))
            if traffic.peer.addresses:
                answers.append((port, groups.judge(way.guard.group_ids, traffic)))
    by_group: dict[str, list[tuple[int, Answer, Part]]] = {}
    for port, answer in answers:
        for part in answer.refused:
            by_group.setdefault(part.owner, []).append((port, answer, part))
    for group_id, hits in by_group.items():
        refused = _united([(port, part) for port, _, part in hits], [answer for _, answer, _ in hits], in_use)
        if is_hidden:
            refused = replace(refused, certainty=Certainty.LIKELY)
        named = (groups.rule(group_id, name) for name in refused.clauses if name)
        yield group_finding(way, groups.group(group_id), [rule for rule in named if rule], refused)
    _raise(reason for _, answer in answers for reason in answer.reasons)


def _of_family(peer: Peer, way: Way) -> Peer:
    """Return a peer with the addresses of the family in which the controller's Pod is called."""
    addresses = peer.addresses.ipv6 if ":" in way.pod.status.pod_ip else peer.addresses.ipv4
    return Peer(addresses, peer.groups, peer.reasons, peer.candidates)


def _united(hits: list[tuple[int, Part]], answers: Iterable[Answer], in_use: AddressSet | None) -> Refused:
    """Say in one what parts refuse, and whether that hurts a Pod that there is; it may, where that is not known."""
    peers = AddressSet()
    for _, part in hits:
        peers |= part.peers
    hurts = in_use is None or any(answer.outcome is Outcome.DENIED for answer in answers) or bool(peers & in_use)
    ports = tuple(dict.fromkeys(port for port, _ in hits))
    clauses = tuple(dict.fromkeys(part.rule for _, part in hits))
    return Refused(hits[0][1], clauses, ports, tuple(peers.cidrs), is_in_use=hurts)


def _by_acl(
    way: Way, sources: PodSources, vswitches: Table[VSwitch], network_acls: Table[NetworkAcl], in_use: AddressSet | None
) -> Iterator[Finding]:
    """Judge the network ACL of the controller's vSwitch, which Pods in the same vSwitch don't pass."""
    vswitch_id = way.guard.vswitch_id
    vswitch = said(vswitches.get(vswitch_id), "vpc", t("vSwitch {vswitch}", vswitch=vswitch_id))
    acl_id = said(vswitch.network_acl_id, "vpc", t("the network ACL of vSwitch {vswitch}", vswitch=vswitch_id))
    if not acl_id:
        return
    acl = said(network_acls.get(acl_id), "vpc", t("the entries of network ACL {acl}", acl=acl_id))
    outside = sources.outside(vswitch_id)
    outside = outside.ipv6 if ":" in way.pod.status.pod_ip else outside.ipv4
    if not outside:
        return
    legs = [(port, leg) for port in way.ports for leg in judge_server(acl, "tcp", Ports.one(port), outside)]
    for is_answer in (False, True):
        hits = [(port, leg) for port, leg in legs if leg.is_answer is is_answer and leg.answer.refused]
        if hits:
            refused = _united(
                [(port, part) for port, leg in hits for part in leg.answer.refused],
                [leg.answer for _, leg in hits],
                in_use,
            )
            yield acl_finding(way, acl, hits[0][1], _less_sure(refused, [leg for _, leg in hits]))
            break
    _raise(reason for _, leg in legs for reason in leg.answer.reasons)


def _less_sure(refused: Refused, legs: list[Leg]) -> Refused:
    """Say likely where only some of the ports are refused that clients pick for answers."""
    if all(leg.is_answer and leg.answer.outcome is not Outcome.DENIED for leg in legs):
        return replace(refused, certainty=Certainty.LIKELY)
    return refused


def _raise(reasons: Iterable[Reason]) -> None:
    if left := unique(reasons):
        raise NotKnown(*left)
