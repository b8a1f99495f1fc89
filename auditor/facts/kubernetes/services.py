"""Services and their endpoints."""

from typing import ClassVar

import msgspec

from auditor.facts.kubernetes.meta import AnnotatedMeta, AnnotatedObject, KubernetesObject, Meta

SERVICE_OF_SLICE = "kubernetes.io/service-name"
LOAD_BALANCER_ID_LABEL = "service.k8s.alibaba/loadbalancer-id"
ANNOTATION_PREFIXES = (
    "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-",
    "service.beta.kubernetes.io/alicloud-loadbalancer-",
)
"""The CCM's prefixes, the present one first, then the old one."""


class ServicePort(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A port of a Service."""

    port: int
    name: str = ""
    protocol: str = "TCP"
    target_port: int | str | None = None
    node_port: int | None = None
    app_protocol: str | None = None


class SessionAffinityClientIp(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """How long a client sticks to a Pod, in seconds."""

    timeout_seconds: int | None = None


class SessionAffinityConfig(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """Settings of session affinity."""

    client_ip: SessionAffinityClientIp | None = msgspec.field(default=None, name="clientIP")


class ServiceSpec(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """What the Service is to be."""

    type: str = "ClusterIP"
    cluster_ip: str = msgspec.field(default="", name="clusterIP")
    cluster_ips: list[str] | None = msgspec.field(default=None, name="clusterIPs")
    internal_traffic_policy: str = ""
    external_ips: list[str] | None = msgspec.field(default=None, name="externalIPs")
    selector: dict[str, str] | None = None
    ports: list[ServicePort] | None = None
    external_traffic_policy: str = ""
    external_name: str = ""
    load_balancer_class: str | None = None
    load_balancer_source_ranges: list[str] | None = None
    session_affinity: str = "None"
    session_affinity_config: SessionAffinityConfig | None = None
    publish_not_ready_addresses: bool = False


class LoadBalancerIngress(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """An address under which the load balancer is published."""

    ip: str = ""
    hostname: str = ""
    ip_mode: str = "VIP"


class LoadBalancerStatus(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """The load balancer of a Service, as Kubernetes knows it."""

    ingress: list[LoadBalancerIngress] | None = None


class ServiceStatus(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """What the Service is."""

    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


class Service(AnnotatedObject, frozen=True):
    """A Service."""

    KIND: ClassVar[str] = "Service"

    metadata: AnnotatedMeta
    spec: ServiceSpec
    status: ServiceStatus = ServiceStatus()

    @property
    def ports(self) -> list[ServicePort]:
        """The ports; empty if there are none."""
        return self.spec.ports or []

    @property
    def is_load_balancer(self) -> bool:
        """Whether it is of type LoadBalancer."""
        return self.spec.type == "LoadBalancer"

    @property
    def is_local(self) -> bool:
        """Whether ``externalTrafficPolicy`` is Local. Absent means Cluster."""
        return self.spec.external_traffic_policy == "Local"

    @property
    def ingress(self) -> list[LoadBalancerIngress]:
        """The published addresses; empty while the Service waits for its load balancer."""
        return self.status.load_balancer.ingress or []

    def setting(self, name: str) -> str | None:
        """Return the CCM's annotation of this name, e.g. ``scheduler``; the present prefix wins over the old."""
        return next(
            (self.annotations[prefix + name] for prefix in ANNOTATION_PREFIXES if prefix + name in self.annotations),
            None,
        )


class TargetRef(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """What stands behind an endpoint."""

    kind: str = ""
    name: str = ""
    namespace: str = ""


class EndpointConditions(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """Conditions of an endpoint; absent ``ready`` counts as ready."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class Endpoint(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """One backend of a Service."""

    addresses: list[str] = []
    conditions: EndpointConditions = EndpointConditions()
    node_name: str | None = None
    zone: str | None = None
    target_ref: TargetRef | None = None

    @property
    def is_ready(self) -> bool:
        """Whether traffic is sent to it: ``ready`` true or absent."""
        return self.conditions.ready is not False


class EndpointPort(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A port of all endpoints of a slice."""

    name: str | None = None
    port: int | None = None
    protocol: str | None = None


class EndpointSlice(KubernetesObject, frozen=True):
    """A part of the endpoints of a Service."""

    KIND: ClassVar[str] = "EndpointSlice"

    metadata: Meta
    address_type: str = "IPv4"
    endpoints: list[Endpoint] | None = None
    ports: list[EndpointPort] | None = None

    @property
    def service_key(self) -> str:
        """``namespace/name`` of its Service; empty if it names none."""
        name = self.labels.get(SERVICE_OF_SLICE, "")
        return f"{self.namespace}/{name}" if name else ""

    @property
    def is_managed(self) -> bool:
        """Whether the cluster's own controller keeps it, by a selector; else somebody wrote it by hand."""
        return self.labels.get("endpointslice.kubernetes.io/managed-by") == "endpointslice-controller.k8s.io"
