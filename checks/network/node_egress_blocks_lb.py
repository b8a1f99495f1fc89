"""Outbound rules keep nodes or Pods from a load balancer of the cluster.

What a node or Pod sends passes the outbound rules of its security groups and, where the vSwitch has one, its network
ACL. A basic group lets everything out unless a rule drops it; an advanced group lets nothing out but what a rule
accepts, and ACK's own rule for it is often left out when groups are made by script. Calls to a refused address wait
until they give up, while the load balancer works for everybody else: it looks like a fault of the Service. Refused is
also what a list lacks that a rule names, and the answer that a network ACL, which remembers nothing, does not let in.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from auditor.facts.cloud.ecs import Instance, NetworkInterface, SecurityGroupRule
from auditor.facts.joins.balancer_egress import BalancerEgress, Refusal
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
    Text,
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
            "the node; they do with a host name only. A try to connect from there, as the probe `tcp` makes it, tells "
            "nothing of these rules for the same cause, and is not asked."
        ),
        "Rules on the node itself (iptables, security agents) can't be read.",
        "Of network ACLs, the answers are followed to the ports that Linux picks by default, 32768 to 60999.",
        "Of ALB, whose addresses change, nothing is judged.",
    ),
    links=("https://www.alibabacloud.com/help/en/doc-detail/353191.html",),
)


@dataclass(frozen=True)
class Guard:
    """What an interface is guarded by: its security groups, and the vSwitch with its network ACL."""

    groups: frozenset[str]
    vswitch_id: str


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
    guards = _guards(instance, network_interfaces, cluster_networks, reasons) if targets else []
    for groups in dict.fromkeys(guard.groups for guard in guards if guard.groups):
        refusals = balancer_egress.by_groups(groups)
        reasons += refusals.reasons
        for owner, hits in by_owner(refusals.refused).items():
            group = security_group_filter.group(owner)
            rules = _rules(security_group_filter, owner, hits)
            findings.append(group_finding(node, instance, group, rules, hits, sorted(groups), cluster.region))
    for vswitch_id in dict.fromkeys(guard.vswitch_id for guard in guards if guard.vswitch_id):
        try:
            refusals = balancer_egress.by_vswitch(vswitch_id)
        except NotKnown as gap:
            reasons += gap.reasons
            continue
        reasons += refusals.reasons
        for owner, hits in by_owner(refusals.refused).items():
            findings.append(acl_finding(node, instance, owner, hits, vswitch_id, cluster.region))
    yield from findings
    if reasons:
        yield NotEvaluated(unique(reasons))
    elif not findings:
        yield Passed()


def _guards(
    instance: Instance, network_interfaces: Table[NetworkInterface], networks: ClusterNetworks, reasons: list[Reason]
) -> list[Guard]:
    """Return what guards the machine itself and, under Terway, the interfaces of its Pods; reasons take the gaps."""
    name = t("instance {instance}", instance=instance.id)
    guards = [_guard(name, instance.security_group_ids, instance.vswitch_id, reasons)]
    try:
        rows = (
            network_interfaces.where("instance", lambda row: row.instance_id, instance.id)
            if networks.is_terway()
            else ()
        )
    except NotKnown as gap:
        reasons += gap.reasons
        return guards
    for row in rows:
        if row.type != "Primary":
            name = t("network interface {id}", id=row.id)
            guards.append(_guard(name, row.security_group_ids, row.vswitch_id, reasons))
    return guards


def _guard(name: Text, groups: list[str] | None, vswitch_id: str | None, reasons: list[Reason]) -> Guard:
    """Return what guards an interface; what was not said of it is left out, and is a reason."""
    found = Guard(frozenset(groups or ()), vswitch_id or "")
    for value, what in (
        (groups or None, t("the security groups of {name}", name=name)),
        (vswitch_id, t("the vSwitch of {name}", name=name)),
    ):
        try:
            said(value, "ecs", what)
        except NotKnown as gap:
            reasons += gap.reasons
    return found


def _rules(groups: SecurityGroupFilter, group_id: str, hits: Sequence[Refusal]) -> list[SecurityGroupRule]:
    """Return the rules of a group that refuse something; what it refuses by default is by none."""
    found = (groups.rule(group_id, name) for name in dict.fromkeys(hit.part.rule for hit in hits if hit.part.rule))
    return [rule for rule in found if rule is not None]
