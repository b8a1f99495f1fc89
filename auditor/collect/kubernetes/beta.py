"""The beta forms of kinds whose present form is another one."""

import msgspec

from auditor.facts.kubernetes.ingresses import (
    BackendPort,
    HttpRule,
    Ingress,
    IngressBackend,
    IngressPath,
    IngressRule,
    IngressSpec,
    IngressStatus,
    IngressTls,
    ResourceBackend,
    ServiceBackend,
)
from auditor.facts.kubernetes.meta import AnnotatedMeta, AnnotatedObject, KubernetesObject, Meta
from auditor.facts.kubernetes.policies import BudgetSpec, BudgetStatus, PodDisruptionBudget
from auditor.facts.kubernetes.services import Endpoint, EndpointConditions, EndpointPort, EndpointSlice, TargetRef

_NODE_NAME = "kubernetes.io/hostname"
_ZONE = "topology.kubernetes.io/zone"


class BetaEndpoint(msgspec.Struct, rename="camel", frozen=True):
    """An endpoint as of v1beta1: the controller writes the node's name and zone into ``topology``."""

    addresses: list[str] = []
    conditions: EndpointConditions = EndpointConditions()
    topology: dict[str, str] | None = None
    node_name: str | None = None
    target_ref: TargetRef | None = None

    def as_v1(self) -> Endpoint:
        """Return it in the form of v1."""
        topology = self.topology or {}
        return Endpoint(
            addresses=self.addresses,
            conditions=self.conditions,
            node_name=self.node_name or topology.get(_NODE_NAME),
            zone=topology.get(_ZONE),
            target_ref=self.target_ref,
        )


class BetaEndpointSlice(KubernetesObject, frozen=True):
    """An EndpointSlice as of v1beta1."""

    metadata: Meta
    address_type: str = "IPv4"
    endpoints: list[BetaEndpoint] | None = None
    ports: list[EndpointPort] | None = None

    def as_v1(self) -> EndpointSlice:
        """Return it in the form of v1."""
        endpoints = None if self.endpoints is None else [endpoint.as_v1() for endpoint in self.endpoints]
        return EndpointSlice(self.metadata, self.address_type, endpoints, self.ports)


class BetaBackend(msgspec.Struct, rename="camel", frozen=True):
    """Where requests are sent, as of v1beta1: a port by number is a number, one by name a text."""

    service_name: str = ""
    service_port: int | str | None = None
    resource: ResourceBackend | None = None

    def as_v1(self) -> IngressBackend:
        """Return it in the form of v1."""
        if not self.service_name:
            return IngressBackend(None, self.resource)
        given = self.service_port
        port = BackendPort(name=given) if isinstance(given, str) else BackendPort(number=given)
        return IngressBackend(ServiceBackend(self.service_name, port), self.resource)


class BetaPath(msgspec.Struct, rename="camel", frozen=True):
    """A path as of v1beta1."""

    backend: BetaBackend
    path: str = ""
    path_type: str | None = None

    def as_v1(self) -> IngressPath:
        """Return it in the form of v1. Without a type of its own the controller decides what it matches."""
        return IngressPath(self.backend.as_v1(), self.path, self.path_type or "ImplementationSpecific")


class BetaHttpRule(msgspec.Struct, rename="camel", frozen=True):
    """The paths of a host, as of v1beta1."""

    paths: list[BetaPath] = []


class BetaIngressRule(msgspec.Struct, rename="camel", frozen=True):
    """A host and its paths, as of v1beta1."""

    host: str = ""
    http: BetaHttpRule | None = None

    def as_v1(self) -> IngressRule:
        """Return it in the form of v1."""
        return IngressRule(self.host, None if self.http is None else HttpRule([p.as_v1() for p in self.http.paths]))


class BetaIngressSpec(msgspec.Struct, rename="camel", frozen=True):
    """What the Ingress is to be, as of v1beta1."""

    ingress_class_name: str | None = None
    backend: BetaBackend | None = None
    rules: list[BetaIngressRule] | None = None
    tls: list[IngressTls] | None = None


class BetaIngress(AnnotatedObject, frozen=True):
    """An Ingress as of ``networking.k8s.io/v1beta1``."""

    metadata: AnnotatedMeta
    spec: BetaIngressSpec
    status: IngressStatus = IngressStatus()

    def as_v1(self) -> Ingress:
        """Return it in the form of v1."""
        spec = IngressSpec(
            self.spec.ingress_class_name,
            None if self.spec.backend is None else self.spec.backend.as_v1(),
            None if self.spec.rules is None else [rule.as_v1() for rule in self.spec.rules],
            self.spec.tls,
        )
        return Ingress(self.metadata, spec, self.status)


class BetaBudget(KubernetesObject, frozen=True):
    """A PodDisruptionBudget as of ``policy/v1beta1``."""

    metadata: Meta
    spec: BudgetSpec = BudgetSpec()
    status: BudgetStatus = BudgetStatus()

    def as_v1(self) -> PodDisruptionBudget:
        """Return it in the form of v1.

        An empty selector selects no Pod in v1beta1, and every Pod in v1, where none at all selects no Pod:
        https://kubernetes.io/docs/reference/using-api/deprecation-guide/#poddisruptionbudget-v125
        """
        selector = self.spec.selector
        if selector and not (selector.match_labels or selector.match_expressions):
            selector = None
        spec = BudgetSpec(selector, self.spec.min_available, self.spec.max_unavailable)
        return PodDisruptionBudget(self.metadata, spec, self.status)
