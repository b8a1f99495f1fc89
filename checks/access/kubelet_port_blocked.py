"""The API server can't reach the kubelets on port 10250.

``kubectl logs``, ``exec``, ``attach``, ``port-forward`` and ``top`` go from the API server to the node's kubelet,
TCP port 10250. Reading and changing objects does not, and neither does the kubelet's own traffic: so where a
security group or the vSwitch's network ACL refuses that port, ``kubectl get`` works, the node is Ready, and logs
fail with a timeout. ACK's own rules admit the API server; it usually breaks when an own security group is given at
the cluster's or node pool's creation, to which ACK adds no rule, or when a rule is added to shut ports.
"""

from collections.abc import Iterable, Iterator

from auditor.facts.cloud.ecs import Instance
from auditor.facts.cloud.vpc import NetworkAcl, VSwitch
from auditor.facts.joins.api_server import ApiServerCallers, Caller, range_of
from auditor.facts.joins.nodes import NodeInstances
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.probes import KubeletLogRead
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.addresses import AddressSet
from auditor.facts.rules.first_match import Answer, Outcome, Part, Ports, unique
from auditor.facts.rules.network_acl import Leg, judge_client, judge_server
from auditor.facts.rules.security_group import Direction, SecurityGroupFilter, Traffic
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
from checks.access._kubelet_log import Symptom, symptom_of
from checks.access._kubelet_way import KUBELET_PORT, Way, acl_finding, group_finding, refused_sources, symptom_finding

check = Check(
    severity=Severity.HIGH,
    causes=("K2",),
    since="0.1.0",
    symptoms=("kubectl-logs-exec-fail",),
    limits=(
        (
            "Of security groups, those of the nodes' primary interfaces are judged, and what comes in; what the API "
            "server's own groups let out is not."
        ),
        (
            "Rules on the node itself (iptables, security agents) can't be read; only the probe `kubelet` shows "
            "their effect."
        ),
        "Of network ACLs, the answers are followed to the ports that Linux picks by default, 32768 to 60999.",
        (
            "Where the endpoints of Service default/kubernetes lie outside of the VPC, any address of the control "
            "plane's vSwitches may be the API server's: a refusal of a part of them is likely, not confirmed."
        ),
    ),
    links=("https://www.alibabacloud.com/help/en/doc-detail/353191.html",),
)

PORT = Ports.one(KUBELET_PORT)


def subjects(nodes: Table[Node]) -> Iterable[Node]:
    return [node for node in nodes.known_rows() if not node.is_virtual]


def judge(
    node: Node,
    node_instances: NodeInstances,
    api_server_callers: ApiServerCallers,
    security_group_filter: SecurityGroupFilter,
    vswitches: Table[VSwitch],
    network_acls: Table[NetworkAcl],
    kubelet_log_reads: Table[KubeletLogRead],
    cluster: ClusterIdentity,
) -> Iterator[Verdict]:
    if node.instance_id is None:
        yield NotApplicable(t("node {node} is no ECS instance, so no security group guards it", node=node.name))
        return
    instance = node_instances.of(node)
    if instance is None:
        yield NotApplicable(t("the instance of node {node} no longer exists", node=node.name))
        return
    gaps: list[Reason] = []
    symptom, words = Symptom.NOTHING, ""
    try:
        symptom, words = symptom_of(node, kubelet_log_reads)
    except NotKnown as gap:
        gaps += gap.reasons
    way = Way(node, instance, (), cluster.region, symptom, words)
    refusals: list[Finding] = []
    unread: list[Reason] = []
    try:
        way = Way(node, instance, _callers(way, api_server_callers, cluster), cluster.region, symptom, words)
    except NotKnown as gap:
        unread += gap.reasons
    if way.callers:
        for look in (
            _by_groups(way, security_group_filter),
            _by_own_acl(way, vswitches, network_acls),
            _by_callers_acls(way, api_server_callers, network_acls),
        ):
            try:
                refusals.extend(look)
            except NotKnown as gap:
                unread += gap.reasons
    yield from refusals
    has_symptom = symptom in (Symptom.REFUSED, Symptom.TLS) or (symptom is Symptom.TIMEOUT and not refusals)
    if has_symptom:
        yield symptom_finding(way, is_admitted=not unread)
    if gaps or unread:
        yield NotEvaluated(unique((*gaps, *unread)))
    elif not refusals and not has_symptom:
        yield Passed()


def _callers(way: Way, api_server_callers: ApiServerCallers, cluster: ClusterIdentity) -> tuple[Caller, ...]:
    """Return who calls the node from elsewhere: an API server on the node itself passes no group and no ACL."""
    own = set(way.node.internal_ips)
    is_ipv6 = any(":" in address for address in way.node.internal_ips[:1])
    callers = api_server_callers.of(cluster, _vpc_of(way.instance), ipv6=is_ipv6)
    return tuple(caller for caller in callers if caller.address not in own)


