"""Service ↔ endpoints, ↔ load balancer ↔ listener ↔ server group ↔ backends."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from auditor.facts.cloud.nlb import NetworkLoadBalancer, NlbGroupBackends, NlbServerGroup
from auditor.facts.cloud.slb import Backend, GroupBackends, Listener, LoadBalancer
from auditor.facts.kubernetes.services import (
    LOAD_BALANCER_ID_LABEL,
    Endpoint,
    EndpointSlice,
    Service,
    ServicePort,
)
from auditor.facts.table import NotKnown, Reason, ReasonKind, Table
from auditor.facts.text import t

NLB_CLASS = "alibabacloud.com/nlb"
CLASS_ANNOTATION = "service.beta.kubernetes.io/class"
OWNER_TAG = "kubernetes.do.not.delete"
"""The tag by which the CCM finds a load balancer again that it made; its value is the default name."""

_CLB_ID = re.compile(r"^lb-[a-z0-9]+$")
_NLB_ID = re.compile(r"^nlb-[a-z0-9]+$")
_CLB_GROUP_NAME = re.compile(r"^k8s/(?P<port>[^/]+)/(?P<service>[^/]+)/(?P<namespace>[^/]+)/(?P<cluster>[^/]+)$")
_NLB_GROUP_NAME = re.compile(
    r"^k8s\.(?P<port>[^.]+)\.(?P<protocol>[^.]+)\.(?P<service>[^.]+)\.(?P<namespace>[^.]+)\.(?P<cluster>[^.]+)$"
)


class ServiceEndpoints:
    """Service ↔ its endpoint slices."""

    def __init__(self, endpoint_slices: Table[EndpointSlice]) -> None:
        """Index the slices by Service."""
        self._slices = endpoint_slices

    def slices_of(self, service_key: str) -> Sequence[EndpointSlice]:
        """Return the slices of a Service, given as ``namespace/name``."""
        return self._slices.where("service", lambda row: row.service_key, service_key)

    def known_slices_of(self, service_key: str) -> Sequence[EndpointSlice]:
        """Return the slices of a Service that were read, though others may be missing."""
        return self._slices.known_where("service", lambda row: row.service_key, service_key)

    def of(self, service_key: str) -> list[Endpoint]:
        """Return the endpoints of a Service, ready or not, once each.

        A Service with several address types has a slice for each: an endpoint is told by its target, or else
        by its addresses.
        """
        return _once_each(self.slices_of(service_key))

    def for_port(self, service_key: str, port: ServicePort) -> list[Endpoint]:
        """Return the endpoints that serve one port, ready or not, once each.

        Pods that do not declare the port's named target stand in another slice, without that port.
        """
        return _once_each(piece for piece in self.slices_of(service_key) if serves_port(piece, port))

    def ready_by_node(self, service_key: str) -> dict[str, int]:
        """Return how many ready endpoints each node hosts; those without a node are left out."""
        counts: dict[str, int] = {}
        for endpoint in self.of(service_key):
            if endpoint.is_ready and endpoint.node_name:
                counts[endpoint.node_name] = counts.get(endpoint.node_name, 0) + 1
        return counts


def serves_port(piece: EndpointSlice, port: ServicePort) -> bool:
    """Tell whether the endpoints of a slice serve a port of their Service: by its name and protocol."""
    return any((row.name or "") == port.name and (row.protocol or "TCP") == port.protocol for row in piece.ports or ())


def _once_each(slices: Iterable[EndpointSlice]) -> list[Endpoint]:
    seen: dict[object, Endpoint] = {}
    for piece in slices:
        for endpoint in piece.endpoints or ():
            target = endpoint.target_ref
            identity = (target.kind, target.namespace, target.name) if target else tuple(endpoint.addresses)
            seen.setdefault(identity, endpoint)
    return list(seen.values())


AnyLoadBalancer = LoadBalancer | NetworkLoadBalancer


class ServiceLoadBalancers:
    """Service ↔ load balancer: by label, by annotation, by the CCM's name, then by the published address."""

    def __init__(
        self,
        load_balancers: Table[LoadBalancer],
        network_load_balancers: Table[NetworkLoadBalancer],
    ) -> None:
        """Join CLB and NLB alike."""
        self._clb = load_balancers
        self._nlb = network_load_balancers

    def of(self, service: Service) -> AnyLoadBalancer | None:
        """Return the load balancer of a Service; None if it has none yet, or if it no longer exists."""
        named = load_balancer_id(service)
        if _NLB_ID.match(named):
            return self._nlb.get(named)
        if _CLB_ID.match(named):
            return self._clb.get(named)
        return (
            self._nlb_by_name_or_address(service) if is_nlb_service(service) else self._clb_by_name_or_address(service)
        )

    def _clb_by_name_or_address(self, service: Service) -> LoadBalancer | None:
        name = default_load_balancer_name(service)
        tagged = self._clb.known_where("tag", lambda row: row.tags.get(OWNER_TAG), name) if name else ()
        if tagged:
            return tagged[0]
        for entry in service.ingress:
            if entry.ip:
                found = self._clb.known_where("address", lambda row: row.address, entry.ip)
                if found:
                    return found[0]
        untold = [row.id for row in self._clb.all() if not row.tags_are_said]
        if untold:  # only a complete list can say that there is none
            raise NotKnown(Reason("slb", ReasonKind.MALFORMED, t("the answer left out the tags of {ids}", ids=untold)))
        return None

    def _nlb_by_name_or_address(self, service: Service) -> NetworkLoadBalancer | None:
        name = default_load_balancer_name(service)
        tagged = self._nlb.known_where("tag", lambda row: row.tags.get(OWNER_TAG), name) if name else ()
        if tagged:
            return tagged[0]
        for entry in service.ingress:
            if entry.hostname:
                found = self._nlb.known_where("dns_name", lambda row: row.dns_name, entry.hostname)
                if found:
                    return found[0]
        self._nlb.all()
        return None


