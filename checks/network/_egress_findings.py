"""The findings on outbound rules that refuse a load balancer."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from auditor.facts.cloud.ecs import Instance, SecurityGroup, SecurityGroupRule
from auditor.facts.joins.balancer_egress import Refusal, Target
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.rules.security_group import rule_name
from auditor.judge.api import Certainty, Evidence, Finding, Hop, Ref, Step, Text, broken, cloud_ref, ok, step, t

MOST_PERMISSIONS = 20
"""How many rules a remedy shows in one command."""
MOST_TARGETS = 50
"""How many targets a finding names."""
RULE_ID_PREFIX = "sgr-"


def by_owner(refusals: Iterable[Refusal]) -> dict[str, list[Refusal]]:
    """Return the refusals by the group or network ACL that they are by."""
    found: dict[str, list[Refusal]] = {}
    for refusal in refusals:
        found.setdefault(refusal.owner, []).append(refusal)
    return found


def group_finding(
    node: Node,
    instance: Instance,
    group: SecurityGroup,
    rules: Sequence[SecurityGroupRule],
    hits: Sequence[Refusal],
    groups: Sequence[str],
    region: str,
) -> Finding:
    """Make the finding that a security group lets nobody out to load balancers, by rules or by default."""
    targets = _targets(hits)
    names = [rule_name(rule) for rule in rules]
    if len(rules) == 1:
        message = t(
            "rule {rule} of security group {group} drops what nodes and Pods send to load balancers ({targets}), "
            "nodes: {count} ({affected})",
            rule=names[0],
            group=group.id,
            targets=targets,
        )
        detail = t("rule {rule} drops what goes to {targets}", rule=names[0], targets=targets)
    elif rules:
        message = t(
            "rules {rules} of security group {group} drop what nodes and Pods send to load balancers ({targets}), "
            "nodes: {count} ({affected})",
            rules=names,
            group=group.id,
            targets=targets,
        )
        detail = t("rules {rules} drop what goes to {targets}", rules=names, targets=targets)
    else:
        message = t(
            "no outbound rule of security group {group} lets nodes and Pods reach load balancers ({targets}), nodes: "
            "{count} ({affected})",
            group=group.id,
            targets=targets,
        )
        detail = t("no outbound rule accepts what goes to {targets}", targets=targets)
    by_default = [hit for hit in hits if not hit.part.rule]
    if rules and by_default:
        detail = t("{detail}; of the rest, no rule accepts it", detail=detail)
    evidence: dict[str, Evidence] = {
        "targets": targets,
        "targets_in_all": sum(len(hit.targets) for hit in hits),
        "services": _services(hits),
        "groups_of_interface": list(groups),
        "group_type": group.type,
        "deciding_rule": ", ".join([*names, *(["default"] if by_default else [])]),
    }
    if rules:
        evidence["rule"] = _shown(rules[0])
    return Finding(
        subject=group.ref,
        fault="egress-refused",
        message=message,
        trail=_trail(node, instance, broken(group.ref, detail), hits),
        evidence=evidence,
        remedy=_group_remedy(node, group, rules, hits, region),
        affected=(node.ref,),
    )


def acl_finding(
    node: Node, instance: Instance, acl_id: str, hits: Sequence[Refusal], vswitch_id: str, region: str
) -> Finding:
    """Make the finding that a vSwitch's network ACL refuses the calls, or the answers to them."""
    targets = _targets(hits)
    part = hits[0].part
    entry: str | Text = part.rule or t("the default")
    acl: Ref = cloud_ref("NetworkAcl", acl_id)
    if all(hit.leg is not None and hit.leg.is_answer for hit in hits):
        message = t(
            "network ACL {acl} ({entry}) drops the answers of load balancers ({targets}) to nodes and Pods, nodes: "
            "{count} ({affected})",
            acl=acl_id,
            entry=entry,
            targets=targets,
        )
        detail = t("{entry} drops answers from {targets}", entry=entry, targets=targets)
    else:
        message = t(
            "network ACL {acl} ({entry}) drops what nodes and Pods send to load balancers ({targets}), nodes: {count} "
            "({affected})",
            acl=acl_id,
            entry=entry,
            targets=targets,
        )
        detail = t("{entry} drops what goes to {targets}", entry=entry, targets=targets)
    # Of answers it may be a part of the ports only: then some connections work.
    is_whole = any(hit.leg is not None and hit.part.ports == hit.leg.ports for hit in hits)
    return Finding(
        subject=acl,
        fault="egress-refused",
        certainty=Certainty.CONFIRMED if is_whole else Certainty.LIKELY,
        message=message,
        trail=_trail(node, instance, broken(acl, detail), hits),
        evidence={
            "targets": targets,
            "targets_in_all": sum(len(hit.targets) for hit in hits),
            "services": _services(hits),
            "vswitch": vswitch_id,
            "deciding_entry": part.rule or "default",
        },
        remedy=(
            _confirm(node, hits),
            step(
                t("See the entries: they are read from the top, and the first that matches decides."),
                *("aliyun", "vpc", "DescribeNetworkAclAttributes", "--RegionId", region, "--NetworkAclId", acl_id),
            ),
            step(
                t(
                    "In the VPC console, above the entry that drops it, let {targets} out of vSwitch {vswitch}, and "
                    "TCP ports 1024/65535 back in from there: the list remembers no connections. An update replaces "
                    "the whole list, for every vSwitch that the ACL is bound to.",
                    vswitch=vswitch_id,
                    targets=targets,
                )
            ),
        ),
        affected=(node.ref,),
    )


