"""Ingresses, the classes that serve them, and the configurations of ALB."""

from typing import ClassVar

import msgspec

from auditor.facts.kubernetes.meta import AnnotatedMeta, AnnotatedObject
from auditor.facts.kubernetes.services import LoadBalancerStatus


class BackendPort(msgspec.Struct, rename="camel", frozen=True):
    """A port of a Service, by name or by number."""

    name: str = ""
    number: int | None = None


class ServiceBackend(msgspec.Struct, rename="camel", frozen=True):
    """A Service that requests are sent to."""

    name: str
    port: BackendPort = BackendPort()


class ResourceBackend(msgspec.Struct, rename="camel", frozen=True):
    """Another object that requests are sent to."""

    kind: str = ""
    name: str = ""
    api_group: str | None = None


class IngressBackend(msgspec.Struct, rename="camel", frozen=True):
    """Where requests are sent: exactly one of the two."""

    service: ServiceBackend | None = None
    resource: ResourceBackend | None = None


class IngressPath(msgspec.Struct, rename="camel", frozen=True):
    """A path. ``path_type`` is Exact, Prefix or ImplementationSpecific."""

    backend: IngressBackend
    path: str = ""
    path_type: str = "ImplementationSpecific"


class HttpRule(msgspec.Struct, rename="camel", frozen=True):
    """The paths of a host."""

    paths: list[IngressPath] = []


class IngressRule(msgspec.Struct, rename="camel", frozen=True):
    """A host, empty for any, and its paths."""

    host: str = ""
    http: HttpRule | None = None


class IngressTls(msgspec.Struct, rename="camel", frozen=True):
    """Hosts and the name of the Secret that holds their certificate."""

    hosts: list[str] | None = None
    secret_name: str = ""


class IngressSpec(msgspec.Struct, rename="camel", frozen=True):
    """What the Ingress is to be."""

    ingress_class_name: str | None = None
    default_backend: IngressBackend | None = None
    rules: list[IngressRule] | None = None
    tls: list[IngressTls] | None = None


class IngressStatus(msgspec.Struct, rename="camel", frozen=True):
    """Under which addresses it is published."""

    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


class Ingress(AnnotatedObject, frozen=True):
    """An Ingress, in the form of ``networking.k8s.io/v1``."""

    KIND: ClassVar[str] = "Ingress"

    metadata: AnnotatedMeta
    spec: IngressSpec
    status: IngressStatus = IngressStatus()

    @property
    def class_name(self) -> str | None:
        """The class that it names, by its field or by the annotation of old; None if by neither."""
        return self.spec.ingress_class_name or self.annotations.get("kubernetes.io/ingress.class")

    @property
    def hosts(self) -> list[str]:
        """The hosts of its rules; the empty one, which stands for any, is left out."""
        return [rule.host for rule in self.spec.rules or () if rule.host]


class IngressClassParameters(msgspec.Struct, rename="camel", frozen=True):
    """The object that configures a class, such as an AlbConfig."""

    kind: str = ""
    name: str = ""
    api_group: str | None = None
    namespace: str | None = None


class IngressClassSpec(msgspec.Struct, rename="camel", frozen=True):
    """Which controller serves the class."""

    controller: str = ""
    parameters: IngressClassParameters | None = None


class IngressClass(AnnotatedObject, frozen=True):
    """A class of Ingresses."""

    KIND: ClassVar[str] = "IngressClass"

    metadata: AnnotatedMeta
    spec: IngressClassSpec = IngressClassSpec()

    @property
    def is_default(self) -> bool:
        """Whether Ingresses without a class belong to it."""
        return self.annotations.get("ingressclass.kubernetes.io/is-default-class") == "true"


class AlbConfigListener(msgspec.Struct, rename="camel", frozen=True):
    """A listener that is wanted. ``port`` may be written as a text."""

    port: int | str | None = None
    protocol: str = ""


class AlbConfigBalancer(msgspec.Struct, rename="camel", frozen=True):
    """The ALB that is wanted, or one that exists and is used."""

    id: str = ""
    name: str = ""
    address_type: str = ""


class AlbConfigSpec(msgspec.Struct, rename="camel", frozen=True):
    """What is wanted."""

    config: AlbConfigBalancer | None = None
    listeners: list[AlbConfigListener] | None = None


class AlbConfigBalancerStatus(msgspec.Struct, rename="camel", frozen=True):
    """The ALB that was made."""

    id: str = ""
    dnsname: str = ""
    status: str = ""


class AlbConfigStatus(msgspec.Struct, rename="camel", frozen=True):
    """What was made."""

    load_balancer: AlbConfigBalancerStatus | None = None


class AlbConfig(AnnotatedObject, frozen=True):
    """The configuration of an ALB (``albconfigs.alibabacloud.com/v1``), where the ALB Ingress controller runs."""

    KIND: ClassVar[str] = "AlbConfig"

    metadata: AnnotatedMeta
    spec: AlbConfigSpec = AlbConfigSpec()
    status: AlbConfigStatus | None = None
