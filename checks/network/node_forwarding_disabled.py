"""A node does not pass on packets to its Pods.

A node is a router between its network card and its Pods: the kernel passes a packet on only while forwarding is
switched on, for the whole machine (net.ipv4.ip_forward) and for the device that it came in by, and while iptables does
not drop it. Hardening scripts, a sysctl file that is applied after the network plug-in has started, and firewalld or
Docker, which set the policy of FORWARD to DROP, break just that: Pods on the node can't be reached from other nodes,
nor reach them, while everything that Kubernetes says of the node looks well.
"""

from collections.abc import Iterable, Iterator

from auditor.facts.joins.nodes import NodePods
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.probes import NodeForwarding
from auditor.judge.api import (
    Check,
    Evidence,
    Finding,
    Hop,
    NotEvaluated,
    NotKnown,
    Passed,
    Reason,
    ReasonKind,
    Severity,
    Step,
    Table,
    Text,
    Verdict,
    broken,
    kubernetes_ref,
    ok,
    step,
    t,
    unknown,
)

check = Check(
    severity=Severity.HIGH,
    causes=("N12",),
    since="0.1.0",
    symptoms=("pod-unreachable",),
    limits=(
        "Nothing but a look at the node itself can tell: without the probe forwarding it is not evaluated.",
        "The devices looked at are all, default, eth0 and cni0; those of single Pods have names of their own.",
    ),
    links=("https://help.aliyun.com/document_detail/86548.html",),
)

SYSCTL = "net.ipv4.ip_forward"
OPEN_POLICY = "ACCEPT"


def subjects(nodes: Table[Node]) -> Iterable[Node]:
    return (node for node in nodes.known_rows() if not node.is_virtual)


def judge(node: Node, node_forwarding: Table[NodeForwarding], node_pods: NodePods) -> Iterator[Verdict]:
    row = node_forwarding.get(node.name)
    if row is None:
        message = t("the forwarding of node {node} was not read", node=node.name)
        raise NotKnown(Reason("kubernetes", ReasonKind.UNDECIDABLE, message))
    off = sorted(device for device, is_on in row.devices.items() if not is_on)
    drops = row.forward_policy not in (None, OPEN_POLICY) and row.accepts is False
    if row.ip_forward is False:
        yield _finding(node, row, node_pods, "ip-forward", _whole(node), f"{SYSCTL} = 0")
    elif off:
        keys = [f"net.ipv4.conf.{device}.forwarding" for device in off]
        message = t("forwarding is off for {devices} on node {node}", devices=off, node=node.name)
        yield _finding(node, row, node_pods, "device", message, ", ".join(f"{key} = 0" for key in keys), keys)
    elif drops:
        message = t(
            "iptables drops what node {node} is to pass on: the policy of FORWARD is {policy}, and no rule accepts it",
            node=node.name,
            policy=row.forward_policy or "",
        )
        yield _finding(node, row, node_pods, "forward-policy", message, f"FORWARD {row.forward_policy}")
    elif row.forward_policy not in (None, OPEN_POLICY) and row.accepts is None:
        message = t("whether a rule of FORWARD accepts the Pods' packets on node {node} was not read", node=node.name)
        yield NotEvaluated((Reason("kubernetes", ReasonKind.UNDECIDABLE, message),))
    elif row.ip_forward is None:
        message = t("{key} of node {node} was not read", key=SYSCTL, node=node.name)
        yield NotEvaluated((Reason("kubernetes", ReasonKind.UNDECIDABLE, message),))
    else:
        yield Passed()


def _whole(node: Node) -> Text:
    return t(
        "{key} is 0 on node {node}: it passes no packet on, so that its Pods are cut off from other nodes",
        key=SYSCTL,
        node=node.name,
    )


def _finding(
    node: Node,
    row: NodeForwarding,
    node_pods: NodePods,
    fault: str,
    message: Text,
    read: str,
    keys: list[str] | None = None,
) -> Finding:
    evidence: dict[str, Evidence] = {
        "ip_forward": row.ip_forward,
        "devices": {device: int(is_on) for device, is_on in sorted(row.devices.items())},
        "forward_policy": row.forward_policy,
    }
    return Finding(
        subject=node.ref,
        fault=fault,
        message=message,
        trail=(broken(node.ref, t("{read}", read=read)), _pods_of(node, node_pods)),
        evidence=evidence,
        remedy=_remedy(node, fault, keys or [SYSCTL]),
    )


def _pods_of(node: Node, node_pods: NodePods) -> Hop:
    ref = kubernetes_ref("Pods", node.name)
    try:
        own = [pod for pod in node_pods.on(node.name) if not pod.spec.host_network and not pod.is_finished]
    except NotKnown:
        return unknown(ref)
    return ok(ref, t("{count} Pods with addresses of their own", count=len(own)))


def _remedy(node: Node, fault: str, keys: list[str]) -> tuple[Step, ...]:
    if fault == "forward-policy":
        return (
            step(t("Confirm on node {node}.", node=node.name), "iptables", "-S", "FORWARD"),
            step(
                t(
                    "Let FORWARD accept again. It takes effect at once, and opens the node to nothing that its "
                    "security groups do not let in. Then find what sets it (firewalld, Docker), or it comes back."
                ),
                *("iptables", "-P", "FORWARD", "ACCEPT"),
            ),
        )
    return (
        step(t("Confirm on node {node}.", node=node.name), "sysctl", *keys),
        step(
            t("Switch it on; it takes effect at once and interrupts nothing."),
            *("sysctl", "-w", *(f"{key}=1" for key in keys)),
        ),
        step(
            t(
                "Find the file that switches it off, or the next start of the node does so again; where a hardening "
                "script of the node pool wrote it, other nodes follow."
            ),
            *("grep", "-rE", "forward", "/etc/sysctl.conf", "/etc/sysctl.d", "/usr/lib/sysctl.d"),
        ),
    )
