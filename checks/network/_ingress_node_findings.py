"""The findings on rules that keep Pods from an Ingress controller."""

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.facts.cloud.ecs import SecurityGroup, SecurityGroupRule
from auditor.facts.cloud.vpc import NetworkAcl
from auditor.facts.joins.pod_sources import Guard
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.rules.first_match import Part
from auditor.facts.rules.network_acl import Leg
from auditor.facts.rules.security_group import rule_name
from auditor.judge.api import Certainty, Evidence, Finding, Hop, Step, Text, broken, ok, step, t

_RULE_ID_PREFIX = "sgr-"
"""How ids of rules begin; old rules have none, and are then removed in the console."""
_MOST_PERMISSIONS = 20
"""How many rules a remedy shows in one command."""


@dataclass(frozen=True)
class Way:
    """The way of requests of Pods to a Pod of a controller, and the nodes with others that are guarded alike."""

    pod: Pod
    nodes: tuple[Node, ...]
    guard: Guard
    ports: tuple[int, ...]
    region: str

    @property
    def end(self) -> tuple[Hop, ...]:
        """The hops that the requests go to."""
        return (
            *(ok(node.ref, t("guarded by {groups}", groups=list(self.guard.group_ids))) for node in self.nodes[:5]),
            ok(self.pod.ref, t("listens on TCP ports {ports}", ports=[str(port) for port in self.ports])),
        )


@dataclass(frozen=True)
class Refused:
    """What is refused: by which clauses, on which ports, from where, and whether a Pod has such an address now.

    ``part`` is the first of the refused parts; of the clauses, the empty one stands for the default.
    """

    part: Part
    clauses: tuple[str, ...]
    ports: tuple[int, ...]
    sources: tuple[str, ...]
    certainty: Certainty = Certainty.CONFIRMED
    is_in_use: bool = True

    @property
    def why(self) -> Text | None:
        """What to say where only a part of the Pods' range is refused that no Pod has now; else the check's words."""
        if self.is_in_use:
            return None
        return t(
            "A part of the range that Pods get their addresses from is refused. No Pod has such an address now; those "
            "of the next nodes may, and then run into a timeout when they call an Ingress."
        )

    @property
    def by(self) -> list[str]:
        """The clauses, as evidence names them."""
        return [clause or "default" for clause in self.clauses]

    @property
    def shown_ports(self) -> list[str]:
        """The ports, as a text shows them."""
        return [str(port) for port in self.ports]


def group_finding(way: Way, group: SecurityGroup, rules: Sequence[SecurityGroupRule], refused: Refused) -> Finding:
    """Make the finding that a security group keeps Pods from the controller, by rules or by default."""
    sources = list(refused.sources)
    names = [clause for clause in refused.clauses if clause]
    if names and len(refused.clauses) > 1:
        message = t(
            "security group {group} keeps out what Pods ({sources}) send to the Ingress controller on TCP ports "
            "{ports} (deciding: {rules}), nodes: {count} ({affected})",
            rules=refused.by,
            group=group.id,
            sources=sources,
            ports=refused.shown_ports,
        )
        detail = t("refuses TCP ports {ports}; deciding: {rules}", ports=refused.shown_ports, rules=refused.by)
    elif names:
        message = t(
            "rule {rule} of security group {group} drops what Pods ({sources}) send to the Ingress controller on TCP "
            "ports {ports}, nodes: {count} ({affected})",
            rule=names[0],
            group=group.id,
            sources=sources,
            ports=refused.shown_ports,
        )
        detail = t("rule {rule} drops TCP ports {ports}", rule=names[0], ports=refused.shown_ports)
    else:
        message = t(
            "no rule of security group {group} lets Pods ({sources}) in to the Ingress controller on TCP ports "
            "{ports}, nodes: {count} ({affected})",
            group=group.id,
            sources=sources,
            ports=refused.shown_ports,
        )
        detail = t("no rule accepts TCP ports {ports} from {sources}", ports=refused.shown_ports, sources=sources)
    evidence: dict[str, Evidence] = {
        "refused_addresses": sources[:50],
        "ports": refused.shown_ports,
        "groups_of_interface": list(way.guard.group_ids),
        "group_type": group.type,
        "deciding_rule": ", ".join(refused.by),
        "controller": way.pod.key,
    }
    if rules:
        evidence["rule"] = _shown(rules[0])
    return Finding(
        subject=group.ref,
        fault="refused",
        why=refused.why,
        message=message,
        certainty=refused.certainty,
        remedy=_group_remedy(way, group, rules, refused),
        trail=(broken(group.ref, detail), *way.end),
        evidence=evidence,
        affected=tuple(node.ref for node in way.nodes),
    )


