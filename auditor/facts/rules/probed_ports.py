"""Which ports of a Pod the kubelet is known to reach from outside of the Pod: those of its readiness probes.

A readiness probe of the kinds httpGet, tcpSocket and gRPC comes by the Pod's address, unless it names a host of its own
("Configure probes" in the Kubernetes documentation).
"""

from collections.abc import Sequence

from auditor.facts.kubernetes.pods import Container, Pod


def probed_port(container: Container) -> int | None:
    """Return the port of a container's readiness probe; None if it does not come by the Pod's address."""
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


def addresses(pod: Pod) -> Sequence[str]:
    """Return the Pod's own addresses; none while it has none, or has those of its node."""
    if pod.spec.host_network:
        return []
    return [entry.ip for entry in pod.status.pod_ips or () if entry.ip] or [ip for ip in (pod.status.pod_ip,) if ip]


def declared_ports(container: Container) -> list[int]:
    """Return the TCP ports that a container says that it serves."""
    return [port.container_port for port in container.ports or () if port.protocol == "TCP"]


def unproven_ports(pod: Pod) -> list[int]:
    """Return the declared TCP ports of a Pod's running containers that no readiness probe is known to have reached."""
    statuses = {status.name: status for status in pod.status.container_statuses or ()}
    found: dict[int, None] = {}
    for container in pod.spec.containers:
        status = statuses.get(container.name)
        if status is None or status.state.running is None:
            continue
        reached = probed_port(container) if status.ready else None
        found |= dict.fromkeys(port for port in declared_ports(container) if port != reached)
    return list(found)
