"""The components of ACK whose logs are read, and how their Pods are told from others."""

from dataclasses import dataclass

from auditor.facts.kubernetes.pods import Pod
from auditor.facts.rules.log_patterns import (
    CLUSTER_AUTOSCALER,
    CSI_PLUGIN,
    CSI_PROVISIONER,
    DISK_CONTROLLER,
    FLEXVOLUME,
    GOATSCALER,
    NAS_CONTROLLER,
    NGINX_INGRESS,
)

SYSTEM = "kube-system"


@dataclass(frozen=True)
class Component:
    """A component.

    Attributes:
        name: what it is called; its Pods in ``kube-system`` bear this name, followed by ``-``.
        labels: labels of its Pods, any of which will do; those of another namespace are known by them alone.
        container: the container that matters; empty for all.
        of_nodes: whether it has a Pod on each node, of which only some matter.
    """

    name: str
    labels: tuple[tuple[str, str], ...]
    container: str = ""
    of_nodes: bool = False
    anywhere: bool = False

    def is_of(self, pod: Pod) -> bool:
        """Tell whether a Pod is of this component."""
        is_labelled = any(pod.labels.get(key) == value for key, value in self.labels)
        if pod.namespace == SYSTEM:
            return is_labelled or pod.name.startswith(f"{self.name}-")
        return self.anywhere and is_labelled


def _app(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple(("app", name) for name in names)


COMPONENTS = (
    Component(CSI_PLUGIN, _app(CSI_PLUGIN), container="csi-plugin", of_nodes=True),
    Component(FLEXVOLUME, _app(FLEXVOLUME), of_nodes=True),
    Component(CSI_PROVISIONER, _app(CSI_PROVISIONER)),
    Component(DISK_CONTROLLER, _app(DISK_CONTROLLER)),
    Component(NAS_CONTROLLER, _app(NAS_CONTROLLER)),
    Component(CLUSTER_AUTOSCALER, _app(CLUSTER_AUTOSCALER)),
    Component(GOATSCALER, _app(GOATSCALER)),
    Component(
        NGINX_INGRESS,
        (*_app("ingress-nginx", NGINX_INGRESS), ("app.kubernetes.io/name", "ingress-nginx")),
        anywhere=True,
    ),
)


def component_of(pod: Pod) -> Component | None:
    """Return the component that a Pod is of; None if it is of no one."""
    return next((component for component in COMPONENTS if component.is_of(pod)), None)