def load_balancer_id(service: Service) -> str:
    """Return the load balancer that a Service names: by the CCM's label, else by the annotation; else empty."""
    return service.labels.get(LOAD_BALANCER_ID_LABEL) or service.setting("id") or ""


def is_served_by_ccm(service: Service) -> bool:
    """Tell whether the CCM makes a CLB or an NLB for a Service.

    It leaves alone every Service of another class, by ``spec.loadBalancerClass`` or by annotation.
    """
    if not service.is_load_balancer:
        return False
    if service.spec.load_balancer_class is not None:
        return service.spec.load_balancer_class == NLB_CLASS
    return not service.annotations.get(CLASS_ANNOTATION)


def is_nlb_service(service: Service) -> bool:
    """Tell whether a Service asks for an NLB."""
    return (
        service.spec.load_balancer_class == NLB_CLASS
        or "service.k8s.alibaba/nlb" in (service.metadata.finalizers or ())
        or bool(_NLB_ID.match(load_balancer_id(service)))
    )


def default_load_balancer_name(service: Service) -> str:
    """Return the name that the CCM gives a CLB: ``a`` and the Service's UID without dashes, cut to 32."""
    uid = service.metadata.uid.replace("-", "")
    return f"a{uid}"[:32] if uid else ""


@dataclass(frozen=True)
class GroupOwner:
    """For whom the CCM made a server group, by the group's name. ``port`` is a node port or a target port."""

    port: str
    service_key: str
    cluster_id: str


def owner_of_group(name: str) -> GroupOwner | None:
    """Return for whom the CCM made a server group of a CLB or an NLB; None for a group of other origin."""
    match = _CLB_GROUP_NAME.match(name) or _NLB_GROUP_NAME.match(name)
    return GroupOwner(match["port"], f"{match['namespace']}/{match['service']}", match["cluster"]) if match else None


@dataclass(frozen=True)
class ServicePath:
    """The way of one Service port through the cloud. None stands for what does not exist."""

    port: ServicePort
    listener: Listener | None
    group_id: str
    group_name: str
    scheduler: str | None
    backends: Sequence[Backend] | None


