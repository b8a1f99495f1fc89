"""Ingress ↔ the controller that serves it, ↔ its workload, Pods and Services."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from auditor.facts.cloud.cs import Addon
from auditor.facts.kubernetes.ingresses import Ingress, IngressClass
from auditor.facts.kubernetes.meta import LabelSelector
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.services import Service
from auditor.facts.kubernetes.workloads import DaemonSet, Deployment, StatefulSet
from auditor.facts.rules.ingress_nginx import NGINX_CLASS, NGINX_CONTROLLER, NginxController, nginx_container
from auditor.facts.rules.selectors import selects
from auditor.facts.table import NotKnown, Reason, Table

CLASS_ANNOTATION = "kubernetes.io/ingress.class"
ALB_CONTROLLER = "ingress.k8s.alibabacloud/alb"
ALB_CLASS = "alb"
_ALB_WORDS = ("alb-ingress", "application-load-balancer-controller")
_MANAGED_NGINX = "managed-nginx-ingress"
"""The add-on by which ACK runs ingress-nginx outside of the cluster."""
_OTHER_CONTROLLERS = (
    *("traefik", "kong", "istio", "haproxy", "contour", "apisix", "higress", "mse-ingress", "ambassador", "emissary"),
    *("skipper", "voyager", "gloo", "pomerium", "citrix", "tyk"),
)
"""Words in the names of other Ingress controllers. Some of them serve a class by its name alone."""
_COMMON_WORDS = frozenset(
    {
        *("io", "com", "org", "net", "cn", "dev", "k8s", "kubernetes", "networking", "example", "class", "default"),
        *("ingress", "ingresses", "controller", "controllers", "gateway", "alibabacloud", "aliyun", "internal"),
        *("external", "public", "private", "v1", "v2", "lb", "load", "balancer", "the", "app", "apps", "cluster"),
    }
)
AnyWorkload = Deployment | DaemonSet | StatefulSet


class Kind(StrEnum):
    """Which kind of controller serves an Ingress."""

    NGINX = "nginx"
    ALB = "alb"
    OTHER = "other"


class Unserved(StrEnum):
    """Why nobody serves an Ingress."""

    CLASS_MISSING = "class-missing"
    CONTROLLER_MISSING = "controller-missing"
    ANNOTATION_NOT_SERVED = "annotation-not-served"
    NAMESPACE_NOT_WATCHED = "namespace-not-watched"
    NO_CLASS = "no-class"


@dataclass(frozen=True)
class Serving:
    """Who serves an Ingress.

    Attributes:
        kind: of the controller; None if nobody serves it.
        controllers: those of kind nginx, of which there may be several.
        row: the IngressClass, if there is one.
        class_name: the class that it belongs to, named or by default; empty if it has none.
        why: why nobody serves it.
        is_sure: whether no controller that the auditor does not know can serve it all the same.
    """

    kind: Kind | None
    controllers: tuple[NginxController, ...] = ()
    row: IngressClass | None = None
    class_name: str = ""
    why: Unserved | None = None
    is_sure: bool = True


class IngressControllers:
    """Ingress ↔ the controller that serves it, ↔ its workload, Pods, Services and ConfigMap."""

    def __init__(
        self,
        deployments: Table[Deployment],
        daemonsets: Table[DaemonSet],
        statefulsets: Table[StatefulSet],
        ingress_classes: Table[IngressClass],
        addons: Table[Addon],
        pods: Table[Pod],
        services: Table[Service],
    ) -> None:
        """Join the tables."""
        self._deployments = deployments
        self._daemonsets = daemonsets
        self._statefulsets = statefulsets
        self._classes = ingress_classes
        self._addons = addons
        self._pods = pods
        self._services = services
        self._nginx: tuple[NginxController, ...] | None = None
        self._texts: tuple[str, ...] | None = None
        self._found: dict[tuple[str, str, bool], Serving] = {}
        self._has: dict[tuple[str, ...], bool] = {}
        self._own_addresses: frozenset[str] | None = None
        self._own_pods: dict[NginxController, list[Pod]] = {}

    def all_nginx(self) -> tuple[NginxController, ...]:
        """Return every ingress-nginx that is installed. Raises NotKnown if one may be missing."""
        self._require_workloads()
        return self.known_nginx()

    def known_nginx(self) -> tuple[NginxController, ...]:
        """Return every ingress-nginx that was read, though others may be missing."""
        if self._nginx is None:
            found = []
            for table in (self._deployments, self._daemonsets):
                for workload in () if table.is_unavailable else table.known_rows():
                    container = nginx_container(workload)
                    if container is not None:
                        found.append(NginxController(workload, container))
            self._nginx = tuple(found)
        return self._nginx

    def of(self, ingress: Ingress) -> Serving:
        """Return who serves an Ingress. Raises NotKnown if that can't be told."""
        name = ingress.spec.ingress_class_name or ""
        annotation = "" if name else ingress.annotations.get(CLASS_ANNOTATION, "")
        is_published = self._is_published_by_others(ingress)
        key = (name, annotation, is_published)
        if key not in self._found:
            if name:
                self._found[key] = self._by_name(name, is_published=is_published)
            elif annotation:
                self._found[key] = self._by_annotation(annotation)
            else:
                self._found[key] = self._without_class(is_published=is_published)
        return _within(self._found[key], ingress.namespace)

    def class_names(self) -> list[str]:
        """Return the names of the classes that there are, to show them. Empty where they can't be read."""
        return [] if self._classes.is_unavailable else sorted(row.name for row in self._classes.known_rows())

    def pods_of(self, controller: NginxController) -> list[Pod]:
        """Return the Pods of a controller, finished ones left out. Raises NotKnown if Pods may be missing."""
        if controller not in self._own_pods:
            selector: LabelSelector | None = controller.workload.spec.selector
            in_namespace = self._pods.where("namespace", lambda pod: pod.namespace, controller.workload.namespace)
            self._own_pods[controller] = [
                pod for pod in in_namespace if selector and not pod.is_finished and selects(selector, pod.labels)
            ]
        return self._own_pods[controller]

    def services_of(self, controller: NginxController) -> list[Service]:
        """Return the Services that lead to the Pods of a controller. Raises NotKnown if one may be missing."""
        workload = controller.workload
        labels = workload.spec.template.metadata.labels or {}
        in_namespace: Sequence[Service] = self._services.where(
            "namespace", lambda row: row.namespace, workload.namespace
        )
        return [
            service
            for service in in_namespace
            if service.spec.selector and all(labels.get(key) == value for key, value in service.spec.selector.items())
        ]

    def controllers_behind(self, service: Service) -> list[NginxController]:
        """Return the controllers that a Service leads to, of those that were read."""
        selector = service.spec.selector or {}
        return [
            controller
            for controller in self.known_nginx()
            if controller.workload.namespace == service.namespace
            and selector
            and selector.items() <= (controller.workload.spec.template.metadata.labels or {}).items()
        ]

    def _is_published_by_others(self, ingress: Ingress) -> bool:
        """Tell whether an Ingress has an address that is of no ingress-nginx: those stay when its class is changed."""
        if self._own_addresses is None:
            self._own_addresses = frozenset(
                address
                for service in (() if self._services.is_unavailable else self._services.known_rows())
                if service.is_load_balancer and self.controllers_behind(service)
                for published in service.ingress
                for address in (published.ip, published.hostname)
            )
        published = ingress.status.load_balancer.ingress or ()
        return any((one.ip or one.hostname) not in self._own_addresses for one in published)

    def _by_name(self, name: str, *, is_published: bool) -> Serving:
        row = self._classes.get(name)
        if row is None:
            return self._by_name_alone(name)
        own = tuple(one for one in self.known_nginx() if one.serves_class(row))
        if own:
            return Serving(Kind.NGINX, own, row, name)
        if row.spec.controller == ALB_CONTROLLER:
            return self._on_alb(name, row)
        self._require_workloads()
        if row.spec.controller.startswith("k8s.io/"):
            return self._without_nginx(name, row)
        if is_published or self._may_run(row.spec.controller):
            return Serving(Kind.OTHER, (), row, name)
        return Serving(None, (), row, name, Unserved.CONTROLLER_MISSING, is_sure=False)

    def _by_name_alone(self, name: str) -> Serving:
        own = tuple(one for one in self.known_nginx() if one.serves_name(name))
        if own:
            return Serving(Kind.NGINX, own, class_name=name)
        if _words(name) and self._may_run(name):
            return Serving(Kind.OTHER, class_name=name)
        self._require_workloads()
        sure = not self._has_others() and not (name == ALB_CLASS and self._alb_runs())
        return Serving(None, (), None, name, Unserved.CLASS_MISSING, is_sure=sure)

    def _by_annotation(self, value: str) -> Serving:
        own = tuple(one for one in self.known_nginx() if one.serves_annotation(value))
        if own:
            return Serving(Kind.NGINX, own, class_name=value)
        row = self._classes.get(value)
        if value == ALB_CLASS or (row is not None and row.spec.controller == ALB_CONTROLLER):
            return self._on_alb(value, row)
        self._require_workloads()
        if row is not None and any(one.serves_class(row) for one in self.known_nginx()):
            return Serving(None, (), row, value, Unserved.ANNOTATION_NOT_SERVED, is_sure=False)
        if self._may_run(value) or (row is not None and self._may_run(row.spec.controller)):
            return Serving(Kind.OTHER, (), row, value)
        why = Unserved.CLASS_MISSING if row is None and value != NGINX_CLASS else Unserved.CONTROLLER_MISSING
        return Serving(None, (), row, value, why, is_sure=not self._has_others())

    def _without_class(self, *, is_published: bool) -> Serving:
        own = tuple(one for one in self.known_nginx() if one.serves_without_class)
        if own:
            return Serving(Kind.NGINX, own)
        for row in self._classes.known_rows():
            if row.is_default:
                return self._by_name(row.name, is_published=is_published)
        self._classes.all()
        self._require_workloads()
        if self._has_others():
            return Serving(Kind.OTHER)
        return Serving(None, why=Unserved.NO_CLASS)

    def _without_nginx(self, name: str, row: IngressClass | None) -> Serving:
        if row is not None and row.spec.controller == NGINX_CONTROLLER and self._has_text(_MANAGED_NGINX):
            return Serving(Kind.OTHER, (), row, name)
        return Serving(None, (), row, name, Unserved.CONTROLLER_MISSING)

    def _on_alb(self, name: str, row: IngressClass | None) -> Serving:
        if self._alb_runs():
            return Serving(Kind.ALB, (), row, name)
        return Serving(None, (), row, name, Unserved.CONTROLLER_MISSING)

    def _alb_runs(self) -> bool:
        """Tell whether the ALB Ingress controller runs: in the cluster, or as an add-on that ACK runs outside."""
        return self._has_text(*_ALB_WORDS)

    def _may_run(self, controller: str) -> bool:
        """Tell whether anything in the cluster is called like a controller; a name without own words may be any."""
        words = _words(controller)
        return not words or self._has_text(*words)

    def _has_others(self) -> bool:
        return self._has_text(*_OTHER_CONTROLLERS)

    def _has_text(self, *words: str) -> bool:
        """Tell whether a workload or an add-on has one of these words in its names. Raises NotKnown if unsure."""
        if words not in self._has:
            self._has[words] = any(word in text for text in self._known_texts() for word in words)
        if not self._has[words]:
            self._require_workloads()
            _complete(self._statefulsets)
            _complete(self._addons)
        return self._has[words]

    def _known_texts(self) -> tuple[str, ...]:
        """Return what workloads and add-ons are called, ingress-nginx itself left out; each text once."""
        if self._texts is None:
            own = {(type(one.workload), one.workload.key) for one in self.known_nginx()}
            texts: dict[str, None] = {}
            for table in (self._deployments, self._daemonsets, self._statefulsets):
                for workload in () if table.is_unavailable else table.known_rows():
                    if (type(workload), workload.key) not in own:
                        texts |= dict.fromkeys(_texts_of(workload))
            if not self._addons.is_unavailable:
                texts |= dict.fromkeys(addon.name for addon in self._addons.known_rows())
            self._texts = tuple(texts)
        return self._texts

    def _require_workloads(self) -> None:
        _complete(self._deployments)
        _complete(self._daemonsets)


def _complete(table: Table[Deployment] | Table[DaemonSet] | Table[StatefulSet] | Table[Addon]) -> None:
    reasons: tuple[Reason, ...] = table.reasons
    if reasons:
        raise NotKnown(*reasons)


def _within(serving: Serving, namespace: str) -> Serving:
    """Leave out the controllers that do not look at a namespace."""
    if serving.kind is not Kind.NGINX:
        return serving
    watching = tuple(one for one in serving.controllers if one.watches(namespace))
    if watching:
        return Serving(Kind.NGINX, watching, serving.row, serving.class_name)
    return Serving(None, serving.controllers, serving.row, serving.class_name, Unserved.NAMESPACE_NOT_WATCHED)


def _words(name: str) -> list[str]:
    """Return the words by which a controller or a class can be known again."""
    words = re.split(r"[^a-z0-9]+", name.lower())
    return [word for word in words if len(word) > 2 and word not in _COMMON_WORDS]


def _texts_of(workload: AnyWorkload) -> Iterator[str]:
    yield workload.namespace
    yield workload.name
    yield from (workload.spec.template.metadata.labels or {}).values()
    for container in workload.spec.template.spec.containers:
        yield container.image.lower()
