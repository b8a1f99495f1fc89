"""Outbound rules keep nodes or Pods from a load balancer of the cluster.

What a node or Pod sends passes the outbound rules of its security groups and, where the vSwitch has one, its network
ACL. A basic group lets everything out unless a rule drops it; an advanced group lets nothing out but what a rule
accepts, and ACK's own rule for it is often left out when groups are made by script. Calls to a refused address wait
until they give up, while the load balancer works for everybody else: it looks like a fault of the Service. Refused is
also what a list lacks that a rule names, and the answer that a network ACL, which remembers nothing, does not let in.
"""

from collections.abc import Iterable, Iterator

from auditor.facts.cloud.ecs import Instance, NetworkInterface
from auditor.facts.joins.balancer_egress import BalancerEgress, Refusals
from auditor.facts.joins.networks import ClusterNetworks
from auditor.facts.joins.nodes import NodeInstances
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.first_match import unique
from auditor.facts.rules.security_group import SecurityGroupFilter
from auditor.judge.api import (
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
from checks.network._egress_findings import acl_finding, by_owner, group_finding

check = Check(
    severity=Severity.HIGH,
    causes=("N3",),
    since="0.1.0",
    symptoms=("slb-unreachable",),
    limits=(
        (
            "Where kube-proxy takes a published address as the Service's own, calls from nodes and Pods never leave "
            "the node; they do with a host name only."
        ),
        "Rules on the node itself (iptables, security agents) can't be read.",
        "Of network ACLs, the answers are followed to the ports that Linux picks by default, 32768 to 60999.",
        "Of ALB, whose addresses change, nothing is judged.",
    ),
    links=("https://www.alibabacloud.com/help/en/doc-detail/353191.html",),
)


def subjects(nodes: Table[Node]) -> Iterable[Node]:
    return [node for node in nodes.known_rows() if not node.is_virtual]


def judge(
    node: Node,
    node_instances: NodeInstances,
    balancer_egress: BalancerEgress,
    security_group_filter: SecurityGroupFilter,
    network_interfaces: Table[NetworkInterface],
    cluster_networks: ClusterNetworks,
    cluster: ClusterIdentity,
) -> Iterator[Verdict]:
    if node.instance_id is None:
        yield NotApplicable(t("node {node} is no ECS instance, so no security group guards it", node=node.name))
        return
    instance = node_instances.of(node)
    if instance is None:
        yield NotApplicable(t("the instance of node {node} no longer exists", node=node.name))
        return
    targets, gaps = balancer_egress.targets()
    if not targets and not gaps:
        yield NotApplicable(t("the cluster has no load balancer"))
        return
    findings: list[Finding] = []
    reasons: list[Reason] = list(gaps)
    try:
        vswitch = said(instance.vswitch_id, "ecs", t("the vSwitch of instance {instance}", instance=instance.id))
        looks = [
            *((groups, balancer_egress.by_groups(groups)) for groups in _own_groups(instance)),
            (frozenset[str](), _by_vswitch(balancer_egress, vswitch, reasons)),
        ]
    except NotKnown as gap:
        reasons += gap.reasons
        looks = []
    try:
        if targets:
            pods = _pod_groups(instance, network_interfaces, cluster_networks)
            looks += [(groups, balancer_egress.by_groups(groups)) for groups in pods]
    except NotKnown as gap:
        reasons += gap.reasons
    for groups, refusals in looks:
        reasons += refusals.reasons
        for owner, hits in by_owner(refusals.refused).items():
            if groups:
                rule = security_group_filter.rule(owner, hits[0].part.rule) if hits[0].part.rule else None
                group = security_group_filter.group(owner)
                findings.append(group_finding(node, instance, group, rule, hits, sorted(groups), cluster.region))
            else:
                findings.append(acl_finding(node, instance, owner, hits, cluster.region))
    yield from findings
    if reasons:
        yield NotEvaluated(unique(reasons))
    elif not findings:
        yield Passed()


def _own_groups(instance: Instance) -> Iterable[frozenset[str]]:
    groups = said(instance.security_group_ids, "ecs", t("the groups of instance {instance}", instance=instance.id))
    return [frozenset(groups)]


def _by_vswitch(egress: BalancerEgress, vswitch_id: str, reasons: list[Reason]) -> Refusals:
    try:
        return egress.by_vswitch(vswitch_id)
    except NotKnown as gap:
        reasons += gap.reasons
        return Refusals((), ())


def _pod_groups(
    instance: Instance, network_interfaces: Table[NetworkInterface], networks: ClusterNetworks
) -> list[frozenset[str]]:
    """Return the sets of groups of the interfaces that Terway attached for Pods, but for the machine's own set."""
    if not networks.is_terway():
        return []
    own = frozenset(instance.security_group_ids or ())
    attached = network_interfaces.where("instance", lambda row: row.instance_id, instance.id)
    found = dict.fromkeys(
        frozenset(said(row.security_group_ids, "ecs", t("the groups of network interface {id}", id=row.id)))
        for row in attached
    )
    return [groups for groups in found if groups and groups != own]