class ServicePaths:
    """Service port ↔ listener ↔ server group ↔ backends, on CLB and NLB."""

    def __init__(
        self,
        listeners: Table[Listener],
        group_backends: Table[GroupBackends],
        nlb_server_groups: Table[NlbServerGroup],
        nlb_group_backends: Table[NlbGroupBackends],
    ) -> None:
        """Join the four tables."""
        self._listeners = listeners
        self._groups = group_backends
        self._nlb_groups = nlb_server_groups
        self._nlb_backends = nlb_group_backends

    def of(self, service: Service, balancer: AnyLoadBalancer, cluster_id: str) -> Iterator[ServicePath]:
        """Yield the way of every port of a Service through its load balancer."""
        for port in service.ports:
            yield self.of_port(service, port, balancer, cluster_id)

    def of_port(self, service: Service, port: ServicePort, balancer: AnyLoadBalancer, cluster_id: str) -> ServicePath:
        """Return the way of one port of a Service through its load balancer."""
        if isinstance(balancer, NetworkLoadBalancer):
            return self._through_nlb(service, port, balancer, cluster_id)
        return self._through_clb(port, balancer)

    def listener_of(self, port: ServicePort, balancer: LoadBalancer) -> Listener | None:
        """Return the listener of one port of a Service on a CLB; None if there is none."""
        return self._listener(port, balancer)

    def group_of(
        self, service: Service, port: ServicePort, balancer: NetworkLoadBalancer, cluster_id: str
    ) -> NlbServerGroup | None:
        """Return the server group of one port of a Service on an NLB; None if there is none."""
        return self._nlb_group(service, port, balancer, cluster_id)

    def _through_clb(self, port: ServicePort, balancer: LoadBalancer) -> ServicePath:
        listener = self._listener(port, balancer)
        group = self._groups.get(listener.server_group_id) if listener and listener.server_group_id else None
        return ServicePath(
            port=port,
            listener=listener,
            group_id=group.group_id if group else "",
            group_name=group.name if group else "",
            scheduler=listener.scheduler if listener else None,
            backends=group.backends if group else None,
        )

    def _listener(self, port: ServicePort, balancer: LoadBalancer) -> Listener | None:
        """Return the listener of a port. TCP, HTTP and HTTPS exclude each other on one port number."""
        unknown: NotKnown | None = None
        for protocol in ("udp",) if port.protocol == "UDP" else ("tcp", "http", "https"):
            try:
                listener = self._listeners.get(f"{balancer.id}/{port.port}/{protocol}")
            except NotKnown as gap:
                unknown = gap
                continue
            if listener is not None:
                return listener
        if unknown:
            raise unknown
        return None

    def _through_nlb(
        self, service: Service, port: ServicePort, balancer: NetworkLoadBalancer, cluster_id: str
    ) -> ServicePath:
        group = self._nlb_group(service, port, balancer, cluster_id)
        backends = self._nlb_backends.get(group.id) if group else None
        return ServicePath(
            port=port,
            listener=None,
            group_id=group.id if group else "",
            group_name=group.name if group else "",
            scheduler=group.scheduler if group else None,
            backends=backends.backends if backends else None,
        )

    def _nlb_group(
        self, service: Service, port: ServicePort, balancer: NetworkLoadBalancer, cluster_id: str
    ) -> NlbServerGroup | None:
        """Return the group of a port: named by the node port or, with Pods behind it, by the target port."""
        named: dict[str, NlbServerGroup] = {}
        for row in self._nlb_groups.where("service", _service_of_group, service.key):
            name = _NLB_GROUP_NAME.match(row.name)
            if (
                name
                and balancer.id in row.load_balancer_ids
                and name["protocol"].upper() in (port.protocol, "TCPSSL")
                and (not cluster_id or name["cluster"] == cluster_id)
            ):
                named.setdefault(name["port"], row)
        candidates = (named.get(str(value)) for value in (port.node_port, port.target_port, port.port) if value)
        return next((group for group in candidates if group), None)


def _service_of_group(group: NlbServerGroup) -> str:
    owner = owner_of_group(group.name)
    return owner.service_key if owner else ""
