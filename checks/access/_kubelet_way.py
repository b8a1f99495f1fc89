"""The way of a log read from the API server to a kubelet, and the findings on it."""

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.facts.cloud.ecs import Instance, SecurityGroup, SecurityGroupRule
from auditor.facts.cloud.vpc import NetworkAcl
from auditor.facts.joins.api_server import Caller
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.rules.first_match import Answer, Outcome, Part
from auditor.facts.rules.network_acl import Leg
from auditor.facts.rules.security_group import rule_name
from auditor.judge.api import (
    Certainty,
    Evidence,
    Finding,
    Hop,
    Step,
    Text,
    broken,
    kubernetes_ref,
    ok,
    step,
    t,
    unknown,
)
from checks.access._kubelet_log import Symptom

KUBELET_PORT = 10250
RULE_ID_PREFIX = "sgr-"
"""How ids of rules begin; old rules have none, and are then removed in the console."""
_SERVICE = kubernetes_ref("Service", "kubernetes", "default")


@dataclass(frozen=True)
class Way:
    """The way to one node. ``callers`` are where the API server calls from, all of one origin."""

    node: Node
    instance: Instance
    callers: tuple[Caller, ...]
    region: str
    symptom: Symptom
    words: str

    @property
    def sources(self) -> list[str]:
        """The addresses and ranges that the API server calls from."""
        return [caller.address for caller in self.callers]

    @property
    def evidence(self) -> dict[str, Evidence]:
        """What was read of both ends."""
        origin = {"api_server_addresses_from": str(self.callers[0].origin)} if self.callers else {}
        read = {} if self.symptom is Symptom.NOTHING else {"log_read": self.words or str(self.symptom)}
        return {"port": KUBELET_PORT, "api_server_addresses": self.sources, **origin, **read}

    @property
    def start(self) -> Hop:
        """The hop that the calls come from."""
        return ok(_SERVICE, t("the API server calls from {sources}", sources=self.sources))

    @property
    def end(self) -> tuple[Hop, ...]:
        """The hops that the calls go to."""
        return (
            ok(self.instance.ref, t("address {addresses}", addresses=self.instance.private_ips)),
            ok(self.node.ref, t("the kubelet listens on TCP port {port}", port=KUBELET_PORT)),
        )

    def certainty(self, is_refused_whole: bool) -> Certainty:
        """Return how sure a refusal is.

        Confirmed where an address is refused that is an API server's for certain, or where everything that may be
        one is; likely where one of those may have been left out, or where a log came through all the same.
        """
        if self.symptom is Symptom.WORKS:
            return Certainty.LIKELY
        sure = is_refused_whole or self.callers[0].origin.is_exact
        return Certainty.CONFIRMED if sure else Certainty.LIKELY


def refused_sources(answers: Sequence[tuple[Caller, Answer]]) -> list[str]:
    """Return what is refused: a caller's address or range, or the refused blocks of it."""
    refused: list[str] = []
    for caller, answer in answers:
        refused += [caller.address] if answer.outcome is Outcome.DENIED else answer.refused_peers.cidrs
    return refused


def group_finding(
    way: Way,
    group: SecurityGroup,
    rule: SecurityGroupRule | None,
    deciding: Part,
    sources: list[str],
    certainty: Certainty,
) -> Finding:
    """Make the finding that a security group refuses the API server, by a rule or by default."""
    groups = sorted(way.instance.security_group_ids or ())
    if deciding.rule:
        message = t(
            "rule {rule} of security group {group} drops what the API server ({sources}) sends to TCP port 10250: "
            "kubectl logs, exec and port-forward fail, nodes: {count} ({affected})",
            rule=deciding.rule,
            group=group.id,
            sources=sources,
        )
        detail = t("rule {rule} drops TCP port 10250 from {sources}", rule=deciding.rule, sources=sources)
    else:
        message = t(
            "no rule of security group {group} lets the API server ({sources}) in on TCP port 10250: kubectl logs, "
            "exec and port-forward fail, nodes: {count} ({affected})",
            group=group.id,
            sources=sources,
        )
        detail = t("no rule accepts TCP port 10250 from {sources}", sources=sources)
    evidence: dict[str, Evidence] = {
        **way.evidence,
        "refused_addresses": sources,
        "groups_of_interface": groups,
        "group_type": group.type,
        "deciding_rule": deciding.rule or "default",
    }
    if rule:
        evidence["rule"] = _shown(rule)
    return Finding(
        subject=group.ref,
        fault="refused",
        message=message,
        certainty=certainty,
        remedy=_group_remedy(way, group, rule, sources),
        trail=(way.start, broken(group.ref, detail), *way.end),
        evidence=evidence,
        affected=(way.node.ref,),
    )


