"""What tries to connect tell of a Service's target port: does anything listen there?"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.probes import TcpProbe, tcp_probe_key
from auditor.facts.rules.probed_ports import addresses, declared_ports, probed_port
from auditor.judge.api import NotKnown, Table

INJECTED = ("istio-proxy", "linkerd-proxy")
"""Containers that a service mesh adds to a Pod. They declare ports of their own, and answer on every port of it."""


@dataclass(frozen=True)
class Refused:
    """That a Pod refused a port, and which other port of it accepts."""

    pod: Pod
    port: int
    accepting: int


class PortTrials:
    """The tries to connect to Pods, made from inside of the cluster or of its VPC: no others tell anything."""

    def __init__(self, tcp_probes: Table[TcpProbe]) -> None:
        """Take the tries, which the operator may have left off."""
        self._probes = tcp_probes

    def accepts(self, pods: Iterable[Pod], port: int) -> bool:
        """Tell whether a process of some Pod is known to listen on a port."""
        return any(probe.outcome == "ok" for pod in pods if not has_mesh(pod) for probe in self._of(pod, port))

    def refused(self, pods: Iterable[Pod], port: int) -> Refused | None:
        """Return the first Pod that refuses a port and accepts another; None if there is none, or one accepts it."""
        found: Refused | None = None
        for pod in pods:
            outcomes = {probe.outcome for probe in self._of(pod, port)}
            if "ok" in outcomes:
                return None
            if found is None and "refused" in outcomes:
                other = next(self._accepting(pod, port), None)
                found = Refused(pod, port, other) if other is not None else None
        return found

    def _accepting(self, pod: Pod, port: int) -> Iterator[int]:
        """Yield the other ports of a Pod that accept: when they were tried, or when the kubelet probes them."""
        statuses = {status.name: status for status in pod.status.container_statuses or ()}
        for container in pod.spec.containers:
            probed = probed_port(container)
            for number in dict.fromkeys([*declared_ports(container), *([probed] if probed else [])]):
                if number != port and any(probe.outcome == "ok" for probe in self._of(pod, number)):
                    yield number
            status = statuses.get(container.name)
            if probed is not None and probed != port and status is not None and status.ready:
                yield probed

    def _of(self, pod: Pod, port: int) -> Sequence[TcpProbe]:
        found = []
        for address in addresses(pod):
            try:
                probe = self._probes.get(tcp_probe_key(address, port))
            except NotKnown:
                continue
            if probe is not None and probe.is_inside:
                found.append(probe)
        return found


def has_mesh(pod: Pod) -> bool:
    """Tell whether a service mesh answers for a Pod."""
    names = [container.name for container in (*pod.spec.containers, *(pod.spec.init_containers or ()))]
    return any(name in INJECTED for name in names)
