"""Findings on the backends of an Ingress."""

from collections.abc import Sequence

from auditor.facts.joins.ingress_controllers import Kind
from auditor.facts.kubernetes.ingresses import Ingress
from auditor.facts.kubernetes.services import Service, ServicePort
from auditor.judge.api import Certainty, Finding, Severity, Text, broken, kubernetes_ref, ok, step, t
from checks.network._ingress_backends import Backend, Speech
from checks.network._ingress_class import edit


def certainty_by(kind: Kind | None) -> Certainty:
    """Return how sure a fault is: what other controllers make of an Ingress is not known to the last."""
    return Certainty.CONFIRMED if kind in (Kind.NGINX, Kind.ALB) else Certainty.LIKELY


def get_of(namespace: str, *words: str) -> tuple[str, ...]:
    """Return the command that shows objects of a namespace."""
    return ("kubectl", "-n", namespace, "get", *words)


def service_missing(ingress: Ingress, backend: Backend, kind: Kind | None) -> Finding:
    """Say that the Service of a backend does not exist."""
    service = kubernetes_ref("Service", backend.service, ingress.namespace)
    return Finding(
        subject=ingress.ref,
        fault=f"service-missing/{backend.service}",
        message=t(
            "Ingress {ingress} sends requests for {places} to Service {service}, which does not exist: they are "
            "answered 503",
            ingress=ingress.key,
            places=list(backend.places),
            service=service.path,
        ),
        certainty=certainty_by(kind),
        remedy=(
            step(
                t("See the Services of the namespace: an Ingress reaches no other"),
                *get_of(ingress.namespace, "services"),
            ),
            edit(
                ingress, t("Name a Service that exists, or make this one again; a change takes effect within seconds")
            ),
        ),
        trail=(
            ok(ingress.ref, t("backend for {places}", places=list(backend.places))),
            broken(service, t("does not exist")),
        ),
        evidence={"service": service.path, "port": backend.port_text, "places": list(backend.places)},
    )


def port_missing(ingress: Ingress, backend: Backend, service: Service, kind: Kind | None) -> Finding:
    """Say that the Service of a backend has not the port."""
    ports = [f"{port.name}:{port.port}" if port.name else str(port.port) for port in service.ports]
    return Finding(
        subject=ingress.ref,
        fault=f"port-missing/{backend.service}:{backend.port_text}",
        message=t(
            "Ingress {ingress} sends requests for {places} to port {port} of Service {service}, which has only the "
            "ports {ports}: they are answered 503",
            ingress=ingress.key,
            places=list(backend.places),
            port=backend.port_text,
            service=service.key,
            ports=ports or ["-"],
        ),
        certainty=certainty_by(kind),
        remedy=(
            step(t("See the ports of the Service"), *get_of(service.namespace, "service", service.name, "-o", "wide")),
            edit(ingress, t("Name one of these ports; a change takes effect within seconds")),
        ),
        trail=(
            broken(ingress.ref, t("port {port}", port=backend.port_text)),
            ok(service.ref, t("ports {ports}", ports=ports or ["-"])),
        ),
        evidence={"service": service.key, "port": backend.port_text, "ports": ports, "places": list(backend.places)},
    )


def no_endpoint(
    ingress: Ingress, backend: Backend, service: Service, kind: Kind | None, idle: Sequence[str], undeclared: str
) -> Finding:
    """Say that no endpoint is behind a backend, and which findings on the Service tell why.

    ``idle`` are the workloads that are scaled to zero on purpose; ``undeclared`` is the target port by name that no
    container declares, empty if that is not the cause.
    """
    message = t(
        "Ingress {ingress} sends requests for {places} to Service {service}, which has no ready endpoint on port "
        "{port}: they are answered 503",
        ingress=ingress.key,
        places=list(backend.places),
        service=service.key,
        port=backend.port_text,
    )
    if idle:
        message = t(
            "Ingress {ingress} answers 503 for {places}: {workloads} behind Service {service} want no Pods",
            ingress=ingress.key,
            places=list(backend.places),
            workloads=list(idle),
            service=service.key,
        )
    return Finding(
        subject=ingress.ref,
        fault=f"no-endpoint/{backend.service}:{backend.port_text}",
        severity=Severity.INFO if idle else None,
        message=message,
        certainty=certainty_by(kind),
        why=_of_service(service, undeclared),
        remedy=(
            step(
                t("See the endpoints of the Service, and follow the finding service/endpoints-empty"),
                *get_of(service.namespace, "endpointslices", "-l", f"kubernetes.io/service-name={service.name}"),
            ),
        ),
        trail=(
            ok(ingress.ref, t("backend for {places}", places=list(backend.places))),
            broken(service.ref, t("no ready endpoint on port {port}", port=backend.port_text)),
        ),
        evidence={"service": service.key, "port": backend.port_text, "places": list(backend.places)},
    )


def _of_service(service: Service, undeclared: str) -> Text:
    """Say that the fault is the Service's own, and which findings on it tell why."""
    if undeclared:
        return t(
            "The Ingress itself is as it should be. No container declares the target port {target} of Service "
            "{service}: this goes away with the findings service/target-port-mismatch and service/endpoints-empty on "
            "that Service.",
            target=undeclared,
            service=service.key,
        )
    return t(
        "The Ingress itself is as it should be. Why the Service has no endpoint is told by the finding "
        "service/endpoints-empty on Service {service}: this goes away with it.",
        service=service.key,
    )


def protocol_mismatch(ingress: Ingress, service: Service, port: ServicePort, spoken: str, speech: Speech) -> Finding:
    """Say that the controller speaks to a port what it does not understand."""
    told = f"{port.name or port.port} → {port.target_port if port.target_port is not None else port.port}"
    wanted = {Speech.TLS: "GRPCS" if spoken == "GRPC" else "HTTPS", Speech.GRPC: "GRPC", Speech.PLAIN: "HTTP"}[speech]
    return Finding(
        subject=ingress.ref,
        fault="protocol",
        message=t(
            "Ingress {ingress} makes the controller speak {spoken} to {affected}; by its name, number or appProtocol, "
            "port {port} of Service {service} speaks {speech}: requests are answered 502 or 400",
            ingress=ingress.key,
            spoken=spoken,
            port=told,
            service=service.key,
            speech=str(speech),
        ),
        certainty=Certainty.LIKELY,
        remedy=(
            step(t("See the port of the Service"), *get_of(service.namespace, "service", service.name, "-o", "yaml")),
            edit(
                ingress,
                t(
                    "If the Pods do speak {speech}, set the annotation backend-protocol to {wanted}; else name the "
                    "other port. It holds for all backends of the Ingress: put those that speak otherwise into one of "
                    "their own.",
                    speech=str(speech),
                    wanted=wanted,
                ),
            ),
        ),
        trail=(
            broken(ingress.ref, t("speaks {spoken}", spoken=spoken)),
            ok(service.ref, t("port {port} speaks {speech}", port=told, speech=str(speech))),
        ),
        evidence={
            "spoken": spoken,
            "port": told,
            "app_protocol": port.app_protocol or "",
            "annotations": [
                f"{name}={value}" for name, value in sorted(ingress.annotations.items()) if "backend" in name
            ],
        },
        affected=(service.ref,),
    )
