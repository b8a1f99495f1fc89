"""What tries to connect tell of a load balancer that nodes without a Pod behind it can't reach."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.probes import TcpProbe, tcp_probe_key
from auditor.facts.kubernetes.services import Service
from auditor.facts.table import NotKnown, Table


@dataclass(frozen=True)
class Trials:
    """The tries to connect to the addresses of a Service that were made on one node without a ready Pod of it."""

    node: str
    tries: tuple[TcpProbe, ...]

    @property
    def connects(self) -> bool:
        """Whether a try came through: kube-proxy then sends what comes from inside to Pods on other nodes."""
        return any(one.outcome == "ok" for one in self.tries)

    def fails(self, *, may_be_refused: bool) -> bool:
        """Tell whether the tries failed as they do where kube-proxy has no Pod to send to.

        With IPVS they are refused; in the other modes what has no Pod on the node is dropped, so that a refusal
        comes from a Pod that does not listen.
        """
        failures = ("timeout", "refused") if may_be_refused else ("timeout",)
        return bool(self.tries) and all(one.outcome in failures for one in self.tries)

    @property
    def shown(self) -> list[str]:
        """The tries as they are shown."""
        return [f"{one.key}: {one.outcome}" for one in self.tries]


def trials_of(
    service: Service,
    addresses: Iterable[str],
    filled: set[str],
    tcp_probes: Table[TcpProbe],
    nodes: Table[Node],
    pods: Table[Pod],
) -> Trials | None:
    """Return the tries to connect from a node without a ready Pod of a Service; None if none is known.

    That the operator left the probe off, or that a try is missing, is no gap: the rule decides without it.

    Args:
        service: its TCP ports were tried.
        addresses: those that kube-proxy takes over.
        filled: the nodes with a ready Pod of the Service, whose tries tell nothing.
        tcp_probes: the tries, of which those from outside of the cluster tell nothing of kube-proxy.
        nodes: to find where the auditor runs, by the address that it called from.
        pods: the same, if it runs in a Pod.
    """
    tries: dict[str, list[TcpProbe]] = {}
    for probe in _known(service, addresses, tcp_probes):
        node = _standing_on(probe, nodes, pods)
        if node is not None and not node.is_virtual and node.name not in filled:
            tries.setdefault(node.name, []).append(probe)
    return next((Trials(node, tuple(found)) for node, found in tries.items()), None)


def _known(service: Service, addresses: Iterable[str], tcp_probes: Table[TcpProbe]) -> Iterator[TcpProbe]:
    for address in addresses:
        for port in service.ports:
            try:
                probe = tcp_probes.get(tcp_probe_key(address, port.port)) if port.protocol == "TCP" else None
            except NotKnown:
                continue
            # An address of a kind that the machine has no way to at all tells nothing of the node.
            if probe is not None and probe.is_inside and probe.source and probe.outcome != "unreachable":
                yield probe


def _standing_on(probe: TcpProbe, nodes: Table[Node], pods: Table[Pod]) -> Node | None:
    """Return the node that a try was made on; None if it is not known, or none of the cluster's."""
    if nodes.is_unavailable:
        return None
    # A node has one address, or one of each family.
    own = [
        *nodes.known_where("first_ip", _first_ip, probe.source),
        *nodes.known_where("last_ip", _last_ip, probe.source),
    ]
    if own:
        return own[0]
    here = () if pods.is_unavailable else pods.known_where("pod_ip", lambda pod: pod.status.pod_ip, probe.source)
    names = {pod.node_name for pod in here if not pod.is_finished and not pod.spec.host_network}
    if len(names) != 1:
        return None
    return next(iter(nodes.known_where("name", lambda node: node.name, names.pop())), None)


def _first_ip(node: Node) -> str:
    return next(iter(node.internal_ips), "")


def _last_ip(node: Node) -> str:
    return next(reversed(node.internal_ips), "")