def _trail(node: Node, instance: Instance, culprit: Hop, hits: Sequence[Refusal]) -> tuple[Hop, ...]:
    balancers = dict.fromkeys(target.balancer.ref for target in _first(hits))
    return (ok(node.ref), ok(instance.ref), culprit, *(ok(ref) for ref in balancers))


def _first(hits: Sequence[Refusal]) -> Iterator[Target]:
    """Yield the first targets: a finding is made for every node, and a group that lets nobody out refuses them all."""
    return islice((target for hit in hits for target in hit.targets), MOST_TARGETS)


def _targets(hits: Sequence[Refusal]) -> list[str]:
    return list(dict.fromkeys(target.shown for target in _first(hits)))


def _services(hits: Sequence[Refusal]) -> list[str]:
    return list(dict.fromkeys(target.service or "default/kubernetes" for target in _first(hits)))


def _confirm(node: Node, hits: Sequence[Refusal]) -> Step:
    target = hits[0].targets[0]
    return step(
        t("Confirm: on node {node}, call the load balancer; it ends in a timeout.", node=node.name),
        *("curl", "-sv", "--max-time", "5", f"telnet://{target.address}:{target.port}"),
    )


def _shown(rule: SecurityGroupRule) -> dict[str, int | str]:
    shown: dict[str, int | str] = {
        "policy": rule.policy,
        "priority": rule.priority,
        "protocol": rule.protocol,
        "ports": rule.port_list_id or rule.ports,
        "destination": rule.peer_cidr or rule.peer_cidr6 or rule.peer_prefix_list_id or rule.peer_group_id,
        "description": rule.description,
    }
    return {key: value for key, value in shown.items() if value}


def _group_remedy(
    node: Node, group: SecurityGroup, rules: Sequence[SecurityGroupRule], hits: Sequence[Refusal], region: str
) -> tuple[Step, ...]:
    ecs = ("--RegionId", region, "--SecurityGroupId", group.id)
    cures: list[Step] = []
    for rule in rules:
        by_id = ("aliyun", "ecs", "RevokeSecurityGroupEgress", *ecs, "--SecurityGroupRuleId.1", rule.id)
        own = [hit for hit in hits if hit.part.rule == rule_name(rule)]
        cures.append(
            step(
                t(
                    "Remove rule {rule}, or narrow it so that it leaves out {targets}. Ask first who made it and why: "
                    "what else it keeps in goes out at once, from every interface in the group.",
                    rule=rule_name(rule),
                    targets=_targets(own),
                ),
                *(by_id if rule.id.startswith(RULE_ID_PREFIX) else ()),
            )
        )
    by_default = [hit for hit in hits if not hit.part.rule]
    if by_default:
        wanted = list(dict.fromkeys((one.protocol, one.port, one.address) for one in _first(by_default)))
        words = [word for number, one in enumerate(wanted[:MOST_PERMISSIONS], 1) for word in _permission(number, *one)]
        cures.append(
            step(
                t(
                    "Let {targets} out. The rule takes effect at once on every interface in the group. ACK's own rule "
                    "lets everything out; the least that nodes need besides is 100.64.0.0/10, DNS and the API server.",
                    targets=_targets(by_default),
                ),
                *("aliyun", "ecs", "AuthorizeSecurityGroupEgress", *ecs, *words),
            )
        )
    return (_confirm(node, hits), *cures)


def _permission(number: int, protocol: str, port: int, address: str) -> tuple[str, ...]:
    name = f"--Permissions.{number}"
    peer = "Ipv6DestCidrIp" if ":" in address else "DestCidrIp"
    return (
        *(f"{name}.IpProtocol", protocol.upper(), f"{name}.PortRange", f"{port}/{port}"),
        *(f"{name}.Policy", "Accept", f"{name}.{peer}", address),
    )