def acl_finding(way: Way, acl: NetworkAcl, leg: Leg, sources: list[str], certainty: Certainty) -> Finding:
    """Make the finding that a vSwitch's network ACL refuses the calls, or the answers to them."""
    part = leg.answer.refused[0]
    entry: str | Text = part.rule or t("the default")
    message = (
        t(
            "network ACL {acl} ({entry}) drops the kubelet's answers to the API server ({sources}), ports {ports}: "
            "kubectl logs, exec and port-forward fail, nodes: {count} ({affected})",
            acl=acl.id,
            entry=entry,
            sources=sources,
            ports=str(part.ports),
        )
        if leg.is_answer
        else t(
            "network ACL {acl} ({entry}) drops what the API server ({sources}) sends to TCP port 10250: "
            "kubectl logs, exec and port-forward fail, nodes: {count} ({affected})",
            acl=acl.id,
            entry=entry,
            sources=sources,
        )
    )
    detail = t(
        "{direction}: {entry} drops TCP ports {ports}", direction=leg.direction, entry=entry, ports=str(part.ports)
    )
    return Finding(
        subject=acl.ref,
        fault="refused",
        message=message,
        certainty=certainty,
        remedy=_acl_remedy(way, acl),
        trail=(way.start, broken(acl.ref, detail), *way.end),
        evidence={
            **way.evidence,
            "refused_addresses": sources,
            "direction": str(leg.direction),
            "ports": str(part.ports),
            "deciding_entry": part.rule or "default",
        },
        affected=(way.node.ref,),
    )


def symptom_finding(way: Way, *, is_admitted: bool) -> Finding:
    """Make the finding on a node from which no log could be read, though no rule that was read refuses it."""
    node = way.node
    if way.symptom is Symptom.TLS:
        fault, message = "kubelet-tls", t("the API server and the kubelet of node {node} do not agree on TLS: {words}")
    elif way.symptom is Symptom.REFUSED or not node.is_ready:
        fault, message = "kubelet-down", t("the kubelet of node {node} does not serve TCP port 10250: {words}")
    elif is_admitted:
        fault, message = (
            "kubelet-unreachable",
            t(
                "the API server can't reach TCP port 10250 of node {node}, though its security groups and network ACLs "
                "admit it: something else blocks. {words}"
            ),
        )
    else:
        fault, message = (
            "kubelet-unreachable",
            t(
                "the API server can't reach TCP port 10250 of node {node}; whether a security group or a network ACL "
                "refuses it could not be told. {words}"
            ),
        )
    return Finding(
        subject=node.ref,
        fault=fault,
        message=message.with_values({"node": node.name, "words": way.words}),
        certainty=Certainty.LIKELY,
        remedy=_symptom_remedy(way, fault),
        trail=(
            ok(_SERVICE, t("lists are answered, so the API server itself works")),
            (ok if is_admitted else unknown)(way.instance.ref, t("its security groups: {groups}", groups=_groups(way))),
            broken(node.ref, t("a log read fails: {words}", words=way.words)),
        ),
        evidence={**way.evidence, "node_ready": node.is_ready, "groups_of_interface": _groups(way)},
    )


