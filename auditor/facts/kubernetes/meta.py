"""What all Kubernetes objects share."""

from datetime import datetime
from typing import ClassVar

import msgspec

from auditor.facts.ref import Ref, kubernetes_ref

SUPPRESS = "ack-auditor/suppress"
"""The annotation by which people say that findings about an object do not count."""


class OwnerReference(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """The object that made this one."""

    kind: str
    name: str
    controller: bool | None = None


class OwnAnnotations(msgspec.Struct, frozen=True, gc=False):
    """The annotations that are meant for the auditor itself."""

    suppress: str | None = msgspec.field(default=None, name=SUPPRESS)


class Meta(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """Metadata without annotations but the auditor's own: others can be large, and can hold secrets."""

    name: str
    namespace: str = ""
    uid: str = ""
    labels: dict[str, str] | None = None
    owner_references: list[OwnerReference] | None = None
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    finalizers: list[str] | None = None
    annotations: OwnAnnotations | None = None

    @property
    def suppress(self) -> str | None:
        """The text of the annotation :data:`SUPPRESS`, if the object has it."""
        return self.annotations.suppress if self.annotations else None

    @property
    def controller(self) -> OwnerReference | None:
        """The owner that controls the object, if it has one."""
        return next((owner for owner in self.owner_references or () if owner.controller), None)


class AnnotatedMeta(Meta, frozen=True):
    """Metadata with annotations, for the kinds whose annotations steer ACK's components."""

    annotations: dict[str, str] | None = None  # type: ignore[assignment]  # all of them, in place of one

    @property
    def suppress(self) -> str | None:
        """The text of the annotation :data:`SUPPRESS`, if the object has it."""
        return (self.annotations or {}).get(SUPPRESS)


class KubernetesObject(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """Base of all rows: the metadata, the key and the reference.

    A part that every API server sends has no default in the rows: without it an item is malformed, and not empty.
    """

    KIND: ClassVar[str] = ""

    metadata: Meta

    @property
    def name(self) -> str:
        """The name of the object."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """The namespace of the object; empty for objects without one."""
        return self.metadata.namespace

    @property
    def labels(self) -> dict[str, str]:
        """The labels; empty if there are none."""
        return self.metadata.labels or {}

    @property
    def key(self) -> str:
        """``namespace/name``, or the name of an object without namespace."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def ref(self) -> Ref:
        """The reference that stands in reports."""
        return kubernetes_ref(self.KIND, self.name, self.namespace)


class AnnotatedObject(KubernetesObject, frozen=True):
    """Base of the rows whose annotations are kept."""

    metadata: AnnotatedMeta

    @property
    def annotations(self) -> dict[str, str]:
        """The annotations; empty if there are none."""
        return self.metadata.annotations or {}


class LabelSelectorRequirement(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """One expression of a selector: In, NotIn, Exists, DoesNotExist, Gt or Lt."""

    key: str
    operator: str
    values: list[str] | None = None


class LabelSelector(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A label selector; empty selects everything."""

    match_labels: dict[str, str] | None = None
    match_expressions: list[LabelSelectorRequirement] | None = None


class Condition(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """One condition of a status."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None
