"""The opt-in probe ``tcp``: connections to Pods, Services and load balancers from where the auditor runs.

Nothing is sent over them. Tried is only what something is wrong with, or may be: ports of Services that no container
declares, Pods whose readiness probe is refused, and the addresses of load balancers. A Pod's address means something
only inside of the cluster or its VPC, so each result says from where it was tried.
"""

import errno
import ipaddress
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.failures import SOURCE, reason
from auditor.collect.provider import provides
from auditor.facts.cloud.vpc import VSwitch
from auditor.facts.kubernetes.pods import Container, Pod
from auditor.facts.kubernetes.probes import TcpProbe, tcp_probe_key
from auditor.facts.kubernetes.services import EndpointSlice, Service, ServicePort
from auditor.facts.ref import Layer
from auditor.facts.table import Gap, ReasonKind, Table
from auditor.facts.text import t

PROBE = "tcp"
MOST_TARGETS = 200
PODS_OF_A_SERVICE = 3
AT_ONCE = 32
CONNECT_SECONDS = 3.0
PROBE_SECONDS = 60.0
"""No further address is tried after this."""
CLUSTER, VPC, ELSEWHERE, UNKNOWN = "cluster", "vpc", "elsewhere", ""
_REFUSED = (errno.ECONNREFUSED, errno.ECONNRESET)


class Target(NamedTuple):
    """What is tried."""

    address: str
    port: int

    @property
    def key(self) -> str:
        """The key of the result."""
        return tcp_probe_key(self.address, self.port)


class _Network:
    """Where the auditor stands, as far as that can be told."""

    def __init__(self, vswitches: Table[VSwitch], *, in_pod: bool) -> None:
        self._in_pod = in_pod
        self._is_whole = not vswitches.gaps
        rows = () if vswitches.is_unavailable else vswitches.known_rows()
        given = [text for row in rows for text in (row.cidr, row.cidr6) if text]
        self._ranges = [ipaddress.ip_network(text, strict=False) for text in given]

    def position(self, source: str) -> str:
        """Return from where a connection with this source address is made."""
        if self._in_pod:
            return CLUSTER
        if source and any(ipaddress.ip_address(source) in one for one in self._ranges):
            return VPC
        return ELSEWHERE if self._is_whole else UNKNOWN


@provides("tcp_probes", source=SOURCE, layer=Layer.KUBERNETES, permissions=(), tolerates=("vswitches",), probe=PROBE)
def tcp_probes(
    client: KubernetesClient,
    services: Table[Service],
    endpoint_slices: Table[EndpointSlice],
    pods: Table[Pod],
    vswitches: Table[VSwitch],
) -> Table[TcpProbe]:
    """Try to connect to each target once, if the operator switched the probe on."""
    if PROBE not in client.probes:
        message = t('no connection is tried; add "tcp" to probes to let Pods, Services and load balancers be tried')
        return Table.unavailable("tcp_probes", reason(ReasonKind.SWITCHED_OFF, message))
    found = targets(services.known_rows(), endpoint_slices.known_rows(), pods.known_rows())
    wanted = [target for target in dict.fromkeys(found) if 0 < target.port < 2**16]
    tried, beyond = wanted[:MOST_TARGETS], wanted[MOST_TARGETS:]
    network = _Network(vswitches, in_pod=client.access.origin == "pod")
    until = time.monotonic() + PROBE_SECONDS
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="tcp") as pool:
        results = list(pool.map(lambda target: _try(target, network, until), tried))
    rows = [result for result in results if isinstance(result, TcpProbe)]
    gaps = [result for result in results if isinstance(result, Gap)]
    if beyond:
        message = t("only {count} of {total} addresses were tried", count=len(tried), total=len(wanted))
        gaps.append(Gap(reason(ReasonKind.TRUNCATED, message), frozenset(target.key for target in beyond)))
    lacking = [Gap(why) for table in (services, endpoint_slices, pods) for why in table.reasons]
    return Table("tcp_probes", rows, gaps=(*gaps, *lacking), asked=[target.key for target in wanted])


