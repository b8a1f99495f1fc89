"""The opt-in probe ``forwarding``: does each node pass packets on to its Pods?

Only the node itself can tell. Its network plug-in and kube-proxy run in the node's own network, so that ``cat`` in one
of their Pods prints the node's settings. Nothing but ``cat`` of these few files is ever run, in Pods that are there
already.
"""

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.connect import CONNECTIONS
from auditor.collect.kubernetes.failures import SOURCE, CallFailed, reason
from auditor.collect.kubernetes.printed_files import NotRun
from auditor.collect.provider import provides
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.probes import NodeForwarding
from auditor.facts.ref import Layer
from auditor.facts.table import Gap, ReasonKind, Table
from auditor.facts.text import t

PROBE = "forwarding"
PERMISSIONS = ("create pods/exec", "get pods/exec")
"""A WebSocket is opened by GET, for which the right is ``get``; from Kubernetes 1.35 on ``create`` is asked for too."""
DEVICES = ("all", "default", "eth0", "cni0")
"""The devices whose forwarding is read: the one that new ones start from, the network card, and Flannel's bridge."""
WHOLE = "/proc/sys/net/ipv4/ip_forward"
BY_DEVICE = "/proc/sys/net/ipv4/conf/{device}/forwarding"
FILES = (WHOLE, *(BY_DEVICE.format(device=device) for device in DEVICES))
MEMBERS = ("kube-flannel", "terway", "kube-proxy")
"""How the names of the Pods begin that may be asked, the likeliest to have ``cat`` first."""
NAMESPACE = "kube-system"
PODS_TRIED = 2
MOST_NODES = 200
PROBE_SECONDS = 60.0
"""No further node is asked after this; those under way may end."""

_GONE = 404
_VALUES = {"0": False, "1": True}


class _Way(NamedTuple):
    """A container in the node's own network."""

    pod: Pod
    container: str

    @property
    def path(self) -> str:
        return f"/api/v1/namespaces/{self.pod.namespace}/pods/{self.pod.name}"


@provides("node_forwarding", source=SOURCE, layer=Layer.KUBERNETES, permissions=PERMISSIONS, probe=PROBE)
def node_forwarding(client: KubernetesClient, nodes: Table[Node], pods: Table[Pod]) -> Table[NodeForwarding]:
    """Read whether each node forwards, if the operator switched the probe on."""
    if PROBE not in client.probes:
        message = t('the forwarding of no node is looked at; add "forwarding" to probes to let it be read')
        return Table.unavailable("node_forwarding", reason(ReasonKind.SWITCHED_OFF, message))
    real = [node.name for node in nodes.known_rows() if not node.is_virtual]
    chosen, left_out = real[:MOST_NODES], real[MOST_NODES:]
    ways = _ways(pods.known_rows())
    until = time.monotonic() + PROBE_SECONDS
    with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="forwarding") as pool:
        results = list(pool.map(lambda node: _read(client, node, ways.get(node, ()), pods, until), chosen))
    rows = [result for result in results if isinstance(result, NodeForwarding)]
    gaps = [result for result in results if isinstance(result, Gap)]
    if gaps and not rows and all(gap.reason.kind is ReasonKind.FORBIDDEN for gap in gaps):
        return Table.unavailable("node_forwarding", gaps[0].reason)
    if left_out:
        message = t("only {count} of {total} nodes were looked at", count=len(chosen), total=len(real))
        gaps.append(Gap(reason(ReasonKind.TRUNCATED, message), frozenset(left_out)))
    return Table("node_forwarding", rows, gaps=(*gaps, *nodes.gaps), asked=real)


def _ways(pods: Iterable[Pod]) -> dict[str, list[_Way]]:
    """Return the containers on each node that may be asked, the best first."""
    found: dict[str, list[tuple[int, str, _Way]]] = {}
    for pod in pods:
        if pod.namespace != NAMESPACE or not pod.spec.host_network or not pod.node_name or pod.is_terminating:
            continue
        rank = next((rank for rank, prefix in enumerate(MEMBERS) if pod.name.startswith(prefix)), None)
        running = next((s.name for s in pod.status.container_statuses or () if s.state.running), None)
        if rank is not None and running is not None:
            found.setdefault(pod.node_name, []).append((rank, pod.name, _Way(pod, running)))
    return {node: [way for *_, way in sorted(ways, key=lambda w: w[:2])[:PODS_TRIED]] for node, ways in found.items()}


def _read(
    client: KubernetesClient, node: str, ways: Sequence[_Way], pods: Table[Pod], until: float
) -> NodeForwarding | Gap:
    only_this = frozenset({node})
    if not ways and pods.gaps:
        return Gap(pods.reasons[0], only_this)
    why = reason(
        ReasonKind.UNDECIDABLE,
        t("no Pod of the network plug-in or of kube-proxy runs on node {node} that could be asked", node=node),
    )
    for way in ways:
        if time.monotonic() >= until:
            message = t("the {seconds} s of the probe were over before node {node}", seconds=PROBE_SECONDS, node=node)
            return Gap(reason(ReasonKind.TIMEOUT, message), only_this)
        try:
            printed = client.printed(way.path, way.container, FILES, permissions=PERMISSIONS)
        except CallFailed as failure:
            why = failure.reason
            if isinstance(failure, NotRun) or failure.code == _GONE:
                continue
            return Gap(why, only_this)
        row = _row(node, printed.text, printed.complaints)
        if row is not None:
            return row
        message = t("what cat printed in {pod} on node {node} can't be read", pod=way.pod.key, node=node)
        why = reason(ReasonKind.MALFORMED, message)
    return Gap(why, only_this)


def _row(node: str, text: str, complaints: str) -> NodeForwarding | None:
    """Read the values, which come in the order of the files; ``cat`` names those that are not there.

    None if the two do not add up.
    """
    there = [file for file in FILES if file not in complaints]
    values = text.split()
    if WHOLE not in there or len(values) != len(there) or not set(values) <= set(_VALUES):
        return None
    read = dict(zip(there, (_VALUES[value] for value in values), strict=True))
    devices = {device: read[file] for device in DEVICES if (file := BY_DEVICE.format(device=device)) in read}
    return NodeForwarding(node, read[WHOLE], devices)