def _groups(way: Way) -> list[str]:
    return sorted(way.instance.security_group_ids or ())


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


def _confirm(way: Way) -> Step:
    return step(
        t("Confirm: ask the kubelet of {node} through the API server; the call ends in a timeout.", node=way.node.name),
        "kubectl",
        "get",
        "--raw",
        f"/api/v1/nodes/{way.node.name}/proxy/healthz",
    )


def _group_remedy(
    way: Way, group: SecurityGroup, rule: SecurityGroupRule | None, sources: list[str]
) -> tuple[Step, ...]:
    ecs = ("--RegionId", way.region, "--SecurityGroupId", group.id)
    steps = [_confirm(way)]
    if rule:
        by_id = ("aliyun", "ecs", "RevokeSecurityGroup", *ecs, "--SecurityGroupRuleId.1", rule.id)
        steps.append(
            step(
                t(
                    "Remove rule {rule}, or narrow it so that it leaves out port 10250 or {sources}. Ask first who "
                    "made it and why: what else it keeps out comes in at once, on every interface in the group.",
                    rule=rule_name(rule),
                    sources=sources,
                ),
                *(by_id if rule.id.startswith(RULE_ID_PREFIX) else ()),
            )
        )
    else:
        permissions = [word for n, source in enumerate(sources, start=1) for word in _permission(n, source)]
        steps.append(
            step(
                t(
                    "Let the API server in on TCP port 10250, from {sources} alone. The rule takes effect at once on "
                    "every interface in the group; it opens the kubelet, which asks callers for a certificate, to "
                    "these addresses only.",
                    sources=sources,
                ),
                *("aliyun", "ecs", "AuthorizeSecurityGroup", *ecs, *permissions),
            )
        )
    return tuple(steps)


def _permission(number: int, source: str) -> tuple[str, ...]:
    """Return the words that make the n-th rule of a call: TCP port 10250 from one source."""
    name = f"--Permissions.{number}"
    address = "Ipv6SourceCidrIp" if ":" in source else "SourceCidrIp"
    return (
        *(f"{name}.IpProtocol", "TCP", f"{name}.PortRange", f"{KUBELET_PORT}/{KUBELET_PORT}"),
        *(f"{name}.Policy", "Accept", f"{name}.Priority", "1", f"{name}.{address}", source),
    )


def _acl_remedy(way: Way, acl: NetworkAcl) -> tuple[Step, ...]:
    return (
        _confirm(way),
        step(
            t("See the entries: they are read from the top, and the first that matches decides."),
            *("aliyun", "vpc", "DescribeNetworkAclAttributes", "--RegionId", way.region, "--NetworkAclId", acl.id),
        ),
        step(
            t(
                "In the VPC console, above the entry that drops it, accept TCP port 10250 from the API server "
                "({sources}) into the nodes' vSwitch, and TCP ports 1024/65535 back to it: the list remembers no "
                "connections. An update replaces the whole list, for every vSwitch that the ACL is bound to.",
                sources=way.sources,
            )
        ),
    )


def _symptom_remedy(way: Way, fault: str) -> tuple[Step, ...]:
    on_node = {
        "kubelet-tls": t(
            "On the node, see whether the kubelet's serving certificate has expired or waits for approval, and restart "
            "the kubelet: running containers go on."
        ),
        "kubelet-down": t("On the node, see why the kubelet does not run, and restart it: running containers go on."),
        "kubelet-unreachable": t(
            "On the node, see whether iptables, nftables or a security agent drops TCP port 10250, and whether the "
            "kubelet still answers locally."
        ),
    }[fault]
    command = {
        "kubelet-tls": ("kubectl", "get", "certificatesigningrequests"),
        "kubelet-down": ("journalctl", "-u", "kubelet", "--since", "-1h"),
        "kubelet-unreachable": ("iptables", "-S", "INPUT"),
    }[fault]
    return (_confirm(way), step(on_node, *command))
