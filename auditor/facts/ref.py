"""References to objects of either layer, as they stand in a report."""

from enum import StrEnum

import msgspec


class Layer(StrEnum):
    """The side on which an object lives. The values are part of ``report.json``."""

    KUBERNETES = "kubernetes"
    CLOUD = "cloud"


class Ref(msgspec.Struct, frozen=True):
    """One object: its layer, kind and name, and its cloud id where it has one."""

    layer: Layer
    kind: str
    name: str
    namespace: str = ""
    id: str = ""

    @property
    def path(self) -> str:
        """``namespace/name`` for a namespaced object, else the name, else the id."""
        name = self.name or self.id
        return f"{self.namespace}/{name}" if self.namespace else name

    def __str__(self) -> str:
        """Return the kind and the path."""
        return f"{self.kind} {self.path}"


def kubernetes_ref(kind: str, name: str, namespace: str = "", id: str = "") -> Ref:  # noqa: A002
    """Make a reference to a Kubernetes object."""
    return Ref(Layer.KUBERNETES, kind, name, namespace, id)


def cloud_ref(kind: str, id: str, name: str = "") -> Ref:  # noqa: A002
    """Make a reference to a cloud resource. Its name falls back to its id, which is what people search for."""
    return Ref(Layer.CLOUD, kind, name or id, "", id)