def targets(services: Iterable[Service], slices: Iterable[EndpointSlice], pods: Iterable[Pod]) -> Iterator[Target]:
    """Yield what is worth a try: Pods first, then ClusterIPs, then load balancers; some more than once."""
    by_key = {pod.key: pod for pod in pods}
    by_service: dict[str, list[EndpointSlice]] = {}
    for piece in slices:
        by_service.setdefault(piece.service_key, []).append(piece)
    listed = [service for service in services if service.spec.cluster_ip not in ("", "None")]
    doubtful = []
    for pod in by_key.values():
        yield from _unready(pod)
    for service in listed:
        behind = list(_ready_pods(by_service.get(service.key, ()), by_key))
        for port in service.ports:
            odd = [pod for pod in behind if port.protocol == "TCP" and _is_undeclared(port, pod)][:PODS_OF_A_SERVICE]
            for pod in odd:
                # Whether another port of the Pod accepts tells a wrong port from a Pod that can't be reached.
                yield from (Target(pod.status.pod_ip, number) for number in (_number(port), *_declared(pod)[:1]))
            if odd:
                doubtful.append(Target(service.spec.cluster_ip, port.port))
    yield from doubtful
    for service in listed:
        for ingress in service.ingress if service.is_load_balancer else ():
            if _is_address(ingress.ip):
                yield from (Target(ingress.ip, port.port) for port in service.ports if port.protocol == "TCP")


def _unready(pod: Pod) -> Iterator[Target]:
    """Yield where the readiness probe calls the containers that run and are not ready."""
    if pod.spec.host_network or pod.is_terminating or not _is_address(pod.status.pod_ip):
        return
    statuses = {status.name: status for status in pod.status.container_statuses or ()}
    for container in pod.spec.containers:
        status = statuses.get(container.name)
        if status and status.state.running and not status.ready and (port := _probed(container)):
            yield Target(pod.status.pod_ip, port)


def _probed(container: Container) -> int | None:
    probe = container.readiness_probe
    if probe is None:
        return None
    if probe.grpc:
        return probe.grpc.port
    target = probe.http_get or probe.tcp_socket
    if target is None or target.host:
        return None
    if isinstance(target.port, int):
        return target.port
    named = (port.container_port for port in container.ports or () if port.name == target.port)
    return int(target.port) if target.port.isdecimal() else next(named, None)


def _ready_pods(slices: Iterable[EndpointSlice], pods: dict[str, Pod]) -> Iterator[Pod]:
    for piece in slices:
        for endpoint in piece.endpoints or ():
            ref = endpoint.target_ref
            pod = pods.get(f"{ref.namespace or piece.namespace}/{ref.name}") if ref and ref.kind == "Pod" else None
            if pod and endpoint.is_ready and _is_address(pod.status.pod_ip):
                yield pod


def _is_undeclared(port: ServicePort, pod: Pod) -> bool:
    return not isinstance(port.target_port, str) and _number(port) not in _declared(pod)


def _number(port: ServicePort) -> int:
    return port.target_port if isinstance(port.target_port, int) and port.target_port else port.port


def _declared(pod: Pod) -> list[int]:
    containers: Sequence[Container] = [*pod.spec.containers, *(pod.spec.init_containers or ())]
    return [one.container_port for container in containers for one in container.ports or () if one.protocol == "TCP"]


def _try(target: Target, network: _Network, until: float) -> TcpProbe | Gap:
    if time.monotonic() >= until:
        message = t(
            "the {seconds} s of the probe were over before {address}", seconds=PROBE_SECONDS, address=target.key
        )
        return Gap(reason(ReasonKind.TIMEOUT, message), frozenset({target.key}))
    started = time.monotonic()
    outcome, detail = "ok", ""
    try:
        dial(target)
    except TimeoutError:
        outcome, detail = "timeout", f"no answer within {CONNECT_SECONDS:g} s"
    except OSError as error:
        outcome = "refused" if error.errno in _REFUSED else "unreachable"
        detail = error.strerror or type(error).__name__
    seconds = time.monotonic() - started
    source = source_for(target)
    return TcpProbe(*target, outcome, network.position(source), source, seconds, detail)


def dial(target: Target) -> None:
    """Connect, and close the connection. Raises OSError, or TimeoutError, if that fails."""
    with socket.socket(_family(target), socket.SOCK_STREAM) as connection:
        connection.settimeout(CONNECT_SECONDS)
        connection.connect(target)


def source_for(target: Target) -> str:
    """Return the address that this machine calls a target from, found without sending anything; empty if none."""
    with socket.socket(_family(target), socket.SOCK_DGRAM) as unsent:
        try:
            unsent.connect(target)
        except OSError:
            return ""
        return str(unsent.getsockname()[0])


def _family(target: Target) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in target.address else socket.AF_INET


def _is_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_unspecified or address.is_multicast or address.is_link_local)
