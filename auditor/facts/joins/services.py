"""Service ↔ endpoints, ↔ load balancer ↔ listener ↔ server group ↔ backends."""

import re
from collections.abc import Iterator, Sequence
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
from auditor.facts.table import Table

NLB_CLASS = "alibabacloud.com/nlb"
_CLB_ID = re.compile(r"^lb-[a-z0-9]+$")
_NLB_ID = re.compile(r"^nlb-[a-z0-9]+$")
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

    def of(self, service_key: str) -> list[Endpoint]:
        """Return the endpoints of a Service, ready or not, once each.

        A Service with several address types has a slice for each: an endpoint is told by its target, or else
        by its addresses.
        """
        seen: dict[object, Endpoint] = {}
        for piece in self.slices_of(service_key):
            for endpoint in piece.endpoints or ():
                target = endpoint.target_ref
                identity = (target.kind, target.namespace, target.name) if target else tuple(endpoint.addresses)
                seen.setdefault(identity, endpoint)
        return list(seen.values())

    def ready_by_node(self, service_key: str) -> dict[str, int]:
        """Return how many ready endpoints each node hosts; those without a node are left out."""
        counts: dict[str, int] = {}
        for endpoint in self.of(service_key):
            if endpoint.is_ready and endpoint.node_name:
                counts[endpoint.node_name] = counts.get(endpoint.node_name, 0) + 1
        return counts


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
        named = service.labels.get(LOAD_BALANCER_ID_LABEL) or service.setting("id") or ""
        if _NLB_ID.match(named):
            return self._nlb.get(named)
        if _CLB_ID.match(named):
            return self._clb.get(named)
        return self._nlb_by_address(service) if is_nlb_service(service) else self._clb_by_name_or_address(service)

    def _clb_by_name_or_address(self, service: Service) -> LoadBalancer | None:
        tag = default_load_balancer_name(service)
        tagged = [
            balancer
            for balancer in self._clb.known_where("tag", lambda row: row.tags.get("kubernetes.do.not.delete"), tag)
            if tag
        ]
        if tagged:
            return tagged[0]
        for entry in service.ingress:
            if entry.ip:
                found = self._clb.known_where("address", lambda row: row.address, entry.ip)
                if found:
                    return found[0]
        self._clb.all()  # only a complete list can say that there is none
        return None

    def _nlb_by_address(self, service: Service) -> NetworkLoadBalancer | None:
        for entry in service.ingress:
            if entry.hostname:
                found = self._nlb.known_where("dns_name", lambda row: row.dns_name, entry.hostname)
                if found:
                    return found[0]
        self._nlb.all()
        return None


def is_nlb_service(service: Service) -> bool:
    """Tell whether a Service asks for an NLB."""
    return (
        service.spec.load_balancer_class == NLB_CLASS
        or "service.k8s.alibaba/nlb" in (service.metadata.finalizers or ())
        or bool(_NLB_ID.match(service.labels.get(LOAD_BALANCER_ID_LABEL, "")))
    )


def default_load_balancer_name(service: Service) -> str:
    """Return the name that the CCM gives a CLB: ``a`` and the Service's UID without dashes, cut to 32."""
    uid = service.metadata.uid.replace("-", "")
    return f"a{uid}"[:32] if uid else ""


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
            if isinstance(balancer, NetworkLoadBalancer):
                yield self._through_nlb(service, port, balancer, cluster_id)
            else:
                yield self._through_clb(port, balancer)

    def _through_clb(self, port: ServicePort, balancer: LoadBalancer) -> ServicePath:
        protocols = ("udp",) if port.protocol == "UDP" else ("tcp", "http", "https")
        listener = next(
            (
                row
                for protocol in protocols
                if (row := self._listeners.get(f"{balancer.id}/{port.port}/{protocol}")) is not None
            ),
            None,
        )
        group = self._groups.get(listener.server_group_id) if listener and listener.server_group_id else None
        return ServicePath(
            port=port,
            listener=listener,
            group_id=group.group_id if group else "",
            group_name=group.name if group else "",
            scheduler=listener.scheduler if listener else None,
            backends=group.backends if group else None,
        )

    def _through_nlb(
        self, service: Service, port: ServicePort, balancer: NetworkLoadBalancer, cluster_id: str
    ) -> ServicePath:
        ports = {str(value) for value in (port.node_port, port.target_port, port.port) if value}
        group = None
        for row in self._nlb_groups.where("service", _service_of_group, service.key):
            name = _NLB_GROUP_NAME.match(row.name)
            if (
                name
                and balancer.id in row.load_balancer_ids
                and name["protocol"].upper() in (port.protocol, "TCPSSL")
                and name["port"] in ports
                and (not cluster_id or name["cluster"] == cluster_id)
            ):
                group = row
                break
        backends = self._nlb_backends.get(group.id) if group else None
        return ServicePath(
            port=port,
            listener=None,
            group_id=group.id if group else "",
            group_name=group.name if group else "",
            scheduler=group.scheduler if group else None,
            backends=backends.backends if backends else None,
        )


def _service_of_group(group: NlbServerGroup) -> str:
    name = _NLB_GROUP_NAME.match(group.name)
    return f"{name['namespace']}/{name['service']}" if name else ""
