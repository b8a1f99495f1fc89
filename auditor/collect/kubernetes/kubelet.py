"""The opt-in probe ``kubelet``: does the way from the API server to each node's kubelet work?

One line of log of one Pod per node is asked for and thrown away. The API server gets it from the kubelet, port
10250, so its error tells what is wrong on that way.
"""

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.connect import CONNECTIONS
from auditor.collect.kubernetes.failures import SOURCE, CallFailed, reason, single_line
from auditor.collect.provider import provides
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.probes import KubeletLogRead
from auditor.facts.ref import Layer
from auditor.facts.table import Gap, ReasonKind, Table
from auditor.facts.text import t

PERMISSION = "get pods/log"
LOG_SECONDS = 45.0
"""Longer than the 30 s after which the API server gives up connecting to a kubelet: its own error is wanted."""
PROBE_SECONDS = 180.0
"""No further node is asked after this; those under way may end."""
PODS_TRIED = 2
"""A Pod may have gone since the list was read; then another one of the node is asked for its line."""

_GONE = (400, 404)


class _Way(NamedTuple):
    """A container whose log can be asked for."""

    pod: Pod
    container: str

    @property
    def path(self) -> str:
        return f"/api/v1/namespaces/{self.pod.namespace}/pods/{self.pod.name}/log"


@provides("kubelet_log_reads", source=SOURCE, layer=Layer.KUBERNETES, permissions=(PERMISSION,), probe="kubelet")
def kubelet_log_reads(client: KubernetesClient, nodes: Table[Node], pods: Table[Pod]) -> Table[KubeletLogRead]:
    """Read one line of log from each node that has a kubelet, if the operator switched the probe on."""
    if "kubelet" not in client.probes:
        message = t('no log is read through the kubelets; add "kubelet" to probes to let one line per node be read')
        return Table.unavailable("kubelet_log_reads", reason(ReasonKind.SWITCHED_OFF, message))
    real = [node.name for node in nodes.known_rows() if not node.is_virtual]
    ways = _ways(pods.known_rows(), set(real))
    until = time.monotonic() + PROBE_SECONDS
    with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="kubelet") as pool:
        results = list(pool.map(lambda node: _read(client, node, ways.get(node, ()), pods, until), real))
    rows = [result for result in results if isinstance(result, KubeletLogRead)]
    gaps = [result for result in results if isinstance(result, Gap)]
    if gaps and not rows and all(gap.reason.kind is ReasonKind.FORBIDDEN for gap in gaps):
        return Table.unavailable("kubelet_log_reads", gaps[0].reason)
    return Table("kubelet_log_reads", rows, gaps=(*gaps, *nodes.gaps), asked=real)


def _ways(pods: Iterable[Pod], nodes: set[str]) -> dict[str, list[_Way]]:
    """Return a few containers that run on each node, those that are the likeliest to stay first."""
    by_node: dict[str, list[tuple[int, str, _Way]]] = {}
    for pod in pods:
        if pod.node_name not in nodes or pod.status.phase != "Running" or pod.is_terminating:
            continue
        running = next((s.name for s in pod.status.container_statuses or () if s.state.running), None)
        if running is not None:
            by_node.setdefault(pod.node_name, []).append((_rank(pod), pod.key, _Way(pod, running)))
    return {node: [way for *_, way in sorted(ways, key=lambda w: w[:2])[:PODS_TRIED]] for node, ways in by_node.items()}


def _rank(pod: Pod) -> int:
    owner = pod.metadata.controller
    is_daemon = owner is not None and owner.kind == "DaemonSet"
    return (not is_daemon) * 2 + (pod.namespace != "kube-system")


def _read(
    client: KubernetesClient, node: str, ways: Sequence[_Way], pods: Table[Pod], until: float
) -> KubeletLogRead | Gap:
    only_this = frozenset({node})
    if not ways and pods.gaps:
        return Gap(pods.reasons[0], only_this)
    why = reason(ReasonKind.UNDECIDABLE, t("no container runs on node {node} whose log could be read", node=node))
    for way in ways:
        if time.monotonic() >= until:
            message = t("the {seconds} s of the probe were over before node {node}", seconds=PROBE_SECONDS, node=node)
            return Gap(reason(ReasonKind.TIMEOUT, message), only_this)
        try:
            _ask(client, way)
        except CallFailed as failure:
            if failure.code >= 500 and failure.status is not None:
                words = single_line(failure.status.message)
                return KubeletLogRead(node, way.pod.key, words or f"HTTP {failure.code}", failure.code)
            if failure.code not in _GONE:
                return Gap(failure.reason, only_this)
            message = t(
                "the log of {pod} on node {node} can't be read now: {why}",
                pod=way.pod.key,
                node=node,
                why=failure.reason.message,
            )
            why = reason(ReasonKind.UNDECIDABLE, message)
        else:
            return KubeletLogRead(node, way.pod.key)
    return Gap(why, only_this)


def _ask(client: KubernetesClient, way: _Way) -> None:
    """Read the line. A failure of the server counts only if it comes twice."""
    query: dict[str, str | int] = {"container": way.container, "tailLines": 1, "limitBytes": 2048}
    client.get(way.path, query, permission=PERMISSION, accept="*/*", attempts=2, read_timeout=LOG_SECONDS)
