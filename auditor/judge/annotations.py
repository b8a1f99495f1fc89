"""The annotations by which people suppress findings, and the findings about which an object may speak.

An object speaks about itself. A workload speaks about the Pods that it controls, and what stands between them: a
Deployment about its ReplicaSets and their Pods, a CronJob about its Jobs and theirs. A claim speaks about the volume
that is bound to it. Nothing else does: a namespace, a Service or a node not about what is in, behind or on it.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from auditor.facts.catalogue import KUBERNETES_TABLES
from auditor.facts.kubernetes.meta import KubernetesObject
from auditor.facts.kubernetes.volumes import PersistentVolume, PersistentVolumeClaim
from auditor.facts.kubernetes.workloads import Deployment, ReplicaSet
from auditor.facts.landscape import Landscape
from auditor.facts.ref import Layer, Ref
from auditor.facts.table import NotKnown

WORKLOADS = frozenset({"CronJob", "DaemonSet", "Deployment", "Job", "ReplicaSet", "StatefulSet"})
"""The kinds of controllers that speak about what they control. A node, which controls its static Pods, does not."""
_LONGEST_CHAIN = 3
_SPEAKERS = {
    "jobs": ("cron_jobs",),
    "persistent_volumes": ("persistent_volume_claims",),
    "pods": ("daemonsets", "jobs", "replicasets", "statefulsets"),
    "replicasets": ("deployments",),
}
"""By table, those of the objects that speak about its rows."""
_TABLES = {
    row_type.KIND: name for name, row_type in KUBERNETES_TABLES.items() if issubclass(row_type, KubernetesObject)
}


class Named(NamedTuple):
    """A Kubernetes object by what its kind calls it."""

    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, ref: Ref) -> "Named":
        """Return the name of what a reference refers to."""
        return cls(ref.kind, ref.namespace, ref.name)


class Annotation(NamedTuple):
    """What somebody wrote on an object."""

    ref: Ref
    text: str


def speakers_of(tables: Iterable[str]) -> set[str]:
    """Return the tables in which annotations may stand that speak about rows of these tables."""
    found: set[str] = set()
    waiting = list(tables)
    while waiting:
        more = set(_SPEAKERS.get(waiting.pop(), ())) - found
        found |= more
        waiting += more
    return found


def annotations_in(landscape: Landscape) -> list[Annotation]:
    """Return the annotations of all objects that were read.

    Those of a Deployment's ReplicaSets are left out: the Deployment's own are copied there.
    """
    return [
        Annotation(row.ref, text)
        for name in _TABLES.values()
        for row in _rows(landscape, name)
        if (text := _text(row)) is not None and not _is_copied(row)
    ]


class Speakers:
    """Finds the objects that may speak about the subject of a finding."""

    def __init__(self, landscape: Landscape) -> None:
        """Take the landscape. What is not known in it does not speak."""
        self._landscape = landscape

    def about(self, subject: Ref) -> list[Named]:
        """Return the objects, the subject itself first. There is none for a subject in the cloud."""
        if subject.layer is not Layer.KUBERNETES:
            return []
        found = [Named.of(subject)]
        for _ in range(_LONGEST_CHAIN):
            above = self._above(found[-1])
            if above is None or above in found:
                break
            found.append(above)
        return found

    def _above(self, named: Named) -> Named | None:
        row = self._row(named)
        try:
            if isinstance(row, PersistentVolume):
                return self._claim(row)
            controller = row.metadata.controller if row is not None else None
        except NotKnown:
            return None
        if controller is None or controller.kind not in WORKLOADS:
            return None
        return Named(controller.kind, named.namespace, controller.name)

    def _claim(self, volume: PersistentVolume) -> Named | None:
        """Return the claim of a volume, if each names the other: anybody may name any volume in a claim."""
        claimed_by = volume.spec.claim_ref
        if claimed_by is None:
            return None
        named = Named(PersistentVolumeClaim.KIND, claimed_by.namespace, claimed_by.name)
        claim = self._row(named)
        return named if claim is not None and claim.spec.volume_name == volume.name else None

    def _row(self, named: Named) -> Any:
        """Return the row of an object; None if there is none, or if that is not known."""
        table = self._landscape.tables.get(_TABLES.get(named.kind, ""))
        if table is None or table.is_unavailable:
            return None
        try:
            return table.get(f"{named.namespace}/{named.name}" if named.namespace else named.name)
        except NotKnown:
            return None


def _rows(landscape: Landscape, name: str) -> Iterable[Any]:
    table = landscape.tables.get(name)
    return () if table is None or table.is_unavailable else table.known_rows()


def _text(row: KubernetesObject) -> str | None:
    try:
        return row.metadata.suppress
    except NotKnown:
        return None  # of a file by a version that did not collect it


def _is_copied(row: KubernetesObject) -> bool:
    # https://kubernetes.io/docs/concepts/workloads/controllers/deployment/: the controller keeps them alike.
    controller = row.metadata.controller
    return isinstance(row, ReplicaSet) and controller is not None and controller.kind == Deployment.KIND
