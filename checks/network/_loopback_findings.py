"""The findings on processes that listen on the loopback address only."""

import ipaddress
from dataclasses import dataclass

from auditor.facts.kubernetes.events import Event
from auditor.facts.kubernetes.pods import Container, ContainerStatus, Pod
from auditor.facts.kubernetes.probes import PodSockets, TcpProbe
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
)

SHOWN_SOCKETS = 20
"""How many sockets the evidence lists."""


@dataclass(frozen=True)
class Refusal:
    """That the kubelet was refused at an address and port of the Pod."""

    address: str
    port: int
    event: Event

    @property
    def place(self) -> str:
        """Address and port, as one writes them."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def is_loopback(address: str) -> bool:
    """Tell whether an address, with or without brackets, is reached from within the Pod only."""
    try:
        plain = ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return False
    mapped = plain.ipv4_mapped if isinstance(plain, ipaddress.IPv6Address) else None
    return (mapped or plain).is_loopback


def by_refusal(
    pod: Pod, container: Container, status: ContainerStatus, refusal: Refusal, attempt: TcpProbe | None
) -> Finding:
    """Make the finding that the Pod's address refuses the readiness probe while the container runs.

    ``attempt`` is the auditor's own try to connect, if there was one.
    """
    evidence: dict[str, Evidence] = {
        "event": refusal.event.message,
        "event_count": refusal.event.count,
        "address": refusal.address,
        "port": refusal.port,
        **_of_container(container, status),
    }
    if attempt:
        evidence["tcp"] = _shown(attempt)
    if refusal.event.seen_at:
        evidence["event_seen"] = refusal.event.seen_at.isoformat()
    message = t(
        "container {container} runs, but connections to {place} are refused: its process seems to listen on the "
        "loopback address only",
        container=container.name,
        place=refusal.place,
    )
    detail = t("runs, and refuses TCP port {port}", port=refusal.port)
    return _finding(pod, container.name, refusal.port, message, detail, Certainty.LIKELY, evidence)


def by_connection(pod: Pod, container: Container, status: ContainerStatus, attempt: TcpProbe) -> Finding:
    """Make the finding that the port of the readiness probe refuses the auditor while the container runs."""
    evidence: dict[str, Evidence] = {
        "tcp": _shown(attempt),
        "address": attempt.address,
        "port": attempt.port,
        **_of_container(container, status),
    }
    message = t(
        "container {container} runs and is not ready, and a connection to {place} was refused: its process seems to "
        "listen on the loopback address only",
        container=container.name,
        place=attempt.key,
    )
    detail = t("runs, and refuses TCP port {port}", port=attempt.port)
    return _finding(pod, container.name, attempt.port, message, detail, Certainty.LIKELY, evidence)


def _of_container(container: Container, status: ContainerStatus) -> dict[str, Evidence]:
    started = status.state.running.started_at if status.state.running else None
    return {
        "container": container.name,
        "restarts": status.restart_count,
        "declared_ports": [str(port.container_port) for port in container.ports or ()],
        **({"running_since": started.isoformat()} if started else {}),
    }


def _shown(attempt: TcpProbe) -> str:
    """Return what became of a try to connect, and from where it was made."""
    place = f"{attempt.position} ({attempt.source})" if attempt.source else attempt.position
    return f"{attempt.key}: {attempt.outcome}, tried from {place}"


def by_sockets(pod: Pod, container: str, port: int, places: list[str], sockets: PodSockets) -> Finding:
    """Make the finding that all sockets on a port are on the loopback address."""
    message = t(
        "port {port} of container {container} is open on {places} only: nothing outside of the Pod can reach it",
        port=port,
        container=container,
        places=places,
    )
    evidence: dict[str, Evidence] = {
        "port": port,
        "container": container,
        "sockets_on_the_port": places,
        "listening": sockets.listening[:SHOWN_SOCKETS],
        "read_in_container": sockets.container,
    }
    detail = t("listens on {places}", places=places)
    return _finding(pod, container, port, message, detail, Certainty.CONFIRMED, evidence)


def _finding(
    pod: Pod,
    container: str,
    port: int,
    message: Text,
    detail: Text,
    certainty: Certainty,
    evidence: dict[str, Evidence],
) -> Finding:
    node: tuple[Hop, ...] = (
        (ok(kubernetes_ref("Node", pod.node_name), t("the kubelet calls the Pod")),) if pod.node_name else ()
    )
    return Finding(
        subject=pod.ref,
        fault=f"port-{port}",
        message=message,
        certainty=certainty,
        trail=(
            *node,
            ok(pod.ref, t("address {address}", address=pod.status.pod_ip)),
            broken(kubernetes_ref("Container", container, pod.namespace), detail),
        ),
        evidence=evidence,
        remedy=_remedy(pod, container, port),
    )


def _remedy(pod: Pod, container: str, port: int) -> tuple[Step, ...]:
    in_pod = ("kubectl", "-n", pod.namespace, "exec", pod.name, "-c", container, "--")
    return (
        step(
            t(
                "Confirm: port {port} is {hex} in the second column; a state of 0A is a listening socket. The address "
                "0100007F is 127.0.0.1, and 00000000 is every address.",
                port=port,
                hex=f"{port:04X}",
            ),
            *(*in_pod, "cat", "/proc/net/tcp", "/proc/net/tcp6"),
        ),
        step(
            t(
                "If the socket is on 127.0.0.1 or ::1, let the process listen on 0.0.0.0 (or ::), by its configuration "
                "or a flag such as --host, --bind or server.address, and roll it out. It is then open to everything "
                "that the network policies let in."
            )
        ),
        step(
            t(
                "If there is no socket on the port at all, the process listens on another port or has not come up: see "
                "its log."
            ),
            *("kubectl", "-n", pod.namespace, "logs", pod.name, "-c", container, "--tail", "50"),
        ),
    )
