"""A Service sends to a port that its Pods do not have.

The endpoints are there, and connections are refused all the same: the target port of the Service is not the one that
the containers listen on. A port by name that no container declares gives no endpoint for that port at all. A port by
number is not checked by anybody: what containers declare is a note, and others may listen too, so that a number which
none of them declares is likely, but not certain to be wrong. The probe tcp makes it certain: it connects to the port.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from auditor.facts.kubernetes.pods import Container, ContainerProbe, Pod
from auditor.facts.kubernetes.probes import TcpProbe
from auditor.facts.kubernetes.services import Service, ServicePort
from auditor.judge.api import (
    Certainty,
    Check,
    Evidence,
    Finding,
    NotApplicable,
    Passed,
    Severity,
    Step,
    Table,
    Verdict,
    broken,
    ok,
    step,
    t,
)
from checks.service._pods_of_service import declared_ports, matching_pods
from checks.service._port_trials import INJECTED, PortTrials, Refused

check = Check(
    severity=Severity.HIGH,
    causes=("V9",),
    since="0.1.0",
    symptoms=("service-ip-unreachable",),
    limits=(
        "Without the probe tcp nobody connects to the port: whether something listens there is not known.",
        "Without that probe, Pods that declare no port at all are left out: nothing can be told of them.",
    ),
    links=("https://kubernetes.io/docs/concepts/services-networking/service/#defining-a-service",),
)

_PODS_IN_TRAIL = 3


@dataclass(frozen=True)
class Ports:
    """What the containers of some Pods declare, or have probed."""

    names: frozenset[tuple[str, str]]
    numbers: frozenset[tuple[int, str]]
    are_declared: bool = True

    @property
    def told(self) -> list[str]:
        """The ports as a person writes them."""
        return sorted(f"{number}/{protocol}" for number, protocol in self.numbers)


def subjects(services: Table[Service]) -> Iterable[Service]:
    return [
        service
        for service in services.known_rows()
        if service.spec.selector
        and service.spec.type != "ExternalName"
        and service.ports
        and not service.metadata.deletion_timestamp
    ]


def judge(service: Service, pods: Table[Pod], tcp_probes: Table[TcpProbe]) -> Iterator[Verdict]:
    living = [pod for pod in matching_pods(pods, service) if not pod.is_finished and not pod.is_terminating]
    if not living:
        yield NotApplicable(t("the Service has no Pod now"))
        return
    named = [port for port in service.ports if isinstance(port.target_port, str)]
    # A headless Service gives out addresses, and no ports: what number it names means nothing.
    is_headless = service.spec.cluster_ip == "None"
    numbered = [port for port in service.ports if not isinstance(port.target_port, str) and not is_headless]
    by_pod = [_ports_of(pod) for pod in living]
    names = frozenset().union(*(ports.names for ports in by_pod))
    numbers = frozenset().union(*(ports.numbers for ports in by_pod))
    missing = [port for port in named if (str(port.target_port), port.protocol) not in names]
    trials = PortTrials(tcp_probes)
    tcp = [port for port in numbered if port.protocol == "TCP"]
    serving = [pod for pod in living if pod.is_ready]
    refusals = [one for port in tcp if (one := trials.refused(serving, _number(port)))]
    refused = {one.port for one in refusals}
    doubtful = [port for port in numbered if (_number(port), port.protocol) not in numbers]
    doubtful = [port for port in doubtful if port.protocol != "TCP" or not trials.accepts(living, _number(port))]
    # A Pod that declares nothing may listen anywhere.
    is_told = all(ports.are_declared for ports in by_pod)
    wrong = [port for port in tcp if _number(port) in refused] or (doubtful if is_told else [])
    together = Ports(names, numbers)
    if missing:
        yield _named(service, missing, living, together)
    if wrong:
        yield _numbered(service, wrong, living, together, refusals)
    if not missing and not wrong:
        yield NotApplicable(t("the Pods do not say on which ports they listen")) if doubtful else Passed()


def _number(port: ServicePort) -> int:
    return port.target_port if isinstance(port.target_port, int) and port.target_port else port.port


def _ports_of(pod: Pod) -> Ports:
    declared = list(declared_ports(pod))
    numbers = {(row.container_port, row.protocol) for row in declared}
    containers = [*pod.spec.containers, *(c for c in pod.spec.init_containers or () if c.restart_policy == "Always")]
    for container in containers:
        numbers |= {(port, "TCP") for port in _probed(container)}
    names = frozenset((row.name, row.protocol) for row in declared if row.name)
    # What a service mesh adds declares its own ports, and nothing of those of the Pod's own containers.
    told = any(container.ports for container in pod.spec.containers if container.name not in INJECTED)
    return Ports(names, frozenset(numbers), told)


def _probed(container: Container) -> Iterator[int]:
    """Yield the ports by number on which the kubelet probes a container: something is to listen there."""
    probes: list[ContainerProbe | None] = [container.readiness_probe, container.liveness_probe, container.startup_probe]
    for probe in probes:
        if probe is None:
            continue
        for target in (probe.http_get, probe.tcp_socket):
            if target is not None and isinstance(target.port, int) and not target.host:
                yield target.port
        if probe.grpc is not None:
            yield probe.grpc.port


def _named(service: Service, ports: Sequence[ServicePort], pods: Sequence[Pod], declared: Ports) -> Finding:
    targets = [f"{port.target_port}/{port.protocol}" for port in ports]
    names = sorted(f"{name}/{protocol}" for name, protocol in declared.names)
    return Finding(
        subject=service.ref,
        message=t(
            "no container of the {number} Pods of Service {service} declares the target port {targets}; by name they "
            "declare {declared}",
            number=len(pods),
            service=service.key,
            targets=targets,
            declared=names or ["-"],
        ),
        fault="named-port-undeclared",
        why=t(
            "A target port by name is looked for among the ports that the containers declare. Where none has it, the "
            "port has no endpoint, as service/endpoints-empty says of the same Service once a Pod is ready: it is one "
            "fault, and one cure."
        ),
        trail=(
            broken(service.ref, t("target port {targets}", targets=targets)),
            *(ok(pod.ref, t("declares {declared}", declared=names or ["-"])) for pod in pods[:_PODS_IN_TRAIL]),
        ),
        evidence=_evidence(ports, targets, declared),
        remedy=_remedy(service, pods, "<target-port>"),
        affected=tuple(pod.ref for pod in pods),
    )


def _numbered(
    service: Service, ports: Sequence[ServicePort], pods: Sequence[Pod], declared: Ports, refusals: Sequence[Refused]
) -> Finding:
    targets = [f"{_number(port)}/{port.protocol}" for port in ports]
    evidence = _evidence(ports, targets, declared)
    message = t(
        "Service {service} sends to port {targets}, which no container of its {number} Pods declares; they declare "
        "{declared}",
        service=service.key,
        targets=targets,
        number=len(pods),
        declared=declared.told,
    )
    hops = [ok(pod.ref, t("declares {declared}", declared=declared.told)) for pod in pods[:_PODS_IN_TRAIL]]
    if refusals:
        first = refusals[0]
        message = t(
            "Service {service} sends to port {targets}, on which Pod {pod} refuses connections, while it accepts them "
            "on port {other}; declared are {declared}",
            service=service.key,
            targets=targets,
            pod=first.pod.name,
            other=first.accepting,
            declared=declared.told or ["-"],
        )
        hops = [
            ok(one.pod.ref, t("refuses port {port}, accepts port {other}", port=one.port, other=one.accepting))
            for one in refusals[:_PODS_IN_TRAIL]
        ]
        evidence["refused"] = [f"{one.pod.name}: {one.port}/TCP" for one in refusals]
        evidence["accepting"] = [f"{one.pod.name}: {one.accepting}/TCP" for one in refusals]
    return Finding(
        subject=service.ref,
        message=message,
        certainty=Certainty.CONFIRMED if refusals else Certainty.LIKELY,
        severity=Severity.HIGH if refusals else Severity.MEDIUM,
        fault="numbered-port-undeclared",
        why=_WHY_REFUSED if refusals else None,
        trail=(broken(service.ref, t("target port {targets}", targets=targets)), *hops),
        evidence=evidence,
        remedy=_remedy(service, pods, targets[0].partition("/")[0]),
        affected=tuple(pod.ref for pod in pods),
    )


_WHY_REFUSED = t(
    "Nothing listens on that port at the Pod's address. A process that listens on the loopback address alone refuses "
    "in the same way: network/pod-listens-on-loopback tells the two apart."
)


def _evidence(ports: Sequence[ServicePort], targets: list[str], declared: Ports) -> dict[str, Evidence]:
    return {
        "ports": [f"{port.port}/{port.protocol}" for port in ports],
        "target_ports": targets,
        "declared": declared.told,
        "declared_names": sorted(f"{name}/{protocol}" for name, protocol in declared.names),
    }


def _remedy(service: Service, pods: Sequence[Pod], target: str) -> tuple[Step, ...]:
    return (
        step(
            t("Confirm: forward the port, and connect to 127.0.0.1:8080. Is the connection refused?"),
            *("kubectl", "-n", service.namespace, "port-forward", f"pod/{pods[0].name}", f"8080:{target}"),
        ),
        step(
            t("Set the target port to the one that the container listens on; this takes effect at once"),
            *("kubectl", "-n", service.namespace, "edit", "service", service.name),
        ),
        step(
            t(
                "If something does listen there, declare the port in the template of the workload: that changes "
                "nothing but what people and tools can see, and restarts the Pods"
            )
        ),
    )
