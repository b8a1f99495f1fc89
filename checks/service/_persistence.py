"""What keeps a client on one backend of a Service: affinity, persistence of listeners, sticky Ingresses."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from auditor.facts.cloud.nlb import NetworkLoadBalancer
from auditor.facts.cloud.slb import Listener
from auditor.facts.joins.services import AnyLoadBalancer, ServicePaths
from auditor.facts.kubernetes.ingresses import Ingress, IngressBackend, IngressClass
from auditor.facts.kubernetes.services import Service, ServicePort
from auditor.judge.api import Hop, NotKnown, Reason, Table, Text, broken, cloud_ref, said, t

DEFAULT_AFFINITY_SECONDS = 10_800
"""How long a client sticks to a Pod where ``sessionAffinityConfig`` does not say. Source: Kubernetes API, Service."""

BY_SOURCE = "sch"
"""The scheduler that hashes the client's address. ``tch`` hashes the ports too, and spreads the connections of one."""

NGINX, ALB = "nginx.ingress.kubernetes.io/", "alb.ingress.kubernetes.io/"
"""The prefixes of the annotations that the two Ingress controllers of ACK read."""


@dataclass(frozen=True)
class Tie:
    """One setting that ties a client to a backend: what it is, in a word and in a hop."""

    kind: str
    said: Text
    hop: Hop


def affinity(service: Service) -> Iterator[Tie]:
    """Yield the affinity of the Service itself. A headless Service has none: there is no address to hold to."""
    if service.spec.session_affinity != "ClientIP" or service.spec.cluster_ip == "None":
        return
    config = service.spec.session_affinity_config
    stated = config.client_ip.timeout_seconds if config and config.client_ip else None
    seconds = DEFAULT_AFFINITY_SECONDS if stated is None else stated
    text = t("sessionAffinity ClientIP for {seconds} seconds", seconds=seconds)
    yield Tie("session-affinity", text, broken(service.ref, text))


class Listeners:
    """The persistence of the listeners, or server groups, in front of a Service."""

    def __init__(self, paths: ServicePaths, cluster_id: str) -> None:
        self._paths = paths
        self._cluster_id = cluster_id

    def ties(self, service: Service, balancer: AnyLoadBalancer, reasons: list[Reason]) -> Iterator[Tie]:
        """Yield what the ports of the load balancer do; why that is not known of a port goes to ``reasons``."""
        for port in service.ports:
            try:
                yield from self._of_port(service, port, balancer)
            except NotKnown as gap:
                reasons += gap.reasons

    def has_tcp(self, service: Service, balancer: AnyLoadBalancer) -> bool:
        """Tell whether connections pass the load balancer as wholes: on a listener of TCP, and not of HTTP."""
        if isinstance(balancer, NetworkLoadBalancer):
            return False
        found = (self._paths.listener_of(port, balancer) for port in service.ports)
        return any(listener is not None and listener.protocol == "tcp" for listener in found)

    def _of_port(self, service: Service, port: ServicePort, balancer: AnyLoadBalancer) -> Iterator[Tie]:
        if isinstance(balancer, NetworkLoadBalancer):
            group = self._paths.group_of(service, port, balancer, self._cluster_id)
            if group is not None:
                scheduler = said(group.scheduler, "nlb", t("the scheduler of server group {group}", group=group.id))
                if scheduler.lower() == BY_SOURCE:
                    text = t("scheduler {scheduler} of port {port}", scheduler=scheduler, port=port.port)
                    yield Tie("scheduler", text, broken(cloud_ref("ServerGroup", group.id, group.name), text))
            return
        listener = self._paths.listener_of(port, balancer)
        if listener is not None:
            yield from _of_listener(listener)


def _of_listener(listener: Listener) -> Iterator[Tie]:
    ref = cloud_ref("Listener", listener.key)
    if (listener.scheduler or "").lower() == BY_SOURCE:
        text = t("scheduler {scheduler} of port {port}", scheduler=listener.scheduler or "", port=listener.port)
        yield Tie("scheduler", text, broken(ref, text))
    if listener.protocol in ("http", "https"):
        what = t("whether listener {listener} keeps sessions", listener=listener.key)
        if said(listener.sticky_session, "slb", what) == "on":
            text = t("StickySession on of port {port}", port=listener.port)
            yield Tie("sticky-session", text, broken(ref, text))
        return
    seconds = listener.persistence_seconds
    if listener.protocol == "tcp":
        seconds = said(seconds, "slb", t("the persistence of listener {listener}", listener=listener.key))
    if seconds:
        text = t("PersistenceTimeout {seconds} of port {port}", seconds=seconds, port=listener.port)
        yield Tie("persistence-timeout", text, broken(ref, text))


class StickyIngresses:
    """Service ↔ the Ingresses before it that keep a client on one Pod."""

    def __init__(self, ingresses: Table[Ingress]) -> None:
        self.reasons = ingresses.reasons
        self._of: dict[str, list[tuple[Ingress, str]]] = {}
        for ingress in () if ingresses.is_unavailable else ingresses.known_rows():
            setting = _stickiness(ingress)
            if setting:
                for name in dict.fromkeys(_backends(ingress)):
                    self._of.setdefault(f"{ingress.namespace}/{name}", []).append((ingress, setting))

    def ties(self, service: Service, classes: Table[IngressClass]) -> Iterator[Tie]:
        """Yield what the Ingresses do. Raises NotKnown if it can't be told which controller serves one of them."""
        for ingress, setting in self._of.get(service.key, ()):
            if _is_heeded(ingress, setting, classes):
                key, _, value = setting.partition("=")
                text = t("annotation {key}: {value}", key=key, value=value)
                yield Tie("ingress-affinity", text, broken(ingress.ref, text))


def _stickiness(ingress: Ingress) -> str:
    """Return the annotation, with its value, that keeps clients on one Pod; empty if there is none."""
    notes = ingress.annotations
    if notes.get(f"{NGINX}affinity", "").lower() == "cookie":
        return f"{NGINX}affinity={notes[f'{NGINX}affinity']}"
    if notes.get(f"{NGINX}upstream-hash-by"):
        return f"{NGINX}upstream-hash-by={notes[f'{NGINX}upstream-hash-by']}"
    if notes.get(f"{ALB}sticky-session", "").lower() == "true":
        return f"{ALB}sticky-session={notes[f'{ALB}sticky-session']}"
    return ""


def _is_heeded(ingress: Ingress, setting: str, classes: Table[IngressClass]) -> bool:
    """Tell whether the controller that serves an Ingress reads the annotation. Without a class any may."""
    name = ingress.class_name
    if not name:
        return True
    row = classes.get(name)
    controller = row.spec.controller if row else name
    return ("alb" in controller.lower()) is setting.startswith(ALB)


def _backends(ingress: Ingress) -> Iterator[str]:
    backends: list[IngressBackend] = [ingress.spec.default_backend] if ingress.spec.default_backend else []
    for rule in ingress.spec.rules or ():
        backends += [path.backend for path in (rule.http.paths if rule.http else ())]
    for backend in backends:
        if backend.service is not None:
            yield backend.service.name


def texts(ties: Iterable[Tie]) -> list[str]:
    """Return the settings in words, once each."""
    return list(dict.fromkeys(str(tie.said) for tie in ties))