def _vpc_of(instance: Instance) -> str:
    return said(instance.vpc_id, "ecs", t("the VPC of instance {instance}", instance=instance.id))


def _by_groups(way: Way, groups: SecurityGroupFilter) -> Iterator[Finding]:
    """Yield a finding for each group that refuses one of the callers. Raises NotKnown for what is left open."""
    own = said(way.instance.security_group_ids, "ecs", t("the groups of instance {instance}", instance=way.instance.id))
    answers = [
        (caller, groups.judge(own, Traffic(Direction.INGRESS, "tcp", caller.peer, PORT))) for caller in way.callers
    ]
    certainty = way.certainty(all(answer.outcome is Outcome.DENIED for _, answer in answers))
    by_group: dict[str, list[tuple[Caller, Answer, Part]]] = {}
    for caller, answer in answers:
        for part in answer.refused:
            by_group.setdefault(part.owner, []).append((caller, answer, part))
    for group_id, hits in by_group.items():
        deciding = hits[0][2]
        sources = list(dict.fromkeys(refused_sources([(caller, answer) for caller, answer, _ in hits])))
        rule = groups.rule(group_id, deciding.rule) if deciding.rule else None
        yield group_finding(way, groups.group(group_id), rule, deciding, sources, certainty)
    _raise(reason for _, answer in answers for reason in answer.reasons)


def _by_own_acl(way: Way, vswitches: Table[VSwitch], network_acls: Table[NetworkAcl]) -> Iterator[Finding]:
    """Judge the ACL of the node's vSwitch, which callers in the same vSwitch don't pass."""
    instance = way.instance
    vswitch_id = said(instance.vswitch_id, "ecs", t("the vSwitch of instance {instance}", instance=instance.id))
    vswitch = said(vswitches.get(vswitch_id), "vpc", t("vSwitch {vswitch}", vswitch=vswitch_id))
    acl = _acl_of(vswitch, network_acls)
    if acl is None:
        return
    judged = []
    for caller in way.callers:
        if outside := caller.peer.addresses - range_of(vswitch):
            judged += [(caller, leg) for leg in judge_server(acl, "tcp", PORT, outside)]
    yield from _refusals(way, acl, judged)


def _by_callers_acls(
    way: Way, api_server_callers: ApiServerCallers, network_acls: Table[NetworkAcl]
) -> Iterator[Finding]:
    """Judge the ACLs of the vSwitches that the API server calls from: its calls go out, the answers come in."""
    instance = way.instance
    servers = AddressSet.of(*(way.node.internal_ips[:1] or instance.private_ips[:1]))
    judged: dict[str, tuple[NetworkAcl, list[tuple[Caller, Leg]]]] = {}
    reasons: list[Reason] = []
    for caller in way.callers:
        try:
            vswitch = api_server_callers.vswitch_of(caller.address, _vpc_of(instance))
            acl = _acl_of(vswitch, network_acls) if vswitch and vswitch.id != instance.vswitch_id else None
        except NotKnown as gap:
            reasons += gap.reasons
            continue
        if acl:
            legs = [(caller, leg) for leg in judge_client(acl, "tcp", PORT, servers)]
            judged.setdefault(acl.id, (acl, []))[1].extend(legs)
    for acl, legs in judged.values():
        try:
            yield from _refusals(way, acl, legs)
        except NotKnown as gap:
            reasons += gap.reasons
    _raise(reasons)


def _acl_of(vswitch: VSwitch, network_acls: Table[NetworkAcl]) -> NetworkAcl | None:
    acl_id = said(vswitch.network_acl_id, "vpc", t("the network ACL of vSwitch {vswitch}", vswitch=vswitch.id))
    if not acl_id:
        return None
    return said(network_acls.get(acl_id), "vpc", t("the entries of network ACL {acl}", acl=acl_id))


def _refusals(way: Way, acl: NetworkAcl, judged: list[tuple[Caller, Leg]]) -> Iterator[Finding]:
    hits = [(caller, leg) for caller, leg in judged if leg.answer.refused]
    if hits:
        sources = list(dict.fromkeys(caller.address for caller, _ in hits))
        shut = {caller.address for caller, leg in hits if leg.answer.outcome is Outcome.DENIED}
        certainty = way.certainty(shut >= set(way.sources)) if shut else Certainty.LIKELY
        yield acl_finding(way, acl, hits[0][1], sources, certainty)
    _raise(reason for _, leg in judged for reason in leg.answer.reasons)


def _raise(reasons: Iterable[Reason]) -> None:
    if left := unique(reasons):
        raise NotKnown(*left)
