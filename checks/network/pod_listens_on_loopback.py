"""A process listens on the Pod's loopback address only.

A process that binds its port to 127.0.0.1 or ::1 is reached by nobody outside of its Pod: not by the address of the
Pod, and so by no Service, Ingress or load balancer. Port forwarding and probes that run a command reach it all the
same, for they enter the Pod first, which makes it look like a fault of the network. The kubelet's readiness probe comes
by the Pod's address and is refused, though the container runs.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from auditor.facts.joins.component_health import restarting
from auditor.facts.joins.object_events import ObjectEvents
from auditor.facts.kubernetes.events import Event
from auditor.facts.kubernetes.pods import Container, ContainerStatus, Pod
from auditor.facts.kubernetes.probes import PodSockets, TcpProbe, tcp_probe_key
from auditor.facts.rules.first_match import unique
from auditor.facts.rules.probed_ports import addresses, declared_ports, probed_port, unproven_ports
from auditor.judge.api import (
    Check,
    NotApplicable,
    NotEvaluated,
    NotKnown,
    Passed,
    Reason,
    ReasonKind,
    Severity,
    Table,
    Verdict,
    t,
)
from checks.network._loopback_findings import Refusal, by_connection, by_refusal, by_sockets, is_loopback
from checks.service._port_trials import has_mesh

check = Check(
    severity=Severity.HIGH,
    causes=("N13", "V10"),
    since="0.1.0",
    symptoms=("pod-unreachable", "service-ip-unreachable"),
    limits=(
        "Without the probe loopback it shows only where a readiness probe comes by the Pod's address and is refused.",
        (
            "The probe tcp tells whether the port is refused at the moment of the audit, and only from inside of the "
            "cluster or its VPC; why it is refused, it can't tell."
        ),
        "The probe needs cat in one of the Pod's images, and looks at one Pod of each workload.",
        "A process that listens nowhere at all is refused in the same way: look at its sockets before any change.",
    ),
    links=("https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/",),
)

STARTS_WITHIN = timedelta(minutes=5)
"""For so long after its start a container may not have opened its port yet."""
SLOW_START = timedelta(minutes=2)
"""A refusal that came sooner after the start than this tells nothing of later."""
UNHEALTHY = "Unhealthy"
_REFUSED = re.compile(
    r"^Readiness probe failed: .*dial tcp (?:\[(?P<six>[0-9a-fA-F:]+)\]|(?P<four>[0-9.]+)):(?P<port>\d+): "
    r"connect: connection refused",
    re.DOTALL,
)


def subjects(pods: Table[Pod], pod_sockets: Table[PodSockets]) -> Iterable[Pod]:
    looked_at = set() if pod_sockets.is_unavailable else {row.pod for row in pod_sockets.known_rows()}
    return (pod for pod in pods.known_rows() if _has_address(pod) and (pod.key in looked_at or any(_unready(pod))))


def judge(
    pod: Pod,
    object_events: ObjectEvents,
    pod_sockets: Table[PodSockets],
    tcp_probes: Table[TcpProbe],
    observed_at: datetime,
) -> Iterator[Verdict]:
    tries = _Tries(pod, tcp_probes)
    sockets = _sockets(pod, pod_sockets)
    if sockets is not None:
        found = False
        for port in _ports(pod):
            places = _on_loopback_only(sockets, port)
            if places and not tries.accepts(port):
                found = True
                yield by_sockets(pod, _container_of(pod, port), port, places, sockets)
        if found:
            return
    if restarting(pod, observed_at) is not None:
        yield NotApplicable(t("a container of the Pod ends again and again"))
        return
    if _has_just_started(pod, observed_at):
        yield NotApplicable(t("a container was started only just now"))
        return
    if sockets is not None:
        yield Passed()
        return
    refusals = _refusals(pod, object_events)
    reasons: list[Reason] = []
    for container, status, port in _unready(pod):
        if not _declares(container, port) or tries.accepts(port):
            continue
        started = status.state.running.started_at if status.state.running else None
        refused = [one for one in refusals if one.port == port and _is_late(one.event, started)]
        attempt = tries.of(port)
        if refused:
            yield by_refusal(pod, container, status, refused[0], attempt)
            return
        if attempt is not None and attempt.outcome == "refused":
            yield by_connection(pod, container, status, attempt)
            return
        if not refusals:
            reasons += object_events.reasons
        reasons += tries.reasons(port)
    if reasons:
        yield NotEvaluated(unique(reasons))
    else:
        yield Passed()


class _Tries:
    """The tries to connect to a Pod, made from inside of the cluster or of its VPC: no others tell anything."""

    def __init__(self, pod: Pod, tcp_probes: Table[TcpProbe]) -> None:
        self._pod = pod
        self._probes = tcp_probes

    def of(self, port: int) -> TcpProbe | None:
        """Return the try of a port, one that was accepted first; None if there was none, or not from inside."""
        found = [self._probes_of(address, port) for address in addresses(self._pod)]
        inside = [probe for probe in found if probe is not None and probe.is_inside]
        return min(inside, key=lambda probe: probe.outcome != "ok", default=None)

    def accepts(self, port: int) -> bool:
        """Tell whether a process is known to listen on a port of the Pod; a mesh accepts for all of them."""
        attempt = self.of(port)
        return attempt is not None and attempt.outcome == "ok" and not has_mesh(self._pod)

    def reasons(self, port: int) -> list[Reason]:
        """Return why the try of a port is not known, if it was to be made."""
        try:
            self._probes.get(tcp_probe_key(self._pod.status.pod_ip, port))
        except NotKnown as gap:
            return [reason for reason in gap.reasons if reason.kind is not ReasonKind.SWITCHED_OFF]
        return []

    def _probes_of(self, address: str, port: int) -> TcpProbe | None:
        try:
            return self._probes.get(tcp_probe_key(address, port))
        except NotKnown:
            return None


def _sockets(pod: Pod, pod_sockets: Table[PodSockets]) -> PodSockets | None:
    """Return the sockets of the Pod, if they were read. Where they were not, the passive sign is all there is."""
    try:
        return pod_sockets.get(pod.key)
    except NotKnown:
        return None


def _ports(pod: Pod) -> list[int]:
    """Return the ports at which the Pod is to be reached."""
    probed = [port for _, _, port in _unready(pod)]
    return list(dict.fromkeys([*unproven_ports(pod), *probed]))


def _on_loopback_only(sockets: PodSockets, port: int) -> list[str]:
    """Return the sockets on a port, if there are any and all of them are on the loopback address."""
    places = [place for place in sockets.listening if place.rpartition(":")[2] == str(port)]
    return places if places and all(is_loopback(place.rpartition(":")[0]) for place in places) else []


def _container_of(pod: Pod, port: int) -> str:
    """Return the container that declares a port, or that is asked for it; the first if none is."""
    named = (one.name for one in pod.spec.containers if port in (*declared_ports(one), probed_port(one)))
    return next(named, pod.spec.containers[0].name if pod.spec.containers else "")


def _has_just_started(pod: Pod, observed_at: datetime) -> bool:
    """Tell whether a container that is not ready may not have opened its port yet."""
    starts = (status.state.running.started_at for _, status, _ in _unready(pod) if status.state.running)
    return any(started is not None and observed_at - started < STARTS_WITHIN for started in starts)


def _has_address(pod: Pod) -> bool:
    return (
        pod.status.phase == "Running" and not pod.is_terminating and not pod.spec.host_network and bool(addresses(pod))
    )


def _unready(pod: Pod) -> Iterator[tuple[Container, ContainerStatus, int]]:
    """Yield the containers that run and are not ready, with the port at which their readiness probe calls the Pod."""
    statuses = {status.name: status for status in pod.status.container_statuses or ()}
    for container in pod.spec.containers:
        status = statuses.get(container.name)
        if status is None or status.ready or status.state.running is None:
            continue
        port = probed_port(container)
        if port is not None:
            yield container, status, port


def _refusals(pod: Pod, object_events: ObjectEvents) -> list[Refusal]:
    """Return where the kubelet was refused at an address of this very Pod, the newest first."""
    own = {_plain(ip) for ip in addresses(pod)}
    found = []
    for event in object_events.about(pod.ref):
        uid = event.involved_object.uid
        match = _REFUSED.match(event.message) if event.reason == UNHEALTHY else None
        if match is None or (uid and pod.metadata.uid and uid != pod.metadata.uid):
            continue
        address = _plain(match["six"] or match["four"])
        if address in own:
            found.append(Refusal(address, int(match["port"]), event))
    return found


def _plain(address: str) -> str:
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address


def _is_late(event: Event, started: datetime | None) -> bool:
    """Tell whether a refusal came when the container should have opened its port."""
    return event.seen_at is None or started is None or event.seen_at - started >= SLOW_START


def _declares(container: Container, port: int) -> bool:
    """Tell whether a container may be expected to listen on a port: it says so, or says nothing of ports.

    A probe of a port that is not among those that it declares may be a probe of the wrong port.
    """
    declared = declared_ports(container)
    return not declared or port in declared
