"""The backends of an Ingress: whether the Service, the port and an endpoint are there, and what the port speaks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from auditor.facts.joins.ingress_controllers import Kind
from auditor.facts.joins.services import ServiceEndpoints, serves_port
from auditor.facts.kubernetes.ingresses import BackendPort, Ingress, IngressBackend
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.services import EndpointSlice, Service, ServicePort
from auditor.facts.rules.ingress_nginx import is_true
from auditor.facts.rules.ingress_values import ALB_PREFIX
from auditor.facts.table import Table
from checks.network._ingress_class import STARTING
from checks.service._pods_of_service import declared_ports, is_younger, matching_pods

USE_ANNOTATION = "use-annotation"
"""The name of a port by which ALB takes an action from an annotation, and no Service."""


@dataclass(frozen=True)
class Backend:
    """A Service and port that an Ingress sends requests to, and for which hosts and paths."""

    service: str
    port: BackendPort
    places: tuple[str, ...]

    @property
    def port_text(self) -> str:
        """The port as the Ingress names it."""
        return self.port.name or str(self.port.number)


def backends_of(ingress: Ingress) -> list[Backend]:
    """Return the Services that an Ingress names, each with its port once. Other kinds of backends are left out."""
    places: dict[tuple[str, str, int | None], list[str]] = {}

    def add(backend: IngressBackend | None, place: str) -> None:
        service = backend.service if backend else None
        if service and (service.port.name or service.port.number is not None):
            places.setdefault((service.name, service.port.name, service.port.number), []).append(place)

    add(ingress.spec.default_backend, "*")
    for rule in ingress.spec.rules or ():
        for path in rule.http.paths if rule.http else ():
            add(path.backend, f"{rule.host or '*'}{path.path or '/'}")
    return [
        Backend(service, BackendPort(name, number), tuple(found)) for (service, name, number), found in places.items()
    ]


def is_answered_before(ingress: Ingress, backend: Backend, kind: Kind | None, prefix: str) -> bool:
    """Tell whether requests never get to a backend: a redirection, a snippet or an action answers them.

    Of an Ingress whose controller is not known, whatever any controller knows counts.
    """
    if kind is not Kind.NGINX and (
        backend.port.name == USE_ANNOTATION or f"{ALB_PREFIX}/actions.{backend.service}" in ingress.annotations
    ):
        return True
    if kind is Kind.ALB:
        return False
    for name in ("permanent-redirect", "temporal-redirect"):
        if ingress.annotations.get(f"{prefix}/{name}"):
            return True
    snippets = (ingress.annotations.get(f"{prefix}/{name}", "") for name in ("configuration-snippet", "server-snippet"))
    return any(word in snippet for snippet in snippets for word in ("return ", "proxy_pass "))


def find_port(service: Service, wanted: BackendPort, kind: Kind | None) -> ServicePort | None:
    """Return the port of a Service that a backend means.

    ingress-nginx takes a port's target, by number or name, for the port as well; so does whoever is not known.
    """
    text = wanted.name or str(wanted.number)
    for port in service.ports:
        if (wanted.name and port.name == wanted.name) or (wanted.number is not None and port.port == wanted.number):
            return port
    if kind is Kind.ALB:
        return None
    return next((port for port in service.ports if text in (str(port.target_port), port.name, str(port.port))), None)


def is_without_endpoint(
    service: Service, port: ServicePort, service_endpoints: ServiceEndpoints, pods: Table[Pod], observed_at: datetime
) -> bool:
    """Tell whether no endpoint serves a port, and not just for the moment. Raises NotKnown."""
    if service.spec.type == "ExternalName":
        return False
    if _is_served(service, port, service_endpoints.known_slices_of(service.key)):
        return False
    if _is_served(service, port, service_endpoints.slices_of(service.key)):
        return False
    if is_younger(service, STARTING, observed_at):
        return False
    if not service.spec.selector:
        return True
    present = [pod for pod in matching_pods(pods, service) if not pod.is_finished and not pod.is_terminating]
    if present and all(is_younger(pod, STARTING, observed_at) for pod in present):
        return False
    return not any(_became_ready_just_now(pod, observed_at) for pod in present)


def undeclared_target(service: Service, port: ServicePort, pods: Table[Pod]) -> str:
    """Return the target of a port by name that no container declares of the Pods there are; empty if one does.

    Raises NotKnown.
    """
    if not isinstance(port.target_port, str) or not service.spec.selector:
        return ""
    living = [pod for pod in matching_pods(pods, service) if not pod.is_finished and not pod.is_terminating]
    wanted = (port.target_port, port.protocol)
    if not living or any((row.name, row.protocol) == wanted for pod in living for row in declared_ports(pod)):
        return ""
    return port.target_port


def _is_served(service: Service, port: ServicePort, slices: Sequence[EndpointSlice]) -> bool:
    takes_all = service.spec.publish_not_ready_addresses
    return any(
        serves_port(piece, port) and any(endpoint.is_ready or takes_all for endpoint in piece.endpoints or ())
        for piece in slices
    )


def _became_ready_just_now(pod: Pod, observed_at: datetime) -> bool:
    ready = pod.condition("Ready")
    since = ready.last_transition_time if ready and ready.status == "True" else None
    return since is not None and observed_at - since <= STARTING


class Speech(StrEnum):
    """What a port speaks, as far as its Service says."""

    PLAIN = "HTTP"
    TLS = "HTTPS"
    GRPC = "gRPC"


_BY_WORD = {
    **dict.fromkeys(("https", "tls", "ssl", "wss", "grpcs", "kubernetes.io/wss"), Speech.TLS),
    **dict.fromkeys(("http", "ws", "web", "kubernetes.io/ws"), Speech.PLAIN),
    **dict.fromkeys(("grpc", "h2c", "kubernetes.io/h2c"), Speech.GRPC),
}
_BY_NUMBER = {
    **dict.fromkeys((443, 6443, 8443, 9443), Speech.TLS),
    **dict.fromkeys((80, 8000, 8080), Speech.PLAIN),
}


def speech_of(port: ServicePort) -> Speech | None:
    """Return what a port speaks, by its ``appProtocol``, else by its names and numbers; None if these do not agree."""
    if port.app_protocol:
        return _BY_WORD.get(port.app_protocol.lower())
    target = port.target_port if port.target_port is not None else port.port
    hints = set(_hints(port, target))
    return hints.pop() if len(hints) == 1 else None


def _hints(port: ServicePort, target: int | str) -> Iterator[Speech]:
    words = target if isinstance(target, str) and target.lower().split("-")[0] in _BY_WORD else port.name
    number = int(target) if isinstance(target, int) or target.isdecimal() else None
    if number in _BY_NUMBER:
        yield _BY_NUMBER[number]
    hint = _BY_WORD.get(words.lower().split("-")[0])
    is_renumbered = number is not None and number != port.port and number not in _BY_NUMBER
    if hint and not (hint is Speech.TLS and is_renumbered):
        yield hint  # a port that is called https for its number may well lead to plain HTTP


def spoken_by(ingress: Ingress, kind: Kind, prefix: str) -> str | None:
    """Return what the controller speaks to the Pods: ``HTTP`` by default; None where it is none of the usual three."""
    if kind is Kind.NGINX and is_true(ingress.annotations.get(f"{prefix}/ssl-passthrough")):
        return None
    name = f"{prefix if kind is Kind.NGINX else ALB_PREFIX}/backend-protocol"
    spoken = ingress.annotations.get(name, "").strip().upper() or "HTTP"
    return spoken if spoken in ("HTTP", "HTTPS", "GRPC", "GRPCS") else None


def misunderstand(spoken: str, speech: Speech) -> bool:
    """Tell whether what the controller speaks can't be understood by the port."""
    match spoken:
        case "HTTP":
            return speech is not Speech.PLAIN
        case "GRPC":
            return speech is Speech.TLS
        case _:
            return speech is not Speech.TLS
