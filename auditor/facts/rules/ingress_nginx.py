"""ingress-nginx: which Ingresses it takes for its own, by its flags.

Source: ingress-nginx (``internal/ingress/controller/store``, and ``ingressclass`` in versions before 1.0). The class in
the field comes first, which must be an IngressClass of the controller's own name; then the annotation, which must
equal the flag ``--ingress-class``; then, if a flag says so, Ingresses without either. Versions before 1.0 compare names
alone, and the default one takes Ingresses without a class.
"""

import re
from dataclasses import dataclass

from auditor.facts.kubernetes.ingresses import IngressClass
from auditor.facts.kubernetes.workloads import DaemonSet, Deployment, TemplateContainer
from auditor.facts.rules.ccm_weights import Version, image_version, parse_version

NGINX_CONTROLLER = "k8s.io/ingress-nginx"
"""The name of ingress-nginx in an IngressClass, unless ``--controller-class`` says another."""
NGINX_CLASS = "nginx"
DEFAULT_PREFIX = "nginx.ingress.kubernetes.io"
FIRST_WITH_CLASSES: Version = (1,)
"""The first version that looks at IngressClasses by their controller."""

_ACK_WORKLOAD = "kube-system/nginx-ingress-controller"
_IMAGE = re.compile(r"(aliyun-ingress-controller|nginx-ingress-controller|ingress-nginx[/-]controller|ingress-nginx)$")
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
"""What Go's ``strconv.ParseBool`` takes for true."""


def is_true(text: str | None) -> bool:
    """Tell whether a switch is on, as Go reads it."""
    return text in _TRUE


@dataclass(frozen=True, eq=False)
class NginxController:
    """An ingress-nginx that is installed."""

    workload: Deployment | DaemonSet
    container: TemplateContainer

    def flag(self, name: str) -> str | None:
        """Return the value of a flag, empty for a switch without one; None if it is not given.

        ``$(POD_NAMESPACE)`` is the workload's own namespace, by custom.
        """
        for word in (*(self.container.args or ()), *(self.container.command or ())):
            key, _, value = word.partition("=")
            if key == f"--{name}":
                text: str = value.replace("$(POD_NAMESPACE)", self.workload.namespace)
                return text
        return None

    def is_on(self, name: str) -> bool:
        """Tell whether a switch is given, and not as false."""
        value = self.flag(name)
        return value == "" or is_true(value)

    @property
    def version(self) -> Version | None:
        """The version by its image; None if the tag has none."""
        return parse_version(image_version(self.container.image))

    @property
    def is_old(self) -> bool:
        """Whether it is from before 1.0, and takes classes by their name alone."""
        return self.version is not None and self.version < FIRST_WITH_CLASSES

    @property
    def prefix(self) -> str:
        """What the names of its annotations begin with."""
        return self.flag("annotations-prefix") or DEFAULT_PREFIX

    @property
    def config_map(self) -> str | None:
        """``namespace/name`` of the ConfigMap with its settings; None if it has none."""
        return self.flag("configmap") or None

    @property
    def published_service(self) -> str | None:
        """``namespace/name`` of the Service whose addresses it publishes Ingresses under; None if it names none."""
        return self.flag("publish-service") or None

    def serves_class(self, row: IngressClass) -> bool:
        """Tell whether Ingresses of a class are its own."""
        if self.is_old:
            return row.name == self._annotation_class or row.spec.controller == NGINX_CONTROLLER
        own = self.flag("controller-class") or NGINX_CONTROLLER
        if _is_variable(own) or row.spec.controller == own:
            return True
        return self.is_on("ingress-class-by-name") and row.name == self._annotation_class

    def serves_name(self, name: str) -> bool:
        """Tell whether it serves a class of which there is no object."""
        return self.is_old and self.serves_annotation(name)

    def serves_annotation(self, value: str) -> bool:
        """Tell whether Ingresses with this annotation are its own."""
        return _is_variable(self._annotation_class) or value == self._annotation_class

    @property
    def serves_without_class(self) -> bool:
        """Whether Ingresses without a class are its own."""
        if self.is_old:
            return self._annotation_class == NGINX_CLASS
        return self.is_on("watch-ingress-without-class") or (
            self.version is None and self._annotation_class == NGINX_CLASS
        )

    def watches(self, namespace: str) -> bool:
        """Tell whether it looks at Ingresses of a namespace."""
        only = self.flag("watch-namespace")
        return not only or _is_variable(only) or only == namespace

    @property
    def _annotation_class(self) -> str:
        return self.flag("ingress-class") or NGINX_CLASS


def nginx_container(workload: Deployment | DaemonSet) -> TemplateContainer | None:
    """Return the container of a workload that is an ingress-nginx; None if none is."""
    for container in workload.spec.template.spec.containers:
        image = container.image.partition("@")[0]
        tag = image_version(image)
        name = image.removesuffix(f":{tag}") if tag else image
        words = [*(container.args or ()), *(container.command or ())]
        if _IMAGE.search(name) or any(
            word.startswith("--controller-class=k8s.io/") or word.endswith("/nginx-ingress-controller")
            for word in words
        ):
            return container
    containers = workload.spec.template.spec.containers
    return containers[0] if workload.key == _ACK_WORKLOAD and containers else None


def _is_variable(text: str) -> bool:
    return "$(" in text


def _names_it(word: str) -> bool:
    return word.startswith("--controller-class=k8s.io/") or word.endswith("/nginx-ingress-controller")