def acl_finding(way: Way, acl: NetworkAcl, leg: Leg, refused: Refused) -> Finding:
    """Make the finding that the network ACL of the controller's vSwitch refuses Pods, or answers to them."""
    entry = refused.part.rule or t("the default")
    sources = list(refused.sources)
    message = (
        t(
            "network ACL {acl} ({entry}) drops the answers of the Ingress controller to Pods ({sources}), ports "
            "{ports}, nodes: {count} ({affected})",
            acl=acl.id,
            entry=entry,
            sources=sources,
            ports=str(refused.part.ports),
        )
        if leg.is_answer
        else t(
            "network ACL {acl} ({entry}) drops what Pods ({sources}) send to the Ingress controller on TCP ports "
            "{ports}, nodes: {count} ({affected})",
            acl=acl.id,
            entry=entry,
            sources=sources,
            ports=refused.shown_ports,
        )
    )
    detail = t(
        "{direction}: {entry} drops TCP ports {ports}",
        direction=leg.direction,
        entry=entry,
        ports=str(refused.part.ports),
    )
    return Finding(
        subject=acl.ref,
        fault="refused",
        why=refused.why,
        message=message,
        certainty=refused.certainty,
        remedy=(
            _confirm(way),
            step(
                t("See the entries: they are read from the top, and the first that matches decides."),
                *("aliyun", "vpc", "DescribeNetworkAclAttributes", "--RegionId", way.region, "--NetworkAclId", acl.id),
            ),
            step(
                t(
                    "In the VPC console, above the entry that drops it, accept TCP ports {ports} from {sources} into "
                    "the vSwitch, and TCP ports 1024/65535 back to it: the list remembers no connections. An update "
                    "replaces the whole list, for every vSwitch that the ACL is bound to.",
                    ports=[str(port) for port in way.ports],
                    sources=sources,
                )
            ),
        ),
        trail=(broken(acl.ref, detail), *way.end),
        evidence={
            "refused_addresses": sources[:50],
            "direction": str(leg.direction),
            "ports": str(refused.part.ports),
            "deciding_entry": refused.part.rule or "default",
            "controller": way.pod.key,
        },
        affected=tuple(node.ref for node in way.nodes),
    )


def _confirm(way: Way) -> Step:
    return step(
        t("Confirm: from a Pod on another node, call the controller's Pod; the call ends in a timeout."),
        *("kubectl", "-n", "<namespace>", "exec", "<pod>", "--"),
        *("curl", "-m", "5", "-s", "-o", "/dev/null", f"http://{way.pod.status.pod_ip}:{way.ports[0]}"),
    )


def _group_remedy(
    way: Way, group: SecurityGroup, rules: Sequence[SecurityGroupRule], refused: Refused
) -> tuple[Step, ...]:
    ecs = ("--RegionId", way.region, "--SecurityGroupId", group.id)
    cures: list[Step] = []
    for rule in rules:
        by_id = ("aliyun", "ecs", "RevokeSecurityGroup", *ecs, "--SecurityGroupRuleId.1", rule.id)
        cures.append(
            step(
                t(
                    "Remove rule {rule}, or narrow it so that it leaves out ports {ports} or {sources}. Ask first who "
                    "made it and why: what else it keeps out comes in at once, on every interface in the group.",
                    rule=rule_name(rule),
                    ports=refused.shown_ports,
                    sources=list(refused.sources),
                ),
                *(by_id if rule.id.startswith(_RULE_ID_PREFIX) else ()),
            )
        )
    if "" in refused.clauses:
        wanted = [(source, port) for source in refused.sources for port in refused.ports][:_MOST_PERMISSIONS]
        permissions = [word for number, one in enumerate(wanted, start=1) for word in _permission(number, *one)]
        cures.append(
            step(
                t(
                    "Let the Pods in, from {sources}. The rules take effect at once on every interface in the group. "
                    "ACK's own group lets in all ports from the Pods' range; a group of your own gets no rule from "
                    "ACK.",
                    sources=list(refused.sources),
                ),
                *("aliyun", "ecs", "AuthorizeSecurityGroup", *ecs, *permissions),
            )
        )
    return (_confirm(way), *cures)


def _permission(number: int, source: str, port: int) -> Sequence[str]:
    """Return the words that make the n-th rule of a call."""
    name = f"--Permissions.{number}"
    address = "Ipv6SourceCidrIp" if ":" in source else "SourceCidrIp"
    return (
        *(f"{name}.IpProtocol", "TCP", f"{name}.PortRange", f"{port}/{port}"),
        *(f"{name}.Policy", "Accept", f"{name}.Priority", "1", f"{name}.{address}", source),
    )


def _shown(rule: SecurityGroupRule) -> dict[str, int | str]:
    shown: dict[str, int | str] = {
        "policy": rule.policy,
        "priority": rule.priority,
        "protocol": rule.protocol,
        "ports": rule.port_list_id or rule.ports,
        "source": rule.peer_cidr or rule.peer_cidr6 or rule.peer_prefix_list_id or rule.peer_group_id,
        "description": rule.description,
    }
    return {key: value for key, value in shown.items() if value}
